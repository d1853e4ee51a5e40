//! What a test can make go wrong with deliveries, by name.

use serde::Deserialize;

use super::Share;
use crate::core::{Endpoint, Event};
use crate::shell::delivery::Queue;
use crate::shell::dice::Dice;

/// Events that come late, twice, in another order or never. What is not said does not matter; shares are 0 to 1.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryRule {
    /// Only events of these types; one may end in `*`.
    pub types: Vec<String>,
    /// Only to this endpoint, by its id or URL.
    pub endpoint: Option<String>,
    /// How many deliveries it concerns; none: all of them.
    pub deliveries: Option<u32>,
    /// Seconds of the simulator's time after which it begins.
    pub from: Option<i64>,
    /// Seconds of the simulator's time after which it ends.
    pub until: Option<i64>,
    /// The share that never comes.
    pub drop: Share,
    /// The share that comes twice.
    pub duplicate: Share,
    /// How many places in the queue an event may be overtaken by.
    pub shuffle: u32,
    /// Seconds of the simulator's time by which events are late: at least, at most.
    pub delay: (i64, i64),
    /// They wait until the rule ends.
    pub hold: bool,
}

struct Standing {
    rule: DeliveryRule,
    since: i64,
    number: u64,
    left: Option<u32>,
}

/// The rules for deliveries that stand.
#[derive(Default)]
pub struct DeliveryRules {
    standing: Vec<Standing>,
    added: u64,
}

/// An event that is on its way to an endpoint.
#[derive(Clone, Copy)]
pub struct Leaving<'a> {
    pub event: &'a Event,
    /// Its position in the log.
    pub at: usize,
    pub endpoint: &'a Endpoint,
}

impl DeliveryRules {
    /// `now`: the simulator's.
    pub fn add(&mut self, rule: DeliveryRule, now: i64) {
        self.added += 1;
        self.standing.push(Standing {
            since: now,
            number: self.added,
            left: rule.deliveries,
            rule,
        });
    }

    pub fn clear(&mut self) {
        self.standing.clear();
    }

    /// Puts an event into an endpoint's queue: once, or as the rules that concern it say. What is drawn depends on the
    /// seed, the rule, the event and the endpoint alone.
    pub fn enqueue(&mut self, leaving: Leaving<'_>, queue: &mut Queue, now: i64, dice: Dice) {
        let Leaving { event, at, endpoint } = leaving;
        let (mut due, mut order, mut copies) = (now, at as u64, 1);
        for standing in &mut self.standing {
            if !standing.concerns(leaving, now) {
                continue;
            }
            let number = standing.number.to_string();
            let rule = &standing.rule;
            let drawn = |what| [what, number.as_str(), event.id.as_str(), endpoint.id.as_str()];
            if dice.falls(rule.drop.0, &drawn("drop")) {
                copies = 0;
            }
            if dice.falls(rule.duplicate.0, &drawn("duplicate")) {
                copies *= 2;
            }
            order += dice.number(&drawn("shuffle")) % (u64::from(rule.shuffle) + 1);
            let (least, most) = rule.delay;
            due = due.saturating_add(dice.between(least, most, &drawn("delay")));
            if let (true, Some(until)) = (rule.hold, rule.until) {
                due = due.max(standing.since.saturating_add(until));
            }
        }
        for _ in 0..copies {
            queue.push(at, due, order);
        }
    }
}

impl Standing {
    fn concerns(&mut self, leaving: Leaving<'_>, now: i64) -> bool {
        let Leaving { event, endpoint, .. } = leaving;
        let rule = &self.rule;
        let after = now - self.since;
        let kind = |wanted: &String| event.is_of(wanted);
        let concerned = self.left != Some(0)
            && (rule.types.is_empty() || rule.types.iter().any(kind))
            && rule
                .endpoint
                .as_ref()
                .is_none_or(|it| *it == endpoint.id || *it == endpoint.url)
            && rule.from.is_none_or(|from| after >= from)
            && rule.until.is_none_or(|until| after < until);
        if let (true, Some(left)) = (concerned, &mut self.left) {
            *left -= 1;
        }
        concerned
    }
}
