//! Every setting: where it comes from, what it defaults to, and what is wrong with it.
//!
//! The environment (`TOLLGATE_` and the name in capitals) beats the file. A name that nobody knows is an error. Whatever is
//! secret may be in a file of its own, which is read again while the service runs.

#[cfg(test)]
mod document;
mod origin;
mod setting;
#[cfg(test)]
mod tests;
mod value;

use std::path::{Path, PathBuf};

use tollgate_domain::time::Span;

pub use origin::{Origin, Origins};
pub use setting::Config;
pub use value::{ClientCertificate, LogFormat, Secret};

use setting::SETTINGS;

const PREFIX: &str = "TOLLGATE_";

/// Variables with our prefix that tests, the demo and the calling commands read by themselves.
const NOT_SETTINGS: &[&str] = &[
    "address",
    "token",
    "postgres",
    "stripe_corpus",
    "test_database_url",
    "test_outage_seconds",
    "call_ca",
    "call_cert",
    "call_key",
    "tools",
];

/// Settings that cannot be used; the text names the setting and what to do. The process ends with code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads the environment over the file over the defaults.
    ///
    /// # Errors
    /// A file that is not there, a name nobody knows, a value that cannot be one; all that is wrong at once.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let mut layers = vec![];
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                ConfigError(format!(
                    "the configuration file {} cannot be read: {error}",
                    path.display()
                ))
            })?;
            layers.push(origin::file(path, &text)?);
        }
        layers.push(origin::environment(std::env::vars_os())?);
        let config = origin::merge(layers)?;
        Ok(config)
    }

    /// A setting that a flag of the command line gave.
    pub fn from_command_line(&mut self, name: &str) {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) {
            self.origins.insert(setting.name, Origin::CommandLine);
        }
    }

    /// All that is in force and where it is from, as TOML; no secret is in it. `explained`: with what each means.
    pub fn effective(&self, explained: bool) -> String {
        let mut text = String::new();
        let mut group = "";
        for setting in SETTINGS {
            if setting.group != group {
                group = setting.group;
                text += &format!("\n# {group}\n");
            }
            if explained {
                text += &format!("#{} ({})\n", setting.doc, setting.kind);
            }
            let shown = self.shown(setting.name);
            let origin = self.origins.get(setting.name);
            text += &match (shown.as_str(), origin) {
                ("", _) => format!("# {} is not set\n", setting.name),
                (_, None) => format!("{} = {shown}  # default\n", setting.name),
                (_, Some(origin)) => format!("{} = {shown}  # {origin}\n", setting.name),
            };
        }
        text.trim_start().to_owned()
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
            "TOLLGATE_CALLERS is not set: who may call; `tollgate token create NAME` prints a token and its line (on a \
             laptop: --insecure-no-auth)",
        );
        need(
            !self.insecure_no_auth || self.grpc_listen.ip().is_loopback(),
            "--insecure-no-auth works on a loopback address only: set TOLLGATE_GRPC_LISTEN=127.0.0.1:50051, or callers",
        );
        need(
            self.stripe_requests_per_second.is_none_or(|it| it >= 8),
            "TOLLGATE_STRIPE_REQUESTS_PER_SECOND is less than 8: then checkouts would wait behind everything else",
        );
        need(
            self.tls_certificate_file.is_some() == self.tls_key_file.is_some(),
            "TOLLGATE_TLS_CERTIFICATE_FILE and TOLLGATE_TLS_KEY_FILE go together: set both, or neither",
        );
        need(
            self.tls_client_ca_file.is_none() || self.tls_certificate_file.is_some(),
            "TOLLGATE_TLS_CLIENT_CA_FILE is of use with TLS only: set TOLLGATE_TLS_CERTIFICATE_FILE and \
             TOLLGATE_TLS_KEY_FILE too",
        );
        need(
            self.tls_client_certificate == ClientCertificate::Optional || self.tls_client_ca_file.is_some(),
            "TOLLGATE_TLS_CLIENT_CERTIFICATE=required needs TOLLGATE_TLS_CLIENT_CA_FILE: who signs the certificates",
        );
        let text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        need(
            !text(&self.jwt_jwks) || (text(&self.jwt_issuer) && text(&self.jwt_audience)),
            "TOLLGATE_JWT_JWKS needs TOLLGATE_JWT_ISSUER and TOLLGATE_JWT_AUDIENCE: without them a token that was made \
             for another service would be good here",
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
        for (name, span) in [
            ("CHECKPOINT_INTERVAL", self.checkpoint_interval),
            ("RELOAD_INTERVAL", self.reload_interval),
            ("STRIPE_DEADLINE", self.stripe_deadline),
            ("IDLE_TIMEOUT", self.idle_timeout),
            ("STALL_TIMEOUT", self.stall_timeout),
        ] {
            need(span > Span::ZERO, &format!("TOLLGATE_{name} must be more than 0"));
        }
        need(
            self.webhook_body_limit >= 1 << 16,
            "TOLLGATE_WEBHOOK_BODY_LIMIT must be at least 65536: a larger event would be refused again and again",
        );
        need(
            self.stripe_account
                .as_ref()
                .is_none_or(|account| account.starts_with("acct_")),
            "TOLLGATE_STRIPE_ACCOUNT must be an acct_…, as the dashboard shows it",
        );
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        need(
            (1..=64).contains(&self.deployment.len()) && self.deployment.chars().all(plain),
            "TOLLGATE_DEPLOYMENT must be 1 to 64 of a-z A-Z 0-9 _ . - as in `production`: it is stamped on what is made at \
             Stripe",
        );
        need(
            self.catalog_generation.is_none_or(|number| number >= 0),
            "TOLLGATE_CATALOG_GENERATION must be 0 or more: the number of the release, as Helm counts them",
        );
        need(
            self.brake_percent <= 100,
            "TOLLGATE_BRAKE_PERCENT must be from 0 to 100: 5 is the default",
        );
        for (name, url) in [
            ("STRIPE_BASE_URL", Some(&self.stripe_base_url)),
            ("OTLP_ENDPOINT", Some(&self.otlp_endpoint)),
            ("JWT_JWKS", self.jwt_jwks.as_ref()),
        ] {
            let text = format!("TOLLGATE_{name} must not hold a user or password: it is printed");
            need(!url.is_some_and(|url| names_a_user(url)), &text);
        }
        need(
            self.max_connections > 0 && self.max_guest_streams > 0,
            "TOLLGATE_MAX_CONNECTIONS and TOLLGATE_MAX_GUEST_STREAMS must be more than 0: probes and callers connect",
        );
        need(
            self.database_connections > 0,
            "TOLLGATE_DATABASE_CONNECTIONS must be more than 0: 10 is the default",
        );
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ConfigError(wrong.join("\n")))
        }
    }
}

/// Whether a URL has more than a host between `//` and the path.
fn names_a_user(url: &str) -> bool {
    let authority = url
        .split_once("://")
        .map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    authority.is_some_and(|authority| authority.contains('@'))
}

/// This program's own file, to be started again as a supervisor.
///
/// # Errors
/// The system does not tell.
pub fn this_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}
