//! Methods that are saved for later: setup intents, and checkout in mode `setup`.

use serde_json::json;

use crate::support::{Stripe, id};

#[tokio::test]
async fn a_setup_intent_saves_a_method_once_the_bank_agrees() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    let form = format!("customer={customer}&payment_method=pm_card_visa&confirm=true");
    let done = stripe.post("/v1/setup_intents", &form).await.ok();
    assert_eq!(
        (&done["status"], &done["usage"]),
        (&json!("succeeded"), &json!("off_session"))
    );
    let made = stripe
        .post("/v1/setup_intents", &format!("customer={customer}"))
        .await
        .ok();
    let path = format!("/v1/setup_intents/{}", id(&made));
    let declined = "payment_method=pm_card_visa_chargeDeclined";
    let error = stripe.post(&format!("{path}/confirm"), declined).await.error(402);
    assert_eq!(
        error["setup_intent"]["last_setup_error"]["decline_code"],
        "generic_decline"
    );
    let secure = "payment_method=pm_card_authenticationRequiredOnSetup&return_url=http://app.test/back";
    let waits = stripe.post(&format!("{path}/confirm"), secure).await.ok();
    assert_eq!(
        (
            &waits["status"],
            &waits["next_action"]["redirect_to_url"]["return_url"]
        ),
        (&json!("requires_action"), &json!("http://app.test/back"))
    );
    let url = waits["next_action"]["redirect_to_url"]["url"].as_str().unwrap();
    assert!(stripe.get(url).await.text.contains("Complete authentication"));
    let failed = stripe.post(url, "answer=fail").await;
    assert!(failed.header("location").ends_with("&redirect_status=failed"));
    stripe.post(&format!("{path}/confirm"), secure).await.ok();
    let passed = stripe.post(url, "answer=pass").await;
    let back = format!("http://app.test/back?setup_intent={}&", id(&made));
    assert!(passed.header("location").starts_with(&back));
    assert_eq!(stripe.get(&path).await.ok()["status"], "succeeded");
    stripe.post(&format!("{path}/cancel"), "").await.error(400);
    let kept = stripe
        .get(&format!("/v1/customers/{customer}/payment_methods"))
        .await
        .ok();
    assert_eq!(kept["data"].as_array().unwrap().len(), 2);

    // Set up once, it pays without the person.
    let method = stripe.get(&path).await.ok()["payment_method"]
        .as_str()
        .unwrap()
        .to_owned();
    let form = format!(
        "amount=500&currency=usd&customer={customer}&payment_method={method}&confirm=true&off_session=true"
    );
    assert_eq!(
        stripe.post("/v1/payment_intents", &form).await.ok()["status"],
        "succeeded"
    );

    let other = stripe
        .post("/v1/setup_intents", "payment_method=pm_card_visa")
        .await
        .ok();
    let path = format!("/v1/setup_intents/{}", id(&other));
    let canceled = stripe
        .post(&format!("{path}/cancel"), "cancellation_reason=abandoned")
        .await
        .ok();
    assert_eq!(canceled["status"], "canceled");
    let listed = stripe
        .get(&format!("/v1/setup_intents?customer={customer}"))
        .await
        .ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_session_in_mode_setup_sells_nothing_and_saves_a_card() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    let form = format!(
        "mode=setup&customer={customer}&success_url=http://app.test&setup_intent_data[metadata][a]=b"
    );
    let session = stripe.post("/v1/checkout/sessions", &form).await.ok();
    assert_eq!(
        (&session["amount_total"], &session["payment_intent"]),
        (&json!(null), &json!(null))
    );
    let path = format!("/v1/checkout/sessions/{}", id(&session));
    stripe
        .post(
            "/v1/checkout/sessions",
            &format!("{form}&line_items[0][price]=price_any"),
        )
        .await
        .error(400);
    let pay = |method: &str| json!({ "session": id(&session), "payment_method": method });
    let waits = stripe.control("pay_session", pay("4000 0027 6000 3184")).await;
    assert_eq!(waits["status"], "open");
    let passed = json!({ "session": id(&session), "passed": true });
    let done = stripe.control("authenticate", passed).await;
    assert_eq!(
        (&done["status"], &done["payment_status"]),
        (&json!("complete"), &json!("no_payment_required"))
    );
    let shown = stripe
        .get(&format!("{path}?expand[]=setup_intent.payment_method"))
        .await
        .ok();
    let setup = &shown["setup_intent"];
    assert_eq!(
        (&setup["status"], &setup["metadata"]["a"]),
        (&json!("succeeded"), &json!("b"))
    );
    assert_eq!(setup["payment_method"]["customer"], customer);
}

#[tokio::test]
async fn a_trial_is_bought_with_a_card_that_the_bank_wants_to_ask_about() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let form = format!(
        "mode=subscription&success_url=http://app.test&line_items[0][price]={price}&subscription_data[trial_period_days]=7"
    );
    let session = stripe.post("/v1/checkout/sessions", &form).await.ok();
    let (session, at) = (id(&session), session["id"].clone());
    let declined = stripe
        .running
        .with(|core| core.pay_session_with(&session, "pm_card_visa_chargeDeclined"));
    assert_eq!(declined.unwrap_err().status, 402);
    let pay = json!({ "session": at, "payment_method": "pm_card_authenticationRequiredOnSetup" });
    assert_eq!(stripe.control("pay_session", pay).await["status"], "open");
    let failed = stripe
        .running
        .with(|core| core.authenticate_session(&session, false));
    assert_eq!(
        failed.unwrap_err().code.as_deref(),
        Some("setup_intent_authentication_failure")
    );
    let pay = json!({ "session": at, "payment_method": "pm_card_authenticationRequiredOnSetup" });
    stripe.control("pay_session", pay).await;
    let done = stripe
        .control("authenticate", json!({ "session": at, "passed": true }))
        .await;
    let bought = stripe
        .get(&format!(
            "/v1/subscriptions/{}",
            done["subscription"].as_str().unwrap()
        ))
        .await
        .ok();
    assert_eq!(bought["status"], "trialing");
    stripe.running.advance(8 * 86_400);
    let active = stripe
        .get(&format!("/v1/subscriptions/{}", id(&bought)))
        .await
        .ok();
    assert_eq!(active["status"], "active", "the renewal needs nobody");
}

#[tokio::test]
async fn the_bank_is_asked_about_the_card_of_a_trial_when_the_trial_begins() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let subscribe = async |card: &str| {
        let form = format!("payment_method={card}&invoice_settings[default_payment_method]={card}");
        let customer = id(&stripe.post("/v1/customers", &form).await.ok());
        let form = format!(
            "customer={customer}&items[0][price]={price}&trial_period_days=7&expand[]=pending_setup_intent"
        );
        stripe.post("/v1/subscriptions", &form).await.ok()
    };
    assert_eq!(
        subscribe("pm_card_visa").await["pending_setup_intent"],
        json!(null)
    );
    let made = subscribe("pm_card_authenticationRequiredOnSetup").await;
    let intent = &made["pending_setup_intent"];
    assert_eq!(
        (&made["status"], &intent["status"]),
        (&json!("trialing"), &json!("requires_action"))
    );
    let passed = stripe
        .running
        .with(|core| core.authenticate_setup_intent(&id(intent), true));
    assert_eq!(passed.unwrap()["status"], "succeeded");
    let path = format!("/v1/subscriptions/{}", id(&made));
    assert_eq!(stripe.get(&path).await.ok()["pending_setup_intent"], json!(null));
    stripe.running.advance(8 * 86_400);
    assert_eq!(stripe.get(&path).await.ok()["status"], "active");
}
