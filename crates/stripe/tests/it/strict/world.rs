//! A simulator's core, and everything that it has shown so far.

use std::collections::BTreeMap;

use serde_json::Value;
use stripe_simulator::api::call;
use stripe_simulator::core::{Answer, Core, Decision, Version};

use super::parser;

const DAY: i64 = 86_400;

#[derive(Clone)]
pub struct World {
    core: Core,
    events: usize,
    /// By kind, and by the tag in its metadata; the last that was shown is the last.
    known: BTreeMap<String, Vec<String>>,
    /// How often async-stripe read what: kinds, and kinds with their states.
    pub read: BTreeMap<String, usize>,
    pub refused: Vec<String>,
}

impl World {
    pub fn new() -> World {
        World {
            core: Core::new(5, 1_800_000_000),
            events: 0,
            known: BTreeMap::new(),
            read: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    /// Takes a step with the newest object of each kind.
    pub fn newest(&mut self, step: &str) -> Result<(), String> {
        self.take(step, |ids| ids.last())
    }

    /// Takes a step with any object of each kind.
    pub fn picked(&mut self, step: &str, mut pick: u64) -> Result<(), String> {
        self.take(step, |ids| {
            pick = pick.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ids.get((pick >> 33) as usize % ids.len().max(1))
        })
    }

    fn take(&mut self, step: &str, mut pick: impl FnMut(&[String]) -> Option<&String>) -> Result<(), String> {
        let mut filled = String::new();
        for (at, part) in step.split(['{', '}']).enumerate() {
            match part.strip_prefix('+') {
                _ if at % 2 == 0 => filled += part,
                Some(days) => filled += &(self.core.now() + days.parse::<i64>().unwrap() * DAY).to_string(),
                None => {
                    let ids = self.known.get(part).map_or(&[][..], Vec::as_slice);
                    filled += pick(ids).ok_or_else(|| format!("there is no {part}"))?;
                }
            }
        }
        let answer = self.command(&filled);
        self.told();
        match answer {
            Ok(shown) => self.see(&shown),
            // The bank refused, as the step wants it.
            Err(fault) if fault.status == 402 => {}
            Err(fault) => return Err(format!("{filled}: {fault}")),
        }
        Ok(())
    }

    /// A request, or what a person, a bank or the time does.
    fn command(&mut self, step: &str) -> Answer {
        let mut words = step.split(' ');
        let mut word = || words.next().unwrap_or_default();
        let core = &mut self.core;
        match (word(), word(), word()) {
            ("advance", days, _) => {
                core.advance(days.parse::<i64>().unwrap() * DAY);
                Ok(Value::Null)
            }
            ("enter", session, with) => core.pay_session_with(session, with),
            ("decline", session, _) => core.decline_session(session),
            ("authenticate", session, passed) => core.authenticate_session(session, passed == "passed"),
            ("authenticate_intent", intent, passed) => core.authenticate_intent(intent, passed == "passed"),
            ("authenticate_setup", intent, passed) => {
                core.authenticate_setup_intent(intent, passed == "passed")
            }
            ("code", session, code) => core.enter_promotion_code(session, code),
            ("dispute", charge, inquiry) => core.dispute(charge, "fraudulent", inquiry == "inquiry"),
            ("win", dispute, _) => core.decide_dispute(dispute, Decision::Won),
            ("close", dispute, _) => core.decide_dispute(dispute, Decision::Closed),
            ("fail_refund", refund, _) => core.fail_refund(refund),
            (method, path, form) => call(core, Version::default(), method, path, form),
        }
    }

    /// What the new events tell.
    fn told(&mut self) {
        let new: Vec<Value> = self
            .core
            .events(self.events)
            .iter()
            .map(|it| it.to_json())
            .collect();
        self.events += new.len();
        new.iter().for_each(|event| self.see(event));
    }

    /// Every object in it, the inner ones first.
    fn see(&mut self, shown: &Value) {
        match shown {
            Value::Array(all) => all.iter().for_each(|one| self.see(one)),
            Value::Object(fields) => {
                fields.values().for_each(|inner| self.see(inner));
                self.read(shown);
            }
            _ => {}
        }
    }

    fn read(&mut self, object: &Value) {
        let Some(kind) = parser::kind(object) else { return };
        if let Some(id) = object["id"].as_str().filter(|_| !kind.ends_with("deleted")) {
            // A line repeats its subscription's metadata.
            let tag = object["metadata"]["tag"].as_str().filter(|_| kind != "line_item");
            for name in [Some(kind.as_str()), tag].into_iter().flatten() {
                let ids = self.known.entry(name.to_owned()).or_default();
                ids.retain(|known| known != id);
                ids.push(id.to_owned());
            }
        }
        self.refused.extend(parser::refusal(object));
        for state in ["status", "mode", "type", "collection_method", "billing_reason"] {
            if let Some(word) = object[state].as_str() {
                *self.read.entry(format!("{kind} {word}")).or_default() += 1;
            }
        }
        for (name, value) in object.as_object().into_iter().flatten() {
            let there = !matches!(value, Value::Null | Value::Bool(_)) && *value != Value::Array(vec![]);
            if there {
                *self.read.entry(format!("{kind} with {name}")).or_default() += 1;
            }
        }
        *self.read.entry(kind).or_default() += 1;
    }
}
