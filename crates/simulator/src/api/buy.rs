//! `/v1/checkout/sessions`.

mod data;

use serde_json::Value;

use super::coupons::discounts;
use super::list::Page;
use super::params::Params;
use super::payment_methods::types;
use super::price_data::{self, Inline};
use super::{Answer, Routed};
use crate::core::{Core, Fault, Mode, NewSession, Redeem, Row};

pub fn sessions(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("POST", [id, "expire"]) => params.finish().and_then(|()| core.expire_session(id)),
        ("GET", [id, "line_items"]) => line_items(core, id, params),
        _ => return None,
    })
}

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let mode = match params.text("mode")?.as_deref() {
        Some("payment") => Mode::Payment,
        Some("subscription") => Mode::Subscription,
        Some("setup") => Mode::Setup,
        Some(_) => {
            let message = "Invalid mode: must be one of payment, setup, or subscription";
            return Err(Fault::invalid(message).param("mode").early());
        }
        None => {
            params.missing("mode");
            Mode::Payment
        }
    };
    let mut new = NewSession {
        mode,
        customer: params.text("customer")?,
        customer_email: params.text("customer_email")?,
        success_url: url(params, "success_url")?,
        cancel_url: url(params, "cancel_url")?,
        client_reference_id: params.text("client_reference_id")?,
        metadata: params.metadata()?.set,
        expires_at: params.instant("expires_at")?,
        ..NewSession::default()
    };
    line_item_params(core, &mut new, params)?;
    if new.success_url.is_none() {
        params.missing("success_url");
    }
    data::read(&mut new, params, core.now())?;
    data::shown(&mut new, params)?;
    discount(&mut new, params)?;
    new.payment_method_types = types(params)?;
    params.one_of("ui_mode", &[("hosted_page", ()), ("hosted", ())])?;
    params.not_simulated(&[
        "after_expiration",
        "consent_collection",
        "currency",
        "custom_fields",
        "invoice_creation",
        "optional_items",
        "payment_method_configuration",
        "payment_method_data",
        "payment_method_options",
        "permissions",
        "redirect_on_completion",
        "return_url",
        "saved_payment_method_options",
        "shipping_address_collection",
        "shipping_options",
    ])?;
    params.finish()?;
    if new.customer.is_some() && new.customer_email.is_some() {
        let message = "You may only specify one of these parameters: customer, customer_email.";
        return Err(Fault::invalid(message).param("customer").early());
    }
    core.create_checkout_session(new)
}

/// `discounts`, or codes that the person may type.
fn discount(new: &mut NewSession, params: &mut Params) -> Result<(), Fault> {
    let mut discounts = discounts(params)?.unwrap_or_default();
    new.allow_promotion_codes = params.boolean("allow_promotion_codes")?;
    let refuse = |message: &str| Err(Fault::invalid(message).param("discounts").early());
    if discounts.len() > 1 {
        return refuse("You can apply at most one discount to a Checkout Session.");
    }
    if let Some(Redeem::Discount(_)) = discounts.first() {
        return refuse("You must pass either `coupon` or `promotion_code`.");
    }
    if !discounts.is_empty() && new.allow_promotion_codes.is_some() {
        return refuse("You may only specify one of these parameters: allow_promotion_codes, discounts.");
    }
    new.discount = discounts.pop();
    let collection = [("always", false), ("if_required", true)];
    let if_required = params.one_of("payment_method_collection", &collection)?;
    if if_required.is_some() {
        refuse_in_mode(new.mode, Mode::Subscription, "payment_method_collection")?;
    }
    new.method_if_required = if_required.unwrap_or(false);
    Ok(())
}

fn line_item_params(core: &mut Core, new: &mut NewSession, params: &mut Params) -> Result<(), Fault> {
    for mut item in params.levels("line_items")? {
        item.not_simulated(&["dynamic_tax_rates", "tax_rates", "metadata"])?;
        if let Some(range) = data::adjustable_quantity(&mut item)? {
            new.adjustable.insert(new.line_items.len(), range);
        }
        let price = price_data::required(core, &mut item, Inline::Any)?;
        new.line_items
            .push((price, item.integer("quantity")?.unwrap_or(1)));
        item.finish()?;
    }
    Ok(())
}

fn refuse_in_mode(mode: Mode, wanted: Mode, param: &str) -> Result<(), Fault> {
    if mode == wanted {
        return Ok(());
    }
    let message = format!("You can not pass `{param}` in `{}` mode.", mode.as_str());
    Err(Fault::invalid(message).param(param).early())
}

pub(super) fn url(params: &mut Params, name: &str) -> Result<Option<String>, Fault> {
    let Some(text) = params.text(name)? else {
        return Ok(None);
    };
    let parsed = url::Url::parse(&text);
    if parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        return Ok(Some(text));
    }
    let message = format!("Not a valid URL. URL must be 2048 characters or less. ({name})");
    Err(Fault::invalid(message).code("url_invalid").param(name).early())
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let metadata = params.metadata()?;
    params.not_simulated(&["collected_information", "line_items", "shipping_options"])?;
    params.finish()?;
    core.update_checkout_session(id, metadata)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let customer = params.text("customer")?;
    let subscription = params.text("subscription")?;
    let intent = params.text("payment_intent")?;
    let status = params.word("status", &["complete", "expired", "open"])?;
    let email = data::email(params)?;
    params.not_simulated(&["payment_link"])?;
    let page = Page::read(params)?;
    let rows: Box<dyn Iterator<Item = _>> = match &customer {
        Some(customer) => Box::new(core.sessions().of(customer).rev()),
        None => Box::new(core.sessions().all().rev()),
    };
    let rows = rows.filter(|it| {
        (subscription.is_none() || it.subscription == subscription)
            && (intent.is_none() || it.payment_intent == intent)
            && status.is_none_or(|status| it.status.as_str() == status)
            && email
                .as_ref()
                .is_none_or(|email| it.render(core)["customer_details"]["email"] == *email)
    });
    page.cut(core, "/v1/checkout/sessions", rows)
}

fn line_items(core: &Core, id: &str, params: &mut Params) -> Answer {
    let page = Page::read(params)?;
    let mut session = core.get_expanded(id, &["line_items"])?;
    match session["line_items"]["data"].take() {
        Value::Array(items) => page.cut_inside(&format!("/v1/checkout/sessions/{id}/line_items"), items),
        _ => Ok(session["line_items"].take()),
    }
}
