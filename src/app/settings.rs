//! Each station's own settings, out of all of them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use arc_swap::ArcSwap;
use secrecy::SecretString;
use tollgate_domain::brake::Brake;
use tollgate_domain::time::Span;
use tollgate_stripe::signature::Secrets;
use tollgate_stripe::{Asked, Client, NotSent, Outcome, Priority};

use super::steer;
use crate::api::grpc::auth::Callers;
use crate::api::grpc::auth::entry::{self, Proof};
use crate::api::grpc::auth::jwt::{self, Jwt, Place, Source};
use crate::api::grpc::listen::tls::{Clients, Files, Tls, Which};
use crate::api::{grpc, webhook};
use crate::config::{ClientCertificate, Config, ConfigError, Secret};
use crate::telemetry::metric::{self, PLAIN};
use crate::{commands, feed, pipeline};

/// For who only needs the database.
///
/// # Errors
/// It is not set.
pub fn store_settings(config: &Config) -> Result<tollgate_store::Settings> {
    let url = config
        .database_url
        .as_ref()
        .filter(|url| !url.is_empty())
        .ok_or_else(|| {
            ConfigError("TOLLGATE_DATABASE_URL is not set: postgres://user:password@host/database".into())
        })?;
    let direct_url = config.database_direct_url.as_ref();
    for (name, url) in [("DATABASE_URL", Some(url)), ("DATABASE_DIRECT_URL", direct_url)] {
        let parsed = url.map(|url| url::Url::parse(url.expose()).ok());
        let postgres = |url: url::Url| matches!(url.scheme(), "postgres" | "postgresql") && url.has_host();
        if parsed.is_some_and(|url| !url.is_some_and(postgres)) {
            let text =
                format!("TOLLGATE_{name} is no URL of Postgres: postgres://user:password@host/database");
            return Err(ConfigError(text).into());
        }
    }
    Ok(tollgate_store::Settings {
        url: url.expose().to_owned(),
        direct_url: direct_url.map(|url| url.expose().to_owned()),
        max_connections: config.database_connections,
    })
}

/// Whether `serve` would take all settings, as far as that can be said without asking anybody.
///
/// # Errors
/// Names what is missing or cannot be as it is.
pub fn check(config: &Config) -> Result<()> {
    config.check()?;
    for place in &config.return_urls {
        commands::check_place("TOLLGATE_RETURN_URLS", place)
            .map_err(|refused| ConfigError(format!("{refused}: `{place}`")))?;
    }
    callers(config, None)?;
    tls(config)?;
    webhook_secrets(config)?;
    store_settings(config)?;
    stripe(config)?;
    jwt_without_keys(config)?;
    Ok(())
}

/// For who only asks Stripe.
///
/// # Errors
/// The key is missing or is none.
pub fn stripe(config: &Config) -> Result<Client> {
    let client = Client::new(tollgate_stripe::Settings {
        base_url: config.stripe_base_url.clone(),
        secret_key: stripe_key(config),
        deadline: duration(config.stripe_deadline),
        requests_per_second: config.stripe_requests_per_second,
        observe: count,
    });
    Ok(client.map_err(|error| ConfigError(error.to_string()))?)
}

fn count(asked: &Asked) {
    let endpoint = asked.route.clone();
    let outcome = match asked.outcome {
        Outcome::Answered(status) => status.to_string(),
        Outcome::Unreachable => "unreachable".to_owned(),
        Outcome::Late => "late".to_owned(),
        Outcome::Abandoned => "abandoned".to_owned(),
        Outcome::NotSent(why) => {
            let why = match why {
                NotSent::Budget => "budget",
                NotSent::Breaker => "breaker",
            };
            if why == "budget" {
                metric::STRIPE_BUDGET_WAIT.record([asked.priority.as_str()], asked.waited);
            }
            let priority = asked.priority.as_str().to_owned();
            return metric::STRIPE_NOT_SENT.count([endpoint, priority, why.to_owned()]);
        }
    };
    if asked.outcome != Outcome::Abandoned {
        metric::STRIPE_DURATION.record([endpoint.clone()], asked.took);
    }
    metric::STRIPE_REQUESTS.count([endpoint, outcome]);
    metric::STRIPE_BUDGET_WAIT.record([asked.priority.as_str()], asked.waited);
}

