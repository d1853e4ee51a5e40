//! `/v1/setup_intents`.

use super::list::Page;
use super::params::Params;
use super::payment_methods::types;
use super::{Answer, Routed};
use crate::core::{Confirm, Core, NewSetupIntent};

const NOT_SIMULATED: &[&str] = &[
    "attach_to_self",
    "confirmation_token",
    "flow_directions",
    "mandate_data",
    "on_behalf_of",
    "payment_method_configuration",
    "payment_method_data",
    "payment_method_options",
    "single_use",
];

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("POST", [id, "confirm"]) => confirm(core, id, params),
        ("POST", [id, "cancel"]) => cancel(core, id, params),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let usages = [("on_session", true), ("off_session", false)];
    let mut new = NewSetupIntent {
        customer: params.text("customer")?,
        payment_method: params.text("payment_method")?,
        description: params.text("description")?,
        metadata: params.metadata()?.set,
        types: types(params)?,
        automatic: false,
        on_session: params.one_of("usage", &usages)?.unwrap_or(false),
    };
    if let Some(mut automatic) = params.level("automatic_payment_methods")? {
        new.automatic = automatic.boolean("enabled")?.unwrap_or(false);
        automatic.not_simulated(&["allow_redirects"])?;
        automatic.finish()?;
    }
    let confirmed = params.boolean("confirm")?.unwrap_or(false);
    let return_url = super::buy::url(params, "return_url")?;
    params.boolean("use_stripe_sdk")?;
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    let confirm = confirmed.then(|| Confirm {
        return_url,
        ..Confirm::default()
    });
    core.create_setup_intent(new, confirm)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let (method, description) = (params.text("payment_method")?, params.text("description")?);
    let metadata = params.metadata()?;
    params.not_simulated(NOT_SIMULATED)?;
    params.not_simulated(&["customer", "payment_method_types"])?;
    params.finish()?;
    core.update_setup_intent(id, method, description, metadata)
}

fn confirm(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let confirm = Confirm {
        payment_method: params.text("payment_method")?,
        return_url: super::buy::url(params, "return_url")?,
        ..Confirm::default()
    };
    params.boolean("use_stripe_sdk")?;
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.confirm_setup_intent(id, confirm)
}

fn cancel(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let reasons = ["duplicate", "requested_by_customer", "abandoned"].map(|word| (word, word));
    let reason = params.one_of("cancellation_reason", &reasons)?;
    params.finish()?;
    core.cancel_setup_intent(id, reason)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    let method = params.text("payment_method")?;
    params.not_simulated(&["attach_to_self"])?;
    let page = Page::read(params)?;
    let rows = core.setup_intents().rev();
    let rows = rows.filter(|it| {
        (customer.is_none() || crate::core::Row::owner(*it) == customer.as_deref())
            && (method.is_none() || it.payment_method == method)
    });
    page.cut(core, "/v1/setup_intents", rows)
}
