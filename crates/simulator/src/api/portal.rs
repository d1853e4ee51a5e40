//! `/v1/billing_portal`: sessions, and the configurations that say what they offer.

mod features;
mod flow;

use serde_json::{Map, Value, json};

use super::buy::url;
use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{ConfigurationChange, Core, Fault, NewPortal};

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
    let new = NewPortal {
        customer: params.required("customer")?,
        return_url: url(params, "return_url")?,
        configuration: params.text("configuration")?,
        flow: flow::read(params)?,
        locale: params.text("locale")?,
    };
    params.not_simulated(&["after_expiration", "customer_account", "on_behalf_of"])?;
    params.finish()?;
    core.create_portal_session(new)
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let said = said(core, params)?;
    if said.features.as_object().is_none_or(Map::is_empty) {
        params.missing("features");
    }
    params.finish()?;
    core.create_configuration(said)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let active = params.boolean("active")?;
    let said = said(core, params)?;
    params.finish()?;
    core.update_configuration(id, ConfigurationChange { active, ..said })
}

fn said(core: &Core, params: &mut Params) -> Result<ConfigurationChange, Fault> {
    Ok(ConfigurationChange {
        features: features::read(core, params)?,
        active: None,
        metadata: params.metadata()?,
        shown: shown(params)?,
    })
}

/// What is only kept and shown.
fn shown(params: &mut Params) -> Result<Map<String, Value>, Fault> {
    let mut shown = Map::new();
    for name in ["default_return_url", "name"] {
        if params.clears(name) {
            shown.insert(name.into(), Value::Null);
        }
    }
    if let Some(url) = url(params, "default_return_url")? {
        shown.insert("default_return_url".into(), json!(url));
    }
    if let Some(name) = params.text("name")? {
        shown.insert("name".into(), json!(name));
    }
    if let Some(mut profile) = params.level("business_profile")? {
        let mut said = json!({});
        for name in ["headline", "privacy_policy_url", "terms_of_service_url"] {
            if let Some(text) = profile.text(name)? {
                said[name] = json!(Some(text).filter(|it| !it.is_empty()));
            }
        }
        profile.finish()?;
        shown.insert("business_profile".into(), said);
    }
    if let Some(mut login) = params.level("login_page")? {
        let enabled = login.boolean("enabled")?;
        if enabled.is_none() {
            login.missing("enabled");
        }
        login.finish()?;
        shown.insert("login_page".into(), json!({ "enabled": enabled }));
    }
    Ok(shown)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let (active, is_default) = (params.boolean("active")?, params.boolean("is_default")?);
    let page = Page::read(params)?;
    let rows = core.configurations().rev();
    let rows = rows.filter(|it| it.is(active, is_default));
    page.cut(core, "/v1/billing_portal/configurations", rows)
}
