//! Invoices and invoice items made by hand.

use serde_json::{Value, json};

use crate::support::{CARD, Stripe, id};

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// One who pays by card.
async fn payer(stripe: &Stripe) -> String {
    id(&stripe.post("/v1/customers", CARD).await.ok())
}

async fn charge(stripe: &Stripe, form: &str) -> Value {
    stripe.post("/v1/invoiceitems", form).await.ok()
}

async fn get(stripe: &Stripe, path: &str) -> Value {
    stripe.get(path).await.ok()
}

async fn advance(stripe: &Stripe, seconds: i64) {
    stripe.control("advance", json!({ "seconds": seconds })).await;
}

/// The types of the newest events, oldest first.
async fn events(stripe: &Stripe, newest: usize) -> Vec<String> {
    let listed = get(stripe, &format!("/v1/events?limit={newest}")).await;
    let kinds = listed["data"].as_array().unwrap().iter().rev();
    kinds.map(|it| it["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_draft_takes_what_is_put_on_it_and_is_paid_after_an_hour() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let form = format!("customer={customer}&auto_advance=true&description=Setup&metadata[a]=b");
    let draft = stripe.post("/v1/invoices", &form).await.ok();
    let invoice = id(&draft);
    assert_eq!(draft["status"], "draft");
    assert_eq!(draft["billing_reason"], "manual");
    assert_eq!(draft["parent"], Value::Null);
    assert_eq!((&draft["total"], &draft["currency"]), (&json!(0), &json!("usd")));
    let created = draft["created"].as_i64().unwrap();
    assert_eq!(draft["automatically_finalizes_at"], created + HOUR);
    let form = format!(
        "customer={customer}&invoice={invoice}&amount=2500&currency=usd&description=Hours&metadata[h]=5"
    );
    let item = charge(&stripe, &form).await;
    assert_eq!(
        (&item["object"], &item["invoice"]),
        (&json!("invoiceitem"), &json!(invoice))
    );
    assert_eq!(item["pricing"]["unit_amount_decimal"], "2500");
    assert_eq!(
        events(&stripe, 3).await,
        ["invoice.created", "invoiceitem.created", "invoice.updated"]
    );
    let open = get(&stripe, &format!("/v1/invoices/{invoice}")).await;
    let line = &open["lines"]["data"][0];
    assert_eq!(
        (&open["amount_due"], &line["amount"]),
        (&json!(2_500), &json!(2_500))
    );
    assert_eq!(
        (&line["metadata"]["h"], &line["description"]),
        (&json!("5"), &json!("Hours"))
    );
    assert_eq!(line["parent"]["type"], "invoice_item_details");
    assert_eq!(line["parent"]["invoice_item_details"]["invoice_item"], item["id"]);
    assert_eq!(line["subscription"], Value::Null);
    advance(&stripe, HOUR).await;
    let paid = get(&stripe, &format!("/v1/invoices/{invoice}")).await;
    assert_eq!(
        (&paid["status"], &paid["amount_paid"]),
        (&json!("paid"), &json!(2_500))
    );
    assert!(paid["number"].is_string());
}

#[tokio::test]
async fn a_draft_that_does_not_advance_stays_until_somebody_acts() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    for (action, status) in [("pay", "paid"), ("finalize", "open")] {
        let draft = stripe
            .post("/v1/invoices", &format!("customer={customer}"))
            .await
            .ok();
        let invoice = id(&draft);
        assert_eq!(draft["automatically_finalizes_at"], Value::Null);
        charge(
            &stripe,
            &format!("customer={customer}&invoice={invoice}&amount=700&currency=usd"),
        )
        .await;
        advance(&stripe, 3 * DAY).await;
        let path = format!("/v1/invoices/{invoice}");
        assert_eq!(get(&stripe, &path).await["status"], "draft");
        let done = stripe.post(&format!("{path}/{action}"), "").await.ok();
        assert_eq!(done["status"], status);
        if status == "open" {
            advance(&stripe, DAY).await;
            assert_eq!(get(&stripe, &path).await["status"], "open", "nobody collects it");
            let voided = stripe.post(&format!("{path}/void"), "").await.ok();
            assert_eq!(voided["status"], "void");
        }
    }
}

#[tokio::test]
async fn an_invoice_that_is_sent_is_overdue_and_may_be_given_up() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    let form = format!("customer={customer}&collection_method=send_invoice&days_until_due=14");
    let draft = stripe.post("/v1/invoices", &form).await.ok();
    let invoice = id(&draft);
    assert_eq!(draft["due_date"], draft["created"].as_i64().unwrap() + 14 * DAY);
    charge(
        &stripe,
        &format!("customer={customer}&invoice={invoice}&amount=900&currency=usd"),
    )
    .await;
    let path = format!("/v1/invoices/{invoice}");
    let sent = stripe.post(&format!("{path}/send"), "").await.ok();
    assert_eq!(
        (&sent["status"], &sent["collection_method"]),
        (&json!("open"), &json!("send_invoice"))
    );
    advance(&stripe, 15 * DAY).await;
    assert_eq!(events(&stripe, 1).await, ["invoice.overdue"]);
    let given_up = stripe.post(&format!("{path}/mark_uncollectible"), "").await.ok();
    assert_eq!(given_up["status"], "uncollectible");
    let paid = stripe
        .post(&format!("{path}/pay"), "paid_out_of_band=true")
        .await
        .ok();
    assert_eq!(paid["status"], "paid");
}

