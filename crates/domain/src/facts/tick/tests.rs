use super::*;
use crate::facts::{Learned, Observation, fold};
use crate::object::Object;
use crate::schedule::{Reason, project};

const DAY: i64 = 86_400;

fn catalog() -> Catalog {
    crate::catalog::parse(
        "features: {sso: {type: boolean}}\n\
         plans: {team: {match: {price: price_team}, grants: {sso: true}}}\n",
    )
    .unwrap()
}

fn day(days: i64) -> Timestamp {
    Timestamp::from_unix(days * DAY)
}

fn subscription(change: impl Fn(&mut Subscription)) -> Object {
    let mut it: Subscription = serde_json::from_value(serde_json::json!({
        "id": "sub_1", "stripe_customer": "cus_1", "status": "active", "items_cut": false, "created": 0,
        "items": [{"id": "si_1", "price": {"id": "price_team", "product": "prod_1", "lookup_key": null}, "quantity": 1,
            "period_start": 0, "period_end": day(30).0}],
        "trial_end": null, "missing_payment_method": "create_invoice", "has_payment_method": true, "cancel_at": null,
        "cancel_at_period_end": false, "ended_at": null, "cancellation_reason": null,
        "collection_method": "charge_automatically", "latest_invoice": null, "test_clock": null
    }))
    .unwrap();
    change(&mut it);
    Object::Subscription(it)
}

fn fetched(facts: Facts, at: Timestamp, seq: i64, object: Object) -> Facts {
    let learned = Learned::Fetch {
        from: at,
        to: at,
        covers_seq: seq - 1,
    };
    fold(facts, Observation { seq, object, learned }).0
}

fn reason(facts: &Facts, at: Timestamp) -> Reason {
    project(facts, &[], &catalog())
        .0
        .values()
        .next()
        .unwrap()
        .eval(at)
        .reason
}

/// When it is asked about.
fn renewal() -> Timestamp {
    asked_from("sub_1", day(30))
}

fn wanted() -> Vec<Want> {
    vec![Want::now(Kind::Subscription, "sub_1")]
}

#[test]
fn an_expected_renewal_is_asked_about_after_the_lag_and_carried_until_stripe_answers() {
    let facts = fetched(Facts::default(), day(1), 1, subscription(|_| {}));
    let quiet = tick(facts, &catalog(), day(30));
    assert_eq!((quiet.wants, quiet.next), (vec![], Some(renewal())));
    let due = tick(quiet.facts, &catalog(), renewal());
    assert_eq!((due.wants, due.next), (wanted(), Some(renewal() + RENEWAL_LAG)));
    // A weekend without Stripe: every run carries it on.
    let mut facts = due.facts;
    let mut now = due.next.unwrap();
    while now < day(40) {
        assert_eq!(reason(&facts, now), Reason::Active);
        let Tick {
            facts: carried, next, ..
        } = tick(facts, &catalog(), now);
        assert!(next.unwrap() > now);
        assert_eq!(reason(&carried, now + CARRY), Reason::Active);
        assert_eq!(reason(&carried, now + CARRY + RENEWAL_LAG), Reason::Unconfirmed);
        (facts, now) = (carried, next.unwrap());
    }
    let renewed = subscription(|it| it.items[0].period_end = day(60));
    let answered = tick(fetched(facts, day(40), 2, renewed), &catalog(), day(40));
    assert!(answered.wants.is_empty() && answered.facts.carried_until.is_empty());
    assert_eq!(answered.next, Some(asked_from("sub_1", day(60))));
}

#[test]
fn after_a_long_standstill_the_first_run_gives_access_back() {
    let facts = fetched(Facts::default(), day(1), 1, subscription(|_| {}));
    assert_eq!(reason(&facts, day(33)), Reason::Unconfirmed);
    let tick = tick(facts, &catalog(), day(33));
    assert_eq!(reason(&tick.facts, day(33)), Reason::Active);
    assert_eq!(tick.wants, wanted());
}

#[test]
fn a_run_between_two_extensions_changes_nothing() {
    let facts = fetched(Facts::default(), day(1), 1, subscription(|_| {}));
    let first = tick(facts, &catalog(), day(31));
    let second = tick(first.facts.clone(), &catalog(), day(31) + Span::minutes(5));
    assert_eq!(
        (second.facts, second.wants, second.next),
        (first.facts, vec![], first.next)
    );
}

