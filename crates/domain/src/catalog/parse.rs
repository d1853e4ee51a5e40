//! From YAML to a checked [`Catalog`], with line and suggestion for what is wrong.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::policy::{DeletedCustomer, Disputes, Policies, Refunds};
use super::{Catalog, Combine, DEFAULT_GRACE, FeatureType, Grant, Match, Plan, Value, shape};
use crate::id::{FeatureId, PlanId};
use crate::time::Span;

/// One fault of a catalog file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct CatalogError {
    /// Counted from 1.
    pub line: u64,
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalog {
    features: BTreeMap<String, Spanned<RawFeature>>,
    #[serde(default)]
    defaults: BTreeMap<String, Spanned<RawValue>>,
    #[serde(default)]
    plans: BTreeMap<String, Spanned<RawPlan>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFeature {
    r#type: String,
    combine: Option<Combine>,
    order: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    r#match: RawMatch,
    grants: BTreeMap<String, Spanned<RawValue>>,
    grace: Option<Spanned<String>>,
    duration: Option<Spanned<String>>,
    while_processing: Option<Processing>,
    #[serde(default)]
    refunds: Refunds,
    #[serde(default)]
    disputes: Disputes,
    paid_through: Option<bool>,
    #[serde(default)]
    deleted_customer: DeletedCustomer,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Processing {
    Grant,
    Deny,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMatch {
    #[serde(default)]
    product: OneOrMany,
    #[serde(default)]
    price: OneOrMany,
    #[serde(default)]
    lookup_key: OneOrMany,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        OneOrMany::Many(vec![])
    }
}

impl From<OneOrMany> for Vec<String> {
    fn from(some: OneOrMany) -> Vec<String> {
        match some {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawValue {
    Bool(bool),
    Amount(u64),
    PerUnit { per_unit: u64 },
    Word(String),
}

/// Reads and checks a catalog; all faults at once, in the order of their lines.
pub fn parse(yaml: &str) -> Result<Catalog, Vec<CatalogError>> {
    let raw: RawCatalog = serde_saphyr::from_str(yaml).map_err(|error| {
        let line = error.location().map_or(1, |at| at.line());
        let mut faults = shape::faults(yaml);
        // The reader knows what the shapes do not, and ends at the first.
        if faults.iter().all(|fault| fault.line != line) {
            let message = error.without_snippet().to_string();
            faults.push(CatalogError { line, message });
        }
        faults.sort_by_key(|fault| fault.line);
        faults
    })?;
    let mut faults = Faults(vec![]);
    let features = features(raw.features, &mut faults);
    let mut defaults = BTreeMap::new();
    for (name, value) in raw.defaults {
        if let Some((id, Grant::Value(value))) = faults.grant(&features, &name, value, false) {
            defaults.insert(id, value);
        }
    }
    let mut plans = BTreeMap::new();
    let mut taken = BTreeMap::new();
    for (name, plan) in raw.plans {
        let at = plan.referenced;
        let plan = plan_of(plan.value, at, &features, &mut faults);
        faults.once(&mut taken, &name, &plan.matches, at);
        match PlanId::parse(&name) {
            Ok(id) => _ = plans.insert(id, plan),
            Err(error) => faults.add(at, error.to_string()),
        }
    }
    faults.0.sort_by_key(|fault| fault.line);
    if faults.0.is_empty() {
        Ok(Catalog {
            features,
            defaults,
            plans,
        })
    } else {
        Err(faults.0)
    }
}

fn features(
    raw: BTreeMap<String, Spanned<RawFeature>>,
    faults: &mut Faults,
) -> BTreeMap<FeatureId, FeatureType> {
    let mut features = BTreeMap::new();
    for (
        name,
        Spanned {
            value: feature,
            referenced: at,
            ..
        },
    ) in raw
    {
        if feature.combine.is_some() && feature.r#type != "limit" {
            faults.add(at, format!("feature `{name}`: only a limit has a `combine`"));
        }
        let kind = match (feature.r#type.as_str(), feature.order) {
            ("boolean", None) => FeatureType::Boolean,
            ("limit", None) => FeatureType::Limit {
                combine: feature.combine.unwrap_or(Combine::Max),
            },
            // The empty word is the value of whoever has none.
            ("enum", Some(order)) if order.iter().any(|word| is_twice(&order, word)) => {
                faults.add(at, format!("feature `{name}`: its `order` has a word twice"));
                continue;
            }
            ("enum", Some(order)) if !order.is_empty() && order.iter().all(|word| !word.is_empty()) => {
                FeatureType::Enum { order }
            }
            ("enum", _) => {
                faults.add(
                    at,
                    format!("feature `{name}`: an enum needs `order: [lowest, …, highest]`"),
                );
                continue;
            }
            ("string", None) => FeatureType::String,
            (_, Some(_)) => {
                faults.add(at, format!("feature `{name}`: only an enum has an `order`"));
                continue;
            }
            (other, None) => {
                let hint = suggest(other, ["boolean", "limit", "enum", "string"]);
                faults.add(at, format!("feature `{name}`: unknown type `{other}`{hint}"));
                continue;
            }
        };
        match FeatureId::parse(&name) {
            Ok(id) => _ = features.insert(id, kind),
            Err(error) => faults.add(at, error.to_string()),
        }
    }
    features
}

fn plan_of(
    raw: RawPlan,
    at: Location,
    features: &BTreeMap<FeatureId, FeatureType>,
    faults: &mut Faults,
) -> Plan {
    let matches = Match {
        product: raw.r#match.product.into(),
        price: raw.r#match.price.into(),
        lookup_key: raw.r#match.lookup_key.into(),
    };
    if matches == Match::default() {
        faults.add(
            at,
            "a plan needs `match:` with a product, price or lookup_key, or nobody can hold it".into(),
        );
    }
    let grants = raw
        .grants
        .into_iter()
        .filter_map(|(name, value)| faults.grant(features, &name, value, true))
        .collect();
    Plan {
        matches,
        grants,
        grace: raw
            .grace
            .and_then(|text| faults.span(text))
            .unwrap_or(DEFAULT_GRACE),
        duration: raw.duration.and_then(|text| faults.duration(text)),
        policies: Policies {
            while_processing: raw.while_processing.map(|word| matches!(word, Processing::Grant)),
            refunds: raw.refunds,
            disputes: raw.disputes,
            paid_through: raw.paid_through.unwrap_or(true),
            deleted_customer: raw.deleted_customer,
        },
    }
}

struct Faults(Vec<CatalogError>);

impl Faults {
    /// What one plan matches no other may: whoever holds it would have either.
    fn once(
        &mut self,
        taken: &mut BTreeMap<(&str, String), String>,
        plan: &str,
        matches: &Match,
        at: Location,
    ) {
        let Match {
            product,
            price,
            lookup_key,
        } = matches;
        for (kind, names) in [("product", product), ("price", price), ("lookup_key", lookup_key)] {
            for name in names {
                if name.trim().is_empty() {
                    let what = format!("an empty {kind} would be held by whoever has none");
                    self.add(at, format!("plan `{plan}`: {what}"));
                }
                match taken.insert((kind, name.clone()), plan.to_owned()) {
                    Some(other) if other != plan => {
                        self.add(at, format!("{kind} `{name}` is matched by plan `{other}` too"));
                    }
                    _ => {}
                }
            }
        }
    }

    fn add(&mut self, at: Location, message: String) {
        self.0.push(CatalogError {
            line: at.line(),
            message,
        });
    }

    fn grant(
        &mut self,
        features: &BTreeMap<FeatureId, FeatureType>,
        name: &str,
        raw: Spanned<RawValue>,
        per_unit: bool,
    ) -> Option<(FeatureId, Grant)> {
        let at = raw.referenced;
        let found = FeatureId::parse(name)
            .ok()
            .and_then(|id| features.get_key_value(&id));
        let Some((id, kind)) = found else {
            let hint = suggest(name, features.keys().map(FeatureId::as_str));
            self.add(at, format!("unknown feature `{name}`{hint}"));
            return None;
        };
        let value = match (kind, raw.value) {
            // Postgres could not store the schedules that it comes to.
            (_, RawValue::Word(word)) if word.contains('\0') => {
                self.add(at, format!("`{name}` holds a NUL"));
                return None;
            }
            (FeatureType::Boolean, RawValue::Bool(on)) => Value::Enabled(on),
            (FeatureType::Limit { .. }, RawValue::Amount(amount)) => Value::Limit(Some(amount)),
            (FeatureType::Limit { .. }, RawValue::Word(word)) if word == "unlimited" => Value::Limit(None),
            (FeatureType::Limit { .. }, RawValue::PerUnit { per_unit: each }) if per_unit => {
                return Some((id.clone(), Grant::PerUnit(each)));
            }
            (FeatureType::Enum { order }, RawValue::Word(word)) if order.contains(&word) => {
                Value::Option(word)
            }
            (FeatureType::Enum { order }, RawValue::Word(word)) => {
                let hint = suggest(&word, order.iter().map(String::as_str));
                self.add(at, format!("`{name}` has no option `{word}`{hint}"));
                return None;
            }
            (FeatureType::String, RawValue::Word(word)) => Value::Text(word),
            (kind, _) => {
                let want = match kind {
                    FeatureType::Boolean => "true or false",
                    FeatureType::Limit { .. } if per_unit => "a number, `unlimited` or `{per_unit: n}`",
                    FeatureType::Limit { .. } => "a number or `unlimited`",
                    FeatureType::Enum { .. } => "one of its options",
                    FeatureType::String => "text",
                };
                self.add(at, format!("`{name}` takes {want}"));
                return None;
            }
        };
        Some((id.clone(), Grant::Value(value)))
    }

    fn duration(&mut self, text: Spanned<String>) -> Option<Span> {
        let at = text.referenced;
        let span = self.span(text)?;
        if span == Span::ZERO {
            self.add(
                at,
                "a purchase that lasts no time gives nothing; leave `duration` out for ever".into(),
            );
        }
        Some(span)
    }

    fn span(&mut self, text: Spanned<String>) -> Option<Span> {
        let span = text
            .value
            .split_at_checked(text.value.len().saturating_sub(1))
            .and_then(|(n, unit)| {
                let n: i64 = n.parse().ok().filter(|n| (0..=36_500).contains(n))?;
                match unit {
                    "d" => Some(Span::days(n)),
                    "h" => Some(Span::hours(n)),
                    "m" => Some(Span::minutes(n)),
                    _ => None,
                }
            });
        if span.is_none() {
            let message = format!("`{}` is no span; write 14d, 12h or 30m", text.value);
            self.add(text.referenced, message);
        }
        span
    }
}

fn is_twice(words: &[String], word: &String) -> bool {
    words.iter().filter(|other| *other == word).count() > 1
}

pub(super) fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 2)
        .min()
        .map_or_else(String::new, |(_, candidate)| {
            format!("; did you mean `{candidate}`?")
        })
}
