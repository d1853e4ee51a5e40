//! What Tollgate's processes do between the durable steps: the real rules, with their work in memory.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tollgate::pipeline::apply::Rules;
use tollgate::pipeline::{Settings, whose};
use tollgate_domain::catalog::{self, Catalog};
use tollgate_domain::facts::Learned;
use tollgate_domain::id::CustomerId;
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Append, Appended, Routing};

use super::rows::{Row, Rows, State, Taken};
use super::shop::{CATALOG, Shop, Told};

pub static RULES: LazyLock<Catalog> = LazyLock::new(|| catalog::parse(CATALOG).unwrap());

/// What a process has in hand. All of it is lost when it dies.
pub(super) enum Task {
    /// Stripe sends it again unless it is told that it was stored.
    Commit(Row, Told),
    Route(i64, Routing),
    Ask(i64, whose::Question, Vec<String>, usize),
    Append(Box<Append>),
    Fetch(Fetch),
    Forget(String, Taken),
}

pub(super) struct Fetch {
    pub id: String,
    pub customer: CustomerId,
    pub covers_seq: i64,
    pub taken: Taken,
    pub sent_at: Timestamp,
    /// What Stripe's answer shows, and its `Date`.
    pub shown: Option<(Option<String>, Timestamp)>,
}

/// Two processes on one database.
pub struct Service {
    pub rows: Rows,
    pub(super) processes: [Vec<Task>; 2],
    /// Events that are still on their way.
    pub on_the_way: Vec<Told>,
    /// What there was of it, and how often.
    pub met: BTreeMap<&'static str, usize>,
    pub chance: SmallRng,
    pub(super) settings: Settings,
    /// Whether what is wanted is fetched.
    pub settles: bool,
    /// Whether Stripe may answer with what was before the request.
    pub stale_answers: bool,
    /// What Stripe showed of each object before.
    answered: BTreeMap<String, String>,
    /// How many durable steps were taken, and at which of them one process dies.
    pub durable: usize,
    pub dies_at: Option<usize>,
}

impl Service {
    pub fn new(seed: u64) -> Service {
        Service {
            rows: Rows::default(),
            processes: [vec![], vec![]],
            on_the_way: vec![],
            met: BTreeMap::new(),
            answered: BTreeMap::new(),
            chance: SmallRng::seed_from_u64(seed),
            settings: Settings::default(),
            settles: true,
            stale_answers: false,
            durable: 0,
            dies_at: None,
        }
    }

