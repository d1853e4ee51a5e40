//! `/v2/core`: event destinations for thin events, and thin events. Its requests are JSON.

use serde_json::{Value, json};

use super::buy::url;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, Fault, NewEndpoint};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("GET", ["events", id]) => params
            .finish()
            .and_then(|()| core.thin_event(id).ok_or_else(|| Fault::missing("event", id))),
        ("POST", ["event_destinations"]) => create(core, params),
        ("GET", ["event_destinations"]) => list(core, params),
        ("GET", ["event_destinations", id]) => {
            include(params).and_then(|include| Ok(core.event_destination(id)?.to_destination(&include)))
        }
        ("DELETE", ["event_destinations", id]) => {
            params.finish().and_then(|()| core.delete_event_destination(id))
        }
        ("POST", ["event_destinations", id, switch @ ("disable" | "enable")]) => params
            .finish()
            .and_then(|()| core.switch_event_destination(id, *switch == "disable")),
        (_, ["event_destinations" | "events", ..]) => {
            return Some(Err(Fault::not_simulated("this route of /v2/core")));
        }
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let name = params.required("name")?;
    let enabled_events = params.texts("enabled_events")?;
    if enabled_events.is_empty() {
        params.missing("enabled_events");
    }
    // What is not there `finish` tells.
    let payload = params.required("event_payload")?;
    if !payload.is_empty() && payload != "thin" {
        let message = "event destinations for snapshot events; /v1/webhook_endpoints makes them";
        return Err(Fault::not_simulated(message).param("event_payload"));
    }
    let kind = params.required("type")?;
    if !kind.is_empty() && kind != "webhook_endpoint" {
        return Err(Fault::not_simulated("event destinations other than webhook endpoints").param("type"));
    }
    let to = match params.level("webhook_endpoint")? {
        Some(mut endpoint) => {
            let to = url(&mut endpoint, "url")?;
            endpoint.finish()?;
            to
        }
        None => None,
    };
    if to.is_none() {
        params.missing("webhook_endpoint");
    }
    let description = params.text("description")?;
    let metadata = params.metadata()?.set;
    params.not_simulated(&["events_from", "snapshot_api_version"])?;
    let include = include(params)?;
    let made = core.create_webhook_endpoint(NewEndpoint {
        url: to.unwrap_or_default(),
        enabled_events,
        description,
        metadata,
        destination: Some(name),
        ..NewEndpoint::default()
    });
    let id = made["id"].as_str().unwrap_or_default();
    Ok(core.event_destination(id)?.to_destination(&include))
}

fn list(core: &Core, params: &mut Params) -> Answer {
    params.not_simulated(&["limit", "page"])?;
    let include = include(params)?;
    let shown = core
        .event_destinations()
        .rev()
        .map(|it| it.to_destination(&include));
    let shown: Vec<Value> = shown.collect();
    Ok(json!({ "data": shown, "next_page_url": null, "previous_page_url": null }))
}

/// What is shown only when it is asked for; the last parameter that is read.
fn include(params: &mut Params) -> Result<Vec<String>, Fault> {
    let include = params.texts("include")?;
    params.finish()?;
    Ok(include)
}
