//! `/v1/products`, and the features of one.

use serde_json::{Map, Value, json};

use super::list::Page;
use super::params::Params;
use super::prices::recurring;
use super::{Answer, Routed};
use crate::core::{Core, Fault, NewPrice, NewProduct, ProductChange};

pub fn call(core: &mut Core, method: &str, rest: &[&str], params: &mut Params) -> Routed {
    Some(match (method, rest) {
        ("POST", []) => create(core, params),
        ("GET", []) => list(core, params),
        ("GET", [id]) => params.finish().and_then(|()| core.get_expanded(id, &[])),
        ("POST", [id]) => update(core, id, params),
        ("DELETE", [id]) => params.finish().and_then(|()| core.delete_product(id)),
        ("GET", [id, "features"]) => list_features(core, id, params),
        ("POST", [id, "features"]) => attach_feature(core, id, params),
        ("GET", [id, "features", feature]) => {
            params.finish().and_then(|()| core.product_feature(id, feature))
        }
        ("DELETE", [id, "features", feature]) => {
            params.finish().and_then(|()| core.detach_feature(id, feature))
        }
        _ => return None,
    })
}

const NOT_SIMULATED: &[&str] = &["tax_details", "type"];

fn create(core: &mut Core, params: &mut Params) -> Answer {
    let new = NewProduct {
        id: params.text("id")?.filter(|id| !id.is_empty()),
        name: params.required("name")?,
        description: params.text("description")?.filter(|it| !it.is_empty()),
        inactive: params.boolean("active")? == Some(false),
        default_price: default_price(params)?,
        metadata: params.metadata()?.set,
        shown: shown(params)?,
    };
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.create_product_with(new)
}

fn default_price(params: &mut Params) -> Result<Option<NewPrice>, Fault> {
    let Some(mut data) = params.level("default_price_data")? else {
        return Ok(None);
    };
    let unit_amount: Option<i64> = data.integer("unit_amount")?;
    if unit_amount.is_none() {
        data.missing("unit_amount");
    }
    let price = NewPrice {
        currency: data.required_currency("currency")?,
        unit_amount: unit_amount.unwrap_or(0),
        recurring: recurring(&mut data)?,
        metadata: data.metadata()?.set,
        ..NewPrice::default()
    };
    data.not_simulated(&[
        "currency_options",
        "custom_unit_amount",
        "tax_behavior",
        "unit_amount_decimal",
    ])?;
    data.finish()?;
    Ok(Some(price))
}

fn update(core: &mut Core, id: &str, params: &mut Params) -> Answer {
    let change = ProductChange {
        name: params.text("name")?,
        description: params.text("description")?,
        active: params.boolean("active")?,
        default_price: params.text("default_price")?,
        metadata: params.metadata()?,
        shown: shown(params)?,
    };
    params.not_simulated(NOT_SIMULATED)?;
    params.finish()?;
    core.update_product(id, change)
}

/// What is only kept and shown.
fn shown(params: &mut Params) -> Result<Map<String, Value>, Fault> {
    let mut shown = Map::new();
    for name in ["statement_descriptor", "tax_code", "unit_label", "url"] {
        if let Some(text) = params.text(name)? {
            shown.insert(name.into(), json!(Some(text).filter(|it| !it.is_empty())));
        }
    }
    if let Some(shippable) = params.boolean("shippable")? {
        shown.insert("shippable".into(), json!(shippable));
    }
    if params.has("images") {
        let images = if params.clears("images") {
            Vec::new()
        } else {
            params.texts("images")?
        };
        shown.insert("images".into(), json!(images));
    }
    if params.has("marketing_features") {
        let mut features = Vec::new();
        if !params.clears("marketing_features") {
            for mut feature in params.levels("marketing_features")? {
                features.push(json!({ "name": feature.required("name")? }));
                feature.finish()?;
            }
        }
        if features.len() > 15 {
            let message = "A product can have up to 15 marketing features.";
            return Err(Fault::invalid(message).param("marketing_features").early());
        }
        shown.insert("marketing_features".into(), json!(features));
    }
    if let Some(mut size) = params.level("package_dimensions")? {
        let mut shown_size = json!({});
        for side in ["height", "length", "weight", "width"] {
            let number: Option<f64> = size.integer(side)?;
            if number.is_none() {
                size.missing(side);
            }
            shown_size[side] = json!(number);
        }
        size.finish()?;
        shown.insert("package_dimensions".into(), shown_size);
    }
    Ok(shown)
}

fn list(core: &Core, params: &mut Params) -> Answer {
    let ids = params.texts("ids")?;
    let active = params.boolean("active")?;
    params.not_simulated(&["shippable", "url"])?;
    let page = Page::read(params)?;
    let rows = core
        .products()
        .rev()
        .filter(|it| ids.is_empty() || ids.contains(&it.id));
    let rows = rows.filter(|it| active.is_none_or(|active| it.active == active));
    page.cut(core, "/v1/products", rows)
}

fn attach_feature(core: &mut Core, product: &str, params: &mut Params) -> Answer {
    let feature = params.required("entitlement_feature")?;
    params.finish()?;
    core.attach_feature(product, &feature)
}

fn list_features(core: &Core, product: &str, params: &mut Params) -> Answer {
    let page = Page::read(params)?;
    core.product(product)?;
    let features = core.features_of(product);
    page.cut(core, &format!("/v1/products/{product}/features"), features.iter())
}
