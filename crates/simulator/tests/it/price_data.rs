//! Prices that a request makes for itself, and what else it says of what it buys.

use serde_json::{Value, json};

use crate::support::{CARD, Stripe, id};

async fn payer(stripe: &Stripe) -> String {
    id(&stripe.post("/v1/customers", CARD).await.ok())
}

async fn count(stripe: &Stripe, path: &str) -> usize {
    stripe.get(path).await.ok()["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_session_sells_what_its_price_data_says() {
    let stripe = Stripe::start().await;
    let data = "line_items[0][price_data]";
    let form = format!(
        "mode=subscription&success_url=http://a.test/done&{data}[currency]=usd&{data}[unit_amount]=1500\
         &{data}[recurring][interval]=month&{data}[product_data][name]=Custom&{data}[product_data][metadata][a]=b\
         &line_items[0][quantity]=2&subscription_data[description]=For%20the%20lab&expand[]=line_items"
    );
    let session = stripe.post("/v1/checkout/sessions", &form).await.ok();
    let item = &session["line_items"]["data"][0];
    assert_eq!(
        (&session["amount_total"], &item["description"]),
        (&json!(3_000), &json!("Custom"))
    );
    assert_eq!(item["price"]["active"], false);
    let product = stripe
        .get(&format!(
            "/v1/products/{}",
            item["price"]["product"].as_str().unwrap()
        ))
        .await
        .ok();
    assert_eq!(product["metadata"]["a"], "b");
    assert_eq!(count(&stripe, "/v1/prices").await, 0, "no list has it");
    assert_eq!(count(&stripe, "/v1/prices?active=false").await, 1);
    let pays = json!({ "session": id(&session), "payment_method": "pm_card_visa" });
    stripe.control("pay_session", pays).await;
    let paid = stripe
        .get(&format!(
            "/v1/checkout/sessions/{}?expand[]=subscription",
            id(&session)
        ))
        .await
        .ok();
    assert_eq!(paid["payment_status"], "paid");
    assert_eq!(paid["subscription"]["description"], "For the lab");
    assert_eq!(
        paid["subscription"]["items"]["data"][0]["price"]["id"],
        item["price"]["id"]
    );
}

#[tokio::test]
async fn a_subscription_and_its_items_take_price_data_with_a_product() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let product = id(&stripe.post("/v1/products", "name=Seats").await.ok());
    let data = |at: &str, amount: u32| {
        format!(
            "{at}[currency]=usd&{at}[product]={product}&{at}[unit_amount]={amount}&{at}[recurring][interval]=month"
        )
    };
    let form = format!(
        "customer={customer}&description=Ours&{}&add_invoice_items[0][price_data][currency]=usd\
         &add_invoice_items[0][price_data][product]={product}&add_invoice_items[0][price_data][unit_amount]=900\
         &expand[]=latest_invoice",
        data("items[0][price_data]", 700)
    );
    let made = stripe.post("/v1/subscriptions", &form).await.ok();
    assert_eq!(made["latest_invoice"]["amount_paid"], 1_600);
    assert_eq!(made["description"], "Ours");
    let item = id(&made["items"]["data"][0]);
    let form = format!("{}&proration_behavior=none", data("price_data", 800));
    let changed = stripe
        .post(&format!("/v1/subscription_items/{item}"), &form)
        .await
        .ok();
    assert_eq!(changed["price"]["unit_amount"], 800);
    let setup = "currency=usd&unit_amount=250&product_data[name]=Setup";
    let setup = id(&stripe.post("/v1/prices", setup).await.ok());
    let form = format!("add_invoice_items[0][price]={setup}&add_invoice_items[0][quantity]=2&description=");
    let changed = stripe
        .post(&format!("/v1/subscriptions/{}", id(&made)), &form)
        .await
        .ok();
    assert_eq!(changed["description"], Value::Null);
    stripe.control("advance", json!({ "seconds": 32 * 86_400 })).await;
    let renewals = stripe
        .get(&format!("/v1/invoices?subscription={}", id(&made)))
        .await
        .ok();
    assert_eq!(renewals["data"][0]["amount_paid"], 1_300, "800 and twice 250");
    let data = "price_data";
    let form = format!(
        "customer={customer}&{data}[currency]=usd&{data}[product]={product}&{data}[unit_amount]=40&quantity=3"
    );
    let item = stripe.post("/v1/invoiceitems", &form).await.ok();
    assert_eq!(
        (&item["amount"], &item["description"]),
        (&json!(120), &json!("Seats"))
    );
}

