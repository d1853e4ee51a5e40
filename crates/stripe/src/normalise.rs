//! Stripe's JSON → the domain's objects: one shape for the shapes that Stripe's API versions have.
//!
//! Fields that have moved are known here and nowhere else. What is missing degrades to something that is settled by a
//! fetch; words that this version does not know are kept. One module per family of objects.

mod invoice;
mod payment;
mod session;
mod subscription;

use serde_json::Value;
use tollgate_domain::object::{Kind, Object, PriceRef, Stamp, StripeCustomer};

use crate::envelope::{Unreadable, is_thin, parse};
use crate::json::{id, is_true, text};

/// The object that a snapshot event carries. `None`: the event is thin, or access does not depend on the object.
pub fn event_object(body: &[u8]) -> Result<Option<Object>, Unreadable> {
    let mut event = parse(body)?;
    let event_type = text(&event["type"]).unwrap_or_default();
    // A preview is not an invoice: nothing can be fetched by its id, if it has one.
    if is_thin(&event) || event_type == "invoice.upcoming" {
        return Ok(None);
    }
    let object = &mut event["data"]["object"];
    // Most API versions send the last state and leave it to the event's type that the object is no more.
    if matches!(event_type.as_str(), "customer.deleted" | "invoice.deleted") {
        object["deleted"] = Value::Bool(true);
    }
    read(object)
}

/// A bare object, as fetched. `None`: access does not depend on objects of this kind.
pub fn object(body: &[u8]) -> Result<Option<Object>, Unreadable> {
    read(&parse(body)?)
}

fn read(json: &Value) -> Result<Option<Object>, Unreadable> {
    let Some(kind) = json["object"].as_str().and_then(Kind::parse) else {
        return Ok(None);
    };
    let own_id = text(&json["id"]).ok_or_else(|| Unreadable(format!("a {} without an id", kind.as_str())))?;
    Ok(Some(match kind {
        Kind::Customer => Object::Customer(StripeCustomer {
            id: own_id,
            deleted: is_true(&json["deleted"]),
            stamp: stamp(json),
            test_clock: id(&json["test_clock"]),
            has_payment_method: has_payment_method(json),
        }),
        Kind::Subscription => Object::Subscription(subscription::read(own_id, json)?),
        Kind::Invoice => Object::Invoice(invoice::read(own_id, json)),
        Kind::CheckoutSession => Object::CheckoutSession(session::read(own_id, json)),
        Kind::Charge => Object::Charge(payment::charge(own_id, json)),
        Kind::Refund => Object::Refund(payment::refund(own_id, json)),
        Kind::Dispute => Object::Dispute(payment::dispute(own_id, json)),
    }))
}

/// What pays where a subscription has no default of its own (docs.stripe.com/api/customers/object). `None`: not said.
fn has_payment_method(customer: &Value) -> Option<bool> {
    let settings = &customer["invoice_settings"];
    let method = id(&settings["default_payment_method"]).or_else(|| id(&customer["default_source"]));
    let said = settings.is_object() || customer.get("default_source").is_some();
    said.then(|| method.is_some())
}

fn stamp(json: &Value) -> Stamp {
    let metadata = &json["metadata"];
    Stamp {
        customer: text(&metadata["tollgate_customer"]),
        deployment: text(&metadata["tollgate_deployment"]),
    }
}

/// The price of an item or line: `price` since 2020, `plan` before. Only an id if it is not expanded.
fn price(json: &Value) -> Option<PriceRef> {
    [&json["price"], &json["plan"]].into_iter().find_map(|price| {
        Some(PriceRef {
            id: id(price)?,
            product: id(&price["product"]).unwrap_or_default(),
            lookup_key: text(&price["lookup_key"]),
        })
    })
}

/// In no catalog.
fn no_price() -> PriceRef {
    PriceRef {
        id: String::new(),
        product: String::new(),
        lookup_key: None,
    }
}

#[cfg(test)]
mod tests;
