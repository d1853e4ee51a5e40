//! One customer as it is kept.

use tollgate_domain::facts::Facts;
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::overrides::Override;
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

    /// Decides a feature by hand; an earlier override of it is replaced.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn put_override(&self, customer: &CustomerId, wanted: &Override) -> Result<(), StoreError> {
        let value = serde_json::to_value(wanted).map_err(|_| StoreError::Invalid("an override".into()))?;
        retried(|| async {
            sqlx::query!(
                "insert into override (customer, feature, override) values ($1, $2, $3)
                 on conflict (customer, feature) do update set override = excluded.override",
                customer.as_str(),
                wanted.feature.as_str(),
                value
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        self.mark_dirty(customer).await
    }

    /// Takes an override back.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn remove_override(
        &self,
        customer: &CustomerId,
        feature: &FeatureId,
    ) -> Result<(), StoreError> {
        retried(|| async {
            sqlx::query!(
                "delete from override where customer = $1 and feature = $2",
                customer.as_str(),
                feature.as_str()
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        self.mark_dirty(customer).await
    }
}
