//! What a customer lives through, over real sockets.

use serde_json::json;

use crate::support::{SECRET, Sink, Stripe, id, verifies};

const DAY: i64 = 86_400;

/// 1 January 2100, so that months have the lengths that the tests count on.
const START: i64 = 4_102_444_800;

/// Where the events went, the customer and the subscription that was bought on 1 January.
async fn subscribed(stripe: &Stripe) -> (Sink, String, String) {
    stripe.running.with(|core| core.advance_to(START));
    let sink = Sink::start().await;
    stripe.running.set_webhook(&sink.url, SECRET);
    let customer = stripe.customer().await;
    let price = stripe.monthly_price().await;
    let form = format!(
        "mode=subscription&customer={customer}&line_items[0][price]={price}&line_items[0][quantity]=5\
         &success_url=http%3A%2F%2Fapp.test%2Fdone%3Fs%3D%7BCHECKOUT_SESSION_ID%7D&cancel_url=http://app.test/back\
         &client_reference_id=acme&metadata[tollgate_customer]=acme&subscription_data[metadata][tollgate_customer]=acme"
    );
    let session = stripe.post("/v1/checkout/sessions", &form).await.ok();
    assert_eq!(session["status"], "open");
    assert_eq!(session["amount_total"], 10_000);
    assert!(
        session.get("line_items").is_none(),
        "line items are shown only on demand"
    );
    let url = session["url"].as_str().unwrap();

    let page = stripe.get(url).await;
    assert!(
        page.text.contains("5 × $20.00 every month") && page.text.contains("$100.00"),
        "{}",
        page.text
    );
    let declined = stripe.post(url, "outcome=pay&card=4000000000000002").await;
    assert_eq!(declined.status.as_u16(), 303);
    let page = stripe.get(declined.header("location")).await;
    assert!(page.text.contains("declined"), "{}", page.text);

    let paid = stripe.post(url, "outcome=pay").await;
    assert_eq!(paid.status.as_u16(), 303, "{}", paid.text);
    assert_eq!(
        paid.header("location"),
        format!("http://app.test/done?s={}", id(&session))
    );
    let completed = sink.event("checkout.session.completed").await;
    let object = &completed["data"]["object"];
    assert_eq!(object["payment_status"], "paid");
    assert_eq!(object["client_reference_id"], "acme");
    let subscription = object["subscription"].as_str().unwrap().to_owned();
    (sink, customer, subscription)
}

#[tokio::test]
async fn a_subscription_is_bought_renewed_fails_recovers_and_ends() {
    let stripe = Stripe::start().await;
    let (sink, customer, subscription) = subscribed(&stripe).await;
    let path = format!("/v1/subscriptions/{subscription}");
    let bought = stripe
        .get(&format!("{path}?expand[]=latest_invoice.payments"))
        .await
        .ok();
    assert_eq!(bought["status"], "active");
    assert_eq!(bought["metadata"]["tollgate_customer"], "acme");
    assert_eq!(bought["latest_invoice"]["status"], "paid");
    assert_eq!(bought["latest_invoice"]["payments"]["data"][0]["status"], "paid");
    let first_end = bought["items"]["data"][0]["current_period_end"].as_i64().unwrap();

    sink.clear();
    stripe.control("advance", json!({ "seconds": 32 * DAY })).await;
    let renewed = stripe.get(&path).await.ok();
    assert_eq!(renewed["status"], "active");
    assert_eq!(renewed["items"]["data"][0]["current_period_start"], first_end);
    let paid = sink.event("invoice.paid").await;
    assert_eq!(paid["data"]["object"]["billing_reason"], "subscription_cycle");
    assert_eq!(
        paid["created"].as_i64().unwrap(),
        first_end + 3_600,
        "an hour after the draft"
    );

    sink.clear();
    stripe
        .control("next_payment", json!({ "customer": customer, "outcome": "fail" }))
        .await;
    stripe.control("advance", json!({ "seconds": 28 * DAY })).await;
    let failed = sink.event("invoice.payment_failed").await;
    assert!(failed["data"]["object"]["next_payment_attempt"].is_i64());
    assert_eq!(stripe.get(&path).await.ok()["status"], "past_due");

    sink.clear();
    stripe
        .control(
            "next_payment",
            json!({ "customer": customer, "outcome": "succeed" }),
        )
        .await;
    stripe.control("advance", json!({ "seconds": 2 * DAY })).await;
    sink.event("invoice.paid").await;
    assert_eq!(stripe.get(&path).await.ok()["status"], "active");

    sink.clear();
    stripe
        .control(
            "cancel",
            json!({ "subscription": subscription, "at_period_end": true }),
        )
        .await;
    let announced = sink
        .event_where("customer.subscription.updated", |it| {
            it["cancel_at_period_end"] == true
        })
        .await;
    assert_eq!(
        announced["data"]["previous_attributes"]["cancel_at_period_end"],
        false
    );
    let ends = announced["data"]["object"]["cancel_at"].as_i64().unwrap();
    stripe.control("advance", json!({ "seconds": 31 * DAY })).await;
    let ended = sink.event("customer.subscription.deleted").await;
    assert_eq!(ended["data"]["object"]["status"], "canceled");
    assert_eq!(ended["data"]["object"]["ended_at"], ends);
    stripe.running.shutdown().await;
}

