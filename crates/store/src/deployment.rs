//! Whose database this is, and what kind of server it is on.

use tollgate_domain::time::Timestamp;

use crate::error::retried;
use crate::{Store, StoreError};

/// What is pinned at the first contact with Stripe, and stays so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    pub livemode: bool,
    /// `acct_…`
    pub account: Option<String>,
}

/// The server as it presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// As in `180001`.
    pub version: i32,
    /// A standby.
    pub in_recovery: bool,
    pub read_only: bool,
    pub now: Timestamp,
}

impl Store {
    /// `None`: there was no contact yet.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn deployment(&self) -> Result<Option<Deployment>, StoreError> {
        retried(|| async {
            sqlx::query_as!(Deployment, "select livemode, account from deployment")
                .fetch_optional(&self.pool)
                .await
        })
        .await
    }

    /// The account that is pinned: this one, if there was none. The mode is pinned before.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn pin_account(&self, account: &str) -> Result<String, StoreError> {
        retried(|| async {
            sqlx::query!(
                "update deployment set account = $1 where account is null",
                account
            )
            .execute(&self.pool)
            .await
        })
        .await?;
        let pinned = self.deployment().await?.and_then(|it| it.account);
        pinned.ok_or_else(|| StoreError::Other("the mode is not pinned yet".into()))
    }

    /// # Errors
    /// The database is not available, or what is between forgets prepared statements.
    pub async fn server(&self) -> Result<Server, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"select current_setting('server_version_num')::integer as "version!",
                          pg_is_in_recovery() as "in_recovery!",
                          current_setting('transaction_read_only') = 'on' as "read_only!",
                          (extract(epoch from clock_timestamp()) * 1000000)::bigint as "now!""#
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        Ok(Server {
            version: row.version,
            in_recovery: row.in_recovery,
            read_only: row.read_only,
            now: Timestamp(row.now),
        })
    }
}
