//! What is to be fetched, and what was.

use bytes::Bytes;
use serde_json::json;
use tollgate_domain::facts::Want;
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::Kind;
use tollgate_domain::time::Timestamp;

use crate::error::{retried, without_nul};
use crate::{Cause, Store, StoreError};

/// An object whose fetch is due.
#[derive(Clone, Debug)]
pub struct Due {
    pub kind: Kind,
    pub id: String,
    pub customer: CustomerId,
    /// The highest sequence of the inbox about it, read before the request.
    pub covers_seq: i64,
    pub attempts: i32,
    pub cause: Cause,
    asked: i64,
    /// Until when it is taken: another one who takes it, or a later want of the same object, has another instant.
    claim: i64,
}

impl Store {
    /// Takes objects whose fetch is due, for about thirty seconds.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn due_settles(&self, limit: i64, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                r#"
                with taken as (
                    select object_id from want
                    where not parked and due_at <= $2 and coalesce(claimed_until < now(), true)
                    order by due_at limit $1 for update skip locked)
                update want w set claimed_until = now() + interval '30 s' from taken where w.object_id = taken.object_id
                returning w.object_id, w.object_kind, w.customer, w.attempts, w.asked, w.traceparent, w.accepted_at,
                    (extract(epoch from w.claimed_until) * 1000000)::bigint as "claim!",
                    coalesce((select max(seq) from inbox where inbox.object_id = w.object_id), 0) as "covers_seq!"
                "#,
                limit,
                now.0
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let due = rows.into_iter().filter_map(|row| {
            Some(Due {
                kind: Kind::parse(&row.object_kind)?,
                id: row.object_id,
                customer: CustomerId::parse(&row.customer).ok()?,
                covers_seq: row.covers_seq,
                attempts: row.attempts,
                cause: Cause::read(row.traceparent, row.accepted_at),
                asked: row.asked,
                claim: row.claim,
            })
        });
        Ok(due.collect())
    }

    /// Keeps what was fetched as an observation, and forgets the want unless somebody has asked again meanwhile. That is so
    /// too when another one has settled it since the lease ran out, and a later want counts from one again.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn settled(
        &self,
        due: &Due,
        body: Bytes,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(), StoreError> {
        self.observe(
            &due.customer,
            due.kind,
            &due.id,
            body,
            from,
            to,
            due.covers_seq,
            &due.cause,
        )
        .await?;
        let kept = retried(|| async {
            sqlx::query!(
                "delete from want where object_id = $1 and asked = $2
                    and (extract(epoch from claimed_until) * 1000000)::bigint = $3",
                due.id,
                due.asked,
                due.claim
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        if kept.rows_affected() == 0 {
            // A statement of its own, which sees who has asked meanwhile: together they would look at the same past.
            retried(|| async {
                sqlx::query!(
                    "update want set claimed_until = null where object_id = $1",
                    due.id
                )
                .execute(&self.pool)
                .await
            })
            .await?;
        }
        Ok(())
    }

    /// Says that it could not be fetched, and when to try again; `None`: given up until somebody asks anew.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn settle_failed(
        &self,
        due: &Due,
        error: &str,
        retry_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let retry_at = retry_at.map(|at| at.0);
        retried(|| async {
            sqlx::query!(
                r#"
                update want set attempts = attempts + 1, detail = $2, due_at = coalesce($3, due_at),
                    claimed_until = null,
                    parked = $3::bigint is null and asked = $4
                        and coalesce((extract(epoch from claimed_until) * 1000000)::bigint = $5, false)
                where object_id = $1
                "#,
                due.id,
                error,
                retry_at,
                due.asked,
                due.claim
            )
            .execute(&self.pool)
            .await
            .map(drop)
        })
        .await
    }

    /// Asks for objects to be fetched: one row for each object, the earliest time wins.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn want(&self, customer: &CustomerId, wants: &[(Want, Timestamp)]) -> Result<(), StoreError> {
        let wishes = wants.iter().map(
            |(want, due)| json!({"customer": customer, "kind": want.kind.as_str(), "id": want.id, "due_at": due.0}),
        );
        let wishes = without_nul(wishes.collect());
        retried(|| async {
            sqlx::query!("select want($1)", wishes)
                .execute(&self.pool)
                .await
                .map(drop)
        })
        .await
    }

    /// How many objects are to be fetched, now or later.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn wanted(&self) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar!(r#"select count(*) as "count!" from want where not parked"#);
        Ok(count.fetch_one(&self.pool).await?)
    }

    /// The highest sequence of the inbox about an object; 0: there is none. To be read before the object is asked for.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn covers_seq(&self, id: &str) -> Result<i64, StoreError> {
        let seq = sqlx::query_scalar!(
            r#"select coalesce(max(seq), 0) as "seq!" from inbox where object_id = $1"#,
            id
        );
        Ok(seq.fetch_one(&self.pool).await?)
    }

    /// Keeps a fetched object as an observation of this customer, who becomes dirty. Returns its sequence; 0: the object was
    /// taken from the customer by hand meanwhile.
    ///
    /// # Errors
    /// The database is not available.
    #[allow(clippy::too_many_arguments, reason = "an observation is what it is")]
    pub async fn observe(
        &self,
        customer: &CustomerId,
        kind: Kind,
        id: &str,
        body: Bytes,
        from: Timestamp,
        to: Timestamp,
        covers_seq: i64,
        cause: &Cause,
    ) -> Result<i64, StoreError> {
        let (traceparent, accepted_at) = (cause.traceparent.as_deref(), cause.accepted_at.map(|at| at.0));
        let (customer, kind, body) = (customer.as_str(), kind.as_str(), body.to_vec());
        retried(|| async {
            let mut commit = self.pool.begin().await?;
            // First, by a statement of its own: the next one sees what was unlinked or erased before. See link().
            sqlx::query!("select pg_advisory_xact_lock_shared(7811889)")
                .execute(&mut *commit)
                .await?;
            let seq = sqlx::query_scalar!(
                r#"
                with marked as (
                    insert into customer as c (customer, marks) values ($1, 1)
                    on conflict (customer) do update set marks = c.marks + 1 returning c.customer)
                insert into inbox (key, source, event_type, object_kind, object_id, created, body, state, customer,
                    fetched_from, fetched_to, covers_seq, traceparent, accepted_at)
                select 'fetch/' || gen_random_uuid(), 'fetch', 'fetched', $2, $3, $4, $5, 'routed', marked.customer, $4, $6, $7, $8, $9
                from marked
                -- What was unlinked or erased while it was fetched is not ours any more.
                where not exists (select from disowned where stripe_id = $3)
                    or exists (select from link where stripe_id = $3)
                returning seq
                "#,
                customer,
                kind,
                id,
                from.0,
                body,
                to.0,
                covers_seq,
                traceparent,
                accepted_at
            )
            .fetch_optional(&mut *commit)
            .await?;
            commit.commit().await?;
            Ok(seq.unwrap_or(0))
        })
        .await
    }
}
