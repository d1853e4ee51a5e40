//! Who watches: how many at most, and what they all are told at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The watchers of one replica.
pub struct Hub {
    seats: Arc<Semaphore>,
    cap: usize,
    callers: Arc<Callers>,
    admitted: AtomicU64,
    closing: watch::Sender<bool>,
}

/// How many each caller has open.
struct Callers {
    cap: usize,
    open: Mutex<HashMap<Arc<str>, usize>>,
}

/// Why nobody more is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("as many watch as may")]
    Full,
    #[error("as many watch as may in this caller's name")]
    CallerFull,
    #[error("the replica is shutting down")]
    Closing,
}

/// One watcher's place, given back when it is dropped.
pub struct Seat {
    _permit: OwnedSemaphorePermit,
    caller: Option<(Arc<Callers>, Arc<str>)>,
    number: u64,
    closing: watch::Receiver<bool>,
}

impl Hub {
    /// At most `cap` at a time, of which each caller may have so many.
    pub fn new(cap: usize, cap_of_caller: usize) -> Hub {
        Hub {
            seats: Arc::new(Semaphore::new(cap)),
            cap,
            callers: Arc::new(Callers {
                cap: cap_of_caller,
                open: Mutex::new(HashMap::new()),
            }),
            admitted: AtomicU64::new(0),
            closing: watch::Sender::new(false),
        }
    }

    /// Lets one more in; a caller whose name is not known is not counted alone.
    ///
    /// # Errors
    /// All seats are taken, or all of the caller's, or everybody is being told to go.
    pub fn admit(&self, caller: Option<&Arc<str>>) -> Result<Seat, Refused> {
        let closing = self.closing.subscribe();
        if *closing.borrow() {
            return Err(Refused::Closing);
        }
        let permit = self
            .seats
            .clone()
            .try_acquire_owned()
            .map_err(|_| Refused::Full)?;
        if let Some(name) = caller {
            let mut open = self.callers.lock();
            let count = open.entry(name.clone()).or_default();
            if *count == self.callers.cap {
                return Err(Refused::CallerFull);
            }
            *count += 1;
        }
        Ok(Seat {
            _permit: permit,
            caller: caller.map(|name| (self.callers.clone(), name.clone())),
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

impl Callers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((callers, name)) = &self.caller {
            let mut open = callers.lock();
            match open.get_mut(name) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(open.remove(name)),
            }
        }
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
        let hub = Hub::new(1, 1);
        let seat = hub.admit(None).unwrap();
        assert_eq!(hub.admit(None).err(), Some(Refused::Full));
        assert_eq!(hub.watchers(), 1);
        drop(seat);
        assert_eq!(hub.watchers(), 0);
        assert!(hub.admit(None).is_ok());
    }

    #[test]
    fn a_caller_has_its_own_seats() {
        let hub = Hub::new(9, 2);
        let (web, reports): (Arc<str>, Arc<str>) = ("web".into(), "reports".into());
        let seats = [hub.admit(Some(&web)).unwrap(), hub.admit(Some(&web)).unwrap()];
        assert_eq!(hub.admit(Some(&web)).err(), Some(Refused::CallerFull));
        assert!(hub.admit(Some(&reports)).is_ok() && hub.admit(None).is_ok());
        drop(seats);
        assert_eq!((hub.watchers(), hub.callers.lock().len()), (0, 0));
    }

    #[tokio::test]
    async fn everybody_is_told_to_go_and_nobody_comes_in() {
        let hub = Hub::new(9, 9);
        let mut seat = hub.admit(None).unwrap();
        assert!(!seat.is_closing());
        hub.close();
        seat.closing().await;
        assert_eq!(hub.admit(None).err(), Some(Refused::Closing));
    }

    #[test]
    fn a_hundred_who_came_together_are_spread_over_the_whole() {
        let hub = Hub::new(100, 100);
        let seats: Vec<Seat> = (0..100).map(|_| hub.admit(None).unwrap()).collect();
        let mut spread: Vec<f64> = seats.iter().map(Seat::spread).collect();
        spread.sort_by(f64::total_cmp);
        assert!(
            spread.windows(2).all(|pair| pair[1] - pair[0] < 0.03),
            "{spread:?}"
        );
        assert!(spread[0] >= 0.0 && spread[99] < 1.0);
    }
}
