//! The portal: what its configuration offers, what a session is opened for, and what a person can do there.

use serde_json::{Value, json};
use stripe_simulator::core::CustomerChange;

use crate::support::{Stripe, id};

const DAY: i64 = 86_400;

/// Small and large monthly prices and a yearly one, each of a product of its own.
struct Shop {
    stripe: Stripe,
    customer: String,
    prices: Vec<String>,
    products: Vec<String>,
}

impl Shop {
    async fn open() -> Shop {
        let stripe = Stripe::start().await;
        let (mut prices, mut products) = (Vec::new(), Vec::new());
        for (amount, interval) in [(1_000, "month"), (3_000, "month"), (9_000, "year")] {
            let form = format!(
                "currency=usd&unit_amount={amount}&recurring[interval]={interval}&product_data[name]=P{amount}"
            );
            let price = stripe.post("/v1/prices", &form).await.ok();
            prices.push(id(&price));
            products.push(price["product"].as_str().unwrap().to_owned());
        }
        let card = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
        let customer = id(&stripe.post("/v1/customers", card).await.ok());
        Shop {
            stripe,
            customer,
            prices,
            products,
        }
    }

    async fn subscribe(&self, price: usize, more: &str) -> String {
        let form = format!(
            "customer={}&items[0][price]={}{more}",
            self.customer, self.prices[price]
        );
        id(&self.stripe.post("/v1/subscriptions", &form).await.ok())
    }

    /// A session of a configuration that offers every price, and of the rest what is said.
    async fn portal(&self, features: &str) -> String {
        let configuration = self.configuration(features).await;
        let form = format!("customer={}&configuration={configuration}", self.customer);
        id(&self.stripe.post("/v1/billing_portal/sessions", &form).await.ok())
    }

    async fn configuration(&self, features: &str) -> String {
        let update = "features[subscription_update]";
        let mut form = format!(
            "{update}[enabled]=true&{update}[default_allowed_updates][0]=price\
             &{update}[default_allowed_updates][1]=quantity"
        );
        for (n, (product, price)) in self.products.iter().zip(&self.prices).enumerate() {
            let at = format!("{update}[products][{n}]");
            form += &format!(
                "&{at}[product]={product}&{at}[prices][0]={price}&{at}[adjustable_quantity][enabled]=true\
                 &{at}[adjustable_quantity][minimum]=1&{at}[adjustable_quantity][maximum]=5"
            );
        }
        form += &format!("&{}", features.replace("update[", &format!("{update}[")));
        let made = self.stripe.post("/v1/billing_portal/configurations", &form).await;
        id(&made.ok())
    }

    async fn get(&self, subscription: &str) -> Value {
        self.stripe
            .get(&format!("/v1/subscriptions/{subscription}"))
            .await
            .ok()
    }
}

fn has(subscription: &Value) -> (&str, u64) {
    let item = &subscription["items"]["data"][0];
    (
        item["price"]["id"].as_str().unwrap(),
        item["quantity"].as_u64().unwrap(),
    )
}

#[tokio::test]
async fn an_upgrade_is_prorated_and_paid_at_once_if_the_configuration_says_so() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe(0, "").await;
    let portal = shop.portal("update[proration_behavior]=always_invoice").await;
    shop.stripe.running.advance(10 * DAY);
    let changed = shop
        .stripe
        .running
        .with(|core| core.portal_change(&portal, &subscription, Some(&shop.prices[1]), None))
        .unwrap();
    assert_eq!(has(&changed), (shop.prices[1].as_str(), 1));
    let invoice = changed["latest_invoice"].as_str().unwrap();
    let invoice = shop.stripe.get(&format!("/v1/invoices/{invoice}")).await.ok();
    assert_eq!(invoice["billing_reason"], "subscription_update");
    let paid = invoice["amount_paid"].as_i64().unwrap();
    assert!(
        (1..2_000).contains(&paid),
        "the rest of the period at the difference: {paid}"
    );
}

#[tokio::test]
async fn a_downgrade_waits_for_the_period_end_and_can_be_taken_back() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe(1, "").await;
    let portal = shop
        .portal(
            "update[proration_behavior]=always_invoice\
             &update[schedule_at_period_end][conditions][0][type]=decreasing_item_amount\
             &update[schedule_at_period_end][conditions][1][type]=shortening_interval",
        )
        .await;
    let change = |price: usize| {
        let (portal, subscription, price) = (&portal, &subscription, &shop.prices[price]);
        shop.stripe
            .running
            .with(|core| core.portal_change(portal, subscription, Some(price), None))
            .unwrap()
    };
    let put_off = change(0);
    assert_eq!(has(&put_off), (shop.prices[1].as_str(), 1), "not yet");
    assert!(put_off["schedule"].is_string());
    let kept = shop
        .stripe
        .running
        .with(|core| core.portal_resume(&portal, &subscription))
        .unwrap();
    assert_eq!(kept["schedule"], Value::Null);
    change(0);
    shop.stripe.running.advance(32 * DAY);
    let now = shop.get(&subscription).await;
    assert_eq!(has(&now), (shop.prices[0].as_str(), 1));
    let invoices = shop
        .stripe
        .get(&format!("/v1/invoices?subscription={subscription}"))
        .await
        .ok();
    let totals: Vec<_> = invoices["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["total"].as_i64().unwrap())
        .collect();
    assert_eq!(totals, [1_000, 3_000], "nothing is given back");
}

