//! Changes in the middle of a period: what they give back, what they cost, when it is invoiced.

use serde_json::Value;
use stripe_simulator::core::Core;

use crate::support::{CARD, call, refused};

pub const START: i64 = 1_767_225_600;
pub const HALF: i64 = 31 * 86_400 / 2;

/// A core with a customer whose card works, and the prices `[10 $/month, 20 $/month, 100 $/year]`.
pub fn shop() -> (Core, String, [String; 3]) {
    let mut core = Core::new(11, START);
    let product = call(&mut core, "POST", "/v1/products", "name=Team");
    let product = text(&product["id"]);
    let mut price = |amount: i64, interval: &str| {
        let form =
            format!("currency=usd&unit_amount={amount}&recurring[interval]={interval}&product={product}");
        text(&call(&mut core, "POST", "/v1/prices", &form)["id"])
    };
    let prices = [price(1000, "month"), price(2000, "month"), price(10_000, "year")];
    let customer = call(&mut core, "POST", "/v1/customers", CARD);
    (core, text(&customer["id"]), prices)
}

pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

pub fn subscribe(core: &mut Core, form: &str) -> Value {
    call(core, "POST", "/v1/subscriptions", form)
}

/// A card, attached and the customer's default from now on.
pub fn pays_with(core: &mut Core, customer: &str, card: &str) {
    let attach = format!("/v1/payment_methods/{card}/attach");
    let method = text(&call(core, "POST", &attach, &format!("customer={customer}"))["id"]);
    let default = format!("invoice_settings[default_payment_method]={method}");
    call(core, "POST", &format!("/v1/customers/{customer}"), &default);
}

pub fn get(core: &Core, id: &str) -> Value {
    core.get(id).unwrap_or_else(|| panic!("no {id}"))
}

pub fn kinds(core: &Core, from: usize) -> Vec<&'static str> {
    core.events(from).iter().map(|event| event.kind).collect()
}

/// Amount and whether it is a proration, of each line.
pub fn lines(invoice: &Value) -> Vec<(i64, bool)> {
    let lines = invoice["lines"]["data"].as_array().unwrap();
    let line = |line: &Value| {
        let details = &line["parent"]["subscription_item_details"];
        (
            line["amount"].as_i64().unwrap(),
            details["proration"].as_bool().unwrap(),
        )
    };
    lines.iter().map(line).collect()
}

fn balance(core: &Core, customer: &str) -> i64 {
    get(core, customer)["balance"].as_i64().unwrap()
}

