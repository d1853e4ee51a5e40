//! Paying: test methods by name, 3-D Secure, delayed methods, payment intents.

use serde_json::{Value, json};
use stripe_simulator::core::{Core, Interval, Mode, NewCustomer, NewPrice, NewSession};

use crate::support::{Stripe, id};

const DAY: i64 = 86_400;

/// A core with a customer and two prices in euros: a monthly one and one for once.
struct Shop {
    core: Core,
    customer: String,
    monthly: String,
    once: String,
    read: usize,
}

impl Shop {
    fn new() -> Shop {
        let mut core = Core::new(3, 1_767_225_600);
        let product = id(&core.create_product("Team").unwrap());
        let mut price = |recurring| {
            let new = NewPrice {
                product: product.clone(),
                unit_amount: 1_500,
                currency: "eur".into(),
                recurring,
                ..NewPrice::default()
            };
            id(&core.create_price(new).unwrap())
        };
        let (monthly, once) = (price(Some((Interval::Month, 1))), price(None));
        let customer = id(&core.create_customer(NewCustomer::default()).unwrap());
        let mut shop = Shop {
            core,
            customer,
            monthly,
            once,
            read: 0,
        };
        shop.told();
        shop
    }

    fn session(&mut self, mode: Mode) -> String {
        let price = if mode == Mode::Payment {
            &self.once
        } else {
            &self.monthly
        };
        let new = NewSession {
            mode,
            customer: Some(self.customer.clone()),
            line_items: vec![(price.clone(), 1)],
            payment_method_types: vec!["card", "sepa_debit"],
            ..NewSession::default()
        };
        id(&self.core.create_checkout_session(new).unwrap())
    }

    /// The types of the events since the last call.
    fn told(&mut self) -> Vec<&'static str> {
        let new = self
            .core
            .events(self.read)
            .iter()
            .map(|event| event.kind)
            .collect();
        self.read = self.core.events(0).len();
        new
    }

    fn get(&self, id: &Value) -> Value {
        self.core.get(id.as_str().unwrap()).unwrap()
    }
}

#[test]
fn a_debit_completes_a_purchase_unpaid_and_its_money_comes_or_fails_later() {
    for (method, paid) in [("pm_success_de", true), ("DE78 3704 0044 0532 0130 04", false)] {
        let mut shop = Shop::new();
        let session = shop.session(Mode::Payment);
        let done = shop.core.pay_session_with(&session, method).unwrap();
        assert_eq!(
            (&done["status"], &done["payment_status"]),
            (&json!("complete"), &json!("unpaid"))
        );
        assert_eq!(
            shop.told(),
            [
                "payment_intent.created",
                "charge.pending",
                "payment_intent.processing",
                "checkout.session.completed"
            ]
        );
        let intent = shop.get(&done["payment_intent"]);
        assert_eq!(
            (&intent["status"], &intent["amount_received"]),
            (&json!("processing"), &json!(0))
        );
        shop.core.refund(&session, None).unwrap_err();
        shop.core.advance(180);
        let last = shop.told();
        let intent = shop.get(&done["payment_intent"]);
        let session = shop.core.get(&session).unwrap();
        if paid {
            assert_eq!(
                last,
                [
                    "charge.succeeded",
                    "payment_intent.succeeded",
                    "checkout.session.async_payment_succeeded"
                ]
            );
            assert_eq!(
                (&session["payment_status"], &intent["amount_received"]),
                (&json!("paid"), &json!(1_500))
            );
        } else {
            assert_eq!(
                last,
                [
                    "charge.failed",
                    "payment_intent.payment_failed",
                    "checkout.session.async_payment_failed"
                ]
            );
            assert_eq!(
                (&session["payment_status"], &intent["status"]),
                (&json!("unpaid"), &json!("requires_payment_method"))
            );
            assert_eq!(intent["last_payment_error"]["code"], "generic_could_not_process");
        }
    }
}

