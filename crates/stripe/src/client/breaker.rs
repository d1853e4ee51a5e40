//! Whether one of Stripe's endpoints is asked at all: while it does not answer, a caller is told so at once.

use std::time::Duration;

/// So many requests in a row without an answer are no chance.
const FAILURES: u32 = 10;
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Instants are counted from any one.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Until then nobody asks; then one does, to see.
    open: Option<Duration>,
    pause: Duration,
}

impl Breaker {
    /// Whether nobody may ask now; costs nothing.
    pub fn is_shut(&self, now: Duration) -> bool {
        self.open.is_some_and(|until| now < until)
    }

    /// Whether a request may be made. Of those who ask when the pause is over one may: the others wait for what it finds.
    pub fn may_ask(&mut self, now: Duration) -> bool {
        match self.open {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.pause = (self.pause * 2).min(LONGEST);
                self.open = Some(now + self.pause);
                true
            }
        }
    }

    /// Stripe has answered, whatever it said. `true`: it had not for a while.
    pub fn answered(&mut self) -> bool {
        self.failures = 0;
        self.open.take().is_some()
    }

    /// It has not. `true`: from now on it is not asked.
    pub fn failed(&mut self, now: Duration) -> bool {
        self.failures = self.failures.saturating_add(1);
        let opens = self.open.is_none() && self.failures >= FAILURES;
        if opens {
            self.pause = FIRST;
            self.open = Some(now + FIRST);
        }
        opens
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            assert!((1..FAILURES).all(|_| !breaker.failed(S)));
            breaker.answered();
        }
        assert!(breaker.may_ask(S));
        assert!((1..FAILURES).all(|_| !breaker.failed(S)) && breaker.failed(S));
        assert!(!breaker.may_ask(S) && breaker.is_open());
    }

    #[test]
    fn one_asks_after_each_pause_and_an_answer_closes_it() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            breaker.failed(S);
        }
        let mut asked = vec![];
        for ms in 1_000..60_000 {
            if breaker.may_ask(Duration::from_millis(ms)) {
                asked.push(ms);
                breaker.failed(Duration::from_millis(ms));
            }
        }
        assert_eq!(
            asked,
            [2_000, 4_000, 8_000, 16_000, 26_000, 36_000, 46_000, 56_000]
        );
        assert!(breaker.answered() && !breaker.answered());
        assert!(breaker.may_ask(S) && !breaker.is_open());
    }
}
