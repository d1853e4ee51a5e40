//! `/v1/customers`.

mod shown;

use super::balance;
use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, CustomerChange, Fault, NewCustomer};

const NOT_SIMULATED: &[&str] = &[
    "cash_balance",
    "default_source",
    "source",
    "tax",
    "tax_id_data",
    "validate",
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
        invoice_prefix: invoice_prefix(params)?,
        next_invoice_sequence: next_invoice_sequence(params)?,
        shown: shown::read(params)?,
    };
    let balance: i64 = params.integer("balance")?.unwrap_or(0);
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    let customer = core.create_customer(new)?;
    match customer["id"].as_str() {
        Some(id) if balance != 0 => balance::set(core, id, balance),
        _ => Ok(customer),
    }
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let change = CustomerChange {
        email: params.text("email")?,
        name: params.text("name")?,
        description: params.text("description")?,
        phone: params.text("phone")?,
        metadata: params.metadata()?,
        default_payment_method: default_payment_method(params)?,
        invoice_prefix: invoice_prefix(params)?,
        next_invoice_sequence: next_invoice_sequence(params)?,
        shown: shown::read(params)?,
    };
    let balance: Option<i64> = params.integer("balance")?;
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    let customer = core.update_customer(id, change)?;
    match balance {
        Some(balance) => balance::set(core, id, balance),
        None => Ok(customer),
    }
}

fn invoice_prefix(params: &mut Params) -> Result<Option<String>, Fault> {
    let prefix = params.text("invoice_prefix")?;
    let allowed = |prefix: &String| {
        (3..=12).contains(&prefix.len())
            && prefix
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    if prefix.as_ref().is_some_and(|it| !allowed(it)) {
        let message = "Invoice prefixes have 3 to 12 uppercase letters or numbers.";
        return Err(Fault::invalid(message).param("invoice_prefix").early());
    }
    Ok(prefix)
}

fn next_invoice_sequence(params: &mut Params) -> Result<Option<u64>, Fault> {
    let next: Option<u64> = params.integer("next_invoice_sequence")?;
    if next == Some(0) {
        let message = "This value must be greater than or equal to 1.";
        return Err(Fault::invalid(message).param("next_invoice_sequence").early());
    }
    Ok(next)
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
