//! No log names a person or holds a secret, however much it is asked to say.

use http::StatusCode;
use rustix::process::Signal;
use serde_json::json;
use sha2::{Digest, Sha256};
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::line_item::Price;
use tollgate::api::grpc::proto::{CreateCheckoutRequest, GetEntitlementRequest, LineItem};
use tonic::{Code, Request};

use crate::support::http::Http;
use crate::support::process::Process;
use crate::support::{self, CATALOG, eventually, logs, postgres};

const KEY: &str = "sk_test_planted";
const SECRET: &str = "whsec_planted";
const TOKEN: &str = "bearer-planted";
const EMAIL: &str = "jane.planted@example.com";
const NAME: &str = "Jane Planted";
const CARD: &str = "4242424242424242";

fn planted() -> impl Iterator<Item = &'static str> {
    logs::PLANTED.lines().filter(|line| !line.is_empty())
}

#[test]
fn what_the_tests_plant_is_what_is_looked_for() {
    for needle in [KEY, SECRET, TOKEN, EMAIL, NAME, CARD, support::SECRET] {
        assert!(planted().any(|planted| planted == needle), "{needle}");
    }
}

/// Events and what is none, all with what a person must not find in a log.
fn bodies() -> Vec<(String, StatusCode)> {
    let mark = json!({"tollgate_customer": format!("x-{EMAIL}"), "tollgate_deployment": "default"});
    let customer =
        json!({"id": "cus_1", "object": "customer", "email": EMAIL, "name": NAME, "metadata": mark});
    let event = |id: &str, object: serde_json::Value| {
        json!({"id": id, "object": "event", "type": "customer.updated", "created": 1_700_000_000, "livemode": false,
            "data": {"object": object}})
        .to_string()
    };
    vec![
        (event("evt_1", customer), StatusCode::OK),
        // Its object cannot be read, and Stripe does not know it.
        (
            event(
                "evt_2",
                json!({"id": "sub_1", "object": "subscription", "status": EMAIL}),
            ),
            StatusCode::OK,
        ),
        (
            event(
                "evt_3",
                json!({"id": EMAIL, "object": "subscription", "number": CARD}),
            ),
            StatusCode::OK,
        ),
        (
            event(
                "evt_4",
                json!({"object": "invoice", "customer_email": EMAIL, "lines": NAME}),
            ),
            StatusCode::OK,
        ),
        (
            event(EMAIL, json!({"id": "re_1", "object": "refund", "charge": EMAIL})),
            StatusCode::OK,
        ),
        (format!("{{\"id\": \"{EMAIL}\", {CARD}"), StatusCode::BAD_REQUEST),
        (format!("[\"{NAME}\"]"), StatusCode::BAD_REQUEST),
        (format!("{{\"id\": {CARD}}}"), StatusCode::BAD_REQUEST),
    ]
}

fn checkout(lookup_key: &str, success_url: &str) -> CreateCheckoutRequest {
    CreateCheckoutRequest {
        customer: EMAIL.into(),
        request_id: format!("{NAME} {lookup_key}"),
        line_items: vec![LineItem {
            price: Some(Price::LookupKey(lookup_key.into())),
            quantity: Some(1),
        }],
        success_url: success_url.into(),
        ..CreateCheckoutRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_everything_logged_no_person_and_no_secret_is_in_the_log() {
    let database = postgres::database().await;
    let simulator = support::simulator_with(Some(KEY)).await;
    let catalog = support::catalog(CATALOG);
    let config = support::config(&database, &simulator.base_url(), catalog.path());
    support::migrate(&config).await;
    let digest: String = Sha256::digest(TOKEN)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut command = Process::command(&database, &simulator.base_url(), catalog.path());
    command
        .env("TOLLGATE_STRIPE_SECRET_KEY", KEY)
        .env("TOLLGATE_STRIPE_WEBHOOK_SECRETS", SECRET)
        .env("TOLLGATE_CALLERS", format!("web={digest}"))
        .env("TOLLGATE_LOG_FORMAT", "json")
        .env("TOLLGATE_STRIPE_DEADLINE", "2s")
        // All libraries too.
        .env("TOLLGATE_LOG", "debug");
    let mut process = Process::start(command).await;
    simulator.set_webhook(&process.webhook_url(), SECRET);

    let (http, url) = (Http::new(), process.webhook_url());
    for (body, answer) in bodies() {
        assert_eq!(
            http.event(&url, SECRET, body.clone().into()).await,
            Ok(answer),
            "{body}"
        );
        assert_eq!(
            http.event(&url, "whsec_other", body.into()).await,
            Ok(StatusCode::BAD_REQUEST)
        );
    }
    let mut client = BillingServiceClient::connect(format!("http://{}", process.grpc))
        .await
        .unwrap();
    let ask = |token: &str| {
        let mut request = Request::new(GetEntitlementRequest {
            customer: EMAIL.into(),
            feature: "sso".into(),
            ..GetEntitlementRequest::default()
        });
        let token = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        request
    };
    client.get_entitlement(ask(TOKEN)).await.unwrap();
    let refused = client
        .get_entitlement(ask(&format!("{TOKEN}-x")))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut open = async |request: CreateCheckoutRequest| {
        let mut request = Request::new(request);
        let token = format!("Bearer {TOKEN}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        client
            .create_checkout(request)
            .await
            .map_err(|status| status.code())
    };
    let back = format!("https://shop.example/?email={EMAIL}");
    assert!(open(checkout("team_monthly", &back)).await.is_err());
    simulator.with(|stripe| {
        let product = stripe.create_product(NAME).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let price = stripe_simulator::core::NewPrice {
            product,
            currency: "eur".into(),
            unit_amount: 2_000,
            lookup_key: Some("report".into()),
            ..stripe_simulator::core::NewPrice::default()
        };
        stripe.create_price(price).unwrap();
    });
    let opened = open(checkout("report", &back))
        .await
        .unwrap()
        .into_inner()
        .checkout
        .unwrap();
    simulator.with(|stripe| stripe.pay_session(&opened.id)).unwrap();
    let path = process.log.clone();
    let log = || std::fs::read_to_string(&path).unwrap();
    eventually("the events are worked through", async || {
        let said = log();
        (said.contains("asked Stripe") && said.contains("Stripe did not do it")).then_some(())
    })
    .await;
    simulator.shutdown().await;
    assert_eq!(
        open(checkout("team_yearly", &back)).await.unwrap_err(),
        Code::Unavailable
    );
    process.signal(Signal::TERM);
    assert!(process.ended().await.success());

    let said = log();
    for expected in [
        "\"level\":\"DEBUG\"",
        "a webhook was refused",
        "Stripe cannot be reached",
    ] {
        assert!(
            said.contains(expected),
            "the log has no {expected}: {}",
            process.log.display()
        );
    }
    assert!(
        said.lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
    for log in [&path, logs::begin()] {
        let said = std::fs::read_to_string(log).unwrap();
        for needle in planted() {
            let line = said.lines().find(|line| line.contains(needle));
            assert_eq!(line, None, "{needle} in {}", log.display());
        }
    }
}
