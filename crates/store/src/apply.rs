//! What an applier needs of a customer.

use std::collections::HashMap;

use bytes::Bytes;
use tollgate_domain::facts::{Facts, Learned};
use tollgate_domain::id::CustomerId;
use tollgate_domain::overrides::Override;
use tollgate_domain::schedule::Schedule;
use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{Cause, Store, StoreError};

/// One observation that was routed and not applied.
#[derive(Clone, Debug)]
pub struct Observed {
    pub seq: i64,
    pub learned: Learned,
    /// An event, or the bare object that was fetched.
    pub body: Bytes,
    pub attempts: i32,
    pub cause: Cause,
}

/// A dirty customer, as it was at one instant.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub customer: CustomerId,
    /// What append clears: no mark that comes later.
    pub marks: i64,
    pub facts: Facts,
    pub facts_version: i64,
    pub schedule: Schedule,
    pub activation: i64,
    pub as_of: Timestamp,
    pub overrides: Vec<Override>,
    /// By sequence.
    pub observed: Vec<Observed>,
}

struct Row {
    customer: String,
    marks: i64,
    facts: serde_json::Value,
    facts_version: i64,
    schedule: serde_json::Value,
    activation: i64,
    as_of: i64,
    overrides: Vec<serde_json::Value>,
    seqs: Vec<i64>,
}

impl Row {
    /// `None`: this version cannot.
    fn read(self, observed: &mut HashMap<i64, Observed>) -> Option<Loaded> {
        let overrides = self.overrides.into_iter().map(serde_json::from_value);
        Some(Loaded {
            customer: CustomerId::parse(&self.customer).ok()?,
            // One less is not what append clears, so the rest that did not fit keeps it dirty.
            marks: self.marks - i64::from(self.seqs.len() == usize::from(OBSERVATIONS)),
            facts: serde_json::from_value(self.facts).ok()?,
            facts_version: self.facts_version,
            schedule: serde_json::from_value(self.schedule).ok()?,
            activation: self.activation,
            as_of: Timestamp(self.as_of),
            overrides: overrides.collect::<Result<_, _>>().ok()?,
            observed: self.seqs.iter().filter_map(|seq| observed.remove(seq)).collect(),
        })
    }
}

/// Of one customer in one round; the rest stays and so does its dirty mark.
const OBSERVATIONS: u16 = 500;

impl Store {
    /// Takes dirty customers for about ten seconds: first those to whom something happened, then those whose time has
    /// come, last those whose schedule is of an older activation. One that cannot be read is left out and stays dirty.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn dirty(&self, limit: i64, now: Timestamp) -> Result<Vec<Loaded>, StoreError> {
        // Each of the three by its own index: one condition with `or` would sort all that are stale for each round.
        let taken = retried(|| async {
            sqlx::query_scalar!(
                r#"
                with marked as (
                    select customer from customer
                    where marks > applied_marks and coalesce(claimed_until < now(), true)
                    order by customer limit $1 for update skip locked),
                due as (
                    select customer from customer
                    where due_at <= $2 and marks <= applied_marks and coalesce(claimed_until < now(), true)
                    order by due_at limit $1 - (select count(*) from marked) for update skip locked),
                stale as (
                    select customer from customer
                    where activation < (select coalesce(max(number), 0) from activation) and marks <= applied_marks
                        and coalesce(due_at > $2, true) and coalesce(claimed_until < now(), true)
                    order by activation, customer
                    limit $1 - (select count(*) from marked) - (select count(*) from due) for update skip locked),
                taken as (
                    select customer from marked union all select customer from due union all select customer from stale)
                update customer c set claimed_until = now() + interval '10 s' from taken where c.customer = taken.customer
                returning c.customer
                "#,
                limit,
                now.0
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        if taken.is_empty() {
            return Ok(vec![]);
        }
        // One statement: marks, facts and observations of one instant.
        let rows = retried(|| async {
            sqlx::query_as!(
                Row,
                r#"
                select c.customer, c.marks, c.facts, c.facts_version, c.schedule, c.activation, c.as_of,
                    array(select o.override from override o where o.customer = c.customer order by o.feature) as "overrides!",
                    array(
                        select i.seq from inbox i
                        where i.customer = c.customer and i.state = 'routed' and coalesce(i.retry_at <= $2, true)
                        order by i.seq limit $3) as "seqs!"
                from customer c where c.customer = any($1) order by c.customer
                "#,
                &taken,
                now.0,
                i64::from(OBSERVATIONS)
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let seqs: Vec<i64> = rows.iter().flat_map(|row| row.seqs.iter().copied()).collect();
        let mut observed = self.observed(&seqs).await?;
        let count = rows.len();
        let loaded: Vec<Loaded> = rows
            .into_iter()
            .filter_map(|row| row.read(&mut observed))
            .collect();
        if loaded.len() < count {
            tracing::error!(
                broken = count - loaded.len(),
                "customers cannot be read by this version and are not applied; the others are"
            );
        }
        Ok(loaded)
    }

    /// Customers by name after one of them, without what was observed and not applied, and the last of the page; nobody is
    /// taken. Those that cannot be read are left out.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn customers_page(
        &self,
        after: &str,
        limit: i64,
    ) -> Result<(Vec<Loaded>, Option<String>), StoreError> {
        let rows = retried(|| async {
            sqlx::query_as!(
                Row,
                r#"
                select c.customer, c.marks, c.facts, c.facts_version, c.schedule, c.activation, c.as_of,
                    array(select o.override from override o where o.customer = c.customer order by o.feature) as "overrides!",
                    '{}'::bigint[] as "seqs!"
                from customer c where c.customer > $1 order by c.customer limit $2
                "#,
                after,
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let last = rows.last().map(|row| row.customer.clone());
        let nothing = &mut HashMap::new();
        Ok((
            rows.into_iter().filter_map(|row| row.read(nothing)).collect(),
            last,
        ))
    }

    /// Bodies never change, so they may be read a moment later.
    async fn observed(&self, seqs: &[i64]) -> Result<HashMap<i64, Observed>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                r#"
                select seq, source, created, fetched_from, fetched_to, covers_seq, body, attempts, traceparent,
                    case when source = 'webhook' then (extract(epoch from received_at) * 1000000)::bigint else accepted_at end
                        as accepted_at
                from inbox where seq = any($1)
                "#,
                seqs
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let read = rows.into_iter().map(|row| {
            let learned = match (row.fetched_from, row.fetched_to, row.covers_seq) {
                (Some(from), Some(to), Some(covers_seq)) => Learned::Fetch {
                    from: Timestamp(from),
                    to: Timestamp(to),
                    covers_seq,
                },
                _ => Learned::Event {
                    created: Timestamp(row.created),
                },
            };
            let observed = Observed {
                seq: row.seq,
                learned,
                body: row.body.into(),
                attempts: row.attempts,
                cause: Cause::read(row.traceparent, row.accepted_at),
            };
            (row.seq, observed)
        });
        Ok(read.collect())
    }

    /// Makes a customer be applied again.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn mark_dirty(&self, customer: &CustomerId) -> Result<(), StoreError> {
        let customer = customer.as_str();
        retried(|| async {
            sqlx::query!(
                "insert into customer as c (customer, marks) values ($1, 1)
                 on conflict (customer) do update set marks = c.marks + 1",
                customer
            )
            .execute(&self.pool)
            .await
            .map(drop)
        })
        .await
    }
}
