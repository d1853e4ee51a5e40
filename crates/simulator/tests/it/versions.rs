//! One history in the shapes of several API versions.

use serde_json::{Value, json};
use stripe_simulator::api;
use stripe_simulator::core::{Core, Version};

use crate::support::{CARD, SECRET, Sink, Stripe, call, id, refused, verifies};

/// Before basil.
const OLD: &str = "2024-06-20";

async fn subscription(stripe: &Stripe) -> String {
    let customer = id(&stripe.post("/v1/customers", CARD).await.ok());
    let price = stripe.monthly_price().await;
    let form = format!("customer={customer}&items[0][price]={price}&items[0][quantity]=3");
    id(&stripe.post("/v1/subscriptions", &form).await.ok())
}

async fn get(stripe: &Stripe, version: &str, path: &str) -> Value {
    stripe
        .send("GET", path, "", &[("stripe-version", version)])
        .await
        .ok()
}

#[tokio::test]
async fn the_header_chooses_the_shape_and_expand_uses_its_names() {
    let stripe = Stripe::start().await;
    let subscription = subscription(&stripe).await;
    let path = format!("/v1/subscriptions/{subscription}?expand[]=latest_invoice.payment_intent");
    let old = get(&stripe, OLD, &path).await;
    let new = get(
        &stripe,
        "2026-09-30.endive",
        &format!("/v1/subscriptions/{subscription}"),
    )
    .await;
    let item = &new["items"]["data"][0];
    assert_eq!(old["current_period_end"], item["current_period_end"]);
    assert!(old["items"]["data"][0].get("current_period_end").is_none());
    assert!(new.get("current_period_end").is_none());

    let invoice = &old["latest_invoice"];
    assert_eq!(invoice["subscription"], subscription);
    assert_eq!(invoice["paid"], true);
    assert_eq!(invoice["payment_intent"]["status"], "succeeded");
    assert_eq!(invoice["charge"], invoice["payment_intent"]["latest_charge"]);
    assert_eq!(invoice["lines"]["data"][0]["price"]["id"], item["price"]["id"]);
    assert_eq!(invoice["lines"]["data"][0]["type"], "subscription");

    let refused = stripe
        .send("GET", &path, "", &[("stripe-version", "2025-03-31.basil")])
        .await;
    assert_eq!(refused.error(400)["param"], "expand");
}

#[tokio::test]
async fn each_endpoint_gets_events_in_its_own_version() {
    let stripe = Stripe::start().await;
    let (old, new) = (Sink::start().await, Sink::start().await);
    for (sink, version) in [(&old, OLD), (&new, "2025-09-30.clover")] {
        let form = format!("url={}&enabled_events[]=*&api_version={version}", sink.url);
        let endpoint = stripe.post("/v1/webhook_endpoints", &form).await.ok();
        assert_eq!(endpoint["api_version"], version);
    }
    let subscription = subscription(&stripe).await;
    stripe.control("advance", json!({ "seconds": 40 * 86_400 })).await;

    let older = old
        .event_where("invoice.paid", |it| it["subscription"] == subscription)
        .await;
    assert_eq!(older["api_version"], OLD);
    let newer = new.event("invoice.paid").await;
    assert_eq!(newer["api_version"], "2025-09-30.clover");
    assert_eq!(newer["id"], older["id"]);
    assert_eq!(
        newer["data"]["object"]["parent"]["subscription_details"]["subscription"],
        subscription
    );

    old.event_where("invoice.paid", |it| it["billing_reason"] == "subscription_cycle")
        .await;
    let all = old.events();
    let moved = all
        .iter()
        .find(|it| !it["data"]["previous_attributes"]["current_period_end"].is_null());
    assert!(moved.is_some(), "the period that moved is the subscription's own");
}

#[tokio::test]
async fn without_a_version_the_accounts_holds() {
    let stripe = Stripe::start().await;
    stripe
        .running
        .with(|core| core.settings_mut().api_version = Version::parse(OLD).unwrap());
    let sink = Sink::start().await;
    stripe.running.set_webhook(&sink.url, SECRET);
    let subscription = subscription(&stripe).await;
    let reply = stripe.get(&format!("/v1/subscriptions/{subscription}")).await;
    assert_eq!(reply.header("stripe-version"), OLD);
    let period_end = reply.ok()["current_period_end"].clone();
    assert!(period_end.is_i64());
    let event = sink.event("customer.subscription.created").await;
    assert_eq!(event["api_version"], OLD);
    assert_eq!(event["data"]["object"]["current_period_end"], period_end);

    // An event keeps the version that it happened in.
    let path = format!("/v1/events/{}", id(&event));
    assert_eq!(
        get(&stripe, "2026-09-30.endive", &path).await["data"],
        event["data"]
    );
}

#[tokio::test]
async fn before_basil_a_payment_names_its_invoice_from_the_first_event_on() {
    let stripe = Stripe::start().await;
    let sink = Sink::start().await;
    let form = format!("url={}&enabled_events[]=*&api_version={OLD}", sink.url);
    stripe.post("/v1/webhook_endpoints", &form).await.ok();
    let subscription = subscription(&stripe).await;
    let paid = sink
        .event_where("invoice.paid", |it| it["subscription"] == subscription)
        .await;
    let created = sink.event("payment_intent.created").await;
    assert_eq!(
        created["data"]["object"]["id"],
        paid["data"]["object"]["payment_intent"]
    );
    assert_eq!(created["data"]["object"]["invoice"], paid["data"]["object"]["id"]);
}

