//! Customers: what is kept of them, and their credit balance.

use serde_json::{Value, json};

use crate::support::{Stripe, id};

const CARD: &str = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";

#[tokio::test]
async fn a_customer_keeps_what_is_said_of_it() {
    let stripe = Stripe::start().await;
    let form = "address[line1]=1%20Road&address[country]=DE&tax_exempt=reverse&preferred_locales[0]=de\
                &shipping[name]=Ann&shipping[address][line1]=2%20Road&invoice_prefix=ACME&next_invoice_sequence=7";
    let made = stripe.post("/v1/customers", form).await.ok();
    assert_eq!(
        (&made["address"]["line1"], &made["address"]["city"]),
        (&json!("1 Road"), &Value::Null)
    );
    assert_eq!(
        (&made["tax_exempt"], &made["preferred_locales"]),
        (&json!("reverse"), &json!(["de"]))
    );
    assert_eq!(made["shipping"]["address"]["line1"], "2 Road");
    assert_eq!(
        (&made["invoice_prefix"], &made["next_invoice_sequence"]),
        (&json!("ACME"), &json!(7))
    );
    let path = format!("/v1/customers/{}", id(&made));
    let changed = stripe
        .post(&path, "address=&shipping=&tax_exempt=&preferred_locales=")
        .await
        .ok();
    assert_eq!(
        (&changed["address"], &changed["shipping"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&changed["tax_exempt"], &changed["preferred_locales"]),
        (&json!("none"), &json!([]))
    );
    let error = stripe.post(&path, "invoice_prefix=a").await.error(400);
    assert_eq!(error["param"], "invoice_prefix");
    let error = stripe.post(&path, "address[street]=x").await.error(400);
    assert_eq!(error["param"], "address[street]");
    assert_eq!(
        stripe.get("/v1/customers/search?query=x").await.error(501)["code"],
        "not_simulated"
    );
}

#[tokio::test]
async fn a_credit_is_used_up_by_invoices_and_each_move_is_told() {
    let stripe = Stripe::start().await;
    let price = stripe.monthly_price().await;
    let made = stripe
        .post("/v1/customers", &format!("{CARD}&balance=-500"))
        .await
        .ok();
    assert_eq!(
        (&made["balance"], &made["currency"]),
        (&json!(-500), &json!("usd"))
    );
    let customer = id(&made);
    let path = format!("/v1/customers/{customer}/balance_transactions");
    let form = "amount=-700&currency=usd&description=Sorry&metadata[a]=b";
    let credit = stripe.post(&path, form).await.ok();
    assert_eq!(
        (&credit["type"], &credit["ending_balance"]),
        (&json!("adjustment"), &json!(-1_200))
    );
    let form = format!("customer={customer}&items[0][price]={price}");
    let subscription = stripe.post("/v1/subscriptions", &form).await.ok();
    let invoice = subscription["latest_invoice"].as_str().unwrap();
    let invoice = stripe.get(&format!("/v1/invoices/{invoice}")).await.ok();
    assert_eq!(
        (&invoice["amount_due"], &invoice["amount_paid"]),
        (&json!(800), &json!(800))
    );
    let list = stripe.get(&path).await.ok();
    let moves = list["data"].as_array().unwrap();
    assert_eq!(moves.len(), 3);
    let used = &moves[0];
    assert_eq!(
        (&used["type"], &used["amount"], &used["ending_balance"]),
        (&json!("applied_to_invoice"), &json!(1_200), &json!(0))
    );
    assert_eq!(used["invoice"], invoice["id"]);
    let one = format!("{path}/{}", id(&credit));
    let changed = stripe.post(&one, "description=&metadata[a]=c").await.ok();
    assert_eq!(
        (&changed["description"], &changed["metadata"]["a"]),
        (&Value::Null, &json!("c"))
    );
    assert_eq!(stripe.get(&one).await.ok(), changed);
    let debt = stripe
        .post(&format!("/v1/customers/{customer}"), "balance=300")
        .await
        .ok();
    assert_eq!(debt["balance"], 300);
    assert_eq!(
        stripe.post(&path, "amount=0&currency=usd").await.error(400)["param"],
        "amount"
    );
    assert_eq!(
        stripe.post(&path, "amount=5&currency=eur").await.error(400)["param"],
        "currency"
    );
    stripe
        .get("/v1/customers/cus_none/balance_transactions")
        .await
        .error(404);
}

#[tokio::test]
async fn nothing_is_told_of_a_deleted_customer_whose_method_is_detached() {
    let stripe = Stripe::start().await;
    let customer = stripe.post("/v1/customers", CARD).await.ok();
    let method = customer["invoice_settings"]["default_payment_method"]
        .as_str()
        .unwrap();
    let path = format!("/v1/customers/{}", id(&customer));
    stripe.send("DELETE", &path, "", &[]).await.ok();
    let detach = format!("/v1/payment_methods/{method}/detach");
    assert_eq!(stripe.post(&detach, "").await.ok()["customer"], Value::Null);
    let told = stripe.get("/v1/events?type=customer.updated").await.ok();
    assert_eq!(told["data"], json!([]));
}
