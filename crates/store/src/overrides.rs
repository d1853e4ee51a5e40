//! What was decided by hand.

use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::overrides::Override;
use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{By, Store, StoreError};

/// An override, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub customer: CustomerId,
    pub decision: Override,
    pub actor: String,
    pub note: String,
    /// By the database's clock.
    pub set_at: Timestamp,
}

impl Store {
    /// Decides a feature by hand; an earlier override of it is replaced. The same again changes nothing. Returns the
    /// customer's marks, which are applied when this is.
    ///
    /// # Errors
    /// The database is not available, or refuses the value.
    pub async fn set_override(
        &self,
        customer: &CustomerId,
        decision: &Override,
        by: &By,
    ) -> Result<i64, StoreError> {
        let value =
            serde_json::to_value(decision).map_err(|_| StoreError::Invalid("an override".to_owned()))?;
        let marks = self.decide(customer, &decision.feature, Some(value), by).await?;
        marks.ok_or_else(|| StoreError::Other("what was decided is not there".to_owned()))
    }

    /// Takes an override back; `None`: there is none. Else as `set_override`.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn delete_override(
        &self,
        customer: &CustomerId,
        feature: &FeatureId,
        by: &By,
    ) -> Result<Option<i64>, StoreError> {
        self.decide(customer, feature, None, by).await
    }

    async fn decide(
        &self,
        customer: &CustomerId,
        feature: &FeatureId,
        decided: Option<serde_json::Value>,
        by: &By,
    ) -> Result<Option<i64>, StoreError> {
        retried(|| async {
            sqlx::query_scalar!(
                r#"select decide($1, $2, $3, $4, $5, $6) as "marks""#,
                customer.as_str(),
                feature.as_str(),
                decided.clone(),
                by.note,
                by.actor,
                by.caller
            )
            .fetch_one(&self.pool)
            .await
        })
        .await
    }

    /// Since which revision the customer's entitlements hold what so many marks tell of; `None`: not yet.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn applied(&self, customer: &CustomerId, marks: i64) -> Result<Option<i64>, StoreError> {
        retried(|| async {
            sqlx::query_scalar!(
                "select revision from customer where customer = $1 and applied_marks >= $2",
                customer.as_str(),
                marks
            )
            .fetch_optional(&self.pool)
            .await
        })
        .await
    }

    /// Overrides after one of them, by customer and feature; of one customer or of all. Those that have expired, too.
    ///
    /// # Errors
    /// The database is not available, or a row cannot be read.
    pub async fn overrides(
        &self,
        customer: Option<&CustomerId>,
        after: Option<(&CustomerId, &FeatureId)>,
        limit: i64,
    ) -> Result<Vec<Decided>, StoreError> {
        let customer = customer.map(CustomerId::as_str);
        let (after_customer, after_feature) = after.map_or(("", ""), |(customer, feature)| {
            (customer.as_str(), feature.as_str())
        });
        let rows = retried(|| async {
            sqlx::query!(
                r#"select customer, override, actor, note, (extract(epoch from set_at) * 1000000)::bigint as "set_at!"
                   from override
                   where ($1::text is null or customer = $1) and (customer, feature) > ($2, $3)
                   order by customer, feature limit $4"#,
                customer,
                after_customer,
                after_feature,
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let broken = || StoreError::Other("an override cannot be read".to_owned());
        let read = rows.into_iter().map(|row| {
            Ok(Decided {
                customer: CustomerId::parse(&row.customer).map_err(|_| broken())?,
                decision: serde_json::from_value(row.r#override).map_err(|_| broken())?,
                actor: row.actor,
                note: row.note,
                set_at: Timestamp(row.set_at),
            })
        });
        read.collect()
    }
}