#[test]
fn an_announced_end_is_asked_about_at_its_instant_and_once() {
    let facts = fetched(
        Facts::default(),
        day(1),
        1,
        subscription(|it| it.cancel_at = Some(day(20))),
    );
    let before = tick(facts, &catalog(), day(19));
    assert_eq!((before.wants, before.next), (vec![], Some(day(20))));
    assert_eq!(reason(&before.facts, day(20)), Reason::Active);
    assert_eq!(
        reason(&before.facts, day(20) + Span::minutes(10)),
        Reason::Canceled
    );
    let at = tick(before.facts, &catalog(), day(20));
    assert_eq!((at.wants, at.next), (wanted(), None));
    let still = subscription(|it| it.cancel_at = Some(day(20)));
    let after = tick(fetched(at.facts, day(20), 2, still), &catalog(), day(21));
    assert_eq!((after.wants, after.next), (vec![], None));
}

#[test]
fn what_ended_or_gives_nothing_is_not_asked_about() {
    for object in [
        subscription(|it| it.status = SubscriptionStatus::Canceled),
        subscription(|it| it.test_clock = Some("clock_1".into())),
        subscription(|it| it.items[0].price.id = "price_other".into()),
    ] {
        let tick = tick(fetched(Facts::default(), day(1), 1, object), &catalog(), day(31));
        assert_eq!((tick.wants, tick.next), (vec![], None));
    }
}

#[test]
fn with_our_clock_ahead_an_announced_end_is_not_asked_about_at_round_trip_speed() {
    let ending = || subscription(|it| it.cancel_at = Some(day(20)));
    let facts = fetched(Facts::default(), day(1), 1, ending());
    let mut facts = tick(facts, &catalog(), day(20)).facts;
    let mut now = day(20);
    // Ours is two minutes ahead.
    for seq in 2..5 {
        let answered = fetched(facts, now - Span::minutes(2), seq, ending());
        let soon = tick(answered, &catalog(), now + Span::seconds(1));
        assert_eq!((soon.wants, soon.next), (vec![], Some(now + ASK_AGAIN)));
        now = now + ASK_AGAIN;
        let again = tick(soon.facts, &catalog(), now);
        assert_eq!(again.wants, wanted());
        facts = again.facts;
    }
    let after = tick(fetched(facts, day(20), 5, ending()), &catalog(), now);
    assert_eq!((after.wants, after.next), (vec![], None));
    assert!(after.facts.asked_at.is_empty());
}

#[test]
fn before_a_distant_announced_end_renewals_are_asked_about() {
    let object = subscription(|it| it.cancel_at = Some(day(365)));
    let facts = fetched(Facts::default(), day(1), 1, object);
    let quiet = tick(facts, &catalog(), day(30));
    assert_eq!((quiet.wants, quiet.next), (vec![], Some(renewal())));
    let due = tick(quiet.facts, &catalog(), renewal());
    assert_eq!(due.wants, wanted());
    assert_eq!(reason(&due.facts, renewal() + CARRY), Reason::Active);
}

#[test]
fn the_questions_about_a_midnights_renewals_are_spread_over_two_hours_and_access_lasts_longer() {
    let midnight = day(30);
    let mut of_minute = [0_u32; 120];
    for n in 0..12_000 {
        let id = format!("sub_{n}");
        let asked = asked_from(&id, midnight);
        assert_eq!(asked, asked_from(&id, midnight), "the same whoever asks");
        let minute = (asked.unix() - (midnight + RENEWAL_LAG).unix()) / 60;
        of_minute[usize::try_from(minute).unwrap()] += 1;
    }
    assert!(
        of_minute.iter().all(|count| (50..=170).contains(count)),
        "{of_minute:?}"
    );
    assert!(midnight + RENEWAL_LAG + RENEWAL_SPREAD < midnight + CARRY);
}

#[test]
fn a_trial_is_ended_for_want_of_a_method_only_if_the_customer_has_none_either() {
    let customer = |has: Option<bool>| {
        let json = serde_json::json!({"object": "customer", "id": "cus_1", "deleted": false, "test_clock": null,
            "has_payment_method": has});
        serde_json::from_value::<Object>(json).unwrap()
    };
    let trial = || {
        subscription(|it| {
            it.status = SubscriptionStatus::Trialing;
            it.trial_end = Some(day(30));
            it.has_payment_method = false;
            it.missing_payment_method = crate::object::MissingPaymentMethod::Cancel;
        })
    };
    let learned = Learned::Event { created: day(1) };
    let object = trial();
    let (facts, wants) = fold(
        Facts::default(),
        Observation {
            seq: 1,
            object,
            learned,
        },
    );
    assert!(wants.contains(&Want::now(Kind::Customer, "cus_1")), "{wants:?}");
    let over = day(30) + Span::minutes(10);
    assert_eq!(reason(&facts, over), Reason::Trialing);
    let own = |has| fetched(facts.clone(), day(2), 2, customer(has));
    assert_eq!(reason(&own(Some(true)), over), Reason::Trialing);
    assert_eq!(reason(&own(Some(false)), over), Reason::Canceled);
    assert_eq!(reason(&own(None), over), Reason::Trialing);
}
