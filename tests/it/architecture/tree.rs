//! The files of the repository, and the rules on their names and lengths.

use super::{EMPTY_NAMES, MAX_LINES, tokens::Reading};
use std::{fs, path::Path};

/// One file, by its path from the root of the repository.
pub struct Source {
    pub path: String,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// What the architecture is made of: `src`, `crates/*/src` and the build script.
pub fn sources() -> Vec<Source> {
    let mut found = rust_files(&["src", "crates", "build.rs"]);
    found.retain(|s| !s.path.starts_with("crates/") || s.path.split('/').nth(2) == Some("src"));
    assert!(found.iter().any(|s| s.path == "src/lib.rs"), "no sources found");
    found
}

/// Every file that holds SQL.
pub fn sql() -> Vec<Source> {
    let mut found = rust_files(&["crates/store/src"]);
    for entry in root().join("migrations").read_dir().unwrap() {
        let path = format!("migrations/{}", entry.unwrap().file_name().display());
        found.push(Source {
            text: read(&path),
            path,
        });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Files that are too long or are named for nothing.
pub fn refusals() -> Vec<String> {
    rust_files(&["src", "crates", "tests", "benches", "build.rs"])
        .iter()
        .flat_map(refusals_of)
        .collect()
}

pub fn refusals_of(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    let mut refused = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        refused.push(format!(
            "{path}: {lines} lines; {MAX_LINES} is the ceiling: split it by what it does"
        ));
    }
    let mut reading = Reading::default();
    reading.add(source, "");
    let modules = reading
        .modules
        .iter()
        .filter_map(|module| module.rsplit("::").next());
    if let Some(name) = path
        .trim_end_matches(".rs")
        .split('/')
        .chain(modules)
        .find(|n| EMPTY_NAMES.contains(n))
    {
        refused.push(format!(
            "{path}: the name `{name}` says nothing of what is inside; name the one thing it does"
        ));
    }
    refused
}

/// All Rust files at or below these paths, in order.
pub fn rust_files(paths: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for path in paths {
        collect(Path::new(path), &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(path: &Path, found: &mut Vec<Source>) {
    let full = root().join(path);
    if full.is_dir() {
        for entry in fs::read_dir(&full).unwrap() {
            let name = entry.unwrap().file_name();
            if name != "target" && name != "node_modules" {
                collect(&path.join(name), found);
            }
        }
    } else if path.extension().is_some_and(|e| e == "rs") && full.is_file() {
        let text = fs::read_to_string(full).unwrap();
        found.push(Source {
            path: path.to_str().unwrap().to_owned(),
            text,
        });
    }
}
