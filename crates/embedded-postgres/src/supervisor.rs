//! The process that owns the server.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::account::Account;
use crate::binaries::{Source, find};
use crate::directory::PrivateDirectory;
use crate::instance::{Instance, last_lines};

/// For `initdb` and the server's start on a machine that is busy with other things. A download is not in it.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// What a supervisor runs.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where PostgreSQL's programs come from.
    pub source: Source,
    /// Where a downloaded PostgreSQL is kept. Without it: `~/.cache/tollgate`, for root `/var/cache/tollgate`.
    pub cache_dir: Option<PathBuf>,
}

/// Runs a private Postgres until standard input ends (or SIGINT, SIGTERM or SIGHUP comes), then stops it and removes its
/// directory. When it accepts connections, one line is written to standard output: `ready <URL of an administrator>`.
/// A line `pause` on standard input stops the server and is answered with `paused`; `resume` starts it again, at the same
/// port with the same data, and is answered with `ready …`: for tests of what an outage does.
///
/// It blocks, and is meant to be all that its process does; [`Server`](crate::Server) starts that process.
///
/// # Errors
/// There is no PostgreSQL to run, it does not start (with what it said), or it ends without having been asked to.
pub fn supervise(options: Options) -> Result<()> {
    // On a thread of its own, so that a caller inside another runtime can call it too.
    let supervisor = thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(run(&options))
    });
    supervisor
        .join()
        .map_err(|_| anyhow!("the supervisor of the embedded Postgres panicked"))?
}

async fn run(options: &Options) -> Result<()> {
    let (stop, orders) = asked()?;
    let directory = PrivateDirectory::make(Account::unprivileged()).await?;
    let outcome = serve(options, &directory, stop, orders).await;
    let removed = directory.remove().await;
    outcome.and(removed)
}

async fn serve(
    options: &Options,
    directory: &PrivateDirectory,
    stop: impl Future<Output = ()>,
    mut orders: mpsc::UnboundedReceiver<String>,
) -> Result<()> {
    let mut stop = std::pin::pin!(stop);
    let bin = tokio::select! {
        bin = find(options.source, options.cache_dir.as_deref(), directory.account) => bin?,
        () = &mut stop => return Ok(()),
    };
    // Not given up half-way when asked to stop: a server can be stopped cleanly once it has started.
    let mut instance = timeout(START_DEADLINE, Instance::start(&bin, directory))
        .await
        .with_context(|| format!("PostgreSQL did not start in {} seconds", START_DEADLINE.as_secs()))??;
    // A parent that is gone does not read it; its end of the other pipe is then closed too.
    let _ = writeln!(io::stdout(), "ready {}", instance.url);
    loop {
        let order = tokio::select! {
            status = instance.ended() => {
                bail!("PostgreSQL ended by itself ({}):\n{}", status?, last_lines(&directory.log()))
            }
            () = &mut stop => return instance.stop().await,
            Some(order) = orders.recv() => order,
        };
        if order != "pause" {
            continue;
        }
        instance.halt().await?;
        let _ = writeln!(io::stdout(), "paused");
        tokio::select! {
            () = &mut stop => return Ok(()),
            Some(_) = orders.recv() => {}
        }
        instance = timeout(START_DEADLINE, instance.again(&bin, directory)).await??;
        let _ = writeln!(io::stdout(), "ready {}", instance.url);
    }
}

/// The end that is asked for, and the lines that come before. Listens from the call on, not from the first poll.
fn asked() -> Result<(impl Future<Output = ()>, mpsc::UnboundedReceiver<String>)> {
    let (ended, end_of_input) = oneshot::channel();
    let (order, orders) = mpsc::unbounded_channel();
    // Not tokio's stdin: that would keep the runtime from ending until a line comes.
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let _ = order.send(line);
        }
        let _ = ended.send(());
    });
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    let end = async move {
        tokio::select! {
            _ = end_of_input => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    };
    Ok((end, orders))
}
