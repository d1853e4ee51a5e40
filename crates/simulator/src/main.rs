//! `stripe-simulator`: the simulator as a program.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use stripe_simulator::core::Version;
use stripe_simulator::{Options, RateLimit, Redelivery, Scenario, start};

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
    /// The same seed gives the same ids to the same commands; 1, unless the scenario has another
    #[arg(long)]
    seed: Option<u64>,
    /// The first instant, in unix seconds; without it the present. From there on time passes
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..=253_402_300_799))]
    start: Option<i64>,
    /// A TOML file of what is to go wrong
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// When what an endpoint did not take is delivered again: fast (in order, within seconds), or as in Stripe's sandbox or
    /// live mode (hours or days of the simulator's time)
    #[arg(long, value_parser = redelivery, default_value = "fast")]
    redelivery: Redelivery,
    /// Requests a second: stripe (25; 100 with live keys; 25 to one endpoint), off, or a number
    #[arg(long, value_parser = rate_limit, default_value = "stripe")]
    rate_limit: RateLimits,
    /// Append every API request to this file, as a line of JSON
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The account's API version, such as 2024-06-20: of requests and webhook endpoints that name none
    #[arg(long)]
    api_version: Option<String>,
}

/// Stripe's SDKs, pointed here.
fn how_to_go_on(base_url: &str, key: Option<&str>) -> String {
    let key = key.unwrap_or("sk_test_any");
    let (host, port) = base_url
        .trim_start_matches("http://")
        .rsplit_once(':')
        .unwrap_or((base_url, "80"));
    format!(
        "  Open {base_url}/ to look around. Secret key: {key}\n  \
         curl {base_url}/v1/customers -u {key}: -d email=ann@example.com\n  \
         Python  stripe.StripeClient('{key}', base_addresses={{'api': '{base_url}'}})\n  \
         Node    new Stripe('{key}', {{ host: '{host}', port: {port}, protocol: 'http' }})\n  \
         Time    curl {base_url}/_simulator/advance -H 'content-type: application/json' -d '{{\"seconds\": 86400}}'"
    )
}

/// `None`: no limit.
#[derive(Clone, Copy)]
struct RateLimits(Option<RateLimit>);

fn rate_limit(text: &str) -> Result<RateLimits, String> {
    Ok(RateLimits(match text {
        "stripe" => Some(RateLimit::DOCUMENTED),
        "off" => None,
        number => {
            let number = number.parse().ok().filter(|number| *number > 0);
            Some(RateLimit::of(number.ok_or("stripe, off, or a number")?))
        }
    }))
}

fn redelivery(text: &str) -> Result<Redelivery, String> {
    match text {
        "fast" => Ok(Redelivery::Fast),
        "sandbox" => Ok(Redelivery::Sandbox),
        "live" => Ok(Redelivery::Live),
        _ => Err("fast, sandbox or live".to_owned()),
    }
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
    let scenario = match &serve.scenario {
        None => Scenario::default(),
        Some(path) => Scenario::load(path)?,
    };
    let key = serve.api_key.clone();
    let options = Options {
        listen: serve.listen,
        seed: serve.seed.or(scenario.seed).unwrap_or(1),
        webhook,
        api_key: serve.api_key,
        record: serve.record,
        start: serve.start,
        redelivery: serve.redelivery,
        rate_limit: serve.rate_limit.0,
        scenario,
    };
    let running = start(options).await?;
    running.with(|core| core.settings_mut().api_version = api_version);
    // For people how to go on, and one line for programs.
    eprintln!("{}", how_to_go_on(&running.base_url(), key.as_deref()));
    println!("Stripe simulator at {}", running.base_url());
    tokio::signal::ctrl_c().await?;
    running.shutdown().await;
    Ok(())
}
