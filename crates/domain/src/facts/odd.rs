//! What a person should look at: it is kept with the facts, and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::catalog::Catalog;
use crate::id::PlanId;
use crate::object::{Object, PaymentStatus, PriceRef, SubscriptionStatus};

impl Facts {
    /// With what is odd about them by this catalog: prices that are paid for and give nothing, and plans that are paid for twice.
    #[must_use]
    pub fn noted(mut self, catalog: &Catalog) -> Facts {
        let mut unmatched = BTreeMap::<String, BTreeSet<String>>::new();
        let mut holders = BTreeMap::<PlanId, BTreeSet<String>>::new();
        for known in self.objects.values() {
            for price in paid_for(&known.object) {
                match self.plan_of(price, catalog) {
                    None => unmatched.entry(price.id.clone()).or_default(),
                    Some(plan) if known.object.as_subscription().is_some() => {
                        holders.entry(plan.clone()).or_default()
                    }
                    Some(_) => continue,
                }
                .insert(known.object.id().to_owned());
            }
        }
        holders.retain(|_, subscriptions| subscriptions.len() > 1);
        self.unmatched = unmatched;
        self.doubled = holders;
        self
    }
}

/// The prices of a subscription that goes on, or of a session that was paid.
fn paid_for(object: &Object) -> Vec<&PriceRef> {
    use SubscriptionStatus::{Active, PastDue, Trialing, Unpaid};
    let counts = match object {
        Object::Subscription(it) => matches!(it.status, Active | Trialing | PastDue | Unpaid),
        Object::CheckoutSession(it) => it.payment_status == PaymentStatus::Paid && it.subscription.is_none(),
        _ => false,
    };
    if counts { object.prices() } else { vec![] }
}
