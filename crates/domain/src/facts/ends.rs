//! When a subscription ends or renews, as its object announces it.

use crate::object::{MissingPaymentMethod, Subscription, SubscriptionItem, SubscriptionStatus};
use crate::schedule::Reason;
use crate::time::{Span, Timestamp};

/// How long after an announced end Stripe's answer is waited for: the customer may have resumed, or set a payment method
/// elsewhere, at the last moment. From then on there is no access, whether Stripe has answered or not.
pub const END_SLACK: Span = Span::minutes(10);

/// An end that Stripe has announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The instant that Stripe names; asked then.
    pub at: Timestamp,
    pub reason: Reason,
}

/// The end that the object announces; `None`: it renews by itself.
pub(crate) fn announced_end(subscription: &Subscription) -> Option<Announced> {
    let last_period = || subscription.items.iter().map(|item| item.period_end).max();
    let canceled = match subscription.cancel_at {
        // Older API versions set only the flag.
        None if subscription.cancel_at_period_end => last_period(),
        at => at,
    };
    let canceled = canceled.map(|at| Announced {
        at,
        reason: Reason::Canceled,
    });
    [canceled, unpayable_trial(subscription)]
        .into_iter()
        .flatten()
        .min_by_key(|end| end.at)
}

/// A trial without a payment method.
fn unpayable_trial(subscription: &Subscription) -> Option<Announced> {
    if subscription.status != SubscriptionStatus::Trialing || subscription.has_payment_method {
        return None;
    }
    let reason = match subscription.missing_payment_method {
        MissingPaymentMethod::Cancel => Reason::Canceled,
        MissingPaymentMethod::Pause => Reason::Paused,
        MissingPaymentMethod::CreateInvoice | MissingPaymentMethod::Unknown(_) => return None,
    };
    subscription.trial_end.map(|at| Announced { at, reason })
}

/// When an item's period ends and the next is expected.
pub(crate) fn renews_at(subscription: &Subscription, item: &SubscriptionItem) -> Timestamp {
    match subscription.trial_end {
        Some(end) if subscription.status == SubscriptionStatus::Trialing => end.max(item.period_end),
        _ => item.period_end,
    }
}
