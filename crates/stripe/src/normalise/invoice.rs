//! Invoices and their lines.

use serde_json::Value;
use tollgate_domain::object::{Invoice, InvoiceLine, PriceRef};

use super::price;
use crate::json::{id, instant, is_true, list, quantity, text};

pub(super) fn read(own_id: String, json: &Value) -> Invoice {
    let created = instant(&json["created"])
        .or_else(|| instant(&json["date"]))
        .unwrap_or_default();
    let gone = is_true(&json["deleted"]);
    let (lines, lines_cut) = list(&json["lines"]).unwrap_or((&[], !gone));
    // Since basil (2025-03-31) an invoice has many payments, and shows them only if asked.
    let payments = list(&json["payments"]).map_or(&[][..], |(payments, _)| payments);
    let paid_by = |what: &str| {
        payments
            .iter()
            .filter_map(|one| id(&one["payment"][what]))
            .collect::<Vec<_>>()
    };
    let mut payment_intents: Vec<String> = id(&json["payment_intent"]).into_iter().collect();
    payment_intents.extend(paid_by("payment_intent"));
    payment_intents.dedup();
    Invoice {
        id: own_id,
        stripe_customer: id(&json["customer"]),
        subscription: id(&json["subscription"])
            .or_else(|| id(&json["parent"]["subscription_details"]["subscription"])),
        status: status(json).into(),
        billing_reason: text(&json["billing_reason"]),
        created,
        total: json["total"].as_i64().unwrap_or(0),
        due_date: instant(&json["due_date"]),
        finalized_at: instant(&json["status_transitions"]["finalized_at"])
            .or_else(|| instant(&json["finalized_at"])),
        paid_at: instant(&json["status_transitions"]["paid_at"]),
        payment_intents,
        charge: id(&json["charge"]).or_else(|| paid_by("charge").into_iter().next()),
        lines: lines.iter().map(line).collect(),
        lines_cut,
    }
}

fn status(json: &Value) -> String {
    match text(&json["status"]) {
        _ if is_true(&json["deleted"]) => "deleted".into(),
        Some(status) => status,
        None if is_true(&json["paid"]) => "paid".into(),
        None => String::new(),
    }
}

fn line(json: &Value) -> InvoiceLine {
    // Since basil a line says in `parent` what made it.
    let parent = |field: &str| {
        let parent = &json["parent"];
        let details = &parent["subscription_item_details"][field];
        if details.is_null() {
            &parent["invoice_item_details"][field]
        } else {
            details
        }
    };
    InvoiceLine {
        price: price(json).or_else(|| price_details(&json["pricing"]["price_details"])),
        quantity: quantity(&json["quantity"]),
        period_start: instant(&json["period"]["start"]).unwrap_or_default(),
        period_end: instant(&json["period"]["end"]).unwrap_or_default(),
        proration: json["proration"]
            .as_bool()
            .unwrap_or_else(|| is_true(parent("proration"))),
        subscription_item: id(&json["subscription_item"]).or_else(|| id(parent("subscription_item"))),
    }
}

/// Since basil: two ids side by side, of which the price may be expanded.
fn price_details(details: &Value) -> Option<PriceRef> {
    let expanded = price(details)?;
    let product = id(&details["product"]).unwrap_or(expanded.product);
    Some(PriceRef { product, ..expanded })
}
