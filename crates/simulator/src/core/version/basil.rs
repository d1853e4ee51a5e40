//! What changed with basil (docs.stripe.com/changelog/basil): where a subscription's period, and an invoice's
//! subscription, payments, prices and taxes are.

use serde_json::{Map, Value, json};

use super::Version;
use crate::core::{Core, Price};

/// The period was the subscription's, and is its items'
/// (…/2025-03-31/deprecate-subscription-current-period-start-and-end). With mixed intervals the earliest end counts.
pub fn subscription_period(_: &Core, kind: &str, subscription: &mut Map<String, Value>) {
    if kind != "subscription" {
        return;
    }
    let items = subscription
        .get_mut("items")
        .and_then(|it| it["data"].as_array_mut());
    let periods = items.into_iter().flatten().filter_map(Value::as_object_mut);
    let periods = periods.filter_map(|item| {
        let end = item.remove("current_period_end")?.as_i64()?;
        Some((end, item.remove("current_period_start")?.as_i64()?))
    });
    // All of them are taken away, so that this must not stop at the least.
    let all: Vec<(i64, i64)> = periods.collect();
    if let Some((end, start)) = all.into_iter().min() {
        subscription.insert("current_period_end".into(), json!(end));
        subscription.insert("current_period_start".into(), json!(start));
    }
}

/// What made the invoice was `subscription`, `subscription_details` and `quote`, and is `parent`
/// (…/2025-03-31/adds-new-parent-field-to-invoicing-objects).
pub fn invoice_parent(_: &Core, kind: &str, invoice: &mut Map<String, Value>) {
    if kind != "invoice" {
        return;
    }
    let Some(parent) = invoice.remove("parent") else {
        return;
    };
    let details = &parent["subscription_details"];
    invoice.insert("quote".into(), parent["quote_details"]["quote"].clone());
    invoice.insert("subscription".into(), details["subscription"].clone());
    let metadata = details.get("metadata").cloned().unwrap_or(Value::Null);
    invoice.insert("subscription_details".into(), json!({ "metadata": metadata }));
}

/// The payment was `payment_intent`, `charge` and `paid`, and is one of `payments`
/// (…/2025-03-31/add-support-for-multiple-partial-payments-on-invoices).
pub fn invoice_payments(core: &Core, kind: &str, invoice: &mut Map<String, Value>) {
    if kind != "invoice" {
        return;
    }
    let id = invoice.get("id").and_then(Value::as_str).unwrap_or_default();
    let (intent, out_of_band) = (core.invoice_intent(id), core.paid_out_of_band(id));
    let intent = intent.filter(|_| invoice.get("status").is_some_and(|it| it != "draft"));
    let attempts = invoice.get("attempt_count").and_then(Value::as_u64).unwrap_or(0);
    let charge = intent.and_then(|it| core.charge_of_attempt(it, usize::try_from(attempts).ok()?));
    let paid = invoice.get("status").is_some_and(|it| it == "paid");
    invoice.remove("payments");
    invoice.remove("amount_overpaid");
    invoice.insert("charge".into(), json!(charge));
    invoice.insert("paid".into(), json!(paid));
    invoice.insert("paid_out_of_band".into(), json!(paid && out_of_band));
    invoice.insert("payment_intent".into(), json!(intent));
    invoice.insert("application_fee_amount".into(), Value::Null);
    invoice.insert("transfer_data".into(), Value::Null);
}

/// `tax` and `total_tax_amounts` became `total_taxes` (…/2025-03-31/tax-rate-line-item).
pub fn invoice_taxes(_: &Core, kind: &str, invoice: &mut Map<String, Value>) {
    if kind == "invoice" && invoice.remove("total_taxes").is_some() {
        invoice.insert("tax".into(), Value::Null);
        invoice.insert("total_tax_amounts".into(), json!([]));
    }
}

/// A line said itself what `parent` says now.
pub fn line_parent(_: &Core, kind: &str, line: &mut Map<String, Value>) {
    if kind != "line_item" {
        return;
    }
    let Some(parent) = line.remove("parent") else {
        return;
    };
    let of_item = &parent["subscription_item_details"];
    let (kind, details) = if of_item.is_object() {
        ("subscription", of_item)
    } else {
        ("invoiceitem", &parent["invoice_item_details"])
    };
    for field in ["proration", "proration_details", "subscription"] {
        line.insert(field.into(), details[field].clone());
    }
    for field in ["invoice_item", "subscription_item"] {
        if details[field].is_string() {
            line.insert(field.into(), details[field].clone());
        }
    }
    line.insert("type".into(), json!(kind));
}

