//! Epochs, the poll, the walk, and catalogs as revisions.

use tollgate_store::{Appended, Change, Ended, Settings, Store, StoreError, Wanted};

use crate::fixture::{NOW, Place, applied, id, seats};

async fn customers(place: &Place, names: &[&str], amount: u64) {
    for name in names {
        place.store.mark_dirty(&id(name)).await.unwrap();
    }
    let loaded = place.store.dirty(100, NOW).await.unwrap();
    let batch: Vec<_> = loaded
        .iter()
        .map(|loaded| applied(loaded, Some(seats(amount))))
        .collect();
    for outcome in place.store.append(batch).await.unwrap() {
        assert!(matches!(outcome, Appended::Revision(_)));
    }
}

#[tokio::test]
async fn an_epoch_is_open_from_the_start_and_again_is_no_other() {
    let place = Place::new().await;
    let (first, _) = place.store.poll(0, 10).await.unwrap();
    place.store.open_epoch().await.unwrap();
    let (again, _) = place.store.poll(0, 10).await.unwrap();
    assert_ne!(first.epoch, 0);
    assert!(first.system != 0 && !first.in_recovery && !first.diverged);
    assert_eq!(
        (again.epoch, again.head, again.parent),
        (first.epoch, first.head, None)
    );
}

#[tokio::test]
async fn on_another_timeline_the_first_append_opens_an_epoch_before_its_revisions() {
    let place = Place::new().await;
    customers(&place, &["acme"], 1).await;
    let (before, _) = place.store.poll(0, 10).await.unwrap();
    // As after a failover: what is written now is on another timeline than the head.
    place.sql("update feed_head set timeline = timeline + 1").await;
    assert!(place.store.poll(0, 10).await.unwrap().0.diverged);
    customers(&place, &["acme"], 2).await;
    let (after, rows) = place.store.poll(before.head, 10).await.unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(after.parent, Some((before.epoch, before.head)));
    assert!(!after.diverged);
    assert_eq!(
        rows.iter().map(|row| row.number).collect::<Vec<_>>(),
        [before.head + 1, before.head + 2]
    );
    assert_eq!(rows[0].change, Change::Epoch);
}

#[tokio::test]
async fn on_another_timeline_an_append_of_nothing_opens_an_epoch_and_only_that() {
    let place = Place::new().await;
    let (before, _) = place.store.poll(0, 10).await.unwrap();
    place.sql("update feed_head set timeline = timeline + 1").await;
    place.store.open_epoch().await.unwrap();
    let (after, rows) = place.store.poll(before.head, 10).await.unwrap();
    assert_eq!((after.head, rows.len()), (before.head + 1, 1));
    assert_eq!(rows[0].change, Change::Epoch);
}

#[tokio::test]
async fn a_poll_gives_the_next_rows_in_order_and_the_head_also_when_there_is_nothing() {
    let place = Place::new().await;
    customers(&place, &["a", "b", "c"], 1).await;
    let (position, rows) = place.store.poll(1, 1).await.unwrap();
    assert_eq!((position.head, rows.len(), rows[0].number), (3, 1, 2));
    let (position, rows) = place.store.poll(3, 10).await.unwrap();
    assert_eq!((position.head, rows.len()), (3, 0));
    let Change::Customer {
        customer, schedule, ..
    } = &place.store.poll(0, 10).await.unwrap().1[0].change
    else {
        panic!("a customer");
    };
    assert!(["a", "b", "c"].contains(&customer.as_str()));
    assert_eq!(schedule, &seats(1));
}

#[tokio::test]
async fn a_walk_by_last_revision_ends_with_everybody_though_they_move_meanwhile() {
    let place = Place::new().await;
    let names = ["a", "b", "c", "d", "e", "f"];
    customers(&place, &names, 1).await;
    let (mut cursor, mut state) = (0, std::collections::BTreeMap::new());
    for round in 0.. {
        let (position, page) = place.store.snapshot_page(cursor, 2).await.unwrap();
        let complete = page.len() < 2;
        for row in page {
            assert!(row.number > cursor && row.number <= position.head);
            cursor = row.number;
            state.insert(row.customer, row.schedule);
        }
        if complete {
            break;
        }
        // The first ones move above the cursor while the walk goes on.
        if round < 2 {
            customers(&place, &names[round..=round], 2).await;
        }
    }
    let expected = names
        .iter()
        .enumerate()
        .map(|(n, name)| (id(name), seats(if n < 2 { 2 } else { 1 })));
    assert_eq!(state, expected.collect());
}