#[test]
fn a_subscription_bought_by_debit_is_active_while_its_first_invoice_is_open() {
    for (method, paid) in [("pm_successDelayed_de", true), ("pm_failedDelayed_de", false)] {
        let mut shop = Shop::new();
        let session = shop.session(Mode::Subscription);
        let done = shop.core.pay_session_with(&session, method).unwrap();
        assert_eq!(done["payment_status"], "unpaid");
        let invoice = shop.get(&done["invoice"]);
        assert_eq!(
            (&invoice["status"], &invoice["attempt_count"]),
            (&json!("open"), &json!(1))
        );
        assert_eq!(shop.get(&done["subscription"])["status"], "active");
        shop.told();
        shop.core.advance(200);
        let told = shop.told();
        let invoice = shop.get(&done["invoice"]);
        let subscription = shop.get(&done["subscription"]);
        if paid {
            assert_eq!(
                told,
                [
                    "charge.succeeded",
                    "payment_intent.succeeded",
                    "invoice.paid",
                    "invoice.updated",
                    "invoice.payment_succeeded",
                    "checkout.session.async_payment_succeeded",
                ]
            );
            assert_eq!(
                (&invoice["status"], &subscription["status"]),
                (&json!("paid"), &json!("active"))
            );
            assert_eq!(shop.core.get(&session).unwrap()["payment_status"], "paid");
            // The renewal is a debit too.
            shop.core.advance(31 * DAY + 2 * 3_600);
            let renewal = shop.get(&shop.get(&done["subscription"])["latest_invoice"]);
            assert_eq!(
                (&renewal["status"], &renewal["billing_reason"]),
                (&json!("paid"), &json!("subscription_cycle"))
            );
            assert!(shop.told().contains(&"charge.pending"));
        } else {
            assert!(told.contains(&"invoice.payment_failed"), "{told:?}");
            assert_eq!(told.last(), Some(&"checkout.session.async_payment_failed"));
            assert_eq!(
                (&invoice["status"], &subscription["status"]),
                (&json!("open"), &json!("past_due"))
            );
            assert!(invoice["next_payment_attempt"].is_i64());
        }
    }
}

#[test]
fn a_session_waits_for_the_bank_and_the_person_passes_or_fails() {
    for mode in [Mode::Payment, Mode::Subscription] {
        let mut shop = Shop::new();
        let session = shop.session(mode);
        let waiting = shop
            .core
            .pay_session_with(&session, "4000 0027 6000 3184")
            .unwrap();
        assert_eq!(waiting["status"], "open");
        assert!(shop.core.session_waits(&session));
        assert_eq!(shop.told().last(), Some(&"payment_intent.requires_action"));
        let fault = shop.core.authenticate_session(&session, false).unwrap_err();
        assert_eq!(
            (fault.status, fault.code.as_deref()),
            (402, Some("payment_intent_authentication_failure"))
        );
        assert!(!shop.core.session_waits(&session));
        shop.core.authenticate_session(&session, true).unwrap_err();
        shop.core
            .pay_session_with(&session, "pm_card_authenticationRequired")
            .unwrap();
        let done = shop.core.authenticate_session(&session, true).unwrap();
        assert_eq!(
            (&done["status"], &done["payment_status"]),
            (&json!("complete"), &json!("paid"))
        );
        let charges: Vec<_> = shop
            .told()
            .into_iter()
            .filter(|it| it.starts_with("charge."))
            .collect();
        assert_eq!(
            charges,
            ["charge.succeeded"],
            "no bank was asked for money before"
        );
    }
}

