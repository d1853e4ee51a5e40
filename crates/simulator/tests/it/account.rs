//! What belongs to the account itself: its name, webhook endpoints, portal configurations, restricted keys, features.

use serde_json::json;

use crate::support::{Sink, Stripe, id, verifies};

const VERSION: &str = "2026-09-30.endive";

#[tokio::test]
async fn an_endpoint_shows_its_secret_once_and_takes_changes() {
    let stripe = Stripe::start().await;
    let form = format!(
        "url=https://shop.test/hook&enabled_events[]=invoice.paid&api_version={VERSION}&metadata[mine]=yes\
         &description=ours"
    );
    let made = stripe.post("/v1/webhook_endpoints", &form).await.ok();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(
        (&made["api_version"], &made["status"], &made["metadata"]),
        (&json!(VERSION), &json!("enabled"), &json!({ "mine": "yes" }))
    );
    let path = format!("/v1/webhook_endpoints/{}", id(&made));
    assert!(stripe.get(&path).await.ok().get("secret").is_none());
    let form = "disabled=true&enabled_events[]=charge.refunded&enabled_events[]=invoice.paid";
    let changed = stripe.post(&path, form).await.ok();
    assert_eq!(
        (&changed["status"], &changed["url"], changed.get("secret")),
        (&json!("disabled"), &json!("https://shop.test/hook"), None)
    );
    assert_eq!(changed["enabled_events"].as_array().unwrap().len(), 2);
    let listed = stripe.get("/v1/webhook_endpoints").await.ok();
    assert_eq!(listed["data"], json!([changed]), "a disabled one is listed too");
    stripe.send("DELETE", &path, "", &[]).await.ok();
    stripe.get(&path).await.error(404);
    stripe.post(&path, "disabled=false").await.error(404);
    let listed = stripe.get("/v1/webhook_endpoints").await.ok();
    assert_eq!(listed["data"], json!([]));
    let error = stripe
        .post("/v1/webhook_endpoints", "url=https://a.test")
        .await
        .error(400);
    assert_eq!(error["param"], "enabled_events");
}

#[tokio::test]
async fn each_endpoint_gets_what_it_wants_signed_with_its_own_secret_unless_it_is_disabled() {
    let stripe = Stripe::start().await;
    let (all, some) = (Sink::start().await, Sink::start().await);
    let make = async |url: &str, events: &str| {
        let form = format!("url={url}&{events}");
        stripe.post("/v1/webhook_endpoints", &form).await.ok()
    };
    let everything = make(&all.url, "enabled_events[]=*").await;
    let products = make(
        &some.url,
        "enabled_events[]=product.created&enabled_events[]=price.updated",
    )
    .await;
    assert_ne!(everything["secret"], products["secret"]);
    let path = format!("/v1/webhook_endpoints/{}", id(&products));
    stripe.post(&path, "disabled=true").await.ok();
    stripe.customer().await;
    stripe.monthly_price().await;
    all.event("price.created").await;
    stripe.post(&path, "disabled=false").await.ok();
    stripe
        .post("/v1/prices", "currency=usd&unit_amount=1&product_data[name]=Late")
        .await
        .ok();
    let late = some.event("product.created").await;
    assert_eq!(
        late["data"]["object"]["name"], "Late",
        "what came meanwhile is not sent"
    );
    assert_eq!(some.kinds(), ["product.created"]);
    let signed_by = |sink: &Sink, endpoint: &serde_json::Value| {
        let (header, body) = sink.deliveries().pop().unwrap();
        verifies(&header, &body, endpoint["secret"].as_str().unwrap())
    };
    assert!(signed_by(&some, &products) && !signed_by(&some, &everything));
    assert!(signed_by(&all, &everything));
}

