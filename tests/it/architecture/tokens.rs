//! Reads a file's tokens: the paths it mentions, what it imports and declares, and the forms that are forbidden.

use super::tree::Source;
use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};
use syn::UseTree;

/// `a::b::c` as written, or `::a::b::c`.
#[derive(Clone, Debug)]
pub struct Path {
    pub absolute: bool,
    pub segments: Vec<String>,
}

impl Path {
    pub fn text(&self) -> String {
        format!(
            "{}{}",
            if self.absolute { "::" } else { "" },
            self.segments.join("::")
        )
    }
}

/// A path somewhere in a file.
pub struct Mention {
    pub file: String,
    pub line: usize,
    pub module: String,
    pub path: Path,
    pub form: Form,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    Plain,
    /// `path!(…)`.
    Macro,
    /// `use path::*`.
    Glob,
    /// `pub use path`.
    Reexport,
}

/// What was read from all files.
#[derive(Default)]
pub struct Reading {
    pub mentions: Vec<Mention>,
    pub modules: Vec<String>,
    /// (module, name, path): an import, a rename or a type alias.
    pub imports: Vec<(String, String, Path)>,
    pub globs: Vec<(String, Path)>,
    pub items: Vec<(String, String)>,
    pub refusals: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Module,
    Body,
    Attribute,
}

/// Keywords after which a path may begin; `crate`, `self`, `super` and `Self` begin one.
const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "dyn", "else", "enum", "extern", "fn", "for", "if",
    "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "static", "struct",
    "trait", "type", "unsafe", "use", "where", "while", "yield",
];

const ITEMS: &[&str] = &[
    "struct", "enum", "union", "trait", "fn", "const", "static", "type",
];

impl Reading {
    /// Reads `source`, which is `module` of its crate.
    pub fn add(&mut self, source: &Source, module: &str) {
        self.modules.push(module.to_owned());
        match source.text.parse::<TokenStream>() {
            Ok(tokens) => Reader {
                file: &source.path,
                out: self,
            }
            .read(tokens, module, Place::Module),
            Err(error) => self
                .refusals
                .push(format!("{}: does not read as Rust: {error}", source.path)),
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    out: &'a mut Reading,
}

impl Reader<'_> {
    fn read(&mut self, tokens: TokenStream, module: &str, place: Place) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = self.step(&tokens, at, module, place);
        }
    }

    /// Reads what begins at `at` and says where the next thing begins.
    fn step(&mut self, tokens: &[TokenTree], at: usize, module: &str, place: Place) -> usize {
        match (&tokens[at], tokens.get(at + 1), tokens.get(at + 2)) {
            (TokenTree::Punct(hash), Some(TokenTree::Group(group)), _) if hash.as_char() == '#' => {
                self.attribute(group.stream(), module);
                at + 2
            }
            (TokenTree::Ident(word), _, _) if word == "use" => match self.import(tokens, at, module) {
                Some(next) => next,
                None => at + 1,
            },
            (TokenTree::Ident(word), Some(TokenTree::Ident(name)), Some(TokenTree::Group(body)))
                if word == "mod" =>
            {
                let inner = self.module(module, name);
                self.read(body.stream(), &inner, Place::Module);
                at + 3
            }
            (TokenTree::Ident(word), Some(TokenTree::Ident(name)), _) if word == "mod" => {
                self.module(module, name);
                if self.file == "src/main.rs" {
                    self.refuse(
                        name,
                        "`mod` in main.rs makes a second copy of a module; src/lib.rs declares them",
                    );
                }
                at + 2
            }
            (TokenTree::Ident(word), Some(TokenTree::Ident(name)), _)
                if word == "extern" && name == "crate" =>
            {
                self.refuse(
                    name,
                    "`extern crate` is forbidden: it names a crate where no path shows it",
                );
                at + 2
            }
            // `pub(in crate::above)` is no dependency.
            (TokenTree::Ident(word), Some(TokenTree::Group(scope)), _)
                if word == "pub" && first_word(&scope.stream()).is_some_and(|w| w == "in") =>
            {
                at + 2
            }
            (TokenTree::Ident(word), Some(TokenTree::Ident(name)), _)
                if place == Place::Module && ITEMS.iter().any(|i| word == i) =>
            {
                self.out.items.push((module.to_owned(), plain(name)));
                if word == "type" {
                    let end = tokens[at..]
                        .iter()
                        .position(|t| is_punct(t, ';'))
                        .map_or(tokens.len(), |n| at + n);
                    for (path, ..) in paths(&tokens[at + 2..end]) {
                        self.out.imports.push((module.to_owned(), plain(name), path));
                    }
                }
                // `const fn name` goes on at `fn`.
                at + if KEYWORDS.iter().any(|k| name == k) { 1 } else { 2 }
            }
            (TokenTree::Group(group), ..) => {
                self.read(
                    group.stream(),
                    module,
                    if place == Place::Attribute {
                        place
                    } else {
                        Place::Body
                    },
                );
                at + 1
            }
            (TokenTree::Literal(literal), ..) => {
                if place == Place::Attribute {
                    self.path_in_string(&literal.to_string(), literal.span().start().line, module);
                }
                at + 1
            }
            _ => match path_at(tokens, at) {
                Some((path, line, next)) => {
                    let form = if tokens.get(next).is_some_and(|t| is_punct(t, '!')) {
                        Form::Macro
                    } else {
                        Form::Plain
                    };
                    if path.segments.len() > 1 || path.absolute {
                        self.mention(module, path, line, form);
                    } else if form == Form::Macro && path.segments[0] == "include" {
                        let path = Path {
                            absolute: true,
                            segments: vec!["std".into(), "include".into()],
                        };
                        self.mention(module, path, line, form);
                    }
                    next
                }
                None => at + 1,
            },
        }
    }

    fn module(&mut self, outer: &str, name: &Ident) -> String {
        let inner = format!("{outer}::{}", plain(name));
        self.out.modules.push(inner.clone());
        inner
    }

    fn attribute(&mut self, tokens: TokenStream, module: &str) {
        match first_word(&tokens) {
            Some(word) if word == "doc" => return,
            Some(word) if (word == "path" || word == "cfg_attr") && sets_path(&tokens) => {
                self.refuse(
                    &word,
                    "`#[path]` is forbidden: a module's file is where its name says",
                );
            }
            _ => {}
        }
        self.read(tokens, module, Place::Attribute);
    }

    /// `#[serde(with = "crate::a::b")]` is a path too.
    fn path_in_string(&mut self, literal: &str, line: usize, module: &str) {
        let text = literal.trim_matches('"');
        if text.contains("::") && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            let tokens: Vec<TokenTree> = text.parse::<TokenStream>().into_iter().flatten().collect();
            for (path, ..) in paths(&tokens) {
                self.mention(module, path, line, Form::Plain);
            }
        }
    }

    /// Reads `use …;` and says what follows it; nothing if it is another `use`, as in `impl Trait + use<'a>`.
    fn import(&mut self, tokens: &[TokenTree], at: usize, module: &str) -> Option<usize> {
        let end = at + tokens[at..].iter().position(|t| is_punct(t, ';'))?;
        let item: syn::ItemUse = syn::parse2(tokens[at..=end].iter().cloned().collect()).ok()?;
        let public = at > 0 && matches!(&tokens[at - 1], TokenTree::Ident(word) if word == "pub");
        let start = Path {
            absolute: item.leading_colon.is_some(),
            segments: Vec::new(),
        };
        self.import_tree(&item.tree, start, module, public);
        Some(end + 1)
    }

    fn import_tree(&mut self, tree: &UseTree, mut path: Path, module: &str, public: bool) {
        let (last, name, line) = match tree {
            UseTree::Path(step) => {
                path.segments.push(plain(&step.ident));
                return self.import_tree(&step.tree, path, module, public);
            }
            UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.import_tree(tree, path.clone(), module, public));
            }
            UseTree::Glob(glob) => {
                self.out.globs.push((module.to_owned(), path.clone()));
                return self.mention(module, path, glob.star_token.spans[0].start().line, Form::Glob);
            }
            UseTree::Name(name) => (plain(&name.ident), None, name.ident.span().start().line),
            UseTree::Rename(name) => (
                plain(&name.ident),
                Some(plain(&name.rename)),
                name.ident.span().start().line,
            ),
        };
        if last != "self" || path.segments.is_empty() {
            path.segments.push(last);
        }
        let name = name.or_else(|| path.segments.last().cloned()).unwrap_or_default();
        self.out.imports.push((module.to_owned(), name, path.clone()));
        self.mention(
            module,
            path,
            line,
            if public { Form::Reexport } else { Form::Plain },
        );
    }

    fn mention(&mut self, module: &str, path: Path, line: usize, form: Form) {
        let (file, module) = (self.file.to_owned(), module.to_owned());
        self.out.mentions.push(Mention {
            file,
            line,
            module,
            path,
            form,
        });
    }

    fn refuse(&mut self, at: &Ident, text: &str) {
        self.out
            .refusals
            .push(format!("{}:{}: {text}", self.file, at.span().start().line));
    }
}

