//! Compares what the sources mean with the lists.

use super::names::Names;
use super::tokens::{Form, Mention, Reading};
use super::tree::Source;
use super::{EDGES, MEMBERS, SEALED, WALLS, Wall, surface};
use std::collections::BTreeSet;

pub struct Outcome {
    pub refusals: Vec<String>,
    /// (who, whom) by station: a module with a row in `EDGES`, or a crate.
    pub edges: BTreeSet<(String, String)>,
}

pub fn check(sources: &[Source]) -> Outcome {
    let mut reading = Reading::default();
    for source in sources {
        reading.add(source, &module_of(&source.path));
    }
    let names = Names::new(&reading);
    let mut refusals: BTreeSet<String> = reading.refusals.drain(..).collect();
    let mut edges = BTreeSet::new();
    for source in sources {
        refusals.extend(homeless(&source.path));
    }
    for mention in &reading.mentions {
        for target in names.touched(&mention.module, &mention.path) {
            refusals.extend(against_walls(mention, &target));
            if let (Some(from), Some(to)) = (station(&mention.module), station(&target))
                && from != to
            {
                refusals.extend(against_edges(mention, from, to));
                edges.insert((from.to_owned(), to.to_owned()));
            }
        }
    }
    for source in sources
        .iter()
        .filter(|s| SEALED.iter().any(|place| is_in(&s.path, place)))
    {
        refusals.extend(surface::leaks(source, &module_of(&source.path), &names));
    }
    Outcome {
        refusals: refusals.into_iter().collect(),
        edges,
    }
}

/// The wall around `target`, a full path.
pub fn wall_of(target: &str) -> Option<&'static Wall> {
    WALLS
        .iter()
        .find(|wall| wall.of.iter().any(|of| is_behind(target, of)))
}

/// Whether `path`, a file or folder, is `place` or in it.
pub fn is_in(path: &str, place: &str) -> bool {
    path.strip_prefix(place)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
}

fn is_behind(target: &str, of: &str) -> bool {
    match of.strip_suffix('*') {
        Some(prefix) => target.starts_with(prefix),
        None => is_at_or_below(target, of),
    }
}

fn is_at_or_below(path: &str, of: &str) -> bool {
    path.strip_prefix(of)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with("(main)"))
}

fn against_walls(mention: &Mention, target: &str) -> Option<String> {
    let Mention {
        file,
        line,
        path,
        form,
        ..
    } = mention;
    // `use std::*` brings `env` along.
    let wide = |wall: &&Wall| *form == Form::Glob && wall.of.iter().any(|of| is_at_or_below(of, target));
    let wall = wall_of(target).or_else(|| WALLS.iter().find(wide))?;
    let open = wall.places.iter().any(|place| is_in(file, place));
    let named = if path.text() == target {
        String::new()
    } else {
        format!(", which is `{target}`")
    };
    let of = wall.of[0];
    let compile_time = *form == Form::Macro && target == "std::env";
    if !open && !compile_time {
        let (places, why) = (wall.places.join(", "), wall.why);
        return Some(format!(
            "{file}:{line}: `{}`{named}: `{of}` may be named only in {places}: {why}",
            path.text()
        ));
    }
    let sealed = open && SEALED.iter().any(|place| is_in(file, place));
    match form {
        Form::Reexport if sealed => Some(format!(
            "{file}:{line}: `pub use {}`{named}: re-exports what is behind the wall of `{of}`",
            path.text()
        )),
        Form::Glob if sealed => Some(format!(
            "{file}:{line}: `use {}::*`{named}: name what you import, so that signatures can be checked for `{of}`",
            path.text()
        )),
        _ => None,
    }
}

fn against_edges(mention: &Mention, from: &str, to: &str) -> Option<String> {
    let row = EDGES.iter().find(|(name, _)| *name == from)?;
    let inner = EDGES.iter().any(|(name, _)| *name == to);
    if !inner || is_at_or_below(to, from) || row.1.iter().any(|may| is_at_or_below(to, may)) {
        return None;
    }
    let may = if row.1.is_empty() {
        "no other module".to_owned()
    } else {
        row.1.join(", ")
    };
    let Mention { file, line, path, .. } = mention;
    Some(format!(
        "{file}:{line}: `{}` makes the edge {from} → {to}, but {from} may name {may} \
         (EDGES in tests/it/architecture.rs)",
        path.text()
    ))
}

/// Refuses a file of `src` that belongs to no row of `EDGES`.
fn homeless(path: &str) -> Option<String> {
    let module = module_of(path);
    let lost = module != "tollgate" && station(&module) == Some("lib") || path.starts_with("src/bin/");
    lost.then(|| {
        format!("{path}: this module has no row in EDGES of tests/it/architecture.rs; give it a place")
    })
}

/// The row of `EDGES`, or the crate, that a full path belongs to.
fn station(path: &str) -> Option<&'static str> {
    let crate_name = path.split(['(', ':']).next()?;
    let member = MEMBERS.iter().find(|member| member.name == crate_name)?;
    if member.folder != "." {
        return Some(member.name);
    }
    let inner = path[crate_name.len()..].trim_start_matches("::");
    if inner.starts_with('(') {
        return Some("main");
    }
    let rows = EDGES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| is_at_or_below(inner, name));
    rows.max_by_key(|name| name.len()).or(Some("lib"))
}

/// `src/api/grpc.rs` → `tollgate::api::grpc`.
fn module_of(path: &str) -> String {
    let in_member = |member: &super::Member| {
        let inner = if member.folder == "." {
            Some(path)
        } else {
            path.strip_prefix(member.folder)?.strip_prefix('/')
        };
        Some((member.name, inner?.strip_prefix("src/")?))
    };
    let Some((name, inner)) = MEMBERS.iter().find_map(in_member) else {
        return path.to_owned();
    };
    match inner.trim_end_matches(".rs") {
        "lib" => name.to_owned(),
        "main" => format!("{name}(main)"),
        bin if bin.starts_with("bin/") => format!("{name}({bin})"),
        inner => format!("{name}::{}", inner.trim_end_matches("/mod").replace('/', "::")),
    }
}
