//! Customers on a test clock live in its time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use crate::support::{CARD, Stripe, id};

const DAY: i64 = 86_400;
/// 1 January 2030.
const FROZEN: i64 = 1_893_456_000;

async fn clock(stripe: &Stripe) -> String {
    let form = format!("frozen_time={FROZEN}&name=A%20year");
    let clock = stripe.post("/v1/test_helpers/test_clocks", &form).await.ok();
    assert_eq!(clock["status"], "ready");
    assert_eq!(clock["frozen_time"], FROZEN);
    id(&clock)
}

async fn customer_on(stripe: &Stripe, clock: &str) -> Value {
    let form = format!("test_clock={clock}&{CARD}");
    stripe.post("/v1/customers", &form).await.ok()
}

async fn subscribe(stripe: &Stripe, customer: &str, price: &str) -> Value {
    let form = format!("customer={customer}&items[0][price]={price}");
    stripe.post("/v1/subscriptions", &form).await.ok()
}

async fn advance(stripe: &Stripe, clock: &str, to: i64) -> Value {
    let path = format!("/v1/test_helpers/test_clocks/{clock}");
    let form = format!("frozen_time={to}");
    stripe.post(&format!("{path}/advance"), &form).await.ok()
}

fn count(list: &Value) -> usize {
    list["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_customer_on_a_clock_lives_in_its_time_and_others_do_not() {
    let stripe = Stripe::start().await;
    let (clock, price) = (clock(&stripe).await, stripe.monthly_price().await);
    let customer = customer_on(&stripe, &clock).await;
    assert_eq!(
        (&customer["created"], &customer["test_clock"]),
        (&FROZEN.into(), &clock.clone().into())
    );
    let bystander = id(&stripe.post("/v1/customers", CARD).await.ok());
    let other = subscribe(&stripe, &bystander, &price).await;
    let subscription = subscribe(&stripe, &id(&customer), &price).await;
    assert_eq!(subscription["test_clock"], clock);
    assert_eq!(
        subscription["items"]["data"][0]["current_period_end"],
        FROZEN + 31 * DAY
    );

    let advancing = advance(&stripe, &clock, FROZEN + 32 * DAY).await;
    assert_eq!(advancing["status"], "advancing");
    assert_eq!(advancing["frozen_time"], FROZEN);
    let target = &advancing["status_details"]["advancing"]["target_frozen_time"];
    assert_eq!(*target, FROZEN + 32 * DAY);
    let ready = stripe
        .get(&format!("/v1/test_helpers/test_clocks/{clock}"))
        .await
        .ok();
    assert_eq!(
        (&ready["status"], &ready["frozen_time"]),
        (&"ready".into(), &(FROZEN + 32 * DAY).into())
    );

    let invoices = stripe
        .get(&format!("/v1/invoices?subscription={}", id(&subscription)))
        .await
        .ok();
    assert_eq!(count(&invoices), 2);
    assert_eq!(invoices["data"][0]["created"], FROZEN + 31 * DAY);
    assert_eq!(
        invoices["data"][0]["status"], "paid",
        "finalized an hour later, by the clock"
    );
    assert_eq!(invoices["data"][0]["test_clock"], clock);
    let unmoved = stripe
        .get(&format!("/v1/subscriptions/{}", id(&other)))
        .await
        .ok();
    assert_eq!(unmoved, other);
    let now = stripe.running.with(|core| core.now());
    assert!(now < FROZEN, "the account's time did not move");
    let told = stripe
        .get("/v1/events?types[]=test_helpers.*&limit=100")
        .await
        .ok();
    let kinds: Vec<_> = told["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    let prefix = "test_helpers.test_clock.";
    let wanted = ["ready", "advancing", "created"].map(|it| format!("{prefix}{it}"));
    assert_eq!(kinds, wanted);
}

#[tokio::test]
async fn the_accounts_time_does_not_move_what_is_on_a_clock() {
    let stripe = Stripe::start().await;
    let (clock, price) = (clock(&stripe).await, stripe.monthly_price().await);
    let customer = id(&customer_on(&stripe, &clock).await);
    let subscription = subscribe(&stripe, &customer, &price).await;
    stripe.running.advance(20 * DAY);
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    assert_eq!(stripe.get(&path).await.ok(), subscription);
    // What is done to it now is done at the frozen time.
    let canceled = stripe.send("DELETE", &path, "", &[]).await.ok();
    assert_eq!(canceled["ended_at"], FROZEN);
}

#[tokio::test]
async fn what_is_on_a_clock_is_listed_only_when_asked_for() {
    let stripe = Stripe::start().await;
    let (clock, price) = (clock(&stripe).await, stripe.monthly_price().await);
    let customer = id(&customer_on(&stripe, &clock).await);
    subscribe(&stripe, &customer, &price).await;
    for (hidden, asked) in [
        ("/v1/customers", format!("test_clock={clock}")),
        ("/v1/subscriptions", format!("test_clock={clock}")),
        ("/v1/subscriptions", format!("customer={customer}")),
        ("/v1/invoices", format!("customer={customer}")),
    ] {
        assert_eq!(count(&stripe.get(hidden).await.ok()), 0, "{hidden}");
        assert_eq!(
            count(&stripe.get(&format!("{hidden}?{asked}")).await.ok()),
            1,
            "{hidden}?{asked}"
        );
    }
}

#[tokio::test]
async fn a_clock_advances_two_intervals_at_most_and_has_three_customers() {
    let stripe = Stripe::start().await;
    let (clock, price) = (clock(&stripe).await, stripe.monthly_price().await);
    let path = format!("/v1/test_helpers/test_clocks/{clock}/advance");
    let refused = |to: i64| {
        let (stripe, path) = (&stripe, path.clone());
        async move { stripe.post(&path, &format!("frozen_time={to}")).await.error(400) }
    };
    assert_eq!(refused(FROZEN).await["param"], "frozen_time");
    refused(FROZEN + 3 * 366 * DAY).await;
    let customer = id(&customer_on(&stripe, &clock).await);
    subscribe(&stripe, &customer, &price).await;
    refused(FROZEN + 60 * DAY).await;
    advance(&stripe, &clock, FROZEN + 59 * DAY).await;
    customer_on(&stripe, &clock).await;
    customer_on(&stripe, &clock).await;
    let error = stripe
        .post("/v1/customers", &format!("test_clock={clock}"))
        .await
        .error(400);
    assert_eq!(error["param"], "test_clock");
    stripe
        .post("/v1/customers", "test_clock=clock_none")
        .await
        .error(400);
}

#[tokio::test]
async fn with_a_clock_its_customers_go_and_their_subscriptions_end() {
    let stripe = Stripe::start().await;
    let (clock, price) = (clock(&stripe).await, stripe.monthly_price().await);
    let customer = id(&customer_on(&stripe, &clock).await);
    let subscription = id(&subscribe(&stripe, &customer, &price).await);
    let path = format!("/v1/test_helpers/test_clocks/{clock}");
    let deleted = stripe.send("DELETE", &path, "", &[]).await.ok();
    assert_eq!(deleted["deleted"], true);
    let gone = stripe.get(&format!("/v1/customers/{customer}")).await.ok();
    assert_eq!(gone["deleted"], true);
    let ended = stripe
        .get(&format!("/v1/subscriptions/{subscription}"))
        .await
        .ok();
    assert_eq!(
        (&ended["status"], &ended["ended_at"]),
        (&"canceled".into(), &FROZEN.into())
    );
    stripe.get(&path).await.error(404);
    // One that nobody deletes goes after thirty days.
    let left = self::clock(&stripe).await;
    stripe.running.advance(31 * DAY);
    stripe
        .get(&format!("/v1/test_helpers/test_clocks/{left}"))
        .await
        .error(404);
}

#[tokio::test]
async fn a_panic_in_a_clocks_time_leaves_the_accounts() {
    let stripe = Stripe::start().await;
    let clock = clock(&stripe).await;
    let customer = id(&customer_on(&stripe, &clock).await);
    stripe.running.with(|core| {
        let now = core.now();
        let act = AssertUnwindSafe(|| core.in_time_of(&customer, |core| panic!("at {}", core.now())));
        let panic = catch_unwind(act).unwrap_err();
        assert_eq!(*panic.downcast::<String>().unwrap(), format!("at {FROZEN}"));
        assert_eq!(core.now(), now);
        assert_eq!(core.in_time_of(&customer, |core| core.now()), FROZEN);
    });
}
