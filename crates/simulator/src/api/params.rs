//! Form-encoded, nested parameters, each of which has to be read: what is left over is refused by name.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::core::calendar::LAST_INSTANT;
use crate::core::{Fault, MetadataChange};

/// Characters of any text.
const LONGEST_TEXT: usize = 5_000;

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Map(Vec<(String, Node)>),
}

/// One level of parameters.
#[derive(Debug)]
pub struct Params {
    /// `line_items[0]`; empty at the top.
    at: String,
    fields: Vec<(String, Node)>,
    /// What `finish` will say: what is unknown is told of first.
    deferred: Vec<Fault>,
}

/// Levels are read by recursion, so a request must not choose how many.
const DEEPEST: usize = 16;

impl Params {
    /// # Errors
    /// A key that is both a value and a level, or too deep.
    pub fn parse(form: &str) -> Result<Params, Fault> {
        let mut fields = Vec::new();
        for (key, value) in url::form_urlencoded::parse(form.as_bytes()) {
            let steps: Vec<&str> = key.split('[').map(|step| step.trim_end_matches(']')).collect();
            if steps.len() > DEEPEST {
                let message =
                    format!("Invalid request: parameters are nested at most {DEEPEST} levels deep.");
                return Err(Fault::invalid(message).early());
            }
            put(&mut fields, &steps, value.into_owned()).ok_or_else(|| {
                Fault::invalid(format!("Invalid request: '{key}' is given in two ways."))
                    .param(&*key)
                    .early()
            })?;
        }
        Ok(Params {
            at: String::new(),
            fields,
            deferred: Vec::new(),
        })
    }

    /// # Errors
    /// No JSON object.
    pub fn of_json(body: &str) -> Result<Params, Fault> {
        let refuse = || Fault::invalid("Invalid request: the body has to be a JSON object.").early();
        let body = if body.is_empty() { "{}" } else { body };
        match serde_json::from_str(body).map(node) {
            Ok(Some(Node::Map(fields))) => Ok(Params {
                at: String::new(),
                fields,
                deferred: Vec::new(),
            }),
            _ => Err(refuse()),
        }
    }

