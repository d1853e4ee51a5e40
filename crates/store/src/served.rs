//! What was answered at an instant that is over.

use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::Schedule;
use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{Store, StoreError};

/// What held at an instant.
#[derive(Clone, Debug)]
pub enum Served {
    /// Nothing is kept of it: what is begins here.
    Before(Timestamp),
    At {
        /// Of the catalog that was active; `None`: none was.
        catalog: Option<String>,
        /// The customer's last revision until then, and since when it held; `None`: nothing was ever heard of the customer.
        schedule: Option<(Schedule, Timestamp)>,
    },
}

impl Store {
    /// What held for a customer at an instant that is over.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn served(&self, customer: &CustomerId, at: Timestamp) -> Result<Served, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"
                select
                    (select (extract(epoch from written_at) * 1000000)::bigint from feed order by number limit 1) as since,
                    (select source from activation a join catalog_version v on v.hash = a.hash
                        where (extract(epoch from activated_at) * 1000000)::bigint <= $2
                        order by number desc limit 1) as source,
                    f.schedule as "schedule?", f.at as "at?"
                from (select) one
                left join lateral (
                    select schedule, coalesce(as_of, (extract(epoch from written_at) * 1000000)::bigint) as at from feed
                    where customer = $1 and coalesce(as_of, (extract(epoch from written_at) * 1000000)::bigint) <= $2
                    order by number desc limit 1) f on true
                "#,
                customer.as_str(),
                at.0
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        match row.since.map(Timestamp) {
            Some(since) if since <= at => {}
            since => return Ok(Served::Before(since.unwrap_or(Timestamp::MAX))),
        }
        let broken = |_| StoreError::Other("a revision of a customer cannot be read".to_owned());
        let told = row.schedule.map(serde_json::from_value).transpose();
        Ok(Served::At {
            catalog: row.source,
            schedule: told.map_err(broken)?.zip(row.at.map(Timestamp)),
        })
    }
}
