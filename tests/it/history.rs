//! The theorem, small: random histories of the simulator's core, events shuffled and doubled, fetches early, late and
//! overtaken, end in the schedule that the final objects call for. Pure; `PROPTEST_CASES` says how many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use stripe_simulator::core::{
    Core, DunningEnd, Event, Interval, Mode, NewCustomer, NewPrice, NewSession, Outcome,
};
use tollgate_domain::catalog::{self, Catalog};
use tollgate_domain::facts::{Facts, Learned, Observation, Urgency, Want, fold, tick};
use tollgate_domain::object::{Kind, Object};
use tollgate_domain::schedule::{Reason, Schedule, project};
use tollgate_domain::time::{Span, Timestamp};

const START: i64 = 1_800_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Without defaults, so that every reason shows.
const CATALOG: &str = "
features:
  sso: {type: boolean}
  seats: {type: limit, combine: sum}
  export: {type: boolean}
plans:
  team:
    match: {lookup_key: team_monthly}
    grants: {sso: true, seats: {per_unit: 1}}
    grace: 7d
  report:
    match: {lookup_key: report}
    grants: {export: true, seats: 1}
    duration: 30d
";

/// What happens at Stripe. A number picks among the objects that there are, the newest first; a command that Stripe
/// refuses changes nothing.
#[derive(Clone, Debug)]
enum Command {
    Advance(i64),
    OpenSession {
        plan: &'static str,
        quantity: u64,
        trial_days: Option<u32>,
    },
    PaySession(usize),
    DeclineSession(usize),
    ExpireSession(usize),
    SetOutcome(Outcome),
    PayInvoice(usize),
    SetQuantity(usize, u64),
    Cancel(usize),
    CancelAtPeriodEnd(usize, bool),
    Refund(usize, Option<i64>),
    FailRefund(usize),
    DeleteCustomer,
}

/// A history; `chance` seeds everything that happens on the way from Stripe to the facts.
#[derive(Clone, Debug)]
struct History {
    dunning_end: DunningEnd,
    commands: Vec<Command>,
    chance: u64,
}

fn command() -> impl Strategy<Value = Command> {
    let which = || 0..3_usize;
    let spans = prop_oneof![3 => 0..8_i64, 2 => 8..2 * HOUR, 3 => HOUR..4 * DAY, 3 => 4 * DAY..40 * DAY];
    let session = (
        prop_oneof![2 => Just("team_monthly"), 1 => Just("report")],
        1..4_u64,
        prop::option::weighted(0.2, 1..20_u32),
    );
    prop_oneof![
        8 => spans.prop_map(Command::Advance),
        4 => session.prop_map(|(plan, quantity, trial_days)| Command::OpenSession { plan, quantity, trial_days }),
        6 => which().prop_map(Command::PaySession),
        1 => which().prop_map(Command::DeclineSession),
        1 => which().prop_map(Command::ExpireSession),
        3 => prop::bool::weighted(0.6).prop_map(|fails| {
            Command::SetOutcome(if fails { Outcome::Decline } else { Outcome::Succeed })
        }),
        2 => which().prop_map(Command::PayInvoice),
        2 => (which(), 1..6_u64).prop_map(|(which, quantity)| Command::SetQuantity(which, quantity)),
        1 => which().prop_map(Command::Cancel),
        2 => (which(), prop::bool::weighted(0.7)).prop_map(|(which, ends)| Command::CancelAtPeriodEnd(which, ends)),
        2 => (which(), prop::option::of(1..3_000_i64)).prop_map(|(which, amount)| Command::Refund(which, amount)),
        1 => which().prop_map(Command::FailRefund),
        // Seldom: nothing much happens after it.
        1 => prop::bool::weighted(0.1).prop_map(|deletes| {
            if deletes { Command::DeleteCustomer } else { Command::Advance(DAY) }
        }),
    ]
}

fn history() -> impl Strategy<Value = History> {
    let ends = [DunningEnd::Cancel, DunningEnd::Unpaid, DunningEnd::LeavePastDue];
    (
        prop::sample::select(ends.to_vec()),
        prop::collection::vec(command(), 1..40),
        any::<u64>(),
    )
        .prop_map(|(dunning_end, commands, chance)| History {
            dunning_end,
            commands,
            chance,
        })
}

