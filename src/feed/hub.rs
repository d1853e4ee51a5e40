//! Who watches: how many at most, and what they all are told at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The watchers of one replica.
pub struct Hub {
    seats: Arc<Semaphore>,
    cap: usize,
    admitted: AtomicU64,
    closing: watch::Sender<bool>,
}

/// Why nobody more is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("as many watch as may")]
    Full,
    #[error("the replica is shutting down")]
    Closing,
}

/// One watcher's place, given back when it is dropped.
pub struct Seat {
    _permit: OwnedSemaphorePermit,
    number: u64,
    closing: watch::Receiver<bool>,
}

impl Hub {
    /// At most `cap` at a time.
    pub fn new(cap: usize) -> Hub {
        Hub {
            seats: Arc::new(Semaphore::new(cap)),
            cap,
            admitted: AtomicU64::new(0),
            closing: watch::Sender::new(false),
        }
    }

    /// Lets one more in.
    ///
    /// # Errors
    /// All seats are taken, or everybody is being told to go.
    pub fn admit(&self) -> Result<Seat, Refused> {
        let closing = self.closing.subscribe();
        if *closing.borrow() {
            return Err(Refused::Closing);
        }
        let permit = self
            .seats
            .clone()
            .try_acquire_owned()
            .map_err(|_| Refused::Full)?;
        Ok(Seat {
            _permit: permit,
            number: self.admitted.fetch_add(1, Ordering::Relaxed),
            closing,
        })
    }

    /// Tells everybody to go and lets nobody in any more.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// How many watch now.
    pub fn watchers(&self) -> usize {
        self.cap - self.seats.available_permits()
    }
}

impl Seat {
    /// Whether everybody is told to go.
    pub fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Returns when everybody is told to go.
    pub async fn closing(&mut self) {
        // A hub that is gone has nobody left to keep.
        let _ = self.closing.wait_for(|closing| *closing).await;
    }

    /// A share of one that spreads evenly over those who came one after another: what all would do at the same moment
    /// is put off by it.
    pub fn spread(&self) -> f64 {
        // The golden ratio's multiples leave no gap and no heap; random numbers leave both.
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        (self.number.wrapping_mul(GOLDEN) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_given_back() {
        let hub = Hub::new(1);
        let seat = hub.admit().unwrap();
        assert_eq!(hub.admit().err(), Some(Refused::Full));
        assert_eq!(hub.watchers(), 1);
        drop(seat);
        assert_eq!(hub.watchers(), 0);
        assert!(hub.admit().is_ok());
    }

    #[tokio::test]
    async fn everybody_is_told_to_go_and_nobody_comes_in() {
        let hub = Hub::new(9);
        let mut seat = hub.admit().unwrap();
        assert!(!seat.is_closing());
        hub.close();
        seat.closing().await;
        assert_eq!(hub.admit().err(), Some(Refused::Closing));
    }

    #[test]
    fn a_hundred_who_came_together_are_spread_over_the_whole() {
        let hub = Hub::new(100);
        let seats: Vec<Seat> = (0..100).map(|_| hub.admit().unwrap()).collect();
        let mut spread: Vec<f64> = seats.iter().map(Seat::spread).collect();
        spread.sort_by(f64::total_cmp);
        assert!(
            spread.windows(2).all(|pair| pair[1] - pair[0] < 0.03),
            "{spread:?}"
        );
        assert!(spread[0] >= 0.0 && spread[99] < 1.0);
    }
}
