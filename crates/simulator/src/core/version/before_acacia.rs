//! What changed with the dates before versions had names (docs.stripe.com/changelog, "Previous versions").

use serde_json::{Map, Value, json};

use super::Version;
use crate::core::Core;

/// `features` became `marketing_features` (docs.stripe.com/changelog/2024-04-10).
pub fn product_features(_: &Core, kind: &str, product: &mut Map<String, Value>) {
    if kind == "product"
        && let Some(features) = product.remove("marketing_features")
    {
        product.insert("features".into(), features);
    }
}

/// The portal does not pause any more (docs.stripe.com/changelog/2024-04-10).
pub fn portal_pause(_: &Core, kind: &str, configuration: &mut Map<String, Value>) {
    if kind == "billing_portal.configuration"
        && let Some(features) = configuration.get_mut("features").and_then(Value::as_object_mut)
    {
        features.insert("subscription_pause".into(), json!({ "enabled": false }));
    }
}

/// `rendering` took the place of `rendering_options` (docs.stripe.com/changelog/2024-04-10).
pub fn invoice_rendering_options(_: &Core, kind: &str, invoice: &mut Map<String, Value>) {
    if kind == "invoice" {
        invoice.insert("rendering_options".into(), Value::Null);
    }
}

/// A charge's refunds were there without being asked for
/// (docs.stripe.com/changelog/2022-11-15/deprecates-charges-auto-expand).
pub fn charge_refunds(core: &Core, kind: &str, charge: &mut Map<String, Value>) {
    if kind == "charge" && !charge.contains_key("refunds") {
        let refunds = core.includable(&Value::Object(charge.clone()), "refunds");
        charge.insert("refunds".into(), refunds.unwrap_or_default());
    }
}

/// A payment intent had its charges, beside `latest_charge`, which came later
/// (docs.stripe.com/changelog/2022-11-15/removes-charges-attribute-paymentintent).
pub fn intent_charges(core: &Core, kind: &str, intent: &mut Map<String, Value>) {
    if kind != "payment_intent" {
        return;
    }
    let Some(id) = intent.get("id").and_then(Value::as_str) else {
        return;
    };
    let charges = core.charges_on(id).map(|it| core.show(Version("2022-11-15"), it));
    let charges: Vec<Value> = charges.collect();
    let list = json!({
        "object": "list",
        "has_more": false,
        "total_count": charges.len(),
        "url": format!("/v1/charges?payment_intent={id}"),
        "data": charges,
    });
    intent.insert("charges".into(), list);
}

/// `shipping` became `shipping_details`, and `shipping_rate` part of `shipping_cost`
/// (docs.stripe.com/changelog/2022-08-01/updates-shipping-property-checkout-session).
pub fn session_shipping(_: &Core, kind: &str, session: &mut Map<String, Value>) {
    if kind == "checkout.session" {
        let shipping = session.remove("shipping_details").unwrap_or_default();
        session.insert("shipping".into(), shipping);
        let cost = session.remove("shipping_cost").unwrap_or_default();
        session.insert("shipping_rate".into(), cost["shipping_rate"].clone());
    }
}

/// A customer's subscriptions, sources and tax ids were there without being asked for
/// (docs.stripe.com/changelog/2020-08-27).
pub fn customer_lists(core: &Core, kind: &str, customer: &mut Map<String, Value>) {
    let Some(id) = customer.get("id").and_then(Value::as_str).map(str::to_owned) else {
        return;
    };
    if kind != "customer" || customer.contains_key("deleted") {
        return;
    }
    if !customer.contains_key("subscriptions") {
        let found = core.includable(&Value::Object(customer.clone()), "subscriptions");
        let shown = found.map(|it| core.show(Version("2020-08-27"), it));
        customer.insert("subscriptions".into(), shown.unwrap_or_default());
    }
    for list in ["sources", "tax_ids"] {
        let url = format!("/v1/customers/{id}/{list}");
        let empty = json!({ "object": "list", "data": [], "has_more": false, "total_count": 0, "url": url });
        customer.entry(list).or_insert(empty);
    }
}

/// A plan's tiers were there without being asked for (docs.stripe.com/changelog/2020-08-27).
pub fn plan_tiers(_: &Core, kind: &str, plan: &mut Map<String, Value>) {
    if kind == "plan" {
        plan.insert("tiers".into(), Value::Null);
    }
}

/// Taxes were a percentage before they were rates
/// (docs.stripe.com/changelog/2020-08-27/removes-tax-percent-attribute).
pub fn tax_percent(_: &Core, kind: &str, object: &mut Map<String, Value>) {
    if ["invoice", "subscription"].contains(&kind) {
        object.insert("tax_percent".into(), Value::Null);
    }
}

/// What a session sells was `display_items`, and is `line_items`, which have to be asked for
/// (docs.stripe.com/changelog/2020-08-27/removes-display-items-checkout-session).
pub fn session_display_items(core: &Core, kind: &str, session: &mut Map<String, Value>) {
    if kind != "checkout.session" {
        return;
    }
    let items = core.includable(&Value::Object(session.clone()), "line_items");
    let data = items
        .as_ref()
        .and_then(|it| it["data"].as_array())
        .into_iter()
        .flatten();
    let shown = data.map(|item| {
        json!({
            "amount": item["price"]["unit_amount"],
            "currency": item["currency"],
            "price": item["price"],
            "quantity": item["quantity"],
            "type": "price",
        })
    });
    let shown: Vec<Value> = shown.collect();
    session.insert("display_items".into(), json!(shown));
}
