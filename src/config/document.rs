//! The table of all settings in docs/configuration.md.

use std::path::Path;

use super::PREFIX;
use super::setting::{Config, SETTINGS};

const BEGIN: &str = "<!-- settings: written by UPDATE_DOCS=1 cargo test -p tollgate --lib config -->\n";
const END: &str = "<!-- end of settings -->";

fn table() -> String {
    let defaults = Config::default();
    let (mut text, mut group) = (String::new(), "");
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            text += &format!("\n### {group}\n\n| setting | default | what it is |\n|---|---|---|\n");
        }
        let name = setting.name.to_uppercase();
        let file = if setting.secret {
            format!("<br>or `{PREFIX}{name}_FILE`")
        } else {
            String::new()
        };
        let default = match defaults.shown(setting.name) {
            none if matches!(none.as_str(), "" | "[]" | "\"\"") => "".to_owned(),
            shown => format!("`{}`", shown.trim_matches('"')),
        };
        let doc = setting.doc.trim();
        text += &format!(
            "| `{PREFIX}{name}`{file} | {default} | {doc} *{}* |\n",
            setting.kind
        );
    }
    text + "\n"
}

#[test]
fn the_documented_settings_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
    } else {
        assert_eq!(
            written,
            table(),
            "run UPDATE_DOCS=1 cargo test -p tollgate --lib config"
        );
    }
}
