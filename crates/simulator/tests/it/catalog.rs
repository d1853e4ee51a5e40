//! Products and prices.

use serde_json::json;

use crate::support::{Stripe, id};

#[tokio::test]
async fn a_product_has_what_was_said_of_it_and_takes_changes() {
    let stripe = Stripe::start().await;
    let form = "id=team&name=Team&description=For%20teams&images[0]=http://a.test/1.png&unit_label=seat&shippable=false\
                &marketing_features[0][name]=Fast&default_price_data[currency]=usd&default_price_data[unit_amount]=900\
                &default_price_data[recurring][interval]=month&expand[]=default_price";
    let made = stripe.post("/v1/products", form).await.ok();
    assert_eq!(
        (&made["id"], &made["unit_label"]),
        (&json!("team"), &json!("seat"))
    );
    assert_eq!(made["marketing_features"], json!([{ "name": "Fast" }]));
    assert_eq!(
        (
            &made["default_price"]["unit_amount"],
            &made["default_price"]["product"]
        ),
        (&json!(900), &json!("team"))
    );
    let price = id(&made["default_price"]);
    stripe.post("/v1/products", form).await.error(400);
    let error = stripe
        .post(&format!("/v1/prices/{price}"), "active=false")
        .await
        .error(400);
    assert!(error["message"].as_str().unwrap().contains("default price"));
    let form = "name=Teams&active=false&images=&description=&metadata[a]=b&default_price=";
    let changed = stripe.post("/v1/products/team", form).await.ok();
    assert_eq!(
        (&changed["name"], &changed["active"]),
        (&json!("Teams"), &json!(false))
    );
    assert_eq!(
        (&changed["images"], &changed["description"]),
        (&json!([]), &json!(null))
    );
    assert_eq!(changed["default_price"], json!(null));
    assert_eq!(
        changed["marketing_features"], made["marketing_features"],
        "what is not named stays"
    );
    stripe
        .post(&format!("/v1/prices/{price}"), "active=false")
        .await
        .ok();
    let error = stripe
        .post("/v1/products/team", &format!("default_price={price}"))
        .await
        .error(400);
    assert_eq!(error["param"], "default_price");
    let archived = stripe.get("/v1/products?active=false").await.ok();
    assert_eq!(archived["data"], json!([changed]));
}

#[tokio::test]
async fn a_product_goes_only_when_nothing_hangs_on_it() {
    let stripe = Stripe::start().await;
    stripe.monthly_price().await;
    let product = id(&stripe.get("/v1/products").await.ok()["data"][0]);
    stripe
        .send("DELETE", &format!("/v1/products/{product}"), "", &[])
        .await
        .error(400);
    let bare = id(&stripe.post("/v1/products", "name=Bare").await.ok());
    let deleted = stripe
        .send("DELETE", &format!("/v1/products/{bare}"), "", &[])
        .await
        .ok();
    assert_eq!(
        deleted,
        json!({ "id": bare, "object": "product", "deleted": true })
    );
    stripe.get(&format!("/v1/products/{bare}")).await.error(404);
    let form = format!("currency=usd&unit_amount=1&product={bare}");
    assert_eq!(
        stripe.post("/v1/prices", &form).await.error(400)["param"],
        "product"
    );
    let told = stripe.get("/v1/events?type=product.deleted").await.ok();
    assert_eq!(told["data"][0]["data"]["object"]["id"], bare);
}

#[tokio::test]
async fn a_price_can_begin_inactive_and_tiers_are_not_simulated() {
    let stripe = Stripe::start().await;
    let form = "currency=usd&unit_amount=5&active=false&product_data[name]=Later&product_data[id]=later";
    let made = stripe.post("/v1/prices", form).await.ok();
    assert_eq!(
        (&made["active"], &made["type"], &made["product"]),
        (&json!(false), &json!("one_time"), &json!("later"))
    );
    let form = "currency=usd&unit_amount=5&product=later&billing_scheme=per_unit&tiers_mode=volume";
    assert_eq!(
        stripe.post("/v1/prices", form).await.error(501)["param"],
        "tiers_mode"
    );
}

#[tokio::test]
async fn a_product_whose_price_is_refused_is_not_made() {
    let stripe = Stripe::start().await;
    let taken = "currency=usd&unit_amount=5&lookup_key=taken&product_data[name]=First";
    stripe.post("/v1/prices", taken).await.ok();
    let made = stripe.get("/v1/events").await.ok();
    for (path, form, param) in [
        (
            "products",
            "name=A&default_price_data[currency]=usd&default_price_data[unit_amount]=-1",
            "default_price_data[unit_amount]",
        ),
        (
            "prices",
            "currency=usd&unit_amount=-1&product_data[name]=A",
            "unit_amount",
        ),
        (
            "prices",
            "currency=usd&unit_amount=5&lookup_key=taken&product_data[name]=A",
            "lookup_key",
        ),
    ] {
        let refused = stripe.post(&format!("/v1/{path}"), form).await.error(400);
        assert_eq!(refused["param"], param);
    }
    let products = stripe.get("/v1/products").await.ok();
    assert_eq!(products["data"].as_array().unwrap().len(), 1);
    assert_eq!(stripe.get("/v1/events").await.ok(), made);
}
