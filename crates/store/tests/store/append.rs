//! The one way into the feed.

use futures::future::join_all;
use tollgate_domain::facts::Want;
use tollgate_domain::object::Kind;
use tollgate_store::{Appended, Change};

use crate::fixture::{NOW, Place, applied, id, later, seats};

#[tokio::test(flavor = "multi_thread")]
async fn revisions_are_dense_under_appenders_at_once() {
    let place = Place::new().await;
    let appenders = (0..8).map(|appender| {
        let store = place.store.clone();
        async move {
            for round in 0..10 {
                let names: Vec<String> = (0..3).map(|n| format!("c-{appender}-{round}-{n}")).collect();
                for name in &names {
                    store.mark_dirty(&id(name)).await.unwrap();
                }
                // Whoever comes first gets any of them; together they get all.
                let loaded = store.dirty(3, NOW).await.unwrap();
                let batch = loaded
                    .iter()
                    .map(|loaded| applied(loaded, Some(seats(round))))
                    .collect();
                for outcome in store.append(batch).await.unwrap() {
                    assert!(matches!(outcome, Appended::Revision(_)), "{outcome:?}");
                }
            }
        }
    });
    join_all(appenders).await;
    loop {
        let loaded = place.store.dirty(100, NOW).await.unwrap();
        if loaded.is_empty() {
            break;
        }
        place
            .store
            .append(
                loaded
                    .iter()
                    .map(|loaded| applied(loaded, Some(seats(0))))
                    .collect(),
            )
            .await
            .unwrap();
    }
    let (position, rows) = place.store.poll(0, 1_000).await.unwrap();
    let numbers: Vec<i64> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=position.head).collect::<Vec<_>>());
    let customers = rows
        .iter()
        .filter(|row| matches!(row.change, Change::Customer { .. }))
        .count();
    assert_eq!(customers, 240);
}

#[tokio::test]
async fn who_read_before_another_append_is_stale_and_alone_in_that() {
    let place = Place::new().await;
    let seq = place.observed("evt", "acme").await;
    let read = place.dirty_one().await;
    assert_eq!(
        place
            .store
            .append(vec![applied(&read, Some(seats(5)))])
            .await
            .unwrap()[0],
        Appended::Revision(1)
    );
    let mut late = applied(&read, Some(seats(7)));
    late.wants = vec![(Want::now(Kind::Subscription, "sub_1"), NOW)];
    place.store.mark_dirty(&id("other")).await.unwrap();
    let other = place.dirty_one().await;
    let outcome = place
        .store
        .append(vec![late, applied(&other, Some(seats(1)))])
        .await
        .unwrap();
    assert_eq!(outcome, [Appended::Stale, Appended::Revision(2)]);
    let row = place.store.customer(&id("acme")).await.unwrap().unwrap();
    assert_eq!((row.schedule, row.revision), (seats(5), 1));
    assert!(
        place.store.due_settles(10, NOW).await.unwrap().is_empty(),
        "a stale one wants nothing"
    );
    assert_eq!(seq, read.observed[0].seq);
    assert_eq!(place.store.inbox_counts().await.unwrap().applied, 1);
}

#[tokio::test]
async fn a_lower_activation_than_the_rows_is_refused() {
    let place = Place::new().await;
    place.activate("a", "hash-a", None).await.unwrap();
    place.store.mark_dirty(&id("acme")).await.unwrap();
    let mut new = applied(&place.dirty_one().await, Some(seats(1)));
    new.activation = 1;
    place.store.append(vec![new.clone()]).await.unwrap();
    (new.activation, new.facts_version) = (0, 1);
    assert_eq!(place.store.append(vec![new]).await.unwrap(), [Appended::Stale]);
}

#[tokio::test]
async fn without_a_new_schedule_there_is_no_revision_and_the_old_one_stays() {
    let place = Place::new().await;
    place.store.mark_dirty(&id("acme")).await.unwrap();
    place
        .store
        .append(vec![applied(&place.dirty_one().await, Some(seats(5)))])
        .await
        .unwrap();
    place.store.mark_dirty(&id("acme")).await.unwrap();
    let outcome = place
        .store
        .append(vec![applied(&place.dirty_one().await, None)])
        .await
        .unwrap();
    assert_eq!(outcome, [Appended::Unchanged]);
    let row = place.store.customer(&id("acme")).await.unwrap().unwrap();
    assert_eq!((row.schedule, row.revision, row.dirty), (seats(5), 1, false));
    assert_eq!(place.store.poll(0, 10).await.unwrap().0.head, 1);
}

#[tokio::test]
async fn what_comes_while_a_customer_is_applied_keeps_it_dirty() {
    let place = Place::new().await;
    place.observed("evt_1", "acme").await;
    let read = place.dirty_one().await;
    let second = place.observed("evt_2", "acme").await;
    place
        .store
        .append(vec![applied(&read, Some(seats(1)))])
        .await
        .unwrap();
    assert!(place.store.customer(&id("acme")).await.unwrap().unwrap().dirty);
    let again = place.dirty_one().await;
    assert_eq!(
        again
            .observed
            .iter()
            .map(|observed| observed.seq)
            .collect::<Vec<_>>(),
        [second]
    );
    place.store.append(vec![applied(&again, None)]).await.unwrap();
    assert!(place.clean().await);
}

#[tokio::test]
async fn a_failed_observation_comes_back_at_its_time_and_a_parked_one_never() {
    let place = Place::new().await;
    let (one, two) = (
        place.observed("evt_1", "acme").await,
        place.observed("evt_2", "acme").await,
    );
    let mut append = applied(&place.dirty_one().await, None);
    append.applied = vec![];
    append.failed = vec![
        (one, "later".into(), Some(later(60))),
        (two, "never".into(), None),
    ];
    append.due_at = Some(later(60));
    place.store.append(vec![append]).await.unwrap();
    assert!(place.clean().await);
    let parked = place.store.parked().await.unwrap();
    assert_eq!(
        (parked[0].seq, parked[0].error.as_str(), parked.len()),
        (two, "never", 1)
    );
    let due = place.store.dirty(10, later(60)).await.unwrap();
    assert_eq!((due[0].observed[0].seq, due[0].observed[0].attempts), (one, 1));
}

#[tokio::test]
async fn a_batch_refused_for_one_customers_text_does_not_stop_the_others() {
    let place = Place::new().await;
    for name in ["acme", "other"] {
        place.observed(&format!("evt_{name}"), name).await;
    }
    let loaded = place.store.dirty(10, NOW).await.unwrap();
    let mut batch: Vec<_> = loaded
        .iter()
        .map(|loaded| applied(loaded, Some(seats(1))))
        .collect();
    let seq = batch[0].applied.remove(0);
    batch[0].failed = vec![(seq, "no such price: \0".into(), None)];
    let outcome = place.store.append(batch).await.unwrap();
    assert!(
        matches!(outcome[..], [Appended::Revision(_), Appended::Revision(_)]),
        "{outcome:?}"
    );
}
