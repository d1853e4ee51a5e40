//! Active entitlements, and the summary that tells of them.

use serde_json::{Value, json};

use crate::support::{Stripe, id};

const DAY: i64 = 86_400;
const SUMMARY: &str = "entitlements.active_entitlement_summary.updated";

async fn feature(stripe: &Stripe, key: &str) -> String {
    let form = format!("lookup_key={key}&name={key}&metadata[a]=b");
    id(&stripe.post("/v1/entitlements/features", &form).await.ok())
}

async fn attach(stripe: &Stripe, product: &str, feature: &str) -> String {
    let path = format!("/v1/products/{product}/features");
    id(&stripe
        .post(&path, &format!("entitlement_feature={feature}"))
        .await
        .ok())
}

async fn product_of(stripe: &Stripe, price: &str) -> String {
    let price = stripe.get(&format!("/v1/prices/{price}")).await.ok();
    price["product"].as_str().unwrap().to_owned()
}

async fn subscribe(stripe: &Stripe, customer: &str, price: &str, more: &str) -> String {
    let form = format!("customer={customer}&items[0][price]={price}{more}");
    id(&stripe.post("/v1/subscriptions", &form).await.ok())
}

async fn keys(stripe: &Stripe, customer: &str) -> Vec<String> {
    let path = format!("/v1/entitlements/active_entitlements?customer={customer}&limit=100");
    let list = stripe.get(&path).await.ok();
    let keys = list["data"].as_array().unwrap().iter();
    keys.map(|it| it["lookup_key"].as_str().unwrap().to_owned())
        .collect()
}

async fn summaries(stripe: &Stripe) -> Vec<Value> {
    let events = stripe
        .get(&format!("/v1/events?type={SUMMARY}&limit=100"))
        .await
        .ok();
    let mut events = events["data"].as_array().unwrap().clone();
    events.reverse();
    events
}

async fn payer(stripe: &Stripe) -> String {
    id(&stripe
        .post(
            "/v1/customers",
            "invoice_settings[default_payment_method]=pm_card_visa&payment_method=pm_card_visa",
        )
        .await
        .ok())
}

#[tokio::test]
async fn a_subscription_entitles_and_its_end_takes_away() {
    let stripe = Stripe::start().await;
    let (price, customer) = (stripe.monthly_price().await, payer(&stripe).await);
    let product = product_of(&stripe, &price).await;
    let sso = feature(&stripe, "sso").await;
    attach(&stripe, &product, &sso).await;
    let first = subscribe(&stripe, &customer, &price, "").await;
    let second = subscribe(&stripe, &customer, &price, "").await;
    let list = stripe
        .get(&format!(
            "/v1/entitlements/active_entitlements?customer={customer}&expand[]=data.feature"
        ))
        .await
        .ok();
    let entitlement = &list["data"][0];
    assert_eq!(
        list["data"].as_array().unwrap().len(),
        1,
        "one feature, however many subscriptions"
    );
    assert_eq!(
        (&entitlement["lookup_key"], &entitlement["feature"]["id"]),
        (&json!("sso"), &json!(sso))
    );
    let one = stripe
        .get(&format!(
            "/v1/entitlements/active_entitlements/{}",
            id(entitlement)
        ))
        .await
        .ok();
    assert_eq!(one["feature"], sso);
    stripe
        .send("DELETE", &format!("/v1/subscriptions/{first}"), "", &[])
        .await
        .ok();
    assert_eq!(keys(&stripe, &customer).await, ["sso"]);
    stripe
        .send("DELETE", &format!("/v1/subscriptions/{second}"), "", &[])
        .await
        .ok();
    assert!(keys(&stripe, &customer).await.is_empty());
    let told = summaries(&stripe).await;
    assert_eq!(told.len(), 2, "of changes alone");
    let shown = &told[0]["data"]["object"];
    assert_eq!(
        (&shown["object"], &shown["customer"]),
        (
            &json!("entitlements.active_entitlement_summary"),
            &json!(customer)
        )
    );
    assert_eq!(shown["entitlements"]["data"][0]["feature"], sso);
    assert_eq!(told[1]["data"]["object"]["entitlements"]["data"], json!([]));
    assert_eq!(
        told[1]["data"]["previous_attributes"]["entitlements"]["data"],
        shown["entitlements"]["data"]
    );
}

