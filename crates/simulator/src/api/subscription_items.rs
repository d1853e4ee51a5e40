//! `/v1/subscription_items`.

use serde_json::json;

use super::list::Page;
use super::params::Params;
use super::subscriptions::{item_change, terms};
use super::{Answer, Routed};
use crate::core::{Core, Fault, ItemChange, SubscriptionChange};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("DELETE", [id]) => delete(core, id, params),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let subscription = params.required("subscription")?;
    let item = item_change(core, params)?;
    let change = SubscriptionChange {
        items: vec![item],
        ..terms(params)?
    };
    params.finish()?;
    let changed = core.update_subscription(&subscription, change).map_err(flat)?;
    let items = changed["items"]["data"].as_array();
    Ok(items.and_then(|items| items.last()).cloned().unwrap_or_default())
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    params.not_simulated(&["off_session"])?;
    let item = ItemChange {
        id: Some(id.to_owned()),
        deleted: false,
        ..item_change(core, params)?
    };
    let change = SubscriptionChange {
        items: vec![item],
        ..terms(params)?
    };
    params.finish()?;
    let subscription = core.subscription_with(id)?.id.clone();
    core.update_subscription(&subscription, change).map_err(flat)?;
    core.get_expanded(id, &[])
}

fn delete(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    params.not_simulated(&["clear_usage"])?;
    let item = ItemChange {
        id: Some(id.to_owned()),
        deleted: true,
        ..ItemChange::default()
    };
    let change = SubscriptionChange {
        items: vec![item],
        ..terms(params)?
    };
    params.finish()?;
    let subscription = core.subscription_with(id)?.id.clone();
    core.update_subscription(&subscription, change).map_err(flat)?;
    Ok(json!({ "id": id, "object": "subscription_item", "deleted": true }))
}

/// `items[0][price]` is `price` here.
fn flat(fault: Fault) -> Fault {
    let inner = fault
        .param
        .as_deref()
        .and_then(|it| it.strip_prefix("items[0]["))
        .map(|it| it.trim_end_matches(']').to_owned());
    match inner {
        Some(name) => fault.param(name),
        None => fault,
    }
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let subscription = params.required("subscription")?;
    let page = Page::read(params)?;
    let subscription = core
        .subscription(&subscription)
        .map_err(|fault| fault.param("subscription"))?;
    page.cut_inside("/v1/subscription_items", core.subscription_items(subscription))
}
