//! Who is dirty, and for whom.

use tollgate_domain::facts::Learned;
use tollgate_domain::id::FeatureId;
use tollgate_domain::overrides::Override;
use tollgate_store::By;

use crate::fixture::{NOW, Place, applied, event, id, later, seats};

#[tokio::test]
async fn a_customer_is_taken_by_one_replica_at_a_time() {
    let place = Place::new().await;
    place.store.mark_dirty(&id("acme")).await.unwrap();
    let loaded = place.dirty_one().await;
    assert!(place.clean().await, "it is somebody's");
    place.store.append(vec![applied(&loaded, None)]).await.unwrap();
    place.store.mark_dirty(&id("acme")).await.unwrap();
    assert_eq!(
        place.dirty_one().await.customer,
        id("acme"),
        "it is nobody's once appended"
    );
}

#[tokio::test]
async fn marked_customers_come_before_those_whose_time_has_come_and_bulk_comes_last() {
    let place = Place::new().await;
    for (name, due_at) in [("bulk", None), ("due", Some(later(10)))] {
        place.store.mark_dirty(&id(name)).await.unwrap();
        let mut append = applied(&place.dirty_one().await, Some(seats(1)));
        append.due_at = due_at;
        place.store.append(vec![append]).await.unwrap();
    }
    place.activate("a", "hash-a", None).await.unwrap();
    assert_eq!(place.store.reprojection().await.unwrap().unwrap().left, 2);
    place.store.mark_dirty(&id("marked")).await.unwrap();
    for expected in ["marked", "due", "bulk"] {
        let taken = place.store.dirty(1, later(10)).await.unwrap();
        assert_eq!(taken[0].customer, id(expected));
    }
}

#[tokio::test]
async fn an_override_is_loaded_makes_dirty_and_is_written_down_once() {
    let place = Place::new().await;
    let seats = FeatureId::parse("seats").unwrap();
    let denied = Override {
        feature: seats.clone(),
        allow: None,
        expires_at: Some(later(60)),
    };
    let by = |note: &str| By {
        actor: "ada".into(),
        caller: "support".into(),
        note: note.into(),
    };
    let (acme, store) = (id("acme"), &place.store);
    assert_eq!(
        store.delete_override(&acme, &seats, &by("none")).await.unwrap(),
        None
    );
    for _ in 0..2 {
        assert_eq!(store.set_override(&acme, &denied, &by("fraud")).await.unwrap(), 1);
    }
    assert_eq!(store.applied(&acme, 1).await.unwrap(), None);
    let loaded = place.dirty_one().await;
    assert_eq!((loaded.marks, &loaded.overrides), (1, &vec![denied.clone()]));
    place.store.append(vec![applied(&loaded, None)]).await.unwrap();
    let listed = store.overrides(None, None, 10).await.unwrap();
    assert_eq!((&listed[0].decision, &*listed[0].note), (&denied, "fraud"));
    assert!(
        store
            .overrides(Some(&id("other")), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .overrides(None, Some((&acme, &seats)), 10)
            .await
            .unwrap()
            .is_empty()
    );

    assert_eq!(store.applied(&acme, 1).await.unwrap(), Some(0));
    let deleted = store.delete_override(&acme, &seats, &by("was none")).await;
    assert_eq!(deleted.unwrap(), Some(2));
    assert!(place.dirty_one().await.overrides.is_empty());
    for change in [
        "update audit set note = ''",
        "delete from audit",
        "truncate audit",
    ] {
        let refused = sqlx::raw_sql(change)
            .execute(&mut place.session().await)
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("never changed"),
            "{change}: {refused}"
        );
    }
    let entries = store.audit(Some(&acme), None, 10).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|it| (&*it.action, &*it.by.note, it.before.is_some(), it.after.is_some()))
        .collect();
    assert_eq!(
        told,
        [
            ("override_deleted", "was none", true, false),
            ("override_set", "fraud", false, true)
        ]
    );
    assert_eq!(
        store.audit(None, Some(entries[0].seq), 10).await.unwrap(),
        entries[1..]
    );
}

#[tokio::test]
async fn observations_are_loaded_by_sequence_with_how_they_were_learned() {
    let place = Place::new().await;
    let event = place.observed("evt", "acme").await;
    let (from, to) = (later(1), later(2));
    place
        .store
        .observe(
            &id("acme"),
            tollgate_domain::object::Kind::Subscription,
            "sub_1",
            "{}".into(),
            from,
            to,
            event,
            &tollgate_store::Cause::default(),
        )
        .await
        .unwrap();
    let loaded = place.dirty_one().await;
    let learned: Vec<Learned> = loaded.observed.iter().map(|observed| observed.learned).collect();
    assert_eq!(
        learned,
        [
            Learned::Event { created: NOW },
            Learned::Fetch {
                from,
                to,
                covers_seq: event
            }
        ]
    );
    assert_eq!(loaded.observed[0].body, "body of evt");
}

#[tokio::test]
async fn an_earlier_failure_keeps_its_time_when_a_later_append_knows_nothing_of_it() {
    let place = Place::new().await;
    let failed = place.observed("evt_1", "acme").await;
    let mut append = applied(&place.dirty_one().await, None);
    append.applied = vec![];
    (append.failed, append.due_at) = (vec![(failed, "later".into(), Some(later(60)))], Some(later(60)));
    place.store.append(vec![append]).await.unwrap();
    // Another observation is applied before that time; the first is not loaded and nothing else is due.
    place.observed("evt_2", "acme").await;
    place
        .store
        .append(vec![applied(&place.dirty_one().await, None)])
        .await
        .unwrap();
    let due = place.store.dirty(10, later(60)).await.unwrap();
    assert_eq!(due.len(), 1, "evt_1 is tried again");
    assert_eq!(due[0].observed[0].seq, failed);
}

#[tokio::test]
async fn more_observations_than_fit_into_one_round_are_applied_in_the_next() {
    let place = Place::new().await;
    let events: Vec<_> = (0..600).map(|n| event(&format!("evt_{n}"))).collect();
    place.store.accept(&events).await.unwrap();
    let to = || tollgate_store::Routing::Customer {
        customer: id("acme"),
        ids: vec![],
    };
    let unrouted = place.store.unrouted(1_000, 1_000, NOW).await.unwrap();
    place
        .store
        .route(&unrouted.iter().map(|row| (row.seq, to())).collect::<Vec<_>>())
        .await
        .unwrap();
    let mut seen = 0;
    loop {
        let Some(loaded) = place.store.dirty(1, NOW).await.unwrap().pop() else {
            break;
        };
        seen += loaded.observed.len();
        place.store.append(vec![applied(&loaded, None)]).await.unwrap();
    }
    assert_eq!(seen, 600);
}

#[tokio::test]
async fn a_customer_that_cannot_be_read_stops_no_other_and_stays_dirty() {
    let place = Place::new().await;
    for name in ["acme", "bad", "other"] {
        place.store.mark_dirty(&id(name)).await.unwrap();
    }
    place
        .sql("update customer set schedule = '[7]' where customer = 'bad'")
        .await;
    let mut loaded = place.store.dirty(10, NOW).await.unwrap();
    loaded.sort_by(|a, b| a.customer.cmp(&b.customer));
    let names: Vec<&str> = loaded.iter().map(|loaded| loaded.customer.as_str()).collect();
    assert_eq!(names, ["acme", "other"]);
    assert!(place.clean().await, "its lease keeps it away for a while");
    place
        .sql("update customer set schedule = '{}', claimed_until = null where customer = 'bad'")
        .await;
    assert_eq!(place.dirty_one().await.customer, id("bad"));
}
