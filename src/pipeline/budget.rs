//! How many requests the stations of one process may make of Stripe.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many requests in a second, evenly: checkouts and people have the rest of what Stripe allows. Clones share it; other
/// processes have their own.
#[derive(Clone)]
pub struct Budget {
    every: Duration,
    /// When the next may be made.
    next: Arc<Mutex<Instant>>,
}

impl Budget {
    /// At least one.
    pub fn new(requests_per_second: u32) -> Budget {
        Budget {
            every: Duration::from_secs(1) / requests_per_second.max(1),
            next: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Returns when a request may be made.
    pub async fn take(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(Instant::now());
            *next = at + self.every;
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_than_its_requests() {
        let budget = Budget::new(10);
        let begun = Instant::now();
        for _ in 0..25 {
            budget.clone().take().await;
        }
        assert_eq!(begun.elapsed().as_millis(), 2_400);
    }
}
