//! Two versions at once on one database.

use rustix::process::Signal;
use tollgate::api::grpc::proto::GetEntitlementRequest;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::entitlement::Value;
use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::PROJECTION;
use tollgate_store::{Activation, Store, Wanted};

use super::many;
use crate::support::process::{Place, output, tollgate};
use crate::support::{CATALOG, TestApp, activator, allow, catalog, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_with_two_catalogs_do_not_take_turns() {
    let place = Place::new().await;
    let newer = CATALOG.replace("per_unit: 1", "per_unit: 10");
    let file = catalog(&newer);
    let old = place.serve().await;
    many(&place.store, 5).await;
    let new = place
        .serve_with(|command| {
            command.env("TOLLGATE_CATALOG", file.path());
        })
        .await;
    let ended = async || {
        let now = place.store.reprojection().await.unwrap().unwrap();
        (now.number == 2).then_some(now.ended_revision?)
    };
    let at = eventually("all have followed the newer catalog", ended).await;
    assert_eq!(
        (seats(old.grpc).await, seats(new.grpc).await),
        (Some(10), Some(10))
    );
    // A replica with the old file starts, twice.
    for _ in 0..2 {
        let mut again = place.serve().await;
        again.signal(Signal::TERM);
        assert_eq!(again.ended().await.code(), Some(0));
    }
    let active = place.store.active().await.unwrap().unwrap();
    assert_eq!((active.number, active.source), (2, newer));
    let (position, _) = place.store.poll(at, 10).await.unwrap();
    assert_eq!(position.head, at, "nobody's answer was written again");
}

/// The seats of the first of many, as a replica has them when it knows all that the database does.
async fn seats(grpc: std::net::SocketAddr) -> Option<i64> {
    let mut client = BillingServiceClient::connect(format!("http://{grpc}"))
        .await
        .unwrap();
    let request = GetEntitlementRequest {
        customer: "many-0".into(),
        feature: "seats".into(),
        fully_current: true,
        ..Default::default()
    };
    let answer = client.get_entitlement(request).await.unwrap().into_inner();
    match answer.entitlement?.value? {
        Value::Limit(limit) => Some(limit.amount),
        _ => None,
    }
}

async fn activate(store: &Store, projection: i32, generation: Option<i64>, ready: bool) -> Activation {
    let active = store.active().await.unwrap().unwrap();
    let wanted = Wanted {
        source: &active.source,
        hash: &active.hash,
        generation,
        projection,
        ready,
        confirmed: None,
    };
    store.activate(&wanted, None).await.unwrap().unwrap()
}

#[tokio::test]
async fn rules_of_another_version_are_left_to_who_knows_them_while_reads_go_on() {
    let app = TestApp::start().await;
    many(app.store(), 3).await;
    let newer = activate(app.store(), PROJECTION + 1, None, true).await;
    assert_eq!(newer.number, 2);
    // Started after that, so that nothing of before is in its memory; none of its stations may work.
    let customer = "many-0";
    allow(
        app.store(),
        customer,
        "seats",
        tollgate_domain::catalog::Value::Limit(Some(7)),
    )
    .await;
    let request = GetEntitlementRequest {
        customer: customer.into(),
        feature: "seats".into(),
        ..Default::default()
    };
    let seats = app.client().await.get_entitlement(request).await.unwrap();
    assert!(seats.into_inner().entitlement.is_some(), "reads go on");
    let now = app.store().now().await.unwrap();
    activator(app.store()).activate_at_start(None, now).await.unwrap();
    let active = app.store().active().await.unwrap().unwrap();
    assert_eq!(active, newer, "older rules of no newer release do not come back");
    assert_eq!(
        app.store().reprojection().await.unwrap().unwrap().left,
        3,
        "nobody has followed"
    );

    // A release with a higher number brings the older rules back, as a higher number.
    let back = activate(app.store(), PROJECTION, Some(1), true).await;
    assert_eq!((back.number, back.projection), (3, PROJECTION));
    eventually("the override is applied and all have followed", async || {
        let now = app.store().reprojection().await.unwrap().unwrap();
        let row = app.store().customer(&CustomerId::parse(customer).unwrap()).await;
        let _ = row.unwrap()?;
        now.ended_revision
    })
    .await;
}

#[tokio::test]
async fn older_rules_of_no_release_come_back_when_somebody_confirms_it() {
    let place = Place::new().await;
    let _process = place.serve().await;
    many(&place.store, 3).await;
    activate(&place.store, PROJECTION + 1, None, true).await;
    let run = async |arguments: &[&str]| {
        let mut command = tollgate();
        command.env("TOLLGATE_DATABASE_URL", &place.database);
        output(command.arg("catalog").args(arguments)).await
    };
    let (_, told) = run(&["status"]).await;
    let name = told
        .split_whitespace()
        .skip_while(|word| *word != "--confirm")
        .nth(1);
    let name = name.expect("the command that brings them back");
    let file = place.catalog.path().to_str().unwrap();
    let (code, text) = run(&["apply", file]).await;
    assert_eq!(code, Some(0), "{text}");
    let active = place.store.active().await.unwrap().unwrap();
    assert_eq!(active.projection, PROJECTION + 1, "nobody confirmed");
    let (code, text) = run(&[
        "apply",
        file,
        "--confirm",
        name,
        "--actor",
        "ada",
        "--note",
        "rolled back",
    ])
    .await;
    assert_eq!(code, Some(0), "{text}");
    eventually("all have followed the older rules", async || {
        let now = place.store.reprojection().await.unwrap().unwrap();
        (now.projection == PROJECTION).then_some(now)?.ended_revision
    })
    .await;
    let entry = place.store.audit(None, None, 1).await.unwrap().remove(0);
    assert_eq!(entry.before.unwrap()["projection"], PROJECTION + 1);
    let (_, told) = run(&["status"]).await;
    assert!(!told.contains("--confirm"), "{told}");
}

#[tokio::test]
async fn rules_become_active_only_with_a_process_that_is_ready() {
    let app = TestApp::start().await;
    for (projection, generation, ready, expected) in [
        (PROJECTION + 1, Some(5), false, (1, PROJECTION)),
        (PROJECTION + 1, Some(5), true, (2, PROJECTION + 1)),
        (PROJECTION, Some(5), true, (2, PROJECTION + 1)),
        (PROJECTION, None, true, (2, PROJECTION + 1)),
        (PROJECTION, Some(6), false, (2, PROJECTION + 1)),
        (PROJECTION, Some(6), true, (3, PROJECTION)),
        (PROJECTION + 1, Some(5), true, (3, PROJECTION)),
        (PROJECTION + 1, Some(7), true, (4, PROJECTION + 1)),
    ] {
        let active = activate(app.store(), projection, generation, ready).await;
        let case = format!("rules {projection} of release {generation:?}, ready: {ready}");
        assert_eq!((active.number, active.projection), expected, "{case}");
    }
}