/// Stripe, with one customer of ours.
struct Stripe {
    core: Core,
    customer: String,
    prices: BTreeMap<&'static str, String>,
    told: usize,
    /// Every id that an event was about, the newest last.
    ids: Vec<String>,
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

impl Stripe {
    fn open(dunning_end: DunningEnd) -> Stripe {
        let mut core = Core::new(7, START);
        core.settings_mut().dunning_end = dunning_end;
        let product = id(&core.create_product("Everything").unwrap());
        let sold = [
            ("team_monthly", 2_000, Some((Interval::Month, 1))),
            ("report", 5_000, None),
        ];
        let prices = sold.map(|(key, unit_amount, recurring)| {
            let (product, lookup_key) = (product.clone(), Some(key.to_owned()));
            let price = NewPrice {
                product,
                unit_amount,
                recurring,
                lookup_key,
                ..NewPrice::default()
            };
            (key, id(&core.create_price(price).unwrap()))
        });
        let metadata = [("tollgate_customer".to_owned(), "acme".to_owned())].into();
        let customer = id(&core
            .create_customer(NewCustomer {
                metadata,
                ..NewCustomer::default()
            })
            .unwrap());
        Stripe {
            core,
            customer,
            prices: prices.into(),
            told: 0,
            ids: vec![],
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.core.now())
    }

    /// The events since the last call.
    fn tell(&mut self) -> Vec<Arc<Event>> {
        let events = self.core.events(self.told).to_vec();
        self.told += events.len();
        for object in events.iter().map(|event| id(&event.to_json()["data"]["object"])) {
            self.ids.retain(|known| *known != object);
            self.ids.push(object);
        }
        events
    }

    /// An object as Tollgate's client asks for it.
    fn show(&self, id: &str) -> Option<Object> {
        let expand: &[&str] = match id.split_once('_')?.0 {
            "cs" => &["line_items"],
            "in" => &["payments"],
            _ => &[],
        };
        let shown = self.core.get_expanded(id, expand).ok()?;
        tollgate_stripe::object(shown.to_string().as_bytes()).unwrap()
    }

    fn pick(&self, prefix: &str, which: usize) -> String {
        let found: Vec<&String> = self
            .ids
            .iter()
            .rev()
            .filter(|id| id.starts_with(prefix))
            .collect();
        found
            .get(which % found.len().max(1))
            .map_or_else(String::new, |id| (*id).clone())
    }

    fn session(&self, plan: &str, quantity: u64, trial_days: Option<u32>) -> NewSession {
        let mode = if plan == "report" {
            Mode::Payment
        } else {
            Mode::Subscription
        };
        NewSession {
            mode,
            customer: Some(self.customer.clone()),
            line_items: vec![(self.prices[plan].clone(), quantity)],
            trial_days: trial_days.filter(|_| mode == Mode::Subscription),
            ..NewSession::default()
        }
    }

