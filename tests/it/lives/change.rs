//! Prices, plans and ends that change.

use stripe_simulator::core::{
    Interval, ItemChange, NewPhase, NewPrice, PhaseEnd, PhaseItem, Proration, ScheduleChange,
    SubscriptionChange, When,
};
use tollgate::api::grpc::proto::line_item::Price;
use tollgate::api::grpc::proto::{CreateCheckoutRequest, LineItem, Reason};
use tonic::Code;
use tonic_types::StatusExt;

use super::life::{DAY, HOUR, Life, MINUTE, announced, id, item, new};
use crate::support::order;

fn checkout(customer: &str) -> CreateCheckoutRequest {
    CreateCheckoutRequest {
        line_items: vec![LineItem {
            price: Some(Price::LookupKey("team".into())),
            quantity: Some(2),
        }],
        ..order(customer, customer)
    }
}

/// docs.stripe.com/products-prices/manage-prices, "Lookup keys"
#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_raised_by_moving_its_lookup_key_and_who_pays_the_old_one_keeps_the_plan() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    life.until("sso", Reason::Active).await;
    let raised = life.app.stripe(|stripe| {
        let old = item(stripe, "team", 1).0;
        let product = stripe.get(&old).unwrap()["product"].as_str().unwrap().to_owned();
        let price = stripe.create_price(NewPrice {
            product,
            unit_amount: 3_000,
            recurring: Some((Interval::Month, 1)),
            lookup_key: Some("team".into()),
            transfer_lookup_key: true,
            ..NewPrice::default()
        });
        id(&price.unwrap())
    });
    // The renewal tells the old price, which has no lookup key any more.
    life.never_without("sso", life.period_end() + DAY, DAY).await;
    life.settled().await;
    let price = &life.shown()["items"]["data"][0]["price"];
    assert!(
        price["lookup_key"].is_null() && price["id"] != raised.as_str(),
        "{price}"
    );
    assert_eq!(
        (life.reason("sso").await, life.seats().await),
        (Reason::Active, 5)
    );
    // Who buys now buys the new one.
    let page = life
        .app
        .client()
        .await
        .create_checkout(checkout("newcomer"))
        .await
        .unwrap();
    let session = page.into_inner().checkout.unwrap().id;
    life.app.stripe(|stripe| stripe.pay_session(&session)).unwrap();
    life.settled().await;
    let of_newcomer = life.get_of("newcomer", "sso").await;
    assert_eq!(of_newcomer.reason(), Reason::Active);
    let bought = life.app.stripe(|stripe| {
        let session = stripe.get(&session).unwrap();
        let subscription = session["subscription"].as_str().unwrap();
        stripe.get(subscription).unwrap()["items"]["data"][0]["price"]["id"].clone()
    });
    assert_eq!(bought, raised.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_price_is_kept_by_who_pays_it_and_sold_to_nobody() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    life.until("sso", Reason::Active).await;
    life.app.stripe(|stripe| {
        let price = item(stripe, "team", 1).0;
        stripe.archive_price(&price).unwrap();
    });
    let refused = life
        .app
        .client()
        .await
        .create_checkout(checkout("newcomer"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    assert_eq!(refused.get_details_error_info().unwrap().reason, "PRICE_ARCHIVED");
    life.never_without("sso", life.period_end() + 2 * DAY, DAY).await;
    life.settled().await;
    assert_eq!(
        (life.reason("sso").await, life.seats().await),
        (Reason::Active, 5)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_moved_to_a_product_outside_the_catalog_gives_nothing_and_back_again_does() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    life.until("sso", Reason::Active).await;
    let (inside, outside) = life.app.stripe(|stripe| {
        let product = id(&stripe.create_product("Nothing of ours").unwrap());
        let price = stripe.create_price(NewPrice {
            product,
            unit_amount: 2_000,
            recurring: Some((Interval::Month, 1)),
            ..NewPrice::default()
        });
        (item(stripe, "team", 1).0, id(&price.unwrap()))
    });
    for (price, reason) in [(outside, Reason::NoPlan), (inside, Reason::Active)] {
        life.change(SubscriptionChange {
            items: vec![ItemChange {
                price: Some(price),
                ..life.first_item()
            }],
            ..SubscriptionChange::default()
        });
        life.settled().await;
        assert_eq!(life.reason("sso").await, reason);
    }
    assert_eq!(life.seats().await, 5);
}

/// docs.stripe.com/billing/subscriptions/subscription-schedules
#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_that_is_scheduled_for_the_periods_end_changes_nothing_before() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    life.until("sso", Reason::Active).await;
    let end = life.period_end();
    life.app.stripe(|stripe| {
        let schedule = id(&stripe.schedule_subscription(&life.subscription).unwrap());
        let phase = |(price, quantity), end| NewPhase {
            start: None,
            end,
            items: vec![PhaseItem { price, quantity }],
            metadata: Default::default(),
            proration: Proration::None,
        };
        let phases = vec![
            phase(item(stripe, "team", 5), Some(PhaseEnd::At(end))),
            phase(item(stripe, "small", 2), None),
        ];
        let change = ScheduleChange {
            phases: Some(phases),
            ..ScheduleChange::default()
        };
        stripe.update_schedule(&schedule, change).unwrap();
    });
    life.settled().await;
    life.never_without("sso", end - MINUTE, DAY).await;
    assert_eq!(
        (life.reason("sso").await, life.seats().await),
        (Reason::Active, 5)
    );
    life.at(end + 2 * HOUR);
    life.settled().await;
    assert_eq!(
        (life.reason("sso").await, life.seats().await),
        (Reason::NoPlan, 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_cancellation_back_one_minute_before_the_end_keeps_access_though_the_event_is_late() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    life.until("sso", Reason::Active).await;
    let end = life.period_end();
    let ends = |end| SubscriptionChange {
        end: Some(end),
        ..SubscriptionChange::default()
    };
    life.change(ends(When::PeriodEnd));
    life.settled().await;
    assert_eq!(announced(&life.get("sso").await), [Reason::Canceled]);
    life.at(end - MINUTE);
    life.late(MINUTE + 2 * HOUR).await;
    life.change(ends(When::Never));
    assert_eq!(
        announced(&life.get("sso").await),
        [Reason::Canceled],
        "not heard of yet"
    );
    life.never_without("sso", end, 20).await;
    // Stripe is asked at the instant itself; the ten minutes are for its answer.
    crate::support::eventually("Stripe was asked", async || {
        (announced(&life.get("sso").await) == [Reason::Unconfirmed]).then_some(())
    })
    .await;
    life.never_without("sso", end + 3 * HOUR, MINUTE * 10).await;
    life.settled().await;
    assert_eq!(
        (life.reason("sso").await, life.seats().await),
        (Reason::Active, 5)
    );
}
