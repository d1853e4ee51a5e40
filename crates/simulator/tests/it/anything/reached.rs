//! What random histories come to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::world::World;
use crate::told::{number, sum};

/// What a history came to: the kinds of its events, and what its objects were like in the end or on the way.
pub fn reached(world: &World) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    let mut count = |what: String| *all.entry(what).or_default() += 1;
    for (act, times) in &world.done {
        (0..*times).for_each(|_| count(format!("done {act}")));
    }
    for event in world.core.events(0) {
        let told = event.to_json();
        let object = &told["data"]["object"];
        count(event.kind.to_owned());
        let mut has = |what: &str, it: bool| {
            if it {
                count(format!("{} {what}", object["object"].as_str().unwrap()));
            }
        };
        if let Some(status) = object["status"].as_str() {
            has(status, true);
        }
        match object["object"].as_str().unwrap() {
            "subscription" => {
                has("pausing collection", object["pause_collection"].is_object());
                has(
                    "waiting for a pending update",
                    object["pending_update"].is_object(),
                );
                has("discounted", object["discounts"] != Value::Array(Vec::new()));
            }
            "subscription_schedule" => {
                let first = object["phases"][0]["start_date"] == object["current_phase"]["start_date"];
                has("in a later phase", object["current_phase"].is_object() && !first);
            }
            "invoice" => {
                has(object["billing_reason"].as_str().unwrap(), true);
                has(
                    "discounted",
                    object["total_discount_amounts"] != Value::Array(Vec::new()),
                );
                has(
                    "by hand discounted",
                    object["billing_reason"] == "manual" && sum(&object["total_discount_amounts"]) > 0,
                );
                has("sent", object["collection_method"] == "send_invoice");
                has("with a credit", number(&object["total"]) < 0);
                has(
                    "paid by credit",
                    number(&object["starting_balance"]) < 0 && number(&object["total"]) > 0,
                );
                let lines = object["lines"]["data"].as_array().unwrap();
                has(
                    "prorated",
                    lines
                        .iter()
                        .any(|it| it["parent"]["subscription_item_details"]["proration"] == true),
                );
            }
            "charge" => has(
                "refunded in part",
                object["refunded"] == false && number(&object["amount_refunded"]) > 0,
            ),
            _ => {}
        }
    }
    all
}

/// What random histories have to come to, or they show nothing of it.
pub const WANTED: &[&str] = &[
    "charge failed",
    "charge pending",
    "charge refunded in part",
    "charge succeeded",
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.refunded",
    "checkout.session complete",
    "checkout.session expired",
    "coupon.deleted",
    "customer.deleted",
    "customer.discount.created",
    "customer.discount.deleted",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "dispute lost",
    "dispute warning_closed",
    "dispute won",
    "entitlements.active_entitlement_summary.updated",
    "invoice by hand discounted",
    "invoice discounted",
    "invoice manual",
    "invoice paid by credit",
    "invoice prorated",
    "invoice sent",
    "invoice subscription_create",
    "invoice subscription_cycle",
    "invoice subscription_update",
    "invoice uncollectible",
    "invoice void",
    "invoice with a credit",
    "invoice.deleted",
    "invoice.overdue",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.sent",
    "invoiceitem.created",
    "invoiceitem.deleted",
    "payment_intent canceled",
    "payment_intent requires_action",
    "payment_method.detached",
    "price.updated",
    "product.deleted",
    "refund pending",
    "refund.failed",
    "setup_intent.canceled",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
    "subscription canceled",
    "subscription discounted",
    "subscription incomplete_expired",
    "subscription past_due",
    "subscription pausing collection",
    "subscription trialing",
    "subscription unpaid",
    "subscription waiting for a pending update",
    "subscription_schedule canceled",
    "subscription_schedule completed",
    "subscription_schedule in a later phase",
    "subscription_schedule not_started",
    "subscription_schedule released",
];
