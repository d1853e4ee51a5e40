//! Where settings come from: a TOML file, the environment, and files with secrets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use super::setting::{Config, SETTINGS, Setting};
use super::value::Raw;
use super::{ConfigError, NOT_SETTINGS, PREFIX};

/// Where one setting's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    File(PathBuf),
    Variable(String),
    CommandLine,
    /// The value is this file's content, read again while the service runs. `by` is what named it.
    SecretFile {
        path: PathBuf,
        by: String,
    },
}

/// By the setting's name; what is not named is at its default.
pub type Origins = BTreeMap<&'static str, Origin>;

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Variable(name) => f.write_str(name),
            Origin::CommandLine => f.write_str("command line"),
            Origin::SecretFile { path, by } => write!(f, "{} ({by})", path.display()),
        }
    }
}

/// One value as it was given. A later layer beats an earlier one.
struct Given {
    raw: Raw,
    origin: Origin,
    /// The value is the path of a file that holds it.
    as_file: bool,
}

/// A source of values; within one a setting can be given once.
type Layer = Vec<(String, Raw, Origin)>;

/// Puts the layers over the defaults.
pub(super) fn merge(layers: Vec<Layer>) -> Result<Config, ConfigError> {
    let mut wrong = vec![];
    let mut merged: BTreeMap<&'static str, Given> = BTreeMap::new();
    for layer in layers {
        let mut here: BTreeMap<&'static str, Given> = BTreeMap::new();
        for (name, raw, origin) in layer {
            let Some((setting, as_file)) = find(&name) else {
                wrong.push(unknown(&name, &origin));
                continue;
            };
            let given = Given { raw, origin, as_file };
            if here.insert(setting.name, given).is_some() {
                let name = setting.name;
                wrong.push(format!(
                    "both `{name}` and `{name}_file` are given: only one can hold"
                ));
            }
        }
        merged.append(&mut here);
    }
    let mut config = Config::default();
    for (name, given) in merged {
        if let Err(text) = config.take(name, given) {
            wrong.push(text);
        }
    }
    if wrong.is_empty() {
        Ok(config)
    } else {
        Err(ConfigError(wrong.join("\n")))
    }
}

impl Config {
    fn take(&mut self, name: &'static str, given: Given) -> Result<(), String> {
        let Given { raw, origin, as_file } = given;
        let (raw, origin) = if as_file {
            let by = origin.to_string();
            let Raw::String(path) = raw else {
                return Err(format!("setting `{name}_file` (from {by}) must be a path"));
            };
            let path = PathBuf::from(path);
            let text = read(&path).map_err(|why| format!("setting `{name}_file` (from {by}): {why}"))?;
            (Raw::String(text), Origin::SecretFile { path, by })
        } else {
            (raw, origin)
        };
        self.assign(name, &raw)
            .map_err(|why| format!("setting `{name}` (from {origin}) {why}"))?;
        self.origins.insert(name, origin);
        Ok(())
    }

    /// The settings whose value is a file's content are read again. What cannot be read keeps its value, and is told.
    pub fn reread(&self) -> (Config, Vec<(&'static str, ConfigError)>) {
        let (mut config, mut wrong) = (self.clone(), vec![]);
        for (name, origin) in &self.origins {
            let Origin::SecretFile { path, .. } = origin else {
                continue;
            };
            let taken = read(path).and_then(|text| config.assign(name, &Raw::String(text)));
            if let Err(why) = taken {
                wrong.push((*name, ConfigError(format!("setting `{name}_file`: {why}"))));
            }
        }
        (config, wrong)
    }
}

/// More than any secret; the callers of a large company fit.
const MAX_SECRET_FILE: u64 = 1 << 20;

fn read(path: &Path) -> Result<String, String> {
    let name = path.display();
    let about = std::fs::metadata(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
    if !about.is_file() || about.len() > MAX_SECRET_FILE {
        return Err(format!("{name} is no file of at most {MAX_SECRET_FILE} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
    match text.trim() {
        "" => Err(format!("{name} is empty")),
        text => Ok(text.to_owned()),
    }
}

fn find(name: &str) -> Option<(&'static Setting, bool)> {
    let named = |name: &str| SETTINGS.iter().find(|setting| setting.name == name);
    named(name).map(|setting| (setting, false)).or_else(|| {
        let setting = named(name.strip_suffix("_file")?)?;
        setting.secret.then_some((setting, true))
    })
}

fn unknown(name: &str, origin: &Origin) -> String {
    let known = SETTINGS
        .iter()
        .flat_map(|setting| {
            let file = setting.secret.then(|| format!("{}_file", setting.name));
            [Some(setting.name.to_owned()), file]
        })
        .flatten();
    let nearest = known
        .map(|known| (strsim::damerau_levenshtein(name, &known), known))
        .min();
    let hint = match nearest {
        Some((distance, near)) if distance <= 4 => match origin {
            Origin::Variable(_) => format!("; did you mean {PREFIX}{}?", near.to_uppercase()),
            _ => format!("; did you mean `{near}`?"),
        },
        _ => "; `tollgate config` prints all that exist".to_owned(),
    };
    match origin {
        Origin::Variable(variable) => format!("unknown setting {variable}{hint}"),
        _ => format!("unknown setting `{name}` (from {origin}){hint}"),
    }
}

/// The TOML file's values. Its text is never quoted: it holds secrets.
pub(super) fn file(path: &Path, text: &str) -> Result<Layer, ConfigError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        ConfigError(format!("{}: line {line} is not TOML", path.display()))
    })?;
    let values = table.into_iter().map(|(name, value)| {
        let raw = serde_json::to_value(value).unwrap_or_default();
        (name, raw, Origin::File(path.to_owned()))
    });
    Ok(values.collect())
}

/// What Kubernetes puts into pods beside a Service that is called `tollgate`.
fn is_service_link(name: &str, value: &OsStr) -> bool {
    let of_a_port = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    name == "service_host"
        || name.starts_with("service_port")
        || name.strip_prefix("port_").is_some_and(of_a_port)
        // A person writes only a number there, and is told.
        || (name == "port" && value.to_string_lossy().contains("://"))
}

/// The variables with our prefix; an empty one is as if it were not there.
pub(super) fn environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Layer, ConfigError> {
    let mut layer = vec![];
    for (variable, value) in variables {
        let Some(variable) = variable.to_str() else {
            continue;
        };
        let Some(name) = variable.strip_prefix(PREFIX).map(str::to_lowercase) else {
            continue;
        };
        if NOT_SETTINGS.contains(&name.as_str()) || is_service_link(&name, &value) || value.is_empty() {
            continue;
        }
        let Ok(text) = value.into_string() else {
            return Err(ConfigError(format!("{variable} is no UTF-8 text")));
        };
        layer.push((name, Raw::String(text), Origin::Variable(variable.to_owned())));
    }
    Ok(layer)
}
