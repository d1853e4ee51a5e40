//! The commands.
//!
//! Exit codes: 0 done · 1 failed · 3 `check` or `health` said no, or `catalog diff` takes something · 4 the brake holds a
//! catalog · 64 the command line or a setting is wrong.

mod admin;
mod ask;
mod call;
mod catalog;
mod checkout;
mod doctor;
mod explain;
mod health;
mod serve;
mod stripe;
mod token;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tollgate_stripe::CallError;

use crate::config::{Config, ConfigError};
#[cfg(feature = "dev")]
use crate::demo;

const FAILED: u8 = 1;
const SAID_NO: u8 = 3;
const WRONG_USAGE: u8 = 64;

/// Billing and entitlements over gRPC, on Stripe and Postgres.
///
/// What may this customer use right now, why, and what will the clock change? `tollgate demo` tells the story in one
/// terminal; `tollgate dev` keeps the stack up on a laptop.
#[derive(Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true)]
struct Cli {
    /// A TOML file with settings; the environment (TOLLGATE_…) beats it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service.
    Serve(serve::Serve),
    /// Bring the database's schema to this version.
    Migrate,
    /// Look whether settings, database, Stripe's side and catalog are as they have to be.
    Doctor(doctor::Doctor),
    /// Make Stripe's side as it has to be.
    #[command(subcommand)]
    Stripe(stripe::Stripe),
    /// Print the effective settings and where each is from, secrets left out.
    Config(serve::Print),
    /// Tell the whole story in this terminal, with a private Postgres and a simulated Stripe; then clean up.
    #[cfg(feature = "dev")]
    Demo(demo::Demo),
    /// Keep the whole stack up on this machine until Ctrl-C.
    #[cfg(feature = "dev")]
    Dev(demo::Dev),
    /// Ask what a customer has.
    Get(ask::Get),
    /// Ask whether a customer may use so much of a feature; exits with 3 if not.
    Check(ask::Check),
    /// Print customers' answers and every change of them.
    Watch(watch::Watch),
    /// Open a page on which a customer can buy, or ask what became of one.
    Checkout(checkout::Checkout),
    /// Ask why a customer has a feature or has it not.
    Explain(explain::Explain),
    /// Decide by hand, and see who decided what.
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Ask a running service whether it is ready; exits with 3 if not.
    Health(health::Health),
    /// Make tokens for callers.
    #[command(subcommand)]
    Token(token::Token),
    /// Check a catalog, draft one, see what it would change, or make it the active one.
    #[command(subcommand)]
    Catalog(catalog::Catalog),
    /// A private Postgres until standard input ends; for demo, dev and tests.
    #[cfg(feature = "dev")]
    #[command(hide = true)]
    PostgresSupervisor {
        /// Where PostgreSQL comes from: auto, machine or download.
        #[arg(default_value = "auto")]
        source: embedded_postgres::Source,
    },
}

/// Reads the command line, does what it says and returns the process's exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            let _ = error.print();
            return ExitCode::from(if wrong { WRONG_USAGE } else { 0 });
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) if gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}{}", mend(&error));
            let wrong = error
                .chain()
                .any(|cause| cause.is::<ConfigError>() || cause.is::<call::Usage>());
            ExitCode::from(if wrong { WRONG_USAGE } else { FAILED })
        }
    }
}

/// What to do, where Stripe is what failed: all else says it itself.
fn mend(error: &anyhow::Error) -> String {
    let of_stripe = error.chain().find_map(|cause| cause.downcast_ref::<CallError>());
    of_stripe.map_or(String::new(), |error| {
        format!(
            "; {}",
            crate::doctor::mend(error, "Stripe, or what TOLLGATE_STRIPE_BASE_URL names")
        )
    })
}

/// Who read our output has had enough, as in `tollgate watch … | head`.
fn gone(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::BrokenPipe)
}

fn run(cli: Cli) -> Result<ExitCode> {
    #[cfg(feature = "dev")]
    if let Command::PostgresSupervisor { source } = cli.command {
        // It makes its own runtime, and is all that this process does.
        let options = embedded_postgres::Options {
            source,
            cache_dir: None,
        };
        return embedded_postgres::supervise(options).map(|()| ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let outcome = runtime.block_on(dispatch(cli));
    // What still blocks a thread (a name being resolved) may not keep the process.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(cli: Cli) -> Result<ExitCode> {
    let config = || Config::load(cli.config.as_deref());
    match cli.command {
        Command::Serve(command) => command.run(config()?).await?,
        Command::Doctor(command) => return command.run(&config()?).await,
        Command::Stripe(command) => command.run(&config()?).await?,
        Command::Migrate => serve::migrate(&config()?).await?,
        Command::Config(command) => command.run(&config()?)?,
        #[cfg(feature = "dev")]
        Command::Demo(command) => command.run(config()?).await?,
        #[cfg(feature = "dev")]
        Command::Dev(command) => command.run(config()?).await?,
        Command::Get(command) => command.run().await?,
        Command::Check(command) => {
            if !command.run().await? {
                return Ok(ExitCode::from(SAID_NO));
            }
        }
        Command::Health(command) => {
            if !command.run().await? {
                return Ok(ExitCode::from(SAID_NO));
            }
        }
        Command::Explain(command) => command.run().await?,
        Command::Admin(command) => command.run().await?,
        Command::Watch(command) => command.run().await?,
        Command::Checkout(command) => command.run().await?,
        Command::Token(command) => command.run()?,
        Command::Catalog(command) => return command.run(config).await,
        #[cfg(feature = "dev")]
        Command::PostgresSupervisor { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
