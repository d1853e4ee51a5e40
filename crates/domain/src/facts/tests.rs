use super::*;
use crate::object::{Charge, ChargeStatus, Refund};

fn charge(refunded: i64) -> Object {
    Object::Charge(Charge {
        id: "ch_1".into(),
        stripe_customer: Some("cus_1".into()),
        payment_intent: None,
        invoice: None,
        status: ChargeStatus::Succeeded,
        created: Timestamp::from_unix(100),
        amount: 500,
        amount_refunded: refunded,
    })
}

fn event(seq: i64, created: i64, refunded: i64) -> Observation {
    let learned = Learned::Event {
        created: Timestamp::from_unix(created),
    };
    Observation {
        seq,
        object: charge(refunded),
        learned,
    }
}

fn fetch(seq: i64, at: i64, covers_seq: i64, refunded: i64) -> Observation {
    let (from, to) = (Timestamp::from_unix(at - 1), Timestamp::from_unix(at + 1));
    Observation {
        seq,
        object: charge(refunded),
        learned: Learned::Fetch { from, to, covers_seq },
    }
}

fn fold_all(observations: &[Observation]) -> Facts {
    observations.iter().fold(Facts::default(), |facts, observation| {
        fold(facts, observation.clone()).0
    })
}

fn after(observations: &[Observation]) -> (i64, bool, Vec<Want>) {
    let (mut facts, mut wants) = (Facts::default(), vec![]);
    for observation in observations {
        (facts, wants) = fold(facts, observation.clone());
    }
    let known = &facts.objects["ch_1"];
    let Object::Charge(charge) = &known.object else {
        panic!("a charge")
    };
    (charge.amount_refunded, known.confirmed, wants)
}

#[test]
fn a_clearly_newer_event_counts_and_is_confirmed_later() {
    let want = vec![Want::confirm(Kind::Charge, "ch_1")];
    assert_eq!(after(&[event(1, 100, 0), event(2, 106, 500)]), (500, false, want));
}

#[test]
fn a_clearly_older_event_changes_nothing() {
    assert_eq!(
        after(&[event(1, 106, 500), event(2, 100, 0)]),
        (500, false, vec![])
    );
}

#[test]
fn events_of_the_same_seconds_are_settled_by_a_fetch() {
    let want = vec![Want::now(Kind::Charge, "ch_1")];
    assert_eq!(after(&[event(1, 100, 0), event(2, 105, 500)]), (0, false, want));
}

#[test]
fn a_fetch_that_covers_every_event_wins() {
    assert_eq!(
        after(&[event(1, 100, 0), event(2, 100, 500), fetch(3, 101, 2, 500)]),
        (500, true, vec![])
    );
}

#[test]
fn a_fetch_overtaken_by_an_event_is_dropped_and_repeated() {
    let want = vec![Want::now(Kind::Charge, "ch_1")];
    assert_eq!(
        after(&[event(1, 100, 0), event(2, 110, 500), fetch(3, 101, 1, 0)]),
        (500, false, want)
    );
}

#[test]
fn the_same_observation_twice_changes_nothing() {
    assert_eq!(after(&[event(1, 100, 0), event(1, 100, 0)]).0, 0);
}

#[test]
fn a_refund_makes_its_charge_be_fetched() {
    let refund = Refund {
        id: "re_1".into(),
        charge: Some("ch_1".into()),
        payment_intent: None,
    };
    let learned = Learned::Event {
        created: Timestamp::from_unix(1),
    };
    let (facts, wants) = fold(
        Facts::default(),
        Observation {
            seq: 1,
            object: Object::Refund(refund),
            learned,
        },
    );
    assert_eq!(wants, vec![Want::now(Kind::Charge, "ch_1")]);
    assert!(facts.objects.is_empty());
}

#[test]
fn an_event_that_becomes_visible_late_is_learned_like_any_other() {
    // Its sequence is lower than what is known: a concurrent commit.
    let want = vec![Want::confirm(Kind::Charge, "ch_1")];
    assert_eq!(after(&[event(2, 100, 0), event(1, 110, 500)]), (500, false, want));
    let want = vec![Want::now(Kind::Charge, "ch_1")];
    let late = [event(3, 100, 0), event(2, 102, 500)];
    assert_eq!(after(&late), (0, false, want));
    assert_eq!(fold_all(&late).objects["ch_1"].last_seq, 3);
}

#[test]
fn an_event_that_says_what_a_fetch_said_leaves_it_confirmed() {
    assert_eq!(
        after(&[fetch(1, 100, 0, 500), event(2, 101, 500)]),
        (500, true, vec![])
    );
}

#[test]
fn an_event_in_doubt_unsettles_a_fetch() {
    let want = vec![Want::now(Kind::Charge, "ch_1")];
    assert_eq!(
        after(&[fetch(1, 100, 0, 500), event(2, 101, 0)]),
        (500, false, want)
    );
}

