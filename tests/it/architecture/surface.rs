//! The public surface of the sealed crates: what an outsider can hold must not be what is behind the wall.
//!
//! Every `pub` item counts, also in a private module (there it should be `pub(crate)`). Two kinds of trait impl do
//! not count: of a trait that is itself behind the wall, and `From`/`TryFrom` of a walled type for one of ours. Both
//! are of use only to who can name the walled library, and the walls see to it that nobody outside can.

use super::check::wall_of;
use super::names::Names;
use super::tokens::Path;
use super::tree::Source;
use syn::visit::{self, Visit};
use syn::{Fields, ImplItem, Item, ItemImpl, TraitItem, Visibility};

/// The walled names in the public surface of one file.
pub fn leaks(source: &Source, module: &str, names: &Names) -> Vec<String> {
    // A file that does not parse is refused by the reader of tokens, or by the compiler.
    let items = syn::parse_file(&source.text)
        .map(|file| file.items)
        .unwrap_or_default();
    let mut surface = Surface {
        file: &source.path,
        names,
        leaks: Vec::new(),
    };
    surface.items(&items, module);
    surface.leaks
}

struct Surface<'a> {
    file: &'a str,
    names: &'a Names,
    leaks: Vec<String>,
}

impl Surface<'_> {
    fn items(&mut self, items: &[Item], module: &str) {
        for item in items {
            let mut seen = Paths::default();
            match item {
                Item::Mod(inner) => {
                    if let Some((_, items)) = &inner.content {
                        self.items(items, &format!("{module}::{}", inner.ident));
                    }
                }
                Item::Fn(item) if public(&item.vis) => seen.visit_signature(&item.sig),
                Item::Struct(item) if public(&item.vis) => {
                    seen.visit_generics(&item.generics);
                    seen.fields(&item.fields, false);
                }
                Item::Enum(item) if public(&item.vis) => {
                    seen.visit_generics(&item.generics);
                    item.variants
                        .iter()
                        .for_each(|variant| seen.fields(&variant.fields, true));
                }
                Item::Type(item) if public(&item.vis) => {
                    seen.visit_generics(&item.generics);
                    seen.visit_type(&item.ty);
                }
                Item::Const(item) if public(&item.vis) => seen.visit_type(&item.ty),
                Item::Static(item) if public(&item.vis) => seen.visit_type(&item.ty),
                Item::Trait(item) if public(&item.vis) => {
                    seen.visit_generics(&item.generics);
                    item.supertraits
                        .iter()
                        .for_each(|bound| seen.visit_type_param_bound(bound));
                    item.items.iter().for_each(|item| seen.trait_item(item));
                }
                Item::Impl(item) => self.implementation(item, module, &mut seen),
                _ => {}
            }
            for (path, line) in seen.0 {
                if let Some(target) = self.walled(module, &path) {
                    let (file, path) = (self.file, path.text());
                    self.leaks.push(format!(
                        "{file}:{line}: `{path}` in a public signature is `{target}`, which is behind a wall: \
                         wrap it, keep it in a private field, or make the item pub(crate)"
                    ));
                }
            }
        }
    }

    fn implementation(&self, item: &ItemImpl, module: &str, seen: &mut Paths) {
        let Some((_, trait_path, _)) = &item.trait_ else {
            seen.visit_generics(&item.generics);
            for inner in &item.items {
                match inner {
                    ImplItem::Fn(inner) if public(&inner.vis) => seen.visit_signature(&inner.sig),
                    ImplItem::Const(inner) if public(&inner.vis) => seen.visit_type(&inner.ty),
                    _ => {}
                }
            }
            return;
        };
        let trait_name = trait_path
            .segments
            .last()
            .map(|last| last.ident.to_string())
            .unwrap_or_default();
        let mut own = Paths::default();
        own.visit_type(&item.self_ty);
        let of_ours = own.0.iter().all(|(path, _)| self.walled(module, path).is_none());
        let converts = matches!(trait_name.as_str(), "From" | "TryFrom") && of_ours;
        if converts || self.walled(module, &plain(trait_path)).is_some() {
            return;
        }
        seen.visit_generics(&item.generics);
        seen.visit_path(trait_path);
        seen.0.extend(own.0);
        for inner in &item.items {
            match inner {
                ImplItem::Fn(inner) => seen.visit_signature(&inner.sig),
                ImplItem::Const(inner) => seen.visit_type(&inner.ty),
                ImplItem::Type(inner) => seen.visit_type(&inner.ty),
                _ => {}
            }
        }
    }

    fn walled(&self, module: &str, path: &Path) -> Option<String> {
        self.names.touched(module, path).into_iter().find(|target| {
            wall_of(target).is_some_and(|wall| {
                wall.places
                    .iter()
                    .any(|place| super::check::is_in(self.file, place))
            })
        })
    }
}

/// The paths of types, bounds and traits, with their lines.
#[derive(Default)]
struct Paths(Vec<(Path, usize)>);

impl Paths {
    fn fields(&mut self, fields: &Fields, all: bool) {
        fields
            .iter()
            .filter(|field| all || public(&field.vis))
            .for_each(|field| self.visit_type(&field.ty));
    }

    fn trait_item(&mut self, item: &TraitItem) {
        match item {
            TraitItem::Fn(item) => self.visit_signature(&item.sig),
            TraitItem::Const(item) => self.visit_type(&item.ty),
            TraitItem::Type(item) => visit::visit_trait_item_type(self, item),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            self.0.push((plain(path), first.ident.span().start().line));
        }
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

fn plain(path: &syn::Path) -> Path {
    let segments = path
        .segments
        .iter()
        .map(|s| s.ident.to_string().trim_start_matches("r#").to_owned())
        .collect();
    Path {
        absolute: path.leading_colon.is_some(),
        segments,
    }
}

fn public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}
