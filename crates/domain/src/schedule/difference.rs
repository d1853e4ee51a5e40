//! What another catalog makes of one customer's answers at one instant.

use std::collections::BTreeSet;

use super::{Answer, Schedule};
use crate::catalog::{Catalog, FeatureType, Value};
use crate::id::FeatureId;
use crate::time::Timestamp;

/// A schedule over a catalog's defaults; `None`: there is no catalog yet.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    pub schedule: &'a Schedule,
    pub catalog: Option<&'a Catalog>,
}

impl Answers<'_> {
    /// The answer at an instant; `None`: there is no such feature.
    pub fn at(&self, feature: &FeatureId, now: Timestamp) -> Option<Answer> {
        let own = self.schedule.0.get(feature).map(|it| it.eval(now).clone());
        own.or_else(|| self.catalog?.default_answer(feature))
    }
}

/// What becomes of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It is not there any more, or less of it is.
    Loses,
    /// It is there now, or more of it is.
    Gains,
    /// Neither is more than the other: another text, another type.
    Changes,
}

/// One feature that is worth something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub feature: FeatureId,
    pub effect: Effect,
    /// `None`: there was no such feature.
    pub before: Option<Answer>,
    /// `None`: there is no such feature any more.
    pub after: Option<Answer>,
}

/// The features that `after` makes worth something else than `before`, at an instant. Another reason for the same is none.
#[must_use]
pub fn differences(before: Answers<'_>, after: Answers<'_>, now: Timestamp) -> Vec<Difference> {
    let all = [before, after].into_iter();
    let features: BTreeSet<&FeatureId> = all
        .flat_map(|it| {
            let known = it.catalog.into_iter().flat_map(|catalog| catalog.features.keys());
            it.schedule.0.keys().chain(known)
        })
        .collect();
    let difference = |feature: &FeatureId| {
        let (old, new) = (before.at(feature, now), after.at(feature, now));
        let kind = after.catalog.and_then(|catalog| catalog.features.get(feature));
        let effect = effect(kind, granted(old.as_ref()), granted(new.as_ref()))?;
        Some(Difference {
            feature: feature.clone(),
            effect,
            before: old,
            after: new,
        })
    };
    features.into_iter().filter_map(difference).collect()
}

fn granted(answer: Option<&Answer>) -> Option<&Value> {
    answer.filter(|it| it.reason.granted()).map(|it| &it.value)
}

fn effect(kind: Option<&FeatureType>, before: Option<&Value>, after: Option<&Value>) -> Option<Effect> {
    let less = |less| if less { Effect::Loses } else { Effect::Gains };
    match (before, after) {
        (None, None) => None,
        (Some(_), None) => Some(Effect::Loses),
        (None, Some(_)) => Some(Effect::Gains),
        (Some(old), Some(new)) if old == new => None,
        // `None` is unlimited.
        (Some(Value::Limit(old)), Some(Value::Limit(new))) => {
            let amount = |limit: &Option<u64>| limit.map_or(u128::MAX, u128::from);
            Some(less(amount(new) < amount(old)))
        }
        (Some(Value::Option(old)), Some(Value::Option(new))) => {
            let Some(FeatureType::Enum { order }) = kind else {
                return Some(Effect::Changes);
            };
            let rank = |word| order.iter().position(|known| known == word);
            Some(match rank(old).zip(rank(new)) {
                Some((old, new)) => less(new < old),
                None => Effect::Changes,
            })
        }
        _ => Some(Effect::Changes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::parse;
    use crate::schedule::{Reason, Timeline};

    fn row(answers: &[(&str, Reason, Value)]) -> Schedule {
        let timeline = |(feature, reason, value): &(&str, Reason, Value)| {
            let answer = Answer {
                reason: *reason,
                value: value.clone(),
                plans: vec![],
            };
            (FeatureId::parse(feature).unwrap(), Timeline::always(answer))
        };
        Schedule(answers.iter().map(timeline).collect())
    }

    fn effects(before: &Schedule, old: &Catalog, after: &Schedule, new: &Catalog) -> Vec<(String, Effect)> {
        let over = |schedule, catalog| Answers {
            schedule,
            catalog: Some(catalog),
        };
        let found = differences(over(before, old), over(after, new), Timestamp(0));
        found
            .into_iter()
            .map(|it| (it.feature.to_string(), it.effect))
            .collect()
    }

    #[test]
    fn less_of_a_feature_is_a_loss_more_of_it_a_gain_and_another_reason_nothing() {
        let catalog = parse(
            "features:\n  seats: {type: limit}\n  sso: {type: boolean}\n  tier: {type: enum, order: [low, high]}\n  \
             theme: {type: string}\n",
        )
        .unwrap();
        let word = |word: &str| Value::Option(word.into());
        let text = |text: &str| Value::Text(text.into());
        for (feature, old, new, effect) in [
            (
                "seats",
                Value::Limit(Some(5)),
                Value::Limit(Some(3)),
                Some(Effect::Loses),
            ),
            (
                "seats",
                Value::Limit(None),
                Value::Limit(Some(u64::MAX)),
                Some(Effect::Loses),
            ),
            (
                "seats",
                Value::Limit(Some(5)),
                Value::Limit(None),
                Some(Effect::Gains),
            ),
            ("tier", word("high"), word("low"), Some(Effect::Loses)),
            ("tier", word("low"), word("high"), Some(Effect::Gains)),
            ("tier", word("gone"), word("high"), Some(Effect::Changes)),
            ("theme", text("blue"), text("red"), Some(Effect::Changes)),
            ("sso", Value::Enabled(true), Value::Enabled(true), None),
        ] {
            let before = row(&[(feature, Reason::Active, old)]);
            let after = row(&[(feature, Reason::Trialing, new)]);
            let expected: Vec<_> = effect.map(|it| (feature.to_owned(), it)).into_iter().collect();
            assert_eq!(
                effects(&before, &catalog, &after, &catalog),
                expected,
                "{feature}"
            );
        }
    }

    #[test]
    fn rows_lie_over_their_own_catalogs_defaults() {
        let old =
            parse("features: {seats: {type: limit}, sso: {type: boolean}}\ndefaults: {seats: 3}\n").unwrap();
        let new =
            parse("features: {seats: {type: limit}, ai: {type: boolean}}\ndefaults: {seats: 1, ai: true}\n")
                .unwrap();
        let has_sso = row(&[("sso", Reason::Active, Value::Enabled(true))]);
        assert_eq!(
            effects(&has_sso, &old, &row(&[]), &new),
            [
                ("ai".to_owned(), Effect::Gains),
                ("seats".to_owned(), Effect::Loses),
                ("sso".to_owned(), Effect::Loses)
            ]
        );
        let denied = row(&[("sso", Reason::Canceled, Value::Enabled(false))]);
        let of_nothing = effects(&denied, &old, &row(&[]), &old);
        assert_eq!(of_nothing, [], "what was not granted is not lost");
    }
}
