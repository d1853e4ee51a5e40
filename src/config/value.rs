//! How single values are written and read.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use tollgate_domain::time::Span;

/// A value as the environment (text) or a TOML file gave it.
pub(super) type Raw = serde_json::Value;

/// What a setting can be.
pub(super) trait Value: Sized {
    /// For people.
    const KIND: &'static str;
    /// Whether it is never printed.
    const SECRET: bool = false;

    /// The text says how it must be; it does not repeat what was given, which may be a secret.
    fn read(raw: &Raw) -> Result<Self, String>;

    /// As TOML.
    fn shown(&self) -> String;
}

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

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

/// Whether connections need a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    Optional,
    Required,
}

fn text(raw: &Raw) -> Option<String> {
    match raw {
        Raw::String(text) => Some(text.clone()),
        Raw::Number(number) => Some(number.to_string()),
        Raw::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// A value that is text read by its type's own parser.
macro_rules! parsed {
    ($($type:ty: $kind:literal, $shown:literal;)+) => {$(
        impl Value for $type {
            const KIND: &'static str = $kind;

            fn read(raw: &Raw) -> Result<Self, String> {
                text(raw).and_then(|text| text.trim().parse().ok()).ok_or_else(|| format!("must be {}", Self::KIND))
            }

            fn shown(&self) -> String {
                format!($shown, self)
            }
        }
    )+};
}

parsed! {
    bool: "true or false", "{}";
    u32: "a number", "{}";
    i64: "a number", "{}";
    usize: "a number", "{}";
    SocketAddr: "an address like 0.0.0.0:9090", "\"{}\"";
}

/// Text as TOML: JSON's escapes are TOML's too, but for DEL.
fn quoted(text: &str) -> String {
    Raw::from(text).to_string().replace('\u{7f}', "\\u007f")
}

impl Value for String {
    const KIND: &'static str = "text";

    fn read(raw: &Raw) -> Result<Self, String> {
        let text = text(raw).ok_or_else(|| format!("must be {}", Self::KIND))?;
        Ok(text.trim().to_owned())
    }

    fn shown(&self) -> String {
        quoted(self)
    }
}

impl Value for f64 {
    const KIND: &'static str = "a number like 0.01";

    fn read(raw: &Raw) -> Result<Self, String> {
        let number = text(raw).and_then(|text| text.trim().parse::<f64>().ok());
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| format!("must be {}", Self::KIND))
    }

    fn shown(&self) -> String {
        // With its point or exponent: a whole number of TOML has 64 bits.
        format!("{self:?}")
    }
}

impl Value for PathBuf {
    const KIND: &'static str = "a path";

    fn read(raw: &Raw) -> Result<Self, String> {
        String::read(raw).map(PathBuf::from)
    }

    fn shown(&self) -> String {
        quoted(&self.display().to_string())
    }
}

impl Value for Secret {
    const KIND: &'static str = "text";
    const SECRET: bool = true;

    /// A list is a line for each.
    fn read(raw: &Raw) -> Result<Self, String> {
        if let Raw::Array(_) = raw {
            return Vec::<String>::read(raw).map(|lines| Secret(lines.join("\n")));
        }
        String::read(raw).map(Secret)
    }

    fn shown(&self) -> String {
        format!("\"{self:?}\"")
    }
}

/// A value that is one of some words.
macro_rules! words {
    ($($type:ident: $kind:literal, $($word:literal => $variant:ident),+;)+) => {$(
        impl Value for $type {
            const KIND: &'static str = $kind;

            fn read(raw: &Raw) -> Result<Self, String> {
                match text(raw).as_deref() {
                    $(Some($word) => Ok($type::$variant),)+
                    _ => Err(format!("must be {}", Self::KIND)),
                }
            }

            fn shown(&self) -> String {
                match self {
                    $($type::$variant => format!("{:?}", $word),)+
                }
            }
        }
    )+};
}

words! {
    LogFormat: "human or json", "human" => Human, "json" => Json;
    ClientCertificate: "optional or required", "optional" => Optional, "required" => Required;
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;
    const SECRET: bool = T::SECRET;

    fn read(raw: &Raw) -> Result<Self, String> {
        T::read(raw).map(Some)
    }

    fn shown(&self) -> String {
        self.as_ref().map_or(String::new(), T::shown)
    }
}

/// A list, or texts separated by commas or lines; a `#` at a word's begin starts a comment.
impl<T: Value> Value for Vec<T> {
    const KIND: &'static str = "a list, or texts separated by commas";
    const SECRET: bool = T::SECRET;

    fn read(raw: &Raw) -> Result<Self, String> {
        let read = |raw: &Raw| T::read(raw).map_err(|_| format!("must be {}", Self::KIND));
        match raw {
            Raw::String(text) => text
                .lines()
                .flat_map(|line| uncommented(line).split(','))
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| read(&Raw::from(part)))
                .collect(),
            Raw::Array(parts) => parts.iter().map(read).collect(),
            _ => Err(format!("must be {}", Self::KIND)),
        }
    }

    fn shown(&self) -> String {
        let parts: Vec<String> = self.iter().map(T::shown).collect();
        format!("[{}]", parts.join(", "))
    }
}

fn uncommented(line: &str) -> &str {
    let starts = |(at, _): &(usize, &str)| line[..*at].chars().last().is_none_or(char::is_whitespace);
    line.match_indices('#')
        .find(starts)
        .map_or(line, |(at, _)| &line[..at])
}

impl Value for Span {
    const KIND: &'static str = "a span like 250ms, 5s, 10m, 2h or 14d";

    fn read(raw: &Raw) -> Result<Self, String> {
        let written = text(raw).unwrap_or_default();
        let digits = written
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(written.len());
        let (number, unit) = written.split_at(digits);
        let number = number.parse::<i64>().ok().filter(|n| *n < 100_000_000);
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        match (number, unit) {
            (Some(number), Some((_, micros))) => Ok(Span(number * micros)),
            _ => Err(format!("must be {}", Self::KIND)),
        }
    }

    fn shown(&self) -> String {
        let (unit, micros) = UNITS
            .iter()
            .find(|(_, micros)| self.0 % micros == 0)
            .unwrap_or(&("ms", 1_000));
        format!("\"{}{unit}\"", self.0 / micros)
    }
}

/// The largest first.
const UNITS: &[(&str, i64)] = &[
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
];