#[tokio::test]
async fn a_catalog_becomes_active_once_as_a_revision_and_a_rollback_is_a_higher_number() {
    let place = Place::new().await;
    assert_eq!(place.store.active().await.unwrap(), None);
    let one = place.activate("yaml one", "hash-1", None).await.unwrap();
    assert_eq!(place.activate("yaml one", "hash-1", None).await.unwrap(), one);
    let two = place.activate("yaml two", "hash-2", None).await.unwrap();
    let back = place.activate("yaml one", "hash-1", None).await.unwrap();
    assert_eq!((one.number, two.number, back.number), (1, 2, 3));
    assert_eq!(place.store.active().await.unwrap(), Some(back.clone()));
    let (position, rows) = place.store.poll(0, 10).await.unwrap();
    assert_eq!(position.head, 3);
    assert_eq!(
        rows.into_iter().map(|row| row.change).collect::<Vec<_>>(),
        [one, two, back].map(Change::Catalog)
    );
}

#[tokio::test]
async fn a_reprojection_ends_once_at_the_head_at_which_nobody_is_left() {
    let place = Place::new().await;
    place.activate("yaml one", "hash-1", None).await.unwrap();
    place.store.mark_dirty(&id("acme")).await.unwrap();
    assert_eq!(place.store.end_reprojection(1).await.unwrap(), None);
    let mut followed = applied(&place.dirty_one().await, Some(seats(1)));
    followed.activation = 1;
    place.store.append(vec![followed]).await.unwrap();
    let head = place.store.poll(0, 10).await.unwrap().0.head;
    assert_eq!(place.store.end_reprojection(1).await.unwrap(), Some(Ended::Now));
    // Who comes later does not move it.
    customers(&place, &["other"], 1).await;
    assert_eq!(
        place.store.end_reprojection(1).await.unwrap(),
        Some(Ended::Before)
    );
    let now = place.store.reprojection().await.unwrap().unwrap();
    assert_eq!((now.ended_revision, now.total, now.left), (Some(head), 1, 0));
    place.activate("yaml two", "hash-2", None).await.unwrap();
    let now = place.store.reprojection().await.unwrap().unwrap();
    assert_eq!((now.ended_revision, now.total, now.left), (None, 2, 2));
    assert_eq!(
        place.store.end_reprojection(1).await.unwrap(),
        Some(Ended::Before)
    );
}

#[tokio::test]
async fn a_binary_that_knows_of_no_pairs_brings_its_catalog_and_leaves_newer_rules_active() {
    let place = Place::new().await;
    place.sql("select activate('hash-1', 'yaml one', 3)").await;
    let first = place.store.active().await.unwrap().unwrap();
    assert_eq!((first.number, first.projection), (1, 1));
    let newer = Wanted {
        source: "yaml one",
        hash: "hash-1",
        generation: Some(3),
        projection: 2,
        ready: true,
        confirmed: None,
    };
    place.store.activate(&newer, None).await.unwrap().unwrap();
    place.sql("select activate('hash-2', 'yaml two', 3)").await;
    let active = place.store.active().await.unwrap().unwrap();
    assert_eq!(
        (active.number, active.hash.as_str(), active.projection),
        (3, "hash-2", 2)
    );
    assert_eq!(place.store.poll(0, 10).await.unwrap().0.head, active.revision);
}

#[tokio::test]
async fn the_active_catalog_may_be_applied_again_by_an_older_release() {
    let place = Place::new().await;
    let first = place.activate("yaml", "hash", Some(7)).await.unwrap();
    let again = place.activate("yaml", "hash", Some(3)).await.unwrap();
    assert_eq!(first.number, again.number);
    let refusal = place.activate("other", "hash-2", Some(6)).await.unwrap_err();
    assert!(
        refusal.to_string().contains("generation"),
        "its generation is still 7: {refusal}"
    );
}

#[tokio::test]
async fn a_lower_generation_does_not_bring_an_old_catalog_back() {
    let place = Place::new().await;
    place.activate("yaml two", "hash-2", Some(2)).await.unwrap();
    let refusal = place.activate("yaml one", "hash-1", Some(1)).await.unwrap_err();
    assert!(refusal.to_string().contains("generation"), "{refusal}");
    let active = place.store.active().await.unwrap().unwrap();
    assert_eq!(
        (
            active.hash.as_str(),
            place.store.poll(0, 10).await.unwrap().0.head
        ),
        ("hash-2", 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_migrate_at_once_and_the_pinned_mode_stays() {
    let place = Place::new().await;
    let migrating = (0..4).map(|_| place.store.migrate());
    for outcome in futures::future::join_all(migrating).await {
        outcome.unwrap();
    }
    place.store.check_schema().await.unwrap();
    place.store.pin(false).await.unwrap();
    place.store.pin(false).await.unwrap();
    let refusal = place.store.pin(true).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Schema(_)), "{refusal:?}");
}

#[tokio::test]
async fn a_wrong_database_is_named_by_its_setting_and_its_password_is_not_told() {
    for url in ["postgres://u:hidden@127.0.0.1:1/none", "no url: hidden"] {
        let refusal = Store::connect(&Settings {
            url: url.into(),
            direct_url: None,
            max_connections: 1,
        })
        .await
        .err()
        .unwrap();
        let said = format!("{refusal} {refusal:?}");
        assert!(
            said.contains("TOLLGATE_DATABASE_URL") && !said.contains("hidden"),
            "{said}"
        );
    }
}
