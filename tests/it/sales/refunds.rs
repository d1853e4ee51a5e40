//! Money given back (docs.stripe.com/refunds).

use tollgate::api::grpc::proto::{Access, Reason};

use super::shop::{DAY, Shop, id, option};

#[tokio::test]
async fn a_goodwill_refund_of_a_running_subscription_ends_nothing() {
    let shop = Shop::open().await;
    let session = shop.buy(&[("team_monthly", 5)]).await;
    shop.until("sso", Reason::Active).await;
    let refund = shop.stripe(|stripe| stripe.refund(&session, None)).unwrap();
    let charge = refund["charge"].as_str().unwrap();
    shop.heard_of(&[charge]).await;
    assert_eq!(shop.reason("sso").await, Reason::Active);
    // It is renewed and paid as before.
    shop.advance(32 * DAY);
    shop.heard_of(&[&id(&shop.newest("sub_")), &id(&shop.newest("in_"))])
        .await;
    assert_eq!(shop.reason("sso").await, Reason::Active);
}

#[tokio::test]
async fn a_plan_that_ends_with_its_refund_ends_until_the_next_period_is_paid() {
    let shop = Shop::open().await;
    let session = shop.buy(&[("strict_monthly", 1)]).await;
    shop.until("export", Reason::Active).await;
    let part = shop.stripe(|stripe| stripe.refund(&session, Some(500))).unwrap();
    shop.heard_of(&[part["charge"].as_str().unwrap()]).await;
    assert_eq!(shop.reason("export").await, Reason::Active, "a part of it");
    shop.stripe(|stripe| stripe.refund(&session, None)).unwrap();
    assert_eq!(
        shop.until("export", Reason::Refunded).await.access(),
        Access::Denied
    );
    shop.advance(32 * DAY);
    shop.until("export", Reason::Active).await;
}

#[tokio::test]
async fn a_refund_that_fails_later_gives_the_purchase_back() {
    let shop = Shop::open().await;
    let session = shop.buy_with("pm_card_refundFail", &[("report", 1)]).await;
    assert_eq!(
        option(&shop.until("support", Reason::Purchased).await),
        "priority"
    );
    shop.stripe(|stripe| stripe.refund(&session, None)).unwrap();
    assert_eq!(option(&shop.until("support", Reason::Default).await), "community");
    // The bank sends it back.
    shop.advance(10 * DAY);
    assert_eq!(
        option(&shop.until("support", Reason::Purchased).await),
        "priority"
    );
}

#[tokio::test]
async fn of_two_items_refunded_for_one_each_goes_by_its_plan() {
    let shop = Shop::open().await;
    let session = shop.buy(&[("month", 1), ("trusting", 1)]).await;
    shop.until("support", Reason::Purchased).await;
    shop.until("export", Reason::Purchased).await;
    // A refund names an amount and no item. It is that of `month`, whose plan ends with all of the payment only; `trusting`
    // ends with any part of it.
    shop.stripe(|stripe| stripe.refund(&session, Some(900))).unwrap();
    assert_eq!(option(&shop.until("support", Reason::Default).await), "community");
    assert_eq!(shop.reason("export").await, Reason::Purchased);
    shop.stripe(|stripe| stripe.refund(&session, None)).unwrap();
    shop.until("export", Reason::Refunded).await;
}