    pub(super) fn rules(&self) -> Rules<'static> {
        Rules {
            catalog: &RULES,
            activation: 1,
            confirm_after: self.settings.confirm_after,
        }
    }

    pub(super) fn hold(&mut self, task: Task) {
        let process = self.chance.random_range(0..2);
        self.processes[process].push(task);
    }

    /// One thing on the way.
    pub fn step(&mut self, shop: &Shop) {
        match self.chance.random_range(0..16) {
            0..4 => self.hear(),
            4..6 => self.take_route(),
            6 | 7 => self.take_apply(shop),
            8 => self.take_fetch(shop, false),
            // Now and then a quiet period is over.
            9 => self.take_fetch(shop, true),
            10 if self.chance.random_ratio(1, 32) => self.die(0),
            _ => _ = self.go_on(shop),
        }
    }

    /// What it had in hand is lost. What it had not confirmed comes again.
    fn die(&mut self, process: usize) {
        self.met("a death");
        for task in std::mem::take(&mut self.processes[process]) {
            if let Task::Commit(_, told) = task {
                self.on_the_way.push(told);
            }
        }
    }

    pub fn met(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// Some task goes on to its next step; the last of a station is durable, and may be the last of its process too.
    fn go_on(&mut self, shop: &Shop) -> bool {
        let process = self.chance.random_range(0..2);
        let process = if self.processes[process].is_empty() {
            1 - process
        } else {
            process
        };
        if self.processes[process].is_empty() {
            return false;
        }
        let some = self.chance.random_range(0..self.processes[process].len());
        let task = self.processes[process].swap_remove(some);
        let before = self.durable;
        if let Some(next) = self.do_next(task, shop) {
            self.processes[process].push(next);
        }
        if self.durable > before && self.dies_at == Some(before) {
            self.die(process);
        }
        true
    }

    fn do_next(&mut self, task: Task, shop: &Shop) -> Option<Task> {
        if !matches!(task, Task::Ask(..) | Task::Fetch(Fetch { shown: None, .. })) {
            self.durable += 1;
        }
        match task {
            Task::Commit(row, _) => self.rows.commit(row),
            Task::Route(seq, routing) => self.rows.route(seq, routing),
            Task::Ask(seq, question, ids, steps) => return Some(self.ask(seq, question, ids, steps, shop)),
            Task::Append(append) => match self.rows.append(*append) {
                Appended::Stale => self.met("a stale append"),
                Appended::Revision(_) | Appended::Unchanged => {}
            },
            Task::Fetch(fetch) => return self.fetch(fetch, shop),
            Task::Forget(id, taken) => self.rows.forget(&id, taken),
        }
        None
    }

    /// From object to object until one is somebody's.
    fn ask(
        &mut self,
        seq: i64,
        (_, id): whose::Question,
        mut ids: Vec<String>,
        steps: usize,
        shop: &Shop,
    ) -> Task {
        let Some(found) = shop.show(&id).filter(|_| steps > 0) else {
            return Task::Route(seq, Routing::Waiting { on: ids });
        };
        ids.extend(whose::ids(&found));
        // What was found on the way is somebody's, or one of what it names.
        let linked = ids.iter().find_map(|id| self.rows.links.get(id).cloned());
        match linked.or_else(|| whose::owner(&found, &self.rows.links, &self.settings)) {
            Some(customer) => Task::Route(seq, Routing::Customer { customer, ids }),
            None => match whose::question(&found) {
                Some(question) => Task::Ask(seq, question, ids, steps - 1),
                None => Task::Route(seq, Routing::Waiting { on: ids }),
            },
        }
    }

    fn fetch(&mut self, mut fetch: Fetch, shop: &Shop) -> Option<Task> {
        let now = shop.now();
        let Some((shown, date)) = fetch.shown.take() else {
            let mut body = shop.body(&fetch.id);
            if self.stale_answers && self.chance.random_ratio(1, 8) && self.answered.contains_key(&fetch.id) {
                self.met("a stale answer");
                body = self.answered.get(&fetch.id).cloned();
            } else if let Some(body) = &body {
                self.answered.insert(fetch.id.clone(), body.clone());
            }
            fetch.shown = Some((body, now));
            return Some(Task::Fetch(fetch));
        };
        let Some(body) = shown else {
            self.met("an absence");
            self.rows.park(&fetch.id, fetch.taken);
            return None;
        };
        let second = Span::seconds(1);
        let took = now - fetch.sent_at;
        let learned = Learned::Fetch {
            from: date - took - second,
            to: date + second,
            covers_seq: fetch.covers_seq,
        };
        let about = Some(fetch.id.clone());
        let mut row = self.rows.begin(None, about, learned, Bytes::from(body));
        row.state = State::Routed(fetch.customer);
        self.rows.commit(row);
        Some(Task::Forget(fetch.id, fetch.taken))
    }

    /// Until nothing is left to do.
    pub fn rest(&mut self, shop: &Shop) {
        let mut turns = 0;
        loop {
            let now = shop.now();
            let wanted = || self.rows.wants.values().any(|it| !it.parked);
            let busy = !self.processes.iter().all(Vec::is_empty);
            if !busy
                && self.rows.received().is_empty()
                && self.rows.dirty(now).is_empty()
                && !(self.settles && wanted())
            {
                return;
            }
            turns += 1;
            assert!(turns < 20_000, "it comes to rest: {:?}", self.rows.wants);
            match self.chance.random_range(0..8) {
                0 => self.take_route(),
                1 => self.take_apply(shop),
                2 => self.take_fetch(shop, true),
                _ => _ = self.go_on(shop),
            }
        }
    }

    /// A reconcile pass: everything that Stripe has is observed, and is somebody's or waits.
    pub fn pass(&mut self, shop: &Shop) {
        let at = shop.now();
        for object in shop.shown() {
            let learned = Learned::Fetch {
                from: at - Span::seconds(1),
                to: at + Span::seconds(1),
                covers_seq: self.rows.covers_seq(object.id()),
            };
            let (about, body) = (Some(object.id().to_owned()), shop.body(object.id()).unwrap());
            let row = self.rows.begin(None, about, learned, body.into());
            self.rows.commit(row);
        }
    }
}
