//! Keys that make a request safe to send again.

use serde_json::json;

use crate::support::{Stripe, id};

const DAY: i64 = 86_400;

#[tokio::test]
async fn the_same_key_repeats_the_first_answer_and_does_nothing() {
    let stripe = Stripe::start().await;
    let first = stripe.post_keyed("/v1/customers", "name=Ann", "key-1").await;
    let again = stripe.post_keyed("/v1/customers", "name=Ann", "key-1").await;
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_ne!(again.header("request-id"), first.header("request-id"));
    let all = stripe.get("/v1/customers").await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_is_refused_for_other_parameters() {
    let stripe = Stripe::start().await;
    stripe.post_keyed("/v1/customers", "name=Ann", "key-1").await.ok();
    let error = stripe
        .post_keyed("/v1/customers", "name=Bob", "key-1")
        .await
        .error(400);
    assert_eq!(error["type"], "idempotency_error");
}

#[tokio::test]
async fn a_server_error_is_repeated_too_although_the_command_took_effect() {
    let stripe = Stripe::start().await;
    stripe
        .control(
            "adversity",
            json!({ "requests": 1, "status": 500, "took_effect": true }),
        )
        .await;
    for replayed in [false, true] {
        let reply = stripe.post_keyed("/v1/customers", "name=Ann", "key-1").await;
        assert_eq!(reply.status.as_u16(), 500);
        assert_eq!(reply.headers.contains_key("idempotent-replayed"), replayed);
    }
    let all = stripe.get("/v1/customers").await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 1, "once, unseen");
}

#[tokio::test]
async fn a_request_that_was_never_carried_out_may_be_sent_again_under_its_key() {
    let stripe = Stripe::start().await;
    stripe
        .control("adversity", json!({ "requests": 1, "status": 429 }))
        .await;
    assert_eq!(
        stripe
            .post_keyed("/v1/customers", "name=Ann", "k")
            .await
            .status
            .as_u16(),
        429
    );
    stripe.post_keyed("/v1/customers", "name=Ann", "k").await.ok();
    stripe
        .post_keyed("/v1/customers", "nonsense=1", "other")
        .await
        .error(400);
    stripe.post_keyed("/v1/customers", "name=Ann", "other").await.ok();
}

#[tokio::test]
async fn a_key_in_use_is_a_conflict() {
    let stripe = Stripe::start().await;
    stripe
        .control("adversity", json!({ "requests": 1, "delay_ms": 400 }))
        .await;
    let (one, other) = tokio::join!(
        stripe.post_keyed("/v1/customers", "name=Ann", "k"),
        stripe.post_keyed("/v1/customers", "name=Ann", "k"),
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day_of_the_simulators_time() {
    let stripe = Stripe::start().await;
    let first = stripe.post_keyed("/v1/customers", "name=Ann", "k").await.ok();
    stripe.running.advance(DAY + 60);
    let second = stripe.post_keyed("/v1/customers", "name=Ann", "k").await.ok();
    assert_ne!(id(&first), id(&second));
}

#[tokio::test]
async fn a_request_that_ends_in_a_panic_leaves_its_key_answered() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let customer = id(&stripe.post("/v1/customers", "").await.ok());
    // No clock goes on for so long.
    stripe
        .running
        .with(|core| core.settings_mut().draft_for = i64::MAX);
    let form = format!(
        "customer={customer}&items[0][price]={price}&collection_method=send_invoice&days_until_due=5"
    );
    for replayed in [false, true] {
        let reply = stripe.post_keyed("/v1/subscriptions", &form, "k").await;
        assert_eq!(reply.headers.contains_key("idempotent-replayed"), replayed);
        assert_eq!(reply.header("stripe-should-retry"), "false");
        assert_eq!(reply.error(500)["type"], "api_error");
    }
    let told = stripe.running.with(|core| {
        core.create_customer(Default::default()).unwrap();
        core.events(0).last().unwrap().to_json()
    });
    assert_eq!(told["request"]["id"], serde_json::Value::Null);
}
