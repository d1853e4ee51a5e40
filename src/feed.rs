//! From the append to memory, and from there to who asks and who watches.
//!
//! `tailer` is the only one who fills the memory: it loads every customer's last answer and then follows the
//! revisions one by one · [`state`] is that memory, and the walk through it · [`branch`] says whether a revision is one
//! of ours after a failover · [`view`] reads at a revision that the caller names · [`filter`], [`hub`] and [`ring`] are
//! what the watchers need: whom they watch, who they are, and frames that are made once for all of them.

pub mod branch;
pub mod filter;
pub mod hub;
pub mod ring;
pub mod state;
mod tailer;
pub mod view;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tollgate_domain::clock::Clock;
use tollgate_domain::revision::Revision;
use tollgate_store::Store;

use hub::Hub;
use state::State;

/// How the feed is followed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long to wait for a hint before the database is asked all the same.
    pub poll_every: Duration,
    /// Rows that are read at a time.
    pub page: i64,
    /// Watchers at a time.
    pub max_watchers: usize,
    /// Of them, in one caller's name.
    pub max_watchers_per_caller: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            poll_every: Duration::from_millis(250),
            page: 2_000,
            max_watchers: 20_000,
            max_watchers_per_caller: 5_000,
        }
    }
}

/// One replica's memory of all answers, and the way to be told of changes.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    settings: Settings,
    /// `None` until it was filled for the first time.
    state: RwLock<Option<State>>,
    head: watch::Sender<Option<Revision>>,
    ready: watch::Sender<bool>,
    /// Somebody waits for a revision that the tailer has not read.
    wanted: Notify,
    hub: Hub,
}

/// The memory, held still while this is kept: do not wait for anything meanwhile.
pub struct Reading<'a>(RwLockReadGuard<'a, Option<State>>);

impl Feed {
    /// An empty memory; [`Feed::run`] fills it.
    pub fn new(store: Store, clock: Clock, settings: Settings) -> Feed {
        Feed(Arc::new(Inner {
            store,
            clock,
            state: RwLock::new(None),
            head: watch::Sender::new(None),
            ready: watch::Sender::new(false),
            wanted: Notify::new(),
            hub: Hub::new(settings.max_watchers, settings.max_watchers_per_caller),
            settings,
        }))
    }

    /// Fills the memory and keeps it up with the database until `stop`. A database that is away is waited for; what is
    /// in memory goes on answering.
    ///
    /// # Errors
    /// None so far: everything that can go wrong is worth another attempt.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        stop.run_until_cancelled(tailer::run(&self.0)).await;
        Ok(())
    }

    /// Becomes `true` when the memory was filled and had caught up, and stays so.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.0.ready.subscribe()
    }

    /// The memory; `None` while it has never been filled.
    pub fn read(&self) -> Option<Reading<'_>> {
        // Every writer leaves a state that answers, if perhaps an older one, so a panic there is no reason to stop.
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        state.is_some().then_some(Reading(state))
    }

    /// Tells of every new head. After a reload it may go back.
    pub fn changed(&self) -> watch::Receiver<Option<Revision>> {
        self.0.head.subscribe()
    }

    /// The watchers.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Tells every watcher to go, and lets nobody in any more.
    pub fn close(&self) {
        self.0.hub.close();
    }
}

impl std::ops::Deref for Reading<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.0.as_ref().expect("only a filled memory is given out")
    }
}

impl Inner {
    /// Changes the memory and tells everybody who waits.
    fn change<R>(&self, change: impl FnOnce(&mut Option<State>) -> R) -> R {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut state);
        let head = state.as_ref().map(State::head);
        drop(state);
        self.head
            .send_if_modified(|known| std::mem::replace(known, head) != head);
        outcome
    }
}