#[tokio::test]
async fn what_is_pending_is_taken_by_the_subscriptions_next_invoice() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let price = stripe.monthly_price().await;
    let setup = charge(
        &stripe,
        &format!("customer={customer}&amount=500&currency=usd&description=Setup"),
    )
    .await;
    let form = format!("customer={customer}&items[0][price]={price}&expand[]=latest_invoice");
    let subscription = stripe.post("/v1/subscriptions", &form).await.ok();
    let first = &subscription["latest_invoice"];
    assert_eq!(
        (&first["amount_paid"], &first["status"]),
        (&json!(2_500), &json!("paid"))
    );
    assert_eq!(
        first["lines"]["data"][0]["parent"]["invoice_item_details"]["invoice_item"],
        setup["id"]
    );
    let of = id(&subscription);
    let extra = charge(
        &stripe,
        &format!("customer={customer}&subscription={of}&amount=100&currency=usd"),
    )
    .await;
    assert_eq!(extra["parent"]["subscription_details"]["subscription"], of);
    charge(&stripe, &format!("customer={customer}&amount=50&currency=usd")).await;
    charge(&stripe, &format!("customer={customer}&amount=7&currency=eur")).await;
    let pending = get(
        &stripe,
        &format!("/v1/invoiceitems?customer={customer}&pending=true"),
    )
    .await;
    assert_eq!(pending["data"].as_array().unwrap().len(), 3);
    advance(&stripe, 32 * DAY).await;
    let renewal = get(&stripe, &format!("/v1/invoices?subscription={of}")).await;
    let renewal = &renewal["data"][0];
    assert_eq!(
        (&renewal["amount_paid"], &renewal["billing_reason"]),
        (&json!(2_150), &json!("subscription_cycle"))
    );
    let pending = get(
        &stripe,
        &format!("/v1/invoiceitems?customer={customer}&pending=true"),
    )
    .await;
    assert_eq!(
        pending["data"].as_array().unwrap().len(),
        1,
        "what is in another currency waits on"
    );
    assert_eq!(pending["data"][0]["currency"], "eur");
}

#[tokio::test]
async fn an_invoice_made_by_hand_takes_what_is_pending_when_it_is_asked_to() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let price = stripe.monthly_price().await;
    let made = stripe
        .post(
            "/v1/subscriptions",
            &format!("customer={customer}&items[0][price]={price}"),
        )
        .await
        .ok();
    let of = id(&made);
    let form = format!("customer={customer}&subscription={of}");
    let refused = stripe.post("/v1/invoices", &form).await.error(400);
    assert_eq!(refused["code"], "invoice_no_subscription_line_items");
    charge(&stripe, &format!("customer={customer}&amount=300&currency=usd")).await;
    charge(
        &stripe,
        &format!("customer={customer}&subscription={of}&amount=200&currency=usd"),
    )
    .await;
    let empty = stripe
        .post("/v1/invoices", &format!("customer={customer}"))
        .await
        .ok();
    assert_eq!(empty["total"], 0);
    let form_pending = format!("customer={customer}&pending_invoice_items_behavior=include");
    let own = stripe.post("/v1/invoices", &form_pending).await.ok();
    assert_eq!((&own["total"], &own["parent"]), (&json!(300), &Value::Null));
    let of_subscription = stripe.post("/v1/invoices", &form).await.ok();
    assert_eq!(
        (&of_subscription["total"], &of_subscription["billing_reason"]),
        (&json!(200), &json!("subscription_update"))
    );
    assert_eq!(
        of_subscription["parent"]["subscription_details"]["subscription"],
        of
    );
    assert_eq!(
        get(&stripe, &format!("/v1/subscriptions/{of}")).await["latest_invoice"],
        of_subscription["id"]
    );
}

