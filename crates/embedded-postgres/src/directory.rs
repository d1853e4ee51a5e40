//! The private directory of one server, and what earlier supervisors left when they were killed.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::account::{Account, open_to_all};

const PREFIX: &str = "tollgate-postgres-";
const LOCK: &str = "lock";
const DATA: &str = "data";

/// `tollgate-postgres-<pid>-<random>` under the system's temporary directory. It holds `data`, the server's log and a
/// lock that says that its supervisor lives. Dropping it removes it.
pub(crate) struct PrivateDirectory {
    root: TempDir,
    pub(crate) account: Option<Account>,
    _lock: File,
}

impl PrivateDirectory {
    pub(crate) async fn make(account: Option<Account>) -> Result<Self> {
        let base = base(account);
        remove_abandoned(&base).await;
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let root = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&base)
            .with_context(|| format!("cannot make a directory in {}", base.display()))?;
        // Locked before it has its name: a lock that can be seen and is free has lost its holder.
        let unnamed = root.path().join("lock.new");
        let lock = File::create_new(&unnamed)?;
        lock.lock()
            .context("the temporary directory's file system has no locks")?;
        fs::rename(&unnamed, root.path().join(LOCK))?;
        let directory = Self {
            root,
            account,
            _lock: lock,
        };
        fs::create_dir(directory.data())?;
        fs::set_permissions(directory.data(), Permissions::from_mode(0o700))?;
        if account.is_some() {
            // The other account passes through; only `data` is its own.
            fs::set_permissions(directory.root.path(), Permissions::from_mode(0o711))?;
            directory.give(&directory.data())?;
        }
        Ok(directory)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.path().join(DATA)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.root.path().join("postgres.log")
    }

    /// A file that its caller and the account of the server alone can read.
    pub(crate) fn secret(&self, content: &str) -> Result<tempfile::NamedTempFile> {
        let file = tempfile::NamedTempFile::new_in(self.root.path())?;
        fs::write(file.path(), content)?;
        self.give(file.path())?;
        Ok(file)
    }

    fn give(&self, path: &Path) -> Result<()> {
        if let Some(Account { uid, gid }) = self.account {
            chown(path, Some(uid), Some(gid)).with_context(|| {
                format!("root cannot give files to uid {uid}, and PostgreSQL refuses to run as root")
            })?;
        }
        Ok(())
    }

    /// Removes everything. The processes of a server that was killed may write for a moment longer.
    pub(crate) async fn remove(self) -> Result<()> {
        let path = self.root.path();
        for _ in 0..100 {
            if fs::remove_dir_all(path).is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))
    }
}

/// The temporary directory, or for root the first that another account can pass through.
fn base(account: Option<Account>) -> PathBuf {
    let own = std::env::temp_dir();
    if account.is_none() || open_to_all(&own) {
        return own;
    }
    ["/tmp", "/var/tmp"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| open_to_all(path))
        .unwrap_or(own)
}

/// Best effort: what cannot be removed now is tried again by the next supervisor.
async fn remove_abandoned(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry
                .metadata()
                .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == geteuid().as_raw());
        if ours
            && let Ok(lock) = File::open(path.join(LOCK))
            && lock.try_lock().is_ok()
        {
            stop_orphan(&path.join(DATA)).await;
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Stops the server that runs in `data`, if one does. Its process id may since belong to another: only a process whose
/// working directory is `data` is touched. Where there is no `/proc`, PostgreSQL itself ends within a minute after
/// `postmaster.pid` is gone.
async fn stop_orphan(data: &Path) {
    let lines = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(pid) = lines
        .lines()
        .next()
        .and_then(|pid| pid.parse().ok())
        .and_then(Pid::from_raw)
    else {
        return;
    };
    let working_directory = format!("/proc/{}/cwd", pid.as_raw_nonzero());
    let Ok(data) = data.canonicalize() else {
        return;
    };
    for signal in [Signal::QUIT, Signal::KILL] {
        for attempt in 0..100 {
            if fs::read_link(&working_directory).ok().as_ref() != Some(&data) {
                return;
            }
            if attempt == 0 && kill_process(pid, signal).is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
