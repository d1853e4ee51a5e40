//! Random histories of the core: whatever happens in whatever order, money adds up, periods tile, and every event shows
//! its object as it was.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;
use stripe_simulator::core::{
    Core, DunningEnd, Interval, Mode, NewCustomer, NewEndpoint, NewPrice, NewSession, Outcome,
    SubscriptionChange, Version, When,
};

use crate::told::{Told, number};

const DAY: i64 = 86_400;
const START: i64 = 1_767_225_600;

#[derive(Clone, Debug)]
enum Step {
    Customer,
    Buy {
        who: usize,
        price: usize,
        quantity: u64,
        trial: Option<u32>,
    },
    BuyOnce {
        who: usize,
        guest: bool,
    },
    OpenAndLeave {
        who: usize,
    },
    Decline {
        who: usize,
    },
    Card {
        who: usize,
        good: bool,
    },
    Advance {
        seconds: i64,
    },
    CancelNow {
        which: usize,
    },
    CancelAtPeriodEnd {
        which: usize,
        cancel: bool,
    },
    CancelAt {
        which: usize,
        after: i64,
    },
    Quantity {
        which: usize,
        quantity: u64,
    },
    PayInvoice {
        which: usize,
    },
    Refund {
        which: usize,
        amount: Option<i64>,
    },
    FailRefund {
        which: usize,
    },
    Delete {
        who: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let one = 0..64_usize;
    prop_oneof![
        1 => Just(Step::Customer),
        4 => (one.clone(), 0..5_usize, 1..9_u64, proptest::option::weighted(0.2, 1..20_u32))
            .prop_map(|(who, price, quantity, trial)| Step::Buy { who, price, quantity, trial }),
        2 => (one.clone(), any::<bool>()).prop_map(|(who, guest)| Step::BuyOnce { who, guest }),
        1 => one.clone().prop_map(|who| Step::OpenAndLeave { who }),
        1 => one.clone().prop_map(|who| Step::Decline { who }),
        3 => (one.clone(), any::<bool>()).prop_map(|(who, good)| Step::Card { who, good }),
        8 => (0..70 * DAY).prop_map(|seconds| Step::Advance { seconds }),
        1 => one.clone().prop_map(|which| Step::CancelNow { which }),
        2 => (one.clone(), any::<bool>()).prop_map(|(which, cancel)| Step::CancelAtPeriodEnd { which, cancel }),
        1 => (one.clone(), -DAY..90 * DAY).prop_map(|(which, after)| Step::CancelAt { which, after }),
        1 => (one.clone(), 0..50_u64).prop_map(|(which, quantity)| Step::Quantity { which, quantity }),
        2 => one.clone().prop_map(|which| Step::PayInvoice { which }),
        2 => (one.clone(), proptest::option::of(-5..9_000_i64))
            .prop_map(|(which, amount)| Step::Refund { which, amount }),
        1 => one.clone().prop_map(|which| Step::FailRefund { which }),
        1 => one.prop_map(|who| Step::Delete { who }),
    ]
}

fn shop(dunning_end: DunningEnd) -> (Core, Vec<String>) {
    let mut core = Core::new(42, START);
    core.settings_mut().dunning_end = dunning_end;
    let product = id(&core.create_product("Team").unwrap());
    let recurring = [
        Some((Interval::Month, 1)),
        Some((Interval::Year, 1)),
        Some((Interval::Day, 10)),
        Some((Interval::Week, 2)),
        Some((Interval::Month, 3)),
        None,
    ];
    let prices = recurring.into_iter().zip(1..).map(|(recurring, n)| {
        let new = NewPrice {
            product: product.clone(),
            unit_amount: 700 * n,
            recurring,
            ..NewPrice::default()
        };
        id(&core.create_price(new).unwrap())
    });
    let prices = prices.collect();
    (core, prices)
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// A core, and what its events have told so far.
#[derive(Clone)]
struct History {
    core: Core,
    prices: Vec<String>,
    told: Told,
}

impl History {
    fn new(dunning_end: DunningEnd) -> History {
        let (core, prices) = shop(dunning_end);
        let mut told = Told::default();
        told.read(&core);
        History { core, prices, told }
    }

    fn step(&mut self, step: &Step) {
        self.take(step);
        self.told.read(&self.core);
    }

    fn pick(&self, kind: &str, which: usize) -> Option<String> {
        self.told.pick(kind, which, |_| true)
    }

    fn session(
        &mut self,
        customer: Option<String>,
        mode: Mode,
        price: usize,
        quantity: u64,
        trial_days: Option<u32>,
    ) -> Option<String> {
        let new = NewSession {
            mode,
            customer,
            line_items: vec![(self.prices[price].clone(), quantity)],
            success_url: Some("http://app.test/{CHECKOUT_SESSION_ID}".into()),
            trial_days,
            ..NewSession::default()
        };
        self.core
            .create_checkout_session(new)
            .ok()
            .map(|session| id(&session))
    }

    /// Refusals are fine: Stripe refuses too.
    fn take(&mut self, step: &Step) {
        let customer = |it: &History, who: usize| it.pick("customer", who);
        let subscription = |it: &History, which: usize| it.pick("subscription", which);
        match *step {
            Step::Customer => drop(self.core.create_customer(NewCustomer::default())),
            Step::Buy {
                who,
                price,
                quantity,
                trial,
            } => {
                let made = self.session(customer(self, who), Mode::Subscription, price, quantity, trial);
                made.map(|made| self.core.pay_session(&made));
            }
            Step::BuyOnce { who, guest } => {
                let customer = customer(self, who).filter(|_| !guest);
                let made = self.session(customer, Mode::Payment, 5, 1, None);
                made.map(|made| self.core.pay_session(&made));
            }
            Step::OpenAndLeave { who } => {
                self.session(customer(self, who), Mode::Payment, 5, 2, None);
            }
            Step::Decline { who } => {
                let made = self.session(customer(self, who), Mode::Subscription, 0, 2, None);
                made.map(|made| self.core.decline_session(&made));
            }
            Step::Card { who, good } => {
                let outcome = if good { Outcome::Succeed } else { Outcome::Decline };
                customer(self, who).map(|it| self.core.set_payment_outcome(&it, outcome));
            }
            Step::Advance { seconds } => self.core.advance(seconds),
            Step::CancelNow { which } => {
                subscription(self, which).map(|it| self.core.cancel_subscription(&it));
            }
            Step::CancelAtPeriodEnd { which, cancel } => {
                subscription(self, which).map(|it| self.core.cancel_at_period_end(&it, cancel));
            }
            Step::CancelAt { which, after } => {
                let end = Some(When::At(self.core.now() + after));
                let change = SubscriptionChange {
                    end,
                    ..SubscriptionChange::default()
                };
                subscription(self, which).map(|it| self.core.update_subscription(&it, change));
            }
            Step::Quantity { which, quantity } => {
                if let Some(subscription) = subscription(self, which) {
                    let item = id(&self.core.get(&subscription).unwrap()["items"]["data"][0]);
                    drop(self.core.set_quantity(&subscription, &item, quantity));
                }
            }
            Step::PayInvoice { which } => {
                self.pick("invoice", which).map(|it| self.core.pay_invoice(&it));
            }
            Step::Refund { which, amount } => {
                self.pick("charge", which).map(|it| self.core.refund(&it, amount));
            }
            Step::FailRefund { which } => {
                self.pick("refund", which).map(|it| self.core.fail_refund(&it));
            }
            Step::Delete { who } => {
                customer(self, who).map(|it| self.core.delete_customer(&it));
            }
        }
    }

    /// Every item's invoice lines follow each other without a gap or an overlap, up to its current period's end.
    fn periods_tile(&self) {
        let mut periods: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        for invoice in self.told.all("invoice") {
            for line in invoice["lines"]["data"].as_array().unwrap() {
                let item = line["parent"]["subscription_item_details"]["subscription_item"]
                    .as_str()
                    .unwrap();
                let period = (number(&line["period"]["start"]), number(&line["period"]["end"]));
                periods.entry(item.to_owned()).or_default().push(period);
            }
        }
        for subscription in self.told.all("subscription") {
            for item in subscription["items"]["data"].as_array().unwrap() {
                let of_item = &periods[&id(item)];
                assert_eq!(of_item[0].0, number(&subscription["created"]));
                assert!(of_item.iter().all(|(start, end)| start < end));
                assert!(
                    of_item.windows(2).all(|pair| pair[0].1 == pair[1].0),
                    "{of_item:?}"
                );
                assert_eq!(of_item.last().unwrap().1, number(&item["current_period_end"]));
            }
            let over = ["canceled", "incomplete_expired", "paused", "incomplete"];
            if !over.contains(&subscription["status"].as_str().unwrap()) {
                assert!(number(&subscription["items"]["data"][0]["current_period_end"]) > self.core.now());
            }
        }
    }
}

/// Of everything that is in it and has an id: the id, the status, amounts and quantities.
fn facts(value: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Array(all) => all.iter().for_each(|one| collect(one, into)),
            Value::Object(fields) => {
                // Only the newest invoices say what was paid too much.
                let counts = |name: &str| {
                    ["amount", "total", "subtotal", "quantity", "status"].contains(&name)
                        || (name.starts_with("amount_") && name != "amount_overpaid")
                };
                let told = fields.iter().filter(|(name, _)| counts(name));
                if let Some(Value::String(id)) = fields.get("id") {
                    into.extend(told.map(|(name, value)| format!("{id} {name} {value}")));
                }
                fields.values().for_each(|one| collect(one, into));
            }
            _ => {}
        }
    }
    let mut all = BTreeSet::new();
    collect(value, &mut all);
    all
}

