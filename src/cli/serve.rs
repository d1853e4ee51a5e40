//! `serve`, `migrate` and `config`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::app;
use crate::config::Config;

/// `serve`
#[derive(Args)]
pub struct Serve {
    /// Apply this catalog at the start (TOLLGATE_CATALOG).
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Let everybody call; on a loopback address only.
    #[arg(long)]
    insecure_no_auth: bool,
}

impl Serve {
    /// Runs the service until SIGTERM or SIGINT, then drains; a second signal ends it at once.
    pub async fn run(self, mut config: Config) -> Result<()> {
        if self.catalog.is_some() {
            config.catalog = self.catalog;
            config.from_command_line("catalog");
        }
        if self.insecure_no_auth {
            config.insecure_no_auth = true;
            config.from_command_line("insecure_no_auth");
        }
        app::log(&config)?;
        let mut signals = Signals::listen()?;
        let mut running = tokio::select! {
            running = app::start(&config, None) => running?,
            () = signals.next() => return Ok(()),
        };
        // For who started us: ports may have been any free ones. Nobody need read it.
        let mut out = std::io::stdout();
        let _ = writeln!(
            out,
            "grpc {}\nwebhook {}\nops {}",
            running.grpc, running.webhook, running.ops
        );
        let works = async {
            running.caught_up().await?;
            let _ = writeln!(out, "ready");
            Err(running.failed().await)
        };
        tokio::select! {
            failed = works => return failed,
            () = signals.next() => {}
        }
        let begun = Instant::now();
        let again = async {
            // One order may come twice, to the process and to its group.
            while begun.elapsed() < SAME_ORDER {
                signals.next().await;
            }
        };
        tokio::select! {
            drained = running.drain() => drained,
            () = again => bail!("ended at once by a second signal"),
        }
    }
}

const SAME_ORDER: Duration = Duration::from_millis(300);

/// The two signals that ask a process to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Signals> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// `migrate`
pub async fn migrate(config: &Config) -> Result<()> {
    app::migrate(config).await?;
    println!("the database has this version's schema");
    Ok(())
}

/// `config`
#[derive(Args)]
pub struct Print {
    /// With what each setting means.
    #[arg(long)]
    explain: bool,
}

impl Print {
    /// Prints what is in force, then says what `serve` would not take.
    pub fn run(&self, config: &Config) -> Result<()> {
        print!("{}", config.effective(self.explain));
        app::check(config)
    }
}
