//! How the stations begin: what is taken, and what is made of it in memory.

use rand::Rng;
use rand::seq::IndexedRandom;
use tollgate::pipeline::whose;
use tollgate_domain::facts::Learned;
use tollgate_domain::time::Timestamp;
use tollgate_store::Routing;

use super::service::{Fetch, Service, Task};
use super::shop::{Shop, VERSIONS, id};

impl Service {
    /// Some event; one time in three its 2xx is lost and it comes again, maybe in another shape.
    pub(super) fn hear(&mut self) {
        if self.on_the_way.is_empty() {
            return;
        }
        let some = self.chance.random_range(0..self.on_the_way.len());
        let told = if self.chance.random_ratio(1, 3) {
            self.on_the_way[some].clone()
        } else {
            self.on_the_way.swap_remove(some)
        };
        let thin = self.chance.random_ratio(1, 8);
        let thin = told.event.as_ref().filter(|_| thin);
        let mut body = thin.map_or_else(|| told.body.clone(), |it| it.to_thin());
        let thin = thin.is_some();
        let key = id(&body);
        if self.rows.keys.contains(&key) {
            return;
        }
        let about = if thin {
            &body["related_object"]
        } else {
            &body["data"]["object"]
        };
        let about = about["id"].as_str().map(str::to_owned);
        // Stripe's `created` is not for ordering: it is a little off.
        let created = told.body["created"].as_i64().unwrap() + self.chance.random_range(-2..=2);
        if thin {
            self.met("a thin event");
        } else {
            body["created"] = created.into();
            let version = body["api_version"].as_str().unwrap_or_default();
            if let Some(event) = &told.event {
                self.met(event.kind);
                self.met(VERSIONS.iter().find(|it| **it == version).unwrap());
            }
        }
        let learned = Learned::Event {
            created: Timestamp::from_unix(created),
        };
        let row = self
            .rows
            .begin(Some(key), about, learned, body.to_string().into());
        self.hold(Task::Commit(row, told));
    }

    pub(super) fn take_route(&mut self) {
        let received = self.rows.received();
        let Some(&seq) = received.choose(&mut self.chance) else {
            return;
        };
        let about = match self.rows.inbox[&seq].learned {
            Learned::Event { .. } => whose::read(&self.rows.unrouted(seq), &self.settings),
            Learned::Fetch { .. } => {
                let object = tollgate_stripe::object(&self.rows.inbox[&seq].body).unwrap();
                whose::About::Object(Box::new(object.unwrap()))
            }
        };
        let task = match (
            &about,
            about.owner(&self.rows.links, &self.settings),
            about.question(),
        ) {
            (whose::About::Settled(routing), ..) => Task::Route(seq, routing.clone()),
            (_, Some(customer), _) => Task::Route(
                seq,
                Routing::Customer {
                    customer,
                    ids: about.ids(),
                },
            ),
            (_, None, Some(question)) => Task::Ask(seq, question, about.ids(), 3),
            (_, None, None) => Task::Route(seq, Routing::Waiting { on: about.ids() }),
        };
        self.hold(task);
    }

    pub(super) fn take_apply(&mut self, shop: &Shop) {
        let dirty = self.rows.dirty(shop.now());
        let Some(customer) = dirty.choose(&mut self.chance) else {
            return;
        };
        // Two at once are rare, as leases are.
        let in_hand = self.processes.iter().flatten();
        let mut in_hand =
            in_hand.filter(|it| matches!(it, Task::Append(append) if append.customer == *customer));
        if in_hand.next().is_some() && !self.chance.random_ratio(1, 8) {
            return;
        }
        let append = self.rules().apply(self.rows.load(customer), shop.now());
        self.hold(Task::Append(Box::new(append)));
    }

    /// What is wanted by now; or whatever is.
    pub(super) fn take_fetch(&mut self, shop: &Shop, whenever: bool) {
        let now = shop.now();
        let due = self.rows.wants.iter();
        let due = due.filter(|(_, it)| !it.parked && (whenever || it.due_at <= now));
        let due: Vec<String> = due.map(|(id, _)| id.clone()).collect();
        let Some(id) = due.choose(&mut self.chance).filter(|_| self.settles) else {
            return;
        };
        let taken = self.rows.claim(id);
        let fetch = Fetch {
            id: id.clone(),
            customer: self.rows.wants[id].customer.clone(),
            covers_seq: self.rows.covers_seq(id),
            taken,
            sent_at: now,
            shown: None,
        };
        self.hold(Task::Fetch(fetch));
    }
}
