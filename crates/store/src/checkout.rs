//! What was asked to be sold, written before Stripe is asked.

use tollgate_domain::id::CustomerId;
use tollgate_domain::time::{Span, Timestamp};

use crate::error::retried;
use crate::{Store, StoreError};

/// A checkout to be begun.
#[derive(Clone, Debug)]
pub struct NewCheckout {
    pub request_id: String,
    pub customer: CustomerId,
    /// Of what the caller asked.
    pub fingerprint: Vec<u8>,
    pub path: String,
    pub body: String,
    pub api_version: String,
    /// An open page that is to be this checkout's; `None`: Stripe is to be asked for one.
    pub session: Option<String>,
    pub started_at: Timestamp,
}

/// A checkout that was begun.
#[derive(Clone, Debug)]
pub struct Checkout {
    pub request_id: String,
    pub customer: CustomerId,
    pub fingerprint: Vec<u8>,
    pub attempt: i32,
    pub path: String,
    pub body: String,
    pub api_version: String,
    /// Stripe's session, once it is known.
    pub session: Option<String>,
    /// Stripe's final refusal.
    pub error: Option<String>,
    /// Of this attempt.
    pub started_at: Timestamp,
}

/// The one Stripe customer of a customer, made or in the making.
#[derive(Clone, Debug)]
pub struct StripeCustomer {
    pub generation: i32,
    pub attempt: i32,
    pub path: String,
    pub body: String,
    pub api_version: String,
    /// `cus_…`, once it is known.
    pub id: Option<String>,
    pub started_at: Timestamp,
}

macro_rules! checkout {
    ($row:expr) => {{
        let row = $row;
        Checkout {
            request_id: row.request_id,
            customer: CustomerId::parse(&row.customer)
                .map_err(|_| StoreError::Other("a checkout's customer cannot be read".into()))?,
            fingerprint: row.fingerprint,
            attempt: row.attempt,
            path: row.path,
            body: row.body,
            api_version: row.api_version,
            session: row.session,
            error: row.error,
            started_at: Timestamp(row.started_at),
        }
    }};
}

macro_rules! stripe_customer {
    ($row:expr) => {{
        let row = $row;
        StripeCustomer {
            generation: row.generation,
            attempt: row.attempt,
            path: row.path,
            body: row.body,
            api_version: row.api_version,
            id: row.id,
            started_at: Timestamp(row.started_at),
        }
    }};
}