    /// # Errors
    /// A level instead of a value.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Node::Text(text)) if text.chars().count() > LONGEST_TEXT => {
                let message = format!("Invalid string: must be at most {LONGEST_TEXT} characters");
                Err(Fault::invalid(message).param(self.name(name)).early())
            }
            Some(Node::Text(text)) => Ok(Some(text)),
            Some(Node::Map(_)) => Err(Fault::invalid("Invalid string: it has to be a single value")
                .param(self.name(name))
                .early()),
        }
    }

    /// What [`Params::text`] would take.
    pub fn peek(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|(field, node)| match node {
            Node::Text(text) if field == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// Whether it is an empty text, which takes a list or an object away; it is read then.
    pub fn clears(&mut self, name: &str) -> bool {
        self.peek(name) == Some("") && self.take(name).is_some()
    }

    /// Whether it is there and was not read yet.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// Whether it is there on this level or within one below.
    pub fn mentions(&self, name: &str) -> bool {
        fn within(fields: &[(String, Node)], name: &str) -> bool {
            fields.iter().any(|(field, node)| match node {
                _ if field == name => true,
                Node::Map(inner) => within(inner, name),
                Node::Text(_) => false,
            })
        }
        within(&self.fields, name)
    }

    /// The value, or an empty text, of which `finish` will tell: what is unknown is told of first.
    ///
    /// # Errors
    /// A level instead of a value.
    pub fn required(&mut self, name: &str) -> Result<String, Fault> {
        match self.text(name)? {
            None => self.missing(name),
            Some(text) if text.is_empty() => {
                let fault = self.empty(name);
                self.deferred.push(fault);
            }
            Some(text) => return Ok(text),
        }
        Ok(String::new())
    }

    /// A currency in lower case, three letters: docs.stripe.com/currencies
    pub fn currency(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let given = self.text(name)?;
        given.map(|text| self.as_currency(name, &text)).transpose()
    }

    /// The same, as [`Params::required`].
    pub fn required_currency(&mut self, name: &str) -> Result<String, Fault> {
        let given = self.required(name)?;
        if given.is_empty() {
            return Ok(given);
        }
        self.as_currency(name, &given)
    }

    fn as_currency(&self, name: &str, text: &str) -> Result<String, Fault> {
        let currency = text.to_lowercase();
        if currency.len() == 3 && currency.bytes().all(|it| it.is_ascii_lowercase()) {
            return Ok(currency);
        }
        let message = format!("Invalid currency: {currency}. A currency is three letters of ISO 4217.");
        Err(Fault::invalid(message).param(self.name(name)).early())
    }

    /// Lets `finish` refuse the request for want of this.
    pub fn missing(&mut self, name: &str) {
        let name = self.name(name);
        let fault = Fault::invalid(format!("Missing required param: {name}."));
        self.deferred
            .push(fault.code("parameter_missing").param(name).early());
    }

    /// Nothing where something has to be: nothing would unset it.
    fn empty(&self, name: &str) -> Fault {
        let name = self.name(name);
        let message = format!(
            "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; \
             however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty \
             value."
        );
        Fault::invalid(message)
            .code("parameter_invalid_empty")
            .param(name)
            .early()
    }

    /// # Errors
    /// Not an integer.
    pub fn integer<N: std::str::FromStr>(&mut self, name: &str) -> Result<Option<N>, Fault> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let fault = Fault::invalid(format!("Invalid integer: {text}"));
            fault
                .code("parameter_invalid_integer")
                .param(self.name(name))
                .early()
        })
    }

    /// # Errors
    /// Neither `true` nor `false`.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("") => Err(self.empty(name)),
            // Stripe's own SDK for Python wrote them with a capital before version 12.
            Some("true" | "True") => Ok(Some(true)),
            Some("false" | "False") => Ok(Some(false)),
            Some(other) => Err(Fault::invalid(format!("Invalid boolean: {other}"))
                .param(self.name(name))
                .early()),
        }
    }

    /// One of some words.
    ///
    /// # Errors
    /// Another word.
    pub fn one_of<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*value));
        }
        if text.is_empty() {
            return Err(self.empty(name));
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let name = self.name(name);
        let message = format!("Invalid {name}: must be {}", alternatives(&known));
        Err(Fault::invalid(message).param(name).early())
    }

    /// One of some words, as it is.
    ///
    /// # Errors
    /// Another word.
    pub fn word(&mut self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Fault> {
        let words: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
        self.one_of(name, &words)
    }

    /// A level below this one; whoever takes it has to `finish` it.
    ///
    /// # Errors
    /// A value instead of a level.
    pub fn level(&mut self, name: &str) -> Result<Option<Params>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Node::Map(fields)) => Ok(Some(Params {
                at: self.name(name),
                fields,
                deferred: Vec::new(),
            })),
            Some(Node::Text(_)) => Err(Fault::invalid("Invalid object").param(self.name(name)).early()),
        }
    }

    /// The levels of a list.
    ///
    /// # Errors
    /// Not a list of levels.
    pub fn levels(&mut self, name: &str) -> Result<Vec<Params>, Fault> {
        let Some(mut list) = self.level(name)? else {
            return Ok(Vec::new());
        };
        let names: Vec<String> = list.fields.iter().map(|(name, _)| name.clone()).collect();
        names
            .iter()
            .filter_map(|name| list.level(name).transpose())
            .collect()
    }

    /// The values of a list.
    ///
    /// # Errors
    /// Not a list of values.
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, Fault> {
        let Some(mut list) = self.level(name)? else {
            return Ok(Vec::new());
        };
        let names: Vec<String> = list.fields.iter().map(|(name, _)| name.clone()).collect();
        names
            .iter()
            .filter_map(|name| list.text(name).transpose())
            .collect()
    }

    /// An instant in unix seconds.
    ///
    /// # Errors
    /// Not an integer, or none that a calendar has.
    pub fn instant(&mut self, name: &str) -> Result<Option<i64>, Fault> {
        let at = self.integer(name)?;
        if at.is_some_and(|at| !(0..=LAST_INSTANT).contains(&at)) {
            let message = format!("Invalid timestamp: must be between 0 and {LAST_INSTANT}.");
            return Err(Fault::invalid(message).param(self.name(name)).early());
        }
        Ok(at)
    }

    /// An instant, or a range of them: `created=1`, `created[gte]=1&created[lt]=9`. Unix seconds.
    ///
    /// # Errors
    /// Not an integer; a bound that is none.
    pub fn instants(&mut self, name: &str) -> Result<RangeInclusive<i64>, Fault> {
        if self.peek(name).is_some() {
            let at = self.integer(name)?.unwrap_or_default();
            return Ok(at..=at);
        }
        let (mut from, mut to) = (i64::MIN, i64::MAX);
        if let Some(mut bounds) = self.level(name)? {
            from = bounds.integer("gte")?.unwrap_or(from);
            let after = bounds.integer("gt")?.map(|it: i64| it.saturating_add(1));
            from = from.max(after.unwrap_or(from));
            to = bounds.integer("lte")?.unwrap_or(to);
            let before = bounds.integer("lt")?.map(|it: i64| it.saturating_sub(1));
            to = to.min(before.unwrap_or(to));
            bounds.finish()?;
        }
        Ok(from..=to)
    }

    /// `metadata`, within Stripe's limits.
    ///
    /// # Errors
    /// Too many keys, or too long ones.
    pub fn metadata(&mut self) -> Result<MetadataChange, Fault> {
        let mut change = MetadataChange::default();
        let name = self.name("metadata");
        match self.take("metadata") {
            None => {}
            Some(Node::Text(text)) if text.is_empty() => change.clear = true,
            Some(Node::Text(_)) => return Err(Fault::invalid("Invalid object").param(name).early()),
            Some(Node::Map(fields)) => {
                for (key, value) in fields {
                    let Node::Text(value) = value else {
                        let message = "Metadata values have to be strings.";
                        return Err(Fault::invalid(message).param(format!("{name}[{key}]")).early());
                    };
                    for (what, text, most) in [("key", &key, 40), ("value", &value, 500)] {
                        let length = text.chars().count();
                        if length > most {
                            let message = format!(
                                "Metadata {what}s can have up to {most} characters, but you passed in a {what} that is \
                                 {length} characters. Invalid {what}: {text}"
                            );
                            return Err(Fault::invalid(message).param(name).early());
                        }
                    }
                    change.set.insert(key, value);
                }
                if change.set.len() > 50 {
                    let message = "Metadata can have up to 50 keys.";
                    return Err(Fault::invalid(message).param(name).early());
                }
            }
        }
        Ok(change)
    }

    /// Parameters that Stripe has and the simulator has not.
    ///
    /// # Errors
    /// One of them is there.
    pub fn not_simulated(&mut self, names: &[&str]) -> Result<(), Fault> {
        match names.iter().find(|name| self.has(name)) {
            None => Ok(()),
            Some(name) => {
                let name = self.name(name);
                Err(Fault::not_simulated(&format!("the parameter `{name}`")).param(name))
            }
        }
    }

    /// # Errors
    /// Something was not read: Stripe does not know it. Something required was not there.
    pub fn finish(&self) -> Result<(), Fault> {
        let names: Vec<String> = self.fields.iter().map(|(name, _)| self.name(name)).collect();
        if let Some(first) = names.first() {
            let plural = if names.len() > 1 { "s" } else { "" };
            let message = format!("Received unknown parameter{plural}: {}", names.join(", "));
            return Err(Fault::invalid(message)
                .code("parameter_unknown")
                .param(first)
                .early());
        }
        self.deferred.first().map_or(Ok(()), |fault| Err(fault.clone()))
    }

    /// As the request spells it.
    pub fn name(&self, name: &str) -> String {
        if self.at.is_empty() {
            name.to_owned()
        } else {
            format!("{}[{name}]", self.at)
        }
    }

    fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.fields.iter().position(|(field, _)| field == name)?;
        Some(self.fields.remove(at).1)
    }
}

