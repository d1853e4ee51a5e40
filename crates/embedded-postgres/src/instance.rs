//! One server: `initdb`, then `postgres` as our own child, until it is stopped.

use std::fs::{self, File};
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use crate::account::command;
use crate::directory::PrivateDirectory;

/// How often a port that another process took first is replaced.
const PORT_ATTEMPTS: usize = 10;
/// How long the server may take to obey one signal before it gets a harder one.
const PATIENCE: Duration = Duration::from_secs(6);

/// Nobody needs this data after a crash, so nothing waits for the disk. Everything else is as in a real server.
/// The shared memory is in files of `data`, so that removing the directory leaves nothing even after `kill -9`.
const SETTINGS: [&str; 9] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=400",
    "shared_buffers=128MB",
    "dynamic_shared_memory_type=mmap",
    "timezone=UTC",
    "log_timezone=UTC",
];

/// A running server.
pub(crate) struct Instance {
    postgres: Child,
    port: u16,
    /// Of the database `postgres`, with the password.
    pub(crate) url: String,
}

impl Instance {
    /// Makes a cluster in `directory` and starts a server on it; returns when it accepts connections.
    pub(crate) async fn start(bin: &Path, directory: &PrivateDirectory) -> Result<Self> {
        let password = random_password()?;
        initialise(bin, directory, &password).await?;
        for _ in 0..PORT_ATTEMPTS {
            let port = free_port()?;
            let mut postgres = spawn(bin, directory, port)?;
            if accepts_connections(&mut postgres, directory).await? {
                let url = format!("postgres://tollgate:{password}@127.0.0.1:{port}/postgres");
                return Ok(Self { postgres, port, url });
            }
            let log = last_lines(&directory.log());
            if !log.contains("could not bind") {
                bail!("PostgreSQL did not start:\n{log}");
            }
        }
        bail!("no free port on 127.0.0.1 after {PORT_ATTEMPTS} attempts")
    }

    /// Waits until the server ends by itself.
    pub(crate) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.postgres.wait().await
    }

    /// Stops the server: cleanly, else at once, else by force.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.halt().await
    }

    /// Starts what was halted, at the same port.
    pub(crate) async fn again(self, bin: &Path, directory: &PrivateDirectory) -> Result<Self> {
        let mut postgres = spawn(bin, directory, self.port)?;
        if !accepts_connections(&mut postgres, directory).await? {
            bail!(
                "PostgreSQL did not start again:\n{}",
                last_lines(&directory.log())
            );
        }
        Ok(Self { postgres, ..self })
    }

    /// As [`Instance::stop`]; it can be started again.
    pub(crate) async fn halt(&mut self) -> Result<()> {
        for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
            // The id is that of our child until it was waited for.
            if let Some(pid) = self.postgres.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
                kill_process(pid, signal)?;
            }
            if let Ok(status) = timeout(PATIENCE, self.postgres.wait()).await {
                return status.map(drop).context("cannot wait for PostgreSQL");
            }
        }
        bail!("PostgreSQL did not end")
    }
}

async fn initialise(bin: &Path, directory: &PrivateDirectory, password: &str) -> Result<()> {
    let password = directory.secret(password)?;
    // `password` and not `scram-sha-256`: clients that are built without optimisation take tens of milliseconds for
    // SCRAM's rounds at each connection, and the loopback device has no listeners to hide from.
    let output = command(&bin.join("initdb"), directory.account, &directory.data())
        .args([
            "--username=tollgate",
            "--auth=password",
            "--encoding=UTF8",
            "--no-locale",
        ])
        .args(["--no-sync", "--no-instructions"])
        .arg("--pwfile")
        .arg(password.path())
        .arg("--pgdata")
        .arg(directory.data())
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("cannot run initdb of {}", bin.display()))?;
    if !output.status.success() {
        bail!(
            "initdb of {} failed:\n{}",
            bin.display(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(())
}

fn spawn(bin: &Path, directory: &PrivateDirectory, port: u16) -> Result<Child> {
    let log = File::create(directory.log())?;
    let mut postgres = command(&bin.join("postgres"), directory.account, &directory.data());
    postgres
        .arg("-D")
        .arg(directory.data())
        .arg("-p")
        .arg(port.to_string());
    for setting in SETTINGS {
        postgres.arg("-c").arg(setting);
    }
    // A group of its own: the terminal's Ctrl-C is not for it, the supervisor says when it ends.
    postgres
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot run postgres of {}", bin.display()))
}

/// Waits until the server says so in line 8 of `postmaster.pid`, as `pg_ctl` does; `false` if it ended instead. A
/// connection would not do: the one who answers at the port may be another process that took it first.
async fn accepts_connections(postgres: &mut Child, directory: &PrivateDirectory) -> Result<bool> {
    let file = directory.data().join("postmaster.pid");
    loop {
        if postgres.try_wait()?.is_some() {
            return Ok(false);
        }
        let lines = fs::read_to_string(&file).unwrap_or_default();
        if lines
            .lines()
            .nth(7)
            .is_some_and(|status| status.trim() == "ready")
        {
            return Ok(true);
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// The last lines of the server's log.
pub(crate) fn last_lines(log: &Path) -> String {
    let content = fs::read(log).unwrap_or_default();
    let content = String::from_utf8_lossy(&content);
    let lines: Vec<_> = content.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Free at this instant; another process may take it before the server does.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn random_password() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