impl Store {
    /// Begins a checkout, or returns the one that was begun with this id; and whether it is new.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn begin_checkout(&self, new: NewCheckout) -> Result<(Checkout, bool), StoreError> {
        let inserted = retried(|| async {
            sqlx::query!(
                r#"
                with begun as (
                    insert into checkout (request_id, customer, fingerprint, path, body, api_version, started_at, session)
                    values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning customer, session)
                select link(customer, array_remove(array[session], null)) from begun
                "#,
                new.request_id,
                new.customer.as_str(),
                new.fingerprint,
                new.path,
                new.body,
                new.api_version,
                new.started_at.0,
                new.session
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let begun = self.checkout(&new.request_id).await?;
        let begun = begun.ok_or_else(|| StoreError::Other("a checkout vanished".into()))?;
        Ok((begun, !inserted.is_empty()))
    }

    /// The checkout that was begun with an id.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn checkout(&self, request_id: &str) -> Result<Option<Checkout>, StoreError> {
        let row = retried(|| async {
            sqlx::query!("select * from checkout where request_id = $1", request_id)
                .fetch_optional(&self.pool)
                .await
        })
        .await?;
        Ok(match row {
            Some(row) => Some(checkout!(row)),
            None => None,
        })
    }

    /// The checkout whose session this is; `None`: not one of ours.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn checkout_of_session(&self, session: &str) -> Result<Option<Checkout>, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                "select * from checkout where session = $1 order by started_at limit 1",
                session
            )
            .fetch_optional(&self.pool)
            .await
        })
        .await?;
        Ok(match row {
            Some(row) => Some(checkout!(row)),
            None => None,
        })
    }

    /// One customer's checkouts that have a session, the newest first.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn checkouts(&self, customer: &CustomerId, limit: i64) -> Result<Vec<Checkout>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                "select * from checkout where customer = $1 and session is not null order by started_at desc limit $2",
                customer.as_str(),
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        rows.into_iter().map(|row| Ok(checkout!(row))).collect()
    }

    /// Gives up an attempt for the next one, with another body if the old one can no longer be meant. Somebody who was
    /// faster keeps theirs.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn next_attempt(
        &self,
        request_id: &str,
        attempt: i32,
        body: Option<&str>,
        now: Timestamp,
    ) -> Result<Checkout, StoreError> {
        retried(|| async {
            sqlx::query!(
                "update checkout set attempt = attempt + 1, started_at = $3, body = coalesce($4, body)
                 where request_id = $1 and attempt = $2 and session is null",
                request_id,
                attempt,
                now.0,
                body
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        let now_current = self.checkout(request_id).await?;
        now_current.ok_or_else(|| StoreError::Other("a checkout vanished".into()))
    }

    /// Stripe made the session: from now on it is the checkout's, and the customer's. Who was faster keeps theirs: returns the
    /// one session that is the checkout's.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn finish_checkout(&self, request_id: &str, session: &str) -> Result<String, StoreError> {
        retried(|| async {
            sqlx::query!(
                r#"
                with finished as (
                    update checkout set session = $2, error = null where request_id = $1 and session is null
                    returning customer)
                select link(customer, array[$2::text]) from finished
                "#,
                request_id,
                session
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let finished = self
            .checkout(request_id)
            .await?
            .and_then(|finished| finished.session);
        finished.ok_or_else(|| StoreError::Other("a checkout vanished".into()))
    }

    /// Stripe refused for good.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn fail_checkout(&self, request_id: &str, error: &str) -> Result<(), StoreError> {
        retried(|| async {
            sqlx::query!(
                "update checkout set error = $2 where request_id = $1 and session is null",
                request_id,
                error
            )
            .execute(&self.pool)
            .await
            .map(drop)
        })
        .await
    }

    /// Begins the one Stripe customer, or returns what was begun.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn begin_stripe_customer(
        &self,
        customer: &CustomerId,
        path: &str,
        body: &str,
        api_version: &str,
        now: Timestamp,
    ) -> Result<StripeCustomer, StoreError> {
        retried(|| async {
            sqlx::query!(
                "insert into stripe_customer (customer, path, body, api_version, started_at) values ($1, $2, $3, $4, $5)
                 on conflict do nothing",
                customer.as_str(),
                path,
                body,
                api_version,
                now.0
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        let begun = self.stripe_customer(customer).await?;
        begun.ok_or_else(|| StoreError::Other("a Stripe customer vanished".into()))
    }

    /// The one Stripe customer, made or in the making.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn stripe_customer(&self, customer: &CustomerId) -> Result<Option<StripeCustomer>, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                "select * from stripe_customer where customer = $1",
                customer.as_str()
            )
            .fetch_optional(&self.pool)
            .await
        })
        .await?;
        Ok(row.map(|row| stripe_customer!(row)))
    }

    /// Stripe made the customer of this generation; the first that is known stays.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn adopt_stripe_customer(
        &self,
        customer: &CustomerId,
        generation: i32,
        id: &str,
    ) -> Result<StripeCustomer, StoreError> {
        retried(|| async {
            sqlx::query!(
                r#"
                with adopted as (
                    update stripe_customer set id = $3 where customer = $1 and generation = $2 and id is null
                    returning customer)
                select link(customer, array[$3::text]) from adopted
                "#,
                customer.as_str(),
                generation,
                id
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        let adopted = self.stripe_customer(customer).await?;
        adopted.ok_or_else(|| StoreError::Other("a Stripe customer vanished".into()))
    }

    /// Gives up an attempt to make the Stripe customer, or one that Stripe has deleted, for the next.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn next_stripe_customer(
        &self,
        customer: &CustomerId,
        from: &StripeCustomer,
        deleted: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (generation, attempt) = if deleted { (1, 1 - from.attempt) } else { (0, 1) };
        retried(|| async {
            sqlx::query!(
                "update stripe_customer set generation = generation + $4, attempt = attempt + $5, started_at = $6, id = null
                 where customer = $1 and generation = $2 and attempt = $3",
                customer.as_str(),
                from.generation,
                from.attempt,
                generation,
                attempt,
                now.0
            )
            .execute(&self.pool)
            .await
            .map(drop)
        })
        .await
    }

    /// Whether it is this caller who reads a session again: one in `every`, whoever asks.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn claim_reread(&self, session: &str, now: Timestamp, every: Span) -> Result<bool, StoreError> {
        let claimed = retried(|| async {
            sqlx::query!(
                "insert into reread as r (session, at) values ($1, $2)
                 on conflict (session) do update set at = excluded.at where r.at <= $3 or r.at > $2",
                session,
                now.0,
                (now - every).0
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        Ok(claimed.rows_affected() == 1)
    }
}
