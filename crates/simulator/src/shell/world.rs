//! The core and what the shell keeps beside it, behind one lock, with its clock tied to real time.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Options;
use super::adversity::{Adversities, DeliveryRules, Wrong};
use super::clock::unix_micros;
use super::delivery::Redelivery;
use super::dice::Dice;
use super::idempotency::Keys;
use super::rate_limit::Limiter;
use super::rights::Rights;
use crate::core::Core;

const MICROS: i64 = 1_000_000;

/// What the lock guards.
pub struct World {
    pub core: Core,
    pub keys: Keys,
    pub rights: Rights,
    pub adversities: Adversities,
    pub limiter: Limiter,
    pub deliveries: DeliveryRules,
    pub redelivery: Redelivery,
    pub dice: Dice,
    /// Nothing is delivered for now.
    pub held: bool,
    /// The endpoint that `set_webhook` manages.
    pub managed: Option<String>,
    /// Microseconds that the simulator's clock is ahead of real time.
    offset: i64,
}

impl World {
    /// From now on this goes wrong.
    pub fn begin(&mut self, wrong: Wrong) {
        match wrong {
            Wrong::Request(rule) => self.adversities.add(rule, &self.core),
            Wrong::Delivery(rule) => self.deliveries.add(rule, self.core.now()),
            Wrong::Created(skew) => self.core.settings_mut().created_skew = skew,
        }
    }
}

/// A handle on it.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    world: Mutex<World>,
    offset: watch::Sender<i64>,
    /// Goes up whenever something may be there to deliver.
    changed: watch::Sender<u64>,
}

impl Shared {
    pub fn new(options: &Options) -> Shared {
        let present = unix_micros();
        let start = options.start.unwrap_or_else(|| present.div_euclid(MICROS));
        let offset = options.start.map_or(0, |start| start * MICROS - present);
        let mut world = World {
            core: Core::new(options.seed, start),
            keys: Keys::default(),
            rights: Rights::default(),
            adversities: Adversities::new(Dice(options.seed)),
            limiter: Limiter::new(options.rate_limit),
            deliveries: DeliveryRules::default(),
            redelivery: options.redelivery,
            dice: Dice(options.seed),
            held: false,
            managed: None,
            offset,
        };
        // With the tests' way of redelivery, time may be moved before anybody was asked.
        world.core.settings_mut().invoice_created_holds = options.redelivery != Redelivery::Fast;
        for wrong in options.scenario.clone().all() {
            world.begin(wrong);
        }
        let inner = Inner {
            world: Mutex::new(world),
            offset: watch::Sender::new(offset),
            changed: watch::Sender::new(0),
        };
        Shared(Arc::new(inner))
    }

    /// Does something at the present instant. If it moves the core's clock, the offset moves with it.
    pub fn with<R>(&self, act: impl FnOnce(&mut World) -> R) -> R {
        // A panic of one command is its caller's; the others go on with what is there.
        let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
        let present = (unix_micros() + world.offset).div_euclid(MICROS);
        world.core.advance_to(present);
        let now = world.core.now();
        let result = act(&mut world);
        let moved = world.core.now() - now;
        if moved != 0 {
            world.offset += moved * MICROS;
            self.0.offset.send_replace(world.offset);
        }
        drop(world);
        self.0.changed.send_modify(|version| *version += 1);
        result
    }

    /// Lets the clock's own doings happen.
    pub fn tick(&self) {
        self.quietly(|_| ());
    }

    /// Does something at the present instant, and wakes the others only if it made events.
    pub fn quietly<R>(&self, act: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
        let present = (unix_micros() + world.offset).div_euclid(MICROS);
        let events = world.core.events(0).len();
        world.core.advance_to(present);
        let result = act(&mut world);
        let more = world.core.events(0).len() > events;
        drop(world);
        if more {
            self.0.changed.send_modify(|version| *version += 1);
        }
        result
    }

    /// Reads without waking anybody.
    pub fn read<R>(&self, act: impl FnOnce(&World) -> R) -> R {
        act(&self.0.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Microseconds ahead of real time.
    pub fn offset(&self) -> watch::Receiver<i64> {
        self.0.offset.subscribe()
    }

    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }
}
