//! docs/stripe.md has the lists that setup and doctor work with.

use std::path::Path;

use tollgate_stripe::api_version;
use tollgate_stripe::wanted::{EVENTS, Needs, PERMISSIONS};

#[test]
fn the_document_has_the_events_and_permissions_of_the_lists() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/stripe.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let rendered = [("permissions", permissions()), ("events", events())]
        .iter()
        .fold(found.clone(), |text, (name, table)| put(&text, name, table));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &rendered).unwrap();
        return;
    }
    assert!(
        found == rendered,
        "docs/stripe.md is not what crates/stripe/src/wanted.rs says; look at what changed, then run: \
         `UPDATE_DOCS=1 cargo test -p tollgate-stripe --test it docs`"
    );
}

/// Between two marks.
fn put(text: &str, name: &str, table: &str) -> String {
    let (from, to) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let (before, rest) = text.split_once(&from).unwrap_or_else(|| panic!("no {from}"));
    let (_, after) = rest.split_once(&to).unwrap_or_else(|| panic!("no {to}"));
    format!("{before}{from}{table}{to}{after}")
}

fn permissions() -> String {
    let mut text =
        String::from("| permission | access | asked for as | needed by | for |\n|---|---|---|---|---|\n");
    for it in PERMISSIONS {
        let needs = match it.needs {
            Needs::Service => "the service",
            Needs::Nice => "nobody; better with it",
            Needs::Setup => "`stripe setup`, `doctor`, `catalog init`",
        };
        let (access, word) = (it.access.as_str(), it.access.as_str().to_lowercase());
        text += &format!(
            "| {} | {access} | `rak_{}_{word}` | {needs} | {} |\n",
            it.name, it.word, it.why
        );
    }
    text
}

fn events() -> String {
    let mut text = format!(
        "API version `{}`:\n\n| event | tells |\n|---|---|\n",
        api_version()
    );
    for (event, why) in EVENTS {
        text += &format!("| `{event}` | {why} |\n");
    }
    text
}
