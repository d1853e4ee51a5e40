//! `doctor`

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{FAILED, WRONG_USAGE};
use crate::config::Config;
use crate::doctor::{self, Verdict};

/// `doctor`
#[derive(Args)]
pub struct Doctor {
    /// Where Stripe should send events; without it, the endpoint that `stripe setup` has made is looked at.
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
}

impl Doctor {
    /// Prints a line for each check, and below each failure what to do.
    pub async fn run(self, config: &Config) -> Result<ExitCode> {
        let mut tell = |line: &doctor::Line| {
            let _ = writeln!(std::io::stdout(), "{line}");
        };
        let verdict = doctor::examine(config, self.webhook_url.as_deref(), &mut tell).await;
        Ok(match verdict {
            Verdict::Fine => ExitCode::SUCCESS,
            Verdict::Failed => ExitCode::from(FAILED),
            Verdict::Misconfigured => ExitCode::from(WRONG_USAGE),
        })
    }
}
