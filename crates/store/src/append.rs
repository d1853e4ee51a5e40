//! The one writer of answers.

use std::collections::HashMap;

use serde_json::{Value, json};
use tollgate_domain::facts::{Facts, Want};
use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::Schedule;
use tollgate_domain::time::Timestamp;

use crate::error::{retried, without_nul};
use crate::{Cause, Store, StoreError};

/// What an applier made of one customer.
#[derive(Clone, Debug)]
pub struct Append {
    pub customer: CustomerId,
    /// As they were read: what came later keeps the customer dirty.
    pub marks: i64,
    /// As it was read: with another one the append of this customer is refused.
    pub facts_version: i64,
    pub facts: Facts,
    /// `None`: unchanged, so there is no revision.
    pub schedule: Option<Schedule>,
    pub activation: i64,
    pub as_of: Timestamp,
    /// When the clock makes it dirty.
    pub due_at: Option<Timestamp>,
    /// Sequences of observations that took effect.
    pub applied: Vec<i64>,
    /// Observations that failed, why, and when they are tried again; `None`: parked.
    pub failed: Vec<(i64, String, Option<Timestamp>)>,
    /// What is to be fetched, and when.
    pub wants: Vec<(Want, Timestamp)>,
    /// Of the revision, and of what is fetched.
    pub cause: Cause,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    Revision(i64),
    Unchanged,
    /// Somebody else was faster: read it again.
    Stale,
}

impl Append {
    fn json(&self) -> Value {
        let failed = self.failed.iter().map(
            |(seq, error, retry_at)| json!({"seq": seq, "error": error, "retry_at": retry_at.map(|at| at.0)}),
        );
        let Cause {
            traceparent,
            accepted_at,
        } = &self.cause;
        let accepted_at = accepted_at.map(|at| at.0);
        let wants = self.wants.iter().map(|(want, due)| {
            json!({"kind": want.kind.as_str(), "id": want.id, "due_at": due.0, "traceparent": traceparent,
                "accepted_at": accepted_at})
        });
        json!({
            "customer": self.customer,
            "marks": self.marks,
            "facts_version": self.facts_version,
            "facts": self.facts,
            "schedule": self.schedule,
            "activation": self.activation,
            "as_of": self.as_of.0,
            "due_at": self.due_at.map(|at| at.0),
            "applied": self.applied,
            "failed": failed.collect::<Value>(),
            "wants": wants.collect::<Value>(),
            "traceparent": traceparent,
            "accepted_at": accepted_at,
        })
    }
}

impl Store {
    /// Writes a batch in one autocommit statement, in the answer's order of the batch. Each customer is compared and set by
    /// itself. A new epoch is opened first if this server is on another timeline than the feed's head.
    ///
    /// # Errors
    /// The database is not available: then nothing was written, or all; again is safe.
    pub async fn append(&self, batch: Vec<Append>) -> Result<Vec<Appended>, StoreError> {
        let entries = without_nul(batch.iter().map(Append::json).collect());
        let rows = retried(|| async {
            sqlx::query!(
                r#"select name as "name!", outcome as "outcome!", at_revision from append($1)"#,
                entries
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let outcomes: HashMap<String, Appended> = rows
            .into_iter()
            .map(|row| {
                let outcome = match (row.outcome.as_str(), row.at_revision) {
                    ("revision", Some(number)) => Appended::Revision(number),
                    ("unchanged", _) => Appended::Unchanged,
                    _ => Appended::Stale,
                };
                (row.name, outcome)
            })
            .collect();
        let of = |append: &Append| {
            outcomes
                .get(append.customer.as_str())
                .copied()
                .unwrap_or(Appended::Stale)
        };
        Ok(batch.iter().map(of).collect())
    }

    /// An append of nothing: opens an epoch if this server is on another timeline than the feed's head.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn open_epoch(&self) -> Result<(), StoreError> {
        self.append(vec![]).await.map(drop)
    }

    /// Hints to listeners that the feed has grown. Never part of the append: it would serialise the whole cluster.
    ///
    /// # Errors
    /// The database is not available; who polls sees the change all the same.
    pub async fn notify_feed(&self) -> Result<(), StoreError> {
        sqlx::query!("select pg_notify('tollgate_feed', '')")
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