#[tokio::test]
async fn only_what_the_configuration_offers_can_be_done() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe(0, "").await;
    let portal = shop.portal("update[proration_behavior]=none").await;
    let foreign = shop.stripe.monthly_price().await;
    let other = id(&shop.stripe.post("/v1/customers", "").await.ok());
    let others = shop
        .stripe
        .post("/v1/billing_portal/sessions", &format!("customer={other}"))
        .await
        .ok();
    shop.stripe.running.with(|core| {
        assert!(
            core.portal_change(&portal, &subscription, Some(&foreign), None)
                .is_err()
        );
        assert!(core.portal_change(&portal, &subscription, None, Some(6)).is_err());
        assert!(core.portal_change(&portal, &subscription, None, Some(0)).is_err());
        assert!(core.portal_cancel(&portal, &subscription, None, None).is_err());
        assert!(core.portal_set_card(&portal, "pm_card_visa").is_err());
        assert!(
            core.portal_cancel(&id(&others), &subscription, None, None)
                .is_err()
        );
        let changed = core.portal_change(&portal, &subscription, None, Some(5)).unwrap();
        assert_eq!(has(&changed), (shop.prices[0].as_str(), 5));
    });
}

#[tokio::test]
async fn a_cancellation_is_as_the_configuration_says_and_has_a_reason() {
    let shop = Shop::open().await;
    let (first, second) = (shop.subscribe(0, "").await, shop.subscribe(0, "").await);
    let cancel = "features[subscription_cancel]";
    let reasons = format!(
        "{cancel}[enabled]=true&{cancel}[cancellation_reason][enabled]=true\
         &{cancel}[cancellation_reason][options][0]=too_expensive"
    );
    let at_end = shop.portal(&reasons).await;
    let at_once = shop
        .portal(&format!(
            "{reasons}&{cancel}[mode]=immediately&{cancel}[proration_behavior]=create_prorations"
        ))
        .await;
    shop.stripe.running.with(|core| {
        assert!(
            core.portal_cancel(&at_end, &first, Some("unused".into()), None)
                .is_err()
        );
        let ends = core
            .portal_cancel(
                &at_end,
                &first,
                Some("too_expensive".into()),
                Some("Sorry".into()),
            )
            .unwrap();
        assert_eq!(
            (&ends["status"], &ends["cancel_at_period_end"]),
            (&json!("active"), &json!(true))
        );
        let details = &ends["cancellation_details"];
        assert_eq!(
            (&details["feedback"], &details["comment"]),
            (&json!("too_expensive"), &json!("Sorry"))
        );
        let stays = core.portal_resume(&at_end, &first).unwrap();
        assert_eq!(
            (&stays["cancel_at_period_end"], &stays["cancel_at"]),
            (&json!(false), &Value::Null)
        );
        let gone = core.portal_cancel(&at_once, &second, None, None).unwrap();
        assert_eq!(gone["status"], "canceled");
    });
}

#[tokio::test]
async fn a_new_card_is_the_customers_and_their_subscriptions() {
    let shop = Shop::open().await;
    let form = format!(
        "mode=subscription&customer={}&success_url=http://a.test&line_items[0][price]={}",
        shop.customer, shop.prices[0]
    );
    let session = id(&shop.stripe.post("/v1/checkout/sessions", &form).await.ok());
    let paid = shop
        .stripe
        .running
        .with(|core| core.pay_session(&session))
        .unwrap();
    let portal = shop
        .portal(
            "features[payment_method_update][enabled]=true&features[customer_update][enabled]=true\
             &features[customer_update][allowed_updates][0]=email",
        )
        .await;
    shop.stripe.running.with(|core| {
        let customer = core.portal_set_card(&portal, "pm_card_mastercard").unwrap();
        let card = &customer["invoice_settings"]["default_payment_method"];
        let subscription = core.get(paid["subscription"].as_str().unwrap()).unwrap();
        assert_eq!(subscription["default_payment_method"], *card);
        let email = CustomerChange {
            email: Some("new@example.com".into()),
            ..CustomerChange::default()
        };
        assert_eq!(
            core.portal_update_customer(&portal, email).unwrap()["email"],
            "new@example.com"
        );
        let name = CustomerChange {
            name: Some("Ann".into()),
            ..CustomerChange::default()
        };
        assert!(core.portal_update_customer(&portal, name).is_err());
    });
}

