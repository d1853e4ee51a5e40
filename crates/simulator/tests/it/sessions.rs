//! Checkout sessions: what can be said of one when it is made, and changed while it is open.

use serde_json::{Value, json};

use crate::support::{Stripe, id};

const DAY: i64 = 86_400;

async fn create(stripe: &Stripe, form: &str) -> Value {
    let form = format!("success_url=http://a.test&expand[]=line_items&{form}");
    stripe.post("/v1/checkout/sessions", &form).await.ok()
}

async fn refused(stripe: &Stripe, form: &str, status: u16) -> Value {
    let form = format!("success_url=http://a.test&{form}");
    stripe.post("/v1/checkout/sessions", &form).await.error(status)["param"].clone()
}

#[tokio::test]
async fn a_person_chooses_a_quantity_within_what_the_session_lets_them() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let adjustable = "line_items[0][adjustable_quantity]";
    let session = create(
        &stripe,
        &format!(
            "mode=subscription&line_items[0][price]={price}&line_items[0][quantity]=2&{adjustable}[enabled]=true\
             &{adjustable}[minimum]=1&{adjustable}[maximum]=5"
        ),
    )
    .await;
    let item = &session["line_items"]["data"][0];
    assert_eq!(
        item["adjustable_quantity"],
        json!({ "enabled": true, "maximum": 5, "minimum": 1 })
    );
    let paid = stripe.running.with(|core| {
        assert!(core.enter_quantity(&id(&session), &id(item), 6).is_err());
        assert!(core.enter_quantity(&id(&session), "li_none", 3).is_err());
        let changed = core.enter_quantity(&id(&session), &id(item), 3).unwrap();
        assert_eq!(changed["amount_total"], 6_000);
        core.pay_session(&id(&session)).unwrap()
    });
    let subscription = paid["subscription"].as_str().unwrap();
    let subscription = stripe
        .get(&format!("/v1/subscriptions/{subscription}"))
        .await
        .ok();
    assert_eq!(subscription["items"]["data"][0]["quantity"], 3);
}

#[tokio::test]
async fn a_trial_ends_when_the_session_says() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let end = stripe.running.with(|core| core.now()) + 5 * DAY;
    let data = "subscription_data";
    let form = format!(
        "mode=subscription&line_items[0][price]={price}&payment_method_collection=if_required\
         &{data}[trial_end]={end}&{data}[trial_settings][end_behavior][missing_payment_method]=cancel"
    );
    let session = create(&stripe, &form).await;
    assert_eq!(session["amount_total"], 0);
    let paid = stripe
        .running
        .with(|core| core.pay_session(&id(&session)))
        .unwrap();
    let path = format!("/v1/subscriptions/{}", paid["subscription"].as_str().unwrap());
    let subscription = stripe.get(&path).await.ok();
    assert_eq!(
        (&subscription["status"], &subscription["trial_end"]),
        (&json!("trialing"), &json!(end))
    );
    stripe.running.advance(6 * DAY);
    assert_eq!(stripe.get(&path).await.ok()["status"], "canceled");
    let soon = form.replace(&end.to_string(), &(end - 4 * DAY).to_string());
    assert_eq!(refused(&stripe, &soon, 400).await, "subscription_data[trial_end]");
}

#[tokio::test]
async fn whoever_pays_once_becomes_a_customer_if_the_session_says_so() {
    let stripe = Stripe::start().await;
    let form = "currency=usd&unit_amount=700&product_data[name]=Mug";
    let price = id(&stripe.post("/v1/prices", form).await.ok());
    let form = format!(
        "mode=payment&line_items[0][price]={price}&customer_creation=always&customer_email=a@example.com\
         &payment_intent_data[description]=A%20mug"
    );
    let session = create(&stripe, &form).await;
    assert_eq!(
        (&session["customer_creation"], &session["customer"]),
        (&json!("always"), &Value::Null)
    );
    let paid = stripe
        .running
        .with(|core| core.pay_session(&id(&session)))
        .unwrap();
    let customer = paid["customer"].as_str().unwrap();
    let intent = stripe
        .get(&format!(
            "/v1/payment_intents/{}",
            paid["payment_intent"].as_str().unwrap()
        ))
        .await
        .ok();
    assert_eq!(
        (&intent["customer"], &intent["description"]),
        (&json!(customer), &json!("A mug"))
    );
    for query in [
        format!("customer={customer}"),
        "customer_details[email]=a@example.com".to_owned(),
    ] {
        let found = stripe.get(&format!("/v1/checkout/sessions?{query}")).await.ok();
        assert_eq!(found["data"].as_array().unwrap().len(), 1, "{query}");
    }
    let none = stripe
        .get("/v1/checkout/sessions?customer_details[email]=b@example.com")
        .await
        .ok();
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn a_session_shows_its_words_takes_metadata_and_refuses_what_does_not_fit() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let form = format!(
        "mode=subscription&line_items[0][price]={price}&locale=de&submit_type=subscribe&automatic_tax[enabled]=false\
         &custom_text[submit][message]=Thanks"
    );
    let session = create(&stripe, &form).await;
    assert_eq!(
        (&session["locale"], &session["submit_type"]),
        (&json!("de"), &json!("subscribe"))
    );
    assert_eq!(session["custom_text"]["submit"]["message"], "Thanks");
    let path = format!("/v1/checkout/sessions/{}", id(&session));
    let changed = stripe.post(&path, "metadata[a]=b").await.ok();
    assert_eq!(changed["metadata"], json!({ "a": "b" }));
    for (more, status, param) in [
        ("automatic_tax[enabled]=true", 501, "automatic_tax[enabled]"),
        (
            "after_expiration[recovery][enabled]=true",
            501,
            "after_expiration",
        ),
        ("customer_creation=always", 400, "customer_creation"),
        ("customer_update[name]=auto", 400, "customer_update"),
        ("payment_intent_data[description]=x", 400, "payment_intent_data"),
    ] {
        assert_eq!(
            refused(
                &stripe,
                &format!("{form}&{more}").replace("automatic_tax[enabled]=false&", ""),
                status
            )
            .await,
            param
        );
    }
}
