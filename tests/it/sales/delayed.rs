//! SEPA Direct Debit: the money comes days later, or does not.
//! docs.stripe.com/billing/subscriptions/sepa-debit, docs.stripe.com/checkout/fulfillment

use tollgate::api::grpc::proto::{Access, Reason};

use super::shop::{DAY, MINUTE, Shop, id, option};

/// docs.stripe.com/payments/sepa-debit/accept-a-payment: by IBAN, what becomes of the debit after some minutes.
const SETTLES: &str = "pm_successDelayed_de";
const FAILS: &str = "pm_failedDelayed_de";

const LATER: i64 = 4 * MINUTE;

#[tokio::test]
async fn a_sepa_subscription_has_access_while_its_first_payment_processes_and_when_it_has_settled() {
    let shop = Shop::open().await;
    shop.buy_with(SETTLES, &[("team_monthly", 5)]).await;
    assert_eq!(
        shop.until("sso", Reason::Processing).await.access(),
        Access::Granted
    );
    shop.advance(LATER);
    shop.until("sso", Reason::Active).await;
    // The renewal's debit processes as well, and that is not asked again.
    shop.advance(31 * DAY);
    let subscription = id(&shop.newest("sub_"));
    shop.heard_of(&[&subscription]).await;
    assert_eq!(shop.reason("sso").await, Reason::Active);
}

#[tokio::test]
async fn a_sepa_subscription_of_a_strict_plan_waits_for_the_money() {
    let shop = Shop::open().await;
    shop.buy_with(SETTLES, &[("strict_monthly", 1)]).await;
    let waiting = shop.until("export", Reason::PaymentPending).await;
    assert_eq!(waiting.access(), Access::Denied);
    shop.advance(LATER);
    shop.until("export", Reason::Active).await;
}

#[tokio::test]
async fn a_sepa_subscription_whose_first_payment_fails_has_no_access_in_either_mode() {
    for (sold, feature, meanwhile) in [
        ("team_monthly", "sso", Reason::Processing),
        ("strict_monthly", "export", Reason::PaymentPending),
    ] {
        let shop = Shop::open().await;
        shop.buy_with(FAILS, &[(sold, 1)]).await;
        shop.until(feature, meanwhile).await;
        shop.advance(LATER);
        assert_eq!(
            shop.until(feature, Reason::PaymentFailed).await.access(),
            Access::Denied
        );
    }
}

#[tokio::test]
async fn a_sepa_purchase_waits_for_the_money_and_one_that_fails_gets_nothing() {
    for (method, after) in [(SETTLES, Reason::Purchased), (FAILS, Reason::PaymentFailed)] {
        let shop = Shop::open().await;
        shop.buy_with(method, &[("month", 1)]).await;
        let waiting = shop.until("export", Reason::PaymentPending).await;
        assert_eq!(waiting.access(), Access::Denied);
        shop.advance(LATER);
        shop.until("export", after).await;
    }
}

#[tokio::test]
async fn a_sepa_purchase_of_a_trusting_plan_has_access_at_once_and_loses_it_when_the_debit_fails() {
    for (method, after, support) in [
        (SETTLES, Reason::Purchased, "email"),
        (FAILS, Reason::Default, "community"),
    ] {
        let shop = Shop::open().await;
        shop.buy_with(method, &[("trusting", 1)]).await;
        assert_eq!(option(&shop.until("support", Reason::Processing).await), "email");
        shop.advance(LATER);
        assert_eq!(option(&shop.until("support", after).await), support);
    }
}

#[tokio::test]
async fn a_plan_of_30_days_begins_when_it_is_paid_not_when_the_page_was_opened() {
    let shop = Shop::open().await;
    let session = shop.checkout("acme", "order-1", &[("month", 1)]).await;
    shop.advance(23 * 60 * MINUTE);
    let paid_at = shop.stripe(|stripe| {
        stripe.pay_session(&session).unwrap();
        stripe.now()
    });
    shop.until("export", Reason::Purchased).await;
    shop.heard_of(&[&session, &id(&shop.newest("ch_"))]).await;
    let ends = shop.get("acme", "export").await.next_change_time.unwrap().seconds;
    assert!(
        (paid_at + 30 * DAY..=paid_at + 30 * DAY + 5).contains(&ends),
        "{ends} of {paid_at}"
    );
}
