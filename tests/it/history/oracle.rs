//! What the final objects call for: they are all that is known.

use std::collections::BTreeMap;

use tollgate::pipeline::whose;
use tollgate_domain::facts::{Facts, Learned, Observation, fold, tick};
use tollgate_domain::id::PlanId;
use tollgate_domain::schedule::{Schedule, project};
use tollgate_domain::time::Span;

use super::service::RULES;
use super::shop::Shop;

/// `matched` is the one thing that comes from elsewhere: under which key somebody bought is not in the final objects.
pub fn called_for(shop: &Shop, ours: &str, matched: &BTreeMap<String, PlanId>) -> Schedule {
    let now = shop.now();
    let (from, to) = (now - Span::seconds(1), now + Span::seconds(1));
    let mut facts = Facts::default();
    for (object, seq) in shop.shown().into_iter().zip(1..) {
        let mut owners = whose::ids(&object)
            .into_iter()
            .filter_map(|id| shop.owners.get(&id));
        if owners.next().is_none_or(|owner| owner != ours) {
            continue;
        }
        let learned = Learned::Fetch {
            from,
            to,
            covers_seq: 0,
        };
        facts = fold(facts, Observation { seq, object, learned }).0;
    }
    facts.matched = matched.clone();
    let facts = tick(facts.matched_with(&RULES), &RULES, now).facts;
    project(&facts, &[], &RULES).trimmed(now)
}
