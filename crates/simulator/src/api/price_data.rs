//! `price` or `price_data`: a price by its id, or one that is made for what is asked for.
//!
//! docs.stripe.com/products-prices/pricing-models, "Inline pricing".

use super::params::Params;
use super::prices::recurring;
use crate::core::{Core, Fault, NewPrice, NewProduct};

/// What a `price_data` may say where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Inline {
    /// Of a session: once or recurring, its product may be made with it.
    Any,
    /// Of an item of a subscription.
    Recurring,
    /// Of an invoice item.
    OneTime,
}

/// `None`: neither is there. A request that is refused later on is undone with the price that it made.
///
/// # Errors
/// Both are there; there can be no such price.
pub fn price(core: &mut Core, params: &mut Params, inline: Inline) -> Result<Option<String>, Fault> {
    if !params.has("price_data") {
        return params.text("price");
    }
    if params.has("price") {
        let message = "You may only specify one of these parameters: price, price_data.";
        return Err(Fault::invalid(message).param(params.name("price_data")).early());
    }
    made(core, params, inline)
}

/// The same where one of them has to be there.
///
/// # Errors
/// As [`price`].
pub fn required(core: &mut Core, params: &mut Params, inline: Inline) -> Result<String, Fault> {
    match price(core, params, inline)? {
        Some(id) if !id.is_empty() => Ok(id),
        _ => {
            params.missing("price");
            Ok(String::new())
        }
    }
}

/// The price of a `price_data`.
///
/// # Errors
/// There can be no such price.
pub fn made(core: &mut Core, params: &mut Params, inline: Inline) -> Result<Option<String>, Fault> {
    let Some(mut data) = params.level("price_data")? else {
        return Ok(None);
    };
    let new_product = match inline {
        Inline::Any => product(&mut data)?,
        Inline::Recurring | Inline::OneTime => None,
    };
    let unit_amount: Option<i64> = data.integer("unit_amount")?;
    let recurring = match inline {
        Inline::OneTime => None,
        Inline::Any | Inline::Recurring => recurring(&mut data)?,
    };
    if inline == Inline::Recurring && recurring.is_none() {
        data.missing("recurring");
    }
    data.not_simulated(&["tax_behavior", "unit_amount_decimal"])?;
    if unit_amount.is_none() {
        data.missing("unit_amount");
    }
    let mut new = NewPrice {
        currency: data.required_currency("currency")?,
        unit_amount: unit_amount.unwrap_or(0),
        recurring,
        inline: true,
        ..NewPrice::default()
    };
    if new_product.is_none() {
        new.product = data.required("product")?;
    } else if data.has("product") {
        let message = "You may only specify one of these parameters: product, product_data.";
        return Err(Fault::invalid(message).param(data.name("product")).early());
    }
    data.finish()?;
    let named = |fault: Fault| match fault.param.as_deref() {
        Some(param) => fault.clone().param(inside(&data, param)),
        None => fault,
    };
    if let Some(product) = new_product {
        let product = core.create_product_with(product).map_err(named)?;
        product["id"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut new.product);
    }
    let made = core.create_price(new).map_err(named)?;
    Ok(made["id"].as_str().map(str::to_owned))
}

/// `recurring[interval_count]` of `price_data` is `price_data[recurring][interval_count]`.
fn inside(data: &Params, param: &str) -> String {
    match param.split_once('[') {
        Some((first, rest)) => format!("{}[{rest}", data.name(first)),
        None => data.name(param),
    }
}

fn product(data: &mut Params) -> Result<Option<NewProduct>, Fault> {
    let Some(mut product) = data.level("product_data")? else {
        return Ok(None);
    };
    let mut new = NewProduct {
        name: product.required("name")?,
        description: product.text("description")?.filter(|it| !it.is_empty()),
        metadata: product.metadata()?.set,
        ..NewProduct::default()
    };
    let images = product.texts("images")?;
    if !images.is_empty() {
        new.shown.insert("images".into(), images.into());
    }
    product.not_simulated(&["tax_code", "tax_details", "unit_label"])?;
    product.finish()?;
    Ok(Some(new))
}
