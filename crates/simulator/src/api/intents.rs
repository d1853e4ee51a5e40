//! `/v1/payment_intents`.

use super::list::Page;
use super::params::Params;
use super::payment_methods::types;
use super::{Answer, Routed};
use crate::core::{Confirm, Core, Fault, IntentChange, NewIntent};

const NOT_SIMULATED: &[&str] = &[
    "application_fee_amount",
    "confirmation_token",
    "hooks",
    "mandate",
    "mandate_data",
    "on_behalf_of",
    "payment_details",
    "payment_method_configuration",
    "payment_method_data",
    "payment_method_options",
    "radar_options",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
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
    let amount = params.integer("amount")?;
    if amount.is_none() {
        params.missing("amount");
    }
    let mut new = NewIntent {
        amount: amount.unwrap_or(0),
        currency: params.required_currency("currency")?,
        customer: params.text("customer")?,
        payment_method: params.text("payment_method")?,
        metadata: params.metadata()?.set,
        description: params.text("description")?,
        types: types(params)?,
        setup_future_usage: future_usage(params)?,
        ..NewIntent::default()
    };
    if let Some(mut automatic) = params.level("automatic_payment_methods")? {
        new.automatic = automatic.boolean("enabled")?.unwrap_or(false);
        let never = automatic.one_of("allow_redirects", &[("always", false), ("never", true)])?;
        if never == Some(true) {
            return Err(Fault::not_simulated("`allow_redirects=never`").param("automatic_payment_methods"));
        }
        automatic.finish()?;
    }
    let confirmed = params.boolean("confirm")?.unwrap_or(false);
    let how = how(params)?;
    captured_at_once(params)?;
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.create_payment_intent(new, confirmed.then_some(how))
}

/// What a confirmation may say, but for the method.
fn how(params: &mut Params) -> Result<Confirm, Fault> {
    let off_session = match params.text("off_session")?.as_deref() {
        None | Some("false") => false,
        Some("true" | "one_off" | "recurring") => true,
        Some(_) => return Err(Fault::invalid("Invalid off_session").param("off_session").early()),
    };
    Ok(Confirm {
        payment_method: None,
        return_url: super::buy::url(params, "return_url")?,
        off_session,
        error_on_requires_action: params.boolean("error_on_requires_action")?.unwrap_or(false),
    })
}

fn captured_at_once(params: &mut Params) -> Result<(), Fault> {
    for (param, other) in [("capture_method", "manual"), ("confirmation_method", "manual")] {
        let manual = params.one_of(
            param,
            &[("automatic", false), ("automatic_async", false), (other, true)],
        )?;
        if manual == Some(true) {
            return Err(Fault::not_simulated(&format!("`{param}={other}`")).param(param));
        }
    }
    Ok(())
}

fn future_usage(params: &mut Params) -> Result<Option<&'static str>, Fault> {
    let words = ["on_session", "off_session"].map(|word| (word, word));
    params.one_of("setup_future_usage", &words)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let change = IntentChange {
        amount: params.integer("amount")?,
        customer: params.text("customer")?,
        payment_method: params.text("payment_method")?,
        description: params.text("description")?,
        setup_future_usage: future_usage(params)?,
        metadata: params.metadata()?,
    };
    captured_at_once(params)?;
    params.not_simulated(NOT_SIMULATED)?;
    params.not_simulated(&["currency", "payment_method_types"])?;
    params.finish()?;
    core.update_payment_intent(id, change)
}

fn confirm(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let payment_method = params.text("payment_method")?;
    let usage = future_usage(params)?;
    let how = how(params)?;
    captured_at_once(params)?;
    params.boolean("use_stripe_sdk")?;
    params.not_simulated(NOT_SIMULATED)?;
    params.not_simulated(&["payment_method_types"])?;
    params.finish()?;
    if usage.is_some() {
        let change = IntentChange {
            setup_future_usage: usage,
            ..IntentChange::default()
        };
        core.update_payment_intent(id, change)?;
    }
    core.confirm_payment_intent(
        id,
        Confirm {
            payment_method,
            ..how
        },
    )
}

fn cancel(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"].map(|word| (word, word));
    let reason = params.one_of("cancellation_reason", &reasons)?;
    params.finish()?;
    core.cancel_payment_intent(id, reason)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    let page = Page::read(params)?;
    match &customer {
        Some(customer) => page.cut(core, "/v1/payment_intents", core.intents().of(customer).rev()),
        None => page.cut(core, "/v1/payment_intents", core.intents().all().rev()),
    }
}
