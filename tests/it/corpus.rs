//! Recorded payloads of Stripe, which are third-party data and lie outside this repository: set
//! `TOLLGATE_STRIPE_CORPUS` to their folder. Without it these tests run on what the simulator makes (`story`).

use std::path::PathBuf;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tokio::sync::watch;
use tollgate::api::grpc::proto::{Access, GetEntitlementRequest, Reason};
use tollgate_domain::clock::Clock;
use tollgate_domain::id::CustomerId;

use crate::support::{self, SECRET, TestApp, eventually};

pub struct Recorded {
    file: String,
    pub event: Value,
}

impl Recorded {
    pub fn number(&self) -> u32 {
        self.file[..2].parse().unwrap()
    }

    fn body(&self) -> Bytes {
        self.event.to_string().into()
    }

    fn object(&self) -> &Value {
        &self.event["data"]["object"]
    }
}

/// `None`: there is no corpus here.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os("TOLLGATE_STRIPE_CORPUS").map(PathBuf::from)
}

pub fn corpus() -> Option<Vec<Recorded>> {
    let folder = folder()?.join("events");
    let read = |entry: std::fs::DirEntry| {
        let file = entry.file_name().into_string().unwrap();
        let event = file
            .ends_with(".json")
            .then(|| std::fs::read(entry.path()).unwrap())?;
        Some(Recorded {
            file,
            event: serde_json::from_slice(&event).unwrap(),
        })
    };
    let mut found: Vec<Recorded> = folder
        .read_dir()
        .expect("the corpus' folder `events`")
        .filter_map(|entry| read(entry.unwrap()))
        .collect();
    found.sort_by(|a, b| a.file.cmp(&b.file));
    assert_eq!(found.len(), 69);
    Some(found)
}

fn pick(corpus: &[Recorded], number: u32) -> &Recorded {
    corpus
        .iter()
        .find(|recorded| recorded.number() == number)
        .unwrap()
}

/// A catalog whose plan `recorded` is the prices of the recorded subscriptions and sessions.
const CATALOG: &str = "
features:
  sso: {type: boolean}
  seats: {type: limit, combine: sum}
plans:
  recorded:
    match:
      price: [price_1M3wjkE0b6fckueSKPgfRMSG, price_1STCAmRXJPGSddcmMnBtV8P8, price_1IDQm5JDPojXS6LNM31hxKzp, price_recorded]
    grants: {sso: true, seats: {per_unit: 1}}
";

fn as_recorded(config: &mut tollgate::config::Config) {
    std::fs::write(config.catalog.as_ref().unwrap(), CATALOG).unwrap();
}

/// A clock that stands at (and runs on from) `unix`.
fn clock_at(unix: i64) -> (watch::Sender<i64>, Clock) {
    let real = support::real_time().as_micros();
    let (steer, offset) = watch::channel(unix * 1_000_000 - i64::try_from(real).unwrap());
    (steer, Clock::new(offset))
}

#[tokio::test]
async fn corpus_every_file_is_taken_and_each_event_is_stored_once() {
    let Some(corpus) = corpus() else { return };
    let app = TestApp::start().await;
    let url = app.webhook_url();
    let posts = (0..3)
        .flat_map(|_| corpus.iter())
        .map(|recorded| app.http.event(&url, SECRET, recorded.body()));
    for status in futures::future::join_all(posts).await {
        assert_eq!(status, Ok(StatusCode::OK));
    }
    assert_eq!(app.store().inbox_counts().await.unwrap().total, 39);
}

#[tokio::test]
async fn corpus_with_ids_of_their_own_all_files_are_stored_and_come_to_an_end() {
    let Some(mut corpus) = corpus() else { return };
    let app = TestApp::with(as_recorded).await;
    let url = app.webhook_url();
    for recorded in &mut corpus {
        recorded.event["id"] = format!("evt_{:02}", recorded.number()).into();
    }
    for recorded in &corpus {
        assert_eq!(
            app.http.event(&url, SECRET, recorded.body()).await,
            Ok(StatusCode::OK),
            "{}",
            recorded.file
        );
    }
    let store = app.store();
    let outcomes = eventually("every file has its outcome", async || {
        let outcomes = store.outcomes().await.unwrap();
        let over = outcomes
            .iter()
            .all(|outcome| !matches!(outcome.state.as_str(), "received" | "routed"));
        (outcomes.len() == 69 && over).then_some(outcomes)
    })
    .await;
    let outcome = |number: u32| {
        outcomes
            .iter()
            .find(|o| o.event_id == format!("evt_{number:02}"))
            .unwrap()
    };
    for recorded in &corpus {
        let outcome = outcome(recorded.number());
        println!("{:<72} {} {}", recorded.file, outcome.state, outcome.detail);
    }
    for number in [54, 69] {
        assert_eq!(outcome(number).state, "ignored", "{number}");
        assert!(
            outcome(number).detail.contains("livemode"),
            "{}",
            outcome(number).detail
        );
    }
    let waiting: Vec<String> = store
        .waiting()
        .await
        .unwrap()
        .into_iter()
        .map(|waiting| waiting.event_id)
        .collect();
    for number in [27, 28, 29, 30, 33, 34, 35, 60] {
        assert!(waiting.contains(&format!("evt_{number:02}")), "{number} waits");
    }
    assert!(store.parked().await.unwrap().is_empty());
}

