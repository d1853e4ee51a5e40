//! Test clocks: customers whose time stands still until somebody advances it (docs.stripe.com/billing/testing/test-clocks).
//!
//! A command that concerns such a customer runs within [`Core::in_time_of`]: there `now` and the timers are the clock's,
//! so nothing else in the core has to know of clocks. As at Stripe an event's `created` stays the account's time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::calendar::DAY;
use super::{Answer, Core, Fault, Interval, Row};

/// Stripe deletes a clock this long after its creation (docs.stripe.com/billing/testing/test-clocks).
const KEPT_FOR: i64 = 30 * DAY;

/// Of one clock.
const MAX_CUSTOMERS: usize = 3;

#[derive(Clone, Debug)]
pub struct TestClock {
    id: String,
    /// By the account's clock.
    created: i64,
    name: Option<String>,
    frozen_time: i64,
    /// `Some`: advancing.
    target: Option<i64>,
    /// An advance ended in a panic: there is no other.
    failed: bool,
    pub deleted: bool,
    timers: BTreeSet<(i64, String)>,
}

/// Brings the account's time back when it goes, be it by a panic.
struct InTimeOf<'a>(&'a mut Core);

impl Drop for InTimeOf<'_> {
    fn drop(&mut self) {
        if let Some((_, account_now)) = self.0.in_force.take() {
            self.0.now = account_now;
        }
    }
}

/// A clock on its way. If that ends in a panic its status is `internal_failure` from then on
/// (docs.stripe.com/api/test_clocks/object), which the next one to look at the account's clock tells.
struct Advancing<'a>(&'a mut Core, &'a str);

impl Drop for Advancing<'_> {
    fn drop(&mut self) {
        let Advancing(core, id) = self;
        if let Some(clock) = core.clocks.get_mut(id).filter(|it| it.target.is_some()) {
            (clock.target, clock.failed) = (None, true);
            core.wake(core.now, id);
        }
    }
}

impl Row for TestClock {
    const NOUN: &'static str = "test_helpers.test_clock";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, _: &Core) -> Value {
        let details = match self.target {
            Some(target) => json!({ "advancing": { "target_frozen_time": target } }),
            None => json!({}),
        };
        json!({
            "id": self.id,
            "object": "test_helpers.test_clock",
            "created": self.created,
            "deletes_after": self.created + KEPT_FOR,
            "frozen_time": self.frozen_time,
            "livemode": false,
            "name": self.name,
            "status": match self.target {
                Some(_) => "advancing",
                None if self.failed => "internal_failure",
                None => "ready",
            },
            "status_details": details,
        })
    }
}

impl Core {
    pub fn create_test_clock(&mut self, frozen_time: i64, name: Option<String>) -> Value {
        let clock = TestClock {
            id: self.ids.mint("clock_"),
            created: self.now,
            name,
            frozen_time,
            target: None,
            failed: false,
            deleted: false,
            timers: BTreeSet::new(),
        };
        let shown = clock.render(self);
        self.wake(clock.created + KEPT_FOR, &clock.id);
        self.clocks.insert(clock);
        self.emit("test_helpers.test_clock.created", shown.clone());
        shown
    }

    /// Starts it: the account's clock carries it out when it is looked at next, be it at the same second.
    ///
    /// # Errors
    /// No such clock, on its way already, a time that is past, or further than two intervals of the shortest
    /// subscription (two years if there is none).
    pub fn advance_test_clock(&mut self, id: &str, frozen_time: i64) -> Answer {
        let clock = self.ready_clock(id)?;
        if clock.failed {
            return Err(Fault::invalid(
                "The test clock failed to advance before. Delete it and make another one.",
            ));
        }
        let from = clock.frozen_time;
        let refuse = |message: &str| Err(Fault::invalid(message).param("frozen_time"));
        if frozen_time <= from {
            return refuse("The new frozen time must be after the clock's current frozen time.");
        }
        if frozen_time > self.furthest(id, from) {
            return refuse(
                "You can only advance a test clock by up to two intervals of its shortest subscription, or by two \
                 years if it has none.",
            );
        }
        if let Some(clock) = self.clocks.get_mut(id) {
            clock.target = Some(frozen_time);
        }
        let shown = self.test_clock(id)?.render(self);
        self.emit("test_helpers.test_clock.advancing", shown.clone());
        self.wake(self.now, id);
        Ok(shown)
    }

    /// Its customers are deleted with it, their subscriptions canceled.
    ///
    /// # Errors
    /// No such clock.
    pub fn delete_test_clock(&mut self, id: &str) -> Answer {
        let last = self.test_clock(id)?.render(self);
        for customer in self.customers_of_clock(id) {
            self.in_time_of(id, |core| core.delete_customer(&customer))?;
        }
        if let Some(clock) = self.clocks.get_mut(id) {
            clock.deleted = true;
            clock.timers.clear();
        }
        self.emit("test_helpers.test_clock.deleted", last);
        Ok(json!({ "id": id, "object": "test_helpers.test_clock", "deleted": true }))
    }

    /// Does something in the time of the test clock that this object, or the customer whose it is, belongs to; in the
    /// account's time if there is none.
    pub fn in_time_of<R>(&mut self, id: &str, act: impl FnOnce(&mut Core) -> R) -> R {
        let clock = self.clock_of(id).filter(|_| self.in_force.is_none());
        let Some(clock) = clock.and_then(|it| self.clocks.get(&it)) else {
            return act(self);
        };
        let frozen_time = clock.frozen_time;
        self.in_force = Some((clock.id.clone(), self.now));
        self.now = frozen_time;
        act(InTimeOf(self).0)
    }

