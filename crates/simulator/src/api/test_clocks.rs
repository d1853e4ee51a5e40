//! `/v1/test_helpers/test_clocks`.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::Core;

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("DELETE", [id]) => params.finish().and_then(|()| core.delete_test_clock(id)),
        ("POST", [id, "advance"]) => advance(core, id, params),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let frozen_time = frozen_time(params)?;
    let name = params.text("name")?;
    params.not_simulated(&["customer"])?;
    params.finish()?;
    Ok(core.create_test_clock(frozen_time, name))
}

fn advance(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let frozen_time = frozen_time(params)?;
    params.finish()?;
    core.advance_test_clock(id, frozen_time)
}

/// Unix seconds.
fn frozen_time(params: &mut Params) -> Result<i64, crate::core::Fault> {
    let frozen_time = params.instant("frozen_time")?;
    if frozen_time.is_none() {
        params.missing("frozen_time");
    }
    Ok(frozen_time.unwrap_or(0))
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let page = Page::read(params)?;
    page.cut(core, "/v1/test_helpers/test_clocks", core.test_clocks().rev())
}
