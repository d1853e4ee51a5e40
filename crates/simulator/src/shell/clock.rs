//! The only place that knows what time it really is.

use std::time::{SystemTime, UNIX_EPOCH};

/// Real time, in microseconds since 1970.
#[allow(
    clippy::disallowed_methods,
    reason = "the simulator's time is real time and an offset"
)]
pub fn unix_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
