//! Catalog versions, and which is active since which revision.

use crate::error::retried;
use crate::{Store, StoreError};

/// One activation: a catalog version from a revision on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    pub number: i64,
    pub hash: String,
    /// The YAML.
    pub source: String,
    pub revision: i64,
}

impl Store {
    /// Makes a version the active one; the active one again changes nothing.
    ///
    /// # Errors
    /// `Schema` when the generation is older than the active one's.
    pub async fn activate(
        &self,
        source: &str,
        hash: &str,
        generation: Option<i64>,
    ) -> Result<Activation, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"select number as "number!", hash as "hash!", revision as "revision!" from activate($1, $2, $3)"#,
                hash,
                source,
                generation
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        Ok(Activation {
            number: row.number,
            hash: row.hash,
            source: source.to_owned(),
            revision: row.revision,
        })
    }

    /// The active one; `None`: there never was one.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn active(&self) -> Result<Option<Activation>, StoreError> {
        Ok(self.activations(1).await?.pop())
    }

    /// The last activations, the newest first.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn activations(&self, limit: i64) -> Result<Vec<Activation>, StoreError> {
        retried(|| async {
            sqlx::query_as!(
                Activation,
                "select number, a.hash, source, revision from activation a join catalog_version v on v.hash = a.hash
                 order by number desc limit $1",
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await
    }

    /// How many customers' schedules are of an older activation.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn reprojection_left(&self) -> Result<i64, StoreError> {
        let left = sqlx::query_scalar!(
            r#"select count(*) as "left!" from customer where activation < (select coalesce(max(number), 0) from activation)"#
        );
        Ok(left.fetch_one(&self.pool).await?)
    }
}
