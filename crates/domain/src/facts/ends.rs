//! When a subscription ends or renews, as its object announces it.

use super::Facts;
use crate::object::{MissingPaymentMethod, Object, Subscription, SubscriptionItem, SubscriptionStatus};
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
pub(crate) fn announced_end(facts: &Facts, subscription: &Subscription) -> Option<Announced> {
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
    [canceled, unpayable_trial(facts, subscription)]
        .into_iter()
        .flatten()
        .min_by_key(|end| end.at)
}

/// A trial that ends for want of a payment method. The customer's own pays as well, so as long as that is not known a
/// conversion is expected (docs.stripe.com/billing/subscriptions/overview).
fn unpayable_trial(facts: &Facts, subscription: &Subscription) -> Option<Announced> {
    let reason = without_method(subscription)?;
    if customers_method(facts, subscription) != Some(false) {
        return None;
    }
    subscription.trial_end.map(|at| Announced { at, reason })
}

/// Why the trial would end if the customer had no payment method either.
fn without_method(subscription: &Subscription) -> Option<Reason> {
    if subscription.status != SubscriptionStatus::Trialing || subscription.has_payment_method {
        return None;
    }
    match subscription.missing_payment_method {
        MissingPaymentMethod::Cancel => Some(Reason::Canceled),
        MissingPaymentMethod::Pause => Some(Reason::Paused),
        MissingPaymentMethod::CreateInvoice | MissingPaymentMethod::Unknown(_) => None,
    }
}

fn customers_method(facts: &Facts, subscription: &Subscription) -> Option<bool> {
    match &facts.objects.get(&subscription.stripe_customer)?.object {
        Object::Customer(it) => it.has_payment_method,
        _ => None,
    }
}

/// Whether the trial's end depends on the customer's payment method, and that is not known.
pub(super) fn asks_for_customer(facts: &Facts, subscription: &Subscription) -> bool {
    without_method(subscription).is_some() && customers_method(facts, subscription).is_none()
}

/// When an item's period ends and the next is expected.
pub(crate) fn renews_at(subscription: &Subscription, item: &SubscriptionItem) -> Timestamp {
    match subscription.trial_end {
        Some(end) if subscription.status == SubscriptionStatus::Trialing => end.max(item.period_end),
        _ => item.period_end,
    }
}
