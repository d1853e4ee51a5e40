//! What this version of Tollgate does not know yet, and lists that Stripe cuts.

use http::StatusCode;
use serde_json::{Value, json};
use stripe_simulator::core::{Interval, ItemChange, NewPrice, SubscriptionChange};
use tollgate::api::grpc::proto::{Access, Reason};

use super::life::{Life, MINUTE, id, item, new};
use crate::support::{SECRET, eventually};

/// Tells it of the subscription as an API version of the future would, and waits until that is learned.
async fn tell(life: &Life, number: u32, subscription: Value) {
    let before = life.app.store().inbox_counts().await.unwrap().applied;
    let body = json!({"id": format!("evt_future_{number}"), "object": "event", "created": life.now(), "livemode": false,
        "api_version": "2031-02-28.juniper", "type": "customer.subscription.updated",
        "data": {"object": subscription, "previous_attributes": {}}, "orbit": {"of": ["the future"]}});
    let (url, body) = (life.app.webhook_url(), body.to_string().into());
    assert_eq!(
        life.app.http.event(&url, SECRET, body).await.unwrap(),
        StatusCode::OK
    );
    eventually("it is learned", async || {
        let inbox = life.app.store().inbox_counts().await.unwrap();
        (inbox.applied > before).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_an_api_version_of_the_future_is_read_for_what_it_says() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    life.at(life.now() + MINUTE);
    life.no_events().await;
    life.wrong(json!({"status": 503})).await;
    let mut shown = life.shown();
    shown["items"]["data"][0]["quantity"] = json!(7);
    shown["orbit"] = json!({"of": ["things", "to", "come"]});
    tell(&life, 1, shown).await;
    assert_eq!(
        (life.seats().await, life.reason("sso").await),
        (7, Reason::Active)
    );
    // Of another shape altogether: nothing is taken back, and Stripe is asked.
    life.at(life.now() + MINUTE);
    let mut shown = life.shown();
    shown["items"] = json!("see /v3/items");
    shown["plan"] = Value::Null;
    tell(&life, 2, shown).await;
    assert_eq!(
        (life.seats().await, life.reason("sso").await),
        (7, Reason::Active)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_not_known_keeps_what_was_and_gives_nothing_new() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    life.at(life.now() + MINUTE);
    life.wrong(json!({"status": 503})).await;
    let mut shown = life.shown();
    shown["status"] = json!("hibernating");
    shown["items"]["data"][0]["quantity"] = json!(500);
    tell(&life, 1, shown.clone()).await;
    assert_eq!(
        (life.seats().await, life.get("sso").await.access()),
        (5, Access::Granted)
    );
    // Of a subscription that was never seen otherwise, it gives nothing.
    shown["id"] = json!("sub_of_the_future");
    shown["items"]["data"][0]["id"] = json!("si_of_the_future");
    tell(&life, 2, shown).await;
    assert_eq!(life.seats().await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_twelfth_item_of_a_subscription_counts_though_stripe_shows_ten() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    let items = life.app.stripe(|stripe| {
        let product = id(&stripe.create_product("Extras").unwrap());
        let mut items: Vec<(String, u64)> = (0..10)
            .map(|n| {
                let price = NewPrice {
                    product: product.clone(),
                    unit_amount: 100 + n,
                    recurring: Some((Interval::Month, 1)),
                    ..NewPrice::default()
                };
                (id(&stripe.create_price(price).unwrap()), 1)
            })
            .collect();
        items.push(item(stripe, "addon", 1));
        items
    });
    let added = |(price, quantity)| ItemChange {
        price: Some(price),
        quantity: Some(quantity),
        ..ItemChange::default()
    };
    life.no_events().await;
    life.at(life.now() + MINUTE);
    life.change(SubscriptionChange {
        items: items.into_iter().map(added).collect(),
        ..SubscriptionChange::default()
    });
    let mut shown = life.shown();
    let items = shown["items"]["data"].as_array_mut().unwrap();
    assert_eq!(items.len(), 12);
    items.truncate(10);
    shown["items"]["has_more"] = json!(true);
    tell(&life, 1, shown).await;
    life.until("storage", Reason::Active).await;
    assert_eq!(life.seats().await, 5);
}
