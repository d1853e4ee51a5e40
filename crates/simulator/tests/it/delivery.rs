//! Webhooks as Stripe delivers them: what is pending, what comes again and when, who signs, who is given up.

use serde_json::{Value, json};
use stripe_simulator::{Options, Redelivery};

use crate::support::{SECRET, Sink, Stripe, eventually, id, verifies};

const DAY: i64 = 86_400;

async fn sandbox(redelivery: Redelivery) -> (Stripe, Sink) {
    let sink = Sink::start().await;
    let options = Options {
        redelivery,
        ..Options::default()
    };
    let stripe = Stripe::with(options).await;
    stripe.running.set_webhook(&sink.url, SECRET);
    (stripe, sink)
}

async fn events(stripe: &Stripe, query: &str) -> Vec<Value> {
    let page = stripe.get(&format!("/v1/events?{query}")).await.ok();
    page["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_event_is_pending_until_each_endpoint_has_taken_it() {
    let (stripe, sink) = sandbox(Redelivery::Sandbox).await;
    let other = Sink::start().await;
    other.refuse(1);
    let form = format!("url={}&enabled_events[]=customer.created", other.url);
    stripe.post("/v1/webhook_endpoints", &form).await.ok();
    stripe.customer().await;
    let delivered = sink.event("customer.created").await;
    assert!(delivered["pending_webhooks"].as_i64().unwrap() >= 1);
    eventually(async || other.refused() == 1).await;
    let path = format!("/v1/events/{}", id(&delivered));
    eventually(async || stripe.get(&path).await.ok()["pending_webhooks"] == 1).await;
    assert_eq!(
        events(&stripe, "delivery_success=true").await,
        Vec::<Value>::new()
    );
    assert_eq!(
        id(&events(&stripe, "delivery_success=false").await[0]),
        id(&delivered)
    );
    stripe.running.advance(3_600);
    other.event("customer.created").await;
    eventually(async || stripe.get(&path).await.ok()["pending_webhooks"] == 0).await;
    assert_eq!(events(&stripe, "delivery_success=true").await.len(), 1);
}

#[tokio::test]
async fn what_was_not_taken_comes_again_by_the_simulators_time_and_holds_up_nothing() {
    let (stripe, sink) = sandbox(Redelivery::Live).await;
    sink.refuse(1);
    stripe.customer().await;
    eventually(async || sink.refused() == 1).await;
    stripe.post("/v1/products", "name=Team").await.ok();
    sink.event("product.created").await;
    assert_eq!(sink.kinds(), ["product.created"]);
    stripe.running.advance(5 * 60);
    sink.event("customer.created").await;
    assert_eq!(sink.kinds(), ["product.created", "customer.created"]);
}

#[tokio::test]
async fn a_sandbox_gives_an_event_up_after_three_more_attempts() {
    let (stripe, sink) = sandbox(Redelivery::Sandbox).await;
    sink.refuse(usize::MAX);
    stripe.customer().await;
    for attempts in 1..=4 {
        eventually(async || sink.refused() == attempts).await;
        stripe.running.advance(DAY / 4);
    }
    sink.refuse(0);
    stripe.post("/v1/products", "name=Team").await.ok();
    sink.event("product.created").await;
    assert_eq!(sink.kinds(), ["product.created"], "the first never comes");
    assert_eq!(events(&stripe, "delivery_success=false").await.len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_fails_for_days_is_disabled_and_gets_nothing_any_more() {
    let (stripe, sink) = sandbox(Redelivery::Sandbox).await;
    sink.refuse(usize::MAX);
    let endpoint = stripe.get("/v1/webhook_endpoints").await.ok()["data"][0].clone();
    let path = format!("/v1/webhook_endpoints/{}", id(&endpoint));
    for day in 0..10 {
        assert_eq!(stripe.get(&path).await.ok()["status"], "enabled", "day {day}");
        let before = sink.refused();
        stripe.customer().await;
        eventually(async || sink.refused() > before).await;
        stripe.running.advance(DAY);
    }
    eventually(async || stripe.get(&path).await.ok()["status"] == "disabled").await;
    sink.refuse(0);
    stripe.post(&path, "disabled=false").await.ok();
    stripe.post("/v1/products", "name=Team").await.ok();
    sink.event("product.created").await;
}

#[tokio::test]
async fn for_a_time_events_are_signed_with_the_old_secret_and_the_new_one() {
    let (stripe, sink) = sandbox(Redelivery::Fast).await;
    let endpoint = id(&stripe.get("/v1/webhook_endpoints").await.ok()["data"][0]);
    let rolled = stripe
        .control("roll_secret", json!({ "endpoint": endpoint, "seconds": DAY }))
        .await;
    let new = rolled["secret"].as_str().unwrap();
    stripe.customer().await;
    sink.event("customer.created").await;
    let (header, body) = sink.deliveries().pop().unwrap();
    assert_eq!(header.matches(",v1=").count(), 2);
    assert!(verifies(&header, &body, SECRET) && verifies(&header, &body, new));
    stripe.running.advance(DAY);
    stripe.post("/v1/products", "name=Team").await.ok();
    sink.event("product.created").await;
    let (header, body) = sink.deliveries().pop().unwrap();
    assert!(!verifies(&header, &body, SECRET) && verifies(&header, &body, new));
}

#[tokio::test]
async fn events_come_twice_late_or_never_by_type() {
    let (stripe, sink) = sandbox(Redelivery::Fast).await;
    for rule in [
        json!({ "types": ["customer.*"], "duplicate": 1.0 }),
        json!({ "types": ["product.created"], "drop": 1.0 }),
        json!({ "types": ["price.created"], "delay": [3_600, 3_600], "deliveries": 1 }),
    ] {
        stripe.control("adversity", json!({ "delivery": rule })).await;
    }
    stripe.monthly_price().await;
    stripe.customer().await;
    eventually(async || sink.kinds().len() == 2).await;
    assert_eq!(sink.kinds(), ["customer.created", "customer.created"]);
    assert_eq!(sink.events()[0]["id"], sink.events()[1]["id"]);
    stripe.running.advance(3_600);
    sink.event("price.created").await;
    stripe.send("DELETE", "/_simulator/adversity", "", &[]).await.ok();
    stripe.post("/v1/products", "name=Team").await.ok();
    sink.event("product.created").await;
}

#[tokio::test]
async fn a_shuffle_is_another_order_and_the_same_one_for_the_same_seed() {
    let mut orders = Vec::new();
    for _ in 0..2 {
        let (stripe, sink) = sandbox(Redelivery::Fast).await;
        stripe
            .control("adversity", json!({ "delivery": { "shuffle": 20 } }))
            .await;
        stripe.control("hold", json!({})).await;
        for at in 0..20 {
            stripe.post("/v1/products", &format!("name=Team{at}")).await.ok();
        }
        stripe.control("release", json!({})).await;
        eventually(async || sink.events().len() == 20).await;
        let came = sink.events();
        let names = came.iter().map(|it| it["data"]["object"]["name"].to_string());
        orders.push(names.collect::<Vec<_>>());
    }
    assert_eq!(orders[0], orders[1]);
    let in_order: Vec<String> = (0..20).map(|at| format!("\"Team{at}\"")).collect();
    assert_ne!(orders[0], in_order);
}

#[tokio::test]
async fn events_of_different_instants_share_a_second_or_look_older() {
    let (stripe, _) = sandbox(Redelivery::Fast).await;
    stripe
        .control("adversity", json!({ "created": { "same_second": 3_600 } }))
        .await;
    for _ in 0..3 {
        stripe.customer().await;
        stripe.running.advance(1);
    }
    let made = events(&stripe, "type=customer.created").await;
    assert_eq!(made.len(), 3);
    for event in made {
        assert_eq!(event["created"].as_i64().unwrap() % 3_600, 0);
    }
    stripe
        .control("adversity", json!({ "created": { "by": 600 } }))
        .await;
    let mut off = 0;
    for _ in 0..8 {
        let customer = stripe.customer().await;
        let path = format!("/v1/customers/{customer}");
        let created = stripe.get(&path).await.ok()["created"].as_i64().unwrap();
        let said = events(&stripe, "limit=1").await[0]["created"].as_i64().unwrap();
        assert!((said - created).abs() <= 600);
        off += i64::from(said != created);
    }
    assert!(off > 0);
}

#[tokio::test]
async fn a_renewals_draft_waits_for_its_announcement_to_be_taken_and_for_three_days_at_most() {
    for taken in [true, false] {
        let (stripe, sink) = sandbox(Redelivery::Live).await;
        let price = stripe.monthly_price().await;
        let customer = id(&stripe
            .post(
                "/v1/customers",
                "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
            )
            .await
            .ok());
        let form = format!("customer={customer}&items[0][price]={price}");
        let subscription = id(&stripe.post("/v1/subscriptions", &form).await.ok());
        sink.event("customer.subscription.created").await;
        eventually(async || events(&stripe, "delivery_success=false").await.is_empty()).await;
        sink.refuse(usize::MAX);
        stripe.running.advance(32 * DAY);
        let path = format!("/v1/invoices?subscription={subscription}&limit=1");
        let status = async || stripe.get(&path).await.ok()["data"][0]["status"].clone();
        assert_eq!(status().await, "draft");
        if taken {
            sink.refuse(0);
            stripe.running.advance(12 * 3_600);
            sink.event_where("invoice.created", |it| {
                it["billing_reason"] == "subscription_cycle"
            })
            .await;
            eventually(async || {
                events(&stripe, "type=invoice.created&delivery_success=false")
                    .await
                    .is_empty()
            })
            .await;
            stripe.running.advance(3_600 + 60);
        } else {
            stripe.running.advance(3 * DAY);
        }
        assert_eq!(status().await, "paid");
    }
}