#[tokio::test]
async fn items_are_changed_and_taken_away_while_their_invoice_is_a_draft() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let price = "currency=usd&unit_amount=400&product_data[name]=Hour";
    let price = id(&stripe.post("/v1/prices", price).await.ok());
    let invoice = id(&stripe
        .post("/v1/invoices", &format!("customer={customer}"))
        .await
        .ok());
    let form = format!("customer={customer}&invoice={invoice}&pricing[price]={price}&quantity=3");
    let hours = charge(&stripe, &form).await;
    assert_eq!(
        (&hours["amount"], &hours["description"]),
        (&json!(1_200), &json!("Hour"))
    );
    let credit = charge(
        &stripe,
        &format!("customer={customer}&invoice={invoice}&amount=-200&currency=usd"),
    )
    .await;
    assert_eq!(credit["discountable"], false);
    let path = format!("/v1/invoiceitems/{}", id(&hours));
    let changed = stripe
        .post(&path, "quantity=5&description=Hours&metadata[by]=us")
        .await
        .ok();
    assert_eq!(
        (&changed["amount"], &changed["quantity"]),
        (&json!(2_000), &json!(5))
    );
    let draft = get(&stripe, &format!("/v1/invoices/{invoice}")).await;
    assert_eq!(
        (&draft["total"], &draft["lines"]["total_count"]),
        (&json!(1_800), &json!(2))
    );
    let gone = stripe
        .send("DELETE", &format!("/v1/invoiceitems/{}", id(&credit)), "", &[])
        .await
        .ok();
    assert_eq!(gone["deleted"], true);
    assert_eq!(
        events(&stripe, 2).await,
        ["invoiceitem.deleted", "invoice.updated"]
    );
    stripe
        .get(&format!("/v1/invoiceitems/{}", id(&credit)))
        .await
        .error(404);
    let paid = stripe.post(&format!("/v1/invoices/{invoice}/pay"), "").await.ok();
    assert_eq!(paid["amount_paid"], 2_000);
    let late = stripe.post(&path, "quantity=1").await.error(400);
    assert_eq!(late["code"], "invoice_not_editable");
    stripe.send("DELETE", &path, "", &[]).await.error(400);
}

#[tokio::test]
async fn a_draft_is_changed_discounted_and_deleted_with_what_is_on_it() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    stripe
        .post("/v1/coupons", "id=half&percent_off=50&duration=once")
        .await
        .ok();
    let form = format!("customer={customer}&currency=usd&discounts[0][coupon]=half");
    let draft = stripe.post("/v1/invoices", &form).await.ok();
    let invoice = id(&draft);
    let path = format!("/v1/invoices/{invoice}");
    let item = charge(
        &stripe,
        &format!("customer={customer}&invoice={invoice}&amount=1000&currency=usd"),
    )
    .await;
    let off = get(&stripe, &format!("{path}?expand[]=discounts")).await;
    assert_eq!((&off["subtotal"], &off["total"]), (&json!(1_000), &json!(500)));
    assert_eq!(
        (
            &off["discounts"][0]["invoice"],
            &off["total_discount_amounts"][0]["amount"]
        ),
        (&json!(invoice), &json!(500))
    );
    let plain = stripe.post(&path, "discounts=&auto_advance=true").await.ok();
    assert_eq!(
        (&plain["total"], &plain["auto_advance"]),
        (&json!(1_000), &json!(true))
    );
    let sent = stripe
        .post(
            &path,
            "collection_method=send_invoice&days_until_due=3&auto_advance=false",
        )
        .await
        .ok();
    assert_eq!(
        (&sent["automatically_finalizes_at"], &sent["collection_method"]),
        (&Value::Null, &json!("send_invoice"))
    );
    let gone = stripe.send("DELETE", &path, "", &[]).await.ok();
    assert_eq!(
        gone,
        json!({ "id": invoice, "object": "invoice", "deleted": true })
    );
    assert_eq!(
        events(&stripe, 2).await,
        ["invoiceitem.deleted", "invoice.deleted"]
    );
    stripe.get(&path).await.error(404);
    stripe
        .get(&format!("/v1/invoiceitems/{}", id(&item)))
        .await
        .error(404);
    let listed = get(&stripe, &format!("/v1/invoices?customer={customer}")).await;
    assert_eq!(listed["data"], json!([]));
    stripe.send("DELETE", &path, "", &[]).await.error(404);
}