fn log(core: &Core) -> String {
    core.events(0)
        .iter()
        .map(|event| event.to_json().to_string())
        .collect::<Vec<_>>()
        .join("\n")
}

fn dunning() -> impl Strategy<Value = DunningEnd> {
    prop_oneof![
        Just(DunningEnd::Cancel),
        Just(DunningEnd::Unpaid),
        Just(DunningEnd::LeavePastDue)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_every_history_money_adds_up_periods_tile_and_events_tell_all(
        end in dunning(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut history = History::new(end);
        for step in &steps {
            history.step(step);
            history.told.invoices_add_up();
            history.told.charges_add_up(&[]);
            history.told.events_tell_all(&history.core);
            history.periods_tile();
        }
    }

    #[test]
    fn in_every_history_all_versions_tell_the_same_ids_amounts_and_statuses(
        steps in proptest::collection::vec(step(), 1..12),
    ) {
        let versions = ["2019-12-03", "2020-03-02", "2022-11-15", "2024-06-20", "2025-08-27.basil", "2026-02-25.clover"];
        let versions = versions.map(|text| Version::parse(text).unwrap());
        let mut history = History::new(DunningEnd::Cancel);
        for version in versions {
            history.core.create_webhook_endpoint(NewEndpoint {
                url: "http://app.test".into(),
                enabled_events: vec!["*".into()],
                api_version: Some(version),
                ..NewEndpoint::default()
            });
        }
        steps.iter().for_each(|step| history.step(step));
        for event in history.core.events(0) {
            let newest = event.to_json();
            let wanted = facts(&newest["data"]["object"]);
            for version in versions.iter().filter(|_| !event.wanted_by.is_empty()) {
                let older = event.in_version(*version);
                prop_assert_eq!(&older["api_version"], version.as_str());
                let told = facts(&older["data"]["object"]);
                let lost: Vec<&String> = wanted.difference(&told).collect();
                prop_assert!(lost.is_empty(), "{} {}: {:?}", event.kind, version.as_str(), lost);
            }
        }
    }

    #[test]
    fn the_same_commands_give_the_same_log_and_a_clone_goes_its_own_way(
        steps in proptest::collection::vec(step(), 1..30),
        cut in 0..30_usize,
    ) {
        let (before, after) = steps.split_at(cut.min(steps.len()));
        let mut history = History::new(DunningEnd::Cancel);
        before.iter().for_each(|step| history.step(step));
        let mut copy = history.clone();
        after.iter().for_each(|step| history.step(step));
        after.iter().for_each(|step| copy.step(step));
        let mut again = History::new(DunningEnd::Cancel);
        steps.iter().for_each(|step| again.step(step));
        prop_assert_eq!(log(&copy.core), log(&history.core));
        prop_assert_eq!(log(&again.core), log(&history.core));
    }

    #[test]
    fn a_long_advance_is_many_short_ones(
        steps in proptest::collection::vec(step(), 1..20),
        pieces in proptest::collection::vec(1..40 * DAY, 1..8),
    ) {
        let mut history = History::new(DunningEnd::Cancel);
        steps.iter().for_each(|step| history.step(step));
        let (mut core, mut other) = (history.core.clone(), history.core);
        pieces.iter().for_each(|seconds| core.advance(*seconds));
        other.advance(pieces.iter().sum());
        prop_assert_eq!(log(&other), log(&core));
    }
}
