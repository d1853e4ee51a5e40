//! What an answer is made of.

use super::Reason;
use super::source::sources;
use crate::catalog::{Catalog, Value};
use crate::facts::Facts;
use crate::id::{FeatureId, PlanId};
use crate::time::Timestamp;

/// One subscription's item or purchase whose plan gives a feature, whether it counts now or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    pub plan: PlanId,
    /// Stripe's id of the subscription, checkout session or invoice.
    pub object: String,
    pub quantity: u64,
    /// What it gives where it counts.
    pub value: Value,
    /// Why it counts now, or does not.
    pub reason: Reason,
    /// What the clock alone will make of the reason.
    pub then: Vec<(Timestamp, Reason)>,
}

/// What gives a feature, would or did: what counts now first, then by plan and object.
#[must_use]
pub fn contributions(
    facts: &Facts,
    catalog: &Catalog,
    feature: &FeatureId,
    now: Timestamp,
) -> Vec<Contribution> {
    let sources = sources(facts, catalog).into_iter();
    let mut contributions: Vec<Contribution> = sources
        .filter_map(|source| {
            // Of the periods that were paid most are long over.
            let then = source.steps.after(now);
            let gives = source.steps.at(now).granted() || then.iter().any(|(_, reason)| reason.granted());
            if source.paid_through && !gives {
                return None;
            }
            let grant = catalog.plans.get(source.plan)?.grants.get(feature)?;
            Some(Contribution {
                plan: source.plan.clone(),
                object: source.object.to_owned(),
                quantity: source.quantity,
                value: grant.value(source.quantity),
                reason: source.steps.at(now),
                then: then.to_vec(),
            })
        })
        .collect();
    contributions.sort_by(|a, b| {
        let key = |it: &Contribution| (!it.reason.granted(), it.plan.clone(), it.object.clone());
        key(a).cmp(&key(b))
    });
    contributions
}
