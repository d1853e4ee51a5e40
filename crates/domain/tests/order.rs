//! Whatever order Stripe's events come in, doubled, late, between fetches: once confirmed, facts are Stripe's final
//! objects, and the schedule is theirs.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;
use tollgate_domain::catalog::{Catalog, parse};
use tollgate_domain::facts::{Facts, Learned, Observation, Want, fold};
use tollgate_domain::object::{Kind, Object};
use tollgate_domain::schedule::project;
use tollgate_domain::time::Timestamp;

const START: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(START + seconds)
}

fn catalog() -> Catalog {
    parse(
        "features: {sso: {type: boolean}, seats: {type: limit, combine: sum}}\n\
         plans:\n\
         \x20 team: {match: {price: price_team}, grants: {sso: true, seats: {per_unit: 1}}}\n\
         \x20 report: {match: {price: price_report}, grants: {sso: true}, duration: 30d}\n",
    )
    .unwrap()
}

/// One of the few objects of the story, in a version that `word` picks.
fn version(kind: Kind, word: usize) -> Object {
    let price = |id| json!({"id": id, "product": "prod_1", "lookup_key": null});
    let start = at(0).0;
    let pick = |words: &[&str]| words[word % words.len()].to_owned();
    let object = match kind {
        Kind::Subscription => json!({
            "object": "subscription", "id": "sub_1", "stripe_customer": "cus_1",
            "status": pick(&["incomplete", "active", "past_due", "active", "unpaid", "canceled"]),
            "items": [{"id": "si_1", "price": price("price_team"), "quantity": word / 2 + 1,
                "period_start": start, "period_end": start + 30 * 86_400_000_000}],
            "items_cut": false, "created": start, "trial_end": null, "missing_payment_method": "cancel",
            "has_payment_method": true, "cancel_at": null, "cancel_at_period_end": word.is_multiple_of(3), "ended_at": null,
            "cancellation_reason": null, "collection_method": "charge_automatically", "latest_invoice": "in_1",
            "test_clock": null
        }),
        Kind::Invoice => json!({
            "object": "invoice", "id": "in_1", "stripe_customer": "cus_1", "subscription": "sub_1",
            "status": pick(&["open", "paid", "open", "void"]), "billing_reason": "subscription_cycle",
            "created": start, "total": 1000, "due_date": null, "finalized_at": start, "paid_at": null,
            "payment_intents": ["pi_1"], "charge": null, "lines_cut": false,
            "lines": [{"price": price("price_team"), "quantity": 1, "period_start": start, "period_end": start + 1,
                "proration": false, "subscription_item": "si_1"}]
        }),
        Kind::CheckoutSession => json!({
            "object": "checkout.session", "id": "cs_1", "stripe_customer": "cus_1", "mode": "payment",
            "status": pick(&["open", "complete"]), "payment_status": pick(&["unpaid", "unpaid", "paid"]),
            "subscription": null, "payment_intent": "pi_2", "invoice": null, "client_reference_id": null,
            "created": start, "expires_at": null, "url": null,
            "line_items": [{"price": price("price_report"), "quantity": 1}]
        }),
        _ => json!({
            "object": "charge", "id": "ch_1", "stripe_customer": "cus_1", "payment_intent": "pi_2", "invoice": null,
            "status": pick(&["pending", "succeeded"]), "created": start, "amount": 1000,
            "amount_refunded": word * 250
        }),
    };
    serde_json::from_value(object).unwrap()
}

/// An event's object: sessions come without their line items.
fn as_event(mut object: Object) -> Object {
    if let Object::CheckoutSession(session) = &mut object {
        session.line_items = None;
    }
    object
}

const KINDS: [Kind; 4] = [
    Kind::Subscription,
    Kind::Invoice,
    Kind::CheckoutSession,
    Kind::Charge,
];

/// Stripe with its history, our inbox, and what was folded of it.
struct World {
    now: i64,
    /// (kind, created, version), in the order in which it happened.
    history: Vec<(Kind, i64, usize)>,
    undelivered: Vec<(Kind, i64, usize)>,
    seq: i64,
    /// The highest sequence about each object.
    covered: BTreeMap<String, i64>,
    inbox: Vec<Observation>,
    facts: Facts,
    wants: BTreeSet<(Kind, String)>,
    /// Answers on their way, which a later one may overtake.
    flying: Vec<(Object, Learned)>,
}

