use super::*;
use crate::catalog::{Catalog, parse};
use crate::facts::{Observation, fold};
use crate::schedule::{Reason, project};
use crate::time::Timestamp;

fn day(days: i64) -> Timestamp {
    Timestamp::from_unix(days * 86_400)
}

fn catalog() -> Catalog {
    parse("features: {sso: {type: boolean}}\nplans: {team: {match: {price: p}, grants: {sso: true}}}")
        .unwrap()
}

fn price() -> serde_json::Value {
    serde_json::json!({"id": "p", "product": "q", "lookup_key": null})
}

fn subscription(status: &str, latest: &str, until: i64) -> Object {
    serde_json::from_value(serde_json::json!({
        "object": "subscription", "id": "sub_1", "stripe_customer": "cus_1", "status": status,
        "items": [{"id": "si_1", "price": price(), "quantity": 1, "period_start": day(until - 30).0,
            "period_end": day(until).0}],
        "items_cut": false, "created": 0, "trial_end": null, "missing_payment_method": "cancel",
        "has_payment_method": true, "cancel_at": null, "cancel_at_period_end": false, "ended_at": null,
        "cancellation_reason": null, "collection_method": "charge_automatically", "latest_invoice": latest,
        "test_clock": null
    }))
    .unwrap()
}

fn invoice(id: &str, status: &str, created: i64, reason: &str) -> Object {
    serde_json::from_value(serde_json::json!({
        "object": "invoice", "id": id, "stripe_customer": "cus_1", "subscription": "sub_1", "status": status,
        "billing_reason": reason, "created": day(created).0, "total": 1000, "due_date": null,
        "finalized_at": day(created).0, "paid_at": null, "payment_intents": [], "charge": null, "lines_cut": false,
        "lines": [{"price": price(), "quantity": 1, "period_start": day(created).0, "period_end": day(created + 30).0,
            "proration": false, "subscription_item": "si_1"}]
    }))
    .unwrap()
}

struct World {
    facts: Facts,
    seq: i64,
}

impl World {
    fn learn(&mut self, object: Object, learned: Learned) -> Vec<Want> {
        self.seq += 1;
        let observation = Observation {
            seq: self.seq,
            object,
            learned,
        };
        let (facts, wants) = fold(std::mem::take(&mut self.facts), observation);
        self.facts = facts;
        wants
    }

    fn event(&mut self, created: Timestamp, object: Object) -> Vec<Want> {
        self.learn(object, Learned::Event { created })
    }

    fn fetch(&mut self, at: Timestamp, object: Object) -> Vec<Want> {
        let covers_seq = self.seq;
        self.learn(
            object,
            Learned::Fetch {
                from: at,
                to: at,
                covers_seq,
            },
        )
    }

    fn reason(&self, at: Timestamp) -> Reason {
        project(&self.facts, &[], &catalog())
            .0
            .values()
            .next()
            .unwrap()
            .eval(at)
            .reason
    }
}

/// Its second invoice was paid, but that was lost; months later a renewal fails.
fn with_a_payment_lost(first_known: bool) -> World {
    let mut world = World {
        facts: Facts::default(),
        seq: 0,
    };
    if first_known {
        world.fetch(day(0), invoice("in_0", "paid", 0, "subscription_create"));
    }
    let lost = if first_known {
        "subscription_cycle"
    } else {
        "subscription_create"
    };
    world.fetch(day(30), invoice("in_1", "open", 30, lost));
    world.fetch(day(31), subscription("active", "in_1", 60));
    world
}

#[test]
fn a_grace_is_not_counted_from_an_invoice_that_was_open_long_ago() {
    for first_known in [true, false] {
        let mut world = with_a_payment_lost(first_known);
        world.event(day(90), invoice("in_3", "open", 90, "subscription_cycle"));
        let wants = world.event(
            day(90) + crate::time::Span::minutes(60),
            subscription("past_due", "in_3", 120),
        );
        assert!(wants.contains(&Want::now(Kind::Invoice, "in_1")), "{wants:?}");
        assert!(wants.contains(&Want::now(Kind::Invoice, "in_3")), "{wants:?}");
        assert_eq!(world.reason(day(91)), Reason::InGrace);
        world.fetch(day(91), invoice("in_1", "paid", 30, "subscription_cycle"));
        world.fetch(day(91), invoice("in_3", "open", 90, "subscription_cycle"));
        assert_eq!(world.reason(day(103)), Reason::InGrace);
        assert_eq!(world.reason(day(104)), Reason::PaymentFailed);
    }
}