/// An invoice item said itself whose it is, which `parent` says now.
pub fn item_parent(_: &Core, kind: &str, item: &mut Map<String, Value>) {
    if kind != "invoiceitem" {
        return;
    }
    let Some(parent) = item.remove("parent") else {
        return;
    };
    let details = &parent["subscription_details"];
    item.insert("subscription".into(), details["subscription"].clone());
    if details["subscription_item"].is_string() {
        item.insert("subscription_item".into(), details["subscription_item"].clone());
    }
}

/// A schedule's phase had one coupon beside its discounts.
pub fn phase_coupon(_: &Core, kind: &str, schedule: &mut Map<String, Value>) {
    if kind != "subscription_schedule" {
        return;
    }
    let phases = schedule.get_mut("phases").and_then(Value::as_array_mut);
    for phase in phases.into_iter().flatten() {
        phase["coupon"] = phase["discounts"][0]["coupon"].clone();
    }
}

/// `price` and `plan`, in full, became `pricing`, which names the price
/// (…/2025-03-31/invoice-line-item-pricing).
pub fn line_pricing(core: &Core, kind: &str, line: &mut Map<String, Value>) {
    if !["invoiceitem", "line_item"].contains(&kind) {
        return;
    }
    let Some(pricing) = line.remove("pricing") else {
        return;
    };
    let price = pricing["price_details"]["price"]
        .as_str()
        .and_then(|id| core.price(id).ok());
    let recurring = price.filter(|it| it.recurring.is_some());
    line.insert("plan".into(), json!(recurring.map(Price::to_plan)));
    line.insert("price".into(), json!(price.map(Price::to_json)));
    let unit_amount = pricing["unit_amount_decimal"].clone();
    if kind == "invoiceitem" {
        let whole = unit_amount.as_str().and_then(|it| it.parse::<i64>().ok());
        line.insert("unit_amount".into(), json!(whole));
        line.insert("unit_amount_decimal".into(), unit_amount);
    } else {
        line.insert("unit_amount_excluding_tax".into(), unit_amount);
    }
}

/// `tax_amounts` and `tax_rates` became `taxes`.
pub fn line_taxes(_: &Core, kind: &str, line: &mut Map<String, Value>) {
    if kind == "line_item" && line.remove("taxes").is_some() {
        let amount = line.get("amount").cloned().unwrap_or_default();
        line.insert("amount_excluding_tax".into(), amount);
        line.insert("tax_amounts".into(), json!([]));
        line.insert("tax_rates".into(), json!([]));
    }
}

/// Beside the list of `discounts` there was the first of them in full.
pub fn first_discount(core: &Core, kind: &str, object: &mut Map<String, Value>) {
    if !["invoice", "subscription"].contains(&kind) {
        return;
    }
    let first = object.get("discounts").and_then(|it| it.get(0));
    let first = first.map(|it| match it.as_str() {
        Some(id) => core.show(Version("2025-03-31.basil"), core.get(id).unwrap_or_default()),
        None => it.clone(),
    });
    object.insert("discount".into(), first.unwrap_or_default());
}

/// A payment intent and its charge named the invoice that they pay
/// (…/2025-03-31/add-support-for-multiple-partial-payments-on-invoices).
pub fn payment_invoice(core: &Core, kind: &str, payment: &mut Map<String, Value>) {
    let intent = match kind {
        "payment_intent" => "id",
        "charge" => "payment_intent",
        _ => return,
    };
    // Expanded, it is an object.
    let intent = payment.get(intent).map(|it| it.get("id").unwrap_or(it));
    let invoice = intent
        .and_then(Value::as_str)
        .and_then(|id| core.invoice_paid_by(id));
    let invoice = json!(invoice);
    payment.insert("invoice".into(), invoice);
}

/// Where things are sent to was the session's own, and is in `collected_information`
/// (…/2025-03-31/checkout-session-remove-shipping-details).
pub fn session_shipping(_: &Core, kind: &str, session: &mut Map<String, Value>) {
    if kind == "checkout.session" {
        let collected = session
            .get("collected_information")
            .and_then(|it| it.get("shipping_details"));
        let shipping = collected.cloned().unwrap_or_default();
        session.insert("shipping_details".into(), shipping);
    }
}

/// Usage was counted by the price itself before there were meters
/// (…/2025-03-31/deprecate-legacy-usage-based-billing).
pub fn aggregate_usage(_: &Core, kind: &str, price: &mut Map<String, Value>) {
    if kind == "plan" {
        price.insert("aggregate_usage".into(), Value::Null);
    } else if kind == "price"
        && let Some(recurring) = price.get_mut("recurring").and_then(Value::as_object_mut)
    {
        recurring.insert("aggregate_usage".into(), Value::Null);
    }
}
