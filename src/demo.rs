//! The whole stack on a laptop: `demo` tells the story in one terminal, `dev` keeps everything up.

mod account;
mod browser;
mod frames;
mod say;
mod stack;
mod story;
mod stripe;

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::FalseyValueParser;
use embedded_postgres::Source;

use crate::api::grpc::proto::CloseReason;
use crate::app;
use crate::config::Config;
use say::Narrator;
use stack::{Ports, Stack};

/// `demo`
#[derive(Args)]
pub struct Demo {
    #[command(flatten)]
    look: Look,
}

/// `dev`
#[derive(Args)]
pub struct Dev {
    #[command(flatten)]
    look: Look,
    /// Where the simulated Stripe listens.
    #[arg(long, default_value_t = 12111)]
    simulator_port: u16,
    #[command(flatten)]
    account: account::Account,
}

#[derive(Args)]
struct Look {
    /// Where PostgreSQL comes from if TOLLGATE_DATABASE_URL is not set: auto, machine or download.
    #[arg(long, env = "TOLLGATE_POSTGRES", default_value_t = Source::Auto)]
    postgres: Source,
    /// Without colours.
    #[arg(long, env = "NO_COLOR", value_parser = FalseyValueParser::new(), hide_env = true)]
    no_color: bool,
}

impl Demo {
    /// Starts everything, tells the story, and stops everything, however it went.
    ///
    /// # Errors
    /// Something did not start, a beat did not happen, or something was not stopped.
    pub async fn run(self, mut config: Config) -> Result<()> {
        let say = Narrator::new(self.look.no_color);
        quiet(&mut config)?;
        let tell = async |stack: &mut Stack| story::tell(stack, &say).await;
        let start = async |config| Stack::simulated(config, Ports::default(), &say).await;
        let Some(mut frames) = stack::with(config, self.look.postgres, &say, start, tell).await? else {
            bail!("interrupted");
        };
        frames
            .until("why it ends", |seen| seen.closing == Some(CloseReason::Draining))
            .await
    }
}

impl Dev {
    /// Keeps everything up until Ctrl-C.
    ///
    /// # Errors
    /// Something did not start, or ended unasked.
    pub async fn run(self, mut config: Config) -> Result<()> {
        let say = Narrator::new(self.look.no_color);
        let real = self.account.take(&mut config)?;
        let ports = Ports {
            grpc: config.grpc_listen.port(),
            webhook: config.webhook_listen.port(),
            ops: config.ops_listen.port(),
            simulator: self.simulator_port,
        };
        quiet(&mut config)?;
        if real {
            return account::stay(config, self.look.postgres, ports, &say).await;
        }
        let start = async |config| Stack::simulated(config, ports, &say).await;
        let stay = async |stack: &mut Stack| -> Result<()> {
            say.heading("everything runs; Ctrl-C stops and removes it");
            for line in cheat_sheet(stack) {
                say.note(&line);
            }
            Err(stack.service.failed().await)
        };
        stack::with(config, self.look.postgres, &say, start, stay)
            .await
            .map(|_| ())
    }
}

/// The story is to be read, so the log only warns unless somebody asked for more.
fn quiet(config: &mut Config) -> Result<()> {
    if config.log == Config::default().log {
        config.log = "warn".to_owned();
    }
    app::log(config)
}

/// What to type next, with the addresses as they are.
fn cheat_sheet(stack: &Stack) -> Vec<String> {
    let (service, stripe) = (&stack.service, stack.stripe.base_url());
    let at = match service.grpc.port() {
        50051 => String::new(),
        _ => format!(" --address http://{}", service.grpc),
    };
    vec![
        format!(
            "gRPC         {}   (reflection is on: grpcurl -plaintext {} list)",
            service.grpc, service.grpc
        ),
        format!("webhooks     http://{}/webhooks/stripe", service.webhook),
        format!("operations   http://{}/metrics", service.ops),
        format!("Stripe       {stripe}"),
        String::new(),
        format!("tollgate get acme{at}"),
        format!("tollgate watch acme{at}"),
        format!(
            "tollgate checkout acme team_monthly:5 --request-id order-1 --success-url https://shop.example/back{at}"
        ),
        "    and open the URL that it prints: the page can be clicked".to_owned(),
        format!("tollgate check acme seats 5{at}"),
        "a month passes:".to_owned(),
        format!(
            "    curl -H 'content-type: application/json' -d '{{\"seconds\":2682000}}' {stripe}/_simulator/advance"
        ),
    ]
}
