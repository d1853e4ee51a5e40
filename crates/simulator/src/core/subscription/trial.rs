//! Trials: docs.stripe.com/billing/subscriptions/trials.

use super::{MissingPaymentMethod, Status, Subscription};
use crate::core::Core;
use crate::core::calendar::DAY;

/// How long before its end a trial's end is announced (docs.stripe.com/api/events/types,
/// `customer.subscription.trial_will_end`).
const NOTICE: i64 = 3 * DAY;

impl Subscription {
    /// When the end of its trial is to be announced.
    pub(super) fn trial_notice_at(&self) -> Option<i64> {
        let trial = self
            .trial
            .filter(|_| self.status == Status::Trialing && !self.trial_end_announced);
        trial.map(|(_, end)| end - NOTICE)
    }
}

impl Core {
    /// `customer.subscription.trial_will_end`, if it is time for it: of a short trial that is at once.
    pub(super) fn announce_trial_end(&mut self, id: &str) {
        let due = self
            .subscription(id)
            .ok()
            .and_then(Subscription::trial_notice_at)
            .is_some_and(|at| at <= self.now);
        if due {
            self.edit_subscription_silently(id, |it| it.trial_end_announced = true);
            self.tell("customer.subscription.trial_will_end", id);
        }
    }

    /// The first paid period begins, unless there is nothing to pay it with and the subscription is to end or to pause then
    /// (docs.stripe.com/billing/subscriptions/trials/free-trials).
    pub(super) fn end_trial(&mut self, id: &str) {
        let Some(subscription) = self.subscriptions.get(id) else {
            return;
        };
        let has_method = self.payment_method_of(subscription).is_some();
        match subscription.missing_payment_method {
            MissingPaymentMethod::Cancel if !has_method => {
                self.end_subscription(id, "cancellation_requested")
            }
            MissingPaymentMethod::Pause if !has_method => {
                self.edit_subscription(id, |it| it.status = Status::Paused);
                self.tell("customer.subscription.paused", id);
            }
            _ => self.renew(id, Some(Status::Active)),
        }
    }
}
