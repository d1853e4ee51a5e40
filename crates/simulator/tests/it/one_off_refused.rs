//! What cannot be charged by hand, and what a refusal leaves as it was.

use serde_json::{Value, json};
use stripe_simulator::core::Core;

use crate::proration::{HALF, get, kinds, shop, subscribe, text};
use crate::support::{call, refused};

/// A one-time price of this many cents.
fn once(core: &mut Core, cents: u32) -> String {
    let form = format!("currency=usd&unit_amount={cents}&product_data[name]=Setup");
    text(&call(core, "POST", "/v1/prices", &form)["id"])
}

/// A draft of this customer with this many cents on it.
fn draft(core: &mut Core, customer: &str, cents: i64, more: &str) -> String {
    let made = call(
        core,
        "POST",
        "/v1/invoices",
        &format!("customer={customer}{more}"),
    );
    let invoice = text(&made["id"]);
    let form = format!("customer={customer}&invoice={invoice}&amount={cents}&currency=usd");
    call(core, "POST", "/v1/invoiceitems", &form);
    invoice
}

/// The parameter that is refused.
fn param(core: &mut Core, path: &str, form: &str) -> String {
    let fault = refused(core, "POST", path, form);
    fault.param.unwrap_or_else(|| panic!("{form}: {}", fault.message))
}

#[test]
fn more_than_an_invoice_item_may_come_to_is_not_added_to_a_subscription() {
    let (mut core, customer, [ten, ..]) = shop();
    let price = once(&mut core, 99_999_999);
    let first = format!("customer={customer}&items[0][price]={ten}");
    for quantity in [2, i64::MAX as u64, u64::MAX] {
        let added = format!("add_invoice_items[0][price]={price}&add_invoice_items[0][quantity]={quantity}");
        let form = format!("{first}&{added}");
        let named = param(&mut core, "/v1/subscriptions", &form);
        assert_eq!(named, "add_invoice_items[0][quantity]");
    }
    let id = text(&subscribe(&mut core, &first)["id"]);
    let form = format!("add_invoice_items[0][price]={price}&add_invoice_items[0][quantity]=2");
    let named = param(&mut core, &format!("/v1/subscriptions/{id}"), &form);
    assert_eq!(named, "add_invoice_items[0][quantity]");
    let form = format!("{first}&add_invoice_items[0][price]={price}");
    let made = subscribe(&mut core, &form);
    assert_eq!(
        get(&core, &text(&made["latest_invoice"]))["total"],
        99_999_999 + 1_000
    );
}

