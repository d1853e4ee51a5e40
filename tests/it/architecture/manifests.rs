//! The direction of the crates, by their manifests.

use super::check::{is_in, wall_of};
use super::{MEMBERS, Member, tree};
use serde_json::Value;

pub fn refusals_of_the_workspace() -> Vec<String> {
    let mut refused = refusals(".", &tree::read("Cargo.toml"));
    for entry in tree::root().join("crates").read_dir().unwrap() {
        let folder = format!("crates/{}", entry.unwrap().file_name().display());
        let manifest = tree::read(&format!("{folder}/Cargo.toml"));
        if !manifest.is_empty() {
            refused.extend(refusals(&folder, &manifest));
        }
    }
    refused
}

/// What is wrong with the manifest of the crate in `folder`. Development dependencies are free.
pub fn refusals(folder: &str, manifest: &str) -> Vec<String> {
    let Some(member) = MEMBERS.iter().find(|member| member.folder == folder) else {
        return vec![format!(
            "{folder}/Cargo.toml: this crate is not in MEMBERS of tests/it/architecture.rs"
        )];
    };
    let manifest: Value = toml::from_str(manifest).unwrap();
    let targets = manifest["target"]
        .as_object()
        .into_iter()
        .flat_map(|targets| targets.values());
    let mut refused = Vec::new();
    for table in [&manifest, &manifest["workspace"]].into_iter().chain(targets) {
        for kind in ["dependencies", "build-dependencies"] {
            for (name, dependency) in table[kind].as_object().into_iter().flatten() {
                let in_workspace_table = std::ptr::eq(table, &manifest["workspace"]);
                let why = match dependency.get("package") {
                    Some(_) => Some("a renamed dependency hides from the walls".to_owned()),
                    None if in_workspace_table => None,
                    None => refusal_of(member, &name.replace('-', "_")),
                };
                refused.extend(why.map(|why| format!("{folder}/Cargo.toml: `{name}`: {why}")));
            }
        }
    }
    refused
}

fn refusal_of(member: &Member, name: &str) -> Option<String> {
    if member.never.contains(&name) {
        return Some(format!("{} is pure and may not depend on it", member.name));
    }
    if MEMBERS.iter().any(|other| other.name == name) {
        let may = if member.on.is_empty() {
            "no crate of the workspace".to_owned()
        } else {
            member.on.join(", ")
        };
        return (!member.on.contains(&name)).then(|| format!("{} may depend on {may}", member.name));
    }
    let wall = wall_of(name)?;
    let (own, other) = if member.folder == "." {
        ("src", "build")
    } else {
        (member.folder, member.folder)
    };
    let open = wall
        .places
        .iter()
        .any(|place| is_in(place, own) || is_in(place, other));
    (!open).then(|| format!("may be named only in {}: {}", wall.places.join(", "), wall.why))
}
