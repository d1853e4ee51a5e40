//! What a row came of, as it travels from row to row.

use tollgate_domain::time::Timestamp;

/// Why something is written: for those who look on, and without effect on any answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// The context of a span, as W3C's `traceparent`.
    pub traceparent: Option<String>,
    /// When the webhook was stored that began it, by the database's clock.
    pub accepted_at: Option<Timestamp>,
}

impl Cause {
    pub(crate) fn read(traceparent: Option<String>, accepted_at: Option<i64>) -> Cause {
        Cause {
            traceparent,
            accepted_at: accepted_at.map(Timestamp),
        }
    }
}
