//! What came from Stripe, kept before anything is concluded.

use bytes::Bytes;
use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{Store, StoreError};

/// An event that passed the door.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub id: String,
    pub event_type: String,
    pub created: Timestamp,
    /// `None`: the event does not say; it counts as ours.
    pub livemode: Option<bool>,
    pub account: Option<String>,
    pub object_kind: Option<String>,
    pub object_id: Option<String>,
    pub body: Bytes,
    pub traceparent: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    Stored,
    /// It had been stored before.
    Duplicate,
}

/// How many rows are in which state; fetched objects count in all but `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboxCounts {
    /// Webhook events.
    pub total: i64,
    pub received: i64,
    pub waiting: i64,
    pub routed: i64,
    pub applied: i64,
    pub ignored: i64,
    pub parked: i64,
}

/// What became of one webhook event.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub event_id: String,
    pub event_type: String,
    pub state: String,
    /// Why it is ignored or parked.
    pub detail: String,
}

impl Store {
    /// Stores events in one commit; in the answer's order of the events given. Rows go in by key, so that concurrent
    /// batches cannot lock each other.
    ///
    /// # Errors
    /// `Invalid` when the data of any of them is refused: then none is stored.
    pub async fn accept(&self, events: &[NewEvent]) -> Result<Vec<Accepted>, StoreError> {
        let ids: Vec<String> = events.iter().map(|event| event.id.clone()).collect();
        let types: Vec<String> = events.iter().map(|event| event.event_type.clone()).collect();
        let created: Vec<i64> = events.iter().map(|event| event.created.0).collect();
        let livemode: Vec<Option<bool>> = events.iter().map(|event| event.livemode).collect();
        let account: Vec<Option<String>> = events.iter().map(|event| event.account.clone()).collect();
        let kinds: Vec<Option<String>> = events.iter().map(|event| event.object_kind.clone()).collect();
        let objects: Vec<Option<String>> = events.iter().map(|event| event.object_id.clone()).collect();
        let bodies: Vec<Vec<u8>> = events.iter().map(|event| event.body.to_vec()).collect();
        let traces: Vec<Option<String>> = events.iter().map(|event| event.traceparent.clone()).collect();
        let mut stored = retried(|| async {
            sqlx::query_scalar!(
                r#"
                insert into inbox (key, source, event_type, created, livemode, account, object_kind, object_id, body, traceparent)
                select distinct on (key) key, 'webhook', event_type, created, livemode, account, object_kind, object_id, body, traceparent
                from unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::text[])
                    as event (key, event_type, created, livemode, account, object_kind, object_id, body, traceparent)
                order by key
                on conflict (key) do nothing
                returning key
                "#,
                &ids,
                &types,
                &created,
                &livemode as &[Option<bool>],
                &account as &[Option<String>],
                &kinds as &[Option<String>],
                &objects as &[Option<String>],
                &bodies,
                &traces as &[Option<String>],
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let mut answer = |id: &String| match stored.iter().position(|stored| stored == id) {
            Some(at) => {
                stored.swap_remove(at);
                Accepted::Stored
            }
            None => Accepted::Duplicate,
        };
        Ok(ids.iter().map(&mut answer).collect())
    }

    /// When the last webhook event came, by the database's clock; `None`: none ever did.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn last_event(&self) -> Result<Option<Timestamp>, StoreError> {
        let micros = retried(|| async {
            sqlx::query_scalar!(
                r#"select (extract(epoch from received_at) * 1000000)::bigint as "at!" from inbox
                   where source = 'webhook' order by seq desc limit 1"#
            )
            .fetch_optional(&self.pool)
            .await
        })
        .await?;
        Ok(micros.map(Timestamp))
    }

    /// How many rows are in which state.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn inbox_counts(&self) -> Result<InboxCounts, StoreError> {
        let row = sqlx::query!(
            r#"
            select count(*) filter (where source = 'webhook') as "total!",
                count(*) filter (where state = 'received') as "received!",
                count(*) filter (where state = 'waiting') as "waiting!",
                count(*) filter (where state = 'routed') as "routed!",
                count(*) filter (where state = 'applied') as "applied!",
                count(*) filter (where state = 'ignored') as "ignored!",
                count(*) filter (where state = 'parked') as "parked!"
            from inbox
            "#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(InboxCounts {
            total: row.total,
            received: row.received,
            waiting: row.waiting,
            routed: row.routed,
            applied: row.applied,
            ignored: row.ignored,
            parked: row.parked,
        })
    }

    /// What became of every webhook event, in the order in which they came.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn outcomes(&self) -> Result<Vec<Outcome>, StoreError> {
        let rows = sqlx::query_as!(
            Outcome,
            "select key as event_id, event_type, state, detail from inbox where source = 'webhook' order by seq"
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}
