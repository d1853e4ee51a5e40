//! Every setting: where it comes from, what it defaults to, and what is wrong with it.
//!
//! The environment (`TOLLGATE_` and the name in capitals) beats the file. A name that nobody knows is an error.

mod value;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Env, Format, Toml};
use figment::{Figment, Profile};
use serde::Deserialize;
use tollgate_domain::time::Span;

pub use value::{Secret, list, span};

const PREFIX: &str = "TOLLGATE_";

/// Variables with our prefix that tests, the demo and the calling commands read by themselves.
const NOT_SETTINGS: &[&str] = &[
    "address",
    "token",
    "postgres",
    "stripe_corpus",
    "test_database_url",
    "tools",
];

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Postgres 15 or newer, as a URL.
    pub database_url: Option<Secret>,
    /// `sk_…` or a restricted `rk_…` key.
    pub stripe_secret_key: Option<Secret>,
    /// The endpoint's `whsec_…`; several while one is rolled.
    #[serde(deserialize_with = "list")]
    pub stripe_webhook_secrets: Vec<Secret>,
    /// The catalog's YAML file, applied at start. Without it the active version stays.
    pub catalog: Option<PathBuf>,
    /// Of the release that brings the catalog: an older one's is not made active any more. Without it a catalog that a newer
    /// one has replaced is not brought back by a restart.
    pub catalog_generation: Option<i64>,
    /// Who may call: `name=sha256-of-token` each.
    #[serde(deserialize_with = "list")]
    pub callers: Vec<Secret>,

    /// Lets everybody call; only on a loopback address.
    pub insecure_no_auth: bool,
    pub grpc_listen: SocketAddr,
    pub webhook_listen: SocketAddr,
    /// Health and metrics, without authentication: never public.
    pub ops_listen: SocketAddr,
    /// Stamped on Stripe's objects: several environments may share one account.
    pub deployment: String,
    /// Where a checkout or the portal may return to, by beginning of the URL; empty: any https URL.
    #[serde(deserialize_with = "list")]
    pub return_urls: Vec<String>,

    pub stripe_base_url: String,
    /// For one call of Stripe, retries included.
    #[serde(deserialize_with = "span")]
    pub stripe_deadline: Span,
    /// How old a webhook's signature may be.
    #[serde(deserialize_with = "span")]
    pub webhook_tolerance: Span,
    /// In bytes.
    pub webhook_body_limit: usize,
    /// How long an object must be quiet before it is fetched once more to confirm it.
    #[serde(deserialize_with = "span")]
    pub confirm_after: Span,
    /// Between two checkpoints of a watch.
    #[serde(deserialize_with = "span")]
    pub checkpoint_interval: Span,
    pub database_connections: u32,

    /// Between "not ready" and `Closing` to watchers: until balancers have noticed.
    #[serde(deserialize_with = "span")]
    pub drain_delay: Span,
    /// From then on, until what is left is cut.
    #[serde(deserialize_with = "span")]
    pub drain_deadline: Span,
    pub log_format: LogFormat,
    /// As in `RUST_LOG`.
    pub log: String,
    /// Where spans go over OTLP/gRPC, as `http://collector:4317`; empty: nowhere.
    pub otlp_endpoint: String,
    /// Which share of traces that begin here is followed, 0 to 1; what a caller follows always is.
    pub trace_sample_ratio: f64,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Human,
    Json,
}

impl Default for Config {
    fn default() -> Config {
        let everywhere = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        Config {
            database_url: None,
            stripe_secret_key: None,
            stripe_webhook_secrets: vec![],
            catalog: None,
            catalog_generation: None,
            callers: vec![],
            insecure_no_auth: false,
            grpc_listen: everywhere(50051),
            webhook_listen: everywhere(8080),
            ops_listen: everywhere(9090),
            deployment: "default".into(),
            return_urls: vec![],
            stripe_base_url: "https://api.stripe.com".into(),
            stripe_deadline: Span::seconds(20),
            webhook_tolerance: Span::seconds(300),
            webhook_body_limit: 1 << 20,
            confirm_after: Span::seconds(10),
            checkpoint_interval: Span::seconds(5),
            database_connections: 10,
            drain_delay: Span::seconds(5),
            drain_deadline: Span::seconds(20),
            log_format: LogFormat::Human,
            log: "info".into(),
            otlp_endpoint: String::new(),
            trace_sample_ratio: 0.01,
        }
    }
}

