//! `/v1/webhook_endpoints`.

use super::buy::url;
use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, EndpointChange, NewEndpoint};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("DELETE", [id]) => params.finish().and_then(|()| core.delete_webhook_endpoint(id)),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let url = url(params, "url")?;
    if url.is_none() {
        params.missing("url");
    }
    let enabled_events = params.texts("enabled_events")?;
    if enabled_events.is_empty() {
        params.missing("enabled_events");
    }
    let api_version = params.text("api_version")?;
    let api_version =
        api_version.map(|text| super::version(&text).map_err(|fault| fault.param("api_version")));
    let api_version = api_version.transpose()?;
    let description = params.text("description")?;
    let metadata = params.metadata()?.set;
    params.not_simulated(&["connect"])?;
    params.finish()?;
    Ok(core.create_webhook_endpoint(NewEndpoint {
        url: url.unwrap_or_default(),
        secret: None,
        enabled_events,
        api_version,
        description,
        metadata,
        destination: None,
    }))
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let change = EndpointChange {
        url: url(params, "url")?,
        enabled_events: Some(params.texts("enabled_events")?).filter(|events| !events.is_empty()),
        description: params.text("description")?,
        disabled: params.boolean("disabled")?,
        metadata: params.metadata()?,
    };
    params.finish()?;
    core.update_webhook_endpoint(id, change)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let page = Page::read(params)?;
    let rows = core.webhook_endpoints().rev();
    let rows = rows.filter(|it| it.destination.is_none());
    page.cut(core, "/v1/webhook_endpoints", rows)
}