/// How it is with the budget at this moment.
pub(super) fn tell_budget(stripe: &Client) {
    let figures = stripe.figures();
    for (priority, waiting) in Priority::ALL.into_iter().zip(figures.waiting) {
        metric::STRIPE_WAITING.set([priority.as_str()], waiting);
    }
    metric::STRIPE_BUDGET_REMAINING.set(PLAIN, figures.left.floor());
    for (endpoint, open) in figures.open {
        metric::STRIPE_BREAKER_OPEN.set([endpoint], open);
    }
}

pub(super) fn webhook(config: &Config) -> Result<webhook::Settings> {
    Ok(webhook::Settings {
        secrets: Arc::new(ArcSwap::from_pointee(webhook_secrets(config)?)),
        tolerance: config.webhook_tolerance,
        body_limit: config.webhook_body_limit,
        read_timeout: Duration::from_secs(10),
        concurrency: 256,
        unix_now: steer::unix_now,
    })
}

pub(super) fn webhook_secrets(config: &Config) -> Result<Secrets> {
    // Another kind of secret (the API key) would refuse every event.
    let is_one = |secret: &Secret| {
        secret
            .expose()
            .strip_prefix("whsec_")
            .is_some_and(|rest| !rest.is_empty())
    };
    if !config.stripe_webhook_secrets.iter().all(is_one) {
        let text =
            "TOLLGATE_STRIPE_WEBHOOK_SECRETS: each must be a whsec_… as Stripe shows it for the endpoint";
        return Err(ConfigError(text.into()).into());
    }
    let secrets = config
        .stripe_webhook_secrets
        .iter()
        .map(|secret| secret.expose().to_owned())
        .collect();
    Ok(Secrets::new(secrets).map_err(|error| ConfigError(error.to_string()))?)
}

pub(super) fn stripe_key(config: &Config) -> SecretString {
    config
        .stripe_secret_key
        .as_ref()
        .map_or("", Secret::expose)
        .to_owned()
        .into()
}

pub(super) fn pipeline(
    config: &Config,
    livemode: bool,
    account: Arc<OnceLock<String>>,
) -> pipeline::Settings {
    pipeline::Settings {
        deployment: config.deployment.clone(),
        livemode,
        account,
        confirm_after: config.confirm_after,
        keep_bodies: config.body_retention,
        reconcile_events_interval: config.reconcile_events_interval,
        reconcile_walk_interval: config.reconcile_walk_interval,
        ..pipeline::Settings::default()
    }
}

pub(super) fn brake(config: &Config) -> Brake {
    Brake {
        percent: config.brake_percent,
        at_least: config.brake_at_least,
    }
}

pub(super) fn commands(config: &Config, nudge: impl Fn() + Send + Sync + 'static) -> commands::Settings {
    commands::Settings {
        deployment: config.deployment.clone(),
        return_urls: config.return_urls.clone(),
        nudge: Some(Arc::new(nudge)),
    }
}

pub(super) fn service(config: &Config) -> grpc::service::Settings {
    grpc::service::Settings {
        checkpoint_interval: duration(config.checkpoint_interval),
        ..grpc::service::Settings::default()
    }
}

pub(super) fn listen(config: &Config) -> grpc::listen::Settings {
    grpc::listen::Settings {
        max_connections: config.max_connections,
        idle: duration(config.idle_timeout),
        stall: duration(config.stall_timeout),
        drain_deadline: duration(config.drain_deadline),
        ..grpc::listen::Settings::default()
    }
}

pub(super) fn feed(config: &Config) -> feed::Settings {
    feed::Settings {
        max_watchers_per_caller: config.max_watches_per_caller,
        ..feed::Settings::default()
    }
}