/// `None`: null, which is as good as not there.
fn node(json: Value) -> Option<Node> {
    let fields = |all: &mut dyn Iterator<Item = (String, Value)>| {
        let known = all.filter_map(|(name, value)| Some((name, node(value)?)));
        Node::Map(known.collect())
    };
    match json {
        Value::Null => None,
        Value::String(text) => Some(Node::Text(text)),
        Value::Object(all) => Some(fields(&mut all.into_iter())),
        Value::Array(all) => {
            let named = all.into_iter().enumerate();
            Some(fields(&mut named.map(|(at, value)| (at.to_string(), value))))
        }
        scalar => Some(Node::Text(scalar.to_string())),
    }
}

/// `None`: a value where a level is, or the other way round. `[]` appends; `[][a]` goes on with the last element until
/// it has an `a`, as Rack reads it.
fn put(fields: &mut Vec<(String, Node)>, steps: &[&str], value: String) -> Option<()> {
    let (step, rest) = steps.split_first()?;
    let step = match (step.is_empty(), rest.first()) {
        (false, _) => (*step).to_owned(),
        (true, Some(next)) if fields.last().is_some_and(|(_, last)| last.lacks(next)) => {
            fields.last()?.0.clone()
        }
        (true, _) => fields.len().to_string(),
    };
    let at = fields.iter().position(|(name, _)| *name == step);
    if rest.is_empty() {
        match at {
            None => fields.push((step, Node::Text(value))),
            Some(at) if matches!(fields[at].1, Node::Text(_)) => fields[at].1 = Node::Text(value),
            Some(_) => return None,
        }
        return Some(());
    }
    let at = at.unwrap_or_else(|| {
        fields.push((step, Node::Map(Vec::new())));
        fields.len() - 1
    });
    match &mut fields[at].1 {
        Node::Map(inner) => put(inner, rest, value),
        Node::Text(_) => None,
    }
}

impl Node {
    fn lacks(&self, name: &str) -> bool {
        matches!(self, Node::Map(fields) if fields.iter().all(|(field, _)| field != name))
    }
}

/// `a`, `one of a or b`, `one of a, b, or c`.
fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [one, other] => format!("one of {one} or {other}"),
        [all @ .., last] => format!("one of {}, or {last}", all.join(", ")),
    }
}
