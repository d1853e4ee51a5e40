//! What is known of one customer, and [`fold`], which learns one observation.
//!
//! Stripe guarantees no order of events, and `created` is whole seconds
//! (<https://docs.stripe.com/webhooks#event-ordering>). So an event only counts by itself when it is clearly newer
//! than what is known; where order cannot be proven, the object is settled: fetched.

mod carry;
mod ends;
mod need;
mod odd;
mod tick;
mod without;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use ends::{END_SLACK, announced_end, renews_at};
pub use tick::{CARRY, Tick, tick};

use carry::carry;
use need::{needs, outpaced};
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::id::PlanId;
use crate::object::{
    InvoiceStatus, Kind, Object, PriceRef, Refund, SessionStatus, Subscription, SubscriptionStatus,
};
use crate::time::{Span, Timestamp};

/// Everything known of one customer. Every rule that needs history is a field here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// By Stripe's id.
    #[serde(default)]
    pub objects: BTreeMap<String, Known>,
    /// Price id → plan: a price once matched stays matched for those who hold it.
    #[serde(default)]
    pub matched: BTreeMap<String, PlanId>,
    /// Subscription id → until when an expected renewal is carried without news from Stripe; kept by [`tick`].
    #[serde(default)]
    pub carried_until: BTreeMap<String, Timestamp>,
    /// Subscription id → our clock's instant at which [`tick`] last asked about its announced end.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub asked_at: BTreeMap<String, Timestamp>,
    /// Subscription id → Stripe's earliest instant of those at which it was seen past due without a break.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub past_due_since: BTreeMap<String, Timestamp>,
    /// Price id → what is paid for it, of prices outside the catalog; only for people. See [`Facts::noted`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unmatched: BTreeMap<String, BTreeSet<String>>,
    /// Plan → its subscriptions, where there are several; only for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub doubled: BTreeMap<PlanId, BTreeSet<String>>,
}

/// One object and what is known about when it was so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    #[serde(flatten)]
    pub object: Object,
    /// Stripe's instant at which it was so lies in `from..=to`.
    pub from: Timestamp,
    pub to: Timestamp,
    /// The highest inbox sequence of an event about it.
    pub last_seq: i64,
    /// The inbox sequence of the fetch by which it was last learned; 0: by none.
    #[serde(default)]
    pub fetched_seq: i64,
    /// Last learned by a fetch that no later event called in doubt.
    pub confirmed: bool,
}

/// One thing learned about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Its place in the inbox.
    pub seq: i64,
    pub object: Object,
    pub learned: Learned,
}

/// How it was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// A webhook event, with Stripe's `created`.
    Event { created: Timestamp },
    /// A response, true at some instant in `from..=to`; `covers_seq` is the highest inbox sequence about the object
    /// that was known before the request.
    Fetch {
        from: Timestamp,
        to: Timestamp,
        covers_seq: i64,
    },
}

/// What the fold asks for: that an object be fetched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want {
    pub kind: Kind,
    pub id: String,
    pub urgency: Urgency,
}

/// How soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// The answer may be wrong until then.
    Now,
    /// A confirming fetch, after a quiet period.
    Confirm,
}

/// Closer than this, two of Stripe's instants prove no order.
pub const DOUBT: Span = Span::seconds(5);

