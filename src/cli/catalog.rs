//! `catalog check | init | apply`: which price gives which feature, from a file in git.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Subcommand;

use crate::config::{Config, ConfigError};
use crate::{app, setup};

#[derive(Subcommand)]
pub enum Catalog {
    /// Say all that is wrong with a catalog, with line and suggestion.
    Check {
        /// `-`: standard input.
        file: PathBuf,
    },
    /// Draft a catalog from the products and prices of the Stripe account, on standard output.
    Init,
    /// Make a catalog the active one, in the database; every replica follows.
    Apply {
        /// `-`: standard input.
        file: PathBuf,
        /// Refused if it is lower than the active one's: an old deployment cannot bring its catalog back.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        generation: Option<i64>,
    },
}

impl Catalog {
    /// Checks, and applies if that is asked for.
    pub async fn run(self, config: impl Fn() -> Result<Config, ConfigError>) -> Result<()> {
        match self {
            Catalog::Check { file } => {
                let yaml = read(&file).await?;
                let catalog = checked(&file, &yaml)?;
                println!(
                    "{}: good, {} features in {} plans",
                    file.display(),
                    catalog.features.len(),
                    catalog.plans.len()
                );
            }
            Catalog::Init => {
                let stripe = app::stripe(&config()?)?;
                print!(
                    "{}",
                    setup::draft(&stripe)
                        .await
                        .context("the account cannot be read")?
                );
            }
            Catalog::Apply { file, generation } => {
                let yaml = read(&file).await?;
                checked(&file, &yaml)?;
                let activation = app::apply_catalog(&config()?, &yaml, generation).await?;
                println!("{}: active as number {}", file.display(), activation.number);
            }
        }
        Ok(())
    }
}

async fn read(file: &Path) -> Result<String> {
    if file != Path::new("-") {
        return app::read_catalog(file).await;
    }
    let mut yaml = String::new();
    let limit = app::MAX_CATALOG + 1;
    let read = std::io::stdin().take(limit).read_to_string(&mut yaml);
    read.context("standard input cannot be read as text")?;
    ensure!(
        yaml.len() as u64 != limit,
        "standard input holds more than any catalog"
    );
    Ok(yaml)
}

fn checked(file: &Path, yaml: &str) -> Result<tollgate_domain::catalog::Catalog> {
    tollgate_domain::catalog::parse(yaml).map_err(|faults| {
        let name = file.display();
        let lines = faults
            .iter()
            .map(|fault| format!("\n  {name}:{}: {}", fault.line, fault.message));
        anyhow!("the catalog cannot be used:{}", lines.collect::<String>())
    })
}
