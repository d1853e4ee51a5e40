//! `stripe setup`: Stripe's side as it has to be.

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use tollgate_domain::catalog::{Catalog, parse};
use tollgate_store::Store;
use tollgate_stripe::wanted::{Needs, PERMISSIONS};

use super::call::Usage;
use crate::config::Config;
use crate::{app, setup};

/// `stripe …`
#[derive(Subcommand)]
pub enum Stripe {
    /// Make the webhook endpoint and the customer portal's configuration, or mend them. A second run changes nothing.
    Setup(Setup),
}

/// `stripe setup`
#[derive(Args)]
pub struct Setup {
    /// Where Stripe is to send events, such as https://billing.example.com/webhooks/stripe
    #[arg(long, value_name = "URL")]
    webhook_url: String,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

impl Stripe {
    /// Does it. Standard output has the endpoint's secret and nothing else; the rest is told on standard error.
    pub async fn run(self, config: &Config) -> Result<()> {
        let Stripe::Setup(Setup { webhook_url, dry_run }) = self;
        check_url(&webhook_url)?;
        let stripe = app::stripe(config)?;
        let catalog = catalog(config).await?;
        let done = setup::setup(
            &stripe,
            &config.deployment,
            &webhook_url,
            catalog.as_ref(),
            dry_run,
        )
        .await?;
        let mut say = std::io::stderr().lock();
        for line in &done.lines {
            writeln!(say, "{line}")?;
        }
        if done.changes == 0 {
            writeln!(say, "nothing is changed")?;
        }
        writeln!(say, "a restricted key for the service needs:")?;
        for it in PERMISSIONS {
            let note = match it.needs {
                Needs::Service => "",
                Needs::Nice => " (better with it)",
                Needs::Setup => " (only setup, doctor and catalog init)",
            };
            writeln!(say, "  {}: {}{note}", it.name, it.access.as_str())?;
        }
        if let Some(secret) = &done.secret {
            writeln!(
                say,
                "the endpoint's secret, which is not shown again; put it in TOLLGATE_STRIPE_WEBHOOK_SECRETS, or in the file that \
                 TOLLGATE_STRIPE_WEBHOOK_SECRETS_FILE names:"
            )?;
            let mut out = std::io::stdout();
            writeln!(out, "{}", secret.expose_secret())?;
            out.flush()?;
        }
        Ok(())
    }
}

/// Events are for nobody else to read, and come to one path only. What is between may put something before it.
fn check_url(text: &str) -> Result<(), Usage> {
    let wrong = |why: &str| {
        let path = setup::PATH;
        Err(Usage(format!(
            "--webhook-url {text} {why}: write https://your-host{path}"
        )))
    };
    let Ok(url) = url::Url::parse(text) else {
        return wrong("is no URL");
    };
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return wrong("names no host"),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return wrong("is not https"),
    }
    if !url.path().ends_with(setup::PATH) {
        return wrong("has another path than the one Tollgate listens at");
    }
    Ok(())
}

/// The file if one is configured, else the active one of the database; `None`: neither.
async fn catalog(config: &Config) -> Result<Option<Catalog>> {
    let yaml = match &config.catalog {
        Some(file) => app::read_catalog(file).await?,
        None if config.database_url.is_none() => return Ok(None),
        None => {
            let store = Store::connect(&app::store_settings(config)?).await?;
            let active = store.active().await;
            store.close().await;
            match active? {
                Some(active) => active.source,
                None => return Ok(None),
            }
        }
    };
    let catalog = parse(&yaml).map_err(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        anyhow!("the catalog cannot be used: {first}; `tollgate catalog check` tells all")
    })?;
    Ok(Some(catalog))
}
