//! One customer as it is kept.

use std::collections::HashMap;

use tollgate_domain::facts::Facts;
use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::Schedule;

use crate::error::retried;
use crate::{Store, StoreError};

/// What is known of one customer.
#[derive(Clone, Debug)]
pub struct CustomerRow {
    pub facts: Facts,
    pub schedule: Schedule,
    /// Of the last change; 0: never.
    pub revision: i64,
    pub activation: i64,
    /// Whether something happened that is not applied yet.
    pub dirty: bool,
}

impl Store {
    /// By sequence the key of what is in the inbox: an event's id, or a fetch's.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn keys(&self, seqs: &[i64]) -> Result<HashMap<i64, String>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!("select seq, key from inbox where seq = any($1)", seqs)
                .fetch_all(&self.pool)
                .await
        })
        .await?;
        Ok(rows.into_iter().map(|row| (row.seq, row.key)).collect())
    }

    /// One customer; `None`: never heard of.
    ///
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn customer(&self, customer: &CustomerId) -> Result<Option<CustomerRow>, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"select facts, schedule, revision, activation, marks > applied_marks as "dirty!"
                   from customer where customer = $1"#,
                customer.as_str()
            )
            .fetch_optional(&self.pool)
            .await
        })
        .await?;
        let Some(row) = row else { return Ok(None) };
        let broken = |what| StoreError::Other(format!("the {what} of a customer cannot be read"));
        Ok(Some(CustomerRow {
            facts: serde_json::from_value(row.facts).map_err(|_| broken("facts"))?,
            schedule: serde_json::from_value(row.schedule).map_err(|_| broken("schedule"))?,
            revision: row.revision,
            activation: row.activation,
            dirty: row.dirty,
        }))
    }
}