/// Learns one observation. They come roughly in the inbox's order; one that becomes visible late, or twice, is learned
/// like any other.
#[must_use]
pub fn fold(mut facts: Facts, observation: Observation) -> (Facts, Vec<Want>) {
    let Observation { seq, object, learned } = observation;
    // It decides nothing itself: its charge does.
    if let Object::Refund(refund) = &object {
        let wants = facts
            .charge_of(refund)
            .map(|id| Want::now(Kind::Charge, &id))
            .into_iter()
            .collect();
        return (facts, wants);
    }
    let known = facts.objects.get(object.id());
    let object = match known {
        Some(known) => carry(&known.object, object),
        None => object,
    };
    let (kind, id) = (object.kind(), object.id().to_owned());
    let (next, mut wants) = match learned {
        Learned::Event { created } => {
            let at_once = facts.under_test_clock(&object);
            by_event(known, object, seq, created, at_once)
        }
        Learned::Fetch { from, to, covers_seq } => by_fetch(known, object, seq, (from, to), covers_seq),
    };
    let changed = next
        .as_ref()
        .is_some_and(|next| known.is_none_or(|known| known.object != next.object));
    if let Some(next) = next {
        facts.note_past_due(&id, &next);
        facts.objects.insert(id.clone(), next);
    }
    if changed || matches!(learned, Learned::Event { .. }) {
        wants.extend(needs(&facts, kind, &id, learned));
    }
    wants.extend(outpaced(&facts, &id));
    wants.sort();
    wants.dedup_by(|a, b| a.kind == b.kind && a.id == b.id);
    (facts, wants)
}

/// What an event makes of what is known. Test-clock objects are always settled: there `created` orders nothing.
fn by_event(
    known: Option<&Known>,
    object: Object,
    seq: i64,
    created: Timestamp,
    settle: bool,
) -> (Option<Known>, Vec<Want>) {
    let want = if settle { Want::now } else { Want::confirm };
    let wants = vec![want(object.kind(), object.id())];
    let provisional = |object, last_seq| Known {
        object,
        from: created,
        to: created,
        last_seq,
        fetched_seq: 0,
        confirmed: false,
    };
    let Some(known) = known else {
        return (Some(provisional(object, seq)), wants);
    };
    let last_seq = known.last_seq.max(seq);
    if created > known.to + DOUBT && !settle {
        return (Some(provisional(object, last_seq)), wants);
    }
    let still = Known {
        last_seq,
        ..known.clone()
    };
    if known.object == object || (created < known.from - DOUBT && !settle) {
        return (Some(still), vec![]);
    }
    let now = vec![Want::now(object.kind(), object.id())];
    (
        Some(Known {
            confirmed: false,
            ..still
        }),
        now,
    )
}

/// What a fetch makes of what is known. It counts only if it is provably the newest observation.
fn by_fetch(
    known: Option<&Known>,
    object: Object,
    seq: i64,
    (from, to): (Timestamp, Timestamp),
    covers_seq: i64,
) -> (Option<Known>, Vec<Want>) {
    let again = vec![Want::now(object.kind(), object.id())];
    let fetched = |object, from, to, last_seq| {
        (
            Some(Known {
                object,
                from,
                to,
                last_seq,
                fetched_seq: seq,
                confirmed: true,
            }),
            vec![],
        )
    };
    let Some(known) = known else {
        return fetched(object, from, to, 0);
    };
    if known.last_seq > covers_seq {
        return (None, again);
    }
    // Proof of order against the fetch that is known: this one was asked for after that had arrived, or after its window.
    if covers_seq >= known.fetched_seq || from > known.to {
        return fetched(object, from, to, known.last_seq);
    }
    if known.object == object {
        return fetched(object, from.max(known.from), to.max(known.to), known.last_seq);
    }
    let certainly_older = to < known.from && known.confirmed;
    (None, if certainly_older { vec![] } else { again })
}

impl Want {
    /// The answer may be wrong until it is fetched.
    pub fn now(kind: Kind, id: &str) -> Want {
        Want {
            kind,
            id: id.to_owned(),
            urgency: Urgency::Now,
        }
    }

    /// Fetched after a quiet period, to be sure.
    pub fn confirm(kind: Kind, id: &str) -> Want {
        Want {
            kind,
            id: id.to_owned(),
            urgency: Urgency::Confirm,
        }
    }
}

impl Facts {
    /// Whether a list shows the object otherwise than it is known. What a list leaves out says nothing.
    pub fn differs(&self, listed: &Object) -> bool {
        match self.objects.get(listed.id()) {
            Some(known) => carry::as_listed(&known.object, listed.clone()) != known.object,
            None => matters(listed),
        }
    }