#[test]
fn an_ended_grace_stays_so_when_the_subscription_is_fetched_again() {
    let mut world = with_a_payment_lost(true);
    world.event(day(45), subscription("past_due", "in_1", 60));
    assert_eq!(world.reason(day(45)), Reason::InGrace);
    world.fetch(day(45), invoice("in_1", "open", 30, "subscription_cycle"));
    assert_eq!(world.reason(day(45)), Reason::PaymentFailed);
    assert_eq!(world.fetch(day(50), subscription("past_due", "in_1", 60)), []);
    assert_eq!(world.reason(day(50)), Reason::PaymentFailed);
}

#[test]
fn an_answer_that_set_out_before_the_renewal_failed_is_asked_for_once_more() {
    let mut world = with_a_payment_lost(true);
    world.event(day(45), subscription("past_due", "in_1", 60));
    let open = || invoice("in_1", "open", 30, "subscription_cycle");
    assert_eq!(
        world.fetch(day(44), open()),
        [Want::confirm(Kind::Invoice, "in_1")]
    );
    assert_eq!(world.fetch(day(46), open()), []);
}

#[test]
fn a_failure_whose_created_lies_in_the_future_is_put_right_by_a_fetch() {
    let mut world = with_a_payment_lost(true);
    world.event(day(9_000), subscription("past_due", "in_1", 60));
    world.fetch(day(45), invoice("in_1", "open", 30, "subscription_cycle"));
    world.fetch(day(45), subscription("past_due", "in_1", 60));
    assert_eq!(world.reason(day(45)), Reason::PaymentFailed);
}

fn session(payment_status: &str, latest_charge: Option<&str>) -> Object {
    serde_json::from_value(serde_json::json!({
        "object": "checkout.session", "id": "cs_1", "stripe_customer": "cus_1", "mode": "payment", "status": "complete",
        "payment_status": payment_status, "subscription": null, "payment_intent": "pi_1", "latest_charge": latest_charge,
        "invoice": null, "client_reference_id": null, "created": 0, "expires_at": null, "url": null,
        "line_items": [{"price": price(), "quantity": 1}]
    }))
    .unwrap()
}

fn charge(status: &str) -> Object {
    serde_json::from_value(serde_json::json!({
        "object": "charge", "id": "ch_1", "stripe_customer": "cus_1", "payment_intent": "pi_1", "invoice": null,
        "status": status, "created": day(1).0, "amount": 1000, "amount_refunded": 0
    }))
    .unwrap()
}

#[test]
fn a_delayed_payment_is_asked_about_when_its_session_is_heard_of_until_it_is_known_what_became_of_it() {
    let mut world = World {
        facts: Facts::default(),
        seq: 0,
    };
    let ask = Want::now(Kind::Charge, "ch_1");
    assert_eq!(
        world.fetch(day(1), session("unpaid", Some("ch_1"))),
        std::slice::from_ref(&ask)
    );
    world.fetch(day(1), charge("pending"));
    assert_eq!(world.reason(day(1)), Reason::PaymentPending);
    // The session is `unpaid` as before; only the event says that something happened.
    let wants = world.event(day(5), session("unpaid", None));
    assert!(wants.contains(&ask), "{wants:?}");
    world.fetch(day(5), charge("failed"));
    assert_eq!(world.reason(day(5)), Reason::PaymentFailed);
    world.fetch(day(9), charge("succeeded"));
    let wants = world.event(day(9), session("paid", None));
    assert!(!wants.contains(&ask), "{wants:?}");
    assert_eq!(world.reason(day(9)), Reason::Purchased);
}

#[test]
fn a_paid_invoice_made_by_hand_is_fetched_at_once_for_the_names_of_its_prices() {
    let by_hand = |status: &str, lookup_key: Option<&str>| {
        let Object::Invoice(mut it) = invoice("in_1", status, 1, "manual") else {
            panic!()
        };
        it.subscription = None;
        for price in it.lines.iter_mut().filter_map(|line| line.price.as_mut()) {
            price.lookup_key = lookup_key.map(str::to_owned);
        }
        Object::Invoice(it)
    };
    for (object, at_once) in [
        (by_hand("paid", None), true),
        (by_hand("paid", Some("key")), false),
        (by_hand("open", None), false),
        (invoice("in_1", "paid", 1, "subscription_create"), false),
    ] {
        let mut world = World {
            facts: Facts::default(),
            seq: 0,
        };
        let wants = world.event(day(1), object.clone());
        assert_eq!(
            wants.contains(&Want::now(Kind::Invoice, "in_1")),
            at_once,
            "{wants:?}"
        );
        assert_eq!(
            world.fetch(day(1), object),
            [],
            "what an answer leaves out is not asked for again"
        );
    }
}
