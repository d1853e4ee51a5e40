//! Where the clock's correction comes from.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tollgate_domain::clock::Clock;
use tollgate_store::Store;

/// How often the database is asked what time it is.
const EVERY: Duration = Duration::from_secs(60);

/// A clock that follows the database's, and the task that keeps it so.
///
/// # Errors
/// The database cannot be asked.
pub async fn follow_database(
    store: Store,
    stop: CancellationToken,
) -> Result<(Clock, impl Future<Output = Result<()>>)> {
    let (steer, offset) = watch::channel(0);
    let clock = Clock::new(offset);
    let correct = {
        let clock = clock.clone();
        async move |steer: &watch::Sender<i64>| {
            let before = clock.now();
            let database = store.now().await?;
            let after = clock.now();
            let middle = before + tollgate_domain::time::Span((after - before).0 / 2);
            steer.send_modify(|offset| *offset += (database - middle).0);
            Ok::<_, tollgate_store::StoreError>(())
        }
    };
    correct(&steer).await?;
    let follow = async move {
        while stop
            .run_until_cancelled(tokio::time::sleep(EVERY))
            .await
            .is_some()
        {
            // A database that is away is the stations' to report; the last correction stays.
            let _ = correct(&steer).await;
        }
        Ok(())
    };
    Ok((clock, follow))
}

/// Real time in unix seconds, for what must not be steered: a signature's age.
#[allow(clippy::disallowed_methods, reason = "signatures are judged by real time")]
pub fn unix_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
