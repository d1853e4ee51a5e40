//! Fetches what is in doubt: the truth when order cannot be proven.

use anyhow::Result;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tollgate_store::{Due, StoreError};
use tollgate_stripe::{CallError, Priority};
use tracing::Instrument;

use super::wake::{reap, station};
use super::{Context, backoff};
use crate::telemetry::{metric, trace};

/// A fetch that Stripe has no object for is tried so often, over some minutes: what an event names may be late.
const ABSENT: i32 = 8;

pub async fn run(context: Context, stop: CancellationToken) -> Result<()> {
    let Context {
        clock,
        settings,
        wakes,
        ..
    } = context.clone();
    let fetching = Mutex::new(JoinSet::new());
    station("settle", &wakes.settle, &clock, settings.idle, &stop, || {
        round(&context, &fetching)
    })
    .await;
    Ok(())
}

/// Takes no more than there are places, so that no lease runs out in a queue and a slow object holds up no other.
async fn round(context: &Context, fetching: &Mutex<JoinSet<()>>) -> Result<bool, StoreError> {
    let mut fetching = fetching.lock().await;
    reap("settle", &mut fetching);
    let places = context.settings.fetches.saturating_sub(fetching.len());
    if places == 0 {
        return Ok(false);
    }
    let limit = i64::try_from(places).unwrap_or(i64::MAX);
    let due = context.store.due_settles(limit, context.clock.now()).await?;
    let found = !due.is_empty();
    for due in due {
        let context = context.clone();
        fetching.spawn(async move {
            if let Err(error) = settle(&context, due).await {
                tracing::warn!(%error, "a fetched object could not be kept; its lease runs out");
            }
            context.wakes.apply.notify_one();
            context.wakes.settle.notify_one();
        });
    }
    Ok(found)
}

async fn settle(context: &Context, mut due: Due) -> Result<(), StoreError> {
    let store = &context.store;
    let kind = due.kind.as_str();
    let span = trace::caused("settle", due.cause.traceparent.as_deref());
    let stripe = context.stripe.with_priority(Priority::Settle);
    let fetched = stripe.fetch(due.kind, &due.id);
    let fetched = fetched.instrument(span.clone()).await;
    due.cause.traceparent = trace::context(&span, due.cause.traceparent.take());
    let now = context.clock.now();
    match fetched {
        Ok(fetched) => {
            metric::SETTLE_REQUESTS.count([kind, "fetched"]);
            store.settled(&due, fetched.body, fetched.from, fetched.to).await
        }
        // Absence never revokes: what is known stands.
        Err(error @ CallError::NotFound) => {
            metric::SETTLE_REQUESTS.count([kind, "absent"]);
            let retry_at = (due.attempts + 1 < ABSENT).then(|| now + backoff(due.attempts));
            store.settle_failed(&due, &error.to_string(), retry_at).await
        }
        Err(error) => {
            metric::SETTLE_REQUESTS.count([kind, "failed"]);
            tracing::warn!(kind, %error, attempts = due.attempts, "an object could not be fetched");
            // Nothing was asked: the next turn may come at once.
            let attempts = if matches!(error, CallError::NotSent(_)) {
                0
            } else {
                due.attempts
            };
            let retry_at = Some(now + backoff(attempts));
            store.settle_failed(&due, &error.to_string(), retry_at).await
        }
    }
}