#[tokio::test]
async fn the_embedded_list_shows_ten_and_says_that_there_are_more() {
    let stripe = Stripe::start().await;
    let (price, customer) = (stripe.monthly_price().await, payer(&stripe).await);
    let product = product_of(&stripe, &price).await;
    for n in 0..12 {
        let feature = feature(&stripe, &format!("f{n}")).await;
        attach(&stripe, &product, &feature).await;
    }
    subscribe(&stripe, &customer, &price, "").await;
    let told = summaries(&stripe).await;
    let embedded = &told[0]["data"]["object"]["entitlements"];
    assert_eq!(
        (embedded["data"].as_array().unwrap().len(), &embedded["has_more"]),
        (10, &json!(true))
    );
    let path = format!("/v1/entitlements/active_entitlements?customer={customer}&limit=7");
    let first = stripe.get(&path).await.ok();
    assert_eq!(first["has_more"], true);
    let last = id(first["data"].as_array().unwrap().last().unwrap());
    let rest = stripe.get(&format!("{path}&starting_after={last}")).await.ok();
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["has_more"]),
        (5, &json!(false))
    );
    stripe
        .get("/v1/entitlements/active_entitlements?customer=cus_none")
        .await
        .error(400);
}

#[tokio::test]
async fn a_feature_that_is_attached_or_detached_later_counts_from_the_next_period_on() {
    let stripe = Stripe::start().await;
    let (price, customer) = (stripe.monthly_price().await, payer(&stripe).await);
    let product = product_of(&stripe, &price).await;
    let (old, new) = (feature(&stripe, "old").await, feature(&stripe, "new").await);
    let attached = attach(&stripe, &product, &old).await;
    subscribe(&stripe, &customer, &price, "").await;
    attach(&stripe, &product, &new).await;
    let path = format!("/v1/products/{product}/features/{attached}");
    assert_eq!(stripe.get(&path).await.ok()["entitlement_feature"]["id"], old);
    let gone = stripe.send("DELETE", &path, "", &[]).await.ok();
    assert_eq!(
        gone,
        json!({ "id": attached, "object": "product_feature", "deleted": true })
    );
    stripe.get(&path).await.error(404);
    assert_eq!(keys(&stripe, &customer).await, ["old"]);
    stripe.running.advance(32 * DAY);
    assert_eq!(keys(&stripe, &customer).await, ["new"]);
}

#[tokio::test]
async fn what_is_not_paid_for_at_first_entitles_to_nothing_and_what_is_paused_goes_on() {
    let stripe = Stripe::start().await;
    let (price, customer) = (stripe.monthly_price().await, payer(&stripe).await);
    let product = product_of(&stripe, &price).await;
    let sso = feature(&stripe, "sso").await;
    attach(&stripe, &product, &sso).await;
    subscribe(&stripe, &customer, &price, "&payment_behavior=default_incomplete").await;
    assert!(keys(&stripe, &customer).await.is_empty());
    let cardless = id(&stripe.post("/v1/customers", "").await.ok());
    let trial = "&trial_period_days=3&trial_settings[end_behavior][missing_payment_method]=pause";
    let subscription = subscribe(&stripe, &cardless, &price, trial).await;
    assert_eq!(keys(&stripe, &cardless).await, ["sso"]);
    stripe.running.advance(4 * DAY);
    let paused = stripe
        .get(&format!("/v1/subscriptions/{subscription}"))
        .await
        .ok();
    assert_eq!(paused["status"], "paused");
    assert_eq!(keys(&stripe, &cardless).await, ["sso"]);
}

#[tokio::test]
async fn an_archived_feature_is_not_attached_any_more_and_frees_its_key() {
    let stripe = Stripe::start().await;
    stripe.monthly_price().await;
    let product = id(&stripe.get("/v1/products").await.ok()["data"][0]);
    let sso = feature(&stripe, "sso").await;
    attach(&stripe, &product, &sso).await;
    let path = format!("/v1/products/{product}/features");
    stripe
        .post(&path, &format!("entitlement_feature={sso}"))
        .await
        .error(400);
    let archived = stripe
        .post(
            &format!("/v1/entitlements/features/{sso}"),
            "active=false&name=Old&metadata[a]=",
        )
        .await
        .ok();
    assert_eq!(
        (&archived["active"], &archived["name"], &archived["metadata"]),
        (&json!(false), &json!("Old"), &json!({}))
    );
    assert_eq!(
        stripe.get(&format!("/v1/entitlements/features/{sso}")).await.ok(),
        archived
    );
    let other = feature(&stripe, "sso").await;
    let living = stripe
        .get("/v1/entitlements/features?archived=false&lookup_key=sso")
        .await
        .ok();
    assert_eq!(
        living["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(id)
            .collect::<Vec<_>>(),
        [other]
    );
    let error = stripe
        .post(&path, &format!("entitlement_feature={sso}"))
        .await
        .error(400);
    assert_eq!(error["param"], "entitlement_feature");
}
