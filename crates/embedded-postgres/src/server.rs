//! The parent's side: a handle whose pipe keeps the supervisor alive.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
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
    /// What the supervisor said, line by line.
    said: Mutex<mpsc::Receiver<std::io::Result<String>>>,
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
        let (sender, said) = mpsc::channel();
        thread::spawn(move || {
            // Nobody waits any more after the deadline.
            for line in BufReader::new(output).lines() {
                let _ = sender.send(line);
            }
        });
        let mut server = Self {
            supervisor: Some(child),
            said: Mutex::new(said),
            url: String::new(),
        };
        let line = server.line()?;
        match line.trim_end().strip_prefix("ready ") {
            Some(url) => url.clone_into(&mut server.url),
            None => bail!("the embedded Postgres did not start; its supervisor said why on standard error"),
        }
        Ok(server)
    }

    fn line(&self) -> Result<String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(said.recv_timeout(START_DEADLINE).map_err(|_| {
            anyhow!(
                "the embedded Postgres did not start, or not in {} seconds; its supervisor said why on standard error",
                START_DEADLINE.as_secs()
            )
        })??)
    }

    /// Stops the server and keeps its data, as an outage does; blocks until it is down.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub fn pause_blocking(&mut self) -> Result<()> {
        self.order("pause")
    }

    /// Starts a paused server again, at the same port; blocks until it accepts connections.
    ///
    /// # Errors
    /// The supervisor is gone, or the server does not start.
    pub fn resume_blocking(&mut self) -> Result<()> {
        self.order("resume")
    }

    fn order(&mut self, order: &str) -> Result<()> {
        let supervisor = self.supervisor.as_mut().context("the server was stopped")?;
        let input = supervisor
            .stdin
            .as_mut()
            .context("the supervisor has no standard input")?;
        writeln!(input, "{order}")?;
        self.line().map(drop)
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
