//! What a subscription's first invoice has on it, and what is due with it.

use serde_json::{Value, json};
use stripe_simulator::core::Core;

use crate::support::{CARD, call, id, refused};

fn monthly(core: &mut Core, amount: u32) -> String {
    let product = id(&call(core, "POST", "/v1/products", "name=Seats"));
    let form = format!("product={product}&currency=usd&unit_amount={amount}&recurring[interval]=month");
    id(&call(core, "POST", "/v1/prices", &form))
}

/// A fee of 900.
fn setup_fee(core: &mut Core) -> String {
    let product = id(&call(core, "POST", "/v1/products", "name=Setup"));
    let form = format!("product={product}&currency=usd&unit_amount=900");
    id(&call(core, "POST", "/v1/prices", &form))
}

fn coupon(core: &mut Core, percent: u32) -> String {
    let form = format!("percent_off={percent}&duration=forever");
    id(&call(core, "POST", "/v1/coupons", &form))
}

fn subscribe(core: &mut Core, form: &str) -> Value {
    let form = format!("{form}&expand[]=latest_invoice");
    call(core, "POST", "/v1/subscriptions", &form)
}

#[test]
fn what_is_charged_once_with_the_first_invoice_is_an_invoice_item() {
    let mut core = Core::new(1, 0);
    let (price, fee) = (monthly(&mut core, 700), setup_fee(&mut core));
    let customer = id(&call(&mut core, "POST", "/v1/customers", CARD));
    let form = format!("customer={customer}&items[0][price]={price}&add_invoice_items[0][price]={fee}");
    let made = subscribe(&mut core, &form);
    let invoice = &made["latest_invoice"];
    assert_eq!(invoice["amount_paid"], 1_600);
    let line = &invoice["lines"]["data"][0];
    assert_eq!(
        (&line["amount"], &line["description"]),
        (&json!(900), &json!("Setup"))
    );
    let details = &line["parent"]["invoice_item_details"];
    assert_eq!(details["subscription"], made["id"]);
    let item = details["invoice_item"].as_str().unwrap();
    let item = call(&mut core, "GET", &format!("/v1/invoiceitems/{item}"), "");
    assert_eq!(item["invoice"], invoice["id"]);
    assert_eq!(
        (&item["amount"], &item["proration"]),
        (&json!(900), &json!(false))
    );
    let told = call(&mut core, "GET", "/v1/events", "type=invoiceitem.created");
    assert_eq!(told["data"][0]["data"]["object"]["id"], item["id"]);
    let list = format!("subscription={}", id(&made));
    core.advance(32 * 86_400);
    let renewals = call(&mut core, "GET", "/v1/invoices", &list);
    assert_eq!(renewals["data"][0]["total"], 700, "once is once");
}

#[test]
fn a_discount_counts_for_what_waits_when_it_is_asked_whether_anything_is_due() {
    let mut core = Core::new(1, 0);
    let (price, free) = (monthly(&mut core, 700), coupon(&mut core, 100));
    let customer = id(&call(&mut core, "POST", "/v1/customers", ""));
    let waits = format!("customer={customer}&unit_amount_decimal=300&currency=usd");
    call(&mut core, "POST", "/v1/invoiceitems", &waits);
    let form = format!("customer={customer}&items[0][price]={price}");
    let fault = refused(&mut core, "POST", "/v1/subscriptions", &form);
    assert_eq!(
        fault.code.as_deref(),
        Some("resource_missing"),
        "there is no card"
    );
    let made = subscribe(&mut core, &format!("{form}&discounts[0][coupon]={free}"));
    assert_eq!(made["latest_invoice"]["subtotal"], 1_000);
    assert_eq!(made["latest_invoice"]["amount_due"], 0);
    assert_eq!(made["status"], "active");
}

