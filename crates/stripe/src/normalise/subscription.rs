//! Subscriptions and their items.

use serde_json::Value;
use tollgate_domain::object::{Subscription, SubscriptionItem};

use super::{no_price, price, stamp};
use crate::envelope::Unreadable;
use crate::json::{id, instant, is_true, list, quantity, text, word};

/// Refuses one that names no customer: nobody could be asked whose it is.
pub(super) fn read(own_id: String, json: &Value) -> Result<Subscription, Unreadable> {
    let created = instant(&json["created"]).unwrap_or_default();
    let (items, items_cut) = match list(&json["items"]) {
        Some((items, cut)) => (items.iter().map(|one| item(one, json)).collect(), cut),
        // Before there were items, a subscription was its only item.
        None if json["plan"].is_object() => (vec![item(json, json)], false),
        None => (vec![], true),
    };
    Ok(Subscription {
        stripe_customer: id(&json["customer"])
            .ok_or_else(|| Unreadable("a subscription that names no customer".into()))?,
        id: own_id,
        status: word(&json["status"]),
        items,
        items_cut,
        created,
        trial_end: instant(&json["trial_end"]),
        missing_payment_method: text(&json["trial_settings"]["end_behavior"]["missing_payment_method"])
            .unwrap_or_else(|| "create_invoice".into())
            .into(),
        has_payment_method: id(&json["default_payment_method"])
            .or_else(|| id(&json["default_source"]))
            .is_some(),
        cancel_at: instant(&json["cancel_at"]),
        cancel_at_period_end: is_true(&json["cancel_at_period_end"]),
        ended_at: instant(&json["ended_at"]),
        cancellation_reason: text(&json["cancellation_details"]["reason"]),
        // `billing` until 2019-10-17.
        collection_method: text(&json["collection_method"])
            .or_else(|| text(&json["billing"]))
            .unwrap_or_else(|| "charge_automatically".into())
            .into(),
        latest_invoice: id(&json["latest_invoice"]),
        test_clock: id(&json["test_clock"]),
        stamp: stamp(json),
    })
}

/// Periods are the item's own since basil (2025-03-31), the subscription's before.
fn item(json: &Value, subscription: &Value) -> SubscriptionItem {
    let period = |field| {
        instant(&json[field])
            .or_else(|| instant(&subscription[field]))
            .unwrap_or_default()
    };
    SubscriptionItem {
        id: text(&json["id"]).unwrap_or_default(),
        price: price(json).unwrap_or_else(no_price),
        quantity: quantity(&json["quantity"]),
        period_start: period("current_period_start"),
        period_end: period("current_period_end"),
    }
}
