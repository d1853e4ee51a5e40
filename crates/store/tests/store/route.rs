//! Whose an event is.

use sqlx::Connection;
use tollgate_store::Routing;

use crate::fixture::{NOW, Place, event, id, later};

fn waiting(on: &str) -> Routing {
    Routing::Waiting {
        on: vec![on.to_owned(), "pi_1".to_owned()],
    }
}

fn acme(ids: &[&str]) -> Routing {
    Routing::Customer {
        customer: id("acme"),
        ids: ids.iter().map(|&id| id.to_owned()).collect(),
    }
}

#[tokio::test]
async fn an_event_is_routed_by_one_replica_and_makes_its_customer_dirty() {
    let place = Place::new().await;
    let seq = place.received("evt").await;
    assert!(
        place.store.unrouted(10, 10, NOW).await.unwrap().is_empty(),
        "it is somebody's"
    );
    place.store.route(&[(seq, acme(&["sub_1"]))]).await.unwrap();
    assert_eq!(
        place
            .store
            .links(&["sub_1".to_owned(), "sub_2".to_owned()])
            .await
            .unwrap(),
        [("sub_1".to_owned(), id("acme"))].into()
    );
    assert_eq!(place.dirty_one().await.observed[0].seq, seq);
}

#[tokio::test]
async fn what_was_routed_already_stays_as_it_is() {
    let place = Place::new().await;
    let seq = place.received("evt").await;
    place.store.route(&[(seq, acme(&[]))]).await.unwrap();
    place
        .store
        .route(&[(seq, Routing::Ignored { why: "late".into() })])
        .await
        .unwrap();
    assert_eq!(place.store.inbox_counts().await.unwrap().routed, 1);
    assert_eq!(place.dirty_one().await.marks, 1);
}

#[tokio::test]
async fn the_first_link_of_an_id_wins() {
    let place = Place::new().await;
    place
        .store
        .link(&id("acme"), &["sub_1".to_owned()])
        .await
        .unwrap();
    let seq = place.received("evt").await;
    let other = Routing::Customer {
        customer: id("other"),
        ids: vec!["sub_1".into()],
    };
    place.store.route(&[(seq, other)]).await.unwrap();
    assert_eq!(
        place.store.links(&["sub_1".to_owned()]).await.unwrap()["sub_1"],
        id("acme")
    );
}

#[tokio::test]
async fn a_waiting_event_is_listed_and_woken_by_any_of_its_ids() {
    let place = Place::new().await;
    let seq = place.received("evt").await;
    place.store.route(&[(seq, waiting("ch_1"))]).await.unwrap();
    let listed = place.store.waiting().await.unwrap();
    assert_eq!((listed[0].event_id.as_str(), listed[0].on.len()), ("evt", 2));
    assert!(place.store.unrouted(10, 10, NOW).await.unwrap().is_empty());
    place.store.link(&id("acme"), &["pi_1".to_owned()]).await.unwrap();
    assert_eq!(place.store.unrouted(10, 10, NOW).await.unwrap()[0].seq, seq);
    assert!(place.store.waiting().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_id_that_was_linked_meanwhile_is_not_waited_for() {
    let place = Place::new().await;
    let seq = place.received("evt").await;
    place.store.link(&id("acme"), &["pi_1".to_owned()]).await.unwrap();
    place.store.route(&[(seq, waiting("ch_1"))]).await.unwrap();
    assert_eq!(place.store.unrouted(10, 10, NOW).await.unwrap()[0].seq, seq);
}

#[tokio::test]
async fn the_link_that_one_event_of_a_batch_brings_wakes_another_of_it() {
    let place = Place::new().await;
    place
        .store
        .accept(&[event("evt_1"), event("evt_2")])
        .await
        .unwrap();
    let rows = place.store.unrouted(10, 10, NOW).await.unwrap();
    place
        .store
        .route(&[(rows[0].seq, waiting("ch_1")), (rows[1].seq, acme(&["pi_1"]))])
        .await
        .unwrap();
    assert_eq!(
        place.store.unrouted(10, 10, NOW).await.unwrap()[0].seq,
        rows[0].seq
    );
}

#[tokio::test]
async fn a_failed_routing_is_tried_again_at_its_time() {
    let place = Place::new().await;
    let seq = place.received("evt").await;
    place
        .store
        .route(&[(
            seq,
            Routing::Retry {
                error: "Stripe is away".into(),
                at: later(60),
            },
        )])
        .await
        .unwrap();
    assert!(place.store.unrouted(10, 10, later(59)).await.unwrap().is_empty());
    let again = place.store.unrouted(10, 10, later(60)).await.unwrap();
    assert_eq!((again[0].seq, again[0].attempts), (seq, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_commits_while_an_event_begins_to_wait_for_it_wakes_it() {
    let place = Place::new().await;
    let seq = place.received("evt").await;
    let mut linker = place.session().await;
    let mut linking = linker.begin().await.unwrap();
    sqlx::raw_sql("select link('acme', array['pi_1'])")
        .execute(&mut *linking)
        .await
        .unwrap();
    let store = place.store.clone();
    let routing = tokio::spawn(async move { store.route(&[(seq, waiting("pi_1"))]).await });
    // Until the routing has finished or waits for the link's lock: either way it has read before the link commits.
    let mut observer = place.session().await;
    while !routing.is_finished() {
        let blocked: i64 =
            sqlx::query_scalar("select count(*) from pg_locks where not granted and pid <> pg_backend_pid()")
                .fetch_one(&mut observer)
                .await
                .unwrap();
        if blocked > 0 {
            break;
        }
    }
    linking.commit().await.unwrap();
    routing.await.unwrap().unwrap();
    assert!(
        place.store.waiting().await.unwrap().is_empty(),
        "pi_1 is acme's: nothing waits for it"
    );
}

#[tokio::test]
async fn who_is_queued_is_taken_only_as_far_as_asked_for_and_loses_no_attempt() {
    let place = Place::new().await;
    let events: Vec<_> = (0..5).map(|n| event(&format!("evt_{n}"))).collect();
    place.store.accept(&events).await.unwrap();
    let rows = place.store.unrouted(10, 0, NOW).await.unwrap();
    let queued = Routing::Queued { at: NOW };
    let routed: Vec<_> = rows.iter().map(|row| (row.seq, queued.clone())).collect();
    place.store.route(&routed).await.unwrap();
    place.store.accept(&[event("evt_new")]).await.unwrap();
    let new = place.store.unrouted(10, 0, NOW).await.unwrap();
    assert_eq!(new.len(), 1, "a new one passes the queue");
    let again = place.store.unrouted(10, 2, NOW).await.unwrap();
    let seqs: Vec<_> = again.iter().map(|row| (row.seq, row.attempts)).collect();
    assert_eq!(seqs, [(rows[0].seq, 0), (rows[1].seq, 0)]);
}
