//! The door's statement.

use bytes::Bytes;
use futures::future::join_all;
use tollgate_store::{Accepted, StoreError};

use crate::fixture::{NOW, Place, event};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_events_in_different_orders_at_once_are_stored_once_each() {
    let place = Place::new().await;
    let posters = (0..8).map(|poster: usize| {
        let store = place.store.clone();
        async move {
            // Each its own order: by a step that is prime to the number of events.
            let step = [1, 3, 7, 9, 11, 13, 17, 19][poster];
            let batch: Vec<_> = (0..50)
                .map(|k| event(&format!("evt_{}", (k * step + poster) % 50)))
                .collect();
            let mut stored = 0;
            for part in batch.chunks(10) {
                let outcome = store.accept(part).await.unwrap();
                stored += outcome
                    .iter()
                    .filter(|outcome| **outcome == Accepted::Stored)
                    .count();
            }
            stored
        }
    });
    let stored: usize = join_all(posters).await.into_iter().sum();
    assert_eq!(stored, 50, "each was new to exactly one of them");
    let counts = place.store.inbox_counts().await.unwrap();
    assert_eq!((counts.total, counts.received), (50, 50));
}

#[tokio::test]
async fn the_answers_are_in_the_order_of_the_events_also_with_twins() {
    let place = Place::new().await;
    place.store.accept(&[event("b")]).await.unwrap();
    let answers = place
        .store
        .accept(&[event("c"), event("b"), event("a"), event("c")])
        .await
        .unwrap();
    let (stored, duplicate) = (Accepted::Stored, Accepted::Duplicate);
    assert_eq!(answers, [stored, duplicate, stored, duplicate]);
}

#[tokio::test]
async fn a_body_comes_back_byte_by_byte() {
    let place = Place::new().await;
    let mut new = event("evt");
    new.body = Bytes::from_static(b"\0\xff not text");
    place.store.accept(&[new.clone()]).await.unwrap();
    let unrouted = place.store.unrouted(10, 10, NOW).await.unwrap();
    assert_eq!(unrouted[0].body, new.body);
    assert_eq!((unrouted[0].created, unrouted[0].livemode), (NOW, Some(false)));
}

#[tokio::test]
async fn a_refused_row_is_invalid_and_none_of_its_batch_is_stored() {
    let place = Place::new().await;
    let mut bad = event("secret-of-a-row");
    bad.event_type = "nul\0".to_owned();
    let refusal = place.store.accept(&[event("good"), bad]).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Invalid(_)), "{refusal:?}");
    assert!(
        !format!("{refusal} {refusal:?}").contains("secret"),
        "{refusal:?}"
    );
    assert_eq!(place.store.inbox_counts().await.unwrap().total, 0);
}

#[tokio::test]
async fn a_row_that_no_index_can_hold_is_invalid_too() {
    let place = Place::new().await;
    let mut bad = event("evt");
    // Nothing that Postgres could compress.
    let noise = (0..20_000u64).map(|n| n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32);
    bad.object_id = Some(noise.map(|word| format!("{word:08x}")).collect());
    let refusal = place.store.accept(&[bad]).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Invalid(_)), "{refusal:?}");
}
