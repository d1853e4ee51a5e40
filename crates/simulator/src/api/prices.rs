//! `/v1/products` and `/v1/prices`.

use super::list::Page;
use super::params::Params;
use super::{Answer, Routed};
use crate::core::{Core, Interval, NewPrice, PriceChange, ProductChange};

pub fn products(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create_product(core, params),
        ("GET", []) => list_products(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update_product(core, id, params),
        ("GET", [id, "features"]) => list_features(core, id, params),
        ("POST", [id, "features"]) => attach_feature(core, id, params),
        _ => return None,
    })
}

pub fn prices(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create_price(core, params),
        ("GET", []) => list_prices(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update_price(core, id, params),
        _ => return None,
    })
}

fn create_product(core: &mut Core, params: &mut Params) -> Answer {
    let name = params.required("name")?;
    let description = params.text("description")?;
    let metadata = params.metadata()?.set;
    params.not_simulated(&[
        "active",
        "default_price_data",
        "id",
        "images",
        "marketing_features",
        "package_dimensions",
        "shippable",
        "statement_descriptor",
        "tax_code",
        "unit_label",
        "url",
    ])?;
    params.finish()?;
    core.create_product_with(&name, description, metadata)
}

fn update_product(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let change = ProductChange {
        name: params.text("name")?,
        description: params.text("description")?,
        active: params.boolean("active")?,
        metadata: params.metadata()?,
    };
    params.not_simulated(&[
        "default_price",
        "images",
        "marketing_features",
        "package_dimensions",
        "shippable",
        "statement_descriptor",
        "tax_code",
        "unit_label",
        "url",
    ])?;
    params.finish()?;
    core.update_product(id, change)
}

fn list_products(core: &Core, params: &mut Params) -> Answer {
    let ids = params.texts("ids")?;
    let active = params.boolean("active")?;
    params.not_simulated(&["shippable", "url"])?;
    let page = Page::read(params)?;
    let rows = core
        .products()
        .rev()
        .filter(|it| ids.is_empty() || ids.contains(&it.id));
    page.cut(
        core,
        "/v1/products",
        rows.filter(|it| active.is_none_or(|active| it.active == active)),
    )
}

pub fn create_feature(core: &mut Core, params: &mut Params) -> Answer {
    let (lookup_key, name) = (params.required("lookup_key")?, params.required("name")?);
    params.not_simulated(&["metadata"])?;
    params.finish()?;
    core.create_feature(&lookup_key, &name)
}

fn attach_feature(core: &mut Core, product: &str, params: &mut Params) -> Answer {
    let feature = params.required("entitlement_feature")?;
    params.finish()?;
    core.attach_feature(product, &feature)
}

fn list_features(core: &Core, product: &str, params: &mut Params) -> Answer {
    let page = Page::read(params)?;
    core.get_expanded(product, &[])?;
    let features = core.features_of(product);
    page.cut(core, &format!("/v1/products/{product}/features"), features.iter())
}

fn create_price(core: &mut Core, params: &mut Params) -> Answer {
    let currency = params.required("currency")?;
    let unit_amount: Option<i64> = params.integer("unit_amount")?;
    if unit_amount.is_none() {
        params.missing("unit_amount");
    }
    let recurring = match params.level("recurring")? {
        None => None,
        Some(mut recurring) => {
            let words = Interval::ALL.map(|interval| (interval.as_str(), interval));
            let interval = recurring.one_of("interval", &words)?;
            let count = recurring.integer("interval_count")?.unwrap_or(1);
            recurring.one_of("usage_type", &[("licensed", ())])?;
            recurring.not_simulated(&["meter", "trial_period_days"])?;
            if interval.is_none() {
                recurring.missing("interval");
            }
            recurring.finish()?;
            interval.map(|interval| (interval, count))
        }
    };
    let new_product = match params.level("product_data")? {
        None => None,
        Some(mut data) => {
            let name = data.required("name")?;
            let metadata = data.metadata()?.set;
            data.not_simulated(&["active", "statement_descriptor", "tax_code", "unit_label"])?;
            data.finish()?;
            Some((name, metadata))
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
    params.one_of("billing_scheme", &[("per_unit", ())])?;
    params.not_simulated(&[
        "active",
        "currency_options",
        "custom_unit_amount",
        "tax_behavior",
        "tiers",
        "tiers_mode",
        "transform_quantity",
        "unit_amount_decimal",
    ])?;
    params.finish()?;
    let product = match new_product {
        None => product,
        Some((name, metadata)) => {
            let product = core.create_product_with(&name, None, metadata)?;
            product["id"].as_str().unwrap_or_default().to_owned()
        }
    };
    core.create_price(NewPrice {
        product,
        currency,
        unit_amount: unit_amount.unwrap_or(0),
        recurring,
        lookup_key,
        transfer_lookup_key,
        nickname,
        metadata,
    })
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
    let currency = params.text("currency")?;
    let recurring = params.one_of("type", &[("recurring", true), ("one_time", false)])?;
    params.not_simulated(&["recurring"])?;
    let page = Page::read(params)?;
    let rows = core.prices().rev().filter(|price| {
        (keys.is_empty() || price.lookup_key.as_ref().is_some_and(|key| keys.contains(key)))
            && active.is_none_or(|active| price.active == active)
            && product.as_ref().is_none_or(|product| price.product == *product)
            && currency
                .as_ref()
                .is_none_or(|currency| price.currency == *currency)
            && recurring.is_none_or(|recurring| price.recurring.is_some() == recurring)
    });
    page.cut(core, "/v1/prices", rows)
}
