//! Reading Stripe's JSON leniently: what is missing, null or of another type is absent, never an error.
//!
//! `value["a"]["b"]` is null where any step is missing, so a path needs no checks.

use serde_json::Value;
use tollgate_domain::time::Timestamp;

use crate::instant::parse_rfc3339;

/// Non-empty text. Text with a NUL counts as absent: Postgres cannot store it, and Stripe never sends it.
pub(crate) fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty() && !text.contains('\0'))
        .map(str::to_owned)
}

/// One of Stripe's words, empty where there is none.
pub(crate) fn word<T: From<String>>(value: &Value) -> T {
    T::from(text(value).unwrap_or_default())
}

/// A reference: the id, or the expanded object.
pub(crate) fn id(value: &Value) -> Option<String> {
    text(value).or_else(|| text(&value["id"]))
}

/// Unix seconds, or text as in v2 events.
pub(crate) fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => parse_rfc3339(text),
        _ => value.as_i64().map(Timestamp::from_unix),
    }
}

/// 1 where there is none (metered prices).
pub(crate) fn quantity(value: &Value) -> u64 {
    value.as_u64().unwrap_or(1)
}

pub(crate) fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or(false)
}

/// A list's elements, and whether Stripe has more than it showed. `None`: not a list.
pub(crate) fn list(value: &Value) -> Option<(&[Value], bool)> {
    match value {
        Value::Array(elements) => Some((elements, false)),
        _ => Some((value["data"].as_array()?, is_true(&value["has_more"]))),
    }
}
