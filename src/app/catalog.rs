//! The catalog: at the start of a process, and in commands that need no service.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tollgate_domain::catalog::parse;
use tollgate_domain::clock::Clock;
use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::{Difference, PROJECTION, Summary};
use tollgate_domain::time::Timestamp;
use tollgate_store::{By, Hold, Reprojection, Store};

use super::{settings, store_settings};
use crate::config::{Config, ConfigError};
use crate::pipeline::catalog::activate::{self, Activator, Confirmed, Held, Outcome};
use crate::pipeline::catalog::dry_run::dry_run;

/// What became of a catalog that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is active, as this number.
    Active(i64),
    /// The brake holds it; who confirms says `name`.
    Held { name: String, summary: Summary },
}

/// What a confirmation of a pair must say.
#[must_use]
pub fn pair_name(hash: &str, projection: i32) -> String {
    activate::name(hash, projection)
}

/// A catalog is written by people: what is larger is another file.
pub const MAX_CATALOG: u64 = 1 << 20;

/// The YAML of a catalog file.
///
/// # Errors
/// It is no file, too large, or no text.
pub async fn read_catalog(file: &Path) -> Result<String> {
    let read = async {
        let about = tokio::fs::metadata(file).await?;
        if !about.is_file() || about.len() > MAX_CATALOG {
            bail!("it is no file of at most {MAX_CATALOG} bytes");
        }
        Ok(tokio::fs::read_to_string(file).await?)
    };
    read.await
        .with_context(|| format!("the catalog {} cannot be read", file.display()))
}

/// The catalog that the settings name, read. The very first becomes active at once: before it nobody has anything.
pub(super) async fn at_start(config: &Config, store: &Store, now: Timestamp) -> Result<Option<String>> {
    let Some(file) = &config.catalog else {
        return Ok(None);
    };
    let yaml = read_catalog(file).await;
    let yaml = yaml.map_err(|error| ConfigError(format!("TOLLGATE_CATALOG: {error:#}")))?;
    let not_active = || format!("the catalog {} is not active", file.display());
    if store.active().await?.is_none() {
        let activator = activator(config, store, false);
        activator
            .activate(&yaml, None, now)
            .await
            .with_context(not_active)?;
    } else {
        parse(&yaml)
            .map_err(activate::NotActive::Broken)
            .with_context(not_active)?;
    }
    Ok(Some(yaml))
}

/// Makes it and this version's rules the active ones, once the first of a pair says that this process is ready; tells the
/// second.
pub(super) fn when_ready(
    config: &Config,
    store: Store,
    yaml: Option<String>,
    clock: Clock,
    (ready, done): (watch::Receiver<bool>, watch::Sender<bool>),
    stop: CancellationToken,
) -> impl Future<Output = Result<()>> + Send + 'static {
    let config = config.clone();
    async move {
        let activator = activator(&config, &store, true);
        activate::when_ready(activator, yaml, clock, ready, done, stop).await;
        Ok(())
    }
}

fn activator<'a>(config: &Config, store: &'a Store, ready: bool) -> Activator<'a> {
    Activator {
        store,
        brake: settings::brake(config),
        generation: config.catalog_generation,
        ready,
    }
}

/// Makes a catalog the active one, unless the brake holds it. `confirmed`: what it held under this name passes.
///
/// # Errors
/// The catalog is none, its generation is lower than the active one's, or the database is not usable.
pub async fn apply_catalog(
    config: &Config,
    yaml: &str,
    generation: Option<i64>,
    confirmed: Option<(String, By)>,
) -> Result<Applied> {
    let confirmed = confirmed.map(|(name, by)| Confirmed { name, by });
    let confirmed = confirmed.as_ref();
    with_store(config, async |store| {
        let activator = Activator {
            generation,
            // A confirmation names the rules too, and they may be ours, which a process of this version wanted.
            ready: confirmed.is_some_and(|it| it.name.ends_with(&format!("-{PROJECTION}"))),
            ..activator(config, store, false)
        };
        let now = store.now().await?;
        let outcome = activator.activate(yaml, confirmed, now).await;
        Ok(match outcome.context("the catalog is not active")? {
            Outcome::Active(active) => {
                // Who applies the catalog that is active has given up the one that was held.
                store.withdraw_holds(&active.hash).await?;
                Applied::Active(active.number)
            }
            Outcome::Held(Held { name, summary }) => Applied::Held { name, summary },
        })
    })
    .await
}

/// What a catalog would give and take; tells `each` difference. Also whether the brake would hold it.
///
/// # Errors
/// The catalog is none, the database is not usable, or what `each` says.
pub async fn diff_catalog(
    config: &Config,
    yaml: &str,
    each: impl FnMut(&CustomerId, &Difference) -> Result<()>,
) -> Result<(Summary, bool)> {
    let catalog = parse(yaml).map_err(activate::NotActive::Broken)?;
    with_store(config, async move |store| {
        let active = store.active().await?;
        let old = active.as_ref().and_then(|active| parse(&active.source).ok());
        let summary = dry_run(store, old.as_ref(), &catalog, store.now().await?, each).await?;
        let held = active.is_some() && settings::brake(config).holds(summary.losing, summary.touched);
        Ok((summary, held))
    })
    .await
}

/// What is active, how far the customers have followed, and what the brake holds.
///
/// # Errors
/// The database is not usable.
pub async fn catalog_status(config: &Config) -> Result<(Option<Reprojection>, Vec<Hold>)> {
    with_store(config, async |store| {
        Ok((store.reprojection().await?, store.holds().await?))
    })
    .await
}

async fn with_store<T>(config: &Config, work: impl AsyncFnOnce(&Store) -> Result<T>) -> Result<T> {
    let store = Store::connect(&store_settings(config)?).await?;
    let done = async {
        store.check_schema().await?;
        work(&store).await
    };
    let done = done.await;
    store.close().await;
    done
}
