//! What a command does once, without a service that stays.

use anyhow::{Context, Result};
use rand::TryRngCore;
use rand::rngs::OsRng;
use tollgate_store::Store;

use super::store_settings;
use crate::api::grpc::auth::entry::Entry;
use crate::config::{Config, ConfigError, LogFormat};
use crate::telemetry::{self, Collector};

/// Begins to write the log, and to give spans to the collector if there is one, as the settings say.
///
/// # Errors
/// The collector's address is none.
pub fn log(config: &Config) -> Result<()> {
    let collector = Some(&config.otlp_endpoint)
        .filter(|endpoint| !endpoint.is_empty())
        .map(|endpoint| Collector {
            endpoint: endpoint.clone(),
            ratio: config.trace_sample_ratio,
        });
    let json = config.log_format == LogFormat::Json;
    telemetry::begin(&config.log, json, std::io::stderr, collector.as_ref())
        .map_err(|error| ConfigError(error).into())
}

/// Brings the database to this version's schema.
///
/// # Errors
/// The database is not usable; the text says what to do.
pub async fn migrate(config: &Config) -> Result<()> {
    let store = Store::connect(&store_settings(config)?).await?;
    let migrated = store.migrate().await;
    store.close().await;
    Ok(migrated?)
}

/// A new token, and the line that lets its bearer in.
///
/// # Errors
/// The name, a scope or a prefix is none; or the system has no randomness.
pub fn new_token(name: &str, scopes: &[String], customers: &[String]) -> Result<(String, String)> {
    let mut random = [0; 32];
    OsRng
        .try_fill_bytes(&mut random)
        .context("the system has no randomness")?;
    Ok(Entry::with_token(name, scopes, customers, random).map_err(ConfigError)?)
}
