//! How stations wake one another, and what they do when nobody does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tollgate_domain::clock::Clock;
use tollgate_store::StoreError;

use crate::telemetry::metric;

/// One bell for each station.
#[derive(Clone, Default)]
pub struct Wakes {
    pub route: Arc<Notify>,
    pub apply: Arc<Notify>,
    pub settle: Arc<Notify>,
    pub reconcile: Arc<Notify>,
}

/// Runs `round` again and again: at once while it finds work, else when the bell rings, the clock jumps or `idle` is over.
/// A database that is away is waited for.
pub async fn station<F>(
    name: &'static str,
    bell: &Notify,
    clock: &Clock,
    idle: Duration,
    stop: &CancellationToken,
    round: impl Fn() -> F,
) where
    F: Future<Output = Result<bool, StoreError>>,
{
    let mut failures = 0;
    loop {
        let pause = match round().await {
            Ok(true) => {
                failures = 0;
                Duration::ZERO
            }
            Ok(false) => {
                failures = 0;
                idle
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(station = name, %error, failures, "a round failed and is tried again");
                metric::STATION_FAILURES.count([name]);
                Duration::from_millis(100 << failures.min(6))
            }
        };
        if stop.is_cancelled() {
            return;
        }
        if !pause.is_zero() {
            tokio::select! {
                () = bell.notified() => {}
                () = clock.jumped() => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Forgets tasks that have ended. One that panicked is a defect; what it had taken is taken again.
pub fn reap(station: &'static str, tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.try_join_next() {
        if let Err(error) = ended {
            tracing::error!(station, %error, "a task failed");
            metric::STATION_FAILURES.count([station]);
        }
    }
}
