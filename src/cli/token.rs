//! `token`: secrets for callers, of which the service keeps the digest alone.

use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app;

/// `token …`
#[derive(Subcommand)]
pub enum Token {
    /// Make a token for one caller, and its line for the list of callers.
    Create(Create),
}

/// `token create NAME`
#[derive(Args)]
pub struct Create {
    /// The caller's name: for messages and metrics.
    name: String,
    /// What it may do: checkout, read, watch, support, operator; may be given several times. Without: checkout, read and
    /// watch.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// Only customers whose id begins so; may be given several times. Without: every customer.
    #[arg(long, value_name = "PREFIX", value_delimiter = ',')]
    customers: Vec<String>,
}

impl Token {
    /// Prints the line to standard output, so that it can be appended to a file, and the token to standard error.
    pub fn run(self) -> Result<()> {
        let Token::Create(asked) = self;
        let (token, line) = app::new_token(&asked.name, &asked.scopes, &asked.customers)?;
        let mut out = std::io::stdout();
        writeln!(out, "{line}")?;
        out.flush()?;
        eprintln!(
            "\nThe line above goes into the service's list of callers (TOLLGATE_CALLERS, or its file).\nThe caller sends \
             `authorization: Bearer` and this token, which is shown only now:\n\n{token}"
        );
        Ok(())
    }
}
