//! What Stripe allows an account is shared out: who waits for a page comes before what can wait.

use std::time::Duration;

use futures::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use stripe_simulator::core::{Core, NewCustomer, NewSubscription};
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate_domain::time::Timestamp;
use tonic::Request;
use tonic::transport::Channel;

use crate::support::http::Http;
use crate::support::process::{Place, Process};
use crate::support::{SECRET, eventually, order, sell};

/// As a sandbox allows it.
async fn serve(place: &Place) -> (Process, BillingServiceClient<Channel>) {
    let process = place
        .serve_with(|serve| {
            serve.env("TOLLGATE_STRIPE_REQUESTS_PER_SECOND", "25");
        })
        .await;
    let client = BillingServiceClient::connect(format!("http://{}", process.grpc)).await;
    (process, client.unwrap())
}

async fn post(process: &Process, events: impl Iterator<Item = Value>) {
    let (http, url) = (Http::new(), process.webhook_url());
    let posts = events.map(|event| http.event(&url, SECRET, event.to_string().into()));
    for status in join_all(posts).await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
}

fn event(n: usize, kind: &str, object: &Value) -> Value {
    json!({"id": format!("evt_{n}"), "object": "event", "type": kind, "created": 1_700_000_000, "livemode": false,
        "data": {"object": object}})
}

/// Each has three requests of Stripe made. How long each of those waited for its turn, and how many there were.
async fn checkouts(process: &Process, client: &BillingServiceClient<Channel>, count: usize) -> (f64, f64) {
    for n in 0..count {
        let mut request = Request::new(order(&format!("buyer-{n}"), &format!("order-{n}")));
        request.set_timeout(Duration::from_secs(10));
        client.clone().create_checkout(request).await.unwrap();
    }
    let waited = async |what: &str| {
        let series = format!("tollgate_stripe_budget_wait_seconds_{what}{{priority=\"checkout\"}}");
        process.metric(&series).await
    };
    let count = waited("count").await;
    (waited("sum").await / count, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_questions_to_stripe_does_not_keep_a_checkout_waiting() {
    let place = Place::new().await;
    place.simulator.with(sell);
    let (process, client) = serve(&place).await;
    let of_strangers = (0..600).map(|n| {
        // Of a Stripe customer that has to be asked about.
        let session = json!({"id": format!("cs_{n}"), "object": "checkout.session", "customer": format!("cus_{n}"), "metadata": {}});
        event(n, "checkout.session.completed", &session)
    });
    post(&process, of_strangers).await;
    eventually("the flood waits for its turn", async || {
        let waiting = "tollgate_stripe_waiting_requests{priority=\"route\"}";
        (process.metric(waiting).await > 0.0).then_some(())
    })
    .await;
    let (wait, requests) = checkouts(&process, &client, 3).await;
    let left = place.store.inbox_counts().await.unwrap().received;
    assert!(left > 0, "the flood is over before the checkouts");
    assert!(
        requests >= 6.0 && wait < 0.2,
        "{wait} s for each of {requests} requests"
    );
}

/// Paid for, of a customer of ours each.
fn subscribe(stripe: &mut Core, count: usize) -> Vec<Value> {
    sell(stripe);
    let price = stripe.price_with_lookup_key("team_monthly").unwrap();
    let mut subscribe = |n: usize| {
        let mark = [
            ("tollgate_customer", format!("customer-{n}")),
            ("tollgate_deployment", "default".into()),
        ];
        let mark = mark.map(|(name, value)| (name.to_owned(), value));
        let customer = stripe.create_customer(NewCustomer {
            payment_method: Some("pm_card_visa".into()),
            default_payment_method: Some("pm_card_visa".into()),
            metadata: mark.clone().into_iter().collect(),
            ..NewCustomer::default()
        });
        let subscription = stripe.create_subscription(NewSubscription {
            customer: customer.unwrap()["id"].as_str().unwrap().to_owned(),
            items: vec![(price.clone(), 1)],
            metadata: mark.into_iter().collect(),
            ..NewSubscription::default()
        });
        subscription.unwrap()
    };
    (0..count).map(&mut subscribe).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_who_are_to_be_settled_at_once_leave_checkouts_their_share_and_all_of_them_are() {
    const FLOOD: usize = 400;
    let place = Place::new().await;
    let subscriptions = place.simulator.with(|stripe| subscribe(stripe, FLOOD));
    let (process, client) = serve(&place).await;
    let changed = subscriptions
        .iter()
        .enumerate()
        .map(|(n, it)| event(n, "customer.subscription.updated", it));
    post(&process, changed).await;
    // Also of what is not due yet.
    let left = async || {
        let end = Timestamp::from_unix(9_000_000_000);
        place.store.figures(end).await.unwrap().settles.count
    };
    eventually("settles wait for their turn", async || {
        let waiting = "tollgate_stripe_waiting_requests{priority=\"settle\"}";
        (process.metric(waiting).await > 0.0).then_some(())
    })
    .await;
    let (wait, requests) = checkouts(&process, &client, 10).await;
    assert!(left().await > 0, "the flood is over before the checkouts");
    assert!(
        requests >= 20.0 && wait < 0.2,
        "{wait} s for each of {requests} requests"
    );

    let of_settles = |outcome: &str| {
        format!("tollgate_settle_requests_total{{kind=\"subscription\",outcome=\"{outcome}\"}}")
    };
    for part in [FLOOD / 3, 2 * FLOOD / 3, FLOOD] {
        eventually("settles end", async || {
            (process.metric(&of_settles("fetched")).await >= part as f64).then_some(())
        })
        .await;
    }
    eventually("nothing is left", async || (left().await == 0).then_some(())).await;
    for outcome in ["failed", "absent"] {
        assert_eq!(process.metric(&of_settles(outcome)).await, 0.0, "{outcome}");
    }
}
