//! `flow_data` of a portal session: what the page is opened for.

use serde_json::{Value, json};

use super::super::buy::url;
use super::super::params::Params;
use crate::core::Fault;

/// In the shape in which the session shows it.
pub fn read(params: &mut Params) -> Result<Option<Value>, Fault> {
    let Some(mut data) = params.level("flow_data")? else {
        return Ok(None);
    };
    let kinds = [
        "customer_update",
        "payment_method_update",
        "subscription_cancel",
        "subscription_update",
        "subscription_update_confirm",
    ]
    .map(|kind| (kind, kind));
    if data.peek("type") == Some("subscription_pause") {
        return Err(Fault::not_simulated("pausing on the portal").param("flow_data[type]"));
    }
    let kind = data.one_of("type", &kinds)?;
    let mut flow = json!({
        "after_completion": after_completion(&mut data)?,
        "customer_update": null,
        "subscription_cancel": null,
        "subscription_pause": null,
        "subscription_update": null,
        "subscription_update_confirm": null,
        "type": kind,
    });
    let Some(kind) = kind else {
        data.missing("type");
        data.finish()?;
        return Ok(Some(flow));
    };
    if kind == "customer_update" {
        flow[kind] = json!({});
    }
    if kind.starts_with("subscription_") {
        match data.level(kind)? {
            None => data.missing(kind),
            Some(level) => flow[kind] = of_subscription(kind, level)?,
        }
    }
    data.finish()?;
    Ok(Some(flow))
}

fn of_subscription(kind: &str, mut level: Params) -> Result<Value, Fault> {
    let mut shown = json!({ "subscription": level.required("subscription")? });
    match kind {
        "subscription_cancel" => {
            level.not_simulated(&["retention"])?;
            shown["retention"] = Value::Null;
        }
        "subscription_update_confirm" => {
            level.not_simulated(&["discounts"])?;
            shown["discounts"] = Value::Null;
            shown["items"] = items(&mut level)?;
        }
        _ => {}
    }
    level.finish()?;
    Ok(shown)
}

fn items(level: &mut Params) -> Result<Value, Fault> {
    let mut items = Vec::new();
    for mut item in level.levels("items")? {
        let mut shown = json!({ "id": item.required("id")?, "price": item.text("price")? });
        if let Some(quantity) = item.integer::<u64>("quantity")? {
            shown["quantity"] = json!(quantity);
        }
        item.finish()?;
        items.push(shown);
    }
    if items.is_empty() {
        level.missing("items");
    }
    if items.len() > 1 {
        let message = "A subscription of several items cannot be changed on the portal.";
        return Err(Fault::invalid(message).param(level.name("items")).early());
    }
    Ok(json!(items))
}

fn after_completion(data: &mut Params) -> Result<Value, Fault> {
    let mut shown = json!({ "hosted_confirmation": null, "redirect": null, "type": "portal_homepage" });
    let Some(mut after) = data.level("after_completion")? else {
        return Ok(shown);
    };
    let kinds = ["hosted_confirmation", "portal_homepage", "redirect"].map(|kind| (kind, kind));
    match after.one_of("type", &kinds)? {
        Some(kind) => shown["type"] = json!(kind),
        None => after.missing("type"),
    }
    if let Some(mut confirmation) = after.level("hosted_confirmation")? {
        shown["hosted_confirmation"] = json!({ "custom_message": confirmation.text("custom_message")? });
        confirmation.finish()?;
    }
    if let Some(mut redirect) = after.level("redirect")? {
        let to = url(&mut redirect, "return_url")?;
        if to.is_none() {
            redirect.missing("return_url");
        }
        redirect.finish()?;
        shown["redirect"] = json!({ "return_url": to });
    } else if shown["type"] == "redirect" {
        after.missing("redirect");
    }
    after.finish()?;
    Ok(shown)
}
