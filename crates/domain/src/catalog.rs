//! Which price gives which feature.

mod parse;
mod policy;
mod shape;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use parse::{CatalogError, parse};
pub use policy::{DeletedCustomer, Disputes, Policies, Refund, Refunds};

use crate::id::{FeatureId, PlanId};
use crate::object::PriceRef;
use crate::schedule::{Answer, Reason};
use crate::time::Span;

/// A checked catalog. Every grant and default names a known feature and has its type's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    pub features: BTreeMap<FeatureId, FeatureType>,
    pub defaults: BTreeMap<FeatureId, Value>,
    pub plans: BTreeMap<PlanId, Plan>,
}

/// How a feature's values look and how several are merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureType {
    /// On or off; any grant switches it on.
    Boolean,
    /// A number; unlimited wins.
    Limit { combine: Combine },
    /// One of a list in rising order; the highest wins.
    Enum { order: Vec<String> },
    /// Text; the first plan by name wins.
    String,
}

/// How amounts of several sources become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    Sum,
    Max,
}

/// What a feature is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    Enabled(bool),
    /// `None`: unlimited.
    Limit(Option<u64>),
    Option(String),
    Text(String),
}

/// What a plan gives of one feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    Value(Value),
    /// This much for each unit of the item's quantity.
    PerUnit(u64),
}

/// What is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub matches: Match,
    pub grants: BTreeMap<FeatureId, Grant>,
    /// How long a failed renewal keeps access.
    pub grace: Span,
    /// How long a one-time purchase lasts; `None`: for ever.
    pub duration: Option<Span>,
    pub policies: Policies,
}

/// By which of Stripe's names a price is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    pub product: Vec<String>,
    pub price: Vec<String>,
    pub lookup_key: Vec<String>,
}

/// The grace of a plan that names none.
pub const DEFAULT_GRACE: Span = Span::days(14);

impl Catalog {
    /// What a customer whom nothing touches has of a feature; `None` when the catalog has no such feature.
    pub fn default_answer(&self, feature: &FeatureId) -> Option<Answer> {
        let kind = self.features.get(feature)?;
        let (reason, value) = match self.defaults.get(feature) {
            Some(value) if value.grants() => (Reason::Default, value.clone()),
            Some(value) => (Reason::NoPlan, value.clone()),
            None => (Reason::NoPlan, kind.nothing()),
        };
        Some(Answer {
            reason,
            value,
            plans: vec![],
        })
    }

    /// The plan that a price belongs to. A price id is more exact than a lookup key, and that than a product.
    pub fn plan_of(&self, price: &PriceRef) -> Option<&PlanId> {
        let find = |hit: &dyn Fn(&Match) -> bool| {
            self.plans
                .iter()
                .find(|(_, plan)| hit(&plan.matches))
                .map(|(id, _)| id)
        };
        find(&|m| m.price.contains(&price.id))
            .or_else(|| {
                find(&|m| {
                    price
                        .lookup_key
                        .as_ref()
                        .is_some_and(|key| m.lookup_key.contains(key))
                })
            })
            .or_else(|| find(&|m| m.product.contains(&price.product)))
    }
}

impl FeatureType {
    /// The value that goes with a denial.
    pub fn nothing(&self) -> Value {
        match self {
            FeatureType::Boolean => Value::Enabled(false),
            FeatureType::Limit { .. } => Value::Limit(Some(0)),
            // No option and no text is no value: the empty word is in no `order`.
            FeatureType::Enum { .. } => Value::Option(String::new()),
            FeatureType::String => Value::Text(String::new()),
        }
    }

    /// Whether a value is of this type, as one that grants.
    pub fn takes(&self, value: &Value) -> bool {
        let of_type = match (self, value) {
            (FeatureType::Enum { order }, Value::Option(word)) => order.contains(word),
            (FeatureType::Boolean, Value::Enabled(_))
            | (FeatureType::Limit { .. }, Value::Limit(_))
            | (FeatureType::String, Value::Text(_)) => true,
            _ => false,
        };
        of_type && value.grants()
    }

    /// Two sources' values as one. Values of another type than the feature's are ignored.
    pub fn combine(&self, a: Value, b: Value) -> Value {
        match (self, &a, &b) {
            (FeatureType::Boolean, Value::Enabled(x), Value::Enabled(y)) => Value::Enabled(*x || *y),
            (FeatureType::Limit { combine }, Value::Limit(x), Value::Limit(y)) => {
                Value::Limit(x.zip(*y).map(|(x, y)| match combine {
                    Combine::Sum => x.saturating_add(y),
                    Combine::Max => x.max(y),
                }))
            }
            (FeatureType::Enum { order }, Value::Option(x), Value::Option(y)) => {
                let rank = |word: &String| order.iter().position(|known| known == word);
                if rank(y) > rank(x) { b } else { a }
            }
            _ => a,
        }
    }
}

impl FeatureType {
    /// The one of two values that is worth more.
    pub fn higher(&self, a: Value, b: Value) -> Value {
        match (self, &a, &b) {
            (FeatureType::Limit { .. }, ..) => FeatureType::Limit {
                combine: Combine::Max,
            }
            .combine(a, b),
            _ => self.combine(a, b),
        }
    }
}

impl Value {
    /// Whether having this value means having the feature at all.
    pub fn grants(&self) -> bool {
        match self {
            Value::Enabled(on) => *on,
            Value::Limit(amount) => *amount != Some(0),
            Value::Option(word) | Value::Text(word) => !word.is_empty(),
        }
    }
}

impl Grant {
    /// What so many units give.
    pub fn value(&self, quantity: u64) -> Value {
        match self {
            Grant::Value(value) => value.clone(),
            Grant::PerUnit(each) => Value::Limit(Some(each.saturating_mul(quantity))),
        }
    }
}

#[cfg(test)]
mod tests;
