//! The table as people read it.

use serde_json::json;
use tollgate_domain::schedule::Reason;

use super::table::{Row, Section, Table};

const HEAD: &str = "\
<!-- Generated from crates/domain/access.yaml: UPDATE_DOCS=1 cargo test -p tollgate-domain --test access -->

# What grants access

Every line is one case that a test runs. *Access* is the answer on day 0, or on the day that the line names, with Tollgate
running and nothing heard of Stripe since day 0. *Then* is what the clock alone will make of it. Above each table are the
fields of Stripe's objects that decide, and Stripe's pages that say what they mean. The plans of these cases, by the policies
that [catalog.md](catalog.md) describes:

";

pub fn rendered(table: &Table) -> String {
    let mut text = format!("{HEAD}```yaml\n{}```\n", table.catalog);
    for section in &table.sections {
        text += &format!("\n## {}\n\n", section.title);
        text += &format!(
            "Decided by {}. Stripe: {}.\n\n",
            decided_by(section),
            pages(&section.pages)
        );
        text += "| Stripe says | access | reason | then | note |\n|---|---|---|---|---|\n";
        for row in &section.rows {
            text += &line(row);
        }
    }
    text
}

/// Field by field of each object, in the order of the section.
fn decided_by(section: &Section) -> String {
    let mut objects: Vec<(&str, Vec<&str>)> = vec![];
    for name in &section.decides {
        let (object, field) = name.rsplit_once('.').expect("object.field");
        match objects.iter_mut().find(|(known, _)| *known == object) {
            Some((_, fields)) => fields.push(field),
            None => objects.push((object, vec![field])),
        }
    }
    let told = objects.iter().map(|(object, fields)| {
        let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        format!("{object}: {}", fields.join(", "))
    });
    told.collect::<Vec<_>>().join("; ")
}

fn pages(pages: &[String]) -> String {
    let links = pages
        .iter()
        .map(|page| format!("[{}](https://{page})", &page["docs.stripe.com/".len()..]));
    links.collect::<Vec<_>>().join(", ")
}

fn line(row: &Row) -> String {
    let mut access = yes_or_no(row.reason).to_owned();
    if let Some(seats) = row.seats {
        access += &format!(", {seats} seats");
    }
    if let Some(projects) = row.projects {
        access += &format!(", {projects} projects");
    }
    if let Some(level) = &row.level {
        access += &format!(", level {level}");
    }
    if row.clock > 0.0 {
        access = format!("after {}: {access}", span(row.clock));
    }
    let then: Vec<String> = row.then.iter().map(then).collect();
    let asked = row.asked.map(|at| match span(at) {
        at if at.is_empty() => "Stripe is asked at once".to_owned(),
        at => format!("Stripe is asked after {at}"),
    });
    let page = row.page.clone().map(|page| pages(&[page]));
    let notes: Vec<String> = [row.note.clone(), asked, page].into_iter().flatten().collect();
    format!(
        "| {} | {access} | `{}` | {} | {} |\n",
        row.says,
        word(row.reason),
        then.join("; "),
        notes.join("; ")
    )
}

fn then((days, reason): &(f64, Reason)) -> String {
    format!(
        "after {} {}, `{}`",
        span(*days),
        yes_or_no(*reason),
        word(*reason)
    )
}

fn span(days: f64) -> String {
    #[allow(clippy::cast_possible_truncation)]
    let minutes = (days * 1_440.0).round() as i64;
    let parts = [
        (minutes / 1_440, "d"),
        (minutes / 60 % 24, "h"),
        (minutes % 60, "min"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}"))
        .collect();
    told.join(" ")
}

fn yes_or_no(reason: Reason) -> &'static str {
    if reason.granted() { "yes" } else { "no" }
}

fn word(reason: Reason) -> String {
    json!(reason).as_str().unwrap_or_default().to_owned()
}
