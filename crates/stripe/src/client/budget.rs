//! How many requests may be made, and whose come first.
//!
//! Stripe takes 100 requests in a second of a live account and 25 of a sandbox, and at each endpoint 25 unless it says
//! otherwise (docs.stripe.com/rate-limits).

use std::collections::HashMap;
use std::time::Duration;

/// What a request is made for; the first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Somebody waits for the answer: a checkout, the portal, a command.
    Checkout,
    /// Whose an event is: it has no effect before.
    Route,
    /// What is in doubt, or to be confirmed.
    Settle,
    /// A comparison of everything, which can wait.
    Reconcile,
}

impl Priority {
    pub const ALL: [Priority; 4] = [
        Priority::Checkout,
        Priority::Route,
        Priority::Settle,
        Priority::Reconcile,
    ];

    /// As metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Checkout => "checkout",
            Priority::Route => "route",
            Priority::Settle => "settle",
            Priority::Reconcile => "reconcile",
        }
    }

    /// The share of what may come at once that is left to those before it.
    fn leaves(self) -> f64 {
        match self {
            Priority::Checkout => 0.0,
            Priority::Route => 0.5,
            Priority::Settle => 0.75,
            Priority::Reconcile => 0.9,
        }
    }
}

/// Requests that may be made now; instants are counted from any one.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    /// What may come at once after a rest.
    most: f64,
    left: f64,
    /// When `left` was right; it fills from then on.
    at: Duration,
}

impl Bucket {
    /// No second has more than `limit`: a fifth of it may come at once, the rest evenly.
    fn new(limit: f64, now: Duration) -> Bucket {
        let most = (limit / 5.0).max(1.0);
        Bucket {
            per_second: (limit - most).max(0.5),
            most,
            left: most,
            at: now,
        }
    }

    fn fill(&mut self, now: Duration) {
        let since = now.saturating_sub(self.at);
        self.left = (self.left + since.as_secs_f64() * self.per_second).min(self.most);
        self.at = self.at.max(now);
    }

    /// How long one has to wait; zero: it may be made now.
    fn wait(&self, now: Duration, priority: Priority) -> Duration {
        let short = 1.0 + priority.leaves() * (self.most - 1.0) - self.left;
        // What is short by less than a rounding error is there.
        if short < 1e-9 {
            return self.at.saturating_sub(now);
        }
        self.at.saturating_sub(now) + Duration::from_secs_f64(short / self.per_second)
    }

    fn empty(&mut self, until: Duration) {
        self.left = 0.0;
        self.at = self.at.max(until);
    }
}

/// A bucket for all requests, and one for each endpoint.
#[derive(Debug)]
pub(super) struct Budget {
    all: Bucket,
    /// What one endpoint may have in a second.
    each: f64,
    endpoints: HashMap<String, Bucket>,
}

impl Budget {
    /// `limit`: requests in a second, at least one. An account whose limit Stripe has raised has more at each endpoint too.
    pub fn new(limit: u32) -> Budget {
        let limit = f64::from(limit.max(1));
        Budget {
            all: Bucket::new(limit, Duration::ZERO),
            each: (limit / 4.0).max(25.0).min(limit),
            endpoints: HashMap::new(),
        }
    }

    fn endpoint(&mut self, endpoint: &str, now: Duration) -> &mut Bucket {
        let each = self.each;
        self.endpoints
            .entry(endpoint.to_owned())
            .or_insert_with(|| Bucket::new(each, now))
    }

    /// Takes one, or says after how long to ask again.
    pub fn take(&mut self, now: Duration, endpoint: &str, priority: Priority) -> Result<(), Duration> {
        self.all.fill(now);
        let of_all = self.all.wait(now, priority);
        let bucket = self.endpoint(endpoint, now);
        bucket.fill(now);
        let wait = bucket.wait(now, priority).max(of_all);
        if !wait.is_zero() {
            return Err(wait);
        }
        bucket.left -= 1.0;
        self.all.left -= 1.0;
        Ok(())
    }

