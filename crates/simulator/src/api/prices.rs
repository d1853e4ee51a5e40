//! `/v1/prices`.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, Fault, Interval, NewPrice, NewProduct, PriceChange};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create_price(core, params),
        ("GET", []) => list_prices(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update_price(core, id, params),
        _ => return None,
    })
}

fn create_price(core: &mut Core, params: &mut Params) -> Answer {
    let currency = params.required_currency("currency")?;
    let unit_amount: Option<i64> = params.integer("unit_amount")?;
    if unit_amount.is_none() {
        params.missing("unit_amount");
    }
    let recurring = recurring(params)?;
    let new_product = match params.level("product_data")? {
        None => None,
        Some(mut data) => {
            let product = NewProduct {
                id: data.text("id")?.filter(|id| !id.is_empty()),
                name: data.required("name")?,
                inactive: data.boolean("active")? == Some(false),
                metadata: data.metadata()?.set,
                ..NewProduct::default()
            };
            data.not_simulated(&["statement_descriptor", "tax_code", "tax_details", "unit_label"])?;
            data.finish()?;
            Some(product)
        }
    };
    let product = if new_product.is_some() {
        String::new()
    } else {
        params.required("product")?
    };
    let lookup_key = params.text("lookup_key")?;
    let transfer_lookup_key = params.boolean("transfer_lookup_key")?.unwrap_or(false);
    let nickname = params.text("nickname")?;
    let metadata = params.metadata()?.set;
    let inactive = params.boolean("active")? == Some(false);
    params.one_of("billing_scheme", &[("per_unit", ())])?;
    params.not_simulated(&[
        "currency_options",
        "custom_unit_amount",
        "tax_behavior",
        "tiers",
        "tiers_mode",
        "transform_quantity",
        "unit_amount_decimal",
    ])?;
    params.finish()?;
    let new = NewPrice {
        product,
        currency,
        unit_amount: unit_amount.unwrap_or(0),
        recurring,
        lookup_key,
        transfer_lookup_key,
        nickname,
        inactive,
        inline: false,
        metadata,
    };
    let Some(product) = new_product else {
        return core.create_price(new);
    };
    // A product without its price would be left behind.
    core.check_new_price(&new)?;
    let product = core.create_product_with(product)?;
    let product = product["id"].as_str().unwrap_or_default().to_owned();
    core.create_price(NewPrice { product, ..new })
}

/// How often it is paid; `None`: once.
pub(super) fn recurring(params: &mut Params) -> Result<Option<(Interval, u32)>, Fault> {
    let Some(mut recurring) = params.level("recurring")? else {
        return Ok(None);
    };
    let words = Interval::ALL.map(|interval| (interval.as_str(), interval));
    let interval = recurring.one_of("interval", &words)?;
    let count = recurring.integer("interval_count")?.unwrap_or(1);
    recurring.one_of("usage_type", &[("licensed", ())])?;
    recurring.not_simulated(&["meter", "trial_period_days"])?;
    if interval.is_none() {
        recurring.missing("interval");
    }
    recurring.finish()?;
    Ok(interval.map(|interval| (interval, count)))
}

fn update_price(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let change = PriceChange {
        active: params.boolean("active")?,
        lookup_key: params.text("lookup_key")?,
        transfer_lookup_key: params.boolean("transfer_lookup_key")?.unwrap_or(false),
        nickname: params.text("nickname")?,
        metadata: params.metadata()?,
    };
    params.not_simulated(&["currency_options", "tax_behavior"])?;
    params.finish()?;
    core.update_price(id, change)
}

fn list_prices(core: &Core, params: &mut Params) -> Answer {
    let keys = params.texts("lookup_keys")?;
    let active = params.boolean("active")?;
    let product = params.text("product")?;
    let currency = params.currency("currency")?;
    let recurring = params.one_of("type", &[("recurring", true), ("one_time", false)])?;
    params.not_simulated(&["recurring"])?;
    let page = Page::read(params)?;
    let rows = core.prices().rev().filter(|price| {
        // docs.stripe.com/api/prices/list: without inline prices, unless inactive ones are asked for.
        (!price.inline || active == Some(false))
            && (keys.is_empty() || price.lookup_key.as_ref().is_some_and(|key| keys.contains(key)))
            && active.is_none_or(|active| price.active == active)
            && product.as_ref().is_none_or(|product| price.product == *product)
            && currency
                .as_ref()
                .is_none_or(|currency| price.currency == *currency)
            && recurring.is_none_or(|recurring| price.recurring.is_some() == recurring)
    });
    page.cut(core, "/v1/prices", rows)
}
