//! What the clock makes of the facts: it never ends a renewing payer's access, it makes Tollgate ask Stripe.

use std::collections::BTreeMap;

use super::{Facts, Known, Want, announced_end, renews_at};
use crate::catalog::Catalog;
use crate::object::{Kind, Object, Subscription, SubscriptionStatus};
use crate::time::{Span, Timestamp};

/// How long after a period's end without news of the next Stripe is asked.
pub const RENEWAL_LAG: Span = Span::hours(2);

/// Over how long the questions about renewals of one instant are spread: a month's first midnight is everybody's.
pub const RENEWAL_SPREAD: Span = Span::hours(2);

/// How far ahead an expected renewal is carried at least, so that the "no, unconfirmed" is reached only if nothing ran
/// for so long.
pub const CARRY: Span = Span::hours(48);

/// How soon the clock asks again about an announced end. If our clock is ahead of Stripe's, the answer is of an instant
/// before the end: it does not count, and asking at once would go on until Stripe's clock has come there.
pub const ASK_AGAIN: Span = Span::seconds(30);

/// What the clock asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    pub facts: Facts,
    pub wants: Vec<Want>,
    /// The next instant at which this must run again though nothing was learned.
    pub next: Option<Timestamp>,
}

/// Runs after the folds and before `project`, in every apply. Only subscriptions that give something are asked about.
#[must_use]
pub fn tick(mut facts: Facts, catalog: &Catalog, now: Timestamp) -> Tick {
    let mut wants = vec![];
    let mut next = vec![];
    let carried = std::mem::take(&mut facts.carried_until);
    let mut carried_until = BTreeMap::new();
    let asked = std::mem::take(&mut facts.asked_at);
    let mut asked_at = BTreeMap::new();
    for (id, known) in &facts.objects {
        let Object::Subscription(subscription) = &known.object else {
            continue;
        };
        if !expects(subscription) || subscription.test_clock.is_some() {
            continue;
        }
        let end = announced_end(&facts, subscription);
        if let Some(end) = end {
            if now < end.at {
                next.push(end.at);
            } else if !asked_since(known, end.at) {
                let last = asked.get(id).copied().filter(|last| now < *last + ASK_AGAIN);
                if let Some(last) = last {
                    next.push(last + ASK_AGAIN);
                } else {
                    wants.push(Want::now(Kind::Subscription, id));
                }
                asked_at.insert(id.clone(), last.unwrap_or(now));
            }
        }
        let sold = subscription
            .items
            .iter()
            .filter(|item| facts.plan_of(&item.price, catalog).is_some());
        let Some(period_end) = sold.map(|item| renews_at(subscription, item)).min() else {
            continue;
        };
        if end.is_some_and(|end| end.at <= period_end) {
            continue;
        }
        let due = asked_from(id, period_end);
        if now < due {
            next.push(due);
            continue;
        }
        let mut until = carried.get(id).copied().unwrap_or(Timestamp::MIN);
        if until <= now + CARRY {
            until = now + CARRY + RENEWAL_LAG;
            wants.push(Want::now(Kind::Subscription, id));
        }
        next.push(until - CARRY);
        carried_until.insert(id.clone(), until);
    }
    facts.carried_until = carried_until;
    facts.asked_at = asked_at;
    wants.dedup();
    Tick {
        facts,
        wants,
        next: next.into_iter().min(),
    }
}

/// When Stripe is asked about a renewal of which nothing was heard: always the same for a subscription and a period, and
/// another instant for others. Access is the period's for [`CARRY`], so it is never ended meanwhile.
fn asked_from(id: &str, period_end: Timestamp) -> Timestamp {
    // FNV-1a: no secret, only the same on every replica and in every version.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // Mixed once more, for ids that differ in their last letters only (the finalizer of MurmurHash3).
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let part = (mixed >> 48).cast_signed();
    period_end + RENEWAL_LAG + Span(RENEWAL_SPREAD.0 / 65_536 * part)
}

/// Whether the status lets something happen at an instant that the object names.
fn expects(subscription: &Subscription) -> bool {
    matches!(
        subscription.status,
        SubscriptionStatus::Trialing | SubscriptionStatus::Active | SubscriptionStatus::PastDue
    )
}

fn asked_since(known: &Known, at: Timestamp) -> bool {
    known.confirmed && known.to >= at
}

#[cfg(test)]
mod tests;
