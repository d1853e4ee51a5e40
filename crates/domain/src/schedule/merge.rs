//! Several sources of one feature as one timeline.

use std::collections::BTreeSet;

use super::source::Source;
use super::{Answer, Reason, Timeline};
use crate::catalog::{Catalog, FeatureType};
use crate::id::FeatureId;
use crate::overrides::Override;
use crate::time::Timestamp;

/// What is merged.
pub(super) struct Parts<'a> {
    pub catalog: &'a Catalog,
    pub sources: &'a [Source<'a>],
    pub overrides: &'a [Override],
}

impl Parts<'_> {
    /// The feature at all times; `None`: the catalog has no such feature.
    pub fn timeline(&self, feature: &FeatureId) -> Option<Timeline> {
        let kind = self.catalog.features.get(feature)?;
        let expiries = self
            .overrides
            .iter()
            .filter(|it| it.feature == *feature)
            .filter_map(|it| it.expires_at);
        let touching = self.sources.iter().filter(|source| self.grants(source, feature));
        let mut instants: BTreeSet<Timestamp> = expiries.collect();
        instants.extend(touching.flat_map(|source| source.steps.instants()));
        instants.remove(&Timestamp::MIN);
        let mut timeline = Timeline::always(self.answer(feature, kind, Timestamp::MIN)?);
        for at in instants {
            let answer = self.answer(feature, kind, at)?;
            if *timeline.eval(at) != answer {
                timeline.then.push((at, answer));
            }
        }
        Some(timeline)
    }

    /// The feature at one instant.
    pub fn answer(&self, feature: &FeatureId, kind: &FeatureType, at: Timestamp) -> Option<Answer> {
        let by_hand = self
            .overrides
            .iter()
            .rfind(|it| it.feature == *feature && it.expires_at.is_none_or(|expiry| at < expiry));
        match by_hand.map(|it| &it.allow) {
            // Of a type that the feature had in another catalog it says nothing.
            Some(Some(value)) if kind.takes(value) => {
                return Some(answer(Reason::OverrideAllowed, value.clone()));
            }
            Some(Some(_)) | None => {}
            Some(None) => return Some(answer(Reason::OverrideDenied, kind.nothing())),
        }
        let default = self.catalog.default_answer(feature)?;
        let mut granted: Option<Answer> = None;
        let mut denied = Reason::NoPlan;
        for source in self.sources {
            let Some(value) = self.value(source, feature) else {
                continue;
            };
            let reason = source.steps.at(at);
            if !reason.granted() {
                denied = denied.max(reason);
                continue;
            }
            let mut sum = match granted.take() {
                None => answer(reason, value),
                Some(so_far) => Answer {
                    reason: so_far.reason.max(reason),
                    value: kind.combine(so_far.value, value),
                    plans: so_far.plans,
                },
            };
            if !sum.plans.contains(source.plan) {
                sum.plans.push(source.plan.clone());
            }
            granted = Some(sum);
        }
        Some(match granted {
            // The default is a floor, not an addition: who buys five seats has five, not one more.
            Some(Answer { reason, value, plans }) => Answer {
                reason,
                value: kind.higher(value, default.value),
                plans,
            },
            None if default.reason.granted() => default,
            None => Answer {
                reason: denied,
                ..default
            },
        })
    }

    fn grants(&self, source: &Source, feature: &FeatureId) -> bool {
        self.value(source, feature).is_some()
    }

    /// What a source gives of the feature; a value that grants nothing gives nothing.
    fn value(&self, source: &Source, feature: &FeatureId) -> Option<crate::catalog::Value> {
        let grant = self.catalog.plans.get(source.plan)?.grants.get(feature)?;
        Some(grant.value(source.quantity)).filter(|value| value.grants())
    }
}

fn answer(reason: Reason, value: crate::catalog::Value) -> Answer {
    Answer {
        reason,
        value,
        plans: vec![],
    }
}
