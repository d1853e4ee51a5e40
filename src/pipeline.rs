//! From a stored event to an appended answer.
//!
//! [`inbox`] keeps what came · [`route`] finds out [`whose`] it is · [`apply`] makes the answer of it · [`settle`] fetches what
//! is in doubt · [`reconcile`] compares Stripe's side with ours · [`catalog`] activates what is sold · `figures` says how much is
//! unfinished · `retention` forgets. Each station takes rows, works without a lock, and writes its result in
//! one statement; between any two of these the process may end and nothing is lost.

pub mod apply;
pub mod catalog;
mod figures;
pub mod inbox;
mod reconcile;
mod retention;
mod route;
mod settle;
mod wake;
pub mod whose;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use tollgate_domain::clock::Clock;
use tollgate_domain::time::Span;
use tollgate_store::Store;
use tollgate_stripe::Client;

use inbox::Inbox;
use wake::Wakes;

/// What the stations may take and how patient they are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Objects stamped by another one are ignored: several environments may share one account.
    pub deployment: String,
    /// Events of the other mode are ignored.
    pub livemode: bool,
    /// Ours, as soon as it is known. Events of another account are ignored.
    pub account: Arc<OnceLock<String>>,
    /// How long an object must be quiet before it is fetched to confirm it.
    pub confirm_after: Span,
    /// How long the body of what is finished is kept.
    pub keep_bodies: Span,
    /// Between two comparisons of Stripe's log of events with what came; zero: never.
    pub reconcile_events_interval: Span,
    /// Between two walks of Stripe's lists; zero: only where something calls for one.
    pub reconcile_walk_interval: Span,
    /// Rows in one round of a station.
    pub batch: i64,
    /// A station looks for work this often when nobody wakes it.
    pub idle: Duration,
    /// Fetches at a time, of each station that asks Stripe.
    pub fetches: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            deployment: "default".into(),
            livemode: false,
            account: Arc::default(),
            confirm_after: Span::seconds(10),
            keep_bodies: Span::days(90),
            reconcile_events_interval: Span::ZERO,
            reconcile_walk_interval: Span::ZERO,
            batch: 64,
            idle: Duration::from_millis(500),
            fetches: 8,
        }
    }
}

/// All stations of one process.
pub struct Pipeline {
    context: Context,
    inbox: Inbox,
}

/// What every station works with.
#[derive(Clone)]
struct Context {
    store: Store,
    stripe: Client,
    clock: Clock,
    settings: Settings,
    wakes: Wakes,
}

impl Pipeline {
    /// Nothing works before [`Pipeline::run`], but the inbox takes.
    pub fn new(store: Store, stripe: Client, clock: Clock, settings: Settings) -> Pipeline {
        let wakes = Wakes::default();
        let inbox = Inbox::new(store.clone(), {
            let wakes = wakes.clone();
            move || wakes.route.notify_one()
        });
        Pipeline {
            context: Context {
                store,
                stripe,
                clock,
                settings,
                wakes,
            },
            inbox,
        }
    }

    /// Where the door puts what came.
    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Tells the stations that there is work.
    pub fn nudge(&self) -> impl Fn() + Send + Sync + 'static {
        let wakes = self.context.wakes.clone();
        move || {
            wakes.route.notify_one();
            wakes.apply.notify_one();
            wakes.settle.notify_one();
        }
    }

    /// Works until `stop`.
    ///
    /// # Errors
    /// A station ended by a defect; a database that is away is none.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let Pipeline { context, inbox } = self;
        tokio::try_join!(
            route::run(context.clone(), stop.clone()),
            apply::run(context.clone(), stop.clone()),
            settle::run(context.clone(), stop.clone()),
            reconcile::run(context.clone(), inbox, stop.clone()),
            retention::run(context.clone(), stop.clone()),
            figures::run(context, stop),
        )?;
        Ok(())
    }
}

/// 1 s, 2 s, 4 s … up to five minutes.
fn backoff(attempts: i32) -> Span {
    Span::seconds(1_i64 << attempts.clamp(0, 9)).min(Span::minutes(5))
}
