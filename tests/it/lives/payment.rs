//! Payments that fail, and invoices that are put right by hand: what was paid for counts.

use stripe_simulator::core::{
    ItemChange, NewSubscription, OneOffInvoice, Outcome, PaymentBehavior, Proration, SubscriptionChange,
};
use tollgate::api::grpc::proto::{Access, Reason};

use super::life::{DAY, HOUR, Life, MINUTE, announced, id, item, new};

/// docs.stripe.com/billing/subscriptions/mixed-interval
#[tokio::test(flavor = "multi_thread")]
async fn a_monthly_add_on_whose_payment_fails_does_not_take_the_base_that_is_paid_for_a_year() {
    let life = Life::of(|stripe| NewSubscription {
        items: vec![item(stripe, "base", 1), item(stripe, "addon", 1)],
        ..NewSubscription::default()
    })
    .await;
    life.until("sso", Reason::Active).await;
    life.until("storage", Reason::Active).await;
    let bought = life.now();
    life.payments(Outcome::Decline);
    life.at(bought + 32 * DAY);
    life.settled().await;
    assert_eq!(life.shown()["status"], "past_due");
    assert_eq!(life.reason("sso").await, Reason::InGrace);
    assert_eq!(life.reason("storage").await, Reason::InGrace);
    // The grace of three days is over; then Stripe has given up, and ends the subscription.
    for (days, status) in [(36, "past_due"), (45, "canceled")] {
        life.at(bought + days * DAY);
        life.settled().await;
        assert_eq!(life.shown()["status"], status);
        let base = life.until("sso", Reason::PaidThrough).await;
        assert_eq!(base.access(), Access::Granted);
        assert_eq!(life.get("storage").await.access(), Access::Denied, "{status}");
    }
    // As long as it is paid for, and no longer.
    life.never_without("sso", bought + 60 * DAY, DAY).await;
    life.at(bought + 364 * DAY);
    assert_eq!(life.reason("sso").await, Reason::PaidThrough);
    life.never_without("sso", bought + 364 * DAY + HOUR, HOUR).await;
    life.at(bought + 366 * DAY);
    assert_eq!(life.get("sso").await.access(), Access::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_from_5_seats_to_500_whose_invoice_is_declined_5_seats_count() {
    let life = Life::of(|stripe| new(stripe, "team", 5)).await;
    life.until("sso", Reason::Active).await;
    life.at(life.now() + 10 * DAY);
    life.payments(Outcome::Decline);
    let many = ItemChange {
        quantity: Some(500),
        ..life.first_item()
    };
    life.change(SubscriptionChange {
        items: vec![many],
        proration: Proration::AlwaysInvoice,
        ..SubscriptionChange::default()
    });
    life.settled().await;
    let shown = life.shown();
    assert_eq!(
        (&shown["status"], &shown["items"]["data"][0]["quantity"]),
        (&"past_due".into(), &500.into())
    );
    assert_eq!(
        (life.reason("sso").await, life.seats().await),
        (Reason::InGrace, 5)
    );
    // Paid at last, and then 500 do.
    life.payments(Outcome::Succeed);
    let invoice = life.latest_invoice();
    life.app.stripe(|stripe| stripe.pay_invoice(&invoice)).unwrap();
    life.settled().await;
    assert_eq!(
        (life.reason("sso").await, life.seats().await),
        (Reason::Active, 500)
    );
}

/// docs.stripe.com/billing/subscriptions/pending-updates
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_whose_3d_secure_is_abandoned_leaves_the_old_plan() {
    let life = Life::of(|stripe| new(stripe, "small", 3)).await;
    life.until("seats", Reason::Active).await;
    let begun = life.now();
    let team = life.app.stripe(|stripe| item(stripe, "team", 3).0);
    life.app.stripe(|stripe| {
        let method = stripe
            .attach_payment_method("pm_card_authenticationRequired", &life.stripe_customer)
            .unwrap();
        let change = SubscriptionChange {
            payment_method: Some(id(&method)),
            ..SubscriptionChange::default()
        };
        stripe.update_subscription(&life.subscription, change).unwrap();
    });
    life.change(SubscriptionChange {
        items: vec![ItemChange {
            price: Some(team),
            ..life.first_item()
        }],
        proration: Proration::AlwaysInvoice,
        payment_behavior: PaymentBehavior::PendingIfIncomplete,
        ..SubscriptionChange::default()
    });
    life.settled().await;
    assert!(life.shown()["pending_update"].is_object());
    assert_eq!(
        (life.reason("sso").await, life.seats().await),
        (Reason::NoPlan, 3)
    );
    // After 23 hours Stripe drops it.
    life.at(begun + 24 * HOUR);
    life.settled().await;
    assert!(life.shown()["pending_update"].is_null());
    assert_eq!(
        (life.reason("sso").await, life.seats().await),
        (Reason::NoPlan, 3)
    );
    assert_eq!(life.reason("seats").await, Reason::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_with_the_wrong_vat_is_voided_and_issued_anew_and_nobody_is_locked_out() {
    let life = Life::of(|stripe| NewSubscription {
        days_until_due: Some(14),
        ..new(stripe, "team", 5)
    })
    .await;
    let first = life.latest_invoice();
    life.app.stripe(|stripe| stripe.pay_invoice(&first)).unwrap();
    life.until("sso", Reason::Active).await;
    // The renewal's invoice is not paid: its VAT is wrong.
    let renewal = life.period_end();
    life.never_without("sso", renewal + 16 * DAY, DAY).await;
    life.settled().await;
    assert_eq!(life.shown()["status"], "past_due");
    let grace = life.get("sso").await;
    assert_eq!(
        (grace.reason(), announced(&grace)),
        (Reason::InGrace, vec![Reason::PaymentFailed])
    );
    let wrong = life.latest_invoice();
    life.app.stripe(|stripe| {
        stripe.void_open_invoice(&wrong).unwrap();
        let anew = OneOffInvoice {
            customer: life.stripe_customer.clone(),
            ..OneOffInvoice::default()
        };
        stripe.create_invoice(anew).unwrap();
    });
    life.never_without("sso", life.now() + HOUR, MINUTE).await;
    life.settled().await;
    // Also after what would have been the grace's end.
    life.never_without("sso", renewal + 29 * DAY, DAY).await;
    life.until("sso", Reason::Active).await;
    assert_eq!(life.seats().await, 5);
}
