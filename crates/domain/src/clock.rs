//! The handle by which stations learn what time it is and wait for an instant.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::time::{Span, Timestamp};

/// This machine's time plus a correction that somebody else steers: the database's clock in production, the
/// simulator's in demo, dev and tests.
#[derive(Clone, Debug)]
pub struct Clock {
    offset: watch::Receiver<i64>,
}

impl Clock {
    /// Follows a correction in microseconds.
    pub fn new(offset: watch::Receiver<i64>) -> Clock {
        Clock { offset }
    }

    /// The instant it is.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where the machine's time enters"
    )]
    pub fn now(&self) -> Timestamp {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(0) + Span::from(machine) + Span(*self.offset.borrow())
    }

    /// Returns when the correction changes; never, once nobody steers any more.
    pub async fn jumped(&self) {
        let mut offset = self.offset.clone();
        // A clone remembers what its original has seen, and nobody reads that one's changes.
        offset.mark_unchanged();
        if offset.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns when `at` has come, also when the correction jumps meanwhile.
    pub async fn sleep_until(&self, at: Timestamp) {
        let mut offset = self.offset.clone();
        loop {
            let left = (at - self.now()).0;
            if left <= 0 {
                return;
            }
            let wait =
                Duration::from_micros(u64::try_from(left).unwrap_or(0)).min(Duration::from_secs(3_600));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Ok(()) = offset.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_is_moved() {
        let (steer, offset) = watch::channel(0);
        let clock = Clock::new(offset);
        let target = clock.now() + Span::days(30);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(target).await }
        });
        steer.send(Span::days(31).0).unwrap();
        sleeper.await.unwrap();
        assert!(clock.now() > target);
    }
}
