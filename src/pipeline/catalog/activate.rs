//! From a file to the active pair of catalog and rules, past the brake.

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tollgate_domain::brake::Brake;
use tollgate_domain::catalog::{Catalog, CatalogError, parse};
use tollgate_domain::clock::Clock;
use tollgate_domain::schedule::{PROJECTION, Summary};
use tollgate_domain::time::Timestamp;
use tollgate_store::{Activation, By, Hold, Store, StoreError, Wanted};

use super::dry_run::dry_run;

/// Why a catalog is not active.
#[derive(Debug, thiserror::Error)]
pub enum NotActive {
    /// All its faults, in the order of their lines.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Broken(Vec<CatalogError>),
    #[error("the confirmation is of another catalog: {0} was confirmed, and this one is {1}")]
    OtherConfirmed(String, String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Active(Activation),
    /// The brake holds it, and the one before stays active.
    Held(Held),
}

/// What the brake holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Names the pair; who confirms says it.
    pub name: String,
    pub summary: Summary,
}

/// What somebody confirmed.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// As [`Held::name`].
    pub name: String,
    pub by: By,
}

/// What a confirmation of a pair must say.
#[must_use]
pub fn name(hash: &str, projection: i32) -> String {
    format!("{}-{projection}", hash.get(..12).unwrap_or(hash))
}

/// Who activates.
#[derive(Clone, Copy)]
pub struct Activator<'a> {
    pub store: &'a Store,
    pub brake: Brake,
    /// Of the release.
    pub generation: Option<i64>,
    /// Whether a process of this version is ready, so that its rules may become the active ones.
    pub ready: bool,
}

impl Activator<'_> {
    /// Makes a catalog the active one, unless it would take too much from too many; the active one again changes nothing.
    ///
    /// # Errors
    /// It is broken, its generation is older than the active one's, or the database is not available.
    pub async fn activate(
        &self,
        yaml: &str,
        confirmed: Option<&Confirmed>,
        now: Timestamp,
    ) -> Result<Outcome, NotActive> {
        let catalog = parse(yaml).map_err(NotActive::Broken)?;
        let hash = hash(yaml);
        let wanted = Wanted {
            source: yaml,
            hash: &hash,
            generation: self.generation,
            projection: PROJECTION,
            ready: self.ready,
            confirmed: confirmed.map(|it| &it.by),
        };
        // Again, while somebody else is faster.
        loop {
            let active = self.store.active().await?;
            let over = active.as_ref().map_or(0, |active| active.number);
            let Some(would) = self.store.would_activate(&wanted, over).await? else {
                continue;
            };
            let name = name(&would.hash, would.projection);
            if let Some(Confirmed { name: other, .. }) = confirmed.filter(|it| it.name != name) {
                return Err(NotActive::OtherConfirmed(other.clone(), name));
            }
            if let Some(active) = &active
                && active.number != would.number
                && confirmed.is_none()
                && let Some(summary) = self.held(active, &catalog, now).await?
            {
                let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
                let hold = Hold {
                    hash: would.hash,
                    projection: would.projection,
                    losing: count(summary.losing),
                    touched: count(summary.touched),
                };
                self.store.hold(&hold).await?;
                return Ok(Outcome::Held(Held { name, summary }));
            }
            if let Some(active) = self.store.activate(&wanted, Some(over)).await? {
                // Only a hint.
                let _ = self.store.notify_feed().await;
                return Ok(Outcome::Active(active));
            }
        }
    }

    async fn held(
        &self,
        active: &Activation,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Result<Option<Summary>, StoreError> {
        let old = parse(&active.source).ok();
        let quiet = |_: &_, _: &_| Ok::<_, StoreError>(());
        let summary = dry_run(self.store, old.as_ref(), catalog, now, quiet).await?;
        let held = self.brake.holds(summary.losing, summary.touched);
        Ok(held.then_some(summary))
    }

    /// As [`Activator::activate`], for a process that starts: with a file, or else with the active catalog and its own
    /// rules. A file that was replaced by a newer one is not brought back, or the restart of an old process would undo a
    /// roll-out. What stays is served.
    ///
    /// # Errors
    /// The catalog is broken, or the database is not available.
    pub async fn activate_at_start(&self, yaml: Option<&str>, now: Timestamp) -> Result<(), NotActive> {
        let refused = match yaml {
            Some(yaml) if self.generation.is_none() && self.is_replaced(yaml).await? => {
                parse(yaml).map_err(NotActive::Broken)?;
                Some("a newer one has replaced it; `tollgate catalog apply` would bring it back".to_owned())
            }
            Some(yaml) => match self.activate(yaml, None, now).await {
                Ok(outcome) => {
                    told(&outcome);
                    return Ok(());
                }
                Err(NotActive::Store(StoreError::Schema(older))) => Some(older),
                Err(error) => return Err(error),
            },
            None => None,
        };
        if let Some(why) = refused {
            tracing::warn!(why, "the catalog given at the start is not made the active one");
        }
        // What is active may still be projected by older rules than ours.
        let Some(active) = self.store.active().await? else {
            return Ok(());
        };
        match self.activate(&active.source, None, now).await {
            Ok(outcome) => told(&outcome),
            // A newer version wrote it, and projects it.
            Err(NotActive::Broken(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn is_replaced(&self, yaml: &str) -> Result<bool, StoreError> {
        let hash = hash(yaml);
        let mut latest = self.store.activations(HISTORY).await?.into_iter();
        let active = latest.next();
        Ok(active.is_some_and(|active| active.hash != hash) && latest.any(|earlier| earlier.hash == hash))
    }
}

/// Looked through for a catalog that a newer one has replaced.
const HISTORY: i64 = 50;

fn told(outcome: &Outcome) {
    match outcome {
        Outcome::Active(active) => {
            tracing::info!(
                activation = active.number,
                name = name(&active.hash, active.projection),
                "the catalog is active"
            );
        }
        Outcome::Held(Held { name, summary }) => tracing::error!(
            name,
            losing = summary.losing,
            touched = summary.touched,
            "the brake holds the catalog: too many would lose something; the one before stays active. `tollgate catalog diff` \
             shows who, `tollgate catalog apply --confirm` lets it pass"
        ),
    }
}

/// For a process that has begun: once it is `ready`, its catalog and its rules become the active ones. Says so to `done`.
pub async fn when_ready(
    activator: Activator<'_>,
    yaml: Option<String>,
    clock: Clock,
    mut ready: tokio::sync::watch::Receiver<bool>,
    done: tokio::sync::watch::Sender<bool>,
    stop: CancellationToken,
) {
    let work = async {
        // Nobody to be ready any more: the process ends.
        if ready.wait_for(|ready| *ready).await.is_err() {
            return;
        }
        let mut pause = std::time::Duration::from_millis(100);
        while let Err(error) = activator.activate_at_start(yaml.as_deref(), clock.now()).await {
            tracing::warn!(%error, again_in = ?pause, "the catalog is not active");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(std::time::Duration::from_secs(10));
        }
        done.send_replace(true);
    };
    stop.run_until_cancelled(work).await;
    // A station that ends unasked ends the process.
    stop.cancelled().await;
}

fn hash(yaml: &str) -> String {
    Sha256::digest(yaml)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