#[tokio::test]
async fn an_invoice_of_nothing_is_paid_when_it_is_finalized() {
    let stripe = Stripe::start().await;
    let customer = stripe.customer().await;
    let draft = stripe
        .post("/v1/invoices", &format!("customer={customer}"))
        .await
        .ok();
    let path = format!("/v1/invoices/{}", id(&draft));
    let form = format!(
        "customer={customer}&invoice={}&amount=-300&currency=usd",
        id(&draft)
    );
    charge(&stripe, &form).await;
    let paid = stripe.post(&format!("{path}/finalize"), "").await.ok();
    assert_eq!(
        (&paid["status"], &paid["amount_due"]),
        (&json!("paid"), &json!(0))
    );
    let owed = get(&stripe, &format!("/v1/customers/{customer}")).await;
    assert_eq!(owed["balance"], -300, "the credit is kept");
}

#[tokio::test]
async fn what_cannot_be_charged_is_refused_by_name() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let monthly = stripe.monthly_price().await;
    let invoice = id(&stripe
        .post("/v1/invoices", &format!("customer={customer}"))
        .await
        .ok());
    for (form, param) in [
        ("currency=usd".to_owned(), "amount"),
        ("amount=5".to_owned(), "currency"),
        ("amount=5&currency=usd&quantity=2".to_owned(), "quantity"),
        (format!("pricing[price]={monthly}"), "pricing[price]"),
        (format!("amount=5&currency=eur&invoice={invoice}"), "invoice"),
        (
            "amount=5&currency=usd&subscription=sub_none".to_owned(),
            "subscription",
        ),
        ("amount=5&currency=usd&colour=red".to_owned(), "colour"),
    ] {
        let refused = stripe
            .post("/v1/invoiceitems", &format!("customer={customer}&{form}"))
            .await
            .error(400);
        assert_eq!(refused["param"], param, "{form}");
    }
    let form = format!("customer={customer}&days_until_due=3");
    assert_eq!(
        stripe.post("/v1/invoices", &form).await.error(400)["param"],
        "days_until_due"
    );
    let form = format!("customer={customer}&collection_method=send_invoice");
    assert_eq!(
        stripe.post("/v1/invoices", &form).await.error(400)["param"],
        "days_until_due"
    );
}

#[tokio::test]
async fn an_older_version_names_the_price_and_sees_it_in_full() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let price = "currency=usd&unit_amount=400&product_data[name]=Hour";
    let price = id(&stripe.post("/v1/prices", price).await.ok());
    let old = [("stripe-version", "2024-06-20")];
    let form = format!("customer={customer}&price={price}&quantity=2");
    let item = stripe.send("POST", "/v1/invoiceitems", &form, &old).await.ok();
    assert_eq!(
        (&item["price"]["id"], &item["unit_amount"]),
        (&json!(price), &json!(400))
    );
    assert_eq!(item["subscription"], Value::Null);
    let form = format!("customer={customer}&pending_invoice_items_behavior=include");
    let invoice = stripe.send("POST", "/v1/invoices", &form, &old).await.ok();
    assert_eq!(
        (&invoice["subscription"], &invoice["total"]),
        (&Value::Null, &json!(800))
    );
    assert_eq!(invoice["lines"]["data"][0]["type"], "invoiceitem");
}

#[tokio::test]
async fn an_end_at_once_leaves_what_was_charged_by_hand() {
    let stripe = Stripe::start().await;
    let customer = payer(&stripe).await;
    let price = stripe.monthly_price().await;
    let made = stripe
        .post(
            "/v1/subscriptions",
            &format!("customer={customer}&items[0][price]={price}"),
        )
        .await
        .ok();
    let of = id(&made);
    let hand = charge(
        &stripe,
        &format!("customer={customer}&subscription={of}&amount=200&currency=usd"),
    )
    .await;
    stripe
        .post(
            &format!("/v1/subscriptions/{of}"),
            &format!(
                "items[0][id]={}&items[0][quantity]=2",
                id(&made["items"]["data"][0])
            ),
        )
        .await
        .ok();
    stripe
        .send("DELETE", &format!("/v1/subscriptions/{of}"), "", &[])
        .await
        .ok();
    let pending = get(&stripe, "/v1/invoiceitems?pending=true").await;
    let ids: Vec<_> = pending["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].clone())
        .collect();
    assert_eq!(ids, [hand["id"].clone()]);
}
