//! The answer as a function of time: `project` makes it, `eval` reads it.

mod difference;
mod explain;
mod merge;
mod project;
mod source;
mod summary;

use std::collections::BTreeMap;

use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};

pub use difference::{Answers, Difference, Effect, differences};
pub use explain::{Contribution, contributions};
pub use project::project;
pub use summary::{Affected, Summary};

use crate::catalog::Value;
use crate::id::{FeatureId, PlanId};
use crate::time::Timestamp;

/// The version of the rules: rises with a change by which the same facts and the same catalog come to other schedules, so
/// that binaries of both may work at once and customers are projected anew.
pub const PROJECTION: i32 = 1;

/// One customer's answers for every feature that something touches; untouched ones have the catalog's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schedule(pub BTreeMap<FeatureId, Timeline>);

/// One feature's answers: the first holds from −∞, each other from its instant on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    pub first: Answer,
    /// In rising order of instants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<(Timestamp, Answer)>,
}

/// What holds for one feature at one instant.
///
/// A stored reason that this version does not know, because a newer one wrote it, is read as `active` where the value
/// grants and as `no_plan` where it does not: an older process still reads the row, with the right access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredAnswer")]
pub struct Answer {
    pub reason: Reason,
    pub value: Value,
    /// The plans that contribute to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<PlanId>,
}

#[derive(Deserialize)]
struct StoredAnswer {
    reason: String,
    value: Value,
    #[serde(default)]
    plans: Vec<PlanId>,
}

impl From<StoredAnswer> for Answer {
    fn from(stored: StoredAnswer) -> Answer {
        let StoredAnswer { reason, value, plans } = stored;
        let word = StrDeserializer::<serde::de::value::Error>::new(&reason);
        let unknown = if value.grants() {
            Reason::Active
        } else {
            Reason::NoPlan
        };
        let reason = Reason::deserialize(word).unwrap_or(unknown);
        Answer { reason, value, plans }
    }
}

/// Why. Of several that deny, or that grant, the later in this list is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Denied: no plan gives it, and the catalog has no default.
    NoPlan,
    /// Denied: the purchase was refunded.
    Refunded,
    /// Denied: the purchase's duration is over.
    Expired,
    /// Denied: the subscription has ended, or the purchase with its Stripe customer.
    Canceled,
    /// Denied: the first payment was never completed.
    Incomplete,
    /// Denied: the payment is disputed or was lost in a dispute.
    Disputed,
    /// Denied: the subscription is paused by Stripe.
    Paused,
    /// Denied: Stripe was not heard of for so long that a renewal can no longer be assumed.
    Unconfirmed,
    /// Denied: a payment failed and the grace is over.
    PaymentFailed,
    /// Denied: the payment of a delayed method has not settled.
    PaymentPending,
    /// Denied: by an override.
    OverrideDenied,
    /// Granted: the catalog's default.
    Default,
    /// Granted: the period was paid, though the subscription's status no longer grants.
    PaidThrough,
    /// Granted: a renewal's payment failed and the plan's grace runs.
    InGrace,
    /// Granted: a delayed payment is processing.
    Processing,
    /// Granted: the trial runs.
    Trialing,
    /// Granted: bought once.
    Purchased,
    /// Granted: the subscription is active.
    Active,
    /// Granted: by an override.
    OverrideAllowed,
}

impl Reason {
    /// Which access the reason goes with.
    pub fn granted(self) -> bool {
        self >= Reason::Default
    }
}

impl Timeline {
    /// The same answer at all times.
    pub fn always(answer: Answer) -> Timeline {
        Timeline {
            first: answer,
            then: vec![],
        }
    }

    /// The answer at an instant.
    pub fn eval(&self, now: Timestamp) -> &Answer {
        let passed = self.then.partition_point(|(at, _)| *at <= now);
        if passed == 0 {
            &self.first
        } else {
            &self.then[passed - 1].1
        }
    }

    /// What the clock alone will make of it after `now`.
    pub fn after(&self, now: Timestamp) -> &[(Timestamp, Answer)] {
        &self.then[self.then.partition_point(|(at, _)| *at <= now)..]
    }

    fn trim(&mut self, now: Timestamp) {
        let passed = self.then.partition_point(|(at, _)| *at <= now);
        if passed > 0 {
            self.first = self.then[passed - 1].1.clone();
            self.then.drain(..passed);
        }
    }
}

impl Schedule {
    /// Forgets what ended before `now`. Apply compares the trimmed new schedule with the stored one by `==`, so that a
    /// flip that has come is a difference.
    #[must_use]
    pub fn trimmed(mut self, now: Timestamp) -> Schedule {
        self.0.values_mut().for_each(|timeline| timeline.trim(now));
        self
    }

    /// The first instant after `now` at which an answer changes.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.0
            .values()
            .filter_map(|timeline| timeline.after(now).first().map(|(at, _)| *at))
            .min()
    }

    /// Whether both answer the same from `now` on: give the later of their trim instants.
    pub fn same_from(&self, other: &Schedule, now: Timestamp) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|((feature, ours), (other_feature, theirs))| {
                    feature == other_feature
                        && ours.eval(now) == theirs.eval(now)
                        && ours.after(now) == theirs.after(now)
                })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_of_a_newer_version_is_read_by_what_the_value_grants() {
        let read = |reason: &str, on: bool| {
            let value = serde_json::to_value(Value::Enabled(on)).unwrap();
            let stored = serde_json::json!({"sso": {"first": {"reason": reason, "value": value}}});
            let schedule: Schedule = serde_json::from_value(stored).unwrap();
            schedule.0.into_values().next().unwrap().first.reason
        };
        assert_eq!(read("in_grace", true), Reason::InGrace);
        assert_eq!(read("of_the_future", true), Reason::Active);
        assert_eq!(read("of_the_future", false), Reason::NoPlan);
    }
}
