//! The parent's side: a handle whose pipe keeps the supervisor alive.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::sync::oneshot;

/// A download over a slow line is in it.
const START_DEADLINE: Duration = Duration::from_secs(180);

/// A running private Postgres. When it is dropped, or this process ends in whatever way, the server is stopped and its
/// directory removed, in the background; [`Server::stop`] waits for that.
pub struct Server {
    supervisor: Option<Child>,
    url: String,
}

impl Server {
    /// Starts a supervisor and waits until its Postgres accepts connections, at most 180 seconds.
    ///
    /// `supervisor` is a program that calls [`supervise`](crate::supervise), with its arguments. Its standard error stays
    /// what it is, so what it says is seen.
    ///
    /// # Errors
    /// The program cannot be run, ends, or the time is over.
    pub async fn start(supervisor: Command) -> Result<Self> {
        on_a_thread(move || Self::start_blocking(supervisor)).await?
    }

    /// [`Server::start`] for callers that are not async.
    ///
    /// # Errors
    /// As for [`Server::start`].
    pub fn start_blocking(mut supervisor: Command) -> Result<Self> {
        // A group of its own: Ctrl-C of the terminal is for us, and we say when the server ends.
        supervisor
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = supervisor
            .spawn()
            .context("cannot start the supervisor of the embedded Postgres")?;
        let output = child
            .stdout
            .take()
            .context("the supervisor has no standard output")?;
        let mut server = Self {
            supervisor: Some(child),
            url: String::new(),
        };
        let (sender, line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            // Nobody waits any more after the deadline.
            let _ = sender.send(read.map(|_| line));
        });
        let line = line.recv_timeout(START_DEADLINE).map_err(|_| {
            anyhow!(
                "the embedded Postgres was not ready after {} seconds",
                START_DEADLINE.as_secs()
            )
        })??;
        match line.trim_end().strip_prefix("ready ") {
            Some(url) => url.clone_into(&mut server.url),
            None => bail!("the embedded Postgres did not start; its supervisor said why on standard error"),
        }
        Ok(server)
    }

    /// The URL of the database `postgres`, as an administrator who may create databases. It holds the password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of another database of the same server. It is not created.
    pub fn database_url(&self, name: &str) -> String {
        let server = self.url.rsplit_once('/').map_or("", |(server, _)| server);
        format!("{server}/{name}")
    }

    /// Stops the server and waits until it and its directory are gone.
    ///
    /// # Errors
    /// The server had ended before, or something could not be removed.
    pub async fn stop(mut self) -> Result<()> {
        let Some(mut supervisor) = self.supervisor.take() else {
            return Ok(());
        };
        // Waiting closes the pipe first.
        let status = on_a_thread(move || supervisor.wait()).await??;
        if !status.success() {
            bail!("the embedded Postgres did not end well ({status})");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            thread::spawn(move || supervisor.wait());
        }
    }
}

/// Not tokio's blocking pool: a runtime that shuts down would wait for it, for a whole download.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (sender, result) = oneshot::channel();
    thread::spawn(move || sender.send(work()));
    result
        .await
        .context("the thread that waits for the embedded Postgres panicked")
}
