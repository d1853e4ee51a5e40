//! Forgets the bodies of what is finished, after a while. What was learned from them stays.

use std::time::Duration;

use anyhow::Result;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::wake::station;

const EVERY: Duration = Duration::from_secs(3_600);

/// In one commit.
const AT_ONCE: i64 = 1_000;

pub async fn run(context: Context, stop: CancellationToken) -> Result<()> {
    let nobody = Notify::new();
    let keep = context.settings.keep_bodies;
    station("retention", &nobody, &context.clock, EVERY, &stop, || async {
        let forgotten = context.store.forget_bodies(keep, AT_ONCE).await?;
        Ok(forgotten == AT_ONCE.unsigned_abs())
    })
    .await;
    Ok(())
}