#[tokio::test]
async fn a_configuration_shows_all_that_was_said() {
    let shop = Shop::open().await;
    let configuration = shop
        .configuration(
            "update[billing_cycle_anchor]=now&update[trial_update_behavior]=continue_trial&name=Ours\
             &business_profile[headline]=Hello&login_page[enabled]=true&default_return_url=http://a.test/back",
        )
        .await;
    let path = format!("/v1/billing_portal/configurations/{configuration}");
    let shown = shop.stripe.get(&path).await.ok();
    let update = &shown["features"]["subscription_update"];
    assert_eq!(
        (&update["billing_cycle_anchor"], &update["trial_update_behavior"]),
        (&json!("now"), &json!("continue_trial"))
    );
    assert_eq!(
        update["products"][0]["adjustable_quantity"],
        json!({ "enabled": true, "maximum": 5, "minimum": 1 })
    );
    assert_eq!(shown["business_profile"]["headline"], "Hello");
    assert_eq!(shown["business_profile"]["privacy_policy_url"], Value::Null);
    assert!(
        shown["login_page"]["url"]
            .as_str()
            .unwrap()
            .ends_with(&configuration)
    );
    let form = "name=&features[customer_update][enabled]=true&features[customer_update][allowed_updates]=";
    let changed = shop.stripe.post(&path, form).await.ok();
    assert_eq!(changed["name"], Value::Null);
    assert_eq!(
        changed["features"]["customer_update"],
        json!({ "allowed_updates": [], "enabled": true })
    );
    let form = format!(
        "customer={}&configuration={configuration}&locale=de",
        shop.customer
    );
    let session = shop.stripe.post("/v1/billing_portal/sessions", &form).await.ok();
    assert_eq!(
        (&session["return_url"], &session["locale"]),
        (&json!("http://a.test/back"), &json!("de"))
    );
    let bad = "features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][0]=color";
    let error = shop
        .stripe
        .post("/v1/billing_portal/configurations", bad)
        .await
        .error(400);
    assert_eq!(
        error["param"],
        "features[subscription_update][default_allowed_updates]"
    );
}

#[tokio::test]
async fn a_flow_is_shown_and_has_to_be_possible() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe(0, "").await;
    let item = id(&shop.get(&subscription).await["items"]["data"][0]);
    let configuration = shop
        .configuration("features[payment_method_update][enabled]=false")
        .await;
    let open = |flow: String| {
        let form = format!("customer={}&configuration={configuration}&{flow}", shop.customer);
        let stripe = &shop.stripe;
        async move { stripe.post("/v1/billing_portal/sessions", &form).await }
    };
    let confirm = |price: &str| {
        format!(
            "flow_data[type]=subscription_update_confirm&flow_data[subscription_update_confirm][subscription]={subscription}\
             &flow_data[subscription_update_confirm][items][0][id]={item}\
             &flow_data[subscription_update_confirm][items][0][price]={price}\
             &flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=http://a.test"
        )
    };
    let session = open(confirm(&shop.prices[1])).await.ok();
    let flow = &session["flow"];
    assert_eq!(flow["type"], "subscription_update_confirm");
    let shown = &flow["subscription_update_confirm"];
    assert_eq!(shown["items"], json!([{ "id": item, "price": shop.prices[1] }]));
    assert_eq!(shown["subscription"], subscription);
    assert_eq!(
        flow["after_completion"]["redirect"]["return_url"],
        "http://a.test"
    );
    let foreign = shop.stripe.monthly_price().await;
    open(confirm(&foreign)).await.error(400);
    let error = open("flow_data[type]=payment_method_update".into())
        .await
        .error(400);
    assert_eq!(error["param"], "flow_data[type]");
    let error = open("flow_data[type]=subscription_update".into())
        .await
        .error(400);
    assert_eq!(error["param"], "flow_data[subscription_update]");
    let of_nobody =
        "flow_data[type]=subscription_update&flow_data[subscription_update][subscription]=sub_none";
    let error = open(of_nobody.into()).await.error(400);
    assert_eq!(error["param"], "flow_data[subscription_update][subscription]");
}

#[tokio::test]
async fn pausing_on_the_portal_is_refused_by_name() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe(0, "").await;
    let feature = "features[subscription_pause][enabled]=true";
    let flow = format!(
        "customer={}&flow_data[type]=subscription_pause&flow_data[subscription_pause][subscription]={subscription}",
        shop.customer
    );
    for (path, form, param) in [
        ("configurations", feature, "features[subscription_pause]"),
        ("sessions", &*flow, "flow_data[type]"),
    ] {
        let refused = shop
            .stripe
            .post(&format!("/v1/billing_portal/{path}"), form)
            .await;
        let error = refused.error(501);
        assert_eq!(
            (&error["code"], &error["param"]),
            (&"not_simulated".into(), &param.into())
        );
    }
}