    fn obey(&mut self, command: &Command) {
        // What is refused is part of the history too.
        let _ = match *command {
            Command::Advance(seconds) => {
                self.core.advance(seconds);
                return;
            }
            Command::OpenSession {
                plan,
                quantity,
                trial_days,
            } => {
                let session = self.session(plan, quantity, trial_days);
                // No event tells of an open session, and its page is found all the same.
                let opened = self.core.create_checkout_session(session);
                self.ids.extend(opened.iter().map(id));
                opened
            }
            Command::PaySession(which) => self.core.pay_session(&self.pick("cs_", which)),
            Command::DeclineSession(which) => self.core.decline_session(&self.pick("cs_", which)),
            Command::ExpireSession(which) => self.core.expire_session(&self.pick("cs_", which)),
            Command::SetOutcome(outcome) => self
                .core
                .set_payment_outcome(&self.customer, outcome)
                .map(|()| Value::Null),
            Command::PayInvoice(which) => self.core.pay_invoice(&self.pick("in_", which)),
            Command::SetQuantity(which, quantity) => {
                let subscription = self.pick("sub_", which);
                let item = self
                    .core
                    .get(&subscription)
                    .map(|shown| id(&shown["items"]["data"][0]));
                self.core
                    .set_quantity(&subscription, &item.unwrap_or_default(), quantity)
            }
            Command::Cancel(which) => self.core.cancel_subscription(&self.pick("sub_", which)),
            Command::CancelAtPeriodEnd(which, ends) => {
                self.core.cancel_at_period_end(&self.pick("sub_", which), ends)
            }
            Command::Refund(which, amount) => self.core.refund(&self.pick("ch_", which), amount),
            Command::FailRefund(which) => self.core.fail_refund(&self.pick("re_", which)),
            Command::DeleteCustomer => self.core.delete_customer(&self.customer),
        };
    }
}

/// A request that was answered, and whose answer is still on its way.
struct Flight {
    object: Object,
    learned: Learned,
}

/// Tollgate's side without its database: what apply and settle do.
struct Ledger {
    catalog: Catalog,
    facts: Facts,
    seq: i64,
    /// The highest sequence about each object.
    latest: BTreeMap<String, i64>,
    wants: BTreeMap<(Kind, String), Urgency>,
    flights: Vec<Flight>,
}

impl Ledger {
    fn new() -> Ledger {
        let catalog = catalog::parse(CATALOG).unwrap();
        let (latest, wants, flights) = (BTreeMap::new(), BTreeMap::new(), vec![]);
        Ledger {
            catalog,
            facts: Facts::default(),
            seq: 0,
            latest,
            wants,
            flights,
        }
    }

    fn hear(&mut self, event: &Event, now: Timestamp) {
        let body = event.to_json().to_string();
        if let Some(object) = tollgate_stripe::event_object(body.as_bytes()).unwrap() {
            let created = Timestamp::from_unix(event.created);
            self.learn(object, Learned::Event { created }, now);
        }
    }

    fn learn(&mut self, object: Object, learned: Learned, now: Timestamp) {
        self.seq += 1;
        self.latest.insert(object.id().to_owned(), self.seq);
        let (facts, wants) = fold(
            std::mem::take(&mut self.facts),
            Observation {
                seq: self.seq,
                object,
                learned,
            },
        );
        self.facts = facts;
        self.want(wants);
        self.tick(now);
    }

    fn tick(&mut self, now: Timestamp) {
        let ticked = tick(
            std::mem::take(&mut self.facts).matched_with(&self.catalog),
            &self.catalog,
            now,
        );
        self.facts = ticked.facts;
        self.want(ticked.wants);
    }

    fn want(&mut self, wants: Vec<Want>) {
        for Want { kind, id, urgency } in wants {
            let earliest = self.wants.entry((kind, id)).or_insert(urgency);
            *earliest = urgency.min(*earliest);
        }
    }

    /// Asks Stripe for something that is wanted so urgently; its answer is `flights`' last.
    fn ask(&mut self, stripe: &Stripe, urgency: Urgency, chance: &mut SmallRng) -> bool {
        let due: Vec<_> = self
            .wants
            .iter()
            .filter(|(_, due)| **due <= urgency)
            .map(|(key, _)| key.clone())
            .collect();
        let Some(key) = due.get(chance.random_range(0..due.len().max(1))) else {
            return false;
        };
        self.wants.remove(key);
        let covers_seq = self.latest.get(&key.1).copied().unwrap_or(0);
        let learned = window(stripe.now(), covers_seq);
        self.flights
            .extend(stripe.show(&key.1).map(|object| Flight { object, learned }));
        true
    }

    fn land(&mut self, now: Timestamp, chance: &mut SmallRng) {
        if !self.flights.is_empty() {
            let Flight { object, learned } = self
                .flights
                .swap_remove(chance.random_range(0..self.flights.len()));
            self.learn(object, learned, now);
        }
    }

    fn answer(mut self, now: Timestamp) -> Schedule {
        self.tick(now);
        project(&self.facts, &[], &self.catalog).trimmed(now)
    }
}

fn window(now: Timestamp, covers_seq: i64) -> Learned {
    Learned::Fetch {
        from: now - Span::seconds(1),
        to: now + Span::seconds(1),
        covers_seq,
    }
}

/// Whether what is wanted is fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Settle {
    Always,
    Never,
}

