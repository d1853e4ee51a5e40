//! `/v1/entitlements`: features, and who is entitled to them.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::Core;

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", ["features"]) => create(core, params),
        ("GET", ["features"]) => list(core, params),
        ("GET", ["features", id]) | ("GET", ["active_entitlements", id]) => {
            params.finish().and_then(|()| core.get_expanded(id, &[]))
        }
        ("POST", ["features", id]) => update(core, id, params),
        ("GET", ["active_entitlements"]) => list_active(core, params),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let (lookup_key, name) = (params.required("lookup_key")?, params.required("name")?);
    let metadata = params.metadata()?.set;
    params.finish()?;
    core.create_feature_with(&lookup_key, &name, metadata)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let (name, active) = (params.text("name")?, params.boolean("active")?);
    let metadata = params.metadata()?;
    params.finish()?;
    core.update_feature(id, name, active, metadata)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let archived = params.boolean("archived")?;
    let lookup_key = params.text("lookup_key")?;
    let page = Page::read(params)?;
    let rows = core.features().rev().filter(|it| {
        archived.is_none_or(|archived| it.active != archived)
            && lookup_key.as_ref().is_none_or(|key| it.lookup_key == *key)
    });
    page.cut(core, "/v1/entitlements/features", rows)
}

fn list_active(core: &Core, params: &mut Params) -> Answer {
    let customer = params.required("customer")?;
    let page = Page::read(params)?;
    core.living_customer(&customer)
        .map_err(|fault| fault.param("customer"))?;
    let rows = core.active_entitlements(&customer).rev();
    page.cut(core, "/v1/entitlements/active_entitlements", rows)
}
