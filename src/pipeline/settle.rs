//! Fetches what is in doubt: the truth when order cannot be proven.

use anyhow::Result;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tollgate_store::{Due, StoreError};
use tollgate_stripe::CallError;

use super::wake::{reap, station};
use super::{Context, backoff};

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

async fn settle(context: &Context, due: Due) -> Result<(), StoreError> {
    let store = &context.store;
    let kind = due.kind.as_str();
    context.budget.take().await;
    let fetched = context.stripe.fetch(due.kind, &due.id).await;
    let now = context.clock.now();
    match fetched {
        Ok(fetched) => {
            metrics::counter!("tollgate_settles_total", "kind" => kind, "outcome" => "fetched").increment(1);
            store.settled(&due, fetched.body, fetched.from, fetched.to).await
        }
        // Absence never revokes: what is known stands.
        Err(error @ CallError::NotFound) => {
            metrics::counter!("tollgate_settles_total", "kind" => kind, "outcome" => "absent").increment(1);
            let retry_at = (due.attempts + 1 < ABSENT).then(|| now + backoff(due.attempts));
            store.settle_failed(&due, &error.to_string(), retry_at).await
        }
        Err(error) => {
            metrics::counter!("tollgate_settles_total", "kind" => kind, "outcome" => "failed").increment(1);
            tracing::warn!(kind, %error, attempts = due.attempts, "an object could not be fetched");
            store
                .settle_failed(&due, &error.to_string(), Some(now + backoff(due.attempts)))
                .await
        }
    }
}
