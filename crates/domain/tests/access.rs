//! `access.yaml` row by row, and `docs/access.md`, which is rendered from it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use tollgate_domain::catalog::{Catalog, Value, parse};
use tollgate_domain::facts::{Facts, Learned, Observation, fold};
use tollgate_domain::id::FeatureId;
use tollgate_domain::object::Object;
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    catalog: String,
    templates: BTreeMap<String, Json>,
    sections: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    title: String,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    says: String,
    objects: Vec<Json>,
    reason: Reason,
    seats: Option<u64>,
    #[serde(default)]
    then: Vec<(f64, Reason)>,
    note: Option<String>,
}

fn table() -> Table {
    serde_saphyr::from_str(include_str!("../access.yaml")).expect("access.yaml")
}

fn day(days: f64) -> Timestamp {
    // Whole seconds: Stripe's resolution.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp::from_unix(NOW + (days * 86_400.0).round() as i64)
}

impl Table {
    fn object(&self, row: &Json) -> Object {
        let kind = row["object"].as_str().expect("an object's kind");
        let json = self.filled(kind, row);
        serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error} in {json}"))
    }

    fn filled(&self, template: &str, fields: &Json) -> Json {
        let mut json = self.templates[template].clone();
        let object = json.as_object_mut().expect("a template");
        object.extend(fields.as_object().expect("fields").clone());
        for (key, value) in object.iter_mut() {
            if let (true, Some(days)) = (INSTANTS.contains(&key.as_str()), value.as_f64()) {
                *value = json!(day(days).0);
            } else if let (Json::Array(parts), true) = (&mut *value, self.templates.contains_key(key)) {
                parts.iter_mut().for_each(|part| *part = self.filled(key, part));
            } else if let (Json::String(id), "price") = (&mut *value, key.as_str()) {
                *value = json!({"id": id, "product": "prod_1", "lookup_key": null});
            }
        }
        json
    }

    fn catalog(&self) -> Catalog {
        parse(&self.catalog).expect("the table's catalog")
    }

    fn schedule(&self, row: &Row) -> Schedule {
        let mut facts = Facts::default();
        for (seq, object) in (1..).zip(&row.objects) {
            let learned = Learned::Event { created: day(0.0) };
            facts = fold(
                facts,
                Observation {
                    seq,
                    object: self.object(object),
                    learned,
                },
            )
            .0;
        }
        project(&facts, &[], &self.catalog())
    }
}

fn answer(schedule: &Schedule, catalog: &Catalog, feature: &str, at: Timestamp) -> Answer {
    let feature = FeatureId::parse(feature).unwrap();
    let default = || catalog.default_answer(&feature).unwrap();
    schedule
        .0
        .get(&feature)
        .map_or_else(default, |timeline| timeline.eval(at).clone())
}

#[test]
fn every_row_of_the_truth_table_holds() {
    let table = table();
    let catalog = table.catalog();
    let mut wrong = vec![];
    for row in table.sections.iter().flat_map(|section| &section.rows) {
        let schedule = table.schedule(row);
        let now = answer(&schedule, &catalog, "sso", day(0.0));
        let sso = schedule.0.get(&FeatureId::parse("sso").unwrap());
        let then: Vec<(Timestamp, Reason)> = sso
            .map(|timeline| {
                timeline
                    .after(day(0.0))
                    .iter()
                    .map(|(at, answer)| (*at, answer.reason))
                    .collect()
            })
            .unwrap_or_default();
        let expected: Vec<(Timestamp, Reason)> =
            row.then.iter().map(|(at, reason)| (day(*at), *reason)).collect();
        let seats = answer(&schedule, &catalog, "seats", day(0.0)).value;
        if (now.reason, &then) != (row.reason, &expected) {
            wrong.push(format!(
                "{}: {:?}, then {then:?}; expected {:?}, then {expected:?}",
                row.says, now.reason, row.reason
            ));
        }
        if now.value != Value::Enabled(row.reason.granted()) {
            wrong.push(format!("{}: {:?} with {:?}", row.says, now.reason, now.value));
        }
        if row
            .seats
            .is_some_and(|expected| seats != Value::Limit(Some(expected)))
        {
            wrong.push(format!("{}: {seats:?}", row.says));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_document_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/access.md");
    let rendered = rendered(&table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &rendered).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == rendered,
        "docs/access.md is not what access.yaml says; look at what changed, then run \
         `UPDATE_DOCS=1 cargo test -p tollgate-domain --test access`"
    );
}

fn rendered(table: &Table) -> String {
    let mut text = String::from(
        "<!-- Generated from crates/domain/access.yaml: UPDATE_DOCS=1 cargo test -p tollgate-domain --test access -->\n\n\
         # What grants access\n\n\
         Every line is one case that a test runs. *Access* is the answer now, *then* what the clock alone will make of it\n\
         if nothing more is heard of Stripe. The plans of these cases:\n\n",
    );
    text += &format!("```yaml\n{}```\n", table.catalog);
    for Section { title, rows } in &table.sections {
        text += &format!(
            "\n## {title}\n\n| Stripe says | access | reason | then | note |\n|---|---|---|---|---|\n"
        );
        for row in rows {
            let then: Vec<String> = row.then.iter().map(then).collect();
            let access = yes_or_no(row.reason);
            let seats = row
                .seats
                .map_or_else(String::new, |seats| format!(", {seats} seats"));
            text += &format!(
                "| {} | {access}{seats} | `{}` | {} | {} |\n",
                row.says,
                word(row.reason),
                then.join("; "),
                row.note.as_deref().unwrap_or_default()
            );
        }
    }
    text
}

fn then((days, reason): &(f64, Reason)) -> String {
    #[allow(clippy::cast_possible_truncation)]
    let minutes = (days.fract() * 1_440.0).round() as i64;
    let after = if minutes == 0 {
        format!("{days} d")
    } else {
        format!("{} d {minutes} min", days.trunc())
    };
    format!("after {after} {}, `{}`", yes_or_no(*reason), word(*reason))
}

fn yes_or_no(reason: Reason) -> &'static str {
    if reason.granted() { "yes" } else { "no" }
}

fn word(reason: Reason) -> String {
    json!(reason).as_str().unwrap_or_default().to_owned()
}
