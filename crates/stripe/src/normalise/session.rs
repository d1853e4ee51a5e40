//! Checkout sessions.

use serde_json::Value;
use tollgate_domain::object::{CheckoutSession, SessionItem};

use super::{no_price, price, stamp};
use crate::json::{id, instant, list, quantity, text, word};

pub(super) fn read(own_id: String, json: &Value) -> CheckoutSession {
    CheckoutSession {
        id: own_id,
        stripe_customer: id(&json["customer"]),
        mode: mode(json).into(),
        status: text(&json["status"]).map(Into::into),
        payment_status: word(&json["payment_status"]),
        subscription: id(&json["subscription"]),
        payment_intent: id(&json["payment_intent"]),
        latest_charge: id(&json["payment_intent"]["latest_charge"]),
        invoice: id(&json["invoice"]),
        client_reference_id: text(&json["client_reference_id"]),
        created: instant(&json["created"]).unwrap_or_default(),
        expires_at: instant(&json["expires_at"]),
        url: text(&json["url"]),
        line_items: line_items(json),
        stamp: stamp(json),
    }
}

/// Versions before 2019-12 do not say it.
fn mode(json: &Value) -> String {
    text(&json["mode"]).unwrap_or_else(|| {
        let of = |field: &str| id(&json[field]).is_some();
        match () {
            () if of("subscription") => "subscription".into(),
            () if of("payment_intent") => "payment".into(),
            () if of("setup_intent") => "setup".into(),
            () => String::new(),
        }
    })
}

/// Part of them is as good as none: they are fetched.
fn line_items(json: &Value) -> Option<Vec<SessionItem>> {
    let (items, cut) = list(&json["line_items"])?;
    let item = |json: &Value| SessionItem {
        price: price(json).unwrap_or_else(no_price),
        quantity: quantity(&json["quantity"]),
    };
    (!cut).then(|| items.iter().map(item).collect())
}
