//! Where `initdb` and `postgres` come from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use crate::account::{Account, command};
use crate::download::download;

/// The oldest major version that Tollgate's SQL runs on.
const OLDEST: u32 = 15;

/// Folders of installations: a parent and the prefix of the version's folder in it, which holds `bin`.
const VERSIONED: [(&str, &str); 8] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/usr/libexec", "postgresql"),
    ("/usr/local", "pgsql"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),
    ("/Applications/Postgres.app/Contents/Versions", ""),
];

/// Where PostgreSQL's programs are taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The machine's, if it has version 15 or newer; else downloaded.
    #[default]
    Auto,
    /// The newest on the machine, 15 or newer; an error if there is none.
    Machine,
    /// PostgreSQL 18.1 from Maven Central, kept in the cache directory.
    Download,
}

impl FromStr for Source {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "machine" => Ok(Self::Machine),
            "download" => Ok(Self::Download),
            other => bail!("`{other}` is no source of PostgreSQL: give auto, machine or download"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Auto => "auto",
            Self::Machine => "machine",
            Self::Download => "download",
        })
    }
}

/// The folder with `initdb` and `postgres`, which `account` can run.
pub(crate) async fn find(
    source: Source,
    cache_dir: Option<&Path>,
    account: Option<Account>,
) -> Result<PathBuf> {
    if source != Source::Download {
        if let Some(bin) = on_machine(account).await {
            return Ok(bin);
        }
        if source == Source::Machine {
            bail!("no PostgreSQL {OLDEST} or newer on this machine: install one, or let it be downloaded");
        }
    }
    let bin = download(cache_dir, account).await.context(
        "PostgreSQL could not be downloaded: install PostgreSQL 15 or newer, or configure a database URL",
    )?;
    version(&bin, account).await.with_context(|| {
        format!(
            "the PostgreSQL downloaded to {} does not run here: install PostgreSQL 15 or newer",
            bin.display()
        )
    })?;
    Ok(bin)
}

async fn on_machine(account: Option<Account>) -> Option<PathBuf> {
    let mut newest = None;
    for bin in candidates().await {
        if let Some(version) = version(&bin, account).await
            && version >= OLDEST
            && newest.as_ref().is_none_or(|(best, _)| version > *best)
        {
            newest = Some((version, bin));
        }
    }
    newest.map(|(_, bin)| bin)
}

async fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Ok(output) = command(Path::new("pg_config"), None, Path::new("/"))
        .arg("--bindir")
        .output()
        .await
    {
        found.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A link on the PATH leads to the folder where initdb is, too.
    let on_path =
        std::env::split_paths(&path).filter_map(|folder| folder.join("postgres").canonicalize().ok());
    found.extend(on_path.filter_map(|program| program.parent().map(Path::to_owned)));
    for (parent, prefix) in VERSIONED {
        let folders = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let matching = folders.filter(|folder| folder.file_name().to_string_lossy().starts_with(prefix));
        found.extend(matching.map(|folder| folder.path().join("bin")));
    }
    found.retain(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file());
    found.sort();
    found.dedup();
    found
}

/// The major version, or `None` if `account` cannot run it.
async fn version(bin: &Path, account: Option<Account>) -> Option<u32> {
    let output = command(&bin.join("postgres"), account, Path::new("/"))
        .arg("--version")
        .output()
        .await
        .ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)` and `postgres (PostgreSQL) 19beta1`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    number
        .split(|character: char| !character.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::{Source, major};

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major("sh: postgres: not found"), None);
    }

    #[test]
    fn a_source_is_written_as_it_is_read() {
        for source in [Source::Auto, Source::Machine, Source::Download] {
            assert_eq!(source.to_string().parse::<Source>().ok(), Some(source));
        }
        assert!("docker".parse::<Source>().is_err());
    }
}
