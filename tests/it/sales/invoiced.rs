//! What invoices sell, and what Stripe's own list of entitlements does not decide.

use serde_json::Value;
use stripe_simulator::core::{Due, EndpointChange, InvoicePayment, NewInvoiceItem, OneOffInvoice};
use tollgate::api::grpc::proto::Reason;

use super::shop::{DAY, Shop, id, option, price, stamped};

/// docs.stripe.com/invoicing/integration
#[tokio::test]
async fn a_plan_is_sold_by_an_invoice_made_by_hand() {
    let shop = Shop::open().await;
    let (customer, invoice) = shop.stripe(|stripe| {
        let customer = id(&stripe.create_customer(stamped("acme")).unwrap());
        for sold in ["report", "month"] {
            let item = NewInvoiceItem {
                customer: customer.clone(),
                price: Some(price(stripe, sold)),
                quantity: 1,
                ..NewInvoiceItem::default()
            };
            stripe.add_invoice_item(item).unwrap();
        }
        let new = OneOffInvoice {
            customer: customer.clone(),
            currency: Some("eur".into()),
            takes_pending: true,
            due: Some(Due::Days(30)),
            ..OneOffInvoice::default()
        };
        let invoice = id(&stripe.create_invoice(new).unwrap());
        stripe.finalize_draft(&invoice, None).unwrap();
        (customer, invoice)
    });
    shop.heard_of(&[&customer, &invoice]).await;
    assert_eq!(
        shop.reason("support").await,
        Reason::Default,
        "it is not paid yet"
    );
    assert_eq!(shop.reason("export").await, Reason::NoPlan);
    // By bank transfer, as companies pay: there is no charge.
    shop.advance(12 * DAY);
    let paid_at = shop.stripe(|stripe| {
        let how = InvoicePayment {
            out_of_band: true,
            ..InvoicePayment::default()
        };
        stripe.pay_invoice_with(&invoice, how).unwrap();
        stripe.now()
    });
    assert_eq!(
        option(&shop.until("support", Reason::Purchased).await),
        "priority"
    );
    let export = shop.until("export", Reason::Purchased).await;
    assert_eq!(export.next_change_time.unwrap().seconds, paid_at + 30 * DAY);
}

/// docs.stripe.com/payments/checkout/build-subscriptions, "one-time items"
#[tokio::test]
async fn a_one_time_item_inside_a_subscription_session_is_bought_once() {
    let shop = Shop::open().await;
    let session = shop.buy(&[("team_monthly", 5), ("month", 1)]).await;
    shop.until("sso", Reason::Active).await;
    shop.until("export", Reason::Purchased).await;
    let invoice = id(&shop.newest("in_"));
    shop.heard_of(&[&session, &invoice]).await;
    let ends = |answer: tollgate::api::grpc::proto::Entitlement| answer.next_change_time.unwrap().seconds;
    let first = ends(shop.get("acme", "export").await);
    // It is not renewed with the subscription, and ends by itself.
    shop.advance(29 * DAY);
    shop.heard_of(&[&session, &invoice]).await;
    assert_eq!(ends(shop.get("acme", "export").await), first);
    shop.advance(3 * DAY);
    shop.until("export", Reason::Expired).await;
    shop.until("sso", Reason::Active).await;
}

/// docs.stripe.com/billing/entitlements: the event shows ten at most.
#[tokio::test]
async fn more_than_ten_features_do_not_depend_on_stripes_summary_of_ten() {
    let shop = Shop::open().await;
    shop.stripe(|stripe| {
        let team = price(stripe, "team_monthly");
        let product = stripe.get(&team).unwrap()["product"].as_str().unwrap().to_owned();
        for n in 0..12 {
            let feature = id(&stripe
                .create_feature(&format!("feature_{n}"), "A feature")
                .unwrap());
            stripe.attach_feature(&product, &feature).unwrap();
        }
        let endpoint = stripe.webhook_endpoints().next().unwrap().id.clone();
        let change = EndpointChange {
            enabled_events: Some(vec!["*".into()]),
            ..EndpointChange::default()
        };
        stripe.update_webhook_endpoint(&endpoint, change).unwrap();
    });
    let session = shop.buy(&[("team_monthly", 5)]).await;
    shop.until("sso", Reason::Active).await;
    shop.heard_of(&[&session]).await;
    let summaries: Vec<Value> = shop.stripe(|stripe| {
        let all = stripe.events(0).iter().map(|event| event.to_json());
        all.filter(|event| event["type"] == "entitlements.active_entitlement_summary.updated")
            .collect()
    });
    let shown = &summaries.last().unwrap()["data"]["object"]["entitlements"];
    assert_eq!(shown["data"].as_array().unwrap().len(), 10);
    assert_eq!(shown["has_more"], true);
    let figures = shop.figures().await;
    assert_eq!((figures.parked.count, figures.waiting.count), (0, 0));
    assert_eq!(shop.reason("sso").await, Reason::Active);
}
