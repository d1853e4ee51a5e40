//! `dev` on a real account of Stripe's, in test mode.

use anyhow::Result;
use clap::Args;
use embedded_postgres::Source;
use tollgate_stripe::wanted::EVENTS;

use super::say::Narrator;
use super::stack::{self, Ports, Stack};
use crate::config::{Config, ConfigError, Secret};
use crate::setup;

/// Which account, if not the simulator.
#[derive(Args)]
pub struct Account {
    /// Run against the real account of this test key instead of the simulator. Without it, but with --stripe-base-url,
    /// TOLLGATE_STRIPE_SECRET_KEY is used, which other users of this machine do not see
    #[arg(long, value_name = "KEY", hide_env_values = true)]
    stripe_key: Option<String>,
    /// Where that Stripe is
    #[arg(long, value_name = "URL")]
    stripe_base_url: Option<String>,
    /// What its events are signed with, as `stripe listen --print-secret` prints it; or TOLLGATE_STRIPE_WEBHOOK_SECRETS
    #[arg(long, value_name = "SECRET")]
    webhook_secret: Option<String>,
}

impl Account {
    /// Whether one is asked for; then the settings name it.
    ///
    /// # Errors
    /// It is not in test mode, or there is no webhook secret.
    pub fn take(self, config: &mut Config) -> Result<bool, ConfigError> {
        if self.stripe_key.is_none() && self.stripe_base_url.is_none() {
            return Ok(false);
        }
        if let Some(key) = self.stripe_key {
            config.stripe_secret_key = Some(key.into());
        }
        if let Some(url) = self.stripe_base_url {
            config.stripe_base_url = url;
        }
        if let Some(secret) = self.webhook_secret {
            config.stripe_webhook_secrets = vec![secret.into()];
        }
        let key = config.stripe_secret_key.as_ref().map_or("", Secret::expose);
        if !["sk_test_", "rk_test_"].iter().any(|test| key.starts_with(test)) {
            return Err(ConfigError(
                "`dev` takes keys of test mode only, sk_test_… or rk_test_…: give one with --stripe-key or in \
                 TOLLGATE_STRIPE_SECRET_KEY"
                    .into(),
            ));
        }
        if config.stripe_webhook_secrets.is_empty() {
            return Err(ConfigError(
                "without a webhook secret nothing would be learned from Stripe: give what `stripe listen --print-secret` \
                 prints as --webhook-secret"
                    .into(),
            ));
        }
        Ok(true)
    }
}

/// Keeps the service up until Ctrl-C.
///
/// # Errors
/// Something did not start, or ended unasked.
pub async fn stay(config: Config, postgres: Source, ports: Ports, say: &Narrator) -> Result<()> {
    let base_url = config.stripe_base_url.clone();
    let start = async |config| Stack::real(config, ports, say).await;
    let stay = async |stack: &mut Stack<()>| -> Result<()> {
        say.heading("everything runs; Ctrl-C stops and removes it, but for what it made at Stripe");
        let service = &stack.service;
        say.note(&format!("Stripe       {base_url}"));
        say.note("events come as long as this runs in another terminal:");
        say.note(&format!("    {}", listen(&service.webhook.to_string())));
        say.note(&format!("tollgate get acme --address http://{}", service.grpc));
        Err(stack.service.failed().await)
    };
    stack::with(config, postgres, say, start, stay).await.map(|_| ())
}

/// The line that lets Stripe's own tool forward events.
fn listen(webhook: &str) -> String {
    let events: Vec<&str> = EVENTS.iter().map(|(event, _)| *event).collect();
    format!(
        "stripe listen --forward-to http://{webhook}{} --events {}",
        setup::PATH,
        events.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(key: &str, secret: Option<&str>) -> Account {
        Account {
            stripe_key: Some(key.to_owned()),
            stripe_base_url: None,
            webhook_secret: secret.map(str::to_owned),
        }
    }

    #[test]
    fn only_keys_of_test_mode_are_taken_and_only_with_a_secret() {
        for key in ["sk_live_1", "rk_live_1", "pk_test_1", ""] {
            let error = account(key, Some("whsec_1"))
                .take(&mut Config::default())
                .unwrap_err();
            assert!(error.to_string().contains("test mode only"), "{key}: {error}");
            assert!(key.is_empty() || !error.to_string().contains(key));
        }
        let error = account("sk_test_1", None)
            .take(&mut Config::default())
            .unwrap_err();
        assert!(error.to_string().contains("stripe listen --print-secret"));
        let mut config = Config::default();
        assert!(account("rk_test_1", Some("whsec_1")).take(&mut config).unwrap());
        assert_eq!(config.stripe_secret_key.unwrap().expose(), "rk_test_1");
    }
}
