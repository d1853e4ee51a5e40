//! Whatever is changed in a subscription and whenever: periods tile, prorations cancel out, balances add up.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use stripe_simulator::core::{Core, Version};

use crate::proration::{pays_with, shop, subscribe, text};
use crate::support::call;

const DAY: i64 = 86_400;
const TERMS: [&str; 3] = ["create_prorations", "always_invoice", "none"];
const BEHAVIORS: [&str; 4] = [
    "allow_incomplete",
    "default_incomplete",
    "error_if_incomplete",
    "pending_if_incomplete",
];

#[derive(Clone, Debug)]
enum Step {
    Advance(i64),
    Quantity {
        item: usize,
        quantity: u64,
        terms: usize,
        behavior: usize,
    },
    Price {
        item: usize,
        price: usize,
        terms: usize,
        behavior: usize,
    },
    Add {
        price: usize,
        quantity: u64,
        terms: usize,
    },
    Remove {
        item: usize,
        terms: usize,
    },
    CycleNow {
        terms: usize,
    },
    Trial {
        days: i64,
        terms: usize,
    },
    EndTrial,
    Card {
        good: bool,
    },
    Pay,
    Pause {
        how: usize,
    },
    EndAtPeriod(bool),
    Schedule {
        price: usize,
    },
    Release,
    Cancel {
        prorate: bool,
        invoice_now: bool,
    },
    Subscribe {
        price: usize,
        terms: usize,
        anchor: Option<i64>,
        sent: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (item, price, terms, behavior) = (0..4_usize, 0..3_usize, 0..3_usize, 0..4_usize);
    prop_oneof![
        6 => (1..50 * DAY).prop_map(Step::Advance),
        5 => (item.clone(), 0..9_u64, terms.clone(), behavior.clone())
            .prop_map(|(item, quantity, terms, behavior)| Step::Quantity { item, quantity, terms, behavior }),
        4 => (item.clone(), price.clone(), terms.clone(), behavior)
            .prop_map(|(item, price, terms, behavior)| Step::Price { item, price, terms, behavior }),
        2 => (price.clone(), 1..5_u64, terms.clone())
            .prop_map(|(price, quantity, terms)| Step::Add { price, quantity, terms }),
        2 => (item, terms.clone()).prop_map(|(item, terms)| Step::Remove { item, terms }),
        1 => terms.clone().prop_map(|terms| Step::CycleNow { terms }),
        1 => (1..40_i64, terms.clone()).prop_map(|(days, terms)| Step::Trial { days, terms }),
        1 => Just(Step::EndTrial),
        3 => any::<bool>().prop_map(|good| Step::Card { good }),
        2 => Just(Step::Pay),
        1 => (0..3_usize).prop_map(|how| Step::Pause { how }),
        1 => any::<bool>().prop_map(Step::EndAtPeriod),
        1 => price.clone().prop_map(|price| Step::Schedule { price }),
        1 => Just(Step::Release),
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(prorate, invoice_now)| Step::Cancel { prorate, invoice_now }),
        1 => (price, terms, proptest::option::of(1..31 * DAY), any::<bool>())
            .prop_map(|(price, terms, anchor, sent)| Step::Subscribe { price, terms, anchor, sent }),
    ]
}

struct World {
    core: Core,
    customer: String,
    prices: [String; 3],
    subscription: String,
    /// Every object that an event told of, as its last event showed it.
    told: BTreeMap<String, Value>,
    read: usize,
}

impl World {
    fn new() -> World {
        let (mut core, customer, prices) = shop();
        let made = subscribe(
            &mut core,
            &format!("customer={customer}&items[0][price]={}", prices[0]),
        );
        World {
            core,
            customer,
            prices,
            subscription: text(&made["id"]),
            told: BTreeMap::new(),
            read: 0,
        }
    }

    fn post(&mut self, path: &str, form: &str) -> Option<Value> {
        // Refusals are fine: Stripe refuses too.
        stripe_simulator::api::call(&mut self.core, Version::default(), "POST", path, form).ok()
    }

    fn update(&mut self, form: &str) {
        let path = format!("/v1/subscriptions/{}", self.subscription);
        self.post(&path, form);
    }