impl World {
    fn new(steps: &[(usize, i64, usize)]) -> World {
        let mut history = vec![];
        let mut now = 0;
        for (kind, pause, word) in steps {
            now += pause;
            history.push((KINDS[*kind], now, *word));
        }
        let undelivered = history.iter().chain(&history).copied().collect();
        World {
            now: 0,
            history,
            undelivered,
            seq: 0,
            covered: BTreeMap::new(),
            inbox: vec![],
            facts: Facts::default(),
            wants: BTreeSet::new(),
            flying: vec![],
        }
    }

    fn state(&self, kind: Kind) -> Option<Object> {
        let past = |(of, created, _): &&(Kind, i64, usize)| *of == kind && *created <= self.now;
        self.history
            .iter()
            .rfind(past)
            .map(|(_, _, word)| version(kind, *word))
    }

    fn receive(&mut self, object: Object, learned: Learned) {
        self.seq += 1;
        self.covered.insert(object.id().to_owned(), self.seq);
        self.inbox.push(Observation {
            seq: self.seq,
            object,
            learned,
        });
    }

    fn deliver(&mut self, which: usize) {
        let due: Vec<usize> = (0..self.undelivered.len())
            .filter(|i| self.undelivered[*i].1 <= self.now)
            .collect();
        if due.is_empty() {
            return;
        }
        let (kind, created, word) = self.undelivered.remove(due[which % due.len()]);
        self.receive(
            as_event(version(kind, word)),
            Learned::Event { created: at(created) },
        );
    }

    fn fold(&mut self, which: usize) {
        if self.inbox.is_empty() {
            return;
        }
        let observation = self.inbox.remove(which % self.inbox.len());
        let (facts, wants) = fold(std::mem::take(&mut self.facts), observation);
        self.facts = facts;
        self.wants
            .extend(wants.into_iter().map(|Want { kind, id, .. }| (kind, id)));
    }

    /// Answers a want; what does not exist yet stays wanted.
    fn fetch(&mut self, which: usize) {
        let Some((kind, id)) = self.wants.iter().nth(which % self.wants.len().max(1)).cloned() else {
            return;
        };
        let covers_seq = self.covered.get(&id).copied().unwrap_or(0);
        if let Some(object) = self.state(kind) {
            self.wants.remove(&(kind, id));
            let learned = Learned::Fetch {
                from: at(self.now - 1),
                to: at(self.now + 1),
                covers_seq,
            };
            self.flying.push((object, learned));
        }
    }

    fn arrive(&mut self, which: usize) {
        if !self.flying.is_empty() {
            let (object, learned) = self.flying.remove(which % self.flying.len());
            self.receive(object, learned);
        }
    }

    /// Everything arrives, everything wanted that exists is fetched.
    fn settle(&mut self) {
        self.now = self.history.last().map_or(0, |last| last.1) + 60;
        for _ in 0..500 {
            let exists = |(kind, _): &(Kind, String)| self.state(*kind).is_some();
            let wanted = self.wants.iter().position(exists);
            if !self.undelivered.is_empty() {
                self.deliver(0);
            } else if !self.flying.is_empty() {
                // The slowest last: it was overtaken.
                self.arrive(self.flying.len() - 1);
            } else if !self.inbox.is_empty() {
                self.fold(0);
            } else if let Some(wanted) = wanted {
                self.fetch(wanted);
            } else {
                return;
            }
        }
        panic!("it never settles: {:?}", self.wants);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_order_ends_in_the_schedule_of_the_final_objects(
        steps in prop::collection::vec((0..4usize, 0..8i64, 0..6usize), 1..12),
        actions in prop::collection::vec((0..5u8, 0..100usize), 0..80),
    ) {
        let mut world = World::new(&steps);
        for (action, which) in actions {
            match action {
                0 => world.now += which as i64 % 8,
                1 => world.deliver(which),
                2 => world.fold(which),
                3 => world.fetch(which),
                _ => world.arrive(which),
            }
        }
        world.settle();
        let mut all_at_once = Facts::default();
        for (seq, object) in (1..).zip(KINDS.iter().filter_map(|kind| world.state(*kind))) {
            prop_assert_eq!(&world.facts.objects[object.id()].object, &object);
            prop_assert!(world.facts.objects[object.id()].confirmed);
            let learned = Learned::Fetch { from: at(0), to: at(1), covers_seq: 0 };
            all_at_once = fold(all_at_once, Observation { seq, object, learned }).0;
        }
        prop_assert_eq!(project(&world.facts, &[], &catalog()), project(&all_at_once, &[], &catalog()));
    }
}
