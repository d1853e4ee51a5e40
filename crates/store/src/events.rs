//! Stripe's events as people look them up, and have them applied once more.

use tollgate_domain::id::CustomerId;
use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{By, Store, StoreError};

/// Which events. What is empty asks for nothing; all that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// By their ids.
    pub events: Vec<String>,
    /// Of objects that are linked to this customer.
    pub customer: Option<CustomerId>,
    /// About this object.
    pub object: String,
    pub event_type: String,
    /// As `parked`.
    pub state: String,
    /// When it came, by the database's clock: `from..until`.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// One event and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the inbox; rises in the order in which they came.
    pub seq: i64,
    pub id: String,
    pub event_type: String,
    pub object: String,
    pub customer: String,
    pub state: String,
    /// Why it is ignored or parked, or the last failure.
    pub detail: String,
    pub attempts: i32,
    /// Stripe's `created`.
    pub created: Timestamp,
    /// By the database's clock.
    pub received: Timestamp,
    /// Whether its body is kept.
    pub has_body: bool,
}

impl Store {
    /// The latest events before a place in the inbox, the latest first.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn events(
        &self,
        filter: &EventFilter,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                r#"select seq, key, event_type, coalesce(object_id, '') as "object!", coalesce(customer, '') as "customer!",
                       state, detail, attempts, created, micros(received_at) as "received!", octet_length(body) > 0 as "has_body!"
                   from inbox
                   where source = 'webhook' and ($1::bigint is null or seq < $1)
                       and ($2::text[] = '{}' or key = any($2))
                       and ($3::text is null or object_id in (select stripe_id from link where customer = $3))
                       and ($4 = '' or object_id = $4) and ($5 = '' or event_type = $5) and ($6 = '' or state = $6)
                       and ($7::bigint is null or received_at >= to_timestamp($7 / 1000000.0))
                       and ($8::bigint is null or received_at < to_timestamp($8 / 1000000.0))
                   order by seq desc limit $9"#,
                before,
                &filter.events,
                filter.customer.as_ref().map(CustomerId::as_str),
                filter.object,
                filter.event_type,
                filter.state,
                filter.from.map(|at| at.0),
                filter.until.map(|at| at.0),
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let events = rows.into_iter().map(|row| StoredEvent {
            seq: row.seq,
            id: row.key,
            event_type: row.event_type,
            object: row.object,
            customer: row.customer,
            state: row.state,
            detail: row.detail,
            attempts: row.attempts,
            created: Timestamp(row.created),
            received: Timestamp(row.received),
            has_body: row.has_body,
        });
        Ok(events.collect())
    }

    /// The body of an event as Stripe sent it; empty: it is not kept any more, or there is no such event.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn body(&self, seq: i64) -> Result<Vec<u8>, StoreError> {
        let body = retried(|| async {
            sqlx::query_scalar!("select body from inbox where seq = $1", seq)
                .fetch_optional(&self.pool)
                .await
        })
        .await?;
        Ok(body.unwrap_or_default())
    }

    /// Has these events routed and applied once more, as if they came now; those whose body is kept. `asked` is what is
    /// written down. Returns how many.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn replay(&self, seqs: &[i64], asked: &serde_json::Value, by: &By) -> Result<i64, StoreError> {
        let replayed = retried(|| async {
            sqlx::query_scalar!(
                r#"select replay($1, $2, $3, $4, $5) as "replayed!""#,
                seqs,
                asked,
                by.note,
                by.actor,
                by.caller
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        Ok(replayed)
    }
}
