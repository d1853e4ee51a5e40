//! What came of a request is told once: to the gate and to whoever counts. Also if who asked has gone away meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use super::budget::Priority;
use super::failure::NotSent;
use super::gate::Gate;
use super::{Asked, Outcome};

/// Who goes away after so long has waited in vain; who goes sooner says nothing of Stripe, which may take this long for a
/// session.
const IN_VAIN: Duration = Duration::from_secs(2);

/// From before its turn on until it is known what came of it.
pub(super) struct Attempt<'a> {
    pub gate: &'a Gate,
    pub observe: fn(&Asked),
    pub route: &'a str,
    pub priority: Priority,
    begun: Instant,
    /// `None`: it waits for its turn.
    sent: Option<Instant>,
    told: bool,
}

impl<'a> Attempt<'a> {
    pub fn new(gate: &'a Gate, observe: fn(&Asked), route: &'a str, priority: Priority) -> Attempt<'a> {
        Attempt {
            gate,
            observe,
            route,
            priority,
            begun: Instant::now(),
            sent: None,
            told: false,
        }
    }

    /// Returns when the request may be sent.
    ///
    /// # Errors
    /// It is not to be sent.
    pub async fn pass(&mut self, latest: Instant) -> Result<(), NotSent> {
        let passed = self.gate.pass(self.route, self.priority, latest).await;
        match passed {
            Ok(()) => self.sent = Some(Instant::now()),
            Err(why) => self.tell(Outcome::NotSent(why)),
        }
        passed
    }

    /// What came of it.
    pub fn end(mut self, outcome: Outcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: Outcome) {
        self.told = true;
        match outcome {
            Outcome::Answered(500..) | Outcome::Unreachable | Outcome::Late => self.gate.failed(self.route),
            Outcome::Answered(_) => self.gate.answered(self.route),
            Outcome::Abandoned | Outcome::NotSent(_) => {}
        }
        let sent = self.sent.unwrap_or_else(Instant::now);
        (self.observe)(&Asked {
            route: self.route.to_owned(),
            outcome,
            took: sent.elapsed(),
            priority: self.priority,
            waited: sent - self.begun,
        });
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.tell(match self.sent {
                // Nothing else is waited for before it is sent.
                None => Outcome::NotSent(NotSent::Budget),
                Some(sent) if sent.elapsed() >= IN_VAIN => Outcome::Late,
                Some(_) => Outcome::Abandoned,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: &str = "/v1/customers/{id}";

    /// Asks until it has no patience any more.
    async fn ask(gate: &Gate, patience: Duration) {
        let asking = async {
            let mut attempt = Attempt::new(gate, |_| {}, ROUTE, Priority::Route);
            if attempt
                .pass(Instant::now() + Duration::from_secs(60))
                .await
                .is_ok()
            {
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(patience, asking).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_long_and_went_away_says_that_stripe_is_silent_and_who_went_at_once_does_not() {
        for (patience, silent) in [(IN_VAIN, true), (IN_VAIN / 2, false)] {
            let gate = Gate::new(1_000);
            for _ in 0..20 {
                ask(&gate, patience).await;
            }
            assert_eq!(gate.figures().open[ROUTE], silent, "{patience:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_went_away_before_its_turn_says_nothing_of_stripe() {
        let gate = Gate::new(1);
        gate.refused(ROUTE, false, Some(Duration::from_secs(60)));
        for _ in 0..20 {
            ask(&gate, IN_VAIN).await;
        }
        assert!(!gate.figures().open[ROUTE]);
    }
}