#[tokio::test]
async fn a_restricted_key_is_refused_by_the_name_of_what_it_lacks_before_anything_else() {
    let stripe = Stripe::start().await;
    let key = json!({
        "key": "rk_test_narrow_enough", "permissions": ["customers:read", "webhook_endpoints:write"], "account": "acct_other",
    });
    stripe.control("keys", key).await;
    let with = [("authorization", "Bearer rk_test_narrow_enough")];
    stripe.send("GET", "/v1/customers", "", &with).await.ok();
    stripe.send("GET", "/v1/webhook_endpoints", "", &with).await.ok();
    for (method, path, permission) in [
        ("POST", "/v1/customers", "rak_customer_write"),
        ("GET", "/v1/prices/price_none", "rak_plan_read"),
        ("GET", "/v1/account", "rak_accounts_kyc_basic_read"),
        ("POST", "/v1/checkout/sessions", "rak_checkout_session_write"),
    ] {
        let error = stripe.send(method, path, "nonsense=1", &with).await.error(403);
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("'{permission}'")) && message.contains("acct_other"),
            "{message}"
        );
        assert!(message.contains("'rk_test_*********ough'"), "{message}");
    }
    let all = json!({ "key": "sk_test_other", "account": "acct_other" });
    stripe.control("keys", all).await;
    let theirs = [("authorization", "Bearer sk_test_other")];
    assert_eq!(
        stripe.send("GET", "/v1/account", "", &theirs).await.ok()["id"],
        "acct_other"
    );
    assert_eq!(stripe.get("/v1/account").await.ok()["id"], "acct_1Simulated");
}

#[tokio::test]
async fn a_portal_configuration_is_what_was_said_and_a_session_names_its_own() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let product = stripe.get(&format!("/v1/prices/{price}")).await.ok()["product"]
        .as_str()
        .unwrap()
        .to_owned();
    let form = format!(
        "features[invoice_history][enabled]=true&features[subscription_cancel][enabled]=false\
         &features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][0]=price\
         &features[subscription_update][products][0][product]={product}\
         &features[subscription_update][products][0][prices][0]={price}&metadata[mine]=yes"
    );
    let made = stripe.post("/v1/billing_portal/configurations", &form).await.ok();
    assert_eq!(
        (&made["is_default"], &made["active"]),
        (&json!(false), &json!(true))
    );
    let features = &made["features"];
    assert_eq!(features["invoice_history"]["enabled"], true);
    assert_eq!(
        features["payment_method_update"]["enabled"], false,
        "what is not named is off"
    );
    assert_eq!(
        features["subscription_update"]["products"][0]["prices"],
        json!([price])
    );
    let customer = stripe.customer().await;
    let session = stripe
        .post(
            "/v1/billing_portal/sessions",
            &format!("customer={customer}&configuration={}", id(&made)),
        )
        .await
        .ok();
    assert_eq!(session["configuration"], made["id"]);
    let path = format!("/v1/billing_portal/configurations/{}", id(&made));
    let changed = stripe
        .post(&path, "active=false&features[invoice_history][enabled]=false")
        .await
        .ok();
    assert_eq!(changed["features"]["invoice_history"]["enabled"], false);
    assert_eq!(changed["features"]["subscription_update"]["enabled"], true);
    assert_eq!(stripe.get(&path).await.ok(), changed);
    let form = format!("customer={customer}&configuration={}", id(&made));
    stripe.post("/v1/billing_portal/sessions", &form).await.error(400);
    let default = stripe
        .get("/v1/billing_portal/configurations?is_default=true")
        .await
        .ok();
    assert_eq!(default["data"].as_array().unwrap().len(), 1);
    let error = stripe
        .post(
            "/v1/billing_portal/configurations",
            &format!(
                "features[subscription_update][enabled]=true\
                 &features[subscription_update][products][0][product]=prod_other\
                 &features[subscription_update][products][0][prices][0]={price}"
            ),
        )
        .await
        .error(400);
    assert!(error["message"].as_str().unwrap().contains("not of this product"));
}

#[tokio::test]
async fn products_have_features_by_lookup_key() {
    let stripe = Stripe::start().await;
    stripe.monthly_price().await;
    let product = id(&stripe.get("/v1/products").await.ok()["data"][0]);
    let feature = stripe
        .post(
            "/v1/entitlements/features",
            "lookup_key=sso&name=Single%20sign-on",
        )
        .await
        .ok();
    let path = format!("/v1/products/{product}/features");
    stripe
        .post(&path, &format!("entitlement_feature={}", id(&feature)))
        .await
        .ok();
    let listed = stripe.get(&path).await.ok();
    assert_eq!(listed["data"][0]["entitlement_feature"]["lookup_key"], "sso");
    stripe
        .post(
            "/v1/entitlements/features",
            "lookup_key=sso&name=Single%20sign-on",
        )
        .await
        .error(400);
    stripe.get("/v1/products/prod_none/features").await.error(404);
    stripe
        .get("/v1/entitlements/active_entitlements")
        .await
        .error(400);
}
