//! A history, and what became of it.

use rand::Rng;
use tollgate_domain::facts::Learned;
use tollgate_domain::id::CustomerId;

use super::act::History;
use super::oracle::called_for;
use super::rows::State;
use super::service::{RULES, Service};
use super::shop::Shop;

/// Stripe, the service, and what was found of both in the end.
pub struct World {
    pub shop: Shop,
    pub service: Service,
}

impl World {
    pub fn after(history: &History, settles: bool) -> World {
        World::with(history, settles, None)
    }

    /// One process dies after so many durable steps.
    pub fn with(history: &History, settles: bool, dies_at: Option<usize>) -> World {
        let shop = Shop::open(history.dunning_end);
        let mut service = Service::new(history.seed);
        (service.settles, service.dies_at) = (settles, dies_at);
        let mut world = World { shop, service };
        // In some histories nothing is heard until the end.
        let meanwhile = world.service.chance.random_range(0..3) * 10;
        let lossy = world.service.chance.random_ratio(1, 3);
        world.service.stale_answers = world.service.chance.random_ratio(1, 4);
        world.tell(lossy);
        for step in &history.steps {
            world.shop.obey(step);
            world.tell(lossy);
            (0..meanwhile).for_each(|_| world.service.step(&world.shop));
        }
        while !world.service.on_the_way.is_empty() {
            world.service.step(&world.shop);
        }
        world.service.rest(&world.shop);
        if settles && (lossy || world.service.stale_answers || world.shop.rekeyed) {
            world.service.stale_answers = false;
            world.service.met("a pass");
            world.service.pass(&world.shop);
            world.service.rest(&world.shop);
        }
        world
    }

    /// In a lossy history three of ten events never come.
    fn tell(&mut self, lossy: bool) {
        for told in self.shop.tell() {
            if lossy && self.service.chance.random_ratio(3, 10) {
                self.service.met("a loss");
            } else {
                self.service.on_the_way.push(told);
            }
        }
        for (id, ours) in std::mem::take(&mut self.shop.links) {
            let customer = CustomerId::parse(&ours).unwrap();
            self.service.rows.link(&customer, &[id]);
        }
    }

    /// Why the service's answers are not what the final objects call for.
    pub fn astray(&self) -> Option<String> {
        let now = self.shop.now();
        for (customer, row) in &self.service.rows.customers {
            let called_for = called_for(&self.shop, customer.as_str(), &row.facts.matched);
            let answered = row.schedule.clone().trimmed(now);
            if !answered.same_from(&called_for, now) {
                return Some(format!(
                    "{customer} has\n{answered:#?}\nand should have\n{called_for:#?}"
                ));
            }
        }
        None
    }

    pub fn doubtful(&self) -> Vec<String> {
        let facts = self.service.rows.customers.values().map(|row| &row.facts);
        let doubtful = facts.flat_map(|facts| &facts.objects).filter(|(id, known)| {
            // A draft that was deleted cannot be asked for.
            !known.confirmed && self.shop.body(id).is_some()
        });
        doubtful.map(|(id, known)| format!("{id}: {known:?}")).collect()
    }

    pub fn waits_in_vain(&self) -> Vec<String> {
        let rows = &self.service.rows;
        let waiting = rows.inbox.values().filter(
            |row| matches!(&row.state, State::Waiting(on) if on.iter().any(|id| rows.links.contains_key(id))),
        );
        waiting.map(|row| row.key.clone()).collect()
    }

    /// Prices that somebody was shown to hold while they matched, and that do not match any more.
    pub fn locked_out(&self) -> Vec<String> {
        let rows = &self.service.rows;
        let applied = rows.inbox.values().filter_map(|row| {
            let State::Applied(customer) = &row.state else {
                return None;
            };
            let object = match row.learned {
                Learned::Event { .. } => tollgate_stripe::event_object(&row.body),
                Learned::Fetch { .. } => tollgate_stripe::object(&row.body),
            };
            Some((customer, object.unwrap()?))
        });
        let lost = applied.flat_map(|(customer, object)| {
            let matched = &rows.customers[customer].facts.matched;
            let held = object.prices().into_iter();
            let lost = held.filter(|it| RULES.plan_of(it).is_some() && !matched.contains_key(&it.id));
            let lost = lost.map(|price| format!("{customer} held {price:?} by {}", object.id()));
            lost.collect::<Vec<_>>()
        });
        lost.collect()
    }
}