#[tokio::test]
async fn a_refused_request_leaves_no_price_behind() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let product = id(&stripe.post("/v1/products", "name=Seats").await.ok());
    let before = stripe.get("/v1/events").await.ok();
    let monthly =
        format!("[currency]=usd&D[product]={product}&D[unit_amount]=5&D[recurring][interval]=month");
    let once = format!("[currency]=usd&D[product]={product}&D[unit_amount]=5");
    for (path, at, data, more, param) in [
        (
            "subscriptions",
            "items[0][price_data]",
            &once,
            "",
            "items[0][price_data][recurring]",
        ),
        (
            "subscriptions",
            "items[0][price_data]",
            &monthly,
            "&items[0][price]=price_1",
            "items[0][price_data]",
        ),
        (
            "subscriptions",
            "items[0][price_data]",
            &monthly,
            "&colour=red",
            "colour",
        ),
        (
            "subscriptions",
            "items[0][price_data]",
            &monthly,
            "&default_payment_method=pm_none",
            "default_payment_method",
        ),
        (
            "invoiceitems",
            "price_data",
            &monthly,
            "",
            "price_data[recurring]",
        ),
        ("invoiceitems", "price_data", &once, "&invoice=in_none", "invoice"),
        (
            "invoiceitems",
            "price_data",
            &once,
            "&price_data[product]=prod_none",
            "price_data[product]",
        ),
    ] {
        let data = format!("{at}{}", data.replace('D', at));
        let form = format!("customer={customer}&{data}{more}");
        let refused = stripe.post(&format!("/v1/{path}"), &form).await.error(400);
        assert_eq!(refused["param"], param, "{form}");
    }
    assert_eq!(count(&stripe, "/v1/prices?active=false").await, 0);
    assert_eq!(stripe.get("/v1/events").await.ok(), before);
}

#[tokio::test]
async fn a_sessions_total_is_broken_down_when_asked_for() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let price = stripe.monthly_price().await;
    stripe
        .post("/v1/coupons", "id=quarter&percent_off=25&duration=forever")
        .await
        .ok();
    let form = format!(
        "mode=subscription&customer={customer}&success_url=http://a.test/done&line_items[0][price]={price}\
         &discounts[0][coupon]=quarter&expand[]=total_details.breakdown"
    );
    let session = stripe.post("/v1/checkout/sessions", &form).await.ok();
    let breakdown = &session["total_details"]["breakdown"];
    assert_eq!(
        (&breakdown["taxes"], &breakdown["discounts"][0]["amount"]),
        (&json!([]), &json!(500))
    );
    let discount = &breakdown["discounts"][0]["discount"];
    assert_eq!(
        (&discount["source"]["coupon"], &discount["checkout_session"]),
        (&json!("quarter"), &session["id"])
    );
    stripe
        .control(
            "pay_session",
            json!({ "session": id(&session), "payment_method": "pm_card_visa" }),
        )
        .await;
    let listed = stripe
        .get("/v1/checkout/sessions?expand[]=data.total_details.breakdown&expand[]=data.subscription")
        .await
        .ok();
    let paid = &listed["data"][0];
    let discount = &paid["total_details"]["breakdown"]["discounts"][0]["discount"];
    assert_eq!(discount["id"], paid["subscription"]["discounts"][0]);
    let plain = stripe
        .get(&format!("/v1/checkout/sessions/{}", id(&session)))
        .await
        .ok();
    assert_eq!(plain["total_details"].get("breakdown"), None);
}