#[test]
fn an_upgrade_waits_for_the_next_invoice_as_two_prorations() {
    let (mut core, customer, [ten, twenty, _]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    let (id, item) = (text(&made["id"]), text(&made["items"]["data"][0]["id"]));
    core.advance(HALF);
    let before = core.events(0).len();
    let form = format!("items[0][id]={item}&items[0][price]={twenty}");
    let changed = call(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &form);
    assert_eq!(
        changed["latest_invoice"], made["latest_invoice"],
        "nothing is invoiced yet"
    );
    assert_eq!(
        kinds(&core, before),
        [
            "invoiceitem.created",
            "invoiceitem.created",
            "customer.subscription.updated"
        ]
    );
    let waiting = call(
        &mut core,
        "GET",
        "/v1/invoiceitems",
        &format!("customer={customer}&pending=true"),
    );
    let waiting: Vec<i64> = waiting["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["amount"].as_i64().unwrap())
        .collect();
    assert_eq!(waiting, [1000, -500]);
    core.advance(HALF + 7_200);
    let invoice = get(&core, &text(&get(&core, &id)["latest_invoice"]));
    assert_eq!(lines(&invoice), [(1000, true), (-500, true), (2000, false)]);
    assert_eq!(
        (&invoice["total"], &invoice["amount_paid"]),
        (&2500.into(), &2500.into())
    );
    let line = &invoice["lines"]["data"][1];
    assert_eq!(line["description"], "Unused time on Team after 16 Jan 2026");
    assert_eq!(
        line["parent"]["subscription_item_details"]["subscription_item"],
        item.as_str()
    );
    let invoice_item = text(&line["parent"]["subscription_item_details"]["invoice_item"]);
    assert_eq!(get(&core, &invoice_item)["invoice"], invoice["id"]);
}

#[test]
fn always_invoice_bills_the_difference_at_once() {
    let (mut core, customer, [ten, ..]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    let (id, item) = (text(&made["id"]), text(&made["items"]["data"][0]["id"]));
    core.advance(HALF);
    let form = "quantity=3&proration_behavior=always_invoice";
    call(&mut core, "POST", &format!("/v1/subscription_items/{item}"), form);
    let shown = get(&core, &id);
    let invoice = get(&core, &text(&shown["latest_invoice"]));
    assert_eq!(lines(&invoice), [(1500, true), (-500, true)]);
    assert_eq!(invoice["billing_reason"], "subscription_update");
    assert_eq!(
        (&invoice["status"], &invoice["amount_paid"]),
        (&"paid".into(), &1000.into())
    );
    assert_eq!(
        shown["items"]["data"][0]["current_period_end"],
        made["items"]["data"][0]["current_period_end"]
    );
}

#[test]
fn what_a_downgrade_gives_back_is_a_credit_that_later_invoices_use_up() {
    let (mut core, customer, [ten, ..]) = shop();
    let made = subscribe(
        &mut core,
        &format!("customer={customer}&items[0][price]={ten}&items[0][quantity]=5"),
    );
    let (id, item) = (text(&made["id"]), text(&made["items"]["data"][0]["id"]));
    core.advance(HALF);
    let form = format!("items[0][id]={item}&items[0][quantity]=1&proration_behavior=always_invoice");
    call(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &form);
    let invoice = get(&core, &text(&get(&core, &id)["latest_invoice"]));
    assert_eq!(
        (&invoice["total"], &invoice["amount_due"]),
        (&(-2000).into(), &0.into())
    );
    assert_eq!(invoice["status"], "paid");
    assert_eq!(balance(&core, &customer), -2000);
    core.advance(HALF + 7_200);
    let invoice = get(&core, &text(&get(&core, &id)["latest_invoice"]));
    assert_eq!(
        (&invoice["total"], &invoice["amount_due"], &invoice["status"]),
        (&1000.into(), &0.into(), &"paid".into())
    );
    assert_eq!(
        (&invoice["starting_balance"], &invoice["ending_balance"]),
        (&(-2000).into(), &(-1000).into())
    );
    assert_eq!(balance(&core, &customer), -1000);
}

#[test]
fn another_interval_begins_a_new_period_and_credits_the_old_one() {
    let (mut core, customer, [ten, _, year]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    let (id, item) = (text(&made["id"]), text(&made["items"]["data"][0]["id"]));
    core.advance(HALF);
    let form = format!("items[0][id]={item}&items[0][price]={year}");
    let unchanged = format!("{form}&billing_cycle_anchor=unchanged");
    let fault = refused(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &unchanged);
    assert_eq!(fault.param.as_deref(), Some("billing_cycle_anchor"));
    let shown = call(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &form);
    let now = core.now();
    assert_eq!(shown["billing_cycle_anchor"], now);
    assert_eq!(shown["items"]["data"][0]["current_period_start"], now);
    assert_eq!(
        shown["items"]["data"][0]["current_period_end"],
        now + 365 * 86_400
    );
    let invoice = get(&core, &text(&shown["latest_invoice"]));
    assert_eq!(lines(&invoice), [(-500, true), (10_000, false)]);
    assert_eq!(
        (&invoice["amount_paid"], &invoice["billing_reason"]),
        (&9500.into(), &"subscription_update".into())
    );
}

#[test]
fn items_come_and_go_through_their_own_routes() {
    let (mut core, customer, [ten, twenty, _]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    let id = text(&made["id"]);
    core.advance(HALF);
    let form = format!("subscription={id}&price={twenty}&quantity=2&metadata[seat]=guest");
    let item = call(&mut core, "POST", "/v1/subscription_items", &form);
    assert_eq!(item["metadata"]["seat"], "guest");
    assert_eq!(
        item["current_period_end"],
        made["items"]["data"][0]["current_period_end"]
    );
    let list = call(
        &mut core,
        "GET",
        "/v1/subscription_items",
        &format!("subscription={id}&limit=1"),
    );
    assert_eq!(
        (&list["data"][0]["price"]["id"], &list["has_more"]),
        (&ten.as_str().into(), &true.into())
    );
    let after = format!(
        "subscription={id}&starting_after={}",
        text(&list["data"][0]["id"])
    );
    assert_eq!(
        call(&mut core, "GET", "/v1/subscription_items", &after)["data"][0],
        item
    );
    let again = refused(&mut core, "POST", "/v1/subscription_items", &form);
    assert!(again.message.contains("same plan"));
    let path = format!("/v1/subscription_items/{}", text(&item["id"]));
    let deleted = call(&mut core, "DELETE", &path, "");
    assert_eq!(deleted["deleted"], true);
    assert_eq!(refused(&mut core, "GET", &path, "").status, 404);
    let last = format!("/v1/subscription_items/{}", text(&made["items"]["data"][0]["id"]));
    assert!(
        refused(&mut core, "DELETE", &last, "")
            .message
            .contains("at least one")
    );
    core.advance(HALF + 7_200);
    let invoice = get(&core, &text(&get(&core, &id)["latest_invoice"]));
    assert_eq!(lines(&invoice), [(-2000, true), (2000, true), (1000, false)]);
}

#[test]
fn a_card_that_declines_refuses_the_change_or_leaves_it_past_due() {
    let (mut core, customer, [ten, ..]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    let (id, item) = (text(&made["id"]), text(&made["items"]["data"][0]["id"]));
    let path = format!("/v1/subscriptions/{id}");
    pays_with(&mut core, &customer, "pm_card_chargeCustomerFail");
    let form = format!("items[0][id]={item}&items[0][quantity]=9&proration_behavior=always_invoice");
    let before = core.clone();
    let fault = refused(
        &mut core,
        "POST",
        &path,
        &format!("{form}&payment_behavior=error_if_incomplete"),
    );
    assert_eq!(fault.status, 402);
    assert_eq!(core.get(&id), before.get(&id));
    assert_eq!(core.events(0).len(), before.events(0).len());
    let shown = call(&mut core, "POST", &path, &form);
    assert_eq!(shown["items"]["data"][0]["quantity"], 9);
    assert_eq!(get(&core, &id)["status"], "past_due");
    assert_eq!(get(&core, &text(&shown["latest_invoice"]))["status"], "open");
}

#[test]
fn a_cycle_that_begins_now_gives_the_rest_of_the_old_one_back() {
    let (mut core, customer, [ten, ..]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    let path = format!("/v1/subscriptions/{}", text(&made["id"]));
    core.advance(HALF);
    let shown = call(&mut core, "POST", &path, "billing_cycle_anchor=now");
    assert_eq!(shown["billing_cycle_anchor"], core.now());
    assert_eq!(
        lines(&get(&core, &text(&shown["latest_invoice"]))),
        [(-500, true), (1000, false)]
    );
    core.advance(HALF);
    let shown = call(
        &mut core,
        "POST",
        &path,
        "billing_cycle_anchor=now&proration_behavior=none",
    );
    assert_eq!(
        lines(&get(&core, &text(&shown["latest_invoice"]))),
        [(1000, false)]
    );
}

#[test]
fn canceling_now_can_give_the_unused_time_back() {
    let (mut core, customer, [ten, ..]) = shop();
    let form = format!("customer={customer}&items[0][price]={ten}");
    let made = subscribe(&mut core, &form);
    core.advance(HALF);
    let path = format!("/v1/subscriptions/{}", text(&made["id"]));
    let details = "prorate=true&invoice_now=true&cancellation_details[feedback]=unused&cancellation_details[comment]=bye";
    let ended = call(&mut core, "DELETE", &path, details);
    assert_eq!(ended["cancellation_details"]["feedback"], "unused");
    assert_eq!(ended["status"], "canceled");
    let invoice = get(&core, &text(&ended["latest_invoice"]));
    assert_eq!(
        (&invoice["total"], &invoice["status"]),
        (&(-500).into(), &"paid".into())
    );
    assert_eq!(balance(&core, &customer), -500);
}

#[test]
fn at_the_period_end_a_last_invoice_collects_what_still_waits() {
    let (mut core, customer, [ten, ..]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    let (id, item) = (text(&made["id"]), text(&made["items"]["data"][0]["id"]));
    core.advance(HALF);
    let form = format!("items[0][id]={item}&items[0][quantity]=2&cancel_at_period_end=true");
    call(&mut core, "POST", &format!("/v1/subscriptions/{id}"), &form);
    core.advance(HALF + 7_200);
    let ended = get(&core, &id);
    assert_eq!(ended["status"], "canceled");
    let invoice = get(&core, &text(&ended["latest_invoice"]));
    assert_eq!(
        (lines(&invoice), &invoice["status"]),
        (vec![(1000, true), (-500, true)], &"paid".into())
    );
}

#[test]
fn discounts_count_in_what_is_given_back_and_in_what_is_charged() {
    let (mut core, customer, [ten, ..]) = shop();
    call(
        &mut core,
        "POST",
        "/v1/coupons",
        "id=HALF&percent_off=50&duration=forever",
    );
    let form = format!("customer={customer}&items[0][price]={ten}&discounts[0][coupon]=HALF");
    let made = subscribe(&mut core, &form);
    assert_eq!(get(&core, &text(&made["latest_invoice"]))["amount_paid"], 500);
    core.advance(HALF);
    let path = format!("/v1/subscription_items/{}", text(&made["items"]["data"][0]["id"]));
    call(
        &mut core,
        "POST",
        &path,
        "quantity=3&proration_behavior=always_invoice",
    );
    let latest = get(&core, &text(&made["id"]))["latest_invoice"].take();
    let invoice = get(&core, &text(&latest));
    assert_eq!(
        (lines(&invoice), &invoice["total"]),
        (vec![(750, true), (-250, true)], &500.into())
    );
}

#[test]
fn what_discounts_pay_for_needs_no_card() {
    let (mut core, customer, [ten, ..]) = shop();
    let coupon = "id=FREE&percent_off=100&duration=forever";
    call(&mut core, "POST", "/v1/coupons", coupon);
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    core.advance(HALF);
    pays_with(&mut core, &customer, "pm_card_chargeCustomerFail");
    let path = format!("/v1/subscriptions/{}", text(&made["id"]));
    let anew = "billing_cycle_anchor=now&payment_behavior=error_if_incomplete";
    assert_eq!(refused(&mut core, "POST", &path, anew).status, 402);
    for discounts in ["&discounts[0][coupon]=FREE", ""] {
        let shown = call(&mut core, "POST", &path, &format!("{anew}{discounts}"));
        let invoice = get(&core, &text(&shown["latest_invoice"]));
        assert_eq!(
            (&invoice["amount_due"], &invoice["status"]),
            (&0.into(), &"paid".into())
        );
        core.advance(HALF);
    }
}

#[test]
fn a_subscription_has_a_payment_method_of_its_own_or_saves_the_one_that_pays() {
    let (mut core, customer, [ten, ..]) = shop();
    let attach = "/v1/payment_methods/pm_card_mastercard/attach";
    let card = text(&call(&mut core, "POST", attach, &format!("customer={customer}"))["id"]);
    let form = format!("customer={customer}&items[0][price]={ten}");
    let made = subscribe(&mut core, &format!("{form}&default_payment_method={card}"));
    assert_eq!(made["default_payment_method"], card.as_str());
    let path = format!("/v1/subscriptions/{}", text(&made["id"]));
    assert_eq!(
        call(&mut core, "POST", &path, "default_payment_method=")["default_payment_method"],
        Value::Null
    );
    let fault = refused(&mut core, "POST", &path, "default_payment_method=pm_of_another");
    assert_eq!(fault.param.as_deref(), Some("default_payment_method"));
    let saves = format!("{form}&payment_settings[save_default_payment_method]=on_subscription");
    let saved = subscribe(&mut core, &saves)["default_payment_method"].take();
    assert_eq!(
        saved,
        get(&core, &customer)["invoice_settings"]["default_payment_method"]
    );
}

#[test]
fn what_is_charged_once_with_a_change_is_invoiced_at_once_in_the_classic_mode_alone() {
    for (mode, invoiced) in [("classic", true), ("flexible", false)] {
        let (mut core, customer, [ten, ..]) = shop();
        let form = format!("customer={customer}&items[0][price]={ten}&billing_mode[type]={mode}");
        let made = subscribe(&mut core, &form);
        let product = text(&call(&mut core, "POST", "/v1/products", "name=Setup")["id"]);
        let form = format!("product={product}&currency=usd&unit_amount=900");
        let fee = text(&call(&mut core, "POST", "/v1/prices", &form)["id"]);
        let form = format!("add_invoice_items[0][price]={fee}&proration_behavior=always_invoice");
        let path = format!("/v1/subscriptions/{}", text(&made["id"]));
        let changed = call(&mut core, "POST", &path, &form);
        let newest = get(&core, &text(&changed["latest_invoice"]));
        assert_eq!(newest["id"] != made["latest_invoice"], invoiced, "{mode}");
        if invoiced {
            assert_eq!(
                (&newest["amount_paid"], &newest["status"]),
                (&900.into(), &"paid".into())
            );
        }
        let waits = format!("customer={customer}&pending=true");
        let waits = call(&mut core, "GET", "/v1/invoiceitems", &waits);
        assert_eq!(waits["data"].as_array().unwrap().is_empty(), invoiced, "{mode}");
    }
}
