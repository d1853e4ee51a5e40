//! From facts, overrides and catalog to the whole schedule.

use std::collections::BTreeSet;

use super::Schedule;
use super::merge::Parts;
use super::source::sources;
use crate::catalog::Catalog;
use crate::facts::Facts;
use crate::id::FeatureId;
use crate::overrides::Override;

/// The answers at all times for every feature that something touches. Of several overrides of one feature the last
/// that has not expired counts.
#[must_use]
pub fn project(facts: &Facts, overrides: &[Override], catalog: &Catalog) -> Schedule {
    let mut sources = sources(facts, catalog);
    // Text of several plans: the first by name wins.
    sources.sort_by(|a, b| a.plan.cmp(b.plan));
    let mut touched: BTreeSet<&FeatureId> = overrides.iter().map(|it| &it.feature).collect();
    touched.extend(
        sources
            .iter()
            .filter_map(|it| catalog.plans.get(it.plan))
            .flat_map(|plan| plan.grants.keys()),
    );
    let parts = Parts {
        catalog,
        sources: &sources,
        overrides,
    };
    let timelines = touched
        .into_iter()
        .filter_map(|feature| Some((feature.clone(), parts.timeline(feature)?)));
    Schedule(timelines.collect())
}

#[cfg(test)]
mod tests;