#[tokio::test]
async fn retries_that_all_fail_end_the_subscription() {
    let stripe = Stripe::start().await;
    let (sink, customer, subscription) = subscribed(&stripe).await;
    stripe
        .control("next_payment", json!({ "customer": customer, "outcome": "fail" }))
        .await;
    stripe.control("advance", json!({ "seconds": 45 * DAY })).await;
    let ended = sink.event("customer.subscription.deleted").await;
    assert_eq!(ended["data"]["object"]["id"], subscription);
    assert_eq!(
        ended["data"]["object"]["cancellation_details"]["reason"],
        "payment_failed"
    );
    let failures = sink
        .kinds()
        .iter()
        .filter(|kind| *kind == "invoice.payment_failed")
        .count();
    assert_eq!(failures, 4, "the attempt and three retries");
}

#[tokio::test]
async fn a_purchase_is_paid_once_and_its_refund_shows_on_the_charge() {
    let stripe = Stripe::start().await;
    let sink = Sink::start().await;
    stripe.running.set_webhook(&sink.url, SECRET);
    let customer = stripe.customer().await;
    let form = "currency=eur&unit_amount=4900&product_data[name]=Report";
    let price = id(&stripe.post("/v1/prices", form).await.ok());
    let form = format!(
        "mode=payment&customer={customer}&line_items[0][price]={price}&success_url=http://app.test/done\
         &payment_intent_data[metadata][tollgate_customer]=acme"
    );
    let session = stripe.post("/v1/checkout/sessions", &form).await.ok();
    let path = format!("/v1/checkout/sessions/{}", id(&session));
    let items = stripe.get(&format!("{path}/line_items")).await.ok();
    assert_eq!(items["data"][0]["price"]["id"], price);
    let url = session["url"].as_str().unwrap();
    for _ in 0..2 {
        assert_eq!(
            stripe.post(url, "outcome=pay").await.header("location"),
            "http://app.test/done"
        );
    }
    let shown = stripe
        .get(&format!(
            "{path}?expand[]=payment_intent.latest_charge&expand[]=line_items"
        ))
        .await
        .ok();
    assert_eq!(shown["payment_intent"]["latest_charge"]["amount"], 4_900);
    assert_eq!(shown["line_items"]["data"][0]["quantity"], 1);
    assert_eq!(
        stripe.get("/v1/charges").await.ok()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let intent = id(&shown["payment_intent"]);
    let part = stripe
        .post("/v1/refunds", &format!("payment_intent={intent}&amount=900"))
        .await
        .ok();
    assert_eq!(part["status"], "succeeded");
    let refunded = sink.event("charge.refunded").await;
    assert_eq!(refunded["data"]["object"]["amount_refunded"], 900);
    assert_eq!(refunded["data"]["object"]["refunded"], false);
    let rest = stripe.control("refund", json!({ "session": id(&session) })).await;
    assert_eq!(rest["amount"], 4_000);
    let charge = stripe
        .get(&format!("/v1/charges/{}", rest["charge"].as_str().unwrap()))
        .await
        .ok();
    assert_eq!(charge["refunded"], true);
    let again = stripe
        .post("/v1/refunds", &format!("payment_intent={intent}"))
        .await
        .error(400);
    assert_eq!(again["code"], "charge_already_refunded");
}

#[tokio::test]
async fn events_are_signed_in_order_and_delivered_again_until_they_are_taken() {
    let stripe = Stripe::start().await;
    let sink = Sink::start().await;
    sink.refuse(2);
    stripe.running.set_webhook(&sink.url, SECRET);
    for _ in 0..3 {
        stripe.customer().await;
    }
    stripe.post("/v1/products", "name=Last").await.ok();
    sink.event("product.created").await;
    assert_eq!(
        sink.kinds(),
        [
            "customer.created",
            "customer.created",
            "customer.created",
            "product.created"
        ]
    );
    for (header, body) in sink.deliveries() {
        assert!(verifies(&header, &body, SECRET));
    }
    let log = stripe.get("/v1/events?limit=100").await.ok();
    let ids: Vec<_> = log["data"].as_array().unwrap().iter().rev().map(id).collect();
    assert_eq!(ids, sink.events().iter().map(id).collect::<Vec<_>>());
}

#[tokio::test]
async fn held_events_wait_and_a_moved_endpoint_gets_what_was_left() {
    let stripe = Stripe::start().await;
    let (first, second) = (Sink::start().await, Sink::start().await);
    stripe.running.set_webhook(&first.url, SECRET);
    stripe.control("hold", json!({})).await;
    stripe.customer().await;
    stripe.running.set_webhook(&second.url, SECRET);
    stripe.control("release", json!({})).await;
    second.event("customer.created").await;
    assert!(first.events().is_empty());
}

#[tokio::test]
async fn the_portal_cancels_and_resumes_and_only_its_own_customers_subscription() {
    let stripe = Stripe::start().await;
    let (_, customer, subscription) = subscribed(&stripe).await;
    let form = format!("customer={customer}&return_url=http://app.test/account");
    let portal = stripe.post("/v1/billing_portal/sessions", &form).await.ok();
    let url = portal["url"].as_str().unwrap();
    assert!(stripe.get(url).await.text.contains("Cancel plan"));
    stripe
        .post(url, &format!("action=cancel&subject={subscription}"))
        .await;
    let path = format!("/v1/subscriptions/{subscription}");
    assert_eq!(stripe.get(&path).await.ok()["cancel_at_period_end"], true);
    assert!(stripe.get(url).await.text.contains("Keep plan"));
    stripe
        .post(url, &format!("action=keep&subject={subscription}"))
        .await;
    assert_eq!(stripe.get(&path).await.ok()["cancel_at"], json!(null));

    let stranger = stripe.customer().await;
    let portal = stripe
        .post("/v1/billing_portal/sessions", &format!("customer={stranger}"))
        .await
        .ok();
    let refused = stripe
        .post(
            portal["url"].as_str().unwrap(),
            &format!("action=cancel&subject={subscription}"),
        )
        .await;
    // Back to the page, which says what was wrong.
    assert_eq!(refused.status.as_u16(), 303);
    assert_eq!(stripe.get(&path).await.ok()["cancel_at"], json!(null));
}

#[tokio::test]
async fn a_clock_moved_in_process_shows_in_the_offset_and_to_callers() {
    let stripe = Stripe::start().await;
    let offset = stripe.running.clock_offset();
    let before = stripe.get("/_simulator/clock").await.ok();
    stripe.running.advance(10 * DAY);
    assert_eq!(*offset.borrow(), 10 * DAY * 1_000_000);
    let after = stripe.get("/_simulator/clock").await.ok();
    let passed = after["now"].as_i64().unwrap() - before["now"].as_i64().unwrap();
    assert!((10 * DAY..10 * DAY + 60).contains(&passed), "{passed}");
    assert_eq!(after["offset_micros"], 10 * DAY * 1_000_000);
}