#[tokio::test]
async fn before_basil_an_invoice_says_that_it_was_paid_out_of_band() {
    let stripe = Stripe::start().await;
    let customer = id(&stripe.post("/v1/customers", CARD).await.ok());
    let price = stripe.monthly_price().await;
    let form = format!(
        "customer={customer}&items[0][price]={price}&collection_method=send_invoice&days_until_due=5"
    );
    let subscription = stripe.post("/v1/subscriptions", &form).await.ok();
    let invoice = format!(
        "/v1/invoices/{}",
        subscription["latest_invoice"].as_str().unwrap()
    );
    let said = async || {
        let shown = get(&stripe, OLD, &invoice).await;
        (shown["paid"].clone(), shown["paid_out_of_band"].clone())
    };
    assert_eq!(said().await, (json!(false), json!(false)));
    stripe
        .post(&format!("{invoice}/pay"), "paid_out_of_band=true")
        .await
        .ok();
    assert_eq!(said().await, (json!(true), json!(true)));
}

#[tokio::test]
async fn before_2022_11_15_a_guests_payment_has_its_charges_too() {
    let stripe = Stripe::start().await;
    let form = "currency=usd&unit_amount=500&product_data[name]=Report";
    let price = id(&stripe.post("/v1/prices", form).await.ok());
    let form = format!("mode=payment&line_items[0][price]={price}&success_url=http://a.test");
    let session = id(&stripe.post("/v1/checkout/sessions", &form).await.ok());
    stripe.running.with(|core| {
        core.decline_session(&session).unwrap();
        core.pay_session(&session).unwrap();
    });
    let session = stripe.get(&format!("/v1/checkout/sessions/{session}")).await.ok();
    assert_eq!(session["customer"], Value::Null);
    let intent = format!(
        "/v1/payment_intents/{}",
        session["payment_intent"].as_str().unwrap()
    );
    let shown = get(&stripe, "2022-08-01", &intent).await;
    assert_eq!(shown["charges"]["total_count"], 2);
    assert_eq!(shown["charges"]["data"][0]["id"], shown["latest_charge"]);
    assert_eq!(shown["charges"]["data"][1]["status"], "failed");
}

#[tokio::test]
async fn thin_events_name_their_object_and_are_told_again() {
    let stripe = Stripe::start().await;
    let sink = Sink::start().await;
    let body = json!({
        "name": "Thin", "type": "webhook_endpoint", "event_payload": "thin",
        "enabled_events": ["v1.customer.subscription.created"],
        "webhook_endpoint": { "url": sink.url }, "include": ["webhook_endpoint.signing_secret"],
    });
    let json = [("content-type", "application/json")];
    let path = "/v2/core/event_destinations";
    let destination = stripe.send("POST", path, &body.to_string(), &json).await.ok();
    let secret = destination["webhook_endpoint"]["signing_secret"]
        .as_str()
        .unwrap();
    let subscription = subscription(&stripe).await;

    let thin = sink.event("v1.customer.subscription.created").await;
    assert_eq!(
        sink.kinds(),
        ["v1.customer.subscription.created"],
        "and nothing else"
    );
    let (signature, sent) = sink.deliveries().remove(0);
    assert!(verifies(&signature, &sent, secret));
    assert_eq!(thin["object"], "v2.core.event");
    assert!(thin.get("data").is_none());
    assert_eq!(thin["reason"]["type"], "request");
    let related = &thin["related_object"];
    assert_eq!(
        (&related["id"], &related["type"]),
        (&json!(subscription), &json!("subscription"))
    );
    let fetched = stripe.get(related["url"].as_str().unwrap()).await.ok();
    assert_eq!(fetched["id"], subscription);
    let again = stripe.get(&format!("/v2/core/events/{}", id(&thin))).await.ok();
    assert_eq!(again, thin);
    let snapshot = stripe
        .get(&format!(
            "/v1/events/{}",
            thin["snapshot_event"].as_str().unwrap()
        ))
        .await
        .ok();
    assert_eq!(snapshot["data"]["object"]["id"], subscription);

    let path = format!("{path}/{}", id(&destination));
    let disabled = stripe
        .send("POST", &format!("{path}/disable"), "", &json)
        .await
        .ok();
    assert_eq!(disabled["status"], "disabled");
    stripe.send("DELETE", &path, "", &[]).await.ok();
    stripe.get(&path).await.error(404);
}

#[test]
fn before_2022_08_01_an_invoice_takes_what_waits_and_needs_something_to() {
    let mut core = Core::new(1, 0);
    let old = Version::parse("2020-08-27").unwrap();
    let customer = id(&call(&mut core, "POST", "/v1/customers", ""));
    let form = format!("customer={customer}");
    let fault = api::call(&mut core, old, "POST", "/v1/invoices", &form).unwrap_err();
    assert_eq!(fault.code.as_deref(), Some("invoice_no_customer_line_items"));
    let item = format!("{form}&unit_amount_decimal=300&currency=usd");
    call(&mut core, "POST", "/v1/invoiceitems", &item);
    let invoice = call(&mut core, "POST", "/v1/invoices", &form);
    assert_eq!(
        invoice["total"], 0,
        "the newest version takes nothing unless it is told to"
    );
    let word = format!("{form}&pending_invoice_items_behavior=include_and_require");
    let fault = refused(&mut core, "POST", "/v1/invoices", &word);
    assert_eq!(fault.param.as_deref(), Some("pending_invoice_items_behavior"));
    let invoice = api::call(&mut core, old, "POST", "/v1/invoices", &form).unwrap();
    assert_eq!(invoice["total"], 300);
    let form = format!("{form}&pending_invoice_items_behavior=include");
    let invoice = api::call(&mut core, old, "POST", "/v1/invoices", &form).unwrap();
    assert_eq!(invoice["total"], 0);
}
