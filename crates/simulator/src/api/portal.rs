//! `/v1/billing_portal`: sessions, and the configurations that say what they offer.

use serde_json::{Map, Value, json};

use super::buy::url;
use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, Fault};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", ["sessions"]) => create_session(core, params),
        ("POST", ["configurations"]) => create(core, params),
        ("GET", ["configurations"]) => list(core, params),
        ("GET", ["configurations", id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", ["configurations", id]) => update(core, id, params),
        _ => return None,
    })
}

fn create_session(core: &mut Core, params: &mut Params) -> Answer {
    let customer = params.required("customer")?;
    let return_url = url(params, "return_url")?;
    let configuration = params.text("configuration")?;
    params.not_simulated(&["flow_data", "locale", "on_behalf_of"])?;
    params.finish()?;
    core.create_portal_session(&customer, return_url, configuration)
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let features = features(core, params)?;
    if features.as_object().is_none_or(Map::is_empty) {
        params.missing("features");
    }
    let metadata = params.metadata()?.set;
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.create_configuration(&features, metadata)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let features = features(core, params)?;
    let active = params.boolean("active")?;
    let metadata = params.metadata()?;
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.update_configuration(id, &features, active, metadata)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let (active, is_default) = (params.boolean("active")?, params.boolean("is_default")?);
    let page = Page::read(params)?;
    let rows = core.configurations().rev();
    let rows = rows.filter(|it| it.is(active, is_default));
    page.cut(core, "/v1/billing_portal/configurations", rows)
}

const NOT_SIMULATED: &[&str] = &["business_profile", "default_return_url", "login_page", "name"];

/// What is said of each feature, in Stripe's shape.
fn features(core: &Core, params: &mut Params) -> Result<Value, Fault> {
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
        cancel.not_simulated(&["cancellation_reason", "proration_behavior"])?;
        cancel.finish()?;
        said["subscription_cancel"] = shown;
    }
    if let Some(mut update) = features.level("subscription_update")? {
        let mut shown = enabled(&mut update)?;
        let allowed = update.texts("default_allowed_updates")?;
        let known = ["price", "promotion_code", "quantity"];
        if let Some(other) = allowed.iter().find(|it| !known.contains(&it.as_str())) {
            let message = format!(
                "Invalid default_allowed_updates: {other} is none of {}",
                known.join(", ")
            );
            return Err(Fault::invalid(message).param(update.name("default_allowed_updates")));
        }
        if !allowed.is_empty() {
            shown["default_allowed_updates"] = json!(allowed);
        }
        let products = products(core, &mut update)?;
        if !products.is_empty() {
            shown["products"] = json!(products);
        }
        let behaviors = words(&["always_invoice", "create_prorations", "none"]);
        if let Some(behavior) = update.one_of("proration_behavior", &behaviors)? {
            shown["proration_behavior"] = json!(behavior);
        }
        update.not_simulated(&[
            "billing_cycle_anchor",
            "schedule_at_period_end",
            "trial_update_behavior",
        ])?;
        update.finish()?;
        said["subscription_update"] = shown;
    }
    features.not_simulated(&["customer_update"])?;
    features.finish()?;
    Ok(said)
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
        product.not_simulated(&["adjustable_quantity"])?;
        product.finish()?;
        products.push(json!({ "product": id, "prices": prices }));
    }
    if products.len() > MAX_PRODUCTS {
        let message = format!("There can be at most {MAX_PRODUCTS} products.");
        return Err(Fault::invalid(message).param(update.name("products")));
    }
    Ok(products)
}
