//! The watch: nothing missed, whatever happens to the stream.

use http::StatusCode;
use serde_json::json;
use tollgate::api::grpc::proto::{
    GetEntitlementRequest, Start, WatchEntitlementsRequest, WatchEntitlementsResponse, WatchFilter,
};
use tonic::{Code, Streaming};

use crate::support::map::Map;
use crate::support::{PATIENCE, SECRET, TestApp, activator, eventually, everybody};

async fn open(app: &TestApp, filter: WatchFilter, revision: &str) -> Streaming<WatchEntitlementsResponse> {
    let request = WatchEntitlementsRequest {
        filter: Some(filter),
        revision: revision.into(),
        ..Default::default()
    };
    app.client()
        .await
        .watch_entitlements(request)
        .await
        .unwrap()
        .into_inner()
}

/// Reads on until it is so.
async fn until(
    stream: &mut Streaming<WatchEntitlementsResponse>,
    map: &mut Map,
    done: impl Fn(&Map) -> bool,
) {
    let reading = async {
        while !done(map) {
            map.fold(stream.message().await.unwrap().expect("the stream goes on"));
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("in time");
}

/// The n-th state of a customer's subscription; what Stripe has is nothing, so this is all that is ever known.
pub async fn send(app: &TestApp, n: i64, customer: &str, quantity: u64) {
    let event = json!({
        "id": format!("evt_{n}_{customer}"), "object": "event", "type": "customer.subscription.updated",
        "created": 1_900_000_000 + 100 * n, "livemode": false,
        "data": {"object": {
            "id": format!("sub_{customer}"), "object": "subscription", "customer": format!("cus_{customer}"),
            "status": "active", "created": 1_900_000_000, "collection_method": "charge_automatically",
            "metadata": {"tollgate_customer": customer, "tollgate_deployment": "default"},
            "items": {"has_more": false, "data": [{
                "id": format!("si_{customer}"), "quantity": quantity,
                "current_period_start": 1_900_000_000, "current_period_end": 1_990_000_000,
                "price": {"id": "price_team", "product": "prod_team", "lookup_key": "team_monthly"}
            }]}
        }}
    });
    let status = app
        .http
        .event(&app.webhook_url(), SECRET, event.to_string().into())
        .await;
    assert_eq!(status, Ok(StatusCode::OK));
}

async fn change(app: &TestApp, n: i64, customer: &str, quantity: u64) {
    send(app, n, customer, quantity).await;
    let quantity = i64::try_from(quantity).unwrap();
    eventually("the change is served", async || {
        let request = GetEntitlementRequest {
            customer: customer.into(),
            feature: "seats".into(),
            ..Default::default()
        };
        let seats = app
            .client()
            .await
            .get_entitlement(request)
            .await
            .unwrap()
            .into_inner()
            .entitlement?;
        use tollgate::api::grpc::proto::entitlement::Value;
        matches!(seats.value, Some(Value::Limit(limit)) if limit.amount == quantity.max(1)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stream_resumed_after_every_frame_has_what_an_uninterrupted_one_has() {
    let app = TestApp::start().await;
    change(&app, 1, "before", 2).await;
    let (mut whole, mut whole_map) = (open(&app, everybody(), "").await, Map::default());
    until(&mut whole, &mut whole_map, |map| map.complete).await;
    assert_eq!(whole_map.start, Some(Start::Snapshot));
    let mut cut_map = whole_map.clone();
    for (n, customer, quantity) in [(2, "acme", 3), (3, "before", 4), (4, "acme", 5), (5, "late", 6)] {
        change(&app, n, customer, quantity).await;
        // One frame of each stream, then it is cut.
        let mut cut = open(&app, everybody(), &cut_map.revision).await;
        cut_map.frames = 0;
        until(&mut cut, &mut cut_map, |map| map.frames >= 2).await;
        assert_eq!(cut_map.start, Some(Start::Resumed), "after {n} changes");
    }
    until(&mut whole, &mut whole_map, |map| map.known().len() == 3).await;
    let mut cut = open(&app, everybody(), &cut_map.revision).await;
    cut_map.frames = 0;
    until(&mut cut, &mut cut_map, |map| {
        map.frames > 1 && map.complete && map.known().len() == 3
    })
    .await;
    let mut fresh_map = Map::default();
    let mut fresh = open(&app, everybody(), "").await;
    until(&mut fresh, &mut fresh_map, |map| map.complete).await;
    assert_eq!(whole_map.known(), fresh_map.known());
    assert_eq!(cut_map.known(), fresh_map.known());
}

#[tokio::test]
async fn a_filtered_stream_is_the_filtered_whole() {
    let app = TestApp::start().await;
    change(&app, 1, "acme-1", 2).await;
    change(&app, 1, "acme-2", 3).await;
    change(&app, 1, "other", 4).await;
    let mut all = Map::default();
    until(&mut open(&app, everybody(), "").await, &mut all, |map| {
        map.complete
    })
    .await;
    let mut prefix = Map::default();
    let filter = WatchFilter {
        customer_prefix: "acme-".into(),
        ..WatchFilter::default()
    };
    until(&mut open(&app, filter, "").await, &mut prefix, |map| map.complete).await;
    let wanted: Vec<_> = all
        .known()
        .into_iter()
        .filter(|(customer, _)| customer.starts_with("acme-"))
        .collect();
    assert_eq!(prefix.known().into_iter().collect::<Vec<_>>(), wanted);
    // Named customers without a row are sent all the same.
    let mut named = Map::default();
    let filter = WatchFilter {
        customers: vec!["other".into(), "nobody".into()],
        features: vec!["seats".into()],
        ..WatchFilter::default()
    };
    until(&mut open(&app, filter, "").await, &mut named, |map| map.complete).await;
    assert_eq!(named.customers["nobody"], []);
    let features: Vec<_> = named.customers["other"]
        .iter()
        .map(|schedule| schedule.feature.as_str())
        .collect();
    assert_eq!(features, ["seats"]);
}

#[tokio::test]
async fn a_revision_that_cannot_be_resumed_is_never_silently_accepted() {
    let (app, elsewhere) = tokio::join!(TestApp::start(), TestApp::start());
    let mut foreign = Map::default();
    until(
        &mut open(&elsewhere, everybody(), "").await,
        &mut foreign,
        |map| map.complete,
    )
    .await;
    let mut ours = Map::default();
    until(&mut open(&app, everybody(), "").await, &mut ours, |map| {
        map.complete
    })
    .await;
    let other_filter = WatchFilter {
        customer_prefix: "a".into(),
        ..WatchFilter::default()
    };
    for (filter, revision) in [(everybody(), &foreign.revision), (other_filter, &ours.revision)] {
        let mut map = Map::default();
        until(&mut open(&app, filter.clone(), revision).await, &mut map, |map| {
            map.complete
        })
        .await;
        assert_eq!(map.start, Some(Start::Snapshot));
        let strict = WatchEntitlementsRequest {
            filter: Some(filter),
            revision: revision.clone(),
            fail_if_compacted: true,
            ..Default::default()
        };
        let mut client = app.client().await;
        let refused = match client.watch_entitlements(strict).await {
            Err(status) => status,
            Ok(stream) => stream.into_inner().message().await.unwrap_err(),
        };
        assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    }
}

#[tokio::test]
async fn a_snapshot_alone_ends_well() {
    let app = TestApp::start().await;
    change(&app, 1, "acme", 2).await;
    let request = WatchEntitlementsRequest {
        filter: Some(everybody()),
        snapshot_only: true,
        ..Default::default()
    };
    let mut stream = app
        .client()
        .await
        .watch_entitlements(request)
        .await
        .unwrap()
        .into_inner();
    let mut map = Map::default();
    while let Some(frame) = stream.message().await.unwrap() {
        map.fold(frame);
    }
    assert!(map.complete);
    assert_eq!(map.known().len(), 1);
}

#[tokio::test]
async fn a_new_catalog_is_a_revision_that_watchers_follow() {
    let app = TestApp::start().await;
    change(&app, 1, "acme", 2).await;
    let (mut stream, mut map) = (open(&app, everybody(), "").await, Map::default());
    until(&mut stream, &mut map, |map| map.complete).await;
    let before = map.customers["acme"].clone();
    let bigger = crate::support::CATALOG.replace("per_unit: 1", "per_unit: 10");
    activator(app.store())
        .activate(&bigger, None, app.store().now().await.unwrap())
        .await
        .unwrap();
    until(&mut stream, &mut map, |map| map.customers["acme"] != before).await;
    assert_eq!(app.store().reprojection().await.unwrap().unwrap().left, 0);
    // An old process that starts again with the old file does not bring it back.
    let old = crate::support::CATALOG;
    activator(app.store())
        .activate_at_start(Some(old), app.store().now().await.unwrap())
        .await
        .unwrap();
    assert_eq!(app.store().active().await.unwrap().unwrap().source, bigger);
}
