//! `features` of a portal configuration, in Stripe's shape.

use serde_json::{Value, json};

use super::super::params::Params;
use crate::api::subscriptions::FEEDBACK;
use crate::core::{Core, Fault};

/// What is said of each feature, in Stripe's shape.
pub fn read(core: &Core, params: &mut Params) -> Result<Value, Fault> {
    let mut said = json!({});
    let Some(mut features) = params.level("features")? else {
        return Ok(said);
    };
    for name in ["invoice_history", "payment_method_update"] {
        if let Some(mut feature) = features.level(name)? {
            said[name] = enabled(&mut feature)?;
            feature.finish()?;
        }
    }
    if let Some(mut cancel) = features.level("subscription_cancel")? {
        let mut shown = enabled(&mut cancel)?;
        if let Some(mode) = cancel.one_of("mode", &words(&["at_period_end", "immediately"]))? {
            shown["mode"] = json!(mode);
        }
        if let Some(behavior) = cancel.one_of("proration_behavior", &words(PRORATION))? {
            shown["proration_behavior"] = json!(behavior);
        }
        if let Some(mut reason) = cancel.level("cancellation_reason")? {
            let mut said = enabled(&mut reason)?;
            if let Some(options) = listed(&mut reason, "options", &FEEDBACK)? {
                said["options"] = json!(options);
            }
            reason.not_simulated(&["feedback_options"])?;
            reason.finish()?;
            shown["cancellation_reason"] = said;
        }
        cancel.finish()?;
        said["subscription_cancel"] = shown;
    }
    if let Some(mut update) = features.level("subscription_update")? {
        let mut shown = enabled(&mut update)?;
        if let Some(allowed) = listed(
            &mut update,
            "default_allowed_updates",
            &["price", "promotion_code", "quantity"],
        )? {
            shown["default_allowed_updates"] = json!(allowed);
        }
        let products = products(core, &mut update)?;
        if !products.is_empty() {
            shown["products"] = json!(products);
        }
        for (name, known) in [
            ("proration_behavior", PRORATION),
            ("billing_cycle_anchor", &["now", "unchanged"]),
            ("trial_update_behavior", &["continue_trial", "end_trial"]),
        ] {
            if let Some(word) = update.one_of(name, &words(known))? {
                shown[name] = json!(word);
            }
        }
        if let Some(mut schedule) = update.level("schedule_at_period_end")? {
            let mut conditions = Vec::new();
            for mut condition in schedule.levels("conditions")? {
                let kinds = words(&["decreasing_item_amount", "shortening_interval"]);
                conditions.push(json!({ "type": condition.one_of("type", &kinds)? }));
                condition.finish()?;
            }
            schedule.clears("conditions");
            schedule.finish()?;
            shown["schedule_at_period_end"] = json!({ "conditions": conditions });
        }
        update.finish()?;
        said["subscription_update"] = shown;
    }
    if let Some(mut update) = features.level("customer_update")? {
        let mut shown = enabled(&mut update)?;
        if let Some(allowed) = listed(&mut update, "allowed_updates", CUSTOMER_FIELDS)? {
            shown["allowed_updates"] = json!(allowed);
        }
        update.finish()?;
        said["customer_update"] = shown;
    }
    features.not_simulated(&["subscription_pause"])?;
    features.finish()?;
    Ok(said)
}

const PRORATION: &[&str] = &["always_invoice", "create_prorations", "none"];

const CUSTOMER_FIELDS: &[&str] = &["address", "email", "name", "phone", "shipping", "tax_id"];

/// A list of some words; an empty text empties it, and `None` leaves it as it is.
fn listed(params: &mut Params, name: &str, known: &[&str]) -> Result<Option<Vec<String>>, Fault> {
    if params.clears(name) {
        return Ok(Some(Vec::new()));
    }
    if !params.has(name) {
        return Ok(None);
    }
    let listed = params.texts(name)?;
    match listed.iter().find(|it| !known.contains(&it.as_str())) {
        None => Ok(Some(listed)),
        Some(other) => {
            let message = format!("Invalid {name}: {other} is none of {}", known.join(", "));
            Err(Fault::invalid(message).param(params.name(name)).early())
        }
    }
}

fn words<'w>(words: &[&'w str]) -> Vec<(&'w str, &'w str)> {
    words.iter().map(|word| (*word, *word)).collect()
}

fn enabled(feature: &mut Params) -> Result<Value, Fault> {
    match feature.boolean("enabled")? {
        Some(enabled) => Ok(json!({ "enabled": enabled })),
        None => {
            feature.missing("enabled");
            Ok(json!({}))
        }
    }
}

/// Stripe's limit.
const MAX_PRODUCTS: usize = 10;

/// Up to ten, each with prices of its own, no two of the same interval.
fn products(core: &Core, update: &mut Params) -> Result<Vec<Value>, Fault> {
    let mut products = vec![];
    for mut product in update.levels("products")? {
        let id = product.required("product")?;
        let prices = product.texts("prices")?;
        let mut intervals = vec![];
        for price in &prices {
            let found = core.get_expanded(price, &[])?;
            let refuse = |why: &str| {
                let message = format!("The price `{price}` {why}.");
                Err(Fault::invalid(message).param(product.name("prices")))
            };
            if found["product"] != id.as_str() {
                return refuse("is not of this product");
            }
            if found["active"] != true || found["recurring"].is_null() {
                return refuse("must be active and recurring");
            }
            let interval = json!([
                found["recurring"]["interval"],
                found["recurring"]["interval_count"]
            ]);
            if intervals.contains(&interval) {
                return refuse("has the same billing interval as another one of its product");
            }
            intervals.push(interval);
        }
        let adjustable = adjustable_quantity(&mut product)?;
        product.finish()?;
        products.push(json!({ "adjustable_quantity": adjustable, "product": id, "prices": prices }));
    }
    if products.len() > MAX_PRODUCTS {
        let message = format!("There can be at most {MAX_PRODUCTS} products.");
        return Err(Fault::invalid(message).param(update.name("products")));
    }
    Ok(products)
}

/// Between which quantities a person may choose.
fn adjustable_quantity(product: &mut Params) -> Result<Value, Fault> {
    let Some(mut adjustable) = product.level("adjustable_quantity")? else {
        return Ok(json!({ "enabled": false, "maximum": null, "minimum": 1 }));
    };
    let enabled = adjustable.boolean("enabled")?;
    if enabled.is_none() {
        adjustable.missing("enabled");
    }
    let (minimum, maximum) = (
        adjustable.integer::<u64>("minimum")?,
        adjustable.integer::<u64>("maximum")?,
    );
    adjustable.finish()?;
    Ok(json!({ "enabled": enabled, "maximum": maximum, "minimum": minimum.unwrap_or(1) }))
}
