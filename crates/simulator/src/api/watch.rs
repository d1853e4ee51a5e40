//! `/v1/events`, `/v1/account`.

use serde_json::{Value, json};

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, EVENTS_KEPT, Fault};

pub fn events(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("GET", []) => list_events(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        _ => return None,
    })
}

/// A type may end in `*`.
fn list_events(core: &Core, params: &mut Params) -> Answer {
    let mut types = params.texts("types")?;
    types.extend(params.text("type")?);
    let delivered = params.boolean("delivery_success")?;
    let mut page = Page::read(params)?;
    // From the cursor backwards, so that reading the whole log page by page is linear.
    let newest = match page.starting_after.take() {
        None => core.events(0).len(),
        Some(cursor) => core
            .event_position(&cursor)
            .ok_or_else(|| Fault::missing("event", &cursor).param("starting_after"))?,
    };
    let horizon = core.now() - EVENTS_KEPT;
    let rows = core.events(0)[..newest].iter().rev().map(AsRef::as_ref);
    let rows = rows.take_while(|event| event.created >= horizon);
    let rows = rows.filter(|event| types.is_empty() || types.iter().any(|wanted| event.is_of(wanted)));
    let rows = rows.filter(|event| delivered.is_none_or(|wanted| core.is_delivered(&event.id) == wanted));
    page.cut(core, "/v1/events", rows)
}

pub fn account(core: &Core) -> Value {
    json!({
        "id": core.account(),
        "object": "account",
        "business_type": "company",
        "charges_enabled": true,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": true,
        "email": null,
        "metadata": {},
        "payouts_enabled": true,
        "type": "standard",
    })
}
