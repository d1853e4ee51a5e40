//! What clients see around the objects: headers, refusals before anything is looked at, limits.

use serde_json::json;
use stripe_simulator::{Options, RateLimit};

use crate::support::{CARD, KEY, Stripe, id};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    let reply = stripe
        .send("HEAD", &format!("/v1/customers/{customer}"), "", &[])
        .await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, ""));
    assert_eq!(reply.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_body_that_is_not_a_form_is_refused_by_its_content_type() {
    let stripe = Stripe::start().await;
    let json = [("content-type", "application/json")];
    let error = stripe
        .send("POST", "/v1/customers", "{\"name\":\"Ann\"}", &json)
        .await
        .error(400);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("Invalid request: unsupported Content-Type application/json.")
    );
    let charset = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    stripe
        .send("POST", "/v1/customers", "name=Ann", &charset)
        .await
        .ok();
    let query = stripe
        .send("POST", "/v1/customers?name=Ann", "email=a@example.com", &[FORM])
        .await
        .ok();
    assert_eq!(
        (&query["name"], &query["email"]),
        (&json!("Ann"), &json!("a@example.com"))
    );
    let large = format!("name={}", "a".repeat(3_000_000));
    let error = stripe.post("/v1/customers", &large).await.error(413);
    assert_eq!(error["type"], "invalid_request_error");
}

#[tokio::test]
async fn an_error_names_the_log_of_its_request() {
    let stripe = Stripe::start().await;
    let reply = stripe.get("/v1/customers/cus_none").await;
    let request = reply.header("request-id").to_owned();
    let error = reply.error(404);
    let log = error["request_log_url"].as_str().unwrap();
    assert!(
        log.starts_with(&format!("https://dashboard.stripe.com/test/logs/{request}?t=")),
        "{log}"
    );
}

#[tokio::test]
async fn keys_are_refused_as_stripe_refuses_them_and_only_their_ends_are_shown() {
    let stripe = Stripe::start().await;
    let with = async |key: &str| {
        let header = format!("Bearer {key}");
        stripe
            .send("GET", "/v1/customers", "", &[("authorization", &header)])
            .await
    };
    let none = with("").await;
    assert_eq!(none.header("www-authenticate"), "Basic realm=\"Stripe\"");
    none.error(401);
    let wrong = with("sk_test_abcdefgh12345678").await.error(401);
    assert_eq!(
        wrong["message"],
        "Invalid API Key provided: sk_test_************5678"
    );
    let publishable = with("pk_test_abcdefgh12345678").await.error(403);
    assert_eq!(publishable["code"], "secret_key_required");
    stripe
        .control("keys", json!({ "key": "sk_test_of_somebody_else" }))
        .await;
    with("sk_test_of_somebody_else").await.ok();
    stripe
        .control("revoke", json!({ "key": "sk_test_of_somebody_else" }))
        .await;
    let expired = with("sk_test_of_somebody_else").await.error(401);
    assert_eq!(expired["code"], "api_key_expired");
}

#[tokio::test]
async fn a_request_may_name_its_own_account_and_no_other() {
    let stripe = Stripe::start().await;
    let own = [("stripe-account", "acct_1Simulated")];
    let reply = stripe.send("GET", "/v1/account", "", &own).await;
    assert_eq!(reply.header("stripe-account"), "acct_1Simulated");
    reply.ok();
    let other = [("stripe-account", "acct_other")];
    let error = stripe.send("GET", "/v1/account", "", &other).await.error(403);
    assert_eq!(error["code"], "account_invalid");
    assert!(!error["message"].as_str().unwrap().contains(KEY));
}

#[tokio::test]
async fn more_requests_than_the_limit_are_429_with_the_reason() {
    let options = Options {
        rate_limit: Some(RateLimit::of(3)),
        ..Options::default()
    };
    let stripe = Stripe::with(options).await;
    let mut refused = 0;
    // Two seconds at most are touched, each of which lets three in.
    for _ in 0..10 {
        let reply = stripe.post_keyed("/v1/customers", "name=Ann", "k").await;
        if reply.status.as_u16() == 429 {
            assert_eq!(reply.header("stripe-rate-limited-reason"), "global-rate");
            assert_eq!(reply.error(429)["code"], "rate_limit");
            refused += 1;
        }
    }
    assert!(refused >= 1, "{refused}");
}

#[tokio::test]
async fn the_clock_starts_where_it_is_told_to() {
    let options = Options {
        start: Some(1_700_000_000),
        ..Options::default()
    };
    let stripe = Stripe::with(options).await;
    let reply = stripe.get("/v1/account").await;
    assert!(
        reply.header("date").starts_with("Tue, 14 Nov 2023 22:1"),
        "{}",
        reply.header("date")
    );
    let customer = stripe.customer().await;
    let created = stripe.get(&format!("/v1/customers/{customer}")).await.ok()["created"].as_i64();
    assert!((1_700_000_000..1_700_000_060).contains(&created.unwrap()));
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_one_endpoint_and_one_account() {
    let stripe = Stripe::start().await;
    let first = stripe
        .post_keyed("/v1/customers", "name=Ann&email=a@example.com", "k")
        .await
        .ok();
    let error = stripe
        .post_keyed("/v1/products", "name=Ann", "k")
        .await
        .error(400);
    assert_eq!(error["type"], "idempotency_error");
    assert!(
        error["message"].as_str().unwrap().contains("('/v1/customers')"),
        "{error}"
    );
    let again = stripe
        .post_keyed("/v1/customers", "email=a@example.com&name=Ann", "k")
        .await;
    assert_eq!(again.header("idempotent-replayed"), "true", "in another order");
    stripe
        .control("keys", json!({ "key": "sk_test_other", "account": "acct_other" }))
        .await;
    let headers = [
        ("authorization", "Bearer sk_test_other"),
        ("idempotency-key", "k"),
    ];
    let theirs = stripe
        .send("POST", "/v1/customers", "name=Ann&email=a@example.com", &headers)
        .await;
    assert_ne!(id(&first), id(&theirs.ok()));
    let long = "k".repeat(256);
    stripe
        .post_keyed("/v1/customers", "name=Ann", &long)
        .await
        .error(400);
    stripe
        .post_keyed("/v1/customers", "name=Ann", &long[1..])
        .await
        .ok();
}

#[tokio::test]
async fn a_subscription_gets_ten_new_invoices_a_minute() {
    let rate_limit = Some(RateLimit::of(1_000));
    let stripe = Stripe::with(Options {
        rate_limit,
        ..Options::default()
    })
    .await;
    let price = stripe.monthly_price().await;
    let customer = id(&stripe.post("/v1/customers", CARD).await.ok());
    let form = format!("customer={customer}&items[0][price]={price}");
    let subscription = stripe.post("/v1/subscriptions", &form).await.ok();
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    let item = id(&subscription["items"]["data"][0]);
    let seats = |quantity| {
        format!("items[0][id]={item}&items[0][quantity]={quantity}&proration_behavior=always_invoice")
    };
    for quantity in 2..11 {
        stripe.post(&path, &seats(quantity)).await.ok();
    }
    let refused = stripe.post(&path, &seats(11)).await;
    assert_eq!(refused.header("stripe-rate-limited-reason"), "resource-specific");
    assert_eq!(refused.error(429)["code"], "rate_limit");
    let shown = stripe.get(&path).await.ok();
    assert_eq!(shown["items"]["data"][0]["quantity"], 10, "nothing of it stays");
    stripe.post(&path, "metadata[a]=b").await.ok();
    stripe.running.advance(60);
    stripe.post(&path, &seats(11)).await.ok();
}
