//! What one subscription item or purchase gives, as a function of time.

mod payment;
mod purchase;
mod subscription;

use super::Reason;
use crate::catalog::{Catalog, Plan};
use crate::facts::Facts;
use crate::id::PlanId;
use crate::object::{Object, PriceRef};
use crate::time::Timestamp;

/// So many units of a plan, held by one reason after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source<'a> {
    pub plan: &'a PlanId,
    /// Stripe's id of the subscription, session or invoice that holds it.
    pub object: &'a str,
    pub quantity: u64,
    /// It is of a paid period, and counts only where the subscription itself does not.
    pub paid_through: bool,
    pub steps: Steps,
}

/// Everything that gives this customer a plan, or did, or would.
pub(super) fn sources<'a>(facts: &'a Facts, catalog: &'a Catalog) -> Vec<Source<'a>> {
    let view = View { facts, catalog };
    let subscriptions = facts.all(Object::as_subscription);
    let mut sources: Vec<_> = subscriptions
        .flat_map(|it| subscription::sources(&view, it))
        .collect();
    sources.extend(purchase::sources(&view));
    sources
}

/// What the rules look at.
struct View<'a> {
    facts: &'a Facts,
    catalog: &'a Catalog,
}

impl<'a> View<'a> {
    fn plan(&self, price: &PriceRef) -> Option<(&'a PlanId, &'a Plan)> {
        let id = self.facts.plan_of(price, self.catalog)?;
        self.catalog.plans.get_key_value(id)
    }

    fn is_deleted(&self, stripe_customer: &str) -> bool {
        let customer = self.facts.objects.get(stripe_customer);
        customer.is_some_and(|known| matches!(&known.object, Object::Customer(it) if it.deleted))
    }
}

/// A reason as a function of time: each holds from its instant to the next; the first from −∞.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Steps(Vec<(Timestamp, Reason)>);

impl Steps {
    pub fn always(reason: Reason) -> Steps {
        Steps(vec![(Timestamp::MIN, reason)])
    }

    /// `outside`, but `inside` from `start` until before `end`; nothing of it when that is no time.
    pub fn within(start: Timestamp, end: Option<Timestamp>, inside: Reason, outside: Reason) -> Steps {
        let mut steps = vec![(Timestamp::MIN, outside)];
        if end.is_none_or(|end| start < end) {
            steps.push((start, inside));
            steps.extend(end.map(|end| (end, outside)));
        }
        Steps(steps)
    }

    pub fn at(&self, instant: Timestamp) -> Reason {
        let passed = self.0.partition_point(|(at, _)| *at <= instant);
        self.0[passed.max(1) - 1].1
    }

    /// What holds after an instant, in rising order.
    pub fn after(&self, instant: Timestamp) -> &[(Timestamp, Reason)] {
        &self.0[self.0.partition_point(|(at, _)| *at <= instant)..]
    }

    /// From when on another reason holds; the first is [`Timestamp::MIN`].
    pub fn instants(&self) -> impl Iterator<Item = Timestamp> {
        self.0.iter().map(|(at, _)| *at)
    }

    /// Ends at `at` with `reason`, unless access has ended by then for a reason of its own.
    pub fn ending(self, at: Timestamp, reason: Reason) -> Steps {
        let end = Steps(vec![(Timestamp::MIN, Reason::Active), (at, reason)]);
        self.with(
            &end,
            |own, end| if own.granted() && !end.granted() { end } else { own },
        )
    }

    /// The reason that `choose` makes of both at every instant.
    pub fn with(&self, other: &Steps, choose: impl Fn(Reason, Reason) -> Reason) -> Steps {
        let mut instants: Vec<_> = self.instants().chain(other.instants()).collect();
        instants.sort();
        instants.dedup();
        let mut steps: Vec<(Timestamp, Reason)> = vec![];
        for at in instants {
            let reason = choose(self.at(at), other.at(at));
            if steps.last().is_none_or(|(_, last)| *last != reason) {
                steps.push((at, reason));
            }
        }
        Steps(steps)
    }

    pub fn map(&self, change: impl Fn(Reason) -> Reason) -> Steps {
        self.with(self, |own, _| change(own))
    }
}
