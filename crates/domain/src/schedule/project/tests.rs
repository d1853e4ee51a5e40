use proptest::prelude::*;

use super::*;
use crate::catalog::{Value, parse};
use crate::id::PlanId;
use crate::schedule::source::{Source, Steps};
use crate::schedule::{Answer, Reason, Timeline};
use crate::time::Timestamp;

const CATALOG: &str = "
features:
  sso:     {type: boolean}
  seats:   {type: limit, combine: sum}
  storage: {type: limit}
  support: {type: enum, order: [community, email, priority]}
  motto:   {type: string}
defaults: {seats: 2, support: community}
plans:
  addon: {match: {price: price_addon}, grants: {seats: {per_unit: 1}, storage: unlimited, motto: first}}
  team:  {match: {price: price_team}, grants: {sso: true, seats: {per_unit: 5}, storage: 10, support: email, motto: second}}
";

fn feature(name: &str) -> FeatureId {
    FeatureId::parse(name).unwrap()
}

fn catalog() -> Catalog {
    parse(CATALOG).unwrap()
}

/// Units of plans, all active, as one answer.
fn merged(held: &[(&str, u64)], overrides: &[Override], name: &str) -> Answer {
    let catalog = catalog();
    let plans: Vec<(PlanId, u64)> = held
        .iter()
        .map(|(id, n)| (PlanId::parse(id).unwrap(), *n))
        .collect();
    let sources: Vec<Source> = plans
        .iter()
        .map(|(plan, quantity)| Source {
            plan,
            object: "sub_1",
            paid_through: false,
            quantity: *quantity,
            steps: Steps::always(Reason::Active),
        })
        .collect();
    let parts = Parts {
        catalog: &catalog,
        sources: &sources,
        overrides,
    };
    parts.timeline(&feature(name)).unwrap().first
}

fn by_hand(name: &str, allow: Option<Value>, expires: Option<i64>) -> Override {
    Override {
        feature: feature(name),
        allow,
        expires_at: expires.map(Timestamp::from_unix),
    }
}

#[test]
fn each_type_merges_by_its_rule() {
    let both = [("addon", 3), ("team", 2)];
    assert_eq!(merged(&both, &[], "seats").value, Value::Limit(Some(13)));
    assert_eq!(merged(&both, &[], "storage").value, Value::Limit(None));
    assert_eq!(merged(&both, &[], "support").value, Value::Option("email".into()));
    assert_eq!(merged(&both, &[], "motto").value, Value::Text("first".into()));
    assert_eq!(merged(&both, &[], "sso").plans, [PlanId::parse("team").unwrap()]);
}

#[test]
fn the_default_is_a_floor_and_not_an_addition() {
    assert_eq!(merged(&[("addon", 1)], &[], "seats").value, Value::Limit(Some(2)));
    assert_eq!(merged(&[("addon", 9)], &[], "seats").value, Value::Limit(Some(9)));
}

#[test]
fn an_override_wins_until_it_expires() {
    let deny = [by_hand("sso", None, None)];
    let denied = merged(&[("team", 1)], &deny, "sso");
    assert_eq!(
        (denied.reason, denied.value),
        (Reason::OverrideDenied, Value::Enabled(false))
    );
    let allow = [by_hand("seats", Some(Value::Limit(Some(50))), Some(1000))];
    let schedule = project(&Facts::default(), &allow, &catalog());
    let seats = &schedule.0[&feature("seats")];
    assert_eq!(seats.first.value, Value::Limit(Some(50)));
    let after = catalog().default_answer(&feature("seats")).unwrap();
    assert_eq!(seats.then, [(Timestamp::from_unix(1000), after)]);
}

#[test]
fn an_override_of_a_feature_that_the_catalog_lacks_is_no_answer() {
    assert!(
        project(&Facts::default(), &[by_hand("gone", None, None)], &catalog())
            .0
            .is_empty()
    );
}

fn reason() -> impl Strategy<Value = Reason> {
    prop::sample::select(vec![
        Reason::Active,
        Reason::InGrace,
        Reason::PaidThrough,
        Reason::Canceled,
        Reason::PaymentFailed,
    ])
}

fn steps() -> impl Strategy<Value = Steps> {
    (reason(), prop::collection::vec((0..20i64, reason()), 0..4)).prop_map(|(first, ends)| {
        ends.into_iter()
            .fold(Steps::always(first), |steps, (at, reason)| {
                let change = Steps::within(Timestamp::from_unix(at), None, reason, Reason::NoPlan);
                steps.with(&change, |own, new| if new == Reason::NoPlan { own } else { new })
            })
    })
}

proptest! {
    #[test]
    fn a_timeline_says_at_every_instant_what_merging_then_says(
        held in prop::collection::vec((any::<bool>(), 1..4u64, steps()), 0..4),
        expiry in prop::option::of(0..20i64),
        trim in 0..20i64,
    ) {
        let catalog = catalog();
        let plans = [PlanId::parse("addon").unwrap(), PlanId::parse("team").unwrap()];
        let sources: Vec<Source> = held
            .iter()
            .map(|(team, quantity, steps)| Source {
                plan: &plans[usize::from(*team)],
                object: "sub_1",
            paid_through: false,
                quantity: *quantity,
                steps: steps.clone(),
            })
            .collect();
        let overrides: Vec<Override> =
            expiry.iter().map(|at| by_hand("seats", Some(Value::Limit(Some(7))), Some(*at))).collect();
        let parts = Parts { catalog: &catalog, sources: &sources, overrides: &overrides };
        for (name, kind) in &catalog.features {
            let timeline = parts.timeline(name).unwrap();
            for second in -1..21 {
                let at = Timestamp::from_unix(second);
                prop_assert_eq!(Some(timeline.eval(at).clone()), parts.answer(name, kind, at));
                prop_assert_eq!(timeline.eval(at), by_scan(&timeline, at));
            }
            let answers: Vec<&Answer> =
                std::iter::once(&timeline.first).chain(timeline.then.iter().map(|(_, answer)| answer)).collect();
            prop_assert!(answers.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", timeline);
            let trim = Timestamp::from_unix(trim);
            let whole = Schedule([(name.clone(), timeline)].into());
            let trimmed = whole.clone().trimmed(trim);
            prop_assert!(trimmed.same_from(&whole, trim));
            prop_assert_eq!(trimmed.next_change(trim), whole.next_change(trim));
            prop_assert_eq!(&trimmed.0[name].first, whole.0[name].eval(trim));
        }
    }
}

fn by_scan(timeline: &Timeline, now: Timestamp) -> &Answer {
    let mut answer = &timeline.first;
    for (at, next) in &timeline.then {
        if *at <= now {
            answer = next;
        }
    }
    answer
}
