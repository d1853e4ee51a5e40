//! One opening of a page at a time for one customer, across replicas.

use tollgate_domain::id::CustomerId;

use crate::error::retried;
use crate::{Store, StoreError};

impl Store {
    /// Whether this request may open a page for the customer now. It may for about thirty seconds, or until it is
    /// released; another request waits. The same request, retried, may too.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn claim_intent(&self, customer: &CustomerId, request_id: &str) -> Result<bool, StoreError> {
        let claimed = retried(|| async {
            sqlx::query!(
                "insert into intent as i (customer, request_id, until) values ($1, $2, now() + interval '30 s')
                 on conflict (customer) do update set request_id = excluded.request_id, until = excluded.until
                 where i.until < now() or i.request_id = excluded.request_id",
                customer.as_str(),
                request_id
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        Ok(claimed.rows_affected() == 1)
    }

    /// The page is open, or will not be.
    ///
    /// # Errors
    /// The database is not available; the claim then ends by its time.
    pub async fn release_intent(&self, customer: &CustomerId, request_id: &str) -> Result<(), StoreError> {
        retried(|| async {
            sqlx::query!(
                "delete from intent where customer = $1 and request_id = $2",
                customer.as_str(),
                request_id
            )
            .execute(&self.pool)
            .await
            .map(drop)
        })
        .await
    }
}
