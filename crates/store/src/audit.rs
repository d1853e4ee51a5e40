//! What people did to the state, and who they were.

use tollgate_domain::id::CustomerId;
use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{Store, StoreError};

/// Who does something by hand, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who the caller says it is.
    pub actor: String,
    /// The caller's name in the list of callers; empty where nobody is asked.
    pub caller: String,
    pub note: String,
}

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Rises with time.
    pub seq: i64,
    /// By the database's clock.
    pub at: Timestamp,
    pub by: By,
    /// As `override_set`.
    pub action: String,
    pub customer: Option<String>,
    pub feature: Option<String>,
    /// What was decided before, and now.
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

impl Store {
    /// The latest entries before one of them, the latest first; of one customer or of all.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn audit(
        &self,
        customer: Option<&CustomerId>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let customer = customer.map(CustomerId::as_str);
        let rows = retried(|| async {
            sqlx::query!(
                r#"select seq, (extract(epoch from at) * 1000000)::bigint as "at!", actor, caller, action, customer, feature,
                       note, before, after
                   from audit
                   where ($1::text is null or customer = $1) and ($2::bigint is null or seq < $2)
                   order by seq desc limit $3"#,
                customer,
                before,
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let entries = rows.into_iter().map(|row| AuditEntry {
            seq: row.seq,
            at: Timestamp(row.at),
            by: By {
                actor: row.actor,
                caller: row.caller,
                note: row.note,
            },
            action: row.action,
            customer: row.customer,
            feature: row.feature,
            before: row.before,
            after: row.after,
        });
        Ok(entries.collect())
    }
}
