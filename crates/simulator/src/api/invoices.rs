//! `/v1/invoices`, `/v1/invoice_payments`.

use serde_json::Value;

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, Fault, InvoiceChange, InvoicePayment};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("POST", [id, "pay"]) => pay(core, id, params),
        ("POST", [id, "finalize"]) => {
            let auto_advance = params.boolean("auto_advance");
            auto_advance.and_then(|it| params.finish().and_then(|()| core.finalize_draft(id, it)))
        }
        ("POST", [id, "void"]) => params.finish().and_then(|()| core.void_open_invoice(id)),
        ("POST", [id, "mark_uncollectible"]) => {
            params.finish().and_then(|()| core.mark_invoice_uncollectible(id))
        }
        ("POST", [id, "send"]) => params.finish().and_then(|()| core.send_invoice(id)),
        ("GET", [id, "lines"]) => lines(core, id, params),
        _ => return None,
    })
}

/// `/v1/invoice_payments`
pub fn payments(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("GET", []) => list_payments(core, params),
        ("GET", [id]) => params.finish().and_then(|()| {
            let found = all_payments(core).find(|it| it["id"] == **id);
            found.ok_or_else(|| Fault::missing("invoice_payment", id))
        }),
        _ => return None,
    })
}

fn all_payments(core: &Core) -> impl Iterator<Item = Value> {
    core.invoices().all().rev().flat_map(|it| it.payments())
}

fn list_payments(core: &Core, params: &mut Params) -> Answer {
    let invoice = params.text("invoice")?;
    let status = params.text("status")?;
    let mut intent = None;
    if let Some(mut payment) = params.level("payment")? {
        payment.one_of("type", &[("payment_intent", ())])?;
        intent = payment.text("payment_intent")?;
        payment.not_simulated(&["payment_record"])?;
        payment.finish()?;
    }
    let page = Page::read(params)?;
    let is = |wanted: &Option<String>, value: &Value| wanted.as_ref().is_none_or(|it| *value == **it);
    let rows = all_payments(core).filter(|it| {
        is(&invoice, &it["invoice"])
            && is(&status, &it["status"])
            && is(&intent, &it["payment"]["payment_intent"])
    });
    page.cut_inside("/v1/invoice_payments", rows.collect())
}

fn lines(core: &Core, id: &str, params: &mut Params) -> Answer {
    let page = Page::read(params)?;
    let mut invoice = core.get_expanded(id, &[])?;
    let Value::Array(lines) = invoice["lines"]["data"].take() else {
        return Ok(invoice["lines"].take());
    };
    page.cut_inside(&format!("/v1/invoices/{id}/lines"), lines)
}

fn pay(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    params.boolean("off_session")?;
    let how = InvoicePayment {
        payment_method: params.text("payment_method")?,
        out_of_band: params.boolean("paid_out_of_band")?.unwrap_or(false),
    };
    params.not_simulated(&["forgive", "mandate", "source"])?;
    params.finish()?;
    core.pay_invoice_with(id, how)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let change = InvoiceChange {
        description: params.text("description")?,
        auto_advance: params.boolean("auto_advance")?,
        default_payment_method: params.text("default_payment_method")?,
        metadata: params.metadata()?,
    };
    params.not_simulated(&[
        "account_tax_ids",
        "application_fee_amount",
        "automatic_tax",
        "automatically_finalizes_at",
        "collection_method",
        "custom_fields",
        "days_until_due",
        "default_source",
        "default_tax_rates",
        "discounts",
        "due_date",
        "effective_at",
        "footer",
        "issuer",
        "number",
        "on_behalf_of",
        "payment_settings",
        "rendering",
        "shipping_cost",
        "shipping_details",
        "statement_descriptor",
        "transfer_data",
    ])?;
    params.finish()?;
    core.update_invoice(id, change)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    let subscription = params.text("subscription")?;
    let status = params.text("status")?;
    params.not_simulated(&["collection_method", "due_date"])?;
    let page = Page::read(params)?;
    let rows: Box<dyn Iterator<Item = _>> = match &customer {
        Some(customer) => Box::new(core.invoices().of(customer).rev()),
        None => Box::new(core.invoices().all().rev()),
    };
    let rows = rows.filter(|it| {
        subscription
            .as_ref()
            .is_none_or(|subscription| it.subscription == *subscription)
            && status.as_ref().is_none_or(|status| it.status.as_str() == status)
    });
    let asked = customer.is_some() || subscription.is_some();
    let rows = rows.filter(|it| asked || core.test_clock_of(&it.customer).is_none());
    page.cut(core, "/v1/invoices", rows)
}
