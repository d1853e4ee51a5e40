//! The table as it is written, and what the rules say of a row.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use tollgate_domain::catalog::{Catalog, parse};
use tollgate_domain::facts::{Facts, Learned, Observation, fold, tick};
use tollgate_domain::id::FeatureId;
use tollgate_domain::object::Object;
use tollgate_domain::overrides::Override;
use tollgate_domain::schedule::{Answer, Reason, Schedule, project};
use tollgate_domain::time::Timestamp;

const NOW: i64 = 1_800_000_000;
const INSTANTS: &[&str] = &[
    "created",
    "trial_end",
    "cancel_at",
    "ended_at",
    "period_start",
    "period_end",
    "due_date",
    "finalized_at",
    "paid_at",
    "expires_at",
];

/// What says which objects belong together, not what they are.
const LINKS: &[&str] = &[
    "object",
    "id",
    "at",
    "stripe_customer",
    "subscription",
    "subscription_item",
    "payment_intent",
    "payment_intents",
    "invoice",
    "charge",
    "latest_invoice",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub catalog: String,
    templates: BTreeMap<String, Map<String, Json>>,
    /// Fields of Stripe's that are not looked at: a row may set them and shows that.
    ignored: Vec<String>,
    pub sections: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub title: String,
    /// `object.field` for each that the rows differ in.
    pub decides: Vec<String>,
    /// Where Stripe says so.
    pub pages: Vec<String>,
    pub rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub says: String,
    objects: Vec<Map<String, Json>>,
    #[serde(default)]
    overrides: Vec<Map<String, Json>>,
    /// How far the clock has come, with Tollgate running and nothing heard of Stripe since day 0.
    #[serde(default)]
    pub clock: f64,
    /// When Stripe was first asked meanwhile.
    pub asked: Option<f64>,
    pub reason: Reason,
    pub seats: Option<u64>,
    pub projects: Option<u64>,
    pub level: Option<String>,
    #[serde(default)]
    pub then: Vec<(f64, Reason)>,
    pub note: Option<String>,
    /// Where Stripe says so, if the section's pages do not.
    pub page: Option<String>,
}

/// What the rules say of a row.
pub struct Told {
    schedule: Schedule,
    catalog: Catalog,
    /// When Stripe was asked because of the clock.
    pub asked: Vec<Timestamp>,
}

/// So many days after day 0, in whole seconds: Stripe's resolution.
pub fn instant(days: f64) -> Timestamp {
    #[allow(clippy::cast_possible_truncation)]
    Timestamp::from_unix(NOW + (days * 86_400.0).round() as i64)
}

impl Table {
    pub fn read() -> Table {
        serde_saphyr::from_str(include_str!("../../access.yaml")).expect("access.yaml")
    }

    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|section| &section.rows)
    }

    /// `object.field` for each field that the row sets itself.
    pub fn fields_of(&self, row: &Row) -> Vec<String> {
        let mut found = vec![];
        for object in &row.objects {
            self.set(kind_of(object), object, &mut found);
        }
        found
    }

    fn set(&self, kind: &str, fields: &Map<String, Json>, found: &mut Vec<String>) {
        for (field, value) in fields {
            match value {
                Json::Array(parts) if self.templates.contains_key(field) => {
                    for part in parts.iter().filter_map(Json::as_object) {
                        self.set(field, part, found);
                    }
                }
                _ if LINKS.contains(&field.as_str()) => {}
                _ => found.push(format!("{kind}.{field}")),
            }
        }
    }

    fn object(&self, row: &Map<String, Json>) -> Object {
        let json = self.filled(kind_of(row), row);
        serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error} in {json}"))
    }

    fn filled(&self, template: &str, fields: &Map<String, Json>) -> Json {
        let mut object = self.templates[template].clone();
        for (key, value) in fields {
            let name = format!("{template}.{key}");
            let known = object.contains_key(key) || key == "at" || self.ignored.contains(&name);
            assert!(known, "{name} is read by no rule");
            object.insert(key.clone(), value.clone());
        }
        for (key, value) in &mut object {
            if let (true, Some(days)) = (INSTANTS.contains(&key.as_str()), value.as_f64()) {
                *value = json!(instant(days).0);
            } else if let (Json::Array(parts), true) = (&mut *value, self.templates.contains_key(key)) {
                for part in parts {
                    *part = self.filled(key, part.as_object().expect("a part"));
                }
            } else if let (Json::String(id), "price") = (&mut *value, key.as_str()) {
                *value = json!({"id": id, "product": "prod_1", "lookup_key": null});
            }
        }
        Json::Object(object)
    }

    fn facts(&self, row: &Row) -> Facts {
        let mut facts = Facts::default();
        for (seq, fields) in (1..).zip(&row.objects) {
            let created = instant(fields.get("at").and_then(Json::as_f64).unwrap_or(0.0));
            let observation = Observation {
                seq,
                object: self.object(fields),
                learned: Learned::Event { created },
            };
            facts = fold(facts, observation).0;
        }
        facts
    }

    /// As the service does it: folded, then the clock at each instant at which it has something to do, then projected.
    pub fn told(&self, row: &Row) -> Told {
        let catalog = parse(&self.catalog).expect("the table's catalog");
        let end = instant(row.clock);
        let (mut facts, mut now, mut asked) = (self.facts(row), instant(0.0), vec![]);
        loop {
            let ticked = tick(facts.matched_with(&catalog), &catalog, now);
            facts = ticked.facts;
            asked.extend(ticked.wants.iter().map(|_| now));
            match ticked.next {
                Some(next) if now < next && next <= end => now = next,
                _ if now < end => now = end,
                _ => break,
            }
        }
        let overrides: Vec<Override> = row.overrides.iter().map(by_hand).collect();
        Told {
            schedule: project(&facts, &overrides, &catalog),
            catalog,
            asked,
        }
    }
}

fn kind_of(object: &Map<String, Json>) -> &str {
    object["object"].as_str().expect("an object's kind")
}

fn by_hand(fields: &Map<String, Json>) -> Override {
    let mut fields = fields.clone();
    if let Some(days) = fields["expires_at"].as_f64() {
        fields.insert("expires_at".into(), json!(instant(days).0));
    }
    serde_json::from_value(Json::Object(fields)).expect("an override")
}

impl Told {
    pub fn answer(&self, feature: &str, at: Timestamp) -> Answer {
        let feature = FeatureId::parse(feature).unwrap();
        match self.schedule.0.get(&feature) {
            Some(timeline) => timeline.eval(at).clone(),
            None => self.catalog.default_answer(&feature).unwrap(),
        }
    }

    /// What the clock alone will make of the reason.
    pub fn then(&self, feature: &str, now: Timestamp) -> Vec<(Timestamp, Reason)> {
        let timeline = self.schedule.0.get(&FeatureId::parse(feature).unwrap());
        let after = timeline.map(|timeline| timeline.after(now)).unwrap_or_default();
        after.iter().map(|(at, answer)| (*at, answer.reason)).collect()
    }
}
