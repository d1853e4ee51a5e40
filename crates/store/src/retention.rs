//! What is forgotten because it is old.

use tollgate_domain::time::Span;

use crate::error::retried;
use crate::{Store, StoreError};

impl Store {
    /// Forgets the bodies of what came longer ago than this, by the database's clock, and is finished: `limit` of them at
    /// most, the oldest first. What waits or was given up keeps its own. Returns how many.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn forget_bodies(&self, older_than: Span, limit: i64) -> Result<u64, StoreError> {
        let forgotten = retried(|| async {
            sqlx::query!(
                "with old as (
                     select seq from inbox
                     where octet_length(body) > 0 and state in ('applied', 'ignored')
                         and received_at < now() - make_interval(secs => $1::bigint / 1000000.0)
                     order by received_at limit $2 for update skip locked)
                 update inbox i set body = '' from old where i.seq = old.seq",
                older_than.0,
                limit
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        Ok(forgotten.rows_affected())
    }
}