/// Events and answers come in any order while the history goes on, and what is left of them after it.
fn live(history: &History, settle: Settle) -> (Stripe, Ledger) {
    let mut chance = SmallRng::seed_from_u64(history.chance);
    let (mut stripe, mut ledger) = (Stripe::open(history.dunning_end), Ledger::new());
    // In some histories nothing is heard until the end.
    let meanwhile = chance.random_range(0..3) * 4;
    let mut waiting = vec![];
    for command in &history.commands {
        stripe.obey(command);
        waiting.extend(stripe.tell());
        for _ in 0..meanwhile {
            step(&stripe, &mut ledger, &mut waiting, settle, &mut chance);
        }
    }
    while !waiting.is_empty() || !ledger.flights.is_empty() {
        step(&stripe, &mut ledger, &mut waiting, settle, &mut chance);
    }
    ledger.tick(stripe.now());
    let mut fetches = 0;
    while settle == Settle::Always && ledger.ask(&stripe, Urgency::Confirm, &mut chance) {
        ledger.land(stripe.now(), &mut chance);
        fetches += 1;
        assert!(fetches < 10_000, "it never comes to rest: {:?}", ledger.wants);
    }
    (stripe, ledger)
}

/// One thing on the way: an event, which one time in three will come again, a request, or an answer.
fn step(
    stripe: &Stripe,
    ledger: &mut Ledger,
    waiting: &mut Vec<Arc<Event>>,
    settle: Settle,
    chance: &mut SmallRng,
) {
    match chance.random_range(0..4) {
        0 | 1 if !waiting.is_empty() => {
            waiting.shuffle(chance);
            let event = waiting.last().cloned().unwrap();
            if !chance.random_ratio(1, 3) {
                waiting.pop();
            }
            ledger.hear(&event, stripe.now());
        }
        2 if settle == Settle::Always => {
            ledger.ask(stripe, Urgency::Now, chance);
        }
        _ => ledger.land(stripe.now(), chance),
    }
}

/// What the final objects call for: they are all that is known.
fn called_for(stripe: &Stripe) -> Schedule {
    let mut ledger = Ledger::new();
    let told: BTreeSet<String> = stripe
        .core
        .events(0)
        .iter()
        .map(|event| id(&event.to_json()["data"]["object"]))
        .collect();
    for object in told.iter().filter_map(|id| stripe.show(id)) {
        ledger.learn(object, window(stripe.now(), 0), stripe.now());
    }
    ledger.answer(stripe.now())
}

/// As the variable says, else few: it is read by proptest itself, which would take 256.
fn cases() -> ProptestConfig {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() {
        ProptestConfig::default().cases
    } else {
        64
    };
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_order_of_what_is_heard_ends_in_what_the_final_objects_call_for(history in history()) {
        let (stripe, ledger) = live(&history, Settle::Always);
        let doubtful: Vec<_> = ledger.facts.objects.iter().filter(|(_, known)| !known.confirmed).collect();
        prop_assert!(doubtful.is_empty(), "nothing is in doubt: {doubtful:?}");
        prop_assert_eq!(ledger.answer(stripe.now()), called_for(&stripe));
    }
}

#[test]
fn without_fetches_some_histories_end_elsewhere_and_together_they_reach_every_reason() {
    let mut runner = TestRunner::deterministic();
    let histories = (0..200).map(|_| history().new_tree(&mut runner).unwrap().current());
    let (mut astray, mut reasons) = (0, BTreeSet::new());
    for history in histories {
        let (stripe, ledger) = live(&history, Settle::Never);
        let called_for = called_for(&stripe);
        reasons.extend(called_for.0.values().flat_map(|timeline| {
            [timeline.first.reason]
                .into_iter()
                .chain(timeline.then.iter().map(|(_, answer)| answer.reason))
        }));
        astray += usize::from(ledger.answer(stripe.now()) != called_for);
    }
    assert!(
        astray > 20,
        "the property would hold without fetches: {astray} of 200 differ"
    );
    for reason in [
        Reason::Refunded,
        Reason::Expired,
        Reason::Canceled,
        Reason::Unconfirmed,
        Reason::PaymentFailed,
        Reason::InGrace,
        Reason::Trialing,
        Reason::Purchased,
        Reason::Active,
    ] {
        assert!(
            reasons.contains(&reason),
            "no history reaches {reason:?}: {reasons:?}"
        );
    }
}
