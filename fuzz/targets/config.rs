//! The configuration file: no secret that is in it is ever told, and what is printed of it can be read again.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::config::Config;

/// Where an input has this word, it has a secret.
const HIDDEN: &str = "h1dd3n";
/// The settings that hold secrets. Text of others is told, and so are names that nobody knows.
const SECRET: &[&str] = &[
    "callers",
    "database_direct_url",
    "database_url",
    "stripe_secret_key",
    "stripe_webhook_secrets",
];

// By process: several fuzzers run beside each other.
static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("tollgate-{}.toml", std::process::id())));

fuzz_target!(|text: &str| {
    let read = load(text);
    let told = match &read {
        Ok(config) => format!("{config:?}\n{}\n{:?}", config.effective(true), config.check()),
        Err(error) => error.clone(),
    };
    if !told_openly(text) {
        assert!(!told.contains(HIDDEN), "a secret is told: {told}");
    }
    if let Err(error) = &read {
        assert!(!error.trim().is_empty());
    }
    let Ok(config) = read else { return };
    // What is printed is TOML, and as a file it says the same again, but for what is hidden.
    let printed = config.effective(false);
    let again = load(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    let values = |text: &str| -> toml::Table {
        let mut table: toml::Table = toml::from_str(text).unwrap();
        table.retain(|name, _| !secret(name));
        table
    };
    assert_eq!(values(&again.effective(false)), values(&printed));
});

fn load(text: &str) -> Result<Config, String> {
    std::fs::write(&*FILE, text).unwrap();
    Config::load(Some(&FILE)).map_err(|error| error.to_string())
}

/// Whether the word is where it is no secret: in a name, or as the value of a setting that holds none.
fn told_openly(text: &str) -> bool {
    let Ok(table) = toml::from_str::<toml::Table>(text) else {
        return false;
    };
    table
        .iter()
        .any(|(name, value)| name.contains(HIDDEN) || !secret(name) && format!("{value:?}").contains(HIDDEN))
}

fn secret(name: &str) -> bool {
    SECRET.contains(&name)
}
