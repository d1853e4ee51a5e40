//! What a path means: it is followed through modules, imports, renames, globs and re-exports to the end.

use super::tokens::{Path, Reading};
use std::collections::{BTreeMap, BTreeSet};

/// The modules of all crates. A module is written `crate_name::a::b`; a binary's root is `crate_name(main)`.
pub struct Names {
    modules: BTreeMap<String, Scope>,
}

#[derive(Default)]
struct Scope {
    imports: BTreeMap<String, Vec<Path>>,
    globs: Vec<Path>,
    items: BTreeSet<String>,
}

type Seen = BTreeSet<(String, String)>;

impl Names {
    pub fn new(reading: &Reading) -> Self {
        let mut modules: BTreeMap<String, Scope> = BTreeMap::new();
        for module in &reading.modules {
            for (end, _) in module.match_indices("::").chain([(module.len(), "")]) {
                modules.entry(module[..end].to_owned()).or_default();
            }
        }
        for (module, name, path) in &reading.imports {
            let scope = modules.entry(module.clone()).or_default();
            scope.imports.entry(name.clone()).or_default().push(path.clone());
        }
        for (module, path) in &reading.globs {
            modules
                .entry(module.clone())
                .or_default()
                .globs
                .push(path.clone());
        }
        for (module, name) in &reading.items {
            modules
                .entry(module.clone())
                .or_default()
                .items
                .insert(name.clone());
        }
        Self { modules }
    }

    /// Everything that `path`, written in `module`, depends on: what it means in the end, and each place that
    /// passes the name on. A path that begins with no module of ours is returned as written.
    pub fn touched(&self, module: &str, path: &Path) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        self.follow(module, path, &mut out, &mut Seen::new());
        out
    }

    fn follow(&self, module: &str, path: &Path, out: &mut BTreeSet<String>, seen: &mut Seen) {
        let Some((head, rest)) = path.segments.split_first() else {
            return;
        };
        match head.as_str() {
            _ if path.absolute => self.outside(&path.segments, out, seen),
            "crate" => self.inside(root(module), rest, out, seen),
            "self" => self.inside(module, rest, out, seen),
            "super" => self.inside(module, &path.segments, out, seen),
            _ if self.member(module, &path.segments, out, seen) => {}
            _ => self.outside(&path.segments, out, seen),
        }
    }

    fn outside(&self, segments: &[String], out: &mut BTreeSet<String>, seen: &mut Seen) {
        if self.modules.contains_key(&segments[0]) {
            self.inside(&segments[0], &segments[1..], out, seen);
        } else {
            out.insert(segments.join("::"));
        }
    }

    fn inside(&self, module: &str, segments: &[String], out: &mut BTreeSet<String>, seen: &mut Seen) {
        match segments.first().map(String::as_str) {
            None => _ = out.insert(module.to_owned()),
            Some("super") => {
                let parent = module.rsplit_once("::").map_or(module, |(parent, _)| parent);
                self.inside(parent, &segments[1..], out, seen);
            }
            Some(_) if self.member(module, segments, out, seen) => {}
            Some(_) => _ = out.insert(format!("{module}::{}", segments.join("::"))),
        }
    }

    /// Follows `segments` if `module` has a member of the first one's name.
    fn member(&self, module: &str, segments: &[String], out: &mut BTreeSet<String>, seen: &mut Seen) -> bool {
        let (name, rest) = (&segments[0], &segments[1..]);
        let full = format!("{module}::{name}");
        if !seen.insert((module.to_owned(), name.clone())) {
            return false;
        }
        if self.modules.contains_key(&full) {
            self.inside(&full, rest, out, seen);
            return true;
        }
        let Some(scope) = self.modules.get(module) else {
            return false;
        };
        let imports = scope.imports.get(name);
        if imports.is_some() || scope.items.contains(name) {
            out.insert(full);
            for import in imports.into_iter().flatten() {
                let segments = import.segments.iter().chain(rest).cloned().collect();
                self.follow(
                    module,
                    &Path {
                        absolute: import.absolute,
                        segments,
                    },
                    out,
                    seen,
                );
            }
            return true;
        }
        scope.globs.iter().any(|glob| {
            let mut sources = BTreeSet::new();
            self.follow(module, glob, &mut sources, seen);
            sources
                .iter()
                .any(|source| self.modules.contains_key(source) && self.member(source, segments, out, seen))
        })
    }
}

fn root(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}
