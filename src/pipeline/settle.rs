//! Fetches what is in doubt: the truth when order cannot be proven.

use anyhow::Result;
use futures::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;
use tollgate_store::{Due, StoreError};
use tollgate_stripe::CallError;

use super::wake::station;
use super::{Context, backoff};

/// A fetch that Stripe has no object for is tried so often: what an event names may be a moment late.
const ABSENT: i32 = 4;

pub async fn run(context: Context, stop: CancellationToken) -> Result<()> {
    let Context { clock, settings, wakes, .. } = context.clone();
    station("settle", &wakes.settle, &clock, settings.idle, &stop, || round(&context)).await;
    Ok(())
}

async fn round(context: &Context) -> Result<bool, StoreError> {
    let due = context.store.due_settles(context.settings.batch, context.clock.now()).await?;
    let found = !due.is_empty();
    let settled = stream::iter(due).map(|due| settle(context, due)).buffer_unordered(context.settings.fetches);
    let outcomes: Vec<Result<(), StoreError>> = settled.collect().await;
    outcomes.into_iter().collect::<Result<(), StoreError>>()?;
    if found {
        context.wakes.apply.notify_one();
    }
    Ok(found)
}

async fn settle(context: &Context, due: Due) -> Result<(), StoreError> {
    let (store, now) = (&context.store, context.clock.now());
    let kind = due.kind.as_str();
    match context.stripe.fetch(due.kind, &due.id).await {
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
            store.settle_failed(&due, &error.to_string(), Some(now + backoff(due.attempts))).await
        }
    }
}