/// Settings that cannot be used; the text names the setting and what to do. The process ends with code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads the environment over the file over the defaults.
    ///
    /// # Errors
    /// A file that is not there, a name nobody knows, a value that cannot be one.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError(format!(
                    "there is no configuration file {}",
                    file.display()
                )));
            }
            figment = figment.merge(Toml::file_exact(file).profile(Profile::Default));
        }
        figment = figment.merge(
            Env::prefixed(PREFIX)
                .ignore(NOT_SETTINGS)
                .profile(Profile::Default),
        );
        let config: Config = figment.extract().map_err(|error| ConfigError(explain(&error)))?;
        if config.stripe_base_url.contains('@') {
            return Err(ConfigError(
                "TOLLGATE_STRIPE_BASE_URL must not hold a user or password".into(),
            ));
        }
        Ok(config)
    }

    /// What `serve` cannot do without.
    ///
    /// # Errors
    /// Names every setting that is missing or cannot be as it is.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut wrong = vec![];
        let mut need = |present: bool, what: &str| {
            if !present {
                wrong.push(what.to_owned());
            }
        };
        let set = |secret: &Option<Secret>| secret.as_ref().is_some_and(|secret| !secret.is_empty());
        need(
            set(&self.database_url),
            "TOLLGATE_DATABASE_URL is not set: postgres://user:password@host/database",
        );
        need(
            set(&self.stripe_secret_key),
            "TOLLGATE_STRIPE_SECRET_KEY is not set: a key sk_… or rk_… of your Stripe account",
        );
        need(
            !self.stripe_webhook_secrets.is_empty()
                && !self.stripe_webhook_secrets.iter().any(Secret::is_empty),
            "TOLLGATE_STRIPE_WEBHOOK_SECRETS is empty: the whsec_… of your webhook endpoint; without it anybody could \
             send events",
        );
        need(
            self.insecure_no_auth || !self.callers.is_empty(),
            "TOLLGATE_CALLERS is not set: who may call, as name=sha256-of-token separated by commas (on a laptop: \
             --insecure-no-auth)",
        );
        need(
            !self.insecure_no_auth || self.grpc_listen.ip().is_loopback(),
            "--insecure-no-auth works on a loopback address only: set TOLLGATE_GRPC_LISTEN=127.0.0.1:50051, or callers",
        );
        need(
            self.webhook_tolerance > Span::ZERO,
            "TOLLGATE_WEBHOOK_TOLERANCE must be more than 0, or old events could be replayed",
        );
        need(
            self.otlp_endpoint.is_empty() || self.otlp_endpoint.starts_with("http://"),
            "TOLLGATE_OTLP_ENDPOINT must be like http://collector:4317: TLS to the outside is the collector's",
        );
        need(
            (0.0..=1.0).contains(&self.trace_sample_ratio),
            "TOLLGATE_TRACE_SAMPLE_RATIO must be from 0 to 1",
        );
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ConfigError(wrong.join("\n")))
        }
    }
}

/// This program's own file, to be started again as a supervisor.
///
/// # Errors
/// The system does not tell.
pub fn this_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

fn explain(error: &figment::Error) -> String {
    let lines = error.clone().into_iter().map(|error| {
        let from = error
            .metadata
            .as_ref()
            .map_or(String::new(), |from| format!(" (from {})", from.name));
        match &error.kind {
            Kind::UnknownField(name, known) => {
                let near = known
                    .iter()
                    .map(|k| (strsim::damerau_levenshtein(name, k), k))
                    .min();
                let hint = near
                    .filter(|(distance, _)| *distance <= 4)
                    .map_or(String::new(), |(_, near)| format!("; did you mean `{near}`?"));
                let variable = format!("{PREFIX}{}", name.to_uppercase());
                format!("unknown setting `{name}`{from}, as a variable {variable}{hint}")
            }
            // The value itself may be a secret.
            Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) => {
                format!("setting `{}`{from} must be {wanted}", error.path.join("."))
            }
            // Its further lines quote the file, and the file holds secrets.
            Kind::Message(text) if error.path.is_empty() => {
                format!("{}{from}", text.lines().next().unwrap_or_default())
            }
            kind => format!("setting `{}`{from}: {kind}", error.path.join(".")),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(toml: &str) -> Result<Config, ConfigError> {
        Figment::from(Toml::string(toml))
            .extract()
            .map_err(|error| ConfigError(explain(&error)))
    }

    #[test]
    fn an_unknown_setting_is_refused_with_the_closest_known_one() {
        let text = from("catalogue = 'x.yaml'").unwrap_err().to_string();
        assert!(
            text.contains("unknown setting `catalogue`") && text.contains("did you mean `catalog`?"),
            "{text}"
        );
    }

    #[test]
    fn lists_come_from_commas_and_spans_from_words() {
        let config = from("stripe_webhook_secrets = 'whsec_a, whsec_b'\ndrain_delay = '250ms'").unwrap();
        assert_eq!(config.stripe_webhook_secrets.len(), 2);
        assert_eq!(config.drain_delay, Span(250_000));
        assert!(
            from("drain_delay = 'soon'")
                .unwrap_err()
                .to_string()
                .contains("drain_delay")
        );
    }

    #[test]
    fn what_serve_needs_is_named_all_at_once() {
        let text = Config::default().check().unwrap_err().to_string();
        for name in [
            "DATABASE_URL",
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRETS",
            "CALLERS",
        ] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn an_empty_webhook_secret_is_refused() {
        let config = from("stripe_webhook_secrets = 'whsec_a,'").unwrap();
        assert!(
            config
                .check()
                .unwrap_err()
                .to_string()
                .contains("STRIPE_WEBHOOK_SECRETS is empty")
        );
    }

    #[test]
    fn no_secret_is_printed() {
        let config =
            from("stripe_secret_key = 'sk_test_hidden'\ndatabase_url = 'postgres://u:hidden@h/d'").unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_quoted() {
        let text = from("stripe_secret_key = sk_live_hidden")
            .unwrap_err()
            .to_string();
        assert!(text.contains("line 1") && !text.contains("hidden"), "{text}");
    }

    #[test]
    fn everybody_may_call_on_loopback_only() {
        let text = from("insecure_no_auth = true")
            .unwrap()
            .check()
            .unwrap_err()
            .to_string();
        assert!(text.contains("loopback"), "{text}");
    }
}
