//! What people decide. It is stored first, and the answer waits until it is in the entitlements.

use std::collections::HashMap;
use std::time::Duration;

use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::overrides::Override;
use tollgate_domain::time::Timestamp;
use tollgate_store::{AuditEntry, By, CustomerRow, Decided, Served};

use super::{Commands, Refused};

/// How long what was stored may take to be applied.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

pub(super) const LOOK_FIRST: Duration = Duration::from_millis(10);

pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What is kept of a customer.
pub struct Explained {
    /// `None`: it was never heard of.
    pub row: Option<CustomerRow>,
    pub overrides: Vec<Decided>,
    /// The number of the active one.
    pub activation: i64,
    /// When the last revision was made; `None`: there is none.
    pub since: Option<Timestamp>,
    /// The ids of the last events about its objects, by their place in the inbox.
    pub events: HashMap<i64, String>,
}

impl Commands {
    /// Decides a feature; the number of the revision from which on it is in the entitlements.
    ///
    /// # Errors
    /// `NotApplied`: it is stored, and nobody has applied it yet.
    pub async fn set_override(
        &self,
        customer: &CustomerId,
        decision: &Override,
        by: &By,
    ) -> Result<i64, Refused> {
        let marks = self.store.set_override(customer, decision, by).await?;
        self.applied(customer, marks).await?.ok_or(Refused::NotApplied)
    }

    /// Takes an override back; the number of the revision from which on it is out of the entitlements.
    ///
    /// # Errors
    /// `UnknownOverride`; `NotTakenOut`: it is deleted, and nobody has applied that yet.
    pub async fn delete_override(
        &self,
        customer: &CustomerId,
        feature: &FeatureId,
        by: &By,
    ) -> Result<i64, Refused> {
        let marks = self.store.delete_override(customer, feature, by).await?;
        let marks = marks.ok_or(Refused::UnknownOverride)?;
        self.applied(customer, marks).await?.ok_or(Refused::NotTakenOut)
    }

    /// All that an answer about a customer is made of.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn explain(&self, customer: &CustomerId) -> Result<Explained, Refused> {
        let row = self.store.customer(customer).await?;
        let known = row.iter().flat_map(|row| row.facts.objects.values());
        let seqs: Vec<i64> = known.map(|known| known.last_seq).collect();
        Ok(Explained {
            events: self.store.keys(&seqs).await?,
            overrides: self.store.overrides(Some(customer), None, i64::MAX).await?,
            activation: self.store.activations(1).await?.first().map_or(0, |it| it.number),
            since: match self.store.served(customer, Timestamp::MAX).await? {
                Served::At { schedule, .. } => schedule.map(|(_, since)| since),
                Served::Before(_) => None,
            },
            row,
        })
    }

    /// What held for a customer at an instant that is over.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn served(&self, customer: &CustomerId, at: Timestamp) -> Result<Served, Refused> {
        Ok(self.store.served(customer, at).await?)
    }

    /// Overrides after one of them, by customer and feature; of one customer or of all.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn overrides(
        &self,
        customer: Option<&CustomerId>,
        after: Option<(&CustomerId, &FeatureId)>,
        limit: i64,
    ) -> Result<Vec<Decided>, Refused> {
        Ok(self.store.overrides(customer, after, limit).await?)
    }

    /// What people did before one of the entries, the latest first; to one customer or to all.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn audit(
        &self,
        customer: Option<&CustomerId>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, Refused> {
        Ok(self.store.audit(customer, before, limit).await?)
    }

    /// The revision since which so many marks are applied; `None`: it takes too long.
    pub(super) async fn applied(&self, customer: &CustomerId, marks: i64) -> Result<Option<i64>, Refused> {
        self.nudge();
        let applied = async {
            let mut pause = LOOK_FIRST;
            loop {
                if let Some(revision) = self.store.applied(customer, marks).await? {
                    return Ok(Some(revision));
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LOOK_EVERY);
            }
        };
        tokio::time::timeout(PATIENCE, applied).await.unwrap_or(Ok(None))
    }
}