#[test]
fn of_two_fetches_at_once_the_provably_later_counts() {
    let (now, nothing) = (vec![Want::now(Kind::Charge, "ch_1")], vec![]);
    // Asked for after the first had arrived.
    assert_eq!(
        after(&[fetch(1, 100, 0, 0), fetch(2, 100, 1, 500)]),
        (500, true, nothing.clone())
    );
    // Their windows tell.
    assert_eq!(
        after(&[fetch(1, 100, 0, 0), fetch(2, 103, 0, 500)]),
        (500, true, nothing.clone())
    );
    assert_eq!(
        after(&[fetch(1, 103, 0, 0), fetch(2, 100, 0, 500)]),
        (0, true, nothing)
    );
    // Nothing tells.
    assert_eq!(
        after(&[fetch(1, 100, 0, 0), fetch(2, 101, 0, 500)]),
        (0, true, now)
    );
}

#[test]
fn a_created_that_lies_in_the_future_is_survived_by_a_fetch() {
    assert_eq!(
        after(&[event(1, 9_000, 0), fetch(2, 100, 1, 500)]),
        (500, true, vec![])
    );
}

fn parsed(json: serde_json::Value) -> Object {
    serde_json::from_value(json).unwrap()
}

fn subscription(status: &str, items: &[&str], cut: bool) -> Object {
    let item = |id: &&str| {
        serde_json::json!({"id": id, "price": {"id": "price_1", "product": "prod_1", "lookup_key": "team"},
            "quantity": 1, "period_start": 0, "period_end": Timestamp::from_unix(1_000_000).0})
    };
    parsed(serde_json::json!({
        "object": "subscription", "id": "sub_1", "stripe_customer": "cus_1", "status": status,
        "items": items.iter().map(item).collect::<Vec<_>>(), "items_cut": cut, "created": 0, "trial_end": null,
        "missing_payment_method": "cancel", "has_payment_method": true, "cancel_at": null,
        "cancel_at_period_end": false, "ended_at": null, "cancellation_reason": null,
        "collection_method": "charge_automatically", "latest_invoice": "in_1", "test_clock": null
    }))
}

fn session(mode: &str, line_items: bool) -> Object {
    let items =
        serde_json::json!([{"price": {"id": "p", "product": "q", "lookup_key": null}, "quantity": 1}]);
    parsed(serde_json::json!({
        "object": "checkout.session", "id": "cs_1", "stripe_customer": "cus_1", "mode": mode, "status": "complete",
        "payment_status": "paid", "subscription": (mode == "subscription").then_some("sub_1"),
        "payment_intent": null, "invoice": null, "client_reference_id": null, "created": 0, "expires_at": null,
        "url": null, "line_items": line_items.then_some(items)
    }))
}

fn seen(seq: i64, created: i64, object: Object) -> Observation {
    Observation {
        seq,
        object,
        learned: Learned::Event {
            created: Timestamp::from_unix(created),
        },
    }
}

fn answered(seq: i64, at: i64, object: Object) -> Observation {
    let (from, to) = (Timestamp::from_unix(at - 1), Timestamp::from_unix(at + 1));
    Observation {
        seq,
        object,
        learned: Learned::Fetch {
            from,
            to,
            covers_seq: seq - 1,
        },
    }
}

fn last_wants(observations: &[Observation]) -> Vec<Want> {
    let (last, before) = observations.split_last().unwrap();
    fold(fold_all(before), last.clone()).1
}

#[test]
fn a_paid_session_asks_for_its_line_items_until_they_are_known() {
    let event = seen(1, 100, session("payment", false));
    assert_eq!(
        last_wants(std::slice::from_ref(&event)),
        [Want::now(Kind::CheckoutSession, "cs_1")]
    );
    let known = [
        event,
        answered(2, 101, session("payment", true)),
        seen(3, 200, session("payment", false)),
    ];
    assert_eq!(last_wants(&known), [Want::confirm(Kind::CheckoutSession, "cs_1")]);
    let facts = fold_all(&known);
    let Object::CheckoutSession(session) = &facts.objects["cs_1"].object else {
        panic!("a session")
    };
    assert!(
        session.line_items.is_some(),
        "an event does not take back what a fetch said"
    );
}

#[test]
fn an_answer_without_line_items_is_not_asked_for_again() {
    assert_eq!(last_wants(&[answered(1, 100, session("payment", false))]), []);
}

#[test]
fn a_subscription_session_asks_for_a_subscription_that_is_not_known() {
    let event = seen(1, 100, session("subscription", false));
    let wants = [
        Want::now(Kind::Subscription, "sub_1"),
        Want::confirm(Kind::CheckoutSession, "cs_1"),
    ];
    assert_eq!(last_wants(std::slice::from_ref(&event)), wants);
    let wants = [Want::confirm(Kind::CheckoutSession, "cs_1")];
    assert_eq!(
        last_wants(&[seen(1, 100, subscription("active", &["si_1"], false)), event]),
        wants
    );
}

