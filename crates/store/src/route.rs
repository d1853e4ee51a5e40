//! Whose an observation is.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::json;
use tollgate_domain::id::CustomerId;
use tollgate_domain::time::Timestamp;

use crate::error::{retried, without_nul};
use crate::{Store, StoreError};

/// An event of which it is not known yet whose it is.
#[derive(Clone, Debug)]
pub struct Unrouted {
    pub seq: i64,
    pub event_type: String,
    pub created: Timestamp,
    pub livemode: Option<bool>,
    pub account: Option<String>,
    pub body: Bytes,
    pub attempts: i32,
    pub traceparent: Option<String>,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routing {
    /// It is this customer's, and so are these ids of Stripe's.
    Customer { customer: CustomerId, ids: Vec<String> },
    /// Kept, and of no effect.
    Ignored { why: String },
    /// Until one of these ids is somebody's.
    Waiting { on: Vec<String> },
    /// It could not be found out now.
    Retry { error: String, at: Timestamp },
    /// Stripe has to be asked, and others are asked about first. No attempt is counted.
    Queued { at: Timestamp },
    /// It cannot be found out.
    Parked { error: String },
}

/// An event that waits for its customer.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub seq: i64,
    pub event_id: String,
    pub event_type: String,
    pub on: Vec<String>,
}

/// An observation that was given up.
#[derive(Clone, Debug)]
pub struct Parked {
    pub seq: i64,
    pub event_id: String,
    pub error: String,
}

impl Store {
    /// Takes events to be routed, for about ten seconds: another replica gets others. `limit` of those that are looked at for
    /// the first time, and `again` of those that are tried again or queued, who has waited longest first.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn unrouted(
        &self,
        limit: i64,
        again: i64,
        now: Timestamp,
    ) -> Result<Vec<Unrouted>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                r#"
                with first as (
                    select seq from inbox
                    where state = 'received' and retry_at is null and coalesce(claimed_until < now(), true)
                    order by seq limit $1 for update skip locked),
                again as (
                    select seq from inbox
                    where state = 'received' and retry_at <= $3 and coalesce(claimed_until < now(), true)
                    order by retry_at, seq limit $2 for update skip locked),
                taken as (select seq from first union all select seq from again)
                update inbox i set claimed_until = now() + interval '10 s' from taken where i.seq = taken.seq
                returning i.seq, i.event_type, i.created, i.livemode, i.account, i.body, i.attempts, i.traceparent
                "#,
                limit,
                again,
                now.0
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let mut found: Vec<Unrouted> = rows
            .into_iter()
            .map(|row| Unrouted {
                seq: row.seq,
                event_type: row.event_type,
                created: Timestamp(row.created),
                livemode: row.livemode,
                account: row.account,
                body: row.body.into(),
                attempts: row.attempts,
                traceparent: row.traceparent,
            })
            .collect();
        found.sort_by_key(|row| row.seq);
        Ok(found)
    }

    /// Writes what was found out, in one commit. Whose customer is known becomes dirty; who waited for one of the ids is
    /// routed again. Rows that another replica has routed meanwhile stay as they are. A crash of the server may take it back:
    /// then they are routed again.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn route(&self, routed: &[(i64, Routing)]) -> Result<(), StoreError> {
        let batch = routed.iter().map(|(seq, routing)| match routing {
            Routing::Customer { customer, ids } => {
                json!({"seq": seq, "state": "routed", "customer": customer, "ids": ids})
            }
            Routing::Ignored { why } => json!({"seq": seq, "state": "ignored", "detail": why}),
            Routing::Waiting { on } => json!({"seq": seq, "state": "waiting", "on": on}),
            Routing::Retry { error, at } => {
                json!({"seq": seq, "state": "received", "detail": error, "retry_at": at.0, "failed": 1})
            }
            Routing::Queued { at } => json!({"seq": seq, "state": "received", "retry_at": at.0}),
            Routing::Parked { error } => json!({"seq": seq, "state": "parked", "detail": error}),
        });
        let batch = without_nul(batch.collect());
        retried(|| async {
            sqlx::query!("select route($1)", batch)
                .execute(&self.pool)
                .await
                .map(drop)
        })
        .await
    }

    /// Who of these ids is known to be whose.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn links(&self, ids: &[String]) -> Result<HashMap<String, CustomerId>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                "select stripe_id, customer from link where stripe_id = any($1)",
                ids
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let known = rows
            .into_iter()
            .filter_map(|row| Some((row.stripe_id, CustomerId::parse(&row.customer).ok()?)));
        Ok(known.collect())
    }

    /// Says by hand whose these ids are. The first to say so wins; who waited for them is routed again.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn link(&self, customer: &CustomerId, ids: &[String]) -> Result<(), StoreError> {
        let (customer, ids) = (customer.as_str(), ids);
        retried(|| async {
            sqlx::query!("select link($1, $2)", customer, ids)
                .execute(&self.pool)
                .await
                .map(drop)
        })
        .await
    }

    /// Events that wait for their customer, in the order in which they came.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        let rows = sqlx::query_as!(
            Waiting,
            r#"select seq, key as event_id, event_type, waits_on as "on" from inbox where state = 'waiting' order by seq"#
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Observations that were given up, in the order in which they came.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn parked(&self) -> Result<Vec<Parked>, StoreError> {
        let rows = sqlx::query_as!(
            Parked,
            "select seq, key as event_id, detail as error from inbox where state = 'parked' order by seq"
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}
