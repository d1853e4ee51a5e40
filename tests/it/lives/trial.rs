//! Trials and pauses, and what comes after them.

use stripe_simulator::core::{
    CycleAnchor, MissingPaymentMethod, NewSubscription, Outcome, Pause, PauseBehavior, SubscriptionChange,
};
use tollgate::api::grpc::proto::Reason;

use super::life::{DAY, HOUR, Life, MINUTE, announced, new};

async fn on_trial() -> Life {
    let life = Life::of(|stripe| NewSubscription {
        trial_days: Some(14),
        ..new(stripe, "team", 5)
    })
    .await;
    life.until("sso", Reason::Trialing).await;
    life
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_converts_and_its_event_comes_20_seconds_late_and_there_is_never_a_no() {
    let life = on_trial().await;
    let end = life.period_end();
    life.at(end - 10);
    life.settled().await;
    life.late(10 + 20).await;
    life.never_without("sso", end + 19, 1).await;
    life.at(end + 21);
    life.until("sso", Reason::Active).await;
    assert_eq!(life.seats().await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_converts_and_its_event_comes_an_hour_late_and_there_is_never_a_no() {
    let life = on_trial().await;
    let end = life.period_end();
    life.at(end - MINUTE);
    life.settled().await;
    life.late(MINUTE + HOUR).await;
    life.never_without("sso", end + HOUR - 1, 4 * MINUTE).await;
    assert_eq!(
        life.reason("sso").await,
        Reason::Trialing,
        "nothing was heard yet"
    );
    life.at(end + HOUR + 1);
    life.until("sso", Reason::Active).await;
}

/// The method is the customer's, as where a card was on file before: docs.stripe.com/billing/subscriptions/overview says
/// that the customer's default pays when the subscription has none of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_would_be_canceled_without_a_card_converts_by_the_customers_own_while_stripe_is_away() {
    let life = Life::of(|stripe| NewSubscription {
        trial_days: Some(14),
        missing_payment_method: MissingPaymentMethod::Cancel,
        ..new(stripe, "team", 5)
    })
    .await;
    life.until("sso", Reason::Trialing).await;
    let end = life.period_end();
    life.at(end - MINUTE);
    life.settled().await;
    life.no_events().await;
    life.wrong(serde_json::json!({"status": 503})).await;
    life.never_without("sso", end + HOUR, 5 * MINUTE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_ends_and_its_first_charge_fails_and_there_is_no_grace_for_who_never_paid() {
    let life = on_trial().await;
    life.payments(Outcome::Decline);
    life.at(life.period_end() + 2 * HOUR);
    life.settled().await;
    assert_eq!(life.shown()["status"], "past_due");
    assert_eq!(life.reason("sso").await, Reason::PaymentFailed);
    // The card is changed and the invoice paid.
    life.payments(Outcome::Succeed);
    let invoice = life.latest_invoice();
    life.app.stripe(|stripe| stripe.pay_invoice(&invoice)).unwrap();
    life.until("sso", Reason::Active).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_without_a_card_pauses_and_a_resumption_whose_payment_fails_gives_nothing() {
    let life = Life::paying_with(None, |stripe| NewSubscription {
        trial_days: Some(14),
        missing_payment_method: MissingPaymentMethod::Pause,
        ..new(stripe, "team", 5)
    })
    .await;
    let answer = life.until("sso", Reason::Trialing).await;
    assert_eq!(announced(&answer), [Reason::Paused]);
    life.at(life.period_end() + MINUTE);
    life.until("sso", Reason::Paused).await;

    let declined = "pm_card_chargeCustomerFail";
    life.app.stripe(|stripe| {
        let method = stripe
            .attach_payment_method(declined, &life.stripe_customer)
            .unwrap();
        let method = super::life::id(&method);
        let change = SubscriptionChange {
            payment_method: Some(method),
            ..SubscriptionChange::default()
        };
        stripe.update_subscription(&life.subscription, change).unwrap();
        stripe
            .resume_subscription(&life.subscription, CycleAnchor::Now)
            .unwrap();
    });
    life.settled().await;
    assert_eq!(life.shown()["status"], "past_due");
    assert_eq!(life.reason("sso").await, Reason::PaymentFailed);

    life.payments(Outcome::Succeed);
    let invoice = life.latest_invoice();
    life.app.stripe(|stripe| stripe.pay_invoice(&invoice)).unwrap();
    life.until("sso", Reason::Active).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_collection_is_paused_and_invoices_are_voided_access_is_kept() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    life.change(SubscriptionChange {
        pause: Some(Some(Pause {
            behavior: PauseBehavior::Void,
            resumes_at: None,
        })),
        ..SubscriptionChange::default()
    });
    life.never_without("sso", life.now() + 70 * DAY, DAY).await;
    life.settled().await;
    let invoice = life.latest_invoice();
    let invoice = life.app.stripe(|stripe| stripe.get(&invoice)).unwrap();
    assert_eq!((&invoice["status"], life.seats().await), (&"void".into(), 5));
    assert_eq!(life.reason("sso").await, Reason::Active);
}
