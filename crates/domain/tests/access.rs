//! `access.yaml` row by row, and `docs/access.md`, which is rendered from it.

#[path = "access/document.rs"]
mod document;
#[path = "access/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use document::rendered;
use table::{Table, instant};
use tollgate_domain::catalog::Value;
use tollgate_domain::schedule::Reason;
use tollgate_domain::time::Timestamp;

#[test]
fn every_row_of_the_truth_table_holds() {
    let table = Table::read();
    let mut wrong = vec![];
    for row in table.rows() {
        let told = table.told(row);
        let now = instant(row.clock);
        let sso = told.answer("sso", now);
        let then = told.then("sso", now);
        let expected: Vec<(Timestamp, Reason)> = row
            .then
            .iter()
            .map(|(at, reason)| (instant(*at), *reason))
            .collect();
        if (sso.reason, &then) != (row.reason, &expected) {
            wrong.push(format!(
                "{}: {:?}, then {then:?}; expected {:?}, then {expected:?}",
                row.says, sso.reason, row.reason
            ));
        }
        if sso.value != Value::Enabled(row.reason.granted()) {
            wrong.push(format!("{}: {:?} with {:?}", row.says, sso.reason, sso.value));
        }
        let others = [
            ("seats", row.seats.map(|it| Value::Limit(Some(it)))),
            ("projects", row.projects.map(|it| Value::Limit(Some(it)))),
            ("level", row.level.clone().map(Value::Option)),
        ];
        for (feature, expected) in others {
            let found = told.answer(feature, now).value;
            if expected.is_some_and(|expected| expected != found) {
                wrong.push(format!("{}: {feature} {found:?}", row.says));
            }
        }
        let asked = told.asked.first().copied();
        if asked != row.asked.map(instant) {
            wrong.push(format!("{}: Stripe was first asked at {asked:?}", row.says));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A row says what decides by setting it, so the fields that a section names are those that its rows set.
#[test]
fn every_section_names_the_fields_that_decide_and_the_page_of_stripes_that_says_so() {
    let table = Table::read();
    for section in &table.sections {
        let title = &section.title;
        let set: BTreeSet<String> = section.rows.iter().flat_map(|row| table.fields_of(row)).collect();
        let named: BTreeSet<String> = section.decides.iter().cloned().collect();
        let unnamed: Vec<_> = set.difference(&named).collect();
        let unused: Vec<_> = named.difference(&set).collect();
        assert!(
            unnamed.is_empty() && unused.is_empty(),
            "{title}: set and not named {unnamed:?}; named and set by no row {unused:?}"
        );
        assert!(!section.pages.is_empty(), "{title} names no page of Stripe's");
        let own = section.rows.iter().filter_map(|row| row.page.as_ref());
        for page in section.pages.iter().chain(own) {
            let path = page.strip_prefix("docs.stripe.com/");
            let is_path =
                |path: &str| path.contains(|it: char| it.is_ascii_lowercase()) && !path.contains(' ');
            assert!(path.is_some_and(is_path), "{title}: {page}");
        }
    }
}

#[test]
fn the_plans_of_the_table_have_every_policy() {
    let table = Table::read();
    for policy in [
        "grace: ",
        "while_processing: grant",
        "while_processing: deny",
        "purchases: none",
        "purchases: partial",
        "subscriptions: partial",
        "subscriptions: full",
        "disputes: keep",
        "disputes: ignore",
        "paid_through: false",
        "deleted_customer: end",
        "duration: ",
        "combine: sum",
        "combine: max",
    ] {
        assert!(
            table.catalog.contains(policy),
            "no plan of the table has {policy}"
        );
    }
}

#[test]
fn the_document_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/access.md");
    let rendered = rendered(&Table::read());
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
