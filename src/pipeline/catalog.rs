//! Catalog versions: from a file to the active one, and from the active one to what appliers project with.

pub mod activate;
pub mod dry_run;

use std::sync::Arc;

use tollgate_domain::catalog::{Catalog, parse};
use tollgate_domain::schedule::PROJECTION;
use tollgate_store::{Ended, Store, StoreError};

use crate::telemetry::metric::{self, PLAIN};

/// The active catalog, parsed once for each activation.
#[derive(Default)]
pub struct Active {
    number: i64,
    /// `None`: this version cannot project the active pair, or there is none.
    catalog: Option<Arc<Catalog>>,
    /// Nobody is left of an older activation.
    ended: bool,
}

impl Active {
    /// Its number and itself. `None`: there is none, or this version cannot project it: another one can, and does.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn read(&mut self, store: &Store) -> Result<Option<(i64, Arc<Catalog>)>, StoreError> {
        let Some(active) = store.active().await? else {
            return Ok(None);
        };
        if self.number != active.number {
            let ours = active.projection == PROJECTION;
            let catalog = parse(&active.source).ok().filter(|_| ours).map(Arc::new);
            if catalog.is_none() {
                tracing::warn!(
                    activation = active.number,
                    projection = active.projection,
                    ours = PROJECTION,
                    "this version cannot project what is active; it leaves that to one that can, and serves reads"
                );
            }
            *self = Active {
                number: active.number,
                catalog,
                ended: false,
            };
        }
        metric::PROJECTS.set(PLAIN, self.catalog.is_some());
        Ok(self.catalog.clone().map(|catalog| (active.number, catalog)))
    }

    /// Writes down that everybody has followed, if so; once it is known to be, nothing more is asked.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn end(&mut self, store: &Store) -> Result<(), StoreError> {
        if self.ended {
            return Ok(());
        }
        let ended = store.end_reprojection(self.number).await?;
        if ended == Some(Ended::Now) {
            tracing::info!(
                activation = self.number,
                "every customer has followed the active catalog"
            );
        }
        self.ended = ended.is_some();
        Ok(())
    }
}