#[test]
fn what_is_charged_to_a_subscription_is_in_its_currency() {
    let (mut core, customer, [ten, ..]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    let form = format!(
        "customer={customer}&subscription={}&amount=100",
        text(&made["id"])
    );
    let named = param(&mut core, "/v1/invoiceitems", &format!("{form}&currency=eur"));
    assert_eq!(named, "currency");
    let item = call(
        &mut core,
        "POST",
        "/v1/invoiceitems",
        &format!("{form}&currency=usd"),
    );
    assert_eq!(item["currency"], "usd");
}

#[test]
fn a_proration_keeps_its_price_and_no_discount_is_taken_off_it() {
    let (mut core, customer, [ten, twenty, _]) = shop();
    let made = subscribe(&mut core, &format!("customer={customer}&items[0][price]={ten}"));
    core.advance(HALF);
    let form = format!(
        "items[0][id]={}&items[0][price]={twenty}",
        text(&made["items"]["data"][0]["id"])
    );
    let path = format!("/v1/subscriptions/{}", text(&made["id"]));
    call(&mut core, "POST", &path, &form);
    let pending = call(&mut core, "GET", "/v1/invoiceitems", "pending=true");
    let pending = pending["data"].as_array().unwrap();
    let credit = pending.iter().find(|it| it["amount"] == -500).unwrap();
    let path = format!("/v1/invoiceitems/{}", text(&credit["id"]));
    let price = once(&mut core, 100);
    for (form, named) in [
        (format!("pricing[price]={price}"), "pricing"),
        ("quantity=2".to_owned(), "quantity"),
        ("unit_amount_decimal=7".to_owned(), "unit_amount_decimal"),
        ("discountable=true".to_owned(), "discountable"),
    ] {
        assert_eq!(param(&mut core, &path, &form), named);
    }
    assert_eq!(get(&core, &text(&credit["id"])), *credit);
    let form = "description=Goodwill&amount=-600&discountable=false";
    let changed = call(&mut core, "POST", &path, form);
    assert_eq!(
        (&changed["amount"], &changed["proration"]),
        (&json!(-600), &json!(true))
    );
}

#[test]
fn a_method_that_is_refused_leaves_the_draft_that_it_was_to_pay() {
    let (mut core, customer, _) = shop();
    let invoice = draft(&mut core, &customer, 700, "");
    let (before, from) = (get(&core, &invoice), core.events(0).len());
    let path = format!("/v1/invoices/{invoice}/pay");
    let named = param(&mut core, &path, "payment_method=pm_none");
    assert_eq!(named, "payment_method");
    assert_eq!((get(&core, &invoice), core.events(0).len()), (before, from));
    assert_eq!(get(&core, &invoice)["number"], Value::Null);
    let paid = call(&mut core, "POST", &path, "payment_method=pm_card_visa");
    assert_eq!(paid["amount_paid"], 700);
}

#[test]
fn an_invoice_takes_the_discounts_of_its_subscription_and_its_own_and_each_once() {
    let (mut core, customer, [ten, ..]) = shop();
    for coupon in ["half", "tenth"] {
        let off = if coupon == "half" { 50 } else { 10 };
        let form = format!("id={coupon}&percent_off={off}&duration=repeating&duration_in_months=1");
        call(&mut core, "POST", "/v1/coupons", &form);
    }
    let form = format!("customer={customer}&items[0][price]={ten}&discounts[0][coupon]=half");
    let made = subscribe(&mut core, &form);
    let discount = text(&made["discounts"][0]);
    let reuses = format!("discounts[0][discount]={discount}");
    let by_hand = format!("customer={customer}&currency=usd");
    for (form, named) in [
        (format!("{by_hand}&{reuses}"), "discounts[0][discount]"),
        (
            format!("{by_hand}&discounts[0][coupon]=tenth&discounts[1][coupon]=tenth"),
            "discounts[1]",
        ),
    ] {
        assert_eq!(param(&mut core, "/v1/invoices", &form), named);
    }
    let of = text(&made["id"]);
    let form = format!("customer={customer}&subscription={of}&amount=400&currency=usd");
    let (item, form_of) = (form.clone(), format!("customer={customer}&subscription={of}"));
    call(&mut core, "POST", "/v1/invoiceitems", &item);
    let form = format!("{form_of}&{reuses}&discounts[1][coupon]=tenth");
    let draft = call(&mut core, "POST", "/v1/invoices", &form);
    assert_eq!(draft["total"], 180, "half of 400, and a tenth off that");
    let path = format!("/v1/invoices/{}", text(&draft["id"]));
    let own = format!("discounts[0][discount]={}", text(&draft["discounts"][1]));
    let kept = call(&mut core, "POST", &path, &own);
    assert_eq!(kept["total"], 360);
    let twice = format!("{reuses}&discounts[1][discount]={discount}");
    assert_eq!(param(&mut core, &path, &twice), "discounts[1]");
    let other = call(&mut core, "POST", "/v1/invoices", &by_hand);
    let other = format!("/v1/invoices/{}", text(&other["id"]));
    assert_eq!(param(&mut core, &other, &own), "discounts[0][discount]");
    core.advance(32 * 86_400);
    call(&mut core, "POST", "/v1/invoiceitems", &item);
    let late = param(&mut core, "/v1/invoices", &format!("{form_of}&{reuses}"));
    assert_eq!(late, "discounts[0][discount]", "its months are over");
}

#[test]
fn a_coupon_is_given_once_to_an_invoice_or_a_subscription() {
    let (mut core, customer, [ten, ..]) = shop();
    let half = "id=half&percent_off=50&duration=forever&max_redemptions=1";
    call(&mut core, "POST", "/v1/coupons", half);
    let form = "promotion[type]=coupon&promotion[coupon]=half";
    let code = text(&call(&mut core, "POST", "/v1/promotion_codes", form)["id"]);
    let both = format!("discounts[0][coupon]=half&discounts[1][promotion_code]={code}");
    let new = format!("customer={customer}&items[0][price]={ten}");
    for (path, form) in [
        ("/v1/invoices", format!("customer={customer}&{both}")),
        ("/v1/subscriptions", format!("{new}&{both}")),
        (
            "/v1/subscriptions",
            format!("{new}&discounts[0][coupon]=half&discounts[1][coupon]=half"),
        ),
    ] {
        assert_eq!(param(&mut core, path, &form), "discounts[1]", "{path} {form}");
    }
    let made = subscribe(&mut core, &format!("{new}&discounts[0][coupon]=half"));
    assert_eq!(get(&core, "half")["times_redeemed"], 1);
    let path = format!("/v1/subscriptions/{}", text(&made["id"]));
    let kept = text(&made["discounts"][0]);
    let again = format!("discounts[0][discount]={kept}&discounts[1][discount]={kept}");
    assert_eq!(param(&mut core, &path, &again), "discounts[1]");
}

#[test]
fn an_invoice_made_by_hand_uses_up_what_is_good_for_one_invoice() {
    let (mut core, customer, [ten, ..]) = shop();
    call(
        &mut core,
        "POST",
        "/v1/coupons",
        "id=half&percent_off=50&duration=once",
    );
    let form =
        format!("customer={customer}&items[0][price]={ten}&trial_period_days=5&discounts[0][coupon]=half");
    let made = subscribe(&mut core, &form);
    let (of, discount) = (text(&made["id"]), text(&made["discounts"][0]));
    let item = format!("customer={customer}&subscription={of}&amount=400&currency=usd");
    call(&mut core, "POST", "/v1/invoiceitems", &item);
    let form = format!("customer={customer}&subscription={of}&discounts[0][discount]={discount}");
    let draft = call(&mut core, "POST", "/v1/invoices", &form);
    assert_eq!(draft["total"], 200);
    assert_eq!(
        get(&core, &of)["discounts"],
        json!([discount]),
        "a draft can still lose it"
    );
    let from = core.events(0).len();
    call(
        &mut core,
        "POST",
        &format!("/v1/invoices/{}/finalize", text(&draft["id"])),
        "",
    );
    assert_eq!(get(&core, &of)["discounts"], json!([]));
    assert!(kinds(&core, from).contains(&"customer.discount.deleted"));
    core.advance(6 * 86_400);
    let renewal = get(&core, &text(&get(&core, &of)["latest_invoice"]));
    assert_eq!(renewal["total"], 1_000);
}

#[test]
fn an_invoice_of_nothing_that_is_sent_is_paid_and_never_overdue() {
    let (mut core, customer, _) = shop();
    let sends = "&collection_method=send_invoice&days_until_due=1";
    let invoice = draft(&mut core, &customer, -300, sends);
    let from = core.events(0).len();
    let path = format!("/v1/invoices/{invoice}/send");
    let sent = call(&mut core, "POST", &path, "");
    assert_eq!(
        (&sent["status"], &sent["amount_due"]),
        (&json!("paid"), &json!(0))
    );
    core.advance(3 * 86_400);
    let told = kinds(&core, from);
    assert!(
        told.contains(&"invoice.sent") && !told.contains(&"invoice.overdue"),
        "{told:?}"
    );
    refused(&mut core, "POST", &path, "");
}

#[test]
fn what_is_settled_is_not_tried_again() {
    let (mut core, customer, _) = shop();
    for (action, tried) in [("finalize", true), ("pay", false)] {
        let invoice = draft(&mut core, &customer, 700, "");
        let path = format!("/v1/invoices/{invoice}");
        call(&mut core, "POST", &format!("{path}/{action}"), "");
        let changed = call(&mut core, "POST", &path, "auto_advance=true");
        assert_eq!(changed["auto_advance"], tried);
        assert_eq!(changed["next_payment_attempt"].is_i64(), tried);
        core.advance(2 * 3_600);
        assert_eq!(get(&core, &invoice)["status"], "paid");
    }
}

#[test]
fn a_currency_is_three_letters_of_either_case() {
    let (mut core, customer, [ten, ..]) = shop();
    let form = format!("customer={customer}&amount=100&currency=USD");
    let item = call(&mut core, "POST", "/v1/invoiceitems", &form);
    assert_eq!(item["currency"], "usd");
    let price = once(&mut core, 100);
    let form = format!("customer={customer}&pricing[price]={price}&currency=Usd");
    let priced = call(&mut core, "POST", "/v1/invoiceitems", &form);
    assert_eq!(priced["amount"], 100);
    let product = text(&get(&core, &ten)["product"]);
    for (path, form, named) in [
        (
            "/v1/invoiceitems",
            format!("customer={customer}&amount=1&currency=banana"),
            "currency",
        ),
        (
            "/v1/invoices",
            format!("customer={customer}&currency=us"),
            "currency",
        ),
        (
            "/v1/prices",
            format!("product={product}&unit_amount=1&currency=u5d"),
            "currency",
        ),
        (
            "/v1/coupons",
            "amount_off=1&currency=%C3%A4d".to_owned(),
            "currency",
        ),
        (
            "/v1/payment_intents",
            "amount=100&currency=dollars".to_owned(),
            "currency",
        ),
    ] {
        let fault = refused(&mut core, "POST", path, &form);
        assert_eq!(fault.param.as_deref(), Some(named), "{path}");
        assert!(
            fault.message.starts_with("Invalid currency: "),
            "{}",
            fault.message
        );
    }
}
