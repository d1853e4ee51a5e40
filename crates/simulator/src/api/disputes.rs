//! `/v1/disputes`.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, DISPUTE_EVIDENCE, DISPUTE_FILES};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("POST", [id, "close"]) => params.finish().and_then(|()| core.close_dispute(id)),
        _ => return None,
    })
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let (charge, intent) = (params.text("charge")?, params.text("payment_intent")?);
    let page = Page::read(params)?;
    let rows = core.disputes().rev().filter(|it| {
        charge.as_ref().is_none_or(|charge| it.charge == *charge)
            && intent.as_ref().is_none_or(|intent| it.payment_intent == *intent)
    });
    page.cut(core, "/v1/disputes", rows)
}

/// Evidence is submitted unless `submit=false` (docs.stripe.com/api/disputes/update).
fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let mut evidence = Vec::new();
    if let Some(mut given) = params.level("evidence")? {
        for key in DISPUTE_EVIDENCE {
            if let Some(text) = given.text(key)? {
                evidence.push(((*key).to_owned(), text));
            }
        }
        given.not_simulated(DISPUTE_FILES)?;
        given.not_simulated(&["enhanced_evidence"])?;
        given.finish()?;
    }
    let submit = params.boolean("submit")?.unwrap_or(true);
    let metadata = params.metadata()?;
    params.finish()?;
    core.update_dispute(id, evidence, submit, metadata)
}