/// Who accepts JWTs, as soon as it has the issuer's keys. `None`: nobody does.
///
/// # Errors
/// The place of the keys is none.
pub fn jwt_without_keys(config: &Config) -> Result<Option<(Jwt, Place)>> {
    let Some(place) = config.jwt_jwks.as_ref().filter(|place| !place.is_empty()) else {
        return Ok(None);
    };
    let place = Place::parse(place).map_err(|error| ConfigError(format!("TOLLGATE_JWT_JWKS: {error}")))?;
    let jwt = Jwt::new(jwt::Settings {
        source: Source {
            place: place.clone(),
            ca_file: config.jwt_jwks_ca_file.clone(),
            token_file: config.jwt_jwks_token_file.clone(),
        },
        issuer: config.jwt_issuer.clone().unwrap_or_default(),
        audience: config.jwt_audience.clone().unwrap_or_default(),
        pace: jwt::Pace::default(),
    });
    Ok(Some((jwt, place)))
}

/// With the issuer's keys, as far as they can be had: a file must be there, a server may come later.
pub(super) async fn jwt(config: &Config) -> Result<Option<Jwt>> {
    let Some((jwt, place)) = jwt_without_keys(config)? else {
        return Ok(None);
    };
    match (jwt.refresh().await, place) {
        (Err(error), Place::File(_)) => {
            return Err(ConfigError(format!("TOLLGATE_JWT_JWKS: {error}")).into());
        }
        (Err(error), Place::Url(_)) => {
            tracing::error!(%error, "no JWT is accepted until its issuer's keys can be had");
        }
        (Ok(_), _) => {}
    }
    Ok(Some(jwt))
}

/// Who may call, as the settings say now.
pub(super) fn callers(config: &Config, jwt: Option<Jwt>) -> Result<Callers> {
    if config.insecure_no_auth {
        return Ok(Callers::everybody());
    }
    Ok(Callers::only(usable_callers(config)?, jwt, steer::unix_now))
}

/// The list of callers, of whom each can prove here who it is.
pub(super) fn usable_callers(config: &Config) -> Result<Vec<entry::Entry>> {
    let list = caller_list(config.callers.expose())?;
    let jwt = config.jwt_jwks.as_ref().is_some_and(|place| !place.is_empty());
    let never = list.iter().filter_map(|caller| {
        let why = match &caller.proof {
            Proof::Subject(_) if !jwt => {
                "is proven by a JWT, and no issuer of those is known: set TOLLGATE_JWT_JWKS, TOLLGATE_JWT_ISSUER and \
                 TOLLGATE_JWT_AUDIENCE"
            }
            Proof::Certificate(_) if config.tls_client_ca_file.is_none() => {
                "is proven by a client certificate, and nobody is asked for one: set TOLLGATE_TLS_CLIENT_CA_FILE, with TLS"
            }
            _ => return None,
        };
        let mend = "or give it a token (`tollgate token create`), or remove its line";
        Some(format!("TOLLGATE_CALLERS: caller `{}` {why}, {mend}", caller.name))
    });
    let never: Vec<String> = never.collect();
    if never.is_empty() {
        Ok(list)
    } else {
        Err(ConfigError(never.join("\n")).into())
    }
}

/// Reads a list of callers.
///
/// # Errors
/// It is none; the text names the place and not what is there.
pub fn caller_list(text: &str) -> Result<Vec<entry::Entry>> {
    Ok(entry::parse(text).map_err(|error| ConfigError(format!("TOLLGATE_CALLERS: {error}")))?)
}

/// The gRPC listener's.
pub(super) fn tls(config: &Config) -> Result<Option<Tls>> {
    let (Some(certificate), Some(key)) = (&config.tls_certificate_file, &config.tls_key_file) else {
        return Ok(None);
    };
    let clients = config.tls_client_ca_file.as_ref().map(|ca| Clients {
        ca: ca.clone(),
        required: config.tls_client_certificate == ClientCertificate::Required,
    });
    let tls = Tls::load(Files {
        certificate: certificate.clone(),
        key: key.clone(),
        clients,
    });
    Ok(Some(tls.map_err(|error| {
        let setting = match error.which {
            Which::Certificate => "CERTIFICATE",
            Which::Key => "KEY",
            Which::ClientCa => "CLIENT_CA",
        };
        ConfigError(format!("TOLLGATE_TLS_{setting}_FILE: {error}"))
    })?))
}

pub(super) fn duration(span: Span) -> Duration {
    Duration::from_micros(u64::try_from(span.0).unwrap_or(0))
}
