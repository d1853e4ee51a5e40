//! `/v1/charges`, `/v1/refunds`.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, Fault, NewRefund};

pub fn charges(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("GET", []) => list_charges(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        _ => return None,
    })
}

fn list_charges(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    let intent = params.text("payment_intent")?;
    params.not_simulated(&["transfer_group"])?;
    let page = Page::read(params)?;
    let rows: Box<dyn Iterator<Item = _>> = match &customer {
        Some(customer) => Box::new(core.charges().of(customer).rev()),
        None => Box::new(core.charges().all().rev()),
    };
    let rows = rows.filter(|it| intent.as_ref().is_none_or(|intent| it.payment_intent == *intent));
    page.cut(core, "/v1/charges", rows)
}

pub fn refunds(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => refund(core, params),
        ("GET", []) => list_refunds(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => {
            let metadata = params.metadata();
            metadata.and_then(|metadata| params.finish().and_then(|()| core.update_refund(id, metadata)))
        }
        ("POST", [id, "cancel"]) => params.finish().and_then(|()| core.cancel_refund(id)),
        _ => return None,
    })
}

fn refund(core: &mut Core, params: &mut Params) -> Answer {
    let (charge, intent) = (params.text("charge")?, params.text("payment_intent")?);
    let amount = params.integer("amount")?;
    let reasons = ["duplicate", "fraudulent", "requested_by_customer"].map(|word| (word, word));
    let reason = params.one_of("reason", &reasons)?.map(str::to_owned);
    let metadata = params.metadata()?.set;
    params.not_simulated(&[
        "currency",
        "customer",
        "instructions_email",
        "origin",
        "refund_application_fee",
        "reverse_transfer",
    ])?;
    params.finish()?;
    let Some(of) = charge.or(intent) else {
        let message =
            "One of the following params should be provided for this request: payment_intent or charge.";
        return Err(Fault::invalid(message).code("parameter_missing").early());
    };
    core.create_refund(NewRefund {
        of,
        amount,
        reason,
        metadata,
    })
}

fn list_refunds(core: &Core, params: &mut Params) -> Answer {
    let (charge, intent) = (params.text("charge")?, params.text("payment_intent")?);
    let page = Page::read(params)?;
    let rows = core.refunds().rev().filter(|it| {
        charge.as_ref().is_none_or(|charge| it.charge == *charge)
            && intent.as_ref().is_none_or(|intent| it.payment_intent == *intent)
    });
    page.cut(core, "/v1/refunds", rows)
}
