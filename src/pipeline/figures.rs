//! Says how much is unfinished. Nothing depends on it.

use std::time::Duration;

use anyhow::Result;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tollgate_store::{Figures, Reprojection, StoreError};

use super::Context;
use super::wake::station;
use crate::telemetry::metric::{self, PLAIN};

const EVERY: Duration = Duration::from_secs(10);

pub async fn run(context: Context, stop: CancellationToken) -> Result<()> {
    let nobody = Notify::new();
    station("figures", &nobody, &context.clock, EVERY, &stop, || {
        round(&context)
    })
    .await;
    Ok(())
}

async fn round(context: &Context) -> Result<bool, StoreError> {
    let Figures {
        received,
        routed,
        waiting,
        parked,
        learned,
        due,
        outdated,
        settles,
        unconfirmed,
    } = context.store.figures(context.clock.now()).await?;
    for (state, pile) in [
        ("received", received),
        ("routed", routed),
        ("waiting", waiting),
        ("parked", parked),
    ] {
        metric::INBOX_OBSERVATIONS.set([state], pile.count);
        metric::INBOX_AGE.set([state], pile.age);
    }
    for (why, count) in [("learned", learned), ("due", due.count), ("outdated", outdated)] {
        metric::APPLY_DIRTY.set([why], count);
    }
    metric::APPLY_AGE.set(PLAIN, routed.age.max(due.age));
    metric::SETTLE_PENDING.set(PLAIN, settles.count);
    metric::SETTLE_AGE.set(PLAIN, settles.age);
    metric::UNCONFIRMED.set(PLAIN, unconfirmed);
    if let Some(Reprojection {
        number, total, left, ..
    }) = context.store.reprojection().await?
    {
        metric::ACTIVATION.set(PLAIN, number);
        metric::REPROJECTION.set(["done"], total - left);
        metric::REPROJECTION.set(["left"], left);
    }
    metric::CATALOG_HELD.set(PLAIN, context.store.holds().await?.len());
    for (kind, count) in context.store.oddity_counts().await? {
        metric::ODDITIES.set([kind.word()], count);
    }
    Ok(false)
}