    fn item(&self, which: usize) -> String {
        let shown = self.core.get(&self.subscription).unwrap();
        let items = shown["items"]["data"].as_array().unwrap();
        text(&items[which % items.len()]["id"])
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Advance(seconds) => self.core.advance(seconds),
            Step::Quantity {
                item,
                quantity,
                terms,
                behavior,
            } => {
                let (item, terms, behavior) = (self.item(item), TERMS[terms], BEHAVIORS[behavior]);
                let form =
                    format!("quantity={quantity}&proration_behavior={terms}&payment_behavior={behavior}");
                self.post(&format!("/v1/subscription_items/{item}"), &form);
            }
            Step::Price {
                item,
                price,
                terms,
                behavior,
            } => {
                let (item, terms, behavior) = (self.item(item), TERMS[terms], BEHAVIORS[behavior]);
                let price = &self.prices[price];
                let form = format!("price={price}&proration_behavior={terms}&payment_behavior={behavior}");
                self.post(&format!("/v1/subscription_items/{item}"), &form);
            }
            Step::Add {
                price,
                quantity,
                terms,
            } => {
                let (price, terms) = (&self.prices[price], TERMS[terms]);
                let form = format!(
                    "items[0][price]={price}&items[0][quantity]={quantity}&proration_behavior={terms}"
                );
                self.update(&form);
            }
            Step::Remove { item, terms } => {
                let (item, terms) = (self.item(item), TERMS[terms]);
                self.update(&format!(
                    "items[0][id]={item}&items[0][deleted]=true&proration_behavior={terms}"
                ));
            }
            Step::CycleNow { terms } => {
                self.update(&format!(
                    "billing_cycle_anchor=now&proration_behavior={}",
                    TERMS[terms]
                ));
            }
            Step::Trial { days, terms } => {
                let end = self.core.now() + days * DAY;
                self.update(&format!("trial_end={end}&proration_behavior={}", TERMS[terms]));
            }
            Step::EndTrial => self.update("trial_end=now"),
            Step::Card { good } => {
                let card = if good {
                    "pm_card_visa"
                } else {
                    "pm_card_chargeCustomerFail"
                };
                pays_with(&mut self.core, &self.customer.clone(), card);
            }
            Step::Pay => {
                let latest = self.core.get(&self.subscription).unwrap()["latest_invoice"].take();
                if let Some(invoice) = latest.as_str() {
                    self.post(&format!("/v1/invoices/{invoice}/pay"), "");
                }
            }
            Step::Pause { how } => {
                let forms = [
                    "pause_collection=",
                    "pause_collection[behavior]=void",
                    "pause_collection[behavior]=keep_as_draft",
                ];
                self.update(forms[how]);
            }
            Step::EndAtPeriod(end) => self.update(&format!("cancel_at_period_end={end}")),
            Step::Schedule { price } => {
                let form = format!("from_subscription={}", self.subscription);
                let Some(schedule) = self.post("/v1/subscription_schedules", &form) else {
                    return;
                };
                let phase = &schedule["phases"][0];
                let form = format!(
                    "phases[0][items][0][price]={}&phases[0][end_date]={}&phases[1][items][0][price]={}",
                    text(&phase["items"][0]["price"]),
                    phase["end_date"],
                    self.prices[price]
                );
                self.post(
                    &format!("/v1/subscription_schedules/{}", text(&schedule["id"])),
                    &form,
                );
            }
            Step::Release => {
                let schedule = self.core.get(&self.subscription).unwrap()["schedule"].take();
                if let Some(schedule) = schedule.as_str() {
                    self.post(&format!("/v1/subscription_schedules/{schedule}/release"), "");
                }
            }
            Step::Cancel { prorate, invoice_now } => {
                let path = format!("/v1/subscriptions/{}", self.subscription);
                let form = format!("prorate={prorate}&invoice_now={invoice_now}");
                let _ =
                    stripe_simulator::api::call(&mut self.core, Version::default(), "DELETE", &path, &form);
            }
            Step::Subscribe {
                price,
                terms,
                anchor,
                sent,
            } => {
                let mut form = format!(
                    "customer={}&items[0][price]={}&proration_behavior={}",
                    self.customer, self.prices[price], TERMS[terms]
                );
                if let Some(after) = anchor {
                    form += &format!("&billing_cycle_anchor={}", self.core.now() + after);
                }
                if sent {
                    form += "&collection_method=send_invoice&days_until_due=5";
                }
                if let Some(made) = self.post("/v1/subscriptions", &form) {
                    self.subscription = text(&made["id"]);
                }
            }
        }
    }

    fn read(&mut self) {
        for event in self.core.events(self.read) {
            let object = event.to_json()["data"]["object"].take();
            self.told.insert(text(&object["id"]), object);
        }
        self.read = self.core.events(0).len();
    }

    fn invoices_and_balance_add_up(&self) {
        let mut balance = 0;
        for invoice in self.told.values().filter(|it| it["object"] == "invoice") {
            let [total, due, paid, remaining, start] = [
                "total",
                "amount_due",
                "amount_paid",
                "amount_remaining",
                "starting_balance",
            ]
            .map(|name| invoice[name].as_i64().unwrap());
            let lines = invoice["lines"]["data"].as_array().unwrap();
            assert_eq!(
                total,
                lines
                    .iter()
                    .map(|line| line["amount"].as_i64().unwrap())
                    .sum::<i64>()
            );
            assert_eq!(due, (total + start).max(0), "{invoice}");
            assert_eq!(due, paid + remaining);
            if invoice["status"] == "draft" {
                assert_eq!(invoice["ending_balance"], Value::Null);
                continue;
            }
            assert_eq!(invoice["ending_balance"], start + total - due);
            if invoice["status"] != "void" {
                balance += total - due;
            }
        }
        assert_eq!(self.core.get(&self.customer).unwrap()["balance"], balance);
    }

    /// A period follows the one before it, or begins in it at that instant and cuts it.
    fn periods_tile(&self) {
        let mut last: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for event in self.core.events(0).iter().map(|event| event.to_json()) {
            let object = &event["data"]["object"];
            if object["object"] != "subscription" {
                continue;
            }
            for item in object["items"]["data"].as_array().unwrap() {
                let [start, end] =
                    ["current_period_start", "current_period_end"].map(|name| item[name].as_i64().unwrap());
                assert!(start < end, "{item}");
                let before = last.insert(text(&item["id"]), (start, end));
                let follows = |(began, ended): (i64, i64)| {
                    (start, end) == (began, ended)
                        || start == ended
                        || (start == event["created"] && began <= start && start <= ended)
                        || (object["status"] != "paused" && start == event["created"] && start > ended)
                };
                assert!(
                    before.is_none_or(follows),
                    "{before:?} then {item} in {}",
                    event["type"]
                );
            }
        }
    }

    /// A proration is on one invoice, with its own amount.
    fn invoice_items_are_billed_once(&self) {
        let told = &self.told;
        let mut lines: BTreeMap<String, i64> = BTreeMap::new();
        for invoice in told.values().filter(|it| it["object"] == "invoice") {
            for line in invoice["lines"]["data"].as_array().unwrap() {
                if let Some(item) = line["parent"]["subscription_item_details"]["invoice_item"].as_str() {
                    assert_eq!(
                        lines.insert(item.to_owned(), line["amount"].as_i64().unwrap()),
                        None
                    );
                    assert_eq!(self.core.get(item).unwrap()["invoice"], invoice["id"]);
                }
            }
        }
        for (id, item) in told.iter().filter(|(_, it)| it["object"] == "invoiceitem") {
            match self.core.get(id) {
                Some(now) if now["invoice"].is_string() => {
                    assert_eq!(Some(lines[id]), item["amount"].as_i64())
                }
                _ => assert!(!lines.contains_key(id)),
            }
        }
    }

    /// Nothing changes untold, but for what Stripe changes in silence.
    fn events_tell_all(&self) {
        for (id, told) in self.told.iter().filter(|(_, it)| it["object"] != "invoiceitem") {
            let (Some(mut now), mut told) = (self.core.get(id), told.clone()) else {
                continue;
            };
            for object in [&mut now, &mut told] {
                object.as_object_mut().unwrap().remove("next_invoice_sequence");
            }
            assert_eq!(now, told, "{id}");
        }
    }
}

