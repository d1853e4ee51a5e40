//! `/v1/invoices`, `/v1/invoice_payments`.

use serde_json::Value;

use super::coupons::discounts;
use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, Due, Fault, InvoiceChange, InvoicePayment, OneOffInvoice, Version};

pub fn call(core: &mut Core, version: Version, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, version, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("DELETE", [id]) => params.finish().and_then(|()| core.delete_invoice(id)),
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
    let status = params.word("status", &["canceled", "open", "paid"])?;
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
            && status.is_none_or(|status| it["status"] == status)
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

const NOT_SIMULATED: &[&str] = &[
    "account_tax_ids",
    "application_fee_amount",
    "automatic_tax",
    "automatically_finalizes_at",
    "custom_fields",
    "default_source",
    "default_tax_rates",
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
];

/// `pending_invoice_items_behavior`: whether those are taken, and whether there have to be some.
const PENDING: &[(&str, (bool, bool))] = &[
    ("exclude", (false, false)),
    ("include", (true, false)),
    ("include_and_require", (true, true)),
];

fn create(core: &mut Core, version: Version, params: &mut Params) -> Answer {
    // docs.stripe.com/changelog/2022-08-01: the last word went, which had been the default.
    let older = Version::parse("2022-08-01").is_some_and(|changed| version < changed);
    let (words, default) = if older {
        (PENDING, (true, true))
    } else {
        (&PENDING[..2], (false, false))
    };
    let pending = params.one_of("pending_invoice_items_behavior", words)?;
    let (takes_pending, needs_pending) = pending.unwrap_or(default);
    let new = OneOffInvoice {
        customer: params.required("customer")?,
        subscription: params.text("subscription")?,
        currency: params.currency("currency")?,
        takes_pending,
        needs_pending,
        auto_advance: params.boolean("auto_advance")?.unwrap_or(false),
        due: due(params, core.now(), false)?.flatten(),
        default_payment_method: params.text("default_payment_method")?.filter(|it| !it.is_empty()),
        description: params.text("description")?.filter(|it| !it.is_empty()),
        discounts: discounts(params)?.unwrap_or_default(),
        metadata: params.metadata()?.set,
    };
    params.not_simulated(NOT_SIMULATED)?;
    params.not_simulated(&["customer_account", "from_invoice"])?;
    params.finish()?;
    core.create_invoice(new)
}

/// `collection_method`, and by when what is `sent` has to be paid. `now`: unix seconds.
fn due(params: &mut Params, now: i64, sent: bool) -> Result<Option<Option<Due>>, Fault> {
    let words = [("charge_automatically", false), ("send_invoice", true)];
    let sends = params.one_of("collection_method", &words)?;
    let days = params.integer("days_until_due")?;
    let at = params.instant("due_date")?;
    let refuse = |message: &str, param: &str| Err(Fault::invalid(message).param(param).early());
    let due = match (days, at) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: days_until_due, due_date.";
            return refuse(message, "due_date");
        }
        (None, Some(at)) if at <= now => return refuse("`due_date` must be in the future.", "due_date"),
        (days, at) => days.map(Due::Days).or(at.map(Due::At)),
    };
    let param = if at.is_some() {
        "due_date"
    } else {
        "days_until_due"
    };
    match (sends.unwrap_or(sent), due) {
        (false, Some(_)) => {
            let message =
                format!("`{param}` can only be set if the invoice's `collection_method` is `send_invoice`.");
            refuse(&message, param)
        }
        (true, None) if sends.is_some() && !sent => {
            params.missing("days_until_due");
            Ok(None)
        }
        (true, None) => Ok(None),
        (false, None) => Ok(sends.map(|_| None)),
        (true, Some(due)) => Ok(Some(Some(due))),
    }
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let sent = core.invoice(id)?.due_date.is_some();
    let change = InvoiceChange {
        description: params.text("description")?,
        auto_advance: params.boolean("auto_advance")?,
        default_payment_method: params.text("default_payment_method")?,
        due: due(params, core.now(), sent)?,
        discounts: discounts(params)?,
        metadata: params.metadata()?,
    };
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.update_invoice(id, change)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    let subscription = params.text("subscription")?;
    let status = params.word("status", &["draft", "open", "paid", "uncollectible", "void"])?;
    params.not_simulated(&["collection_method", "due_date"])?;
    let page = Page::read(params)?;
    let rows: Box<dyn Iterator<Item = _>> = match &customer {
        Some(customer) => Box::new(core.invoices().of(customer).rev()),
        None => Box::new(core.invoices().all().rev()),
    };
    let rows = rows.filter(|it| {
        !it.deleted
            && (subscription.is_none() || it.subscription == subscription)
            && status.is_none_or(|status| it.status.as_str() == status)
    });
    let asked = customer.is_some() || subscription.is_some();
    let rows = rows.filter(|it| asked || core.test_clock_of(&it.customer).is_none());
    page.cut(core, "/v1/invoices", rows)
}