#[test]
fn a_card_that_is_declined_says_why_and_leaves_the_session_open() {
    for (method, code, decline) in [
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        ("4000000000000069", "expired_card", "expired_card"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
        ("pm_card_radarBlock", "card_declined", "fraudulent"),
    ] {
        let mut shop = Shop::new();
        let session = shop.session(Mode::Subscription);
        let fault = shop.core.pay_session_with(&session, method).unwrap_err();
        assert_eq!(
            (fault.status, fault.code.as_deref(), fault.decline_code),
            (402, Some(code), Some(decline))
        );
        assert_eq!(shop.core.get(&session).unwrap()["status"], "open");
        let done = shop.core.pay_session(&session).unwrap();
        assert_eq!(done["payment_status"], "paid");
        let invoice = shop.get(&done["invoice"]);
        assert_eq!(invoice["status"], "paid");
        assert_eq!(
            shop.told()
                .iter()
                .filter(|it| **it == "payment_intent.created")
                .count(),
            1,
            "the invoice is paid by the intent that was declined"
        );
    }
}

#[test]
fn a_renewal_that_needs_the_person_waits_for_them() {
    let mut shop = Shop::new();
    let session = shop.session(Mode::Subscription);
    shop.core
        .pay_session_with(&session, "pm_card_authenticationRequired")
        .unwrap();
    let done = shop.core.authenticate_session(&session, true).unwrap();
    shop.told();
    shop.core.advance(31 * DAY + 2 * 3_600);
    let told = shop.told();
    for kind in [
        "payment_intent.requires_action",
        "invoice.payment_failed",
        "invoice.payment_action_required",
    ] {
        assert!(told.contains(&kind), "{told:?}");
    }
    let subscription = shop.get(&done["subscription"]);
    assert_eq!(subscription["status"], "past_due");
    let renewal = id(&shop.get(&subscription["latest_invoice"]));
    let payments = shop.core.get_expanded(&renewal, &["payments"]).unwrap();
    let intent = payments["payments"]["data"][0]["payment"]["payment_intent"]
        .as_str()
        .unwrap()
        .to_owned();
    shop.core.authenticate_intent(&intent, true).unwrap();
    assert_eq!(shop.core.get(&renewal).unwrap()["status"], "paid");
    assert_eq!(shop.get(&done["subscription"])["status"], "active");

    // Set up once, this one is not asked for again.
    let session = shop.session(Mode::Subscription);
    shop.core
        .pay_session_with(&session, "pm_card_authenticationRequiredOnSetup")
        .unwrap();
    let done = shop.core.authenticate_session(&session, true).unwrap();
    shop.core.advance(31 * DAY + 2 * 3_600);
    let latest = shop.get(&shop.get(&done["subscription"])["latest_invoice"]);
    assert_eq!(
        (&latest["status"], &latest["billing_reason"]),
        (&json!("paid"), &json!("subscription_cycle"))
    );
}

#[tokio::test]
async fn a_payment_method_is_attached_listed_changed_and_detached_for_good() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    let made = stripe
        .post(
            "/v1/payment_methods",
            "type=card&card[token]=tok_mastercard&billing_details[name]=Ann",
        )
        .await
        .ok();
    assert_eq!(
        (&made["card"]["last4"], &made["customer"]),
        (&json!("4444"), &json!(null))
    );
    let path = format!("/v1/payment_methods/{}", id(&made));
    stripe.post(&path, "billing_details[name]=Bea").await.error(400);
    let form = format!("customer={customer}");
    let attached = stripe.post(&format!("{path}/attach"), &form).await.ok();
    assert_eq!(attached["customer"], customer);
    stripe
        .post("/v1/payment_methods/pm_card_visa/attach", &form)
        .await
        .ok();
    let error = stripe
        .post("/v1/payment_methods/pm_card_visa_chargeDeclined/attach", &form)
        .await
        .error(402);
    assert_eq!(error["decline_code"], "generic_decline");
    let listed = stripe
        .get(&format!("/v1/customers/{customer}/payment_methods?type=card"))
        .await
        .ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    let set = format!("invoice_settings[default_payment_method]={}", id(&made));
    let owner = format!("/v1/customers/{customer}");
    assert_eq!(
        stripe.post(&owner, &set).await.ok()["invoice_settings"]["default_payment_method"],
        made["id"]
    );
    let stranger = stripe.customer().await;
    stripe
        .post(&format!("/v1/customers/{stranger}"), &set)
        .await
        .error(400);
    let changed = stripe.post(&path, "card[exp_year]=2040&metadata[a]=b").await.ok();
    assert_eq!(
        (&changed["card"]["exp_year"], &changed["metadata"]["a"]),
        (&json!(2040), &json!("b"))
    );
    assert_eq!(
        stripe.post(&format!("{path}/detach"), "").await.ok()["customer"],
        json!(null)
    );
    assert_eq!(
        stripe.get(&owner).await.ok()["invoice_settings"]["default_payment_method"],
        json!(null)
    );
    stripe.post(&format!("{path}/attach"), &form).await.error(400);
    let listed = stripe
        .get(&format!("/v1/payment_methods?customer={customer}"))
        .await
        .ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    stripe.post("/v1/payment_methods", "type=ideal").await.error(501);
}

