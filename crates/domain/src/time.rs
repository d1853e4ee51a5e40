//! Instants and spans of time.

use serde::{Deserialize, Serialize};

/// An instant, in microseconds since 1970-01-01 UTC: Postgres' resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A span, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Timestamp {
    /// Before every other instant: from when a schedule's first answer holds.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// After everything.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From Stripe's unix seconds.
    pub fn from_unix(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(1_000_000))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn unix(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of whole seconds.
    pub const fn seconds(n: i64) -> Span {
        Span(n * 1_000_000)
    }

    /// A span of whole minutes.
    pub const fn minutes(n: i64) -> Span {
        Span::seconds(n * 60)
    }

    /// A span of whole hours.
    pub const fn hours(n: i64) -> Span {
        Span::seconds(n * 3_600)
    }

    /// A span of days of 24 hours.
    pub const fn days(n: i64) -> Span {
        Span::hours(n * 24)
    }
}

impl std::ops::Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl std::ops::Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}

impl std::ops::Sub<Timestamp> for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl From<std::time::Duration> for Span {
    fn from(duration: std::time::Duration) -> Span {
        Span(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
    }
}
