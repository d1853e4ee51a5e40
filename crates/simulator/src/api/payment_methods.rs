//! `/v1/payment_methods`, and a customer's.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Billing, Core, Fault, PaymentMethodChange};

/// Types that Stripe has and nothing here pays with.
const OTHER_TYPES: &[&str] = &[
    "acss_debit",
    "affirm",
    "afterpay_clearpay",
    "alipay",
    "alma",
    "amazon_pay",
    "au_becs_debit",
    "bacs_debit",
    "bancontact",
    "billie",
    "blik",
    "boleto",
    "cashapp",
    "crypto",
    "custom",
    "customer_balance",
    "eps",
    "fpx",
    "giropay",
    "grabpay",
    "ideal",
    "interac_present",
    "kakao_pay",
    "klarna",
    "konbini",
    "kr_card",
    "link",
    "mb_way",
    "mobilepay",
    "multibanco",
    "naver_pay",
    "nz_bank_account",
    "oxxo",
    "p24",
    "pay_by_bank",
    "payco",
    "paynow",
    "paypal",
    "pix",
    "promptpay",
    "revolut_pay",
    "samsung_pay",
    "satispay",
    "sofort",
    "swish",
    "twint",
    "wechat_pay",
    "zip",
];

const TYPES: &[&str] = &["card", "sepa_debit", "us_bank_account"];

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => params
            .text("customer")
            .and_then(|customer| list(core, customer, "/v1/payment_methods", params)),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("POST", [id, "attach"]) => attach(core, id, params),
        ("POST", [id, "detach"]) => params.finish().and_then(|()| core.detach_payment_method(id)),
        _ => return None,
    })
}

/// `/v1/customers/:id/payment_methods`
pub fn of_customer(
    core: &mut Core,
    method: &str,
    customer: &str,
    rest: &[&str],
    params: &mut Params,
) -> Routed {
    Some(match (method, rest) {
        ("GET", []) => core.living_customer(customer).map(|_| ()).and_then(|()| {
            list(
                core,
                Some(customer.to_owned()),
                &format!("/v1/customers/{customer}/payment_methods"),
                params,
            )
        }),
        ("GET", [id]) => params.finish().and_then(|()| {
            let own = core.method(id)?.customer.as_deref() == Some(customer);
            own.then_some(())
                .ok_or_else(|| Fault::missing("PaymentMethod", id))?;
            core.get_expanded(id, &[])
        }),
        _ => return None,
    })
}

/// A type that can pay here.
///
/// # Errors
/// Stripe knows it and nothing here pays with it; nobody knows it.
pub(super) fn known_type(name: &str, param: &str) -> Result<&'static str, Fault> {
    if let Some(known) = TYPES.iter().find(|it| **it == name) {
        return Ok(known);
    }
    if OTHER_TYPES.contains(&name) {
        return Err(Fault::not_simulated(&format!("the payment method `{name}`")).param(param));
    }
    let message = format!("Invalid {param}: must be one of {}", TYPES.join(", "));
    Err(Fault::invalid(message).param(param).early())
}

/// `payment_method_types[]`
pub(super) fn types(params: &mut Params) -> Result<Vec<&'static str>, Fault> {
    let named = params.texts("payment_method_types")?;
    named
        .iter()
        .map(|name| known_type(name, "payment_method_types"))
        .collect()
}

/// A card by number or token, an IBAN, or a bank account: what it does is what Stripe's test method of that number does.
fn create(core: &mut Core, params: &mut Params) -> Answer {
    let kind = params.required("type")?;
    let billing = billing(params)?;
    let metadata = params.metadata()?.set;
    let mut of = String::new();
    if !kind.is_empty() {
        let kind = known_type(&kind, "type")?;
        match params.level(kind)? {
            None => params.missing(kind),
            Some(mut data) => {
                of = match kind {
                    "card" => card(&mut data)?,
                    "sepa_debit" => data.required("iban")?,
                    _ => bank_account(&mut data)?,
                };
                data.finish()?;
            }
        }
    }
    params.one_of("allow_redisplay", &[("unspecified", ())])?;
    params.not_simulated(&["customer", "payment_method", "radar_options", "link"])?;
    params.finish()?;
    core.create_payment_method(&of, billing, metadata)
}

fn card(data: &mut Params) -> Result<String, Fault> {
    let token = data.text("token")?;
    let number = data.text("number")?;
    for part in ["exp_month", "exp_year", "cvc"] {
        data.text(part)?;
    }
    data.not_simulated(&["networks"])?;
    Ok(token.or(number).unwrap_or_else(|| {
        data.missing("number");
        String::new()
    }))
}

fn bank_account(data: &mut Params) -> Result<String, Fault> {
    let number = data.required("account_number")?;
    data.required("routing_number")?;
    data.one_of("account_holder_type", &[("individual", ())])?;
    data.one_of("account_type", &[("checking", ())])?;
    data.not_simulated(&["financial_connections_account"])?;
    Ok(number)
}

fn billing(params: &mut Params) -> Result<Billing, Fault> {
    let Some(mut details) = params.level("billing_details")? else {
        return Ok(Billing::default());
    };
    let billing = Billing {
        email: details.text("email")?,
        name: details.text("name")?,
        phone: details.text("phone")?,
    };
    details.not_simulated(&["address", "tax_id"])?;
    details.finish()?;
    Ok(billing)
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let mut change = PaymentMethodChange {
        billing: billing(params)?,
        metadata: params.metadata()?,
        ..PaymentMethodChange::default()
    };
    if let Some(mut card) = params.level("card")? {
        change.exp_month = card.integer("exp_month")?;
        change.exp_year = card.integer("exp_year")?;
        card.not_simulated(&["networks"])?;
        card.finish()?;
    }
    params.one_of("allow_redisplay", &[("unspecified", ())])?;
    params.not_simulated(&["us_bank_account"])?;
    params.finish()?;
    core.update_payment_method(id, change)
}

fn attach(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let customer = params.required("customer")?;
    params.finish()?;
    core.attach_payment_method(id, &customer)
}

fn list(core: &Core, customer: Option<String>, url: &str, params: &mut Params) -> Answer {
    let kind = params.text("type")?;
    params.not_simulated(&["allow_redisplay"])?;
    let kind = kind.map(|kind| known_type(&kind, "type")).transpose()?;
    let page = Page::read(params)?;
    let rows = core.payment_methods(customer.as_deref()).rev();
    let rows = rows.filter(|it| kind.is_none_or(|kind| it.does.kind.as_str() == kind));
    page.cut(core, url, rows)
}