#[test]
fn what_a_trial_charges_for_at_once_is_due_at_once() {
    let mut core = Core::new(1, 0);
    let (price, fee) = (monthly(&mut core, 700), setup_fee(&mut core));
    let nobody = id(&call(&mut core, "POST", "/v1/customers", ""));
    let trial = |customer: &str, more: &str| {
        format!("customer={customer}&items[0][price]={price}&trial_period_days=7{more}")
    };
    let fee = format!("&add_invoice_items[0][price]={fee}");
    let fault = refused(&mut core, "POST", "/v1/subscriptions", &trial(&nobody, &fee));
    assert_eq!(
        fault.code.as_deref(),
        Some("resource_missing"),
        "there is no card"
    );
    let made = subscribe(&mut core, &trial(&nobody, ""));
    assert_eq!(made["status"], "trialing", "nothing is due in a mere trial");
    let poor = CARD.replace("pm_card_visa", "pm_card_chargeCustomerFail");
    let poor = id(&call(&mut core, "POST", "/v1/customers", &poor));
    let form = trial(&poor, &format!("{fee}&payment_behavior=error_if_incomplete"));
    let fault = refused(&mut core, "POST", "/v1/subscriptions", &form);
    assert_eq!(fault.code.as_deref(), Some("card_declined"));
    let payer = id(&call(&mut core, "POST", "/v1/customers", CARD));
    let made = subscribe(&mut core, &trial(&payer, &fee));
    assert_eq!(made["status"], "trialing");
    assert_eq!(made["latest_invoice"]["amount_paid"], 900);
}

#[test]
fn a_change_that_costs_nothing_after_discounts_needs_no_payment() {
    let mut core = Core::new(1, 0);
    let (small, large) = (monthly(&mut core, 0), monthly(&mut core, 5_000));
    let fee = setup_fee(&mut core);
    let free = coupon(&mut core, 100);
    let customer = id(&call(&mut core, "POST", "/v1/customers", ""));
    let form = format!("customer={customer}&items[0][price]={small}&discounts[0][coupon]={free}");
    let made = subscribe(&mut core, &form);
    let item = id(&made["items"]["data"][0]);
    let form = format!(
        "items[0][id]={item}&items[0][price]={large}&add_invoice_items[0][price]={fee}\
         &payment_behavior=error_if_incomplete&expand[]=latest_invoice"
    );
    let changed = call(
        &mut core,
        "POST",
        &format!("/v1/subscriptions/{}", id(&made)),
        &form,
    );
    assert_eq!(changed["latest_invoice"]["subtotal"], 5_900);
    assert_eq!(changed["latest_invoice"]["amount_due"], 0);
    assert_eq!(changed["status"], "active");
}

#[test]
fn a_subscription_with_nothing_to_pay_yet_waits_for_a_method_to_be_set_up() {
    let mut core = Core::new(1, 0);
    let (price, customer) = (
        monthly(&mut core, 700),
        id(&call(&mut core, "POST", "/v1/customers", "")),
    );
    let form = format!(
        "customer={customer}&items[0][price]={price}&payment_behavior=default_incomplete&trial_period_days=7\
         &payment_settings[save_default_payment_method]=on_subscription&expand[]=pending_setup_intent"
    );
    let made = subscribe(&mut core, &form);
    let intent = &made["pending_setup_intent"];
    assert_eq!(
        (&made["status"], &intent["status"], &intent["customer"]),
        (
            &json!("trialing"),
            &json!("requires_payment_method"),
            &json!(customer)
        )
    );
    let from = core.events(0).len();
    let path = format!("/v1/setup_intents/{}/confirm", id(intent));
    let done = call(&mut core, "POST", &path, "payment_method=pm_card_visa");
    let after = core.get(&id(&made)).unwrap();
    assert_eq!(after["pending_setup_intent"], Value::Null);
    assert_eq!(after["default_payment_method"], done["payment_method"]);
    let told: Vec<&str> = core.events(from).iter().map(|it| it.kind).collect();
    assert_eq!(told.last(), Some(&"customer.subscription.updated"));
    core.advance(8 * 86_400);
    assert_eq!(core.get(&id(&made)).unwrap()["status"], "active");
    // What is to be paid now has its payment intent instead.
    let form = format!(
        "customer={customer}&items[0][price]={price}&payment_behavior=default_incomplete\
         &expand[]=latest_invoice.confirmation_secret&expand[]=latest_invoice.payments"
    );
    let paying = call(&mut core, "POST", "/v1/subscriptions", &form);
    assert_eq!(paying["pending_setup_intent"], Value::Null);
    let invoice = &paying["latest_invoice"];
    let intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
        .as_str()
        .unwrap();
    let secret = core.get(intent).unwrap()["client_secret"].take();
    assert_eq!(
        invoice["confirmation_secret"],
        json!({ "client_secret": secret, "type": "payment_intent" })
    );
    let plain = core.get(&id(invoice)).unwrap();
    assert_eq!(plain.get("confirmation_secret"), None);
}