/// Every path among `tokens`, single names included, with its line.
pub fn paths(tokens: &[TokenTree]) -> Vec<(Path, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let TokenTree::Group(group) = &tokens[at] {
            found.extend(paths(&group.stream().into_iter().collect::<Vec<_>>()));
        }
        at = match path_at(tokens, at) {
            Some((path, line, next)) => {
                found.push((path, line));
                next
            }
            None => at + 1,
        };
    }
    found
}

/// The path that begins at `at`, its line, and where it ends.
fn path_at(tokens: &[TokenTree], at: usize) -> Option<(Path, usize, usize)> {
    let absolute = is_colons(tokens, at);
    let mut next = if absolute { at + 2 } else { at };
    let line = tokens.get(next)?.span().start().line;
    let mut segments = Vec::new();
    while let Some(TokenTree::Ident(word)) = tokens.get(next) {
        if segments.is_empty() && KEYWORDS.iter().any(|k| word == k) {
            return None;
        }
        segments.push(plain(word));
        next += 1;
        match tokens.get(next + 2) {
            Some(TokenTree::Ident(_)) if is_colons(tokens, next) => next += 2,
            _ => break,
        }
    }
    (!segments.is_empty()).then_some((Path { absolute, segments }, line, next))
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let joint = matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':' && p.spacing() == Spacing::Joint);
    joint && tokens.get(at + 1).is_some_and(|t| is_punct(t, ':'))
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == wanted)
}

/// The name without `r#`.
fn plain(word: &Ident) -> String {
    word.to_string().trim_start_matches("r#").to_owned()
}

fn first_word(tokens: &TokenStream) -> Option<Ident> {
    match tokens.clone().into_iter().next() {
        Some(TokenTree::Ident(word)) => Some(word),
        _ => None,
    }
}

/// Whether `path = …` stands among the tokens of an attribute, `cfg_attr(…)` included.
fn sets_path(tokens: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(word) => word == "path" && tokens.get(at + 1).is_some_and(|t| is_punct(t, '=')),
        TokenTree::Group(group) => group.delimiter() == Delimiter::Parenthesis && sets_path(&group.stream()),
        _ => false,
    })
}
