//! Why the latest revisions came, for those who look on: kept until somebody has been told of them here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_domain::time::Timestamp;

use crate::telemetry::metric::{self, PLAIN};
use crate::telemetry::trace;

/// Of so many revisions at most.
const KEPT: usize = 4_096;

/// What a revision came of.
pub struct Cause {
    /// When the webhook was stored, as our steady clock would have said.
    accepted: Option<Instant>,
    traceparent: Option<String>,
    told: AtomicBool,
}

impl Cause {
    /// `at` is the database's clock in an answer that was asked for at `asked`; `None`: there is nothing to tell.
    pub fn new(cause: tollgate_store::Cause, at: Timestamp, asked: Instant) -> Option<Cause> {
        let ago = |accepted_at: Timestamp| {
            let micros = u64::try_from((at - accepted_at).0).unwrap_or(0);
            asked.checked_sub(Duration::from_micros(micros))
        };
        let accepted = cause.accepted_at.and_then(ago);
        (accepted.is_some() || cause.traceparent.is_some()).then_some(Cause {
            accepted,
            traceparent: cause.traceparent,
            told: AtomicBool::new(false),
        })
    }

    /// A frame about it was made: says how long that took, and shows it in the trace.
    pub fn tell(&self) {
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(accepted) = self.accepted {
            metric::WEBHOOK_TO_WATCH.record(PLAIN, accepted.elapsed());
        }
        drop(trace::caused("watch frame", self.traceparent.as_deref()));
    }
}

/// By rising revision.
#[derive(Default)]
pub struct Causes(VecDeque<(i64, Arc<Cause>)>);

impl Causes {
    /// Keeps one, which is later than all before.
    pub fn keep(&mut self, number: i64, cause: Cause) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((number, Arc::new(cause)));
    }

    /// That of a revision, if nobody was told of it yet.
    pub fn of(&self, number: i64) -> Option<Arc<Cause>> {
        let at = self.0.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let cause = &self.0[at].1;
        (!cause.told.load(Ordering::Relaxed)).then(|| cause.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause() -> Cause {
        let cause = tollgate_store::Cause {
            traceparent: None,
            accepted_at: Some(Timestamp(1_000_000)),
        };
        Cause::new(cause, Timestamp(3_000_000), Instant::now()).unwrap()
    }

    #[test]
    fn a_revision_is_told_of_once_and_only_the_latest_are_kept() {
        let mut causes = Causes::default();
        for number in 0..=i64::try_from(KEPT).unwrap() {
            causes.keep(number * 2, cause());
        }
        assert!(causes.of(0).is_none() && causes.of(3).is_none());
        causes.of(2).unwrap().tell();
        assert!(causes.of(2).is_none() && causes.of(4).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_acceptance_is_seen_from_our_steady_clock() {
        // A machine that was started a moment ago has no such instant.
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(cause().accepted.unwrap().elapsed().as_secs(), 2);
        assert!(Cause::new(tollgate_store::Cause::default(), Timestamp(0), Instant::now()).is_none());
    }
}