#[tokio::test]
async fn corpus_recorded_subscriptions_give_access_as_their_status_says() {
    let Some(corpus) = corpus() else { return };
    let cases = [
        (3, Reason::Trialing, 10),
        (14, Reason::Active, 2),
        (16, Reason::Active, 2),
        (18, Reason::Active, 1),
    ];
    for (number, reason, seats) in cases {
        let recorded = pick(&corpus, number);
        let (_steer, clock) = clock_at(recorded.event["created"].as_i64().unwrap());
        let app = TestApp::at(clock, as_recorded).await;
        let stripe_customer = recorded.object()["customer"].as_str().unwrap().to_owned();
        app.store()
            .link(&CustomerId::parse("acme").unwrap(), &[stripe_customer])
            .await
            .unwrap();
        let status = app.http.event(&app.webhook_url(), SECRET, recorded.body()).await;
        assert_eq!(status, Ok(StatusCode::OK));
        let sso = granted(&app, "sso").await;
        assert_eq!(sso.reason(), reason, "{}", recorded.file);
        assert_eq!(sso.plans, ["recorded"]);
        let seats_now = granted(&app, "seats").await;
        assert_eq!(seats_now.value, Some(limit(seats)), "{}", recorded.file);
        println!(
            "{:<72} {:?} {:?}, {seats} seats",
            recorded.file,
            sso.access(),
            sso.reason()
        );
    }
}

#[tokio::test]
async fn corpus_a_checkout_waits_for_its_subscription() {
    let Some(corpus) = corpus() else { return };
    let recorded = pick(&corpus, 1);
    let (_steer, clock) = clock_at(recorded.event["created"].as_i64().unwrap());
    let app = TestApp::at(clock, as_recorded).await;
    let mut subscription = pick(&corpus, 3).object().clone();
    subscription["id"] = recorded.object()["subscription"].clone();
    subscription["customer"] = recorded.object()["customer"].clone();
    waits_then_has_access(&app, recorded, subscription).await;
}

#[tokio::test]
async fn corpus_a_live_checkout_waits_for_its_line_items() {
    let Some(corpus) = corpus() else { return };
    let recorded = pick(&corpus, 54);
    let (_steer, clock) = clock_at(recorded.event["created"].as_i64().unwrap());
    let app = TestApp::at(clock, |config| {
        as_recorded(config);
        config.stripe_secret_key = Some("sk_live_simulator".to_owned().into());
    })
    .await;
    let mut session = recorded.object().clone();
    // A fetched session shows it too.
    let paid_by = serde_json::json!({"id": session["payment_intent"], "object": "payment_intent", "latest_charge": null});
    app.stripe(|core| core.plant(paid_by));
    session["line_items"] = serde_json::json!({"object": "list", "has_more": false, "data": [{
        "id": "li_1", "object": "item", "quantity": 1,
        "price": {"id": "price_recorded", "object": "price", "product": "prod_recorded", "lookup_key": null}
    }]});
    waits_then_has_access(&app, recorded, session).await;
}

async fn waits_then_has_access(app: &TestApp, recorded: &Recorded, missing: Value) {
    let stripe_customer = recorded.object()["customer"].as_str().unwrap().to_owned();
    app.store()
        .link(&CustomerId::parse("acme").unwrap(), &[stripe_customer])
        .await
        .unwrap();
    assert_eq!(
        app.http.event(&app.webhook_url(), SECRET, recorded.body()).await,
        Ok(StatusCode::OK)
    );
    let store = app.store();
    eventually("the event is applied", async || {
        (store.inbox_counts().await.unwrap().applied == 1).then_some(())
    })
    .await;
    let before = get(app, "sso").await;
    assert_eq!(before.access(), Access::Denied, "{}", recorded.file);
    app.stripe(|core| core.plant(missing));
    assert_eq!(granted(app, "sso").await.plans, ["recorded"]);
    println!("{:<72} waited, then {:?}", recorded.file, Access::Granted);
}

fn limit(amount: i64) -> tollgate::api::grpc::proto::entitlement::Value {
    use tollgate::api::grpc::proto::{Limit, entitlement::Value};
    Value::Limit(Limit {
        amount,
        unlimited: false,
    })
}

async fn get(app: &TestApp, feature: &str) -> tollgate::api::grpc::proto::Entitlement {
    let request = GetEntitlementRequest {
        customer: "acme".into(),
        feature: feature.into(),
        ..GetEntitlementRequest::default()
    };
    app.client()
        .await
        .get_entitlement(request)
        .await
        .unwrap()
        .into_inner()
        .entitlement
        .unwrap()
}

async fn granted(app: &TestApp, feature: &str) -> tollgate::api::grpc::proto::Entitlement {
    eventually("access is granted", async || {
        let answer = get(app, feature).await;
        (answer.access() == Access::Granted).then_some(answer)
    })
    .await
}