#[tokio::test]
async fn a_payment_intent_is_confirmed_canceled_and_waits_for_the_person() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    let form = format!("amount=700&currency=usd&customer={customer}");
    let made = stripe.post("/v1/payment_intents", &form).await.ok();
    assert_eq!(made["status"], "requires_payment_method");
    let path = format!("/v1/payment_intents/{}", id(&made));
    let error = stripe.post(&format!("{path}/confirm"), "").await.error(400);
    assert_eq!(error["code"], "payment_intent_unexpected_state");
    let declined = "payment_method=pm_card_visa_chargeDeclined";
    let error = stripe.post(&format!("{path}/confirm"), declined).await.error(402);
    assert_eq!(
        error["payment_intent"]["last_payment_error"]["decline_code"],
        "generic_decline"
    );
    let card = "payment_method=pm_card_visa&return_url=https://app.test/back";
    let paid = stripe.post(&format!("{path}/confirm"), card).await.ok();
    assert_eq!(
        (&paid["status"], &paid["amount_received"]),
        (&json!("succeeded"), &json!(700))
    );
    assert_eq!(paid["last_payment_error"], json!(null));
    stripe.post(&format!("{path}/cancel"), "").await.error(400);
    stripe.post(&format!("{path}/capture"), "").await.error(501);

    let secure = format!(
        "{form}&confirm=true&payment_method=pm_card_threeDSecure2Required&setup_future_usage=off_session"
    );
    let waits = stripe.post("/v1/payment_intents", &secure).await.ok();
    assert_eq!(
        (&waits["status"], &waits["next_action"]["type"]),
        (&json!("requires_action"), &json!("use_stripe_sdk"))
    );
    let path = format!("/v1/payment_intents/{}", id(&waits));
    stripe
        .running
        .with(|core| core.authenticate_intent(waits["id"].as_str().unwrap(), true))
        .unwrap();
    assert_eq!(stripe.get(&path).await.ok()["status"], "succeeded");
    let kept = stripe
        .get(&format!("/v1/customers/{customer}/payment_methods"))
        .await
        .ok();
    assert_eq!(kept["data"][0]["id"], waits["payment_method"]);
    let error = stripe
        .post("/v1/payment_intents", &format!("{secure}&off_session=true"))
        .await
        .error(402);
    assert_eq!(error["code"], "authentication_required");

    let made = stripe.post("/v1/payment_intents", &form).await.ok();
    let path = format!("/v1/payment_intents/{}/cancel", id(&made));
    let canceled = stripe.post(&path, "cancellation_reason=abandoned").await.ok();
    assert_eq!(
        (&canceled["status"], &canceled["cancellation_reason"]),
        (&json!("canceled"), &json!("abandoned"))
    );
    let debit = format!("{form}&confirm=true&payment_method=pm_success_de&payment_method_types[]=sepa_debit");
    let error = stripe.post("/v1/payment_intents", &debit).await.error(400);
    assert_eq!(error["param"], "currency");
}
