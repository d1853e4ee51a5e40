//! What changed with clover (docs.stripe.com/changelog/clover).

use serde_json::{Map, Value, json};

use crate::core::Core;

/// A discount's coupon moved from `coupon`, where it was in full, to `source.coupon`, an id
/// (docs.stripe.com/changelog/clover/2025-09-30/discount-source).
pub fn discount_source(core: &Core, kind: &str, discount: &mut Map<String, Value>) {
    if kind == "discount"
        && let Some(source) = discount.remove("source")
    {
        discount.insert("coupon".into(), coupon(core, &source["coupon"]));
    }
}

/// A promotion code's coupon moved from `coupon`, where it was in full, to `promotion.coupon`, an id.
pub fn promotion_coupon(core: &Core, kind: &str, code: &mut Map<String, Value>) {
    if kind == "promotion_code"
        && let Some(promotion) = code.remove("promotion")
    {
        code.insert("coupon".into(), coupon(core, &promotion["coupon"]));
    }
}

/// In full, unless it is so already.
fn coupon(core: &Core, reference: &Value) -> Value {
    let found = reference.as_str().map(|id| core.get(id).unwrap_or(json!(id)));
    found.unwrap_or_else(|| reference.clone())
}
