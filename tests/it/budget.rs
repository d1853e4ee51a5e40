//! What Stripe allows an account is shared out: who waits for a page comes before what can wait.

use futures::future::join_all;
use http::StatusCode;
use serde_json::json;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;

use crate::support::http::Http;
use crate::support::process::{Place, Process};
use crate::support::{SECRET, eventually, order, sell};

const FLOOD: usize = 600;

async fn metric(process: &Process, series: &str) -> f64 {
    let page = Http::new().get(&format!("http://{}/metrics", process.ops)).await;
    let mut lines = page.body().lines();
    let value = lines.find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    value.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_questions_to_stripe_does_not_keep_a_checkout_waiting() {
    let place = Place::new().await;
    place.simulator.with(sell);
    let process = place
        .serve_with(|serve| {
            // As a sandbox allows it.
            serve.env("TOLLGATE_STRIPE_REQUESTS_PER_SECOND", "25");
        })
        .await;
    let (http, url) = (Http::new(), process.webhook_url());
    let posts = (0..FLOOD).map(|n| {
        // Of a Stripe customer that has to be asked about.
        let session = json!({"id": format!("cs_{n}"), "object": "checkout.session", "customer": format!("cus_{n}"), "metadata": {}});
        let event = json!({"id": format!("evt_{n}"), "object": "event", "type": "checkout.session.completed",
            "created": 1_700_000_000, "livemode": false, "data": {"object": session}});
        http.event(&url, SECRET, event.to_string().into())
    });
    for status in join_all(posts).await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    eventually("the flood waits for its turn", async || {
        let waiting = metric(&process, "tollgate_stripe_waiting_requests{priority=\"route\"}").await;
        (waiting > 0.0).then_some(())
    })
    .await;
    let mut client = BillingServiceClient::connect(format!("http://{}", process.grpc))
        .await
        .unwrap();
    for customer in ["acme", "beta", "gamma"] {
        client
            .create_checkout(order(customer, &format!("order-{customer}")))
            .await
            .unwrap();
    }
    let left = place.store.inbox_counts().await.unwrap().received;
    assert!(left > 0, "the flood is over before the checkouts");
    let of_checkouts = "tollgate_stripe_budget_wait_seconds_";
    let total = metric(&process, &format!("{of_checkouts}sum{{priority=\"checkout\"}}")).await;
    let count = metric(&process, &format!("{of_checkouts}count{{priority=\"checkout\"}}")).await;
    assert!(
        count >= 6.0 && total / count < 0.2,
        "{total} s in {count} requests"
    );
}