fn log(core: &Core) -> String {
    core.events(0)
        .iter()
        .map(|event| event.to_json().to_string())
        .collect::<Vec<_>>()
        .join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_changed_periods_tile_and_money_adds_up(steps in proptest::collection::vec(step(), 1..30)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.read();
            world.invoices_and_balance_add_up();
        }
        world.events_tell_all();
        world.read();
        world.periods_tile();
        world.invoice_items_are_billed_once();
        let mut again = World::new();
        steps.iter().for_each(|step| again.take(step));
        prop_assert_eq!(log(&world.core), log(&again.core));
    }

    #[test]
    fn a_change_and_its_reverse_at_the_same_instant_cost_nothing(
        began in 1..40_u64,
        after in 0..31 * DAY,
        quantities in proptest::collection::vec(0..200_u64, 1..6),
        other_price in any::<bool>(),
        at_once in any::<bool>(),
    ) {
        let World { mut core, customer, prices, .. } = World::new();
        let form = format!("customer={customer}&items[0][price]={}&items[0][quantity]={began}", prices[0]);
        let made = subscribe(&mut core, &form);
        core.advance(after);
        let path = format!("/v1/subscription_items/{}", text(&made["items"]["data"][0]["id"]));
        let terms = TERMS[usize::from(at_once)];
        let price = &prices[usize::from(other_price)];
        let owed = core.get(&customer).unwrap()["balance"].as_i64().unwrap();
        let from = core.events(0).len();
        for quantity in quantities.iter().chain([&began]) {
            let price = if *quantity == began { &prices[0] } else { price };
            call(&mut core, "POST", &path, &format!("price={price}&quantity={quantity}&proration_behavior={terms}"));
        }
        let amounts = core.events(from).iter().filter(|event| event.kind == "invoiceitem.created");
        let amounts = amounts.map(|event| event.to_json()["data"]["object"]["amount"].as_i64().unwrap());
        prop_assert_eq!(amounts.sum::<i64>(), 0);
        let paid = core.events(from).iter().filter(|event| event.kind == "invoice.paid");
        let paid = paid.map(|event| event.to_json()["data"]["object"]["amount_paid"].as_i64().unwrap());
        let credit = core.get(&customer).unwrap()["balance"].as_i64().unwrap() - owed;
        prop_assert_eq!(paid.sum::<i64>() + credit, 0, "what was paid is a credit");
    }
}