#[test]
fn a_past_due_subscription_asks_for_its_open_invoice_at_once_and_an_active_one_later() {
    let wants = |status| last_wants(&[answered(1, 100, subscription(status, &["si_1"], false))]);
    assert_eq!(wants("past_due"), [Want::now(Kind::Invoice, "in_1")]);
    assert_eq!(wants("active"), [Want::confirm(Kind::Invoice, "in_1")]);
    assert_eq!(wants("canceled"), []);
}

#[test]
fn a_cut_list_keeps_the_items_that_are_known_and_asks() {
    let whole = answered(1, 100, subscription("active", &["si_1", "si_2"], false));
    let cut = seen(2, 200, subscription("active", &["si_1"], true));
    let facts = fold_all(&[whole.clone(), cut.clone()]);
    let Object::Subscription(known) = &facts.objects["sub_1"].object else {
        panic!("a subscription")
    };
    assert_eq!(known.items.len(), 2);
    assert!(last_wants(&[whole, cut]).contains(&Want::now(Kind::Subscription, "sub_1")));
}

#[test]
fn a_status_of_a_future_version_does_not_replace_a_known_one() {
    let facts = fold_all(&[
        seen(1, 100, subscription("active", &["si_1"], false)),
        answered(2, 200, subscription("hibernating", &["si_1"], false)),
    ]);
    let Object::Subscription(known) = &facts.objects["sub_1"].object else {
        panic!("a subscription")
    };
    assert_eq!(known.status, crate::object::SubscriptionStatus::Active);
}

#[test]
fn under_a_test_clock_every_event_is_settled() {
    let clocked = |status| {
        let Object::Subscription(mut it) = subscription(status, &["si_1"], false) else {
            panic!("a subscription")
        };
        it.test_clock = Some("clock_1".into());
        Object::Subscription(it)
    };
    let known = [
        answered(1, 100, clocked("trialing")),
        seen(2, 9_000, clocked("canceled")),
    ];
    assert!(last_wants(&known).contains(&Want::now(Kind::Subscription, "sub_1")));
    assert_eq!(fold_all(&known).objects["sub_1"].object, clocked("trialing"));
}

#[test]
fn a_price_once_matched_stays_matched() {
    let catalog = |key: &str| {
        let plans = format!("plans: {{team: {{match: {{lookup_key: {key}}}, grants: {{sso: true}}}}}}");
        crate::catalog::parse(&format!("features: {{sso: {{type: boolean}}}}\n{plans}")).unwrap()
    };
    let facts = fold_all(&[answered(1, 100, subscription("active", &["si_1"], false))]);
    let price = PriceRef {
        id: "price_1".into(),
        product: "prod_1".into(),
        lookup_key: None,
    };
    assert_eq!(facts.plan_of(&price, &catalog("other")), None);
    let facts = facts.matched_with(&catalog("team"));
    assert_eq!(
        facts.plan_of(&price, &catalog("other")).map(PlanId::as_str),
        Some("team")
    );
    assert_eq!(facts.clone().matched_with(&catalog("other")), facts);
}

#[test]
fn a_price_that_lost_its_key_is_known_by_an_observation_that_comes_late() {
    let plans = "plans: {team: {match: {lookup_key: team}, grants: {sso: true}}}";
    let catalog = crate::catalog::parse(&format!("features: {{sso: {{type: boolean}}}}\n{plans}")).unwrap();
    let with_key = subscription("active", &["si_1"], false);
    let Object::Subscription(mut without) = with_key.clone() else {
        panic!("a subscription")
    };
    without.items[0].price.lookup_key = None;
    // The key moved before the answer, which came before the event.
    let facts =
        fold_all(&[answered(1, 200, Object::Subscription(without.clone()))]).matched_by(&with_key, &catalog);
    let (facts, _) = fold(facts, seen(2, 100, with_key));
    assert_eq!(
        facts.objects["sub_1"].object,
        Object::Subscription(without.clone())
    );
    let plan = facts.plan_of(&without.items[0].price, &catalog);
    assert_eq!(plan.map(PlanId::as_str), Some("team"));
}

#[test]
fn a_list_that_shows_less_shows_nothing_else_and_what_it_shows_otherwise_differs() {
    let facts = fold_all(&[
        answered(1, 100, subscription("active", &["si_1", "si_2"], false)),
        answered(2, 100, session("payment", true)),
    ]);
    assert!(!facts.differs(&subscription("active", &["si_1"], true)));
    assert!(!facts.differs(&session("payment", false)));
    assert!(facts.differs(&subscription("canceled", &["si_1"], true)));
    assert!(facts.differs(&subscription("active", &["si_1"], false)));
    let nothing = Facts::default();
    assert!(nothing.differs(&subscription("active", &["si_1"], false)));
    assert!(
        !nothing.differs(&charge(0)),
        "a charge matters once something is paid back"
    );
    assert!(nothing.differs(&charge(1)));
}

#[test]
fn facts_come_back_from_json_as_they_went() {
    let facts = fold_all(&[
        seen(1, 100, subscription("active", &["si_1"], false)),
        answered(2, 101, session("payment", true)),
        event(3, 100, 0),
    ]);
    let text = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
}
