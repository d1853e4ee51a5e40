//! The feed as replicas read it.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::time::Instant;
use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::Schedule;
use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{Activation, Cause, Store, StoreError};

/// Where the feed stood when it was read, and who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Of the database cluster.
    pub system: i64,
    /// Of the feed's head.
    pub timeline: i32,
    /// Whether the server is on another timeline than the head: then somebody must open an epoch.
    pub diverged: bool,
    pub epoch: i64,
    /// The branch it came from, and the last revision that both have.
    pub parent: Option<(i64, i64)>,
    pub head: i64,
    /// A standby may be behind: it certifies nothing.
    pub in_recovery: bool,
    /// The database's clock.
    pub at: Timestamp,
}

/// One revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    pub number: i64,
    pub change: Change,
    pub cause: Cause,
}

/// What it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Customer {
        customer: CustomerId,
        schedule: Schedule,
        activation: i64,
    },
    Catalog(Activation),
    Epoch,
}

/// One customer with its last revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRow {
    pub customer: CustomerId,
    pub number: i64,
    pub schedule: Schedule,
    pub activation: i64,
}

impl Store {
    /// The revisions after a number, in order, and where the feed stood: one statement.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn poll(&self, after: i64, limit: i64) -> Result<(Position, Vec<FeedRow>), StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                r#"
                select h.number as head, h.epoch, h.timeline, e.parent, e.parent_last,
                    (select system_identifier from pg_control_system()) as "system!",
                    coalesce(wal_timeline() <> h.timeline, false) as "diverged!",
                    pg_is_in_recovery() as "in_recovery!",
                    (extract(epoch from clock_timestamp()) * 1000000)::bigint as "at!",
                    f.number as "number?", f.kind as "kind?", f.customer, f.schedule, f.activation as "activation?",
                    f.traceparent, f.accepted_at, a.hash as "hash?", a.projection as "projection?", v.source as "source?"
                from feed_head h
                join epoch e on e.id = h.epoch
                left join (select * from feed where number > $1 order by number limit $2) f on true
                left join activation a on f.kind = 'catalog' and a.number = f.activation
                left join catalog_version v on v.hash = a.hash
                order by f.number
                "#,
                after,
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let mut position = None;
        let mut feed = Vec::with_capacity(rows.len());
        for row in rows {
            position = Some(Position {
                system: row.system,
                timeline: row.timeline,
                diverged: row.diverged,
                epoch: row.epoch,
                parent: row.parent.zip(row.parent_last),
                head: row.head,
                in_recovery: row.in_recovery,
                at: Timestamp(row.at),
            });
            let Some(number) = row.number else { continue };
            let change = match row.kind.as_deref() {
                Some("customer") => customer_change(row.customer, row.schedule, row.activation),
                Some("catalog") => row
                    .activation
                    .zip(row.hash)
                    .zip(row.source.zip(row.projection))
                    .map(|((activation, hash), (source, projection))| {
                        Change::Catalog(Activation {
                            number: activation,
                            hash,
                            source,
                            projection,
                            revision: number,
                        })
                    }),
                _ => Some(Change::Epoch),
            };
            let change =
                change.ok_or_else(|| StoreError::Other(format!("revision {number} cannot be read")))?;
            feed.push(FeedRow {
                number,
                change,
                cause: Cause::read(row.traceparent, row.accepted_at),
            });
        }
        let position = position
            .ok_or_else(|| StoreError::Schema("the feed has no head: run `tollgate migrate`".into()))?;
        Ok((position, feed))
    }

    /// Customers whose last revision lies above a number, by that revision, and where the feed stood. Fewer than the limit:
    /// with the pages before it this is everybody at the head. Activations are not in it.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn snapshot_page(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<(Position, Vec<SnapshotRow>), StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                r#"
                select h.number as head, h.epoch, h.timeline, e.parent, e.parent_last,
                    (select system_identifier from pg_control_system()) as "system!",
                    coalesce(wal_timeline() <> h.timeline, false) as "diverged!",
                    pg_is_in_recovery() as "in_recovery!",
                    (extract(epoch from clock_timestamp()) * 1000000)::bigint as "at!",
                    c.customer as "customer?", c.revision as "revision?", c.schedule as "schedule?",
                    c.activation as "activation?"
                from feed_head h
                join epoch e on e.id = h.epoch
                left join (select * from customer where revision > $1 order by revision limit $2) c on true
                order by c.revision
                "#,
                after,
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let mut position = None;
        let mut page = Vec::with_capacity(rows.len());
        for row in rows {
            position = Some(Position {
                system: row.system,
                timeline: row.timeline,
                diverged: row.diverged,
                epoch: row.epoch,
                parent: row.parent.zip(row.parent_last),
                head: row.head,
                in_recovery: row.in_recovery,
                at: Timestamp(row.at),
            });
            let Some(number) = row.revision else { continue };
            match customer_change(row.customer, row.schedule, row.activation) {
                Some(Change::Customer {
                    customer,
                    schedule,
                    activation,
                }) => {
                    page.push(SnapshotRow {
                        customer,
                        number,
                        schedule,
                        activation,
                    });
                }
                _ => {
                    return Err(StoreError::Other(format!(
                        "the state at revision {number} cannot be read"
                    )));
                }
            }
        }
        let position = position
            .ok_or_else(|| StoreError::Schema("the feed has no head: run `tollgate migrate`".into()))?;
        Ok((position, page))
    }

    /// Hints that the feed has grown.
    pub fn hints(&self) -> Hints {
        Hints {
            pool: self.direct.clone(),
            listener: None,
            tried: None,
        }
    }
}

fn customer_change(
    customer: Option<String>,
    schedule: Option<Value>,
    activation: Option<i64>,
) -> Option<Change> {
    Some(Change::Customer {
        customer: CustomerId::parse(&customer?).ok()?,
        schedule: serde_json::from_value(schedule?).ok()?,
        activation: activation?,
    })
}

/// Hints of the database; polling is the truth.
pub struct Hints {
    pool: PgPool,
    listener: Option<PgListener>,
    tried: Option<Instant>,
}

/// Between two attempts to listen: a database that is away is not asked at every poll.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

impl Hints {
    /// Returns at the next hint, or when `patience` is over.
    pub async fn next(&mut self, patience: Duration) {
        let ends = Instant::now() + patience;
        if self.listener.is_none() && self.tried.is_none_or(|tried| tried.elapsed() > LISTEN_AGAIN) {
            self.tried = Some(Instant::now());
            self.listener = tokio::time::timeout_at(ends, listen(&self.pool))
                .await
                .ok()
                .and_then(Result::ok);
            if self.listener.is_some() {
                // What came before is not announced.
                return;
            }
        }
        let Some(listener) = &mut self.listener else {
            return tokio::time::sleep_until(ends).await;
        };
        match tokio::time::timeout_at(ends, listener.try_recv()).await {
            // With a connection that was lost and is back, hints may be lost: look.
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(_)) => self.listener = None,
        }
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("tollgate_feed").await?;
    Ok(listener)
}
