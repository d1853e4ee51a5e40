//! The README's table of routes is what the sources dispatch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const BEGIN: &str = "<!-- routes: written by a test -->\n";
const END: &str = "<!-- end of routes -->\n";

fn source(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The body of a function, in one line.
fn body(source: &str, function: &str) -> String {
    let start = source.find(&format!("fn {function}("));
    let start = start.unwrap_or_else(|| panic!("no function {function}"));
    let rest = &source[start..];
    let end = rest.find("\n}\n").unwrap_or(rest.len());
    rest[..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every arm `(METHOD, [STEPS]) => TARGET` of a body: the method, the steps as they are written, and what follows.
fn arms(body: &str) -> Vec<(&str, Vec<&str>, &str)> {
    let mut found = Vec::new();
    for (at, _) in body.match_indices(", [") {
        let head = &body[..at];
        let method = head.rsplit('(').next().unwrap_or_default().trim_matches('"');
        let known = ["_", "GET", "POST", "DELETE"].contains(&method);
        let rest = body[at..].split_once('[').map_or("", |(_, rest)| rest);
        let Some((steps, after)) = rest.split_once(']').filter(|_| known) else {
            continue;
        };
        let Some((_, target)) = after
            .split_once("=>")
            .filter(|(between, _)| between.trim().len() < 3)
        else {
            continue;
        };
        let steps = steps
            .split(',')
            .map(str::trim)
            .filter(|step| !step.is_empty())
            .collect();
        found.push((method, steps, target.trim_start().trim_start_matches("{ ")));
    }
    found
}

/// `customers` of `"customers"`, `:id` of `id`.
fn shown(step: &str) -> String {
    match step.strip_prefix('"') {
        Some(literal) => literal.trim_end_matches('"').to_owned(),
        None => format!(":{}", step.split(' ').next().unwrap_or_default()),
    }
}

fn table() -> String {
    let api = source("src/api.rs");
    let mut routes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |steps: &[&str], method: &str| {
        let path: Vec<String> = steps.iter().map(|step| shown(step)).collect();
        let path = format!("/{}", path.join("/"));
        routes.entry(path).or_default().insert(method.to_owned());
    };
    for (method, steps, target) in arms(&body(&api, "route")) {
        let Some((_, head)) = steps.split_last().filter(|(last, _)| last.contains("..")) else {
            add(&steps, method);
            continue;
        };
        let (module, function) = target
            .split('(')
            .next()
            .and_then(|target| target.split_once("::"))
            .unwrap_or_else(|| panic!("{target}"));
        let inner = body(&source(&format!("src/api/{module}.rs")), function);
        for (method, rest, _) in arms(&inner).iter().filter(|(method, ..)| *method != "_") {
            add(&[head, &rest[..]].concat(), method);
        }
    }
    let rows = routes.iter().map(|(path, methods)| {
        let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
        format!("| `{path}` | {} |\n", methods.join(", "))
    });
    format!("| route | methods |\n|---|---|\n{}", rows.collect::<String>())
}

#[test]
fn the_readme_lists_every_route_that_is_simulated() {
    let readme = source("README.md");
    let (head, rest) = readme
        .split_once(BEGIN)
        .expect("the README has a place for routes");
    let (written, tail) = rest.split_once(END).expect("the README's routes end");
    let table = table();
    assert!(
        table.contains("| `/v1/customers/:id` | DELETE, GET, POST |"),
        "{table}"
    );
    if std::env::var_os("UPDATE_README").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        std::fs::write(path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(
        written, table,
        "UPDATE_README=1 cargo test -p stripe-simulator --test it routes writes it"
    );
}
