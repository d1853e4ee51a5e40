//! `/v1/customers/:id/balance_transactions`.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, Fault, NewBalanceTransaction, Row};

pub fn call(core: &mut Core, method: &str, customer: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, customer, params),
        ("GET", []) => list(core, customer, params),
        ("GET", [id]) => params
            .finish()
            .and_then(|()| core.balance_transaction(customer, id).map(|it| it.render(core))),
        ("POST", [id]) => update(core, customer, id, params),
        _ => return None,
    })
}

/// Makes the balance this: what is missing is an adjustment.
pub(super) fn set(core: &mut Core, customer: &str, balance: i64) -> Answer {
    let of = core.living_customer(customer)?;
    let too_far = || Fault::invalid("Invalid balance: it is too large.").param("balance");
    let amount = balance.checked_sub(of.balance).ok_or_else(too_far)?;
    if amount != 0 {
        let currency = of.currency.clone().unwrap_or_else(|| "usd".to_owned());
        let new = NewBalanceTransaction {
            amount,
            currency,
            ..NewBalanceTransaction::default()
        };
        core.create_balance_transaction(customer, new)?;
    }
    core.get_expanded(customer, &[])
}

fn create(core: &mut Core, customer: &str, params: &mut Params) -> Answer {
    let amount: Option<i64> = params.integer("amount")?;
    if amount.is_none() {
        params.missing("amount");
    }
    let new = NewBalanceTransaction {
        amount: amount.unwrap_or(0),
        currency: params.required_currency("currency")?,
        description: params.text("description")?.filter(|it| !it.is_empty()),
        metadata: params.metadata()?.set,
    };
    params.finish()?;
    core.create_balance_transaction(customer, new)
}

fn update(core: &mut Core, customer: &str, id: &str, params: &mut Params) -> Answer {
    let (description, metadata) = (params.text("description")?, params.metadata()?);
    params.finish()?;
    core.update_balance_transaction(customer, id, description, metadata)
}

fn list(core: &Core, customer: &str, params: &mut Params) -> Answer {
    params.not_simulated(&["invoice"])?;
    let page = Page::read(params)?;
    core.living_customer(customer)?;
    let url = format!("/v1/customers/{customer}/balance_transactions");
    page.cut(core, &url, core.balance_transactions_of(customer).rev())
}
