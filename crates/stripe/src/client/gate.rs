//! What every request passes before it is made.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::Breaker;
use super::budget::{Budget, Priority};
use super::failure::CallError;

/// Longer than this no word of Stripe's keeps everybody away.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How it is with the budget at this moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Requests that wait for their turn, in the order of [`Priority::ALL`].
    pub waiting: [usize; 3],
    /// How many could be made at once.
    pub left: f64,
    /// Stripe is not asked, since it has not answered for a while.
    pub open: bool,
}

/// Shared by all clones of a client.
pub(super) struct Gate {
    state: Mutex<(Budget, Breaker)>,
    begun: Instant,
    waiting: [AtomicUsize; 3],
}

impl Gate {
    pub fn new(requests_per_second: u32) -> Gate {
        Gate {
            state: Mutex::new((Budget::new(requests_per_second), Breaker::default())),
            begun: Instant::now(),
            waiting: Default::default(),
        }
    }

    fn state(&self) -> (MutexGuard<'_, (Budget, Breaker)>, Duration) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state, self.begun.elapsed())
    }

    /// Returns when the request may be made, and how long that took.
    ///
    /// # Errors
    /// `NotSent`: it would be too late, or Stripe does not answer.
    pub async fn pass(
        &self,
        endpoint: &str,
        priority: Priority,
        latest: Instant,
    ) -> Result<Duration, CallError> {
        let begun = Instant::now();
        let mut queued = None;
        loop {
            let wait = {
                let (mut state, now) = self.state();
                match state.0.take(now, endpoint, priority) {
                    Ok(()) if state.1.may_ask(now) => return Ok(begun.elapsed()),
                    Ok(()) => return Err(CallError::NotSent("it has not answered for a while")),
                    Err(wait) => wait,
                }
            };
            if Instant::now() + wait > latest {
                return Err(CallError::NotSent("all requests that it allows are in use"));
            }
            queued.get_or_insert_with(|| Queued::at(&self.waiting[priority as usize]));
            tokio::time::sleep(wait).await;
        }
    }

    /// Stripe has answered.
    pub fn answered(&self) {
        if self.state().0.1.answered() {
            tracing::info!("Stripe answers again");
        }
    }

    /// Stripe has answered that it is asked too often: at this endpoint, or everywhere.
    pub fn refused(&self, endpoint: &str, everywhere: bool, after: Option<Duration>) {
        let (mut state, now) = self.state();
        let after = after.unwrap_or_default().min(LONGEST_PAUSE);
        state.0.refused(now, endpoint, everywhere, after);
    }

    /// Stripe has not answered, or only that it cannot.
    pub fn failed(&self) {
        let (mut state, now) = self.state();
        if state.1.failed(now) {
            tracing::error!("Stripe does not answer: it is asked now and then until it does");
        }
    }

    pub fn figures(&self) -> Figures {
        let (mut state, now) = self.state();
        Figures {
            waiting: std::array::from_fn(|n| self.waiting[n].load(Ordering::Relaxed)),
            left: state.0.left(now),
            open: state.1.is_open(),
        }
    }
}

/// Counts while it exists: who waits may give up at any moment.
struct Queued<'a>(&'a AtomicUsize);

impl Queued<'_> {
    fn at(waiting: &AtomicUsize) -> Queued<'_> {
        waiting.fetch_add(1, Ordering::Relaxed);
        Queued(waiting)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
