//! `/v1/customers`.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, CustomerChange, Fault, NewCustomer};

const NOT_SIMULATED: &[&str] = &[
    "address",
    "balance",
    "business_name",
    "cash_balance",
    "individual_name",
    "invoice_prefix",
    "next_invoice_sequence",
    "preferred_locales",
    "shipping",
    "source",
    "tax",
    "tax_exempt",
    "tax_id_data",
];

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("DELETE", [id]) => params.finish().and_then(|()| core.delete_customer(id)),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let new = NewCustomer {
        email: params.text("email")?,
        name: params.text("name")?,
        description: params.text("description")?,
        phone: params.text("phone")?,
        metadata: params.metadata()?.set,
        payment_method: params.text("payment_method")?,
        default_payment_method: default_payment_method(params)?,
        test_clock: params.text("test_clock")?,
    };
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.create_customer(new)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let change = CustomerChange {
        email: params.text("email")?,
        name: params.text("name")?,
        description: params.text("description")?,
        phone: params.text("phone")?,
        metadata: params.metadata()?,
        default_payment_method: default_payment_method(params)?,
    };
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.update_customer(id, change)
}

fn default_payment_method(params: &mut Params) -> Result<Option<String>, Fault> {
    let Some(mut settings) = params.level("invoice_settings")? else {
        return Ok(None);
    };
    let default = settings.text("default_payment_method")?;
    settings.not_simulated(&["custom_fields", "footer", "rendering_options"])?;
    settings.finish()?;
    Ok(default)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let email = params.text("email")?;
    let clock = params.text("test_clock")?;
    let page = Page::read(params)?;
    let rows = core.customers().rev().filter(|it| !it.deleted);
    let rows = rows.filter(|it| email.is_none() || it.email == email);
    let rows = rows.filter(|it| it.test_clock == clock);
    page.cut(core, "/v1/customers", rows)
}
