//! One customer of ours and several of Stripe's (docs.stripe.com/api/customers/delete, docs.stripe.com/payment-links/url-parameters).

use stripe_simulator::core::{
    CustomerChange, MetadataChange, Mode, NewCustomer, NewSession, NewSubscription,
};
use tollgate::api::grpc::proto::{Access, Reason};

use super::shop::{Shop, id, option, price, seats, stamped};
use crate::support::eventually;

#[tokio::test]
async fn a_subscription_made_anew_under_another_stripe_customer_goes_on() {
    let shop = Shop::open().await;
    shop.buy(&[("team_monthly", 5)]).await;
    shop.until("sso", Reason::Active).await;
    let old = shop.newest("sub_");
    // Support ends it and makes it anew, with more seats, for a Stripe customer of its own, marked as acme's.
    shop.stripe(|stripe| stripe.cancel_subscription(&id(&old)))
        .unwrap();
    shop.until("sso", Reason::Canceled).await;
    let customer = shop.stripe(|stripe| {
        let card = Some("pm_card_visa".to_owned());
        let customer = id(&stripe
            .create_customer(NewCustomer {
                payment_method: card.clone(),
                default_payment_method: card,
                ..stamped("acme")
            })
            .unwrap());
        let new = NewSubscription {
            customer: customer.clone(),
            items: vec![(price(stripe, "team_monthly"), 8)],
            ..NewSubscription::default()
        };
        stripe.create_subscription(new).unwrap();
        customer
    });
    assert_ne!(old["customer"], customer.as_str());
    shop.until("sso", Reason::Active).await;
    assert_eq!(seats(&shop.get("acme", "seats").await), 8);
    // The old one's end, told last, takes nothing.
    let gone = old["customer"].as_str().unwrap().to_owned();
    shop.stripe(|stripe| stripe.delete_customer(&gone)).unwrap();
    shop.heard_of(&[&gone]).await;
    assert_eq!(seats(&shop.get("acme", "seats").await), 8);
}

#[tokio::test]
async fn who_was_deleted_at_stripe_buys_again_the_same_day() {
    let shop = Shop::open().await;
    shop.buy(&[("team_monthly", 5)]).await;
    shop.until("sso", Reason::Active).await;
    for (order, sold) in [("order-2", "report"), ("order-3", "month")] {
        let session = shop.checkout("acme", order, &[(sold, 1)]).await;
        shop.stripe(|stripe| stripe.pay_session(&session)).unwrap();
    }
    shop.until("support", Reason::Purchased).await;
    shop.until("export", Reason::Purchased).await;
    let first = shop.newest("cus_");
    shop.stripe(|stripe| stripe.delete_customer(&id(&first))).unwrap();
    // Its subscription ends. What was bought stays, unless its plan ends with the customer.
    assert_eq!(shop.until("sso", Reason::Canceled).await.access(), Access::Denied);
    shop.until("export", Reason::Canceled).await;
    assert_eq!(option(&shop.get("acme", "support").await), "priority");
    let session = shop.checkout("acme", "order-4", &[("team_monthly", 2)]).await;
    shop.stripe(|stripe| stripe.pay_session(&session)).unwrap();
    shop.until("sso", Reason::Active).await;
    assert_eq!(seats(&shop.get("acme", "seats").await), 2);
    assert_ne!(id(&shop.newest("cus_")), id(&first));
}

#[tokio::test]
async fn who_was_deleted_at_stripe_buys_again_though_nothing_was_heard_of_it() {
    let shop = Shop::open().await;
    shop.buy(&[("team_monthly", 5)]).await;
    shop.until("sso", Reason::Active).await;
    shop.app
        .simulator
        .set_webhook("http://127.0.0.1:1/nobody", "whsec_nobody");
    let first = id(&shop.newest("cus_"));
    shop.stripe(|stripe| stripe.delete_customer(&first)).unwrap();
    // The very request that Stripe refuses for it is carried out for another Stripe customer.
    let session = shop.checkout("acme", "order-2", &[("report", 1)]).await;
    let second = shop.stripe(|stripe| stripe.get(&session).unwrap()["customer"].clone());
    assert_ne!(second, first.as_str());
    assert_eq!(session, shop.checkout("acme", "order-2", &[("report", 1)]).await);
    // What was the deleted one's has ended, since Stripe was asked.
    shop.until("sso", Reason::Canceled).await;
    let next = shop.checkout("acme", "order-3", &[("team_monthly", 1)]).await;
    assert_eq!(
        shop.stripe(|stripe| stripe.get(&next).unwrap()["customer"].clone()),
        second
    );
}

#[tokio::test]
async fn a_payment_link_with_somebody_elses_reference_gives_them_nothing() {
    let shop = Shop::open().await;
    // A Payment Link takes the reference from its URL, so whoever pays can write any name there.
    let sessions = [(Mode::Subscription, "team_monthly"), (Mode::Payment, "report")].map(|(mode, sold)| {
        shop.stripe(|stripe| {
            let new = NewSession {
                mode,
                line_items: vec![(price(stripe, sold), 1)],
                client_reference_id: Some("acme".into()),
                success_url: Some("https://shop.example/thanks".into()),
                always_customer: true,
                ..NewSession::default()
            };
            let session = id(&stripe.create_checkout_session(new).unwrap());
            stripe.pay_session(&session).unwrap()
        })
    });
    let waiting = eventually("its events wait", async || {
        let figures = shop.figures().await;
        let done = figures.received.count + figures.routed.count == 0;
        (done && figures.waiting.count >= 4).then_some(figures.waiting.count)
    })
    .await;
    assert!(shop.facts().await.unwrap().is_empty(), "{waiting}");
    for (feature, reason) in [("sso", Reason::NoPlan), ("support", Reason::Default)] {
        assert_eq!(shop.reason(feature).await, reason);
    }
    // Once it is said whose they are, what waited takes effect: as theirs.
    for session in &sessions {
        let payer = session["customer"].as_str().unwrap();
        let change = CustomerChange {
            metadata: MetadataChange {
                set: stamped("beta").metadata,
                ..MetadataChange::default()
            },
            ..CustomerChange::default()
        };
        shop.stripe(|stripe| stripe.update_customer(payer, change))
            .unwrap();
    }
    eventually("beta has what beta paid", async || {
        let sso = shop.get("beta", "sso").await.reason() == Reason::Active;
        let support = shop.get("beta", "support").await.reason() == Reason::Purchased;
        (sso && support).then_some(())
    })
    .await;
    assert_eq!(shop.reason("sso").await, Reason::NoPlan);
}
