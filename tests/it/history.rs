//! The theorem, small: random histories of the simulator's core, events shuffled and doubled, fetches early, late and
//! overtaken, end in the schedule that the final objects call for. Pure; `PROPTEST_CASES` says how many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use stripe_simulator::core::{
    Core, DunningEnd, Event, Interval, Mode, NewCustomer, NewPrice, NewSession, Outcome,
};
use tollgate_domain::catalog::{self, Catalog};
use tollgate_domain::facts::{Facts, Learned, Observation, Urgency, Want, fold, tick};
use tollgate_domain::object::{Kind, Object};
use tollgate_domain::schedule::{Schedule, project};
use tollgate_domain::time::{Span, Timestamp};

const START: i64 = 1_800_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Without defaults, so that every reason shows.
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| catalog::parse(YAML).unwrap());

const YAML: &str = "
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
    /// Of a plan so many, after a trial of so many days.
    OpenSession(&'static str, u64, Option<u32>),
    /// A session that is paid at once.
    Buy(&'static str, u64, Option<u32>),
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

/// What happens at Stripe, and the seed of everything that happens on the way from Stripe to the facts.
type History = (DunningEnd, Vec<Command>, u64);

fn command() -> impl Strategy<Value = Command> {
    let which = || 0..3_usize;
    let spans = prop_oneof![3 => 0..8_i64, 2 => 8..2 * HOUR, 3 => HOUR..4 * DAY, 2 => 4 * DAY..40 * DAY, 2 => 28 * DAY..33 * DAY];
    let session = || {
        let plan = prop_oneof![2 => Just("team_monthly"), 1 => Just("report")];
        (plan, 1..4_u64, prop::option::weighted(0.2, 1..20_u32))
    };
    let outcome = prop_oneof![3 => Just(Outcome::Decline), 2 => Just(Outcome::Succeed)];
    prop_oneof![
        8 => spans.prop_map(Command::Advance),
        2 => session().prop_map(|(plan, quantity, trial_days)| Command::OpenSession(plan, quantity, trial_days)),
        3 => session().prop_map(|(plan, quantity, trial_days)| Command::Buy(plan, quantity, trial_days)),
        2 => which().prop_map(Command::PaySession),
        1 => which().prop_map(Command::DeclineSession),
        1 => which().prop_map(Command::ExpireSession),
        3 => outcome.prop_map(Command::SetOutcome),
        2 => which().prop_map(Command::PayInvoice),
        2 => (which(), 1..6_u64).prop_map(|(which, quantity)| Command::SetQuantity(which, quantity)),
        1 => which().prop_map(Command::Cancel),
        2 => (which(), prop::bool::weighted(0.7)).prop_map(|(which, ends)| Command::CancelAtPeriodEnd(which, ends)),
        2 => (which(), prop::option::of(1..3_000_i64)).prop_map(|(which, amount)| Command::Refund(which, amount)),
        1 => which().prop_map(Command::FailRefund),
        // Seldom: nothing much happens after it.
        1 => prop_oneof![9 => Just(Command::Advance(DAY)), 1 => Just(Command::DeleteCustomer)],
    ]
}

fn history() -> impl Strategy<Value = History> {
    let ends = vec![DunningEnd::Cancel, DunningEnd::Unpaid, DunningEnd::LeavePastDue];
    let commands = prop::collection::vec(command(), 1..40);
    (prop::sample::select(ends), commands, any::<u64>())
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
        let mut sell = |key: &'static str, unit_amount, recurring| {
            let mut price = NewPrice::default();
            (price.product, price.unit_amount, price.recurring) = (product.clone(), unit_amount, recurring);
            price.lookup_key = Some(key.to_owned());
            (key, id(&core.create_price(price).unwrap()))
        };
        let team = sell("team_monthly", 2_000, Some((Interval::Month, 1)));
        let prices = [team, sell("report", 5_000, None)].into();
        let mut customer = NewCustomer::default();
        customer
            .metadata
            .insert("tollgate_customer".into(), "acme".into());
        let customer = id(&core.create_customer(customer).unwrap());
        let (told, ids) = (0, vec![]);
        Stripe {
            core,
            customer,
            prices,
            told,
            ids,
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
        let found = || self.ids.iter().rev().filter(|id| id.starts_with(prefix));
        let picked = found().nth(which % found().count().max(1));
        picked.cloned().unwrap_or_default()
    }

    fn session(&self, plan: &str, quantity: u64, trial_days: Option<u32>) -> NewSession {
        let sold_once = plan == "report";
        NewSession {
            mode: if sold_once {
                Mode::Payment
            } else {
                Mode::Subscription
            },
            customer: Some(self.customer.clone()),
            line_items: vec![(self.prices[plan].clone(), quantity)],
            trial_days: trial_days.filter(|_| !sold_once),
            ..NewSession::default()
        }
    }

    fn obey(&mut self, command: &Command) {
        // What is refused is part of the history too.
        let _ = match *command {
            Command::Advance(seconds) => return self.core.advance(seconds),
            Command::OpenSession(plan, quantity, trial_days) => {
                let session = self.session(plan, quantity, trial_days);
                let opened = self.core.create_checkout_session(session);
                // No event tells of it.
                self.ids.extend(opened.iter().map(id));
                opened
            }
            Command::Buy(plan, quantity, trial_days) => {
                self.obey(&Command::OpenSession(plan, quantity, trial_days));
                return self.obey(&Command::PaySession(0));
            }
            Command::PaySession(which) => self.core.pay_session(&self.pick("cs_", which)),
            Command::DeclineSession(which) => self.core.decline_session(&self.pick("cs_", which)),
            Command::ExpireSession(which) => self.core.expire_session(&self.pick("cs_", which)),
            Command::SetOutcome(outcome) => {
                let set = self.core.set_payment_outcome(&self.customer, outcome);
                set.map(|()| Value::Null)
            }
            Command::PayInvoice(which) => self.core.pay_invoice(&self.pick("in_", which)),
            Command::SetQuantity(which, quantity) => {
                let subscription = self.pick("sub_", which);
                let shown = self.core.get(&subscription);
                let item = shown.map_or_else(String::new, |shown| id(&shown["items"]["data"][0]));
                self.core.set_quantity(&subscription, &item, quantity)
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

/// Tollgate's side without its database: what apply and settle do.
#[derive(Default)]
struct Tollgate {
    facts: Facts,
    seq: i64,
    /// The highest sequence about each object.
    latest: BTreeMap<String, i64>,
    wants: BTreeMap<(Kind, String), Urgency>,
    /// Answers that are still on their way.
    flights: Vec<(Object, Learned)>,
}

impl Tollgate {
    fn learn(&mut self, object: Object, learned: Learned, now: Timestamp) {
        self.seq += 1;
        self.latest.insert(object.id().to_owned(), self.seq);
        let seq = self.seq;
        let observation = Observation { seq, object, learned };
        let (facts, wants) = fold(std::mem::take(&mut self.facts), observation);
        self.facts = facts;
        self.want(wants);
        self.tick(now);
    }

    fn tick(&mut self, now: Timestamp) {
        let facts = std::mem::take(&mut self.facts).matched_with(&CATALOG);
        let ticked = tick(facts, &CATALOG, now);
        self.facts = ticked.facts;
        self.want(ticked.wants);
    }

    fn want(&mut self, wants: Vec<Want>) {
        for Want { kind, id, urgency } in wants {
            let earliest = self.wants.entry((kind, id)).or_insert(urgency);
            *earliest = urgency.min(*earliest);
        }
    }

    fn answer(mut self, now: Timestamp) -> Schedule {
        self.tick(now);
        project(&self.facts, &[], &CATALOG).trimmed(now)
    }
}

/// Both, and the way between them.
struct World {
    stripe: Stripe,
    tollgate: Tollgate,
    /// Events that are still on their way.
    waiting: Vec<Arc<Event>>,
    /// Whether what is wanted is fetched.
    settles: bool,
    chance: SmallRng,
}

impl World {
    /// Events and answers come in any order while the history goes on, and what is left of them after it.
    fn after((dunning_end, commands, chance): &History, settles: bool) -> World {
        let (stripe, tollgate) = (Stripe::open(*dunning_end), Tollgate::default());
        let chance = SmallRng::seed_from_u64(*chance);
        let waiting = vec![];
        let mut world = World {
            stripe,
            tollgate,
            waiting,
            settles,
            chance,
        };
        // In some histories nothing is heard until the end.
        let meanwhile = world.chance.random_range(0..3) * 5;
        for command in commands {
            world.stripe.obey(command);
            world.waiting.extend(world.stripe.tell());
            (0..meanwhile).for_each(|_| world.step());
        }
        while !world.waiting.is_empty() || !world.tollgate.flights.is_empty() {
            world.step();
        }
        world.tollgate.tick(world.stripe.now());
        let mut fetches = 0;
        while settles && world.ask(Urgency::Confirm) {
            world.land();
            fetches += 1;
            assert!(fetches < 10_000, "it comes to rest: {:?}", world.tollgate.wants);
        }
        world
    }

    /// One thing on the way. Now and then a quiet period is over, and what it was for is confirmed.
    fn step(&mut self) {
        match self.chance.random_range(0..8) {
            0..4 => self.hear(),
            4 | 5 if self.settles => _ = self.ask(Urgency::Now),
            6 if self.settles => _ = self.ask(Urgency::Confirm),
            _ => self.land(),
        }
    }

    /// Some event; one time in three it comes again.
    fn hear(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let some = self.chance.random_range(0..self.waiting.len());
        let event = self.waiting[some].clone();
        if !self.chance.random_ratio(1, 3) {
            self.waiting.swap_remove(some);
        }
        let body = event.to_json().to_string();
        if let Some(object) = tollgate_stripe::event_object(body.as_bytes()).unwrap() {
            // Stripe's `created` is not for ordering: it is a little off.
            let created = Timestamp::from_unix(event.created + self.chance.random_range(-2..=2));
            let learned = Learned::Event { created };
            self.tollgate.learn(object, learned, self.stripe.now());
        }
    }

    /// Asks Stripe for something that is wanted so urgently.
    fn ask(&mut self, urgency: Urgency) -> bool {
        let wants = &self.tollgate.wants;
        let due = wants.iter().filter(|(_, due)| **due <= urgency);
        let Some(key) = due.map(|(key, _)| key.clone()).choose(&mut self.chance) else {
            return false;
        };
        self.tollgate.wants.remove(&key);
        let covers_seq = self.tollgate.latest.get(&key.1).copied().unwrap_or(0);
        let learned = window(self.stripe.now(), covers_seq);
        let shown = self.stripe.show(&key.1);
        let flights = &mut self.tollgate.flights;
        flights.extend(shown.map(|object| (object, learned)));
        true
    }

    /// Some answer arrives.
    fn land(&mut self) {
        let flights = &mut self.tollgate.flights;
        if !flights.is_empty() {
            let (object, learned) = flights.swap_remove(self.chance.random_range(0..flights.len()));
            self.tollgate.learn(object, learned, self.stripe.now());
        }
    }
}

fn window(now: Timestamp, covers_seq: i64) -> Learned {
    let (from, to) = (now - Span::seconds(1), now + Span::seconds(1));
    Learned::Fetch { from, to, covers_seq }
}

/// What the final objects call for: they are all that is known.
fn called_for(stripe: &Stripe) -> Schedule {
    let mut tollgate = Tollgate::default();
    let events = stripe.core.events(0).iter().map(|event| event.to_json());
    let told: BTreeSet<String> = events.map(|event| id(&event["data"]["object"])).collect();
    for object in told.iter().filter_map(|id| stripe.show(id)) {
        tollgate.learn(object, window(stripe.now(), 0), stripe.now());
    }
    tollgate.answer(stripe.now())
}

/// Few, unless the variable, which proptest reads itself, says how many.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    let told = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        cases: if told { config.cases } else { 64 },
        failure_persistence: None,
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_order_of_what_is_heard_ends_in_what_the_final_objects_call_for(history in history()) {
        let World { stripe, tollgate, .. } = World::after(&history, true);
        let objects = tollgate.facts.objects.iter();
        let doubtful: Vec<_> = objects.filter(|(_, known)| !known.confirmed).collect();
        prop_assert!(doubtful.is_empty(), "nothing is in doubt: {doubtful:?}");
        prop_assert_eq!(tollgate.answer(stripe.now()), called_for(&stripe));
    }
}

#[test]
fn without_fetches_some_histories_end_elsewhere_and_together_they_reach_every_reason() {
    let mut runner = TestRunner::deterministic();
    let (mut astray, mut reasons) = (0, BTreeSet::new());
    for _ in 0..200 {
        let history = history().new_tree(&mut runner).unwrap().current();
        let World { stripe, tollgate, .. } = World::after(&history, false);
        let called_for = called_for(&stripe);
        for timeline in called_for.0.values() {
            reasons.insert(timeline.first.reason);
            reasons.extend(timeline.then.iter().map(|(_, answer)| answer.reason));
        }
        astray += usize::from(tollgate.answer(stripe.now()) != called_for);
    }
    assert!(astray > 20, "the property bites: {astray} of 200 differ");
    let expected =
        "{Refunded, Expired, Canceled, Unconfirmed, PaymentFailed, InGrace, Trialing, Purchased, Active}";
    assert_eq!(format!("{reasons:?}"), expected);
}
