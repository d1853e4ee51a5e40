//! Disputes and inquiries (docs.stripe.com/disputes/how-disputes-work).

use stripe_simulator::core::Decision;
use tollgate::api::grpc::proto::{Access, Reason};

use super::shop::{DAY, Shop, id};

#[tokio::test]
async fn a_dispute_of_an_invoice_five_months_old_suspends_nothing() {
    let shop = Shop::open().await;
    shop.buy(&[("team_monthly", 5)]).await;
    shop.until("sso", Reason::Active).await;
    let first = id(&shop.newest("in_"));
    for _ in 0..5 {
        shop.advance(31 * DAY);
        shop.heard_of(&[&id(&shop.newest("sub_")), &id(&shop.newest("in_"))])
            .await;
    }
    let old = shop
        .stripe(|stripe| stripe.dispute(&first, "fraudulent", false))
        .unwrap();
    shop.heard_of(&[&id(&old)]).await;
    assert_eq!(shop.reason("sso").await, Reason::Active);
    shop.stripe(|stripe| stripe.decide_dispute(&id(&old), Decision::Lost))
        .unwrap();
    shop.heard_of(&[&id(&old)]).await;
    assert_eq!(shop.reason("sso").await, Reason::Active, "lost");
    // That of the current period does.
    let current = id(&shop.newest("in_"));
    assert_ne!(current, first);
    let dispute = shop
        .stripe(|stripe| stripe.dispute(&current, "fraudulent", false))
        .unwrap();
    assert_eq!(shop.until("sso", Reason::Disputed).await.access(), Access::Denied);
    shop.stripe(|stripe| stripe.decide_dispute(&id(&dispute), Decision::Won))
        .unwrap();
    shop.until("sso", Reason::Active).await;
}

#[tokio::test]
async fn a_dispute_that_is_lost_ends_a_subscription_until_the_next_period_is_paid() {
    let shop = Shop::open().await;
    let session = shop.buy(&[("team_monthly", 5)]).await;
    shop.until("sso", Reason::Active).await;
    let dispute = shop
        .stripe(|stripe| stripe.dispute(&session, "fraudulent", false))
        .unwrap();
    shop.until("sso", Reason::Disputed).await;
    shop.stripe(|stripe| stripe.decide_dispute(&id(&dispute), Decision::Lost))
        .unwrap();
    shop.heard_of(&[&id(&dispute)]).await;
    assert_eq!(shop.reason("sso").await, Reason::Disputed);
    shop.advance(32 * DAY);
    shop.until("sso", Reason::Active).await;
}

#[tokio::test]
async fn an_inquiry_takes_nothing_and_what_it_becomes_does() {
    let shop = Shop::open().await;
    let session = shop.buy(&[("month", 1)]).await;
    shop.until("export", Reason::Purchased).await;
    let inquiry = shop
        .stripe(|stripe| stripe.dispute(&session, "fraudulent", true))
        .unwrap();
    assert_eq!(inquiry["status"], "warning_needs_response");
    shop.heard_of(&[&id(&inquiry)]).await;
    assert_eq!(shop.reason("export").await, Reason::Purchased);
    shop.stripe(|stripe| stripe.decide_dispute(&id(&inquiry), Decision::Escalated))
        .unwrap();
    shop.until("export", Reason::Disputed).await;
}

#[tokio::test]
async fn a_disputed_purchase_comes_back_when_it_is_won_and_not_when_it_is_lost() {
    for (decision, after) in [
        (Decision::Won, Reason::Purchased),
        (Decision::Lost, Reason::Disputed),
    ] {
        let shop = Shop::open().await;
        let session = shop.buy(&[("month", 1)]).await;
        shop.until("export", Reason::Purchased).await;
        let dispute = shop
            .stripe(|stripe| stripe.dispute(&session, "fraudulent", false))
            .unwrap();
        shop.until("export", Reason::Disputed).await;
        shop.stripe(|stripe| stripe.decide_dispute(&id(&dispute), decision))
            .unwrap();
        shop.heard_of(&[&id(&dispute)]).await;
        assert_eq!(shop.reason("export").await, after);
    }
}
