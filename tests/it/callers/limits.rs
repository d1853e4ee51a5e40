//! A caller that is limited to customers by prefix, at every method.

use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::entitlement_result::Result::{Entitlement, Error};
use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{
    BatchGetEntitlementsRequest, CheckEntitlementRequest, CreateCheckoutRequest, CreatePortalSessionRequest,
    EntitlementKey, ErrorReason, GetCheckoutRequest, GetEntitlementRequest, ListEntitlementsRequest, Start,
    WatchEntitlementsRequest, WatchFilter,
};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use super::{failure, line, only, with};
use crate::support::TestApp;

/// It may see two prefixes.
const EDGE: &str = "edge";

async fn app() -> TestApp {
    let list = [
        line("web", "web", ""),
        line(
            "edge",
            EDGE,
            "checkout read watch customers:acme- customers:beta-",
        ),
        line("narrow", "narrow", "watch customers:acme-"),
    ];
    TestApp::with(only(list.join("\n"))).await
}

fn outside<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) {
    let refused = answer.unwrap_err();
    assert_eq!(
        failure(&refused),
        (Code::PermissionDenied, "CUSTOMER_NOT_ALLOWED".into())
    );
    let info = refused.get_error_details().error_info().unwrap().clone();
    assert_eq!(info.metadata["customer_prefixes"], "acme-,beta-");
    assert!(refused.message().contains("`edge`"), "{}", refused.message());
}

#[tokio::test]
async fn every_method_refuses_a_customer_outside_the_callers_prefixes() {
    let app = app().await;
    let mut client = app.client().await;
    let customer = || "ceta-1".to_owned();
    let checkout = CreateCheckoutRequest {
        customer: customer(),
        ..Default::default()
    };
    outside(client.create_checkout(with(EDGE, checkout)).await);
    let outcome = GetCheckoutRequest {
        customer: customer(),
        checkout: "cs_1".into(),
    };
    outside(client.get_checkout(with(EDGE, outcome)).await);
    let portal = CreatePortalSessionRequest {
        customer: customer(),
        ..Default::default()
    };
    outside(client.create_portal_session(with(EDGE, portal)).await);
    let get = GetEntitlementRequest {
        customer: customer(),
        feature: "sso".into(),
        ..Default::default()
    };
    outside(client.get_entitlement(with(EDGE, get.clone())).await);
    let check = CheckEntitlementRequest {
        customer: customer(),
        feature: "sso".into(),
        ..Default::default()
    };
    outside(client.check_entitlement(with(EDGE, check)).await);
    let list = ListEntitlementsRequest {
        customer: customer(),
        ..Default::default()
    };
    outside(client.list_entitlements(with(EDGE, list)).await);
    for filter in [named(&["acme-1", "ceta-1"]), prefix("ceta-")] {
        outside(client.watch_entitlements(with(EDGE, watch(filter, ""))).await);
    }

    let within = GetEntitlementRequest {
        customer: "beta-1".into(),
        ..get
    };
    client.get_entitlement(with(EDGE, within)).await.unwrap();
}

#[tokio::test]
async fn of_a_batch_only_the_pairs_outside_fail() {
    let app = app().await;
    let key = |customer: &str| EntitlementKey {
        customer: customer.into(),
        feature: "sso".into(),
    };
    let request = BatchGetEntitlementsRequest {
        keys: vec![key("acme-1"), key("ceta-1")],
        ..Default::default()
    };
    let mut client = app.client().await;
    let answer = client
        .batch_get_entitlements(with(EDGE, request))
        .await
        .unwrap()
        .into_inner();
    let results: Vec<_> = answer.results.into_iter().map(|it| it.result.unwrap()).collect();
    assert!(matches!(&results[0], Entitlement(_)));
    assert!(matches!(&results[1], Error(error) if error.reason() == ErrorReason::CustomerNotAllowed));
}

#[tokio::test]
async fn a_watch_shows_what_was_asked_for_as_far_as_the_caller_may_see_it() {
    let app = app().await;
    let all = ["acme-1", "beta-1", "ceta-1"];
    for customer in all {
        crate::watch::send(&app, 1, customer, 2).await;
    }
    let mut client = app.client().await;
    let everybody = WatchFilter {
        all_customers: true,
        ..WatchFilter::default()
    };
    crate::support::eventually("all are known", async || {
        let seen = snapshot(&mut app.client().await, "web", &everybody, "").await;
        (seen.customers == all).then_some(())
    })
    .await;
    for (token, filter, seen) in [
        ("web", everybody.clone(), &all[..]),
        (EDGE, everybody.clone(), &["acme-1", "beta-1"]),
        (EDGE, prefix("be"), &["beta-1"]),
        (EDGE, named(&["acme-1"]), &["acme-1"]),
    ] {
        assert_eq!(
            snapshot(&mut client, token, &filter, "").await.customers,
            seen,
            "{token}"
        );
    }

    // A revision goes on for who sees the same; who sees less, or more, begins anew.
    let whole = snapshot(&mut client, EDGE, &everybody, "").await;
    for (token, start) in [
        (EDGE, Start::Resumed),
        ("narrow", Start::Snapshot),
        ("web", Start::Snapshot),
    ] {
        let again = snapshot(&mut client, token, &everybody, &whole.revision).await;
        assert_eq!(again.start, start, "{token}");
    }
}

struct Snapshot {
    start: Start,
    customers: Vec<String>,
    revision: String,
}

async fn snapshot(
    client: &mut BillingServiceClient<Channel>,
    token: &str,
    filter: &WatchFilter,
    revision: &str,
) -> Snapshot {
    let request = WatchEntitlementsRequest {
        snapshot_only: true,
        ..watch(filter.clone(), revision)
    };
    let mut stream = client
        .watch_entitlements(with(token, request))
        .await
        .unwrap()
        .into_inner();
    let mut seen = Snapshot {
        start: Start::Unspecified,
        customers: vec![],
        revision: String::new(),
    };
    while let Some(frame) = stream.message().await.unwrap() {
        match frame.event.unwrap() {
            Event::Opened(opened) => seen.start = opened.start(),
            Event::CustomerEntitlements(set) => seen.customers.push(set.customer),
            _ => {}
        }
        seen.revision = frame.revision;
    }
    seen.customers.sort_unstable();
    seen
}

fn watch(filter: WatchFilter, revision: &str) -> WatchEntitlementsRequest {
    WatchEntitlementsRequest {
        filter: Some(filter),
        revision: revision.into(),
        ..Default::default()
    }
}

fn named(customers: &[&str]) -> WatchFilter {
    WatchFilter {
        customers: customers.iter().map(ToString::to_string).collect(),
        ..WatchFilter::default()
    }
}

fn prefix(prefix: &str) -> WatchFilter {
    WatchFilter {
        customer_prefix: prefix.into(),
        ..WatchFilter::default()
    }
}