    /// Stripe has refused one: there was less than we thought, and nobody asks before the time that it gives.
    pub fn refused(&mut self, now: Duration, endpoint: &str, everywhere: bool, after: Duration) {
        let until = now + after;
        self.endpoint(endpoint, now).empty(until);
        if everywhere {
            self.all.empty(until);
        }
    }

    /// Of all requests.
    pub fn left(&mut self, now: Duration) -> f64 {
        self.all.fill(now);
        self.all.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Asks at every millisecond, as often as it gets one; the instants.
    fn greedy(budget: &mut Budget, priority: Priority, endpoints: &[&str], seconds: u32) -> Vec<Duration> {
        let mut made = vec![];
        for ms in 0..seconds * 1_000 {
            for endpoint in endpoints {
                while budget.take(MS * ms, endpoint, priority).is_ok() {
                    made.push(MS * ms);
                }
            }
        }
        made
    }

    fn most_in_a_second(made: &[Duration]) -> usize {
        let in_second = |from: &Duration| {
            made.iter()
                .filter(|at| (*from..*from + MS * 1_000).contains(at))
                .count()
        };
        made.iter().map(in_second).max().unwrap_or(0)
    }

    #[test]
    fn no_second_has_more_than_stripe_takes_of_an_account_or_at_an_endpoint() {
        for limit in [1, 2, 25, 100, 1_000] {
            let many: Vec<String> = (0..10).map(|n| format!("/v1/{n}")).collect();
            let many: Vec<&str> = many.iter().map(String::as_str).collect();
            for (endpoints, allowed) in [(&many[..], limit), (&many[..1], limit.min(25.max(limit / 4)))] {
                let made = greedy(&mut Budget::new(limit), Priority::Checkout, endpoints, 4);
                assert!(most_in_a_second(&made) <= allowed as usize, "{limit} {allowed}");
                let even = f64::from(allowed) * 4.0 * 0.5;
                assert!(made.len() as f64 >= even, "{limit}: {} of {even}", made.len());
            }
        }
    }

    #[test]
    fn a_flood_of_settles_leaves_enough_for_checkouts_and_they_pass_it() {
        for limit in [25, 100] {
            let mut budget = Budget::new(limit);
            let mut waited = vec![];
            for ms in 0..10_000 {
                let now = MS * ms;
                // A checkout of three requests in every half second.
                if ms % 500 == 250 {
                    for endpoint in ["/v1/customers", "/v1/prices", "/v1/checkout/sessions"] {
                        waited.push(budget.take(now, endpoint, Priority::Checkout).err());
                    }
                }
                for endpoint in [
                    "/v1/customers/{id}",
                    "/v1/subscriptions/{id}",
                    "/v1/invoices/{id}",
                    "/v1/charges/{id}",
                ] {
                    while budget.take(now, endpoint, Priority::Settle).is_ok() {}
                }
            }
            assert!(waited.iter().all(Option::is_none), "{limit}: {waited:?}");
        }
    }

    #[test]
    fn who_has_to_wait_is_told_how_long_and_gets_it_then() {
        for priority in Priority::ALL {
            let mut budget = Budget::new(25);
            let wait = loop {
                if let Err(wait) = budget.take(MS, "/v1/prices", priority) {
                    break wait;
                }
            };
            assert!(budget.take(MS + wait - MS / 2, "/v1/prices", priority).is_err());
            assert_eq!(budget.take(MS + wait, "/v1/prices", priority), Ok(()));
        }
    }

    #[test]
    fn after_a_refusal_nobody_asks_that_endpoint_before_stripes_time() {
        let after = Duration::from_secs(3);
        for everywhere in [false, true] {
            let mut budget = Budget::new(100);
            budget.refused(MS, "/v1/prices", everywhere, after);
            let wait = budget.take(MS, "/v1/prices", Priority::Checkout).unwrap_err();
            assert!(wait >= after && wait < after + MS * 100, "{wait:?}");
            assert_eq!(
                budget.take(MS, "/v1/customers", Priority::Checkout).is_err(),
                everywhere
            );
            assert_eq!(budget.take(MS + wait, "/v1/prices", Priority::Checkout), Ok(()));
        }
    }
}
