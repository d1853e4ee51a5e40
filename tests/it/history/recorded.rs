//! What others recorded at Stripe, in other orders than it came: all orders of each object's own events end alike, and so
//! do many of the whole, in what the newest objects call for.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use serde_json::Value;
use tollgate_domain::catalog;
use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::Schedule;

use super::service::Service;
use super::shop::{Shop, Told, id};
use super::world::World;
use super::{CASES, number};
use crate::corpus::{corpus, folder};

/// What was told of one account, or of several, until one instant.
struct Record {
    events: Vec<Value>,
    /// Each object as it was told last.
    newest: BTreeMap<String, Value>,
    customers: BTreeSet<String>,
    now: i64,
}

fn object(event: &Value) -> &Value {
    &event["data"]["object"]
}

/// Of the corpus what has an object, or of that the sequence alone. Some files are copies with one id: each gets its own.
fn record(of_the_sequence: bool) -> Option<Record> {
    let sequence = folder()?.join("sequences/hookdeck_2022-11-15_delivery_order.json");
    let sequence: Vec<Value> = serde_json::from_slice(&std::fs::read(sequence).unwrap()).unwrap();
    let is_wanted = |event: &Value| {
        let is_told = object(event)["id"].is_string() && event["created"].is_i64();
        is_told && (!of_the_sequence || sequence.iter().any(|it| it["event"] == event["id"]))
    };
    let recorded = corpus()?;
    let wanted = recorded.iter().filter(|it| is_wanted(&it.event));
    let mut events: Vec<Value> = wanted
        .map(|it| {
            let mut event = it.event.clone();
            event["id"] = format!("evt_{:02}", it.number()).into();
            event
        })
        .collect();
    events.sort_by_key(|event| event["created"].as_i64());
    let ours = events.iter().filter(|event| event["livemode"] != true);
    let mut newest: BTreeMap<String, Value> = ours
        .map(|event| (id(object(event)), object(event).clone()))
        .collect();
    // The session's own subscription was not recorded; the one of a like session was.
    let of_kind = |kind: &str| {
        recorded
            .iter()
            .map(|it| object(&it.event))
            .find(|it| it["object"] == kind)
    };
    let (session, mut subscription) = (of_kind("checkout.session")?, of_kind("subscription")?.clone());
    subscription["id"] = session["subscription"].clone();
    subscription["customer"] = session["customer"].clone();
    newest.insert(id(&subscription), subscription);
    let named = newest.values().filter_map(|it| match it["object"].as_str() {
        Some("customer") => it["id"].as_str(),
        _ => it["customer"].as_str(),
    });
    Some(Record {
        customers: named.map(str::to_owned).collect(),
        now: events.last()?["created"].as_i64()?,
        events,
        newest,
    })
}

impl Record {
    /// What is known in the end, having heard some of it in this order.
    fn heard(&self, order: &[usize], seed: u64) -> World {
        let mut shop = Shop::at(self.now);
        for object in self.newest.values() {
            shop.plant(object);
        }
        shop.owners = self.customers.iter().map(|it| (it.clone(), it.clone())).collect();
        let mut service = Service::new(seed);
        // Whose it is, some are told before and some after.
        let mut links: Vec<&String> = self.customers.iter().collect();
        links.shuffle(&mut service.chance);
        let (before, after) = links.split_at(seed as usize % (links.len() + 1));
        let link = |service: &mut Service, links: &[&String]| {
            for it in links {
                service
                    .rows
                    .link(&CustomerId::parse(it).unwrap(), &[(*it).clone()]);
            }
        };
        link(&mut service, before);
        for at in order {
            service.on_the_way.push(Told {
                event: None,
                body: self.events[*at].clone(),
            });
            while !service.on_the_way.is_empty() {
                service.step(&shop);
            }
        }
        link(&mut service, after);
        service.rest(&shop);
        World { shop, service }
    }

    fn answers(&self, order: &[usize], seed: u64) -> BTreeMap<CustomerId, Schedule> {
        let world = self.heard(order, seed);
        let how = || format!("in the order {order:?} by {seed}");
        assert_eq!(world.doubtful(), Vec::<String>::new(), "{}", how());
        assert_eq!(world.waits_in_vain(), Vec::<String>::new(), "{}", how());
        if order.len() == self.events.len() {
            assert_eq!(world.astray(), None, "{}", how());
        }
        let now = world.shop.now();
        let customers = world.service.rows.customers.into_iter();
        let answers = customers.map(|(customer, row)| (customer, row.schedule.trimmed(now)));
        answers.filter(|(_, it)| !it.0.is_empty()).collect()
    }
}

fn orders(of: &[usize]) -> Vec<Vec<usize>> {
    of.iter().fold(vec![vec![]], |orders, next| {
        let longer = orders.iter().flat_map(|order| {
            (0..=order.len()).map(|at| {
                let mut longer = order.clone();
                longer.insert(at, *next);
                longer
            })
        });
        longer.collect()
    })
}

#[test]
fn corpus_all_orders_of_each_objects_own_events_end_alike() {
    let Some(record) = record(false) else { return };
    let mut own: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, event) in record.events.iter().enumerate() {
        own.entry(id(object(event))).or_default().push(at);
    }
    // Access depends on it.
    own.retain(|_, own| {
        let one = object(&record.events[own[0]]).to_string();
        own.len() > 1 && matches!(tollgate_stripe::object(one.as_bytes()), Ok(Some(_)))
    });
    let mut seed = 0;
    for (id, own) in &own {
        let first = record.answers(own, 0);
        for order in orders(own) {
            seed += 1;
            assert_eq!(record.answers(&order, seed), first, "{id} by {order:?}");
        }
    }
    eprintln!("{seed} orders of {} objects' events", own.len());
    assert_eq!(seed, 68);
}

/// So many have access in the end. Long orders are tried fewer times.
fn ends_alike(record: &Record, granted: usize, fewer: u64) {
    let seeds = number("TOLLGATE_HISTORY_SEED").unwrap_or(1);
    let cases = number("PROPTEST_CASES").unwrap_or(CASES) / fewer;
    let mut order: Vec<usize> = (0..record.events.len()).collect();
    let first = record.answers(&order, 0);
    let has_access = |it: &&Schedule| {
        it.0.values()
            .any(|it| it.first.value == catalog::Value::Enabled(true))
    };
    assert_eq!(first.values().filter(has_access).count(), granted, "{first:#?}");
    for case in 0..cases {
        let seed = seeds.wrapping_add(case);
        order.shuffle(&mut SmallRng::seed_from_u64(seed));
        assert_eq!(record.answers(&order, seed), first, "{order:?} by {seed}");
    }
    eprintln!("{cases} orders of {} events from seed {seeds}", order.len());
}

#[test]
fn corpus_any_order_of_the_recorded_sequence_ends_in_what_its_newest_objects_call_for() {
    let Some(record) = record(true) else { return };
    assert_eq!(record.events.len(), 13);
    ends_alike(&record, 2, 1);
}

#[test]
fn corpus_any_order_of_everything_recorded_ends_in_what_its_newest_objects_call_for() {
    let Some(record) = record(false) else { return };
    ends_alike(&record, 4, 8);
}
