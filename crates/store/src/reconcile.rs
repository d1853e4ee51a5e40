//! How far Stripe's side was compared with ours. One row, held by one replica at a time: a lease that is lost costs calls
//! that are made twice, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tollgate_domain::facts::Facts;
use tollgate_domain::id::CustomerId;
use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{Store, StoreError};

/// How far Stripe's log of events was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventLog {
    /// Stripe's instant up to which no event is missing; `None`: it was never read.
    pub position: Option<Timestamp>,
    /// Of a reading that is not finished: Stripe's instant at which it began.
    pub top: Option<Timestamp>,
    /// Of a reading that is not finished: the last event that was read, `evt_…`.
    pub after: Option<String>,
    /// When a reading was last finished, by the database's clock.
    pub read_at: Option<Timestamp>,
    /// Events that had not come by themselves, since ever.
    pub missed: i64,
    /// The position had become older than the log, so that events are lost and only a walk finds what they said.
    pub gap_at: Option<Timestamp>,
    /// Why it cannot be read; empty: it can.
    pub error: String,
}

/// How far Stripe's lists were walked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Walk {
    /// Which list is next, if a walk is not finished.
    pub list: Option<usize>,
    /// The last object of that list that was looked at.
    pub after: Option<String>,
    /// Why it was begun.
    pub why: String,
    /// By the database's clock, as `finished_at`, the last time.
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Objects of each list that this walk, or the last one, looked at.
    pub listed: BTreeMap<String, i64>,
    /// Objects that were otherwise at Stripe than here and not on their way.
    pub drift: i64,
    /// The feed's epoch when it was begun.
    pub epoch: Option<i64>,
    /// How many had asked by hand when it was begun.
    pub served: i64,
    /// Why it does not go on; empty: it does.
    pub error: String,
}

/// All that is known of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconcile {
    /// How many have asked for a walk by hand.
    pub asked: i64,
    pub log: EventLog,
    pub walk: Walk,
    /// The feed's epoch now.
    pub epoch: i64,
    /// By the database's clock.
    pub now: Timestamp,
}

/// What is on its way, of some objects.
#[derive(Clone, Debug, Default)]
pub struct OnTheWay {
    /// It came and was not applied, or is being fetched.
    pub any: BTreeSet<String>,
    /// An event of it came, and whose it is was not found out.
    pub unrouted: BTreeSet<String>,
}

impl Store {
    /// Takes the comparison for about fifteen seconds, or keeps it. `None`: another one has it.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn hold_reconcile(&self, holder: &str) -> Result<Option<Reconcile>, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"
                update reconcile set holder = $1, held_until = now() + interval '15 s'
                where holder = $1 or coalesce(held_until < now(), true)
                returning asked, log, walk, (select epoch from feed_head) as "epoch!",
                    (extract(epoch from now()) * 1000000)::bigint as "now!"
                "#,
                holder
            )
            .fetch_optional(&self.pool)
            .await
        })
        .await?;
        row.map(|row| read(row.asked, row.log, row.walk, row.epoch, row.now))
            .transpose()
    }

    /// What is known of the comparison.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn reconcile(&self) -> Result<Reconcile, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"
                select asked, log, walk, (select epoch from feed_head) as "epoch!",
                    (extract(epoch from now()) * 1000000)::bigint as "now!"
                from reconcile
                "#
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        read(row.asked, row.log, row.walk, row.epoch, row.now)
    }

    /// Keeps how far it is. `false`: somebody else has it meanwhile.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn save_reconcile(
        &self,
        holder: &str,
        log: &EventLog,
        walk: &Walk,
    ) -> Result<bool, StoreError> {
        let broken = |error: serde_json::Error| StoreError::Other(error.to_string());
        let log = serde_json::to_value(log).map_err(broken)?;
        let walk = serde_json::to_value(walk).map_err(broken)?;
        let done = retried(|| async {
            sqlx::query!(
                "update reconcile set log = $2, walk = $3, held_until = now() + interval '15 s' where holder = $1",
                holder,
                log,
                walk
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Lets another one take the comparison.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn release_reconcile(&self, holder: &str) -> Result<(), StoreError> {
        retried(|| async {
            sqlx::query!(
                "update reconcile set held_until = now() where holder = $1",
                holder
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        Ok(())
    }

    /// Asks for a walk. Returns the number of who asks: it is done once a finished walk has served it.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn ask_reconcile(&self) -> Result<i64, StoreError> {
        retried(|| async {
            sqlx::query_scalar!("update reconcile set asked = asked + 1 returning asked")
                .fetch_one(&self.pool)
                .await
        })
        .await
    }

    /// Which of these events are in the inbox.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn events_known(&self, ids: &[String]) -> Result<BTreeSet<String>, StoreError> {
        let known = retried(|| async {
            sqlx::query_scalar!("select key from inbox where key = any($1)", ids)
                .fetch_all(&self.pool)
                .await
        })
        .await?;
        Ok(known.into_iter().collect())
    }

    /// What is known of these customers; of whom this version cannot read it nothing is.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn facts_of(
        &self,
        customers: &[CustomerId],
    ) -> Result<BTreeMap<CustomerId, Facts>, StoreError> {
        let names: Vec<String> = customers.iter().map(ToString::to_string).collect();
        let rows = retried(|| async {
            sqlx::query!(
                "select customer, facts from customer where customer = any($1)",
                &names
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let read = rows.into_iter().filter_map(|row| {
            let facts = serde_json::from_value(row.facts);
            if let Err(error) = &facts {
                tracing::warn!(%error, "the facts of a customer cannot be read");
            }
            Some((CustomerId::parse(&row.customer).ok()?, facts.ok()?))
        });
        Ok(read.collect())
    }

    /// What is on its way, of these objects.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn on_the_way(&self, objects: &[String]) -> Result<OnTheWay, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                r#"
                select object_id as "id!", state in ('received', 'waiting', 'parked') as "unrouted!" from inbox
                where object_id = any($1) and state in ('received', 'waiting', 'routed', 'parked')
                union all
                select object_id, false from want where object_id = any($1) and not parked
                "#,
                objects
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let mut found = OnTheWay::default();
        for row in rows {
            if row.unrouted {
                found.unrouted.insert(row.id.clone());
            }
            found.any.insert(row.id);
        }
        Ok(found)
    }
}

fn read(
    asked: i64,
    log: serde_json::Value,
    walk: serde_json::Value,
    epoch: i64,
    now: i64,
) -> Result<Reconcile, StoreError> {
    let broken = |error: serde_json::Error| StoreError::Other(error.to_string());
    Ok(Reconcile {
        asked,
        log: serde_json::from_value(log).map_err(broken)?,
        walk: serde_json::from_value(walk).map_err(broken)?,
        epoch,
        now: Timestamp(now),
    })
}
