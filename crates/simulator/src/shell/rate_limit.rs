//! How many requests a second are let in (docs.stripe.com/rate-limits).

mod object;

use std::collections::{HashMap, VecDeque};

pub use object::{exhausted, updated};

/// Requests per second of real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Of an account, with live keys.
    pub live: u32,
    /// Of an account, with other keys.
    pub test: u32,
    /// Of an account to one endpoint, such as `GET /v1/customers/:id`.
    pub endpoint: u32,
}

impl RateLimit {
    /// What Stripe's documentation says.
    pub const DOCUMENTED: RateLimit = RateLimit {
        live: 100,
        test: 25,
        endpoint: 25,
    };

    /// The same bound everywhere.
    pub fn of(per_second: u32) -> RateLimit {
        RateLimit {
            live: per_second,
            test: per_second,
            endpoint: per_second,
        }
    }
}

/// `Stripe-Rate-Limited-Reason` of a limit that one object has.
pub const RESOURCE: &str = "resource-specific";

const HOUR: i64 = 3_600;

/// What was let in within the present second, and which objects were updated within the last hour.
pub struct Limiter {
    limit: Option<RateLimit>,
    second: i64,
    seen: HashMap<String, u32>,
    /// The seconds in which each object was updated, oldest first.
    updates: HashMap<String, VecDeque<i64>>,
}

impl Limiter {
    /// `None`: no limit.
    pub fn new(limit: Option<RateLimit>) -> Limiter {
        Limiter {
            limit,
            second: 0,
            seen: HashMap::new(),
            updates: HashMap::new(),
        }
    }

    pub fn is_on(&self) -> bool {
        self.limit.is_some()
    }

    /// One more update of an object, of which `most` are let in within an hour; `second`: of real time.
    ///
    /// # Errors
    /// As [`Limiter::admit`].
    pub fn admit_update(&mut self, second: i64, object: &str, most: usize) -> Result<(), &'static str> {
        if !self.is_on() {
            return Ok(());
        }
        let seconds = self.updates.entry(object.to_owned()).or_default();
        while seconds.front().is_some_and(|at| at + HOUR <= second) {
            seconds.pop_front();
        }
        if seconds.len() >= most {
            return Err(RESOURCE);
        }
        seconds.push_back(second);
        Ok(())
    }

    /// `second`: of real time.
    ///
    /// # Errors
    /// The value of `Stripe-Rate-Limited-Reason`; the answer is [`exceeded`].
    pub fn admit(
        &mut self,
        second: i64,
        key: &str,
        account: &str,
        method: &str,
        path: &str,
    ) -> Result<(), &'static str> {
        let Some(limit) = self.limit else {
            return Ok(());
        };
        if self.second != second {
            self.second = second;
            self.seen.clear();
        }
        let live = key.contains("_live_");
        let (mode, most) = if live {
            ("live", limit.live)
        } else {
            ("test", limit.test)
        };
        let everything = format!("{account} {mode}");
        let endpoint = format!("{everything} {method} {}", endpoint(path));
        for (what, most, reason) in [
            (everything, most, "global-rate"),
            (endpoint, limit.endpoint, "endpoint-rate"),
        ] {
            let seen = self.seen.entry(what).or_default();
            *seen += 1;
            if *seen > most {
                return Err(reason);
            }
        }
        Ok(())
    }
}

/// With `:id` in place of ids: those of one route count together.
fn endpoint(path: &str) -> String {
    let word = |step: &str| step == "v1" || step.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let steps: Vec<&str> = path
        .split('/')
        .map(|step| if word(step) { step } else { ":id" })
        .collect();
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limiter: &mut Limiter, second: i64, key: &str, path: &str) -> Result<(), &'static str> {
        limiter.admit(second, key, "acct_1", "GET", path)
    }

    #[test]
    fn a_second_has_so_many_requests_of_an_account_and_so_many_of_an_endpoint() {
        let mut limiter = Limiter::new(Some(RateLimit::DOCUMENTED));
        for at in 0..25 {
            admitted(&mut limiter, 1, "sk_test_1", &format!("/v1/customers/cus_{at}")).unwrap();
        }
        let refused = admitted(&mut limiter, 1, "sk_test_1", "/v1/prices");
        assert_eq!(refused, Err("global-rate"));
        admitted(&mut limiter, 2, "sk_test_1", "/v1/prices").unwrap();
        for at in 0..25 {
            admitted(&mut limiter, 2, "sk_live_1", &format!("/v1/customers/cus_{at}")).unwrap();
        }
        let refused = admitted(&mut limiter, 2, "sk_live_1", "/v1/customers/cus_1");
        assert_eq!(refused, Err("endpoint-rate"));
        admitted(&mut limiter, 2, "sk_live_1", "/v1/customers").unwrap();
    }

    #[test]
    fn an_hour_has_so_many_updates_of_one_object() {
        let mut limiter = Limiter::new(Some(RateLimit::DOCUMENTED));
        for at in 0..1_000 {
            limiter.admit_update(at, "pi_1", 1_000).unwrap();
        }
        assert_eq!(limiter.admit_update(3_599, "pi_1", 1_000), Err(RESOURCE));
        limiter.admit_update(3_599, "pi_2", 1_000).unwrap();
        limiter.admit_update(3_600, "pi_1", 1_000).unwrap();
        assert_eq!(limiter.admit_update(3_600, "pi_1", 1_000), Err(RESOURCE));
    }

    #[test]
    fn without_a_limit_everything_is_let_in() {
        let mut limiter = Limiter::new(None);
        for _ in 0..1_000 {
            admitted(&mut limiter, 1, "sk_test_1", "/v1/prices").unwrap();
            limiter.admit_update(1, "pi_1", 1).unwrap();
        }
    }
}
