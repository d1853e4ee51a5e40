//! One stream's place in the walk, and which frame comes next. Pure: it is shown the memory and the time.

use std::collections::VecDeque;

use tollgate_domain::id::CustomerId;
use tollgate_domain::revision::Revision;
use tollgate_domain::schedule::Schedule;
use tollgate_domain::time::{Span, Timestamp};

use crate::api::grpc::convert;
use crate::api::grpc::proto::watch_entitlements_response::Event;
use crate::api::grpc::proto::{Checkpoint, Opened, Start, WatchEntitlementsResponse};
use crate::feed::filter::{Filter, Whom};
use crate::feed::ring::{Name, Ring};
use crate::feed::state::{Entry, State};

/// Entries that are taken from the walk at a time: the walk over named customers sorts them all for each piece.
const PIECE: usize = 32;

/// Where a stream is.
pub(super) struct Cursor {
    filter: Filter,
    generation: u64,
    checkpoint_interval: Span,
    stage: Stage,
    /// Before a snapshot's first checkpoint no revision can be resumed.
    snapshot: bool,
    /// Everything up to here has been sent or is in `piece`.
    at: i64,
    piece: VecDeque<Entry>,
    /// Named customers without a row, who are no entries of the walk.
    rowless: VecDeque<CustomerId>,
    /// The revision of the last frame.
    sent: String,
    /// Of the defaults that were sent.
    defaults: Option<i64>,
    /// Something was sent since the last checkpoint.
    unfinished: bool,
    /// There was a checkpoint: what comes now is news.
    caught_up: bool,
    /// Whose revision the last frame is about, if it is news.
    news: Option<i64>,
}

enum Stage {
    Unopened,
    Opened,
    Walking,
}

/// What comes next.
pub(super) enum Next {
    Frame(WatchEntitlementsResponse),
    /// Nothing in this piece of the walk; there is another one.
    More,
    /// Nothing until the head moves.
    Nothing,
    /// The memory was filled anew: what was sent may be of a lost branch.
    Reloaded,
}

impl Cursor {
    /// A stream that goes on after a number, whose revision the caller gave as text, or begins anew.
    pub fn new(
        filter: Filter,
        generation: u64,
        resumed: Option<(i64, String)>,
        checkpoint_interval: Span,
    ) -> Cursor {
        let snapshot = resumed.is_none();
        let (at, sent) = resumed.unwrap_or_default();
        Cursor {
            filter,
            generation,
            checkpoint_interval,
            stage: Stage::Unopened,
            snapshot,
            at,
            piece: VecDeque::new(),
            rowless: VecDeque::new(),
            sent,
            defaults: None,
            unfinished: true,
            caught_up: false,
            news: None,
        }
    }

    /// The next frame. A `checkpoint` that is wanted comes as soon as the walk is at the head.
    pub fn next(&mut self, state: &State, frames: &Ring<Event>, now: Timestamp, checkpoint: bool) -> Next {
        self.news = None;
        if state.generation() != self.generation {
            return Next::Reloaded;
        }
        match self.stage {
            Stage::Unopened => {
                self.stage = Stage::Opened;
                return Next::Frame(self.last(self.opened(state, now)));
            }
            Stage::Opened => {
                self.stage = Stage::Walking;
                if let Some(defaults) = self.begin(state) {
                    return Next::Frame(self.last(defaults));
                }
            }
            Stage::Walking => {}
        }
        if let Some(customer) = self.rowless.pop_front() {
            let empty = convert::customer_entitlements(&customer, &Schedule::default(), &self.filter);
            return Next::Frame(self.last(Event::CustomerEntitlements(empty)));
        }
        if self.piece.is_empty() {
            let walk = state.walk(self.at, PIECE, &self.filter);
            self.at = walk.cursor;
            self.piece = walk.entries.into();
        }
        while let Some(entry) = self.piece.pop_front() {
            if let Entry::Defaults(defaults) = &entry
                && self.defaults.replace(defaults.number) == Some(defaults.number)
            {
                continue;
            }
            self.unfinished = true;
            self.news = self.caught_up.then_some(entry.number());
            let event = self.event(&entry, frames);
            return Next::Frame(self.frame(
                event,
                Revision {
                    number: entry.number(),
                    ..state.head()
                },
            ));
        }
        let head = state.head();
        if self.at < head.number {
            return Next::More;
        }
        if !self.unfinished && !checkpoint {
            return Next::Nothing;
        }
        self.unfinished = false;
        self.snapshot = false;
        self.caught_up = true;
        let fresh_time = state.fresh_at().map(convert::time);
        let checkpoint = Checkpoint {
            evaluate_time: Some(convert::time(now)),
            fresh_time,
        };
        Next::Frame(self.frame(Event::Checkpoint(checkpoint), head))
    }

    /// The revision that the last frame is about, if the stream had caught up before it.
    pub fn news(&self) -> Option<i64> {
        self.news
    }

    /// Everything up to here was sent; `None`: the stream has never caught up.
    pub fn reached(&self) -> Option<i64> {
        let left = self.piece.front().map(|entry| entry.number() - 1);
        self.caught_up.then(|| left.unwrap_or(self.at))
    }

    /// A frame that moves nothing: it accounts for nothing beyond the one before it.
    pub fn last(&mut self, event: Event) -> WatchEntitlementsResponse {
        WatchEntitlementsResponse {
            event: Some(event),
            previous_revision: self.sent.clone(),
            revision: self.sent.clone(),
        }
    }

    fn frame(&mut self, event: Event, revision: Revision) -> WatchEntitlementsResponse {
        let revision = if self.snapshot {
            String::new()
        } else {
            self.filter.token(revision).encode()
        };
        WatchEntitlementsResponse {
            event: Some(event),
            previous_revision: std::mem::replace(&mut self.sent, revision.clone()),
            revision,
        }
    }

    fn opened(&self, state: &State, now: Timestamp) -> Event {
        let known = |feature: &_| {
            state
                .defaults()
                .is_some_and(|defaults| defaults.answer(feature).is_some())
        };
        let start = if self.snapshot {
            Start::Snapshot
        } else {
            Start::Resumed
        };
        Event::Opened(Opened {
            start: start.into(),
            unknown_features: self
                .filter
                .features
                .iter()
                .filter(|it| !known(it))
                .map(ToString::to_string)
                .collect(),
            evaluate_time: Some(convert::time(now)),
            checkpoint_interval: Some(convert::duration(self.checkpoint_interval)),
        })
    }

    /// What a snapshot has before its walk: the defaults, and whom the walk does not come by.
    fn begin(&mut self, state: &State) -> Option<Event> {
        if !self.snapshot {
            return None;
        }
        if let Whom::Named(names) = &self.filter.whom {
            self.rowless = names
                .iter()
                .filter(|name| state.customer(name).is_none())
                .cloned()
                .collect();
        }
        let defaults = state.defaults()?;
        self.defaults = Some(defaults.number);
        Some(Event::Defaults(convert::defaults(defaults, &self.filter)))
    }

    fn event(&self, entry: &Entry, frames: &Ring<Event>) -> Event {
        let make = || match entry {
            Entry::Customer(row) => {
                let set = convert::customer_entitlements(&row.customer, &row.schedule, &self.filter);
                Event::CustomerEntitlements(set)
            }
            Entry::Defaults(defaults) => Event::Defaults(convert::defaults(defaults, &self.filter)),
        };
        if self.filter.features.is_empty() {
            let name = Name {
                generation: self.generation,
                number: entry.number(),
            };
            Event::clone(&frames.frame(name, make))
        } else {
            make()
        }
    }
}
