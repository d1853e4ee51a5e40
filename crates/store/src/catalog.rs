//! Catalog versions and projection versions, which pair is active since which revision, and how far customers follow.

use tollgate_domain::time::{Span, Timestamp};

use crate::error::retried;
use crate::{By, Store, StoreError};

/// One activation: a catalog version and a projection version from a revision on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    pub number: i64,
    pub hash: String,
    /// The YAML.
    pub source: String,
    /// The version of the rules.
    pub projection: i32,
    pub revision: i64,
}

/// What somebody wants to be active.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The YAML.
    pub source: &'a str,
    pub hash: &'a str,
    /// Of the release; one that is older than the active one's is refused.
    pub generation: Option<i64>,
    /// The version of the caller's own rules.
    pub projection: i32,
    /// Whether a process with these rules is ready: else the active ones stay.
    pub ready: bool,
    /// Who lets pass what the brake holds; kept in the audit.
    pub confirmed: Option<&'a By>,
}

/// A pair that the brake holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub hash: String,
    pub projection: i32,
    /// Customers who would lose something.
    pub losing: i64,
    /// Of how many.
    pub touched: i64,
}

/// When all customers had followed an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As was just written down.
    Now,
    /// As is known, or a newer one is active and it does not matter any more.
    Before,
}

/// How far the customers have followed the active pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reprojection {
    pub number: i64,
    pub hash: String,
    pub projection: i32,
    /// At which it became active.
    pub revision: i64,
    pub activated_at: Timestamp,
    /// Customers there are; once it has ended, there were then.
    pub total: i64,
    /// Of them, whose schedule is of an older activation.
    pub left: i64,
    /// The feed's head when none was left; `None`: some are.
    pub ended_revision: Option<i64>,
    pub ended_at: Option<Timestamp>,
    /// The database's clock.
    pub at: Timestamp,
}

impl Reprojection {
    /// Customers per second since the activation.
    pub fn rate(&self) -> f64 {
        let until = self.ended_at.unwrap_or(self.at);
        let seconds = (until - self.activated_at).0.max(1) as f64 / 1e6;
        (self.total - self.left) as f64 / seconds
    }

    /// How long the rest takes at that rate; `None`: nobody has followed yet.
    pub fn left_for(&self) -> Option<Span> {
        let micros = self.left as f64 / self.rate() * 1e6;
        micros.is_finite().then_some(Span(micros as i64))
    }
}

impl Store {
    /// Makes a pair the active one; the active pair again changes nothing. `over`: only if this activation is still the
    /// active one (0: none is), else `None` and nothing happens.
    ///
    /// # Errors
    /// `Schema` when the generation is older than the active one's.
    pub async fn activate(
        &self,
        wanted: &Wanted<'_>,
        over: Option<i64>,
    ) -> Result<Option<Activation>, StoreError> {
        self.activate_pair(wanted, over, false).await
    }

    /// What [`Store::activate`] would return; changes nothing. The revision of what is not active yet means nothing.
    ///
    /// # Errors
    /// As there.
    pub async fn would_activate(
        &self,
        wanted: &Wanted<'_>,
        over: i64,
    ) -> Result<Option<Activation>, StoreError> {
        self.activate_pair(wanted, Some(over), true).await
    }

    async fn activate_pair(
        &self,
        wanted: &Wanted<'_>,
        over: Option<i64>,
        dry: bool,
    ) -> Result<Option<Activation>, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                "select number, hash, projection, coalesce(revision, 0) as revision
                 from activate_pair($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                wanted.hash,
                wanted.source,
                wanted.generation,
                wanted.projection,
                wanted.ready,
                over,
                wanted.confirmed.map(|by| by.actor.as_str()),
                wanted.confirmed.map(|by| by.note.as_str()),
                dry
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        let pair = row.number.zip(row.hash).zip(row.projection.zip(row.revision));
        Ok(pair.map(|((number, hash), (projection, revision))| Activation {
            number,
            hash,
            source: wanted.source.to_owned(),
            projection,
            revision,
        }))
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
                "select number, a.hash, source, projection, revision
                 from activation a join catalog_version v on v.hash = a.hash order by number desc limit $1",
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await
    }

    /// How far the customers have followed; counts them. `None`: nothing was ever active.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn reprojection(&self) -> Result<Option<Reprojection>, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"
                select number, hash, projection, revision, ended_revision,
                    (extract(epoch from activated_at) * 1000000)::bigint as "activated_at!",
                    (extract(epoch from ended_at) * 1000000)::bigint as ended_at,
                    (extract(epoch from clock_timestamp()) * 1000000)::bigint as "at!",
                    case when ended_revision is null then (select count(*) from customer) else customers end as "total!",
                    case when ended_revision is null
                        then (select count(*) from customer c where c.activation < a.number) else 0 end as "left!"
                from activation a order by number desc limit 1
                "#
            )
            .fetch_optional(&self.pool)
            .await
        })
        .await?;
        Ok(row.map(|row| Reprojection {
            number: row.number,
            hash: row.hash,
            projection: row.projection,
            revision: row.revision,
            activated_at: Timestamp(row.activated_at),
            total: row.total,
            left: row.left,
            ended_revision: row.ended_revision,
            ended_at: row.ended_at.map(Timestamp),
            at: Timestamp(row.at),
        }))
    }

    /// Writes down that no customer is left of an activation older than this one, if none is. Counts only then: `None` is
    /// cheap.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn end_reprojection(&self, number: i64) -> Result<Option<Ended>, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"
                with ended as (
                    update activation
                    set ended_revision = (select h.number from feed_head h), ended_at = clock_timestamp(),
                        customers = (select count(*) from customer)
                    where number = $1 and ended_revision is null
                        and not exists (select from customer c where c.activation < $1)
                    returning number)
                select exists (select from ended) as "now!",
                    exists (select from activation where number > $1 or number = $1 and ended_revision is not null) as "before!"
                "#,
                number
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        Ok(match (row.now, row.before) {
            (true, _) => Some(Ended::Now),
            (false, true) => Some(Ended::Before),
            (false, false) => None,
        })
    }

    /// Writes down that the brake holds a pair, until something becomes active.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn hold(&self, hold: &Hold) -> Result<(), StoreError> {
        retried(|| async {
            sqlx::query!(
                "insert into catalog_hold (hash, projection, losing, touched) values ($1, $2, $3, $4)
                 on conflict (hash, projection) do update set losing = $3, touched = $4, held_at = now()",
                hold.hash,
                hold.projection,
                hold.losing,
                hold.touched
            )
            .execute(&self.pool)
            .await
            .map(drop)
        })
        .await
    }

    /// Nobody wants any more what is held of other catalogs than this one.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn withdraw_holds(&self, hash: &str) -> Result<(), StoreError> {
        retried(|| async {
            sqlx::query!("delete from catalog_hold where hash <> $1", hash)
                .execute(&self.pool)
                .await
                .map(drop)
        })
        .await
    }

    /// What the brake holds, the latest first.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        retried(|| async {
            sqlx::query_as!(
                Hold,
                "select hash, projection, losing, touched from catalog_hold order by held_at desc limit 100"
            )
            .fetch_all(&self.pool)
            .await
        })
        .await
    }
}
