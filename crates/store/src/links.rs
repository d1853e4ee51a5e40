//! Whose Stripe's objects are, as people decide it; and who is forgotten.

use std::collections::HashMap;

use tollgate_domain::facts::Facts;
use tollgate_domain::id::CustomerId;
use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{By, Store, StoreError};

/// What came of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Whose it is now: the customer asked for, or the other one whose it was and is.
    pub owner: String,
    /// What waited for it, by place in the inbox.
    pub woken: Vec<i64>,
}

/// What to take from a customer.
#[derive(Clone, Debug)]
pub struct Unlink<'a> {
    /// The id that was named.
    pub seed: &'a str,
    /// All that goes with it.
    pub ids: &'a [String],
    /// What is still known without it.
    pub kept: &'a Facts,
    /// Of the facts from which it was taken.
    pub facts_version: i64,
}

impl Store {
    /// Says by hand whose one of Stripe's objects is. The first to say so wins; the same again changes nothing.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn link_by_hand(&self, customer: &CustomerId, id: &str, by: &By) -> Result<Linked, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"select owner as "owner!", woken as "woken!" from link_by_hand($1, $2, $3, $4, $5)"#,
                customer.as_str(),
                id,
                by.note,
                by.actor,
                by.caller
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        Ok(Linked {
            owner: row.owner,
            woken: row.woken,
        })
    }

    /// The customer's marks once all of these are applied and what they put in doubt is fetched, or either waits for a retry;
    /// `None`: not yet.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn learned(
        &self,
        customer: &CustomerId,
        seqs: &[i64],
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        retried(|| async {
            sqlx::query_scalar!(
                "select marks from customer where customer = $1 and not exists (
                     select from inbox where seq = any($2) and retry_at is null and state in ('received', 'routed'))
                 and not exists (
                     select from want where want.customer = $1 and due_at <= $3 and attempts = 0 and not parked)",
                customer.as_str(),
                seqs,
                now.0
            )
            .fetch_optional(&self.pool)
            .await
        })
        .await
    }

    /// The refunds that are a customer's: of them nothing but the link is kept.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn refunds(&self, customer: &CustomerId) -> Result<Vec<String>, StoreError> {
        retried(|| async {
            sqlx::query_scalar!(
                "select stripe_id from link where customer = $1 and stripe_id ~ '^(re|pyr)_'",
                customer.as_str()
            )
            .fetch_all(&self.pool)
            .await
        })
        .await
    }

    /// What is known of a customer, and its version, for [`Store::unlink`]; `None`: never heard of.
    ///
    /// # Errors
    /// The database is not available, or the row cannot be read.
    pub async fn facts(&self, customer: &CustomerId) -> Result<Option<(Facts, i64)>, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                "select facts, facts_version from customer where customer = $1",
                customer.as_str()
            )
            .fetch_optional(&self.pool)
            .await
        })
        .await?;
        let Some(row) = row else { return Ok(None) };
        let facts = serde_json::from_value(row.facts)
            .map_err(|_| StoreError::Other("the facts of a customer cannot be read".into()))?;
        Ok(Some((facts, row.facts_version)))
    }

    /// Takes one of Stripe's customers from ours, with all that is of it. Returns the customer's marks, which are applied when
    /// this is; `None`: the facts are others than they were.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn unlink(
        &self,
        customer: &CustomerId,
        what: &Unlink<'_>,
        now: Timestamp,
        by: &By,
    ) -> Result<Option<i64>, StoreError> {
        let kept = serde_json::to_value(what.kept).map_err(|_| StoreError::Invalid("facts".to_owned()))?;
        retried(|| async {
            sqlx::query_scalar!(
                "select unlink($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                customer.as_str(),
                kept.clone(),
                what.facts_version,
                what.seed,
                what.ids,
                now.0,
                by.note,
                by.actor,
                by.caller
            )
            .fetch_one(&self.pool)
            .await
        })
        .await
    }

    /// Customers whose id begins so, or to whom one of these ids of Stripe's is linked, by id; and their customers at Stripe.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn find(
        &self,
        beginning: &str,
        ids: &[String],
        limit: i64,
    ) -> Result<Vec<(String, Vec<String>)>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                r#"with found as (
                       (select customer from customer where customer >= $1 and customer < $1 || '~' order by customer limit $3)
                       union
                       (select customer collate "C" from link where stripe_id = any($2)))
                   select customer as "customer!", array(
                       select stripe_id from link l where l.customer = found.customer and stripe_id like 'cus\_%' order by 1) as "ids!"
                   from found order by customer limit $3"#,
                beginning,
                ids,
                limit
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        Ok(rows.into_iter().map(|row| (row.customer, row.ids)).collect())
    }

    /// Of these ids of Stripe's those that were taken from a customer by hand, and whether because it was erased.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn disowned(&self, ids: &[String]) -> Result<HashMap<String, bool>, StoreError> {
        let rows = retried(|| async {
            sqlx::query!(
                "select stripe_id, erased from disowned where stripe_id = any($1)",
                ids
            )
            .fetch_all(&self.pool)
            .await
        })
        .await?;
        Ok(rows.into_iter().map(|row| (row.stripe_id, row.erased)).collect())
    }

    /// Forgets a customer; the revision since which it is forgotten. `None`: it was never heard of.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn erase(&self, customer: &CustomerId, by: &By) -> Result<Option<i64>, StoreError> {
        // Of what never had an effect nothing but the body says whose it is. First, while it is known which ids to look for.
        retried(|| async {
            sqlx::query!(
                "update inbox set body = '', traceparent = null
                 where state = 'ignored' and octet_length(body) > 0 and exists (
                     select from link where customer = $1 and stripe_id like 'cus\\_%'
                         and position(convert_to('\"' || stripe_id || '\"', 'UTF8') in body) > 0)",
                customer.as_str()
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        retried(|| async {
            sqlx::query_scalar!(
                "select erase($1, $2, $3, $4)",
                customer.as_str(),
                by.note,
                by.actor,
                by.caller
            )
            .fetch_one(&self.pool)
            .await
        })
        .await
    }
}