#[tokio::test]
async fn an_inline_price_is_sold_to_what_it_was_made_for_alone() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let product = id(&stripe.post("/v1/products", "name=Seats").await.ok());
    let data = |at: &str| {
        format!(
            "{at}[currency]=usd&{at}[product]={product}&{at}[unit_amount]=700&{at}[recurring][interval]=month"
        )
    };
    let form = format!("customer={customer}&{}", data("items[0][price_data]"));
    let subscription = stripe.post("/v1/subscriptions", &form).await.ok();
    let inline = id(&subscription["items"]["data"][0]["price"]);
    let catalog = stripe.monthly_price().await;
    let path = "/v1/subscriptions";
    let other = stripe
        .post(path, &format!("customer={customer}&items[0][price]={catalog}"))
        .await
        .ok();
    let item = id(&other["items"]["data"][0]);
    let sells = "mode=subscription&success_url=http://a.test/&line_items[0][quantity]=1&line_items[0][price]";
    let once = format!("price_data[currency]=usd&price_data[product]={product}&price_data[unit_amount]=40");
    let once = stripe
        .post("/v1/invoiceitems", &format!("customer={customer}&{once}"))
        .await
        .ok();
    let once = once["pricing"]["price_details"]["price"].as_str().unwrap();
    for (path, form) in [
        (
            path.to_owned(),
            format!("customer={customer}&items[0][price]={inline}"),
        ),
        (
            format!("{path}/{}", id(&other)),
            format!("items[0][price]={inline}"),
        ),
        (
            format!("/v1/subscription_items/{item}"),
            format!("price={inline}"),
        ),
        ("/v1/checkout/sessions".to_owned(), format!("{sells}={inline}")),
        (
            "/v1/subscription_schedules".to_owned(),
            format!("customer={customer}&start_date=now&phases[0][items][0][price]={inline}"),
        ),
        (
            "/v1/invoiceitems".to_owned(),
            format!("customer={customer}&pricing[price]={once}"),
        ),
    ] {
        let refused = stripe.post(&path, &form).await.error(400);
        let message = refused["message"].as_str().unwrap();
        assert!(
            message.contains("only accepts active prices"),
            "{path}: {message}"
        );
    }
    // The one that it was made for keeps it.
    let form = format!("items[0][id]={}&items[0][price]={inline}&items[0][quantity]=3", {
        id(&subscription["items"]["data"][0])
    });
    let path = format!("{path}/{}", id(&subscription));
    assert_eq!(
        stripe.post(&path, &form).await.ok()["items"]["data"][0]["quantity"],
        3
    );
}

#[tokio::test]
async fn a_later_phase_begins_with_the_inline_price_that_was_made_for_it() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let product = id(&stripe.post("/v1/products", "name=Seats").await.ok());
    let catalog = stripe.monthly_price().await;
    let data = "phases[1][items][0][price_data]";
    let form = format!(
        "customer={customer}&start_date=now&phases[0][items][0][price]={catalog}&phases[0][duration][interval]=week\
         &{data}[currency]=usd&{data}[product]={product}&{data}[unit_amount]=700&{data}[recurring][interval]=month"
    );
    let schedule = stripe.post("/v1/subscription_schedules", &form).await.ok();
    let inline = schedule["phases"][1]["items"][0]["price"].as_str().unwrap();
    // The usual way to change one: its phases are sent back.
    let again = |phase: usize| {
        let it = &schedule["phases"][phase];
        format!(
            "phases[{phase}][items][0][price]={}&phases[{phase}][start_date]={}&phases[{phase}][end_date]={}",
            it["items"][0]["price"].as_str().unwrap(),
            it["start_date"],
            it["end_date"]
        )
    };
    let path = format!("/v1/subscription_schedules/{}", id(&schedule));
    stripe
        .post(&path, &format!("{}&{}", again(0), again(1)))
        .await
        .ok();
    stripe.control("advance", json!({ "seconds": 8 * 86_400 })).await;
    let subscription = schedule["subscription"].as_str().unwrap();
    let now = stripe
        .get(&format!("/v1/subscriptions/{subscription}"))
        .await
        .ok();
    assert_eq!(now["items"]["data"][0]["price"]["id"], inline);
}
