//! What can be made to go wrong with requests.

use serde_json::{Value, json};

use crate::support::{Stripe, id};

async fn against(rule: Value) -> Stripe {
    let stripe = Stripe::start().await;
    stripe.control("adversity", rule).await;
    stripe
}

async fn customers(stripe: &Stripe) -> usize {
    stripe.get("/v1/customers").await.ok()["data"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_rule_concerns_its_route_its_method_and_its_key_only() {
    let rule =
        json!({ "requests": 1, "status": 500, "method": "POST", "path": "/v1/products", "key": "sk_test_b" });
    let stripe = against(rule).await;
    stripe.control("keys", json!({ "key": "sk_test_b" })).await;
    let with = [("authorization", "Bearer sk_test_b")];
    stripe.post("/v1/products", "name=Team").await.ok();
    stripe.send("GET", "/v1/products", "", &with).await.ok();
    stripe
        .send("POST", "/v1/products", "name=Team", &with)
        .await
        .error(500);
    stripe.send("POST", "/v1/products", "name=Team", &with).await.ok();
}

#[tokio::test]
async fn a_lock_that_was_held_is_worth_another_try_and_a_kept_failure_is_not() {
    let stripe = against(json!({ "requests": 1, "status": 429, "code": "lock_timeout" })).await;
    let locked = stripe.post_keyed("/v1/customers", "name=Ann", "k").await;
    assert_eq!(locked.header("stripe-should-retry"), "true");
    assert_eq!(locked.error(429)["code"], "lock_timeout");
    stripe
        .control("adversity", json!({ "requests": 1, "status": 500 }))
        .await;
    let kept = stripe.post_keyed("/v1/customers", "name=Ann", "k").await;
    assert_eq!(
        (kept.status.as_u16(), kept.header("stripe-should-retry")),
        (500, "false")
    );
}

#[tokio::test]
async fn a_reset_leaves_the_client_without_an_answer_whether_or_not_it_took_effect() {
    let stripe = against(json!({ "requests": 1, "reset": true, "method": "POST" })).await;
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("idempotency-key", "k"),
    ];
    let lost = stripe.try_send("POST", "/v1/customers", "name=Ann", &form).await;
    assert!(lost.is_err());
    assert_eq!(customers(&stripe).await, 0);
    let rule = json!({ "requests": 1, "reset": true, "took_effect": true, "method": "POST" });
    stripe.control("adversity", rule).await;
    assert!(
        stripe
            .try_send("POST", "/v1/customers", "name=Ann", &form)
            .await
            .is_err()
    );
    assert_eq!(customers(&stripe).await, 1);
    let again = stripe.post_keyed("/v1/customers", "name=Ann", "k").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(customers(&stripe).await, 1);
}

#[tokio::test]
async fn what_took_effect_though_it_was_refused_is_not_done_again() {
    let rule = json!({ "requests": 1, "status": 429, "took_effect": true, "method": "POST" });
    let stripe = against(rule).await;
    let refused = stripe.post_keyed("/v1/customers", "name=Ann", "k").await;
    assert_eq!(refused.status.as_u16(), 429);
    let again = stripe.post_keyed("/v1/customers", "name=Ann", "k").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.ok()["name"], "Ann");
    assert_eq!(customers(&stripe).await, 1);
}

#[tokio::test]
async fn a_rule_that_says_two_things_is_refused() {
    let stripe = Stripe::start().await;
    for rule in [
        json!({ "delivery": { "drop": 1.0 }, "status": 500 }),
        json!({ "delivery": {}, "created": {} }),
    ] {
        let json = [("content-type", "application/json")];
        let refused = stripe
            .send("POST", "/_simulator/adversity", &rule.to_string(), &json)
            .await;
        assert_eq!(refused.status.as_u16() / 100, 4, "{rule}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_hanging_request_is_never_answered_and_keeps_nobody_else_waiting() {
    let rule = json!({ "requests": 1, "hang": true, "took_effect": true, "method": "POST" });
    let stripe = against(rule).await;
    let hanging = stripe.try_send("POST", "/v1/customers", "name=Ann", &[]);
    let answered = async { while customers(&stripe).await == 0 {} };
    tokio::select! {
        biased;
        _ = hanging => panic!("it was answered"),
        () = answered => {}
    }
    stripe.running.shutdown().await;
}

#[tokio::test]
async fn a_frozen_answer_shows_the_old_state_so_many_times() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    let path = format!("/v1/customers/{customer}");
    let rule = json!({ "requests": 2, "frozen": true, "path": "/v1/customers" });
    stripe.control("adversity", rule).await;
    assert_eq!(stripe.post(&path, "name=New").await.ok()["name"], "New");
    let later = id(&stripe.post("/v1/customers", "name=Later").await.ok());
    assert_eq!(stripe.get(&path).await.ok()["name"], Value::Null);
    stripe.get(&format!("/v1/customers/{later}")).await.error(404);
    assert_eq!(stripe.get(&path).await.ok()["name"], "New");
}

#[tokio::test]
async fn an_outage_lasts_from_one_instant_to_another_of_the_simulators_time() {
    let stripe = against(json!({ "status": 503, "from": 3_600, "until": 7_200 })).await;
    stripe.get("/v1/customers").await.ok();
    stripe.running.advance(3_600);
    stripe.get("/v1/customers").await.error(503);
    stripe.get("/v1/account").await.error(503);
    stripe.running.advance(3_600);
    stripe.get("/v1/customers").await.ok();
}

#[tokio::test]
async fn chance_falls_the_same_way_for_the_same_seed() {
    let mut falls = Vec::new();
    for _ in 0..2 {
        let stripe = against(json!({ "status": 500, "chance": 0.5, "path": "/v1/customers" })).await;
        let mut fell = Vec::new();
        for _ in 0..32 {
            fell.push(stripe.get("/v1/customers").await.status.as_u16());
        }
        falls.push(fell);
    }
    assert_eq!(falls[0], falls[1]);
    assert!(falls[0].contains(&200) && falls[0].contains(&500));
}

#[tokio::test]
async fn a_rule_that_is_not_known_is_refused() {
    let stripe = Stripe::start().await;
    let headers = [("content-type", "application/json")];
    let reply = stripe
        .send("POST", "/_simulator/adversity", r#"{"stauts":500}"#, &headers)
        .await;
    assert_eq!(reply.status.as_u16(), 422);
    assert!(reply.text.contains("stauts"), "{}", reply.text);
}
