//! `WatchEntitlements`: one stream, made on demand. A reader that is slow costs a cursor and the frame it is sent.

mod cursor;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until};
use tollgate_domain::clock::Clock;
use tollgate_domain::revision::{Revision, Token};
use tollgate_domain::time::Span;
use tonic::Request;

use super::auth::caller::Caller;
use super::convert;
use super::proto::watch_entitlements_response::Event;
use super::proto::{CloseReason, Closing, ErrorReason, WatchEntitlementsRequest, WatchEntitlementsResponse};
use super::status::Failure;
use crate::feed::Feed;
use crate::feed::branch::Place;
use crate::feed::filter::Filter;
use crate::feed::hub::{Refused, Seat};
use crate::feed::ring::Ring;
use cursor::{Cursor, Next};

/// What all streams share.
#[derive(Clone)]
pub(super) struct Watches {
    pub feed: Feed,
    pub clock: Clock,
    /// Between two checkpoints when nothing happens.
    pub checkpoint_interval: Duration,
    /// Streams live so long, or up to a quarter less.
    pub max_age: Duration,
    /// How long a revision that this replica has not reached is waited for.
    pub patience: Duration,
    /// Frames of the latest entries, as all who watch all features get them.
    pub frames: Arc<Ring<Event>>,
}

pub(super) type Frames = BoxStream<'static, Result<WatchEntitlementsResponse, tonic::Status>>;

/// The longest that somebody who is let go is asked to stay away.
const STAY_AWAY: Duration = Duration::from_secs(1);

impl Watches {
    /// Opens one.
    ///
    /// # Errors
    /// As the contract says of the method.
    pub async fn open(&self, request: Request<WatchEntitlementsRequest>) -> Result<Frames, Failure> {
        let caller = Caller::of(request.extensions())?;
        let request = request.into_inner();
        let filter = caller.narrow(convert::filter(request.filter)?)?;
        let token = convert::token("revision", &request.revision)?;
        let seat = self
            .feed
            .hub()
            .admit(caller.name())
            .map_err(|refused| match refused {
                Refused::CallerFull => Failure::new(
                    ErrorReason::Limit,
                    "as many streams are open in this caller's name as one may have at this replica",
                )
                .retry_after(STAY_AWAY),
                Refused::Full => Failure::new(
                    ErrorReason::Limit,
                    "as many streams are open as this replica serves",
                )
                .retry_after(STAY_AWAY),
                Refused::Closing => Failure::new(ErrorReason::Draining, "this replica is shutting down"),
            })?;
        let wanted = match token {
            Some(token) => self.resumable(&filter, token).await?,
            None => None,
        };
        let changed = self.feed.changed();
        let cursor = {
            let state = self.feed.read().ok_or_else(loading)?;
            let resumed = wanted.filter(|revision| state.place(*revision) == Place::Reached);
            if resumed.is_none() && token.is_some() && request.fail_if_compacted {
                return Err(Failure::new(
                    ErrorReason::RevisionCompacted,
                    "this revision cannot be resumed: open the watch without one and start from an empty map",
                ));
            }
            let resumed = resumed.map(|revision| (revision.number, request.revision));
            Cursor::new(
                filter,
                state.generation(),
                resumed,
                Span::from(self.checkpoint_interval),
            )
        };
        let now = Instant::now();
        let stream = Stream {
            ends_at: now + self.max_age.mul_f64(0.75 + seat.spread() / 4.0),
            checkpoint_at: now + self.checkpoint_interval,
            shared: self.clone(),
            caller,
            seat,
            changed,
            cursor,
            snapshot_only: request.snapshot_only,
            over: false,
        };
        Ok(stream::unfold(stream, Stream::next).boxed())
    }

    /// Where a stream can go on; `None`: nowhere, it must begin anew.
    async fn resumable(&self, filter: &Filter, token: Token) -> Result<Option<Revision>, Failure> {
        if token.filter != filter.hash() {
            return Ok(None);
        }
        let place = self.feed.find(token.revision, self.patience).await;
        let place = place.map_err(super::service::unanswerable)?;
        Ok((place == Place::Reached).then_some(token.revision))
    }
}

/// Nothing can be said before the memory was filled once.
fn loading() -> Failure {
    super::service::unanswerable(crate::feed::view::Unanswerable::Loading)
}

struct Stream {
    shared: Watches,
    caller: Caller,
    seat: Seat,
    changed: Receiver<Option<Revision>>,
    cursor: Cursor,
    checkpoint_at: Instant,
    ends_at: Instant,
    snapshot_only: bool,
    over: bool,
}

impl Stream {
    async fn next(mut self) -> Option<(Result<WatchEntitlementsResponse, tonic::Status>, Stream)> {
        if self.over {
            return None;
        }
        let frame = self.frame().await;
        Some((Ok(frame), self))
    }

    async fn frame(&mut self) -> WatchEntitlementsResponse {
        loop {
            if self.seat.is_closing() {
                return self.closing(CloseReason::Draining);
            }
            if self.caller.has_ended() {
                return self.closing(CloseReason::CredentialEnded);
            }
            let time = Instant::now();
            if time >= self.ends_at {
                return self.closing(CloseReason::Age);
            }
            self.changed.mark_unchanged();
            let now = self.shared.clock.now();
            let next = match self.shared.feed.read() {
                Some(state) => self
                    .cursor
                    .next(&state, &self.shared.frames, now, time >= self.checkpoint_at),
                None => Next::Reloaded,
            };
            match next {
                Next::Frame(frame) => {
                    if matches!(frame.event, Some(Event::Checkpoint(_))) {
                        self.checkpoint_at = time + self.shared.checkpoint_interval;
                        self.over = self.snapshot_only;
                    }
                    return frame;
                }
                Next::Reloaded => return self.closing(CloseReason::Reloaded),
                Next::More => tokio::task::yield_now().await,
                Next::Nothing => tokio::select! {
                    _ = self.changed.changed() => {}
                    () = self.seat.closing() => {}
                    () = self.caller.ended() => {}
                    () = sleep_until(self.checkpoint_at.min(self.ends_at)) => {}
                },
            }
        }
    }

    fn closing(&mut self, reason: CloseReason) -> WatchEntitlementsResponse {
        self.over = true;
        let away = STAY_AWAY.mul_f64(self.seat.spread());
        self.cursor.last(Event::Closing(Closing {
            reason: reason.into(),
            retry_delay: Some(convert::duration(Span::from(away))),
        }))
    }
}
