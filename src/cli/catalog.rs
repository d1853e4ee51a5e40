//! `catalog check | diff | init | apply | status`: which price gives which feature, from a file in git.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, Subcommand};
use serde_json::json;
use tollgate_domain::catalog::Value;
use tollgate_domain::schedule::{Answer, Effect, PROJECTION, Summary};
use tollgate_store::By;

use super::SAID_NO;
use crate::app::{self, Applied, pair_name};
use crate::config::{Config, ConfigError};
use crate::setup;

/// The brake holds it.
const HELD: u8 = 4;

#[derive(Subcommand)]
pub enum Catalog {
    /// Say all that is wrong with a catalog, with line and suggestion.
    Check {
        /// `-`: standard input.
        file: PathBuf,
    },
    /// Say who would gain and lose what; writes nothing. Exits with 3 if somebody would lose something, with 4 if the brake
    /// would hold it.
    Diff(Diff),
    /// Draft a catalog from the products and prices of the Stripe account, on standard output.
    Init,
    /// Make a catalog the active one, in the database; every replica follows. Exits with 4 if the brake holds it: too many
    /// would lose something.
    Apply(Apply),
    /// Print what is active, how far the customers have followed, and what the brake holds.
    Status,
}

#[derive(Args)]
pub struct Diff {
    /// `-`: standard input.
    file: PathBuf,
    /// Every customer with every difference, not a few examples.
    #[arg(long)]
    all: bool,
    /// As `--all`, a JSON object for each difference and a last one that sums up.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Apply {
    /// `-`: standard input.
    file: PathBuf,
    /// Refused if it is lower than the active one's: an old deployment cannot bring its catalog back.
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
    generation: Option<i64>,
    /// Lets pass what the brake held, by the name that it printed.
    #[arg(long, value_name = "HASH", requires = "actor", requires = "note")]
    confirm: Option<String>,
    /// Who confirms it: a name or an e-mail address.
    #[arg(long, env = "TOLLGATE_ACTOR")]
    actor: Option<String>,
    /// Why; no personal data of customers.
    #[arg(long)]
    note: Option<String>,
}

impl Catalog {
    /// Does it and prints what came of it.
    pub async fn run(self, config: impl Fn() -> Result<Config, ConfigError>) -> Result<ExitCode> {
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
            Catalog::Diff(diff) => return diff.run(&config()?).await,
            Catalog::Init => {
                let stripe = app::stripe(&config()?)?;
                print!(
                    "{}",
                    setup::draft(&stripe)
                        .await
                        .context("the account cannot be read")?
                );
            }
            Catalog::Apply(apply) => return apply.run(&config()?).await,
            Catalog::Status => status(&config()?).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Diff {
    async fn run(self, config: &Config) -> Result<ExitCode> {
        let yaml = read(&self.file).await?;
        checked(&self.file, &yaml)?;
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let (summary, held) = app::diff_catalog(config, &yaml, |customer, difference| {
            let (feature, effect) = (&difference.feature, word(difference.effect));
            let (before, after) = (shown(difference.before.as_ref()), shown(difference.after.as_ref()));
            if self.json {
                let line = json!({"customer": customer, "feature": feature, "effect": effect, "before": before,
                    "after": after});
                writeln!(out, "{line}")?;
            } else if self.all {
                writeln!(out, "{customer} {effect} {feature}: {before} -> {after}")?;
            }
            Ok(())
        })
        .await?;
        if self.json {
            let features = summary.features.iter().map(|((feature, effect), it)| {
                json!({"feature": feature, "effect": word(*effect), "customers": it.count, "examples": it.examples})
            });
            let features: Vec<_> = features.collect();
            let line = json!({"customers": summary.customers, "touched": summary.touched, "losing": summary.losing,
                "held": held, "features": features});
            writeln!(out, "{line}")?;
        } else {
            write!(out, "{}", told(&summary))?;
            if held {
                writeln!(out, "the brake would hold it")?;
            }
        }
        out.flush()?;
        Ok(match (held, summary.losing) {
            (true, _) => ExitCode::from(HELD),
            (false, 0) => ExitCode::SUCCESS,
            (false, _) => ExitCode::from(SAID_NO),
        })
    }
}

impl Apply {
    async fn run(self, config: &Config) -> Result<ExitCode> {
        let yaml = read(&self.file).await?;
        checked(&self.file, &yaml)?;
        let file = self.file.display();
        let by = By {
            actor: self.actor.unwrap_or_default(),
            caller: String::new(),
            note: self.note.unwrap_or_default(),
        };
        let confirmed = self.confirm.map(|name| (name, by));
        match app::apply_catalog(config, &yaml, self.generation, confirmed).await? {
            Applied::Active(number) => {
                println!("{file}: active as number {number}");
                Ok(ExitCode::SUCCESS)
            }
            Applied::Held { name, summary } => {
                print!("{}", told(&summary));
                println!(
                    "{file}: held, and the catalog before stays active: more than {} % and at least {} customers would lose \
                     something.\nIf that is meant: tollgate catalog apply {file} --confirm {name} --actor YOU --note WHY",
                    config.brake_percent, config.brake_at_least
                );
                Ok(ExitCode::from(HELD))
            }
        }
    }
}

async fn status(config: &Config) -> Result<()> {
    let (reprojection, holds) = app::catalog_status(config).await?;
    let Some(now) = reprojection else {
        println!("no catalog was ever active");
        return Ok(());
    };
    println!(
        "active: {} as number {}, since revision {}",
        pair_name(&now.hash, now.projection),
        now.number,
        now.revision
    );
    if now.projection != PROJECTION {
        println!(
            "its rules are of another version than this binary's, which become the active ones by `tollgate catalog apply FILE \
             --confirm {} --actor YOU --note WHY`, FILE being the active catalog",
            pair_name(&now.hash, PROJECTION)
        );
    }
    match now.ended_revision {
        Some(revision) => println!("all {} customers had followed at revision {revision}", now.total),
        None => {
            let rate = now.rate();
            let estimate = match now.left_for() {
                Some(span) => format!("about {} s left", span.0 / 1_000_000),
                None => "none has yet".to_owned(),
            };
            println!(
                "{} of {} customers have followed, {rate:.0}/s, {estimate}",
                now.total - now.left,
                now.total
            );
        }
    }
    for hold in holds {
        println!(
            "held: {}, by which {} of {} customers would lose something",
            pair_name(&hold.hash, hold.projection),
            hold.losing,
            hold.touched
        );
    }
    Ok(())
}

fn told(summary: &Summary) -> String {
    let mut text = format!(
        "{} customers, {} of them have something; {} would lose something\n",
        summary.customers, summary.touched, summary.losing
    );
    for ((feature, effect), it) in &summary.features {
        let examples: Vec<_> = it.examples.iter().map(ToString::to_string).collect();
        let more = if it.count > examples.len() as u64 {
            ", …"
        } else {
            ""
        };
        text += &format!(
            "  {feature}: {} {}: {}{more}\n",
            it.count,
            word(*effect),
            examples.join(", ")
        );
    }
    text
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Loses => "lose",
        Effect::Gains => "gain",
        Effect::Changes => "change",
    }
}

fn shown(answer: Option<&Answer>) -> String {
    match answer {
        None => "no such feature".to_owned(),
        Some(answer) if !answer.reason.granted() => "no".to_owned(),
        Some(answer) => match &answer.value {
            Value::Enabled(_) => "yes".to_owned(),
            Value::Limit(None) => "unlimited".to_owned(),
            Value::Limit(Some(amount)) => amount.to_string(),
            Value::Option(word) | Value::Text(word) => word.clone(),
        },
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
