//! How much is unfinished, for operators.

use tollgate_domain::time::{Span, Timestamp};

use crate::error::retried;
use crate::{Store, StoreError};

/// What there is of something, and how old the oldest of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pile {
    pub count: i64,
    /// Zero: there is nothing.
    pub age: Span,
}

/// What is unfinished. Counts stop at [`Figures::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    pub received: Pile,
    pub routed: Pile,
    pub waiting: Pile,
    pub parked: Pile,
    /// Customers about whom something came.
    pub learned: i64,
    /// Customers whose time has come.
    pub due: Pile,
    /// Customers whose schedule is of an older activation.
    pub outdated: i64,
    /// Fetches that are due.
    pub settles: Pile,
    /// Customers of whom a renewal is overdue and has been asked about.
    pub unconfirmed: i64,
}

impl Figures {
    /// Counting on would cost more than it tells.
    pub const MOST: i64 = 10_000;
}

impl Store {
    /// Counts what is unfinished at an instant; of the same cost however much is finished.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn figures(&self, now: Timestamp) -> Result<Figures, StoreError> {
        let row = retried(|| async {
            sqlx::query!(
                r#"
                select received as "received!", routed as "routed!", waiting as "waiting!", parked as "parked!",
                    received_age, routed_age, waiting_age, parked_age,
                    learned as "learned!", due as "due!", outdated as "outdated!", due_age,
                    settles as "settles!", settles_age, unconfirmed as "unconfirmed!"
                from figures($1, $2)
                "#,
                now.0,
                Figures::MOST
            )
            .fetch_one(&self.pool)
            .await
        })
        .await?;
        let pile = |count, age: Option<i64>| Pile {
            count,
            age: Span(age.unwrap_or(0).max(0)),
        };
        Ok(Figures {
            received: pile(row.received, row.received_age),
            routed: pile(row.routed, row.routed_age),
            waiting: pile(row.waiting, row.waiting_age),
            parked: pile(row.parked, row.parked_age),
            learned: row.learned,
            due: pile(row.due, row.due_age),
            outdated: row.outdated,
            settles: pile(row.settles, row.settles_age),
            unconfirmed: row.unconfirmed,
        })
    }
}
