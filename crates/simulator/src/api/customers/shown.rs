//! What is only kept of a customer, and shown.

use serde_json::{Map, Value, json};

use super::super::params::Params;
use crate::core::Fault;

pub fn read(params: &mut Params) -> Result<Map<String, Value>, Fault> {
    let mut shown = Map::new();
    for name in ["business_name", "individual_name"] {
        if let Some(text) = params.text(name)? {
            shown.insert(name.into(), json!(Some(text).filter(|it| !it.is_empty())));
        }
    }
    if params.clears("tax_exempt") {
        shown.insert("tax_exempt".into(), json!("none"));
    }
    let words = ["exempt", "none", "reverse"].map(|word| (word, word));
    if let Some(word) = params.one_of("tax_exempt", &words)? {
        shown.insert("tax_exempt".into(), json!(word));
    }
    if params.clears("preferred_locales") {
        shown.insert("preferred_locales".into(), json!([]));
    }
    if params.has("preferred_locales") {
        shown.insert(
            "preferred_locales".into(),
            json!(params.texts("preferred_locales")?),
        );
    }
    for name in ["address", "shipping"] {
        if params.clears(name) {
            shown.insert(name.into(), Value::Null);
        }
    }
    if let Some(fields) = params.level("address")? {
        shown.insert("address".into(), address(fields)?);
    }
    if let Some(mut shipping) = params.level("shipping")? {
        let to = match shipping.level("address")? {
            Some(fields) => address(fields)?,
            None => {
                shipping.missing("address");
                Value::Null
            }
        };
        let name = shipping.required("name")?;
        let phone = shipping.text("phone")?;
        shipping.finish()?;
        shown.insert(
            "shipping".into(),
            json!({ "address": to, "name": name, "phone": phone }),
        );
    }
    Ok(shown)
}

fn address(mut fields: Params) -> Result<Value, Fault> {
    let mut address = json!({});
    for name in ["city", "country", "line1", "line2", "postal_code", "state"] {
        address[name] = json!(fields.text(name)?.filter(|it| !it.is_empty()));
    }
    fields.finish()?;
    Ok(address)
}
