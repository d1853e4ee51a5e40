//! Catalog versions: from a file to the active one, and from the active one to what appliers project with.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tollgate_domain::catalog::{Catalog, CatalogError, parse};
use tollgate_store::{Activation, Store, StoreError};

/// Why a catalog is not active.
#[derive(Debug, thiserror::Error)]
pub enum NotActive {
    /// All its faults, in the order of their lines.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Broken(Vec<CatalogError>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a catalog the active one; the active one again changes nothing.
///
/// # Errors
/// It is broken, its generation is older than the active one's, or the database is not available.
pub async fn activate(store: &Store, yaml: &str, generation: Option<i64>) -> Result<Activation, NotActive> {
    parse(yaml).map_err(NotActive::Broken)?;
    let activation = store.activate(yaml, &hash(yaml), generation).await?;
    // Only a hint.
    let _ = store.notify_feed().await;
    Ok(activation)
}

/// Looked through for a catalog that a newer one has replaced.
const HISTORY: i64 = 50;

/// As [`activate`], for a process that starts with a file: one that was replaced by a newer one is not brought back, or
/// the restart of an old process would undo a roll-out. The process then serves the active one.
///
/// # Errors
/// The catalog is broken, or the database is not available.
pub async fn activate_at_start(store: &Store, yaml: &str, generation: Option<i64>) -> Result<(), NotActive> {
    let outdated = match generation {
        Some(_) => false,
        None => store
            .activations(HISTORY)
            .await?
            .iter()
            .skip(1)
            .any(|earlier| earlier.hash == hash(yaml)),
    };
    let refused = if outdated {
        parse(yaml).map_err(NotActive::Broken)?;
        "a newer one has replaced it; `tollgate catalog apply` would bring it back".to_owned()
    } else {
        match activate(store, yaml, generation).await {
            Ok(_) => return Ok(()),
            Err(NotActive::Store(StoreError::Schema(older))) => older,
            Err(error) => return Err(error),
        }
    };
    tracing::warn!(
        why = refused,
        "the catalog given at the start is not made the active one"
    );
    Ok(())
}

fn hash(yaml: &str) -> String {
    Sha256::digest(yaml)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The active catalog, parsed once for each activation.
#[derive(Default)]
pub struct Active(Option<(i64, Arc<Catalog>)>);

impl Active {
    /// Its number and itself; `None`: there is none.
    ///
    /// # Errors
    /// The database is not available, or the active catalog is one that this binary cannot read: another one can.
    pub async fn read(&mut self, store: &Store) -> Result<Option<(i64, Arc<Catalog>)>, StoreError> {
        let Some(active) = store.active().await? else {
            return Ok(None);
        };
        if self.0.as_ref().is_none_or(|(number, _)| *number != active.number) {
            let catalog = parse(&active.source).map_err(|_| {
                StoreError::Schema(
                    "the active catalog cannot be read by this version: run a newer tollgate".into(),
                )
            })?;
            self.0 = Some((active.number, Arc::new(catalog)));
        }
        Ok(self.0.clone())
    }
}
