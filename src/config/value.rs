//! How single values are written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error};
use tollgate_domain::time::Span;

/// Text that is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for who uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Nothing, or only spaces.
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "(empty)" } else { "(redacted)" })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        text(from).map(Secret)
    }
}

/// The environment gives numbers as numbers; here they are text.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        _ => Err(D::Error::custom("must be text")),
    }
}

/// Several, separated by commas, or a list.
pub fn list<'de, D: Deserializer<'de>, T: From<String>>(from: D) -> Result<Vec<T>, D::Error> {
    match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) if text.trim().is_empty() => Ok(vec![]),
        serde_json::Value::String(text) => Ok(text
            .split(',')
            .map(|part| part.trim().to_owned().into())
            .collect()),
        serde_json::Value::Array(parts) => parts
            .into_iter()
            .map(|part| part.as_str().map(|text| text.to_owned().into()))
            .collect::<Option<_>>()
            .ok_or_else(|| D::Error::custom("must be a list of texts")),
        _ => Err(D::Error::custom("must be a list, or texts separated by commas")),
    }
}

/// Text of several lines; a list is one line for each.
pub fn lines<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => Ok(Secret(text)),
        serde_json::Value::Array(lines) => {
            let lines: Option<Vec<&str>> = lines.iter().map(serde_json::Value::as_str).collect();
            let lines = lines.ok_or_else(|| D::Error::custom("must be a list of texts"))?;
            Ok(Secret(lines.join("\n")))
        }
        _ => Err(D::Error::custom("must be text, or a list of texts")),
    }
}

/// `250ms`, `5s`, `10m`, `2h`, `14d`.
pub fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
    let written = text(from)?;
    let digits = written
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(written.len());
    let parsed = written[..digits]
        .parse::<i64>()
        .ok()
        .filter(|n| *n < 100_000_000)
        .and_then(|n| match &written[digits..] {
            "ms" => Some(Span(n * 1_000)),
            "s" => Some(Span::seconds(n)),
            "m" => Some(Span::minutes(n)),
            "h" => Some(Span::hours(n)),
            "d" => Some(Span::days(n)),
            _ => None,
        });
    parsed.ok_or_else(|| D::Error::custom(format!("`{written}` is no span; write 250ms, 5s, 10m, 2h or 14d")))
}
