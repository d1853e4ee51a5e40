//! Compares Stripe's side with ours: its log of events often, its lists seldom. What is found goes the way of everything
//! else: an event that had not come into the inbox, an object that is otherwise than known into the queue of what is fetched.
//!
//! A page at a time, and where it is kept after each; one replica at a time.

mod log;
mod walk;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use rand::TryRngCore;
use rand::rngs::OsRng;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tollgate_domain::time::Span;
use tollgate_store::{Reconcile, StoreError};
use tollgate_stripe::{CallError, Client, Priority};

use super::Context;
use super::inbox::Inbox;
use super::wake::station;
use crate::telemetry::metric::{self, PLAIN};

/// Stripe keeps its log so long (docs.stripe.com/api/events).
const HORIZON: Span = Span::hours(30 * 24);

/// Looks so often whether there is something to do.
const IDLE: Duration = Duration::from_secs(2);

/// Shorter than the store's lease.
const PATIENCE: Duration = Duration::from_secs(10);

/// After an error of Stripe's.
const AGAIN: Duration = Duration::from_secs(10);

/// What a station of the comparison works with.
struct Comparison {
    context: Context,
    inbox: Inbox,
    stripe: Client,
    holder: String,
    /// Since this process began: the log is read at once, however lately another has.
    begun: AtomicBool,
    pauses: Mutex<Pauses>,
}

/// Where Stripe failed: not before. A key that may not read the log may read the lists.
#[derive(Default)]
struct Pauses {
    log: Option<Instant>,
    walk: Option<Instant>,
}

pub async fn run(context: Context, inbox: Inbox, stop: CancellationToken) -> Result<()> {
    let (clock, bell) = (context.clock.clone(), context.wakes.reconcile.clone());
    let comparison = Comparison {
        stripe: context.stripe.with_priority(Priority::Reconcile),
        holder: format!("{:016x}", OsRng.try_next_u64()?),
        begun: Default::default(),
        pauses: Default::default(),
        context,
        inbox,
    };
    station("reconcile", &bell, &clock, IDLE, &stop, || comparison.round()).await;
    Ok(())
}

impl Comparison {
    /// At most one page, so that the lease lasts; `true`: it was there.
    async fn round(&self) -> Result<bool, StoreError> {
        let mut pauses = self.pauses.lock().await;
        let store = &self.context.store;
        let Some(mut state) = store.hold_reconcile(&self.holder).await? else {
            return Ok(false);
        };
        // What differs from it later is another one.
        if state.walk.epoch.is_none() {
            state.walk.epoch = Some(state.epoch);
            store
                .save_reconcile(&self.holder, &state.log, &state.walk)
                .await?;
        }
        let now = Instant::now();
        let over = |pause: &Option<Instant>| pause.is_none_or(|at| at <= now);
        let (outcome, pause) = if over(&pauses.log) && self.log_is_due(&state) {
            (self.read_log(&mut state).await, &mut pauses.log)
        } else if over(&pauses.walk) && self.walks(&mut state) {
            (self.walk_page(&mut state).await, &mut pauses.walk)
        } else {
            if !(over(&pauses.log) && over(&pauses.walk)) {
                // Stripe may answer another replica.
                store.release_reconcile(&self.holder).await?;
            }
            return Ok(false);
        };
        if let Some(position) = state.log.position {
            metric::RECONCILE_LOG.set(PLAIN, position.unix());
        }
        *pause = match outcome {
            Ok(()) => None,
            Err(Trouble::Store(error)) => return Err(error),
            Err(Trouble::Stripe) => Some(Instant::now() + AGAIN),
        };
        let failed = pause.is_some();
        let held = store
            .save_reconcile(&self.holder, &state.log, &state.walk)
            .await?;
        Ok(held && !failed)
    }

    /// What Stripe answers, if it does within the lease.
    async fn within_lease<T>(&self, asked: impl Future<Output = Result<T, CallError>>) -> Result<T, Refused> {
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(CallError::NotFound)) => Err(Refused::NotFound),
            Ok(Err(error)) => Err(Refused::Failed(error.to_string())),
            Err(_) => Err(Refused::Failed("Stripe did not answer in time".to_owned())),
        }
    }

    /// Whether a walk is under way, which begins if one has to.
    fn walks(&self, state: &mut Reconcile) -> bool {
        if let Some(why) = self.walk_is_due(state) {
            tracing::info!(why, "a walk of Stripe's lists begins");
            walk::begin(state, why);
        }
        state.walk.list.is_some()
    }

    fn log_is_due(&self, state: &Reconcile) -> bool {
        let every = self.context.settings.reconcile_events_interval;
        if every == Span::ZERO {
            return false;
        }
        let first = !self.begun.swap(true, Ordering::Relaxed);
        let at = state.log.read_at.map(|at| at + every);
        first || state.log.top.is_some() || at.is_none_or(|at| at <= state.now)
    }

    /// Why a walk has to begin, if one has to.
    fn walk_is_due(&self, state: &Reconcile) -> Option<&'static str> {
        let walk = &state.walk;
        let every = self.context.settings.reconcile_walk_interval;
        if walk.list.is_some() {
            return None;
        }
        if state.asked > walk.served {
            return Some("asked for");
        }
        if walk.epoch.is_some_and(|epoch| epoch != state.epoch) {
            return Some("the feed has another epoch");
        }
        if state.log.gap_at > walk.started_at {
            return Some("Stripe's log does not reach back to what is known");
        }
        let due = walk.finished_at.is_none_or(|at| at + every <= state.now);
        (every != Span::ZERO && due).then_some("it is time")
    }
}

/// Why Stripe did not show a page.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("Stripe has no such object")]
    NotFound,
    #[error("{0}")]
    Failed(String),
}

enum Trouble {
    Store(StoreError),
    /// It is written down where it happened.
    Stripe,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::Store(error)
    }
}
