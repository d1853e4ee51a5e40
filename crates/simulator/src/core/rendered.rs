//! Objects as they are shown, where many are rendered: as [`serde_json::json!`] makes them, at a tenth of the cost.
//!
//! The names of fields are known when this is compiled, so that they need neither memory nor order. What changes an
//! object by its fields' names takes a [`Value`], which this becomes.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Metadata;

#[derive(Clone, Debug)]
pub enum Rendered {
    Text(Cow<'static, str>),
    List(Vec<Rendered>),
    /// As they are written in the source: no name twice.
    Object(Vec<(&'static str, Rendered)>),
    Value(Value),
}

/// What [`serde_json::json!`] takes, as a [`Rendered`]; fields that are not copied are borrowed by a `&`.
macro_rules! rendered {
    (null) => { $crate::core::rendered::Rendered::Value(serde_json::Value::Null) };
    ([]) => { $crate::core::rendered::Rendered::List(Vec::new()) };
    ({ $($fields:tt)* }) => { rendered!(@ [] $($fields)*) };
    (@ [$($done:tt)*]) => { $crate::core::rendered::Rendered::Object(vec![$($done)*]) };
    (@ [$($done:tt)*] $name:literal: $value:tt $(, $($rest:tt)*)?) => {
        rendered!(@ [$($done)* ($name, rendered!($value)),] $($($rest)*)?)
    };
    (@ [$($done:tt)*] $name:literal: $value:expr $(, $($rest:tt)*)?) => {
        rendered!(@ [$($done)* ($name, rendered!($value)),] $($($rest)*)?)
    };
    ($value:expr) => { $crate::core::rendered::Rendered::from($value) };
}
pub(super) use rendered;

impl Rendered {
    /// A text field.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self {
            Rendered::Object(fields) => match fields.iter().find(|(it, _)| *it == name) {
                Some((_, Rendered::Text(text))) => Some(text),
                _ => None,
            },
            Rendered::Value(value) => value[name].as_str(),
            _ => None,
        }
    }

    /// What this had where `after` differs; `None`: nowhere. Nested objects key by key, lists whole, as Stripe does it.
    pub fn difference(&self, after: &Rendered) -> Option<Rendered> {
        match (self, after) {
            (Rendered::Object(old), Rendered::Object(new)) if same_names(old, new) => {
                let changed = old.iter().zip(new);
                let changed =
                    changed.filter_map(|((name, old), (_, new))| Some((*name, old.difference(new)?)));
                let changed: Vec<_> = changed.collect();
                (!changed.is_empty()).then_some(Rendered::Object(changed))
            }
            (Rendered::Text(_), Rendered::Text(_)) | (Rendered::List(_), Rendered::List(_)) => {
                (self != after).then(|| self.clone())
            }
            (Rendered::Value(old), Rendered::Value(new)) => difference(old, new).map(Rendered::Value),
            _ => difference(&self.clone().into(), &after.clone().into()).map(Rendered::Value),
        }
    }

    /// Appends it as JSON.
    pub fn write(&self, json: &mut String) {
        match self {
            Rendered::Text(text) => write_text(text, json),
            Rendered::List(all) => {
                for (at, one) in all.iter().enumerate() {
                    json.push(if at == 0 { '[' } else { ',' });
                    one.write(json);
                }
                json.push_str(if all.is_empty() { "[]" } else { "]" });
            }
            Rendered::Object(fields) => {
                for (at, (name, value)) in fields.iter().enumerate() {
                    json.push(if at == 0 { '{' } else { ',' });
                    // A name in the source needs no escapes.
                    json.push('"');
                    json.push_str(name);
                    json.push_str("\":");
                    value.write(json);
                }
                json.push_str(if fields.is_empty() { "{}" } else { "}" });
            }
            Rendered::Value(Value::Null) => json.push_str("null"),
            Rendered::Value(value) => json.push_str(&value.to_string()),
        }
    }
}

/// As serde_json does, which looks at each letter by itself: most texts need no escapes.
fn write_text(text: &str, json: &mut String) {
    let escapes = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |any, byte| any | escapes(byte)) {
        json.push_str(&Value::from(text).to_string());
    } else {
        json.push('"');
        json.push_str(text);
        json.push('"');
    }
}

impl PartialEq for Rendered {
    fn eq(&self, other: &Rendered) -> bool {
        match (self, other) {
            (Rendered::Text(one), Rendered::Text(other)) => one == other,
            (Rendered::List(one), Rendered::List(other)) => one == other,
            (Rendered::Object(one), Rendered::Object(other)) if same_names(one, other) => one == other,
            (Rendered::Value(one), Rendered::Value(other)) => one == other,
            _ => Value::from(self.clone()) == Value::from(other.clone()),
        }
    }
}

fn same_names(one: &[(&'static str, Rendered)], other: &[(&'static str, Rendered)]) -> bool {
    one.iter()
        .map(|(name, _)| name)
        .eq(other.iter().map(|(name, _)| name))
}

/// As [`Rendered::difference`].
pub fn difference(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut changed = Map::new();
            for (key, value) in old {
                if let Some(inner) = difference(value, new.get(key).unwrap_or(&Value::Null)) {
                    changed.insert(key.clone(), inner);
                }
            }
            for key in new.keys().filter(|key| !old.contains_key(*key)) {
                changed.insert(key.clone(), Value::Null);
            }
            (!changed.is_empty()).then_some(Value::Object(changed))
        }
        _ => (before != after).then(|| before.clone()),
    }
}

impl From<Rendered> for Value {
    fn from(rendered: Rendered) -> Value {
        match rendered {
            Rendered::Text(text) => Value::String(text.into_owned()),
            Rendered::List(all) => all.into_iter().map(Value::from).collect(),
            Rendered::Object(fields) => fields.into_iter().collect(),
            Rendered::Value(value) => value,
        }
    }
}

impl From<&'static str> for Rendered {
    fn from(text: &'static str) -> Rendered {
        Rendered::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Rendered {
    fn from(text: String) -> Rendered {
        Rendered::Text(Cow::Owned(text))
    }
}

impl From<&String> for Rendered {
    fn from(text: &String) -> Rendered {
        Rendered::from(text.clone())
    }
}

impl From<&Metadata> for Rendered {
    fn from(metadata: &Metadata) -> Rendered {
        let fields = metadata.iter().map(|(key, value)| (key.clone(), value.clone()));
        Rendered::Value(fields.collect())
    }
}

impl<T: Into<Rendered>> From<Option<T>> for Rendered {
    fn from(some: Option<T>) -> Rendered {
        some.map_or(Rendered::Value(Value::Null), T::into)
    }
}

impl From<&Option<String>> for Rendered {
    fn from(some: &Option<String>) -> Rendered {
        some.as_ref().into()
    }
}

impl<T: Into<Rendered>> From<Vec<T>> for Rendered {
    fn from(all: Vec<T>) -> Rendered {
        Rendered::List(all.into_iter().map(T::into).collect())
    }
}

impl<T: Clone + Into<Rendered>> From<&Vec<T>> for Rendered {
    fn from(all: &Vec<T>) -> Rendered {
        all.clone().into()
    }
}

/// What JSON has a leaf for.
macro_rules! leaves {
    ($($leaf:ty),*) => { $(
        impl From<$leaf> for Rendered {
            fn from(leaf: $leaf) -> Rendered {
                Rendered::Value(leaf.into())
            }
        }
    )* };
}
leaves!(bool, i32, i64, u32, u64, usize, Value);
