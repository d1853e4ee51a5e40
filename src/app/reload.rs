//! Secrets that were rotated: files are read again, and who uses a value gets the new one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tollgate_store::Store;
use tollgate_stripe::signature::Secrets;
use tollgate_stripe::{CallError, Client};

use super::account::{Accounts, NotAdmitted};
use super::settings;
use crate::api::grpc::auth::Callers;
use crate::config::Config;
use crate::telemetry::metric;

/// Who uses what can be rotated.
pub(super) struct Users {
    pub callers: Callers,
    pub store: Store,
    pub stripe: Client,
    pub accounts: Accounts,
    pub webhook_secrets: Arc<ArcSwap<Secrets>>,
}

/// Reads again at every interval, until `stop`.
pub(super) async fn run(
    mut config: Config,
    users: Users,
    every: Duration,
    stop: CancellationToken,
) -> Result<()> {
    let mut told = Vec::new();
    let mut refused_before = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return Ok(()),
        }
        let before = config.clone();
        let (mut after, wrong) = tokio::task::spawn_blocking(move || before.reread()).await?;
        let wrong: Vec<(&str, String)> = wrong
            .into_iter()
            .map(|(name, why)| (name, why.to_string()))
            .collect();
        // The same trouble is told once, not at every look.
        for (name, why) in wrong.iter().filter(|one| !told.contains(*one)) {
            tracing::error!(
                setting = name,
                error = why,
                "a file cannot be read again; what was read before stays"
            );
            count(name, "failed");
        }
        told = wrong;
        users.take(&config, &after);
        let moved = config.database_url != after.database_url
            || config.database_direct_url != after.database_direct_url;
        if moved {
            let Some(taken) = stop.run_until_cancelled(users.take_database(&after)).await else {
                return Ok(());
            };
            let refused = taken.as_ref().err().map(|error| format!("{error:#}"));
            if refused.is_none() || refused != refused_before {
                tell("database_url", taken);
            }
            if refused.is_some() {
                // The file may know the password before the database does: it is tried at the next look, too.
                after.database_url = config.database_url.clone();
                after.database_direct_url = config.database_direct_url.clone();
            }
            refused_before = refused;
        } else {
            refused_before = None;
        }
        if config.stripe_secret_key != after.stripe_secret_key
            && let Some(untaken) = stop.run_until_cancelled(users.take_key_soon(&after)).await
            && let Some(why) = untaken
        {
            // At the next look the key is still a new one.
            tracing::warn!(why, "the new Stripe key is taken later; the one before stays");
            after.stripe_secret_key = config.stripe_secret_key.clone();
        }
        config = after;
    }
}

/// For Stripe to say whose a new key is.
const PATIENCE: Duration = Duration::from_secs(3);

impl Users {
    fn take(&self, before: &Config, now: &Config) {
        if before.callers != now.callers {
            let callers = settings::usable_callers(now);
            tell("callers", callers.map(|new| self.callers.replace(new)));
        }
        if before.stripe_webhook_secrets != now.stripe_webhook_secrets {
            let secrets = settings::webhook_secrets(now);
            tell(
                "stripe_webhook_secrets",
                secrets.map(|new| self.webhook_secrets.store(Arc::new(new))),
            );
        }
    }

    async fn take_database(&self, now: &Config) -> Result<()> {
        let taken = self.store.reconnect_with(&settings::store_settings(now)?).await;
        taken.context("it is tried again at each look")
    }

    /// Why it is not taken yet: Stripe or the database is away. Other secrets do not wait for that.
    async fn take_key_soon(&self, now: &Config) -> Option<String> {
        match tokio::time::timeout(PATIENCE, self.take_key(now)).await {
            Ok(taken) => taken.err().map(|error| error.to_string()),
            Err(_) => Some("Stripe takes its time".to_owned()),
        }
    }

    /// A key of another account is refused, and so is one that Stripe does not know.
    async fn take_key(&self, now: &Config) -> Result<(), NotAdmitted> {
        let refused = match settings::stripe(now) {
            Ok(candidate) if candidate.livemode() != self.stripe.livemode() => None,
            Ok(candidate) => match self.accounts.admit(&candidate).await {
                Ok(()) => None,
                Err(error @ (NotAdmitted::Other(_) | NotAdmitted::Stripe(CallError::Unauthorized))) => {
                    Some(error.into())
                }
                Err(error) => return Err(error),
            },
            Err(error) => Some(error),
        };
        let taken = match refused {
            // It sees to the mode itself.
            None => self
                .stripe
                .use_key(&settings::stripe_key(now))
                .map_err(Into::into),
            Some(error) => Err(error),
        };
        tell("stripe_secret_key", taken);
        Ok(())
    }
}

fn tell(setting: &'static str, taken: Result<()>) {
    match taken {
        Ok(()) => {
            tracing::info!(setting, "rotated: the new value holds");
            count(setting, "taken");
        }
        Err(error) => {
            tracing::error!(
                setting,
                error = format!("{error:#}"),
                "not rotated: the value before stays"
            );
            count(setting, "refused");
        }
    }
}

fn count(setting: &'static str, outcome: &'static str) {
    metric::SECRET_RELOADS.count([setting, outcome]);
}
