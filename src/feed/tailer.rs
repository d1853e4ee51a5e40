//! The only writer of the memory: loads it, then follows the feed row by row.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_domain::catalog::{self, Catalog};
use tollgate_domain::revision::Revision;
use tollgate_domain::time::Timestamp;
use tollgate_store::{Activation, FeedRow, Hints, Position, StoreError};

use super::Inner;
use super::branch::Lost;
use super::cause::Cause;
use super::state::{Change, Row, State};
use crate::telemetry::metric::{self, PLAIN};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Of the latest activations one at least should be of a catalog that this version can read.
const ACTIVATIONS: i64 = 16;

/// Runs for ever.
pub(super) async fn run(inner: &Inner) {
    let mut tailer = Tailer {
        inner,
        hints: inner.store.hints(),
        generation: 0,
        followed: None,
    };
    let mut pause = FIRST_PAUSE;
    loop {
        match tailer.step().await {
            Ok(complete) => {
                if pause != FIRST_PAUSE {
                    tracing::info!("the feed can be read again");
                }
                pause = FIRST_PAUSE;
                if complete {
                    tailer.wait().await;
                }
                continue;
            }
            Err(Trouble::Store(error)) => {
                tracing::warn!(%error, again_in = ?pause, "the feed cannot be read; memory answers as of before");
                metric::FEED_ERRORS.count(PLAIN);
                metric::DATABASE_UP.set(PLAIN, false);
            }
            Err(Trouble::Lost(lost)) => {
                tracing::error!(%lost, "what is in memory cannot be brought forward; loading anew beside it");
                metric::FEED_RELOADS.count(PLAIN);
                tailer.followed = None;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

struct Tailer<'a> {
    inner: &'a Inner,
    hints: Hints,
    generation: u64,
    /// The head of the state that answers and is followed; `None`: one must be loaded.
    followed: Option<Revision>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// What one poll brought.
pub(super) struct Polled {
    pub position: Position,
    pub changes: Vec<(i64, Change)>,
    pub causes: Vec<(i64, Cause)>,
    /// Our clock before the poll.
    pub asked_at: Timestamp,
}

impl Tailer<'_> {
    /// One step forward; `true`: the memory holds all that the database does.
    async fn step(&mut self) -> Result<bool, Trouble> {
        let Some(head) = self.followed else {
            let (state, complete) = self.load().await?;
            let head = state.head();
            tracing::info!(
                revision = head.number,
                customers = state.customers(),
                "the memory is filled"
            );
            self.inner.change(|answers| *answers = Some(state));
            self.followed = Some(head);
            self.inner
                .ready
                .send_if_modified(|ready| complete && !std::mem::replace(ready, true));
            return Ok(true);
        };
        let polled = poll(self.inner, head.number).await?;
        let (before, there) = (head, polled.position.head);
        let (complete, head) = self.inner.change(|state| {
            let state = state.as_mut().expect("what is followed has been loaded");
            Ok::<_, Lost>((polled.advance(state)?, state.head()))
        })?;
        self.followed = Some(head);
        self.inner
            .ready
            .send_if_modified(|ready| complete && !std::mem::replace(ready, true));
        metric::DATABASE_UP.set(PLAIN, true);
        metric::FEED_HEAD.set(PLAIN, there);
        metric::FEED_REVISION.set(PLAIN, head.number);
        metric::FEED_LAG.set(PLAIN, (there - head.number).max(0));
        // Nothing taken, and yet not the head: a standby that lags. It is asked again no sooner than another.
        Ok(complete || head == before)
    }

    /// A state beside the one that answers, brought up to the head; and whether it is certain that it is there.
    async fn load(&mut self) -> Result<(State, bool), Trouble> {
        let (store, page) = (&self.inner.store, self.inner.settings.page);
        let (position, _) = store.poll(i64::MAX, 0).await?;
        self.generation += 1;
        let mut state = State::empty(&position, self.generation);
        loop {
            let (position, rows) = store.snapshot_page(state.head().number, page).await?;
            let last = i64::try_from(rows.len()).is_ok_and(|len| len < page);
            let rows = rows.into_iter().map(|row| Row {
                customer: row.customer,
                number: row.number,
                schedule: row.schedule,
            });
            state.load(&position, rows.collect(), last)?;
            if last {
                break;
            }
        }
        // One that is active only since later comes with the feed.
        let activations = store.activations(ACTIVATIONS).await?;
        let mut until_now = activations.iter().filter(|it| it.revision <= state.head().number);
        if let Some((number, catalog)) = until_now.find_map(|it| Some((it.revision, readable(it)?))) {
            state.load_defaults(number, catalog);
        }
        loop {
            let polled = poll(self.inner, state.head().number).await?;
            let before = state.head();
            let complete = polled.advance(&mut state)?;
            if complete || state.head() == before {
                return Ok((state, complete));
            }
        }
    }

    /// Returns at a hint, when somebody wants more, or when it is time to look anyway.
    async fn wait(&mut self) {
        tokio::select! {
            () = self.hints.next(self.inner.settings.poll_every) => {}
            () = self.inner.wanted.notified() => {}
        }
    }
}

/// Reads what comes after a revision.
pub(super) async fn poll(inner: &Inner, after: i64) -> Result<Polled, StoreError> {
    let (asked_at, asked) = (inner.clock.now(), Instant::now());
    let (position, rows) = inner.store.poll(after, inner.settings.page).await?;
    if position.diverged {
        // On a quiet system nobody appends, and the epoch is ours to open.
        inner.store.open_epoch().await?;
    }
    let mut causes = vec![];
    let changes = rows.into_iter().map(|mut row| {
        let cause = Cause::new(std::mem::take(&mut row.cause), position.at, asked);
        causes.extend(cause.map(|cause| (row.number, cause)));
        (row.number, change(row))
    });
    Ok(Polled {
        position,
        changes: changes.collect(),
        causes,
        asked_at,
    })
}

impl Polled {
    fn advance(self, state: &mut State) -> Result<bool, Lost> {
        let head = state.head().number;
        let complete = state.advance(&self.position, self.changes, self.asked_at)?;
        // Of a position of the past nothing was taken.
        if state.head().number > head {
            self.causes
                .into_iter()
                .for_each(|(number, cause)| state.keep(number, cause));
        }
        Ok(complete)
    }
}

fn change(row: FeedRow) -> Change {
    match row.change {
        tollgate_store::Change::Customer {
            customer, schedule, ..
        } => Change::Customer(customer, schedule),
        tollgate_store::Change::Catalog(activation) => {
            readable(&activation).map_or(Change::Nothing, Change::Defaults)
        }
        tollgate_store::Change::Epoch => Change::Nothing,
    }
}

/// The catalog, unless a newer version of the program wrote it: then the one before stays, and what was projected from
/// the new one comes with the customers' rows.
fn readable(activation: &Activation) -> Option<Arc<Catalog>> {
    match catalog::parse(&activation.source) {
        Ok(catalog) => Some(Arc::new(catalog)),
        Err(errors) => {
            let first = errors
                .first()
                .map(|error| error.message.as_str())
                .unwrap_or_default();
            tracing::error!(
                activation = activation.number,
                error = first,
                "the active catalog cannot be read by this version; its defaults are not served"
            );
            None
        }
    }
}
