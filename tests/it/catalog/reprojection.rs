//! Customers follow the active catalog in the background.

use tollgate_domain::catalog::Value;
use tollgate_domain::id::CustomerId;
use tollgate_store::Change;

use super::many;
use crate::support::process::Place;
use crate::support::{CATALOG, TestApp, activator, allow, eventually};

const MANY: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_customer_comes_before_two_thousand_that_are_to_follow() {
    let app = TestApp::start().await;
    many(app.store(), MANY).await;
    let bigger = CATALOG.replace("per_unit: 1", "per_unit: 10");
    let now = app.store().now().await.unwrap();
    activator(app.store()).activate(&bigger, None, now).await.unwrap();
    allow(app.store(), "who-pays", "seats", Value::Limit(Some(3))).await;
    let ended = eventually("all have followed", async || {
        let now = app.store().reprojection().await.unwrap().unwrap();
        (now.number == 2).then_some(now)?.ended_revision
    })
    .await;
    let since = app.store().active().await.unwrap().unwrap().revision;
    let limit = i64::try_from(MANY).unwrap() + 10;
    let (_, rows) = app.store().poll(since, limit).await.unwrap();
    let whose: Vec<_> = rows
        .into_iter()
        .filter_map(|row| match row.change {
            Change::Customer { customer, .. } => Some(customer),
            _ => None,
        })
        .collect();
    assert_eq!(whose.len(), MANY + 1, "everybody once");
    let payer = CustomerId::parse("who-pays").unwrap();
    let place = whose.iter().position(|it| *it == payer).unwrap();
    assert!(place < MANY / 2, "{place} of {MANY} came before");
    assert!(ended >= since + i64::try_from(MANY).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_rest_follows_and_nobody_twice() {
    let place = Place::new().await;
    let mut process = place.serve().await;
    many(&place.store, 3_000).await;
    let bigger = CATALOG.replace("per_unit: 1", "per_unit: 10");
    let now = place.store.now().await.unwrap();
    activator(&place.store)
        .activate(&bigger, None, now)
        .await
        .unwrap();
    let left = eventually("some have followed", async || {
        let now = place.store.reprojection().await.unwrap().unwrap();
        (now.left < now.total).then_some(now.left)
    })
    .await;
    process.signal(rustix::process::Signal::KILL);
    process.ended().await;
    assert!(left > 0, "it was killed in the midst");
    let _process = place.serve().await;
    let now = eventually("all have followed", async || {
        let now = place.store.reprojection().await.unwrap().unwrap();
        now.ended_revision.is_some().then_some(now)
    })
    .await;
    assert_eq!((now.total, now.left), (3_000, 0));
    let head = place.store.poll(now.revision, 0).await.unwrap().0.head;
    assert_eq!(head - now.revision, 3_000, "one revision for each");
}
