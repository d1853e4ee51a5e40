//! Which keys a catalog may have and what is under them: said of the whole file at once, where reading it ends at the first.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::parse::{CatalogError, suggest};

/// Any YAML, with its places.
enum Node {
    Map(Vec<(String, Spanned<Node>)>),
    Word(String),
    Flag,
    Other,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = vec![];
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Node, A::Error> {
        while parts.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::Other)
    }

    fn visit_str<E>(self, word: &str) -> Result<Node, E> {
        Ok(Node::Word(word.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Flag)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }
}

/// What must be under a key.
#[derive(Clone, Copy)]
enum Shape {
    /// Exactly these keys; the marked ones must be there.
    Keys(&'static [(&'static str, bool, Shape)]),
    /// Names that the catalog gives, each with the same.
    Names(&'static Shape),
    /// One of these words.
    Words(&'static [&'static str]),
    /// True or false.
    Flag,
    /// Looked at elsewhere.
    Any,
}

use Shape::{Any, Flag, Keys, Names, Words};

const CATALOG: Shape = Keys(&[
    ("features", true, Names(&FEATURE)),
    ("defaults", false, Names(&Any)),
    ("plans", false, Names(&PLAN)),
]);
const FEATURE: Shape = Keys(&[
    ("type", true, Any),
    ("combine", false, Words(&["max", "sum"])),
    ("order", false, Any),
]);
const PLAN: Shape = Keys(&[
    ("match", true, MATCH),
    ("grants", true, Names(&Any)),
    ("grace", false, Any),
    ("duration", false, Any),
    ("while_processing", false, Words(&["grant", "deny"])),
    ("refunds", false, REFUNDS),
    ("disputes", false, Words(&["suspend", "keep", "ignore"])),
    ("paid_through", false, Flag),
    ("deleted_customer", false, Words(&["keep", "end"])),
]);
const REFUNDS: Shape = Keys(&[("purchases", false, REFUND), ("subscriptions", false, REFUND)]);
const REFUND: Shape = Words(&["none", "partial", "full"]);
const MATCH: Shape = Keys(&[
    ("product", false, Any),
    ("price", false, Any),
    ("lookup_key", false, Any),
]);

/// Whatever is not as it must be; nothing for what is no YAML at all.
pub(super) fn faults(yaml: &str) -> Vec<CatalogError> {
    let mut faults = vec![];
    if let Ok(root) = serde_saphyr::from_str::<Spanned<Node>>(yaml) {
        look("the catalog", &root, CATALOG, &mut faults);
    }
    faults
}

fn look(what: &str, node: &Spanned<Node>, shape: Shape, faults: &mut Vec<CatalogError>) {
    let mut add = |at: Location, message: String| {
        faults.push(CatalogError {
            line: at.line(),
            message,
        });
    };
    let at = node.referenced;
    match (shape, &node.value) {
        (Keys(known), Node::Map(map)) => {
            let names = || known.iter().map(|(name, ..)| *name);
            for name in known.iter().filter(|(_, must, _)| *must).map(|(name, ..)| *name) {
                if !map.iter().any(|(key, _)| key == name) {
                    add(at, format!("{what} needs `{name}:`"));
                }
            }
            for (key, value) in map {
                match known.iter().find(|(name, ..)| name == key) {
                    Some((_, _, shape)) => look(&format!("`{key}`"), value, *shape, faults),
                    None => {
                        let hint = suggest(key, names());
                        let all = names().collect::<Vec<_>>().join(", ");
                        faults.push(CatalogError {
                            line: value.referenced.line(),
                            message: format!("{what} has no `{key}`{hint} (there are {all})"),
                        });
                    }
                }
            }
        }
        (Names(shape), Node::Map(map)) => {
            for (key, value) in map {
                look(&format!("`{key}`"), value, *shape, faults);
            }
        }
        (Words(known), Node::Word(word)) if known.contains(&word.as_str()) => {}
        (Words(known), node) => {
            let hint = match node {
                Node::Word(word) => suggest(word, known.iter().copied()),
                _ => String::new(),
            };
            add(at, format!("{what} takes {}{hint}", known.join(" or ")));
        }
        (Keys(_) | Names(_), _) => add(
            at,
            format!("{what} takes a map: `name: value` under it, indented"),
        ),
        (Flag, Node::Flag) | (Any, _) => {}
        (Flag, _) => add(at, format!("{what} takes true or false")),
    }
}
