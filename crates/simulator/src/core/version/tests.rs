use serde_json::{Value, json};

use super::{CHANGES, RELEASED, Version};
use crate::core::{Core, Interval, NewCustomer, NewPrice, NewSubscription};

const BEFORE_BASIL: &str = "2025-02-24.acacia";

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// In a core that knows none of what it names.
fn shown(text: &str, object: Value) -> Value {
    Core::new(1, 0).show(version(text), object)
}

/// A core with a paid subscription: its id, and its invoice's.
fn subscribed() -> (Core, String, String) {
    let mut core = Core::new(1, 0);
    let product = core.create_product("Team").unwrap();
    let new = NewPrice {
        product: id(&product),
        unit_amount: 2_000,
        recurring: Some((Interval::Month, 1)),
        ..NewPrice::default()
    };
    let price = id(&core.create_price(new).unwrap());
    let new = NewCustomer {
        payment_method: Some("pm_card_visa".into()),
        default_payment_method: Some("pm_card_visa".into()),
        ..NewCustomer::default()
    };
    let customer = id(&core.create_customer(new).unwrap());
    let new = NewSubscription {
        customer,
        items: vec![(price, 3)],
        ..NewSubscription::default()
    };
    let subscription = core.create_subscription(new).unwrap();
    let invoice = subscription["latest_invoice"].as_str().unwrap().to_owned();
    (core, id(&subscription), invoice)
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

fn get(core: &Core, text: &str, id: &str) -> Value {
    core.show(version(text), core.get(id).unwrap())
}

#[test]
fn versions_and_changes_are_in_order_and_every_change_has_a_version() {
    assert!(RELEASED.is_sorted());
    assert!(CHANGES.iter().map(|(since, _)| since).rev().is_sorted());
    for (since, _) in CHANGES {
        assert!(Version::parse(since).is_some(), "{since}");
    }
}

#[test]
fn the_newest_versions_change_nothing() {
    let (core, subscription, invoice) = subscribed();
    for id in [subscription, invoice] {
        for newest in ["2026-09-30.endive", "2026-10-28.endive"] {
            assert_eq!(get(&core, newest, &id), core.get(&id).unwrap());
        }
    }
}

#[test]
fn before_dahlia_a_sessions_ui_mode_has_the_short_words() {
    for (new, old) in [
        ("hosted_page", "hosted"),
        ("embedded_page", "embedded"),
        ("elements", "custom"),
    ] {
        let session = json!({ "object": "checkout.session", "ui_mode": new });
        assert_eq!(shown("2026-02-25.clover", session.clone())["ui_mode"], old);
        assert_eq!(shown("2026-03-25.dahlia", session)["ui_mode"], new);
    }
}

#[test]
fn before_clover_a_coupon_is_in_the_discount_and_in_the_promotion_code() {
    let discount = json!({ "object": "discount", "source": { "coupon": "half", "type": "coupon" } });
    let code = json!({ "object": "promotion_code", "promotion": { "coupon": "half", "type": "coupon" } });
    for object in [discount, code] {
        let older = shown("2025-08-27.basil", object);
        assert_eq!(older["coupon"], "half");
        assert!(older.get("source").is_none() && older.get("promotion").is_none());
    }
}

#[test]
fn before_basil_a_subscription_has_the_period_that_ends_first() {
    let item = |start, end| json!({ "current_period_end": end, "current_period_start": start });
    let subscription = json!({ "object": "subscription", "items": { "data": [item(0, 360), item(20, 50)] } });
    let older = shown(BEFORE_BASIL, subscription);
    assert_eq!(
        (&older["current_period_start"], &older["current_period_end"]),
        (&json!(20), &json!(50))
    );
    assert_eq!(older["items"]["data"], json!([{}, {}]));
}

#[test]
fn before_basil_an_invoice_names_its_subscription_payment_and_charge() {
    let (core, subscription, invoice) = subscribed();
    let older = get(&core, BEFORE_BASIL, &invoice);
    assert_eq!(older["subscription"], subscription);
    assert_eq!(older["subscription_details"], json!({ "metadata": {} }));
    assert_eq!(
        (&older["paid"], &older["paid_out_of_band"]),
        (&json!(true), &json!(false))
    );
    let charge = get(&core, BEFORE_BASIL, older["charge"].as_str().unwrap());
    assert_eq!(charge["payment_intent"], older["payment_intent"]);
    assert_eq!(charge["invoice"], invoice.as_str());
    let intent = get(&core, BEFORE_BASIL, older["payment_intent"].as_str().unwrap());
    assert_eq!(intent["invoice"], invoice.as_str());
    assert_eq!(
        (&older["tax"], &older["total_tax_amounts"]),
        (&Value::Null, &json!([]))
    );
    for newer in ["parent", "total_taxes", "amount_overpaid"] {
        assert!(older.get(newer).is_none(), "{newer}");
    }
}

#[test]
fn before_basil_a_line_has_price_plan_type_and_taxes_of_its_own() {
    let (core, subscription, invoice) = subscribed();
    let line = &get(&core, BEFORE_BASIL, &invoice)["lines"]["data"][0];
    assert_eq!(
        (&line["type"], &line["subscription"]),
        (&json!("subscription"), &json!(subscription))
    );
    assert_eq!(line["price"]["id"], line["plan"]["id"]);
    assert_eq!(line["price"]["unit_amount"], 2_000);
    assert_eq!(line["price"]["recurring"]["aggregate_usage"], Value::Null);
    assert_eq!(line["plan"].get("aggregate_usage"), Some(&Value::Null));
    assert_eq!(
        (&line["proration"], &line["amount_excluding_tax"]),
        (&json!(false), &json!(6_000))
    );
    assert!(line["subscription_item"].as_str().unwrap().starts_with("si_"));
    for newer in ["parent", "pricing", "taxes"] {
        assert!(line.get(newer).is_none(), "{newer}");
    }
}

#[test]
fn before_basil_a_line_without_an_item_is_an_invoice_item() {
    let parent = json!({ "invoice_item_details": { "invoice_item": "ii_1", "proration": true } });
    let older = shown(BEFORE_BASIL, json!({ "object": "line_item", "parent": parent }));
    assert_eq!(
        (&older["type"], &older["invoice_item"]),
        (&json!("invoiceitem"), &json!("ii_1"))
    );
    assert_eq!(older["proration"], true);
}

#[test]
fn before_basil_an_invoice_item_names_its_subscription_and_price() {
    let (core, subscription, invoice) = subscribed();
    let line = &core.get(&invoice).unwrap()["lines"]["data"][0];
    let details = json!({ "subscription": subscription, "subscription_item": "si_1" });
    let item = json!({ "object": "invoiceitem", "pricing": line["pricing"],
                       "parent": { "subscription_details": details } });
    let older = core.show(version(BEFORE_BASIL), item);
    assert_eq!(
        (&older["subscription"], &older["subscription_item"]),
        (&json!(subscription), &json!("si_1"))
    );
    assert_eq!(
        (&older["unit_amount"], &older["unit_amount_decimal"]),
        (&json!(2_000), &json!("2000"))
    );
    assert_eq!(older["price"]["id"], older["plan"]["id"]);
    assert!(older.get("parent").is_none() && older.get("pricing").is_none());
}

#[test]
fn before_basil_a_schedules_phase_has_one_coupon() {
    let phases = json!([{ "discounts": [{ "coupon": "half" }] }, { "discounts": [] }]);
    let older = shown(
        BEFORE_BASIL,
        json!({ "object": "subscription_schedule", "phases": phases }),
    );
    assert_eq!(
        (&older["phases"][0]["coupon"], &older["phases"][1]["coupon"]),
        (&json!("half"), &Value::Null)
    );
}

#[test]
fn before_basil_the_first_discount_is_beside_the_list() {
    let discount = json!({ "object": "discount", "id": "di_1", "source": { "coupon": "half" } });
    let older = shown(
        BEFORE_BASIL,
        json!({ "object": "subscription", "discounts": [discount] }),
    );
    assert_eq!(
        (&older["discount"]["id"], &older["discount"]["coupon"]),
        (&json!("di_1"), &json!("half"))
    );
    let none = shown(BEFORE_BASIL, json!({ "object": "invoice", "discounts": [] }));
    assert_eq!(none.get("discount"), Some(&Value::Null));
}

#[test]
fn where_a_session_ships_to_moved_twice() {
    let collected = json!({ "shipping_details": { "name": "Ada" } });
    let session = json!({ "object": "checkout.session", "collected_information": collected,
                          "shipping_cost": { "shipping_rate": "shr_1" } });
    assert!(
        shown("2025-03-31.basil", session.clone())
            .get("shipping_details")
            .is_none()
    );
    assert_eq!(
        shown("2022-08-01", session.clone())["shipping_details"]["name"],
        "Ada"
    );
    let oldest = shown("2020-08-27", session);
    assert_eq!(
        (&oldest["shipping"]["name"], &oldest["shipping_rate"]),
        (&json!("Ada"), &json!("shr_1"))
    );
    assert!(oldest.get("shipping_details").is_none() && oldest.get("shipping_cost").is_none());
}

#[test]
fn before_2024_04_10_products_portals_and_invoices_have_the_older_names() {
    let product = json!({ "object": "product", "marketing_features": [{ "name": "Fast" }] });
    let older = shown("2023-10-16", product);
    assert_eq!(older["features"], json!([{ "name": "Fast" }]));
    assert!(older.get("marketing_features").is_none());
    let configuration = json!({ "object": "billing_portal.configuration", "features": {} });
    let features = &shown("2023-10-16", configuration)["features"];
    assert_eq!(features["subscription_pause"], json!({ "enabled": false }));
    let invoice = shown("2023-10-16", json!({ "object": "invoice" }));
    assert_eq!(invoice.get("rendering_options"), Some(&Value::Null));
}

#[test]
fn before_2022_11_15_charges_carry_refunds_and_intents_carry_charges() {
    let (mut core, _, invoice) = subscribed();
    let intent = get(&core, BEFORE_BASIL, &invoice)["payment_intent"]
        .as_str()
        .unwrap()
        .to_owned();
    core.refund(&intent, Some(500)).unwrap();
    let charges = &get(&core, "2022-08-01", &intent)["charges"];
    assert_eq!(charges["total_count"], 1);
    assert_eq!(charges["data"][0]["invoice"], invoice.as_str());
    let refunds = &charges["data"][0]["refunds"];
    assert_eq!(refunds["data"][0]["amount"], 500);
    let charge = get(&core, "2022-08-01", charges["data"][0]["id"].as_str().unwrap());
    assert_eq!(&charge["refunds"], refunds);
    assert!(get(&core, "2022-11-15", &intent).get("charges").is_none());
}

#[test]
fn before_2020_08_27_customers_carry_their_lists_and_taxes_are_a_percentage() {
    let (core, subscription, invoice) = subscribed();
    let customer = core.get(&subscription).unwrap()["customer"]
        .as_str()
        .unwrap()
        .to_owned();
    let older = get(&core, "2020-03-02", &customer);
    assert_eq!(older["subscriptions"]["data"][0]["id"], subscription.as_str());
    assert!(older["subscriptions"]["data"][0]["current_period_end"].is_i64());
    assert_eq!(older["sources"]["total_count"], 0);
    assert_eq!(
        older["tax_ids"]["url"],
        format!("/v1/customers/{customer}/tax_ids")
    );
    for id in [subscription, invoice] {
        assert_eq!(
            get(&core, "2020-03-02", &id).get("tax_percent"),
            Some(&Value::Null)
        );
        assert!(get(&core, "2020-08-27", &id).get("tax_percent").is_none());
    }
    let plan = shown("2020-03-02", json!({ "object": "plan" }));
    assert_eq!(plan.get("tiers"), Some(&Value::Null));
}

#[test]
fn before_2020_08_27_a_session_shows_what_it_sells() {
    let mut core = Core::new(1, 0);
    let product = id(&core.create_product("Mug").unwrap());
    let new = NewPrice {
        product,
        unit_amount: 900,
        ..NewPrice::default()
    };
    let price = id(&core.create_price(new).unwrap());
    let new = crate::core::NewSession {
        line_items: vec![(price.clone(), 2)],
        ..Default::default()
    };
    let session = id(&core.create_checkout_session(new).unwrap());
    let items = &get(&core, "2020-03-02", &session)["display_items"];
    assert_eq!(items[0]["price"]["id"], price.as_str());
    assert_eq!(
        (&items[0]["amount"], &items[0]["quantity"]),
        (&json!(900), &json!(2))
    );
}