    /// The account's time, whichever clock is in force.
    pub(crate) fn account_now(&self) -> i64 {
        self.in_force
            .as_ref()
            .map_or(self.now, |(_, account_now)| *account_now)
    }

    pub(super) fn timers_in_force(&mut self) -> &mut BTreeSet<(i64, String)> {
        let clock = self
            .in_force
            .as_ref()
            .and_then(|(clock, _)| self.clocks.get_mut(clock));
        clock.map_or(&mut self.timers, |clock| &mut clock.timers)
    }

    /// It reaches the instant that it was advanced to, or is old enough to be deleted
    /// (docs.stripe.com/billing/testing/test-clocks/api-advanced-usage).
    pub(super) fn test_clock_due(&mut self, id: &str) {
        let Ok(clock) = self.test_clock(id) else {
            return;
        };
        let old = clock.created + KEPT_FOR <= self.now;
        if let Some(target) = clock.target {
            self.reach(id, target, |core| core.run_timers(target));
        } else if clock.failed && !old {
            self.tell("test_helpers.test_clock.internal_failure", id);
        }
        if old {
            let _ = self.delete_test_clock(id);
        }
    }

    fn reach(&mut self, id: &str, target: i64, act: impl FnOnce(&mut Core)) {
        let way = Advancing(self, id);
        let core = &mut *way.0;
        core.in_time_of(id, act);
        if let Some(clock) = core.clocks.get_mut(id) {
            clock.frozen_time = target;
            clock.target = None;
        }
        core.tell("test_helpers.test_clock.ready", id);
    }

    /// The clock that the customer is on, for `test_clock` of what is the customer's.
    pub(crate) fn test_clock_of(&self, customer: &str) -> Option<&str> {
        self.customers.get(customer)?.test_clock.as_deref()
    }

    pub(crate) fn test_clock(&self, id: &str) -> Result<&TestClock, Fault> {
        let found = self.clocks.get(id).filter(|it| !it.deleted);
        found.ok_or_else(|| Fault::missing(TestClock::NOUN, id))
    }

    pub(crate) fn test_clocks(&self) -> impl DoubleEndedIterator<Item = &TestClock> {
        self.clocks.all().filter(|it| !it.deleted)
    }

    pub(super) fn check_new_customer_of(&self, clock: &str) -> Result<(), Fault> {
        self.ready_clock(clock)
            .map_err(|fault| fault.param("test_clock"))?;
        if self.customers_of_clock(clock).len() >= MAX_CUSTOMERS {
            let message = format!("A test clock can have up to {MAX_CUSTOMERS} customers.");
            return Err(Fault::invalid(message).param("test_clock"));
        }
        Ok(())
    }

    fn ready_clock(&self, id: &str) -> Result<&TestClock, Fault> {
        let clock = self.test_clock(id)?;
        if clock.target.is_some() {
            return Err(Fault::invalid(
                "Test clock advancement underway - cannot perform modifications.",
            ));
        }
        Ok(clock)
    }

    /// The clock itself, or that of the customer or of the customer's object.
    fn clock_of(&self, id: &str) -> Option<String> {
        // Without clocks nothing is looked up: nearly always.
        self.clocks.all().next()?;
        if id.starts_with("clock_") {
            return self.test_clock(id).ok().map(|clock| clock.id.clone());
        }
        if id.starts_with("cus_") {
            return self.test_clock_of(id).map(str::to_owned);
        }
        let of_portal = |id: &str| self.portals.get(id).map(|portal| portal.customer.clone());
        let of_object = |id: &str| self.get(id)?["customer"].as_str().map(str::to_owned);
        let of_item = |id: &str| Some(self.subscription_with(id).ok()?.customer.clone());
        let customer = of_portal(id).or_else(|| of_item(id)).or_else(|| of_object(id))?;
        self.test_clock_of(&customer).map(str::to_owned)
    }

    fn customers_of_clock(&self, clock: &str) -> Vec<String> {
        let on_it = |it: &&super::Customer| !it.deleted && it.test_clock.as_deref() == Some(clock);
        self.customers
            .all()
            .filter(on_it)
            .map(|it| it.id.clone())
            .collect()
    }

    fn furthest(&self, clock: &str, from: i64) -> i64 {
        let customers = self.customers_of_clock(clock);
        let live = customers
            .iter()
            .flat_map(|customer| self.subscriptions.of(customer));
        let items = live
            .filter(|it| !it.status.is_terminal())
            .flat_map(|it| &it.items);
        let prices = items.filter_map(|item| self.prices.get(&item.price)?.recurring);
        let shortest = prices
            .map(|(interval, count)| interval.after(from, 2 * i64::from(count)))
            .min();
        shortest.unwrap_or_else(|| Interval::Year.after(from, 2))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_clock_whose_advance_ends_in_a_panic_has_failed_for_good() {
        let mut core = Core::new(1, 1_000_000);
        let id = core.create_test_clock(2_000_000, None)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        core.advance_test_clock(&id, 2_000_100).unwrap();
        let broke = catch_unwind(AssertUnwindSafe(|| {
            core.reach(&id, 2_000_100, |core| panic!("at {}", core.now));
        }));
        assert!(broke.is_err());
        let shown = core.get(&id).unwrap();
        assert_eq!(shown["status"], "internal_failure");
        assert_eq!(
            (&shown["frozen_time"], core.now()),
            (&json!(2_000_000), 1_000_000)
        );
        core.advance(1);
        let told: Vec<&str> = core.events(0).iter().map(|it| it.kind).collect();
        assert_eq!(told.last(), Some(&"test_helpers.test_clock.internal_failure"));
        assert!(core.advance_test_clock(&id, 2_000_200).is_err());
        core.delete_test_clock(&id).unwrap();
    }
}