    /// Objects of one kind, picked by the caller's pattern.
    pub fn all<'a, T: 'a>(
        &'a self,
        pick: impl Fn(&'a Object) -> Option<&'a T> + 'a,
    ) -> impl Iterator<Item = &'a T> {
        self.objects.values().filter_map(move |known| pick(&known.object))
    }

    /// With the plans recorded that the catalog gives to the prices held, so that a price that no longer matches later
    /// keeps its plan.
    #[must_use]
    pub fn matched_with(mut self, catalog: &Catalog) -> Facts {
        let found: Vec<(String, PlanId)> = self
            .objects
            .values()
            .flat_map(|known| known.object.prices())
            .filter_map(|price| Some((price.id.clone(), catalog.plan_of(price)?.clone())))
            .collect();
        self.matched.extend(found);
        self
    }

    /// The same of what an observation shows, whether it counts or not: it may be older than what is known, and the key have
    /// moved to another price since.
    #[must_use]
    pub fn matched_by(mut self, shown: &Object, catalog: &Catalog) -> Facts {
        let found = shown.prices().into_iter();
        let found = found.filter_map(|price| Some((price.id.clone(), catalog.plan_of(price)?.clone())));
        self.matched.extend(found);
        self
    }

    /// The plan of a price: what the catalog says now, else what it said when the price was last matched.
    pub fn plan_of<'a>(&'a self, price: &PriceRef, catalog: &'a Catalog) -> Option<&'a PlanId> {
        catalog.plan_of(price).or_else(|| {
            self.matched
                .get(&price.id)
                .filter(|plan| catalog.plans.contains_key(*plan))
        })
    }

    /// Whether the invoice was seen since its subscription is past due.
    pub(crate) fn seen_past_due(&self, subscription: &Subscription, invoice: &str) -> bool {
        let known_from = || self.objects.get(&subscription.id).map(|known| known.from);
        let since = self
            .past_due_since
            .get(&subscription.id)
            .copied()
            .or_else(known_from);
        let seen = self.objects.get(invoice).map(|known| known.to);
        seen >= since
    }

    fn note_past_due(&mut self, id: &str, next: &Known) {
        let past_due = |known: &&Known| matches!(&known.object, Object::Subscription(it) if it.status == SubscriptionStatus::PastDue);
        if !past_due(&next) {
            self.past_due_since.remove(id);
            return;
        }
        let before = self.objects.get(id).filter(past_due).map(|known| known.from);
        let since = self.past_due_since.get(id).copied().or(before);
        let since = since.map_or(next.from, |since| since.min(next.from));
        self.past_due_since.insert(id.to_owned(), since);
    }

    /// Whether time passes for the object by a Stripe test clock, so that instants on it mean nothing to us.
    fn under_test_clock(&self, object: &Object) -> bool {
        match object {
            Object::Customer(customer) if customer.test_clock.is_some() => return true,
            Object::Subscription(subscription) if subscription.test_clock.is_some() => return true,
            _ => {}
        }
        let customer = object.stripe_customer().and_then(|id| self.objects.get(id));
        matches!(customer, Some(Known { object: Object::Customer(it), .. }) if it.test_clock.is_some())
    }

    fn charge_of(&self, refund: &Refund) -> Option<String> {
        let by_intent = || {
            let intent = refund.payment_intent.as_ref()?;
            let mut charges = self.all(Object::as_charge);
            charges
                .find(|charge| charge.payment_intent.as_ref() == Some(intent))
                .map(|charge| charge.id.clone())
        };
        refund.charge.clone().or_else(by_intent)
    }
}

/// Whether anything could depend on an object of which nothing is known yet.
fn matters(object: &Object) -> bool {
    match object {
        Object::Invoice(invoice) => invoice.status != InvoiceStatus::Draft,
        Object::CheckoutSession(session) => session.status == Some(SessionStatus::Complete),
        Object::Charge(charge) => charge.amount_refunded > 0,
        Object::Refund(_) => false,
        Object::Customer(_) | Object::Subscription(_) | Object::Dispute(_) => true,
    }
}

#[cfg(test)]
mod tests;
