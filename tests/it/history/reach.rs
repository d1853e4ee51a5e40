//! What random histories came to, and have to come to, or they show nothing of it.

use std::collections::BTreeMap;

use super::act::ACTS;
use super::oracle::called_for;
use super::shop::VERSIONS;
use super::world::World;

/// How often.
#[derive(Debug, Default)]
pub struct Reached(BTreeMap<String, usize>);

impl Reached {
    pub fn add(&mut self, world: &World) {
        let mut count = |what: String, times: usize| *self.0.entry(what).or_default() += times;
        for (act, times) in &world.shop.done {
            count(format!("{act:?}"), *times);
        }
        for (what, times) in &world.service.met {
            count((*what).to_owned(), *times);
        }
        for (customer, row) in &world.service.rows.customers {
            let schedule = called_for(&world.shop, customer.as_str(), &row.facts.matched);
            for timeline in schedule.0.values() {
                let then = timeline.then.iter().map(|(_, answer)| answer);
                for answer in std::iter::once(&timeline.first).chain(then) {
                    count(format!("{:?}", answer.reason), 1);
                }
            }
        }
    }

    pub fn merge(&mut self, other: Reached) {
        for (what, times) in other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    pub fn missing(&self) -> Vec<String> {
        let acts = ACTS.iter().map(|(_, act)| format!("{act:?}"));
        let wanted = WANTED.iter().chain(&VERSIONS).map(|what| (*what).to_owned());
        let missing = acts.chain(wanted).filter(|what| !self.0.contains_key(what));
        missing.collect()
    }
}

const WANTED: &[&str] = &[
    // On the way.
    "a death",
    "a loss",
    "a pass",
    "a stale answer",
    "a stale append",
    "a thin event",
    "an absence",
    // Events.
    "charge.dispute.closed",
    "charge.failed",
    "charge.refund.updated",
    "charge.refunded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.deleted",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.resumed",
    "invoice.deleted",
    "invoice.marked_uncollectible",
    "invoice.overdue",
    "invoice.payment_failed",
    "invoice.voided",
    // Answers.
    "Active",
    "Canceled",
    "Disputed",
    "Expired",
    "InGrace",
    "Incomplete",
    "PaidThrough",
    "Paused",
    "PaymentFailed",
    "PaymentPending",
    "Processing",
    "Purchased",
    "Refunded",
    "Trialing",
    "Unconfirmed",
];
