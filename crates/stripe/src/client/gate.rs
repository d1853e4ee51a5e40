//! What every request passes before it is made.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::breaker::Breaker;
use super::budget::{Budget, Priority};
use super::failure::NotSent;

/// Longer than this no word of Stripe's keeps everybody away.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How it is with the budget at this moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Requests that wait for their turn, in the order of [`Priority::ALL`].
    pub waiting: [usize; 4],
    /// How many could be made at once.
    pub left: f64,
    /// Of each endpoint that was asked: whether it is left alone, since it has not answered for a while.
    pub open: BTreeMap<String, bool>,
}

/// Shared by all clones of a client.
pub(super) struct Gate {
    state: Mutex<State>,
    begun: Instant,
    waiting: [AtomicUsize; 4],
}

/// What one endpoint does not answer says nothing of the others: a checkout goes on while invoices cannot be had.
struct State {
    budget: Budget,
    breakers: HashMap<String, Breaker>,
    turns: HashMap<(String, Priority), Turn>,
}

/// Who came first asks first: whoever only slept until there is something again could miss it every time.
type Turn = Arc<tokio::sync::Mutex<()>>;

impl State {
    fn turn(&mut self, endpoint: &str, priority: Priority) -> Turn {
        self.turns
            .entry((endpoint.to_owned(), priority))
            .or_default()
            .clone()
    }

    fn breaker(&mut self, endpoint: &str) -> &mut Breaker {
        self.breakers.entry(endpoint.to_owned()).or_default()
    }
}

impl Gate {
    pub fn new(requests_per_second: u32) -> Gate {
        Gate {
            state: Mutex::new(State {
                budget: Budget::new(requests_per_second),
                breakers: HashMap::new(),
                turns: HashMap::new(),
            }),
            begun: Instant::now(),
            waiting: Default::default(),
        }
    }

    fn state(&self) -> (MutexGuard<'_, State>, Duration) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state, self.begun.elapsed())
    }

    /// Returns when the request may be made.
    ///
    /// # Errors
    /// It would be too late, or Stripe does not answer.
    pub async fn pass(&self, endpoint: &str, priority: Priority, latest: Instant) -> Result<(), NotSent> {
        let mut queued = None;
        let turn = self.state().0.turn(endpoint, priority);
        let _mine = match turn.try_lock() {
            Ok(mine) => mine,
            Err(_) => {
                queued.get_or_insert_with(|| Queued::at(&self.waiting[priority as usize]));
                let mine = timeout_at(latest, turn.lock()).await;
                mine.map_err(|_| NotSent::Budget)?
            }
        };
        loop {
            let wait = {
                let (mut state, now) = self.state();
                if state.breaker(endpoint).is_shut(now) {
                    return Err(NotSent::Breaker);
                }
                match state.budget.take(now, endpoint, priority) {
                    Ok(()) if state.breaker(endpoint).may_ask(now) => return Ok(()),
                    Ok(()) => return Err(NotSent::Breaker),
                    Err(wait) => wait,
                }
            };
            if Instant::now() + wait > latest {
                return Err(NotSent::Budget);
            }
            queued.get_or_insert_with(|| Queued::at(&self.waiting[priority as usize]));
            tokio::time::sleep(wait).await;
        }
    }

    /// Stripe has answered there.
    pub fn answered(&self, endpoint: &str) {
        if self.state().0.breaker(endpoint).answered() {
            tracing::info!(endpoint, "Stripe answers again");
        }
    }

    /// Stripe has answered that it is asked too often: at this endpoint, or everywhere.
    pub fn refused(&self, endpoint: &str, everywhere: bool, after: Option<Duration>) {
        let (mut state, now) = self.state();
        let after = after.unwrap_or_default().min(LONGEST_PAUSE);
        state.budget.refused(now, endpoint, everywhere, after);
    }

    /// Stripe has not answered, or only that it cannot.
    pub fn failed(&self, endpoint: &str) {
        let (mut state, now) = self.state();
        if state.breaker(endpoint).failed(now) {
            tracing::error!(
                endpoint,
                "Stripe does not answer: it is asked now and then until it does"
            );
        }
    }

    pub fn figures(&self) -> Figures {
        let (mut state, now) = self.state();
        Figures {
            waiting: std::array::from_fn(|n| self.waiting[n].load(Ordering::Relaxed)),
            left: state.budget.left(now),
            open: state
                .breakers
                .iter()
                .map(|(endpoint, it)| (endpoint.clone(), it.is_open()))
                .collect(),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    async fn passes(gate: &Gate, endpoint: &str, priority: Priority) -> bool {
        let latest = Instant::now() + Duration::from_secs(10);
        gate.pass(endpoint, priority, latest).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_does_not_answer_keeps_nobody_from_another() {
        let gate = Gate::new(100);
        for _ in 0..100 {
            gate.failed("/v1/invoices/{id}");
        }
        assert!(!passes(&gate, "/v1/invoices/{id}", Priority::Settle).await);
        assert!(gate.figures().open["/v1/invoices/{id}"]);
        assert!(passes(&gate, "/v1/checkout/sessions", Priority::Checkout).await);
        assert!(!gate.figures().open["/v1/checkout/sessions"]);
        gate.answered("/v1/invoices/{id}");
        assert!(passes(&gate, "/v1/invoices/{id}", Priority::Settle).await);
        assert!(!gate.figures().open["/v1/invoices/{id}"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_passed_by_again_and_again() {
        let gate = Gate::new(25);
        let turns = Mutex::new(vec![]);
        let asks = (0..8).map(|who| {
            let (gate, turns) = (&gate, &turns);
            async move {
                for _ in 0..20 {
                    assert!(passes(gate, "/v1/subscriptions/{id}", Priority::Settle).await);
                    turns.lock().unwrap().push(who);
                    tokio::time::sleep(Duration::from_millis(who)).await;
                }
            }
        });
        futures::future::join_all(asks).await;
        // Once all wait, each has had one before anybody has the next; in the end some have had all of theirs.
        for turns in turns.into_inner().unwrap()[8..120].chunks(8) {
            assert_eq!(BTreeSet::from_iter(turns).len(), 8, "{turns:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_told_that_nobody_answers_has_spent_nothing() {
        let gate = Gate::new(25);
        for _ in 0..100 {
            gate.failed("/v1/invoices/{id}");
        }
        let before = gate.figures().left;
        for _ in 0..50 {
            assert!(!passes(&gate, "/v1/invoices/{id}", Priority::Checkout).await);
        }
        assert_eq!(gate.figures().left, before);
    }
}
