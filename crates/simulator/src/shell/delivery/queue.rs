//! What an endpoint is still to get, and when. Pure.

use std::collections::BTreeMap;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// When what was not taken is delivered again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redelivery {
    /// In order, after 0.2 s of real time and doubling to 5 s, until it is taken; no endpoint is ever disabled. Not
    /// Stripe's way, but a test's.
    #[default]
    Fast,
    /// Three times over a few hours of the simulator's time, as in a sandbox (docs.stripe.com/webhooks, "Retries").
    Sandbox,
    /// Up to three days of the simulator's time, further and further apart, as in live mode.
    Live,
}

impl Redelivery {
    /// Seconds of the simulator's time after the n-th failed attempt, from 1; `None`: that was the last. Stripe publishes
    /// the span and not the steps.
    fn pause(self, failed: u32) -> Option<i64> {
        let steps: &[i64] = match self {
            Redelivery::Fast => return Some(0),
            Redelivery::Sandbox => &[10 * MINUTE, HOUR, 3 * HOUR],
            Redelivery::Live => &[
                5 * MINUTE,
                30 * MINUTE,
                2 * HOUR,
                5 * HOUR,
                10 * HOUR,
                12 * HOUR,
                12 * HOUR,
                12 * HOUR,
                12 * HOUR,
            ],
        };
        steps.get(usize::try_from(failed).ok()?.checked_sub(1)?).copied()
    }
}

/// Where a delivery stands: when it is due, in the simulator's seconds, and in which order among what is due.
type Place = (i64, u64, u64);

/// One delivery that is still to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    place: Place,
    /// The event's position in the log.
    pub event: usize,
    failed: u32,
}

#[derive(Default)]
pub struct Queue {
    waiting: BTreeMap<Place, Waiting>,
    pushed: u64,
}

/// What the queue says now.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    Now(Waiting),
    /// In so many seconds of the simulator's time.
    In(i64),
    Nothing,
}

impl Queue {
    /// `order`: among what is due at the same instant.
    pub fn push(&mut self, event: usize, due: i64, order: u64) {
        self.insert(event, due, order, 0);
    }

    fn insert(&mut self, event: usize, due: i64, order: u64, failed: u32) {
        self.pushed += 1;
        let place = (due, order, self.pushed);
        self.waiting.insert(place, Waiting { place, event, failed });
    }

    /// What is due is in order, whenever it fell due; it stays until it is `done` or `failed`.
    pub fn due(&self, now: i64) -> Due {
        match self.waiting.first_key_value() {
            None => Due::Nothing,
            Some((_, first)) if first.place.0 > now => Due::In(first.place.0 - now),
            Some((_, first)) => Due::Now(*first),
        }
    }

    /// Taken, or not wanted any more.
    pub fn done(&mut self, waiting: &Waiting) {
        self.waiting.remove(&waiting.place);
    }

    /// Not taken: it comes again, or was the last attempt.
    pub fn failed(&mut self, waiting: &Waiting, redelivery: Redelivery, now: i64) {
        if redelivery == Redelivery::Fast {
            return;
        }
        self.done(waiting);
        let failed = waiting.failed + 1;
        if let Some(pause) = redelivery.pause(failed) {
            self.insert(waiting.event, now + pause, waiting.place.1, failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When an endpoint that takes nothing is asked, in seconds after the first time.
    fn attempts(redelivery: Redelivery) -> Vec<i64> {
        let (mut queue, mut now, mut at) = (Queue::default(), 0, Vec::new());
        queue.push(0, 0, 0);
        loop {
            match queue.due(now) {
                Due::Now(waiting) => {
                    at.push(now);
                    queue.failed(&waiting, redelivery, now);
                }
                Due::In(seconds) => now += seconds,
                Due::Nothing => return at,
            }
        }
    }

    #[test]
    fn a_sandbox_tries_three_more_times_within_a_few_hours() {
        let at = attempts(Redelivery::Sandbox);
        assert_eq!(at.len(), 4);
        assert!(at[3] > HOUR && at[3] < 6 * HOUR, "{at:?}");
    }

    #[test]
    fn live_mode_tries_for_three_days_further_and_further_apart() {
        let at = attempts(Redelivery::Live);
        let last = at.last().copied().unwrap();
        assert!((60 * HOUR..=72 * HOUR).contains(&last), "{at:?}");
        let pauses: Vec<i64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.is_sorted(), "{pauses:?}");
    }

    #[test]
    fn what_fails_does_not_hold_up_what_comes_after_it_except_where_order_is_kept() {
        for (redelivery, next) in [(Redelivery::Sandbox, 1), (Redelivery::Fast, 0)] {
            let mut queue = Queue::default();
            queue.push(0, 0, 0);
            queue.push(1, 0, 1);
            let Due::Now(first) = queue.due(0) else {
                panic!("nothing is due");
            };
            queue.failed(&first, redelivery, 0);
            assert!(matches!(queue.due(0), Due::Now(it) if it.event == next));
        }
    }
}
