//! `stripe-simulator`: the simulator as a program.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use stripe_simulator::core::Version;
use stripe_simulator::{Options, start};

/// A behavioural Stripe for tests, demos and laptops.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves Stripe's API, the checkout and portal pages, and delivers webhooks, until it is interrupted.
    Serve(Serve),
}

#[derive(Args)]
struct Serve {
    /// Where to listen; port 0 is any free one
    #[arg(long, default_value = "127.0.0.1:12111")]
    listen: SocketAddr,
    /// Where events are delivered to (http)
    #[arg(long, requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// What they are signed with (whsec_…)
    #[arg(long, requires = "webhook_url")]
    webhook_secret: Option<String>,
    /// The only API key that is accepted; without it any is
    #[arg(long)]
    api_key: Option<String>,
    /// The same seed gives the same ids to the same commands
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Append every API request to this file, as a line of JSON
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The account's API version, such as 2024-06-20: of requests and webhook endpoints that name none
    #[arg(long)]
    api_version: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let Command::Serve(serve) = Cli::parse().command;
    if let Some(url) = &serve.webhook_url {
        let parsed = url::Url::parse(url).with_context(|| format!("--webhook-url {url:?} is not a URL"))?;
        if parsed.scheme() != "http" {
            bail!("--webhook-url {url:?}: the simulator delivers over http only");
        }
    }
    let api_version = match &serve.api_version {
        None => Version::default(),
        Some(text) => {
            Version::parse(text).with_context(|| format!("--api-version {text:?} is not simulated"))?
        }
    };
    let webhook = serve.webhook_url.zip(serve.webhook_secret);
    let options = Options {
        listen: serve.listen,
        seed: serve.seed,
        webhook,
        api_key: serve.api_key,
        record: serve.record,
        ..Options::default()
    };
    let running = start(options).await?;
    running.with(|core| core.settings_mut().api_version = api_version);
    println!("Stripe simulator at {}", running.base_url());
    tokio::signal::ctrl_c().await?;
    running.shutdown().await;
    Ok(())
}
