//! The account that a database is of: asked at the first contact, pinned, and held to.
//!
//! A Stripe that is away keeps nobody from starting: then it is asked later. A key that may not know its account is taken as
//! it is.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tollgate_store::{Store, StoreError};
use tollgate_stripe::{CallError, Client};

use crate::config::ConfigError;

/// A start waits no longer for Stripe.
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Why a key is not taken, or not yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAdmitted {
    /// It is of another account.
    #[error(transparent)]
    Other(ConfigError),
    #[error("whose the key is cannot be asked: {0}")]
    Stripe(#[from] CallError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is needed to say whether a key belongs here.
#[derive(Clone)]
pub(super) struct Accounts {
    pub store: Store,
    /// `TOLLGATE_STRIPE_ACCOUNT`
    pub wanted: Option<String>,
    /// The account, as soon as it is known.
    pub known: Arc<OnceLock<String>>,
}

impl Accounts {
    /// Whether the client's key is of the account that this database is of; the first one is pinned. The mode is pinned
    /// before.
    pub async fn admit(&self, stripe: &Client) -> Result<(), NotAdmitted> {
        let other = |text| Err(NotAdmitted::Other(ConfigError(text)));
        let pinned = self.store.deployment().await?.and_then(|it| it.account);
        if let (Some(pinned), Some(wanted)) = (&pinned, &self.wanted)
            && pinned != wanted
        {
            return other(format!(
                "this database holds the Stripe account {pinned} and TOLLGATE_STRIPE_ACCOUNT is {wanted}: name that account, \
                 or use another database"
            ));
        }
        if let Some(known) = pinned.as_ref().or(self.wanted.as_ref()) {
            let _ = self.known.set(known.clone());
        }
        let asked = stripe.account().await?;
        if let (Some(wanted), Some(asked)) = (&self.wanted, &asked)
            && wanted != asked
        {
            return other(format!(
                "TOLLGATE_STRIPE_ACCOUNT is {wanted} and TOLLGATE_STRIPE_SECRET_KEY is a key of the account {asked}: change \
                 the one or the other"
            ));
        }
        let Some(account) = asked.or(self.wanted.clone()) else {
            tracing::info!(
                "the Stripe key may not know its account, so a key of another account would not be noticed"
            );
            return Ok(());
        };
        let pinned = self.store.pin_account(&account).await?;
        if pinned != account {
            return other(format!(
                "this database holds the Stripe account {pinned} and TOLLGATE_STRIPE_SECRET_KEY is a key of the account \
                 {account}: use a key of {pinned}, or a new database for {account}"
            ));
        }
        let _ = self.known.set(account);
        Ok(())
    }

    /// At the start. `true`: it could not be found out yet, and [`Accounts::later`] has to.
    ///
    /// # Errors
    /// The key is of another account, or the database is not available.
    pub async fn first(&self, stripe: &Client) -> Result<bool> {
        match timeout(PATIENCE, self.admit(stripe)).await {
            Ok(Ok(())) => Ok(false),
            Ok(Err(NotAdmitted::Other(error))) => Err(error.into()),
            Ok(Err(NotAdmitted::Store(error))) => Err(error.into()),
            Ok(Err(NotAdmitted::Stripe(error))) => {
                tracing::warn!(%error, "the account of the Stripe key is asked for later");
                Ok(true)
            }
            Err(_) => {
                tracing::warn!("Stripe takes its time; the account of the key is asked for later");
                Ok(true)
            }
        }
    }

    /// Asks until it is known, then waits for `stop`.
    ///
    /// # Errors
    /// The key is of another account: nothing here may be done with it.
    pub async fn later(self, stripe: Client, mut open: bool, stop: CancellationToken) -> Result<()> {
        let (mut pause, mut told) = (Duration::from_secs(1), String::new());
        while open && stop.run_until_cancelled(sleep(pause)).await.is_some() {
            pause = (pause * 2).min(LONGEST_PAUSE);
            match stop.run_until_cancelled(self.admit(&stripe)).await {
                Some(Err(NotAdmitted::Other(error))) => return Err(error.into()),
                Some(Ok(())) => open = false,
                Some(Err(NotAdmitted::Stripe(error))) => {
                    let text = error.to_string();
                    if text != told {
                        tracing::error!(
                            error = text,
                            "Stripe does not tell the account of the key; asked again"
                        );
                        told = text;
                    }
                }
                Some(Err(NotAdmitted::Store(_))) | None => {}
            }
        }
        stop.cancelled().await;
        Ok(())
    }
}
