//! What a test can make go wrong with requests, by name.

mod delivery;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::dice::Dice;
use crate::core::{Core, CreatedSkew, Fault};
pub use delivery::{DeliveryRule, DeliveryRules, Leaving};

/// 0: none; 1: all.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "f64")]
pub struct Share(f64);

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Share, String> {
        let within = (0.0..=1.0).contains(&share);
        within
            .then_some(Share(share))
            .ok_or_else(|| format!("a share is between 0 and 1, and not {share}"))
    }
}

/// Requests that fail, or are slow, or are answered from an old state. What is not said does not matter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestRule {
    /// How many requests it concerns; none: all of them.
    pub requests: Option<u32>,
    /// Only requests whose path begins so.
    pub path: String,
    /// Only requests of this method.
    pub method: Option<String>,
    /// Only requests with this secret key.
    pub key: Option<String>,
    /// Seconds of the simulator's time after which it begins.
    pub from: Option<i64>,
    /// Seconds of the simulator's time after which it ends.
    pub until: Option<i64>,
    /// Of those requests, how many: 0.5 is every other one, drawn by the seed.
    pub chance: Option<Share>,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// `error.code` beside it.
    pub code: Option<String>,
    /// The connection is reset instead of an answer.
    pub reset: bool,
    /// There is no answer at all.
    pub hang: bool,
    /// The command is carried out all the same, and only its answer is lost.
    pub took_effect: bool,
    /// Real time by which the answer is late.
    pub delay_ms: u64,
    /// A GET is answered from the state in which everything was when this began.
    pub frozen: bool,
}

/// One thing that goes wrong: `{"delivery": {…}}`, `{"created": {…}}`, or the fields of a request's rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wrong {
    Request(RequestRule),
    Delivery(DeliveryRule),
    Created(CreatedSkew),
}

impl Wrong {
    /// # Errors
    /// What is not known, by name.
    pub fn read(json: Value) -> serde_json::Result<Wrong> {
        let named = |json: &Value| {
            let names = ["request", "delivery", "created"];
            json.as_object()
                .is_some_and(|it| it.keys().any(|name| names.contains(&name.as_str())))
        };
        if named(&json) {
            serde_json::from_value(json)
        } else {
            serde_json::from_value(json).map(Wrong::Request)
        }
    }
}

/// A rule, since when it is there, and what it has seen.
struct Standing {
    rule: RequestRule,
    since: i64,
    number: u64,
    drawn: u64,
    state: Option<Arc<Mutex<Core>>>,
}

/// The rule that concerns a request.
pub struct Adversity {
    rule: RequestRule,
    /// The old state, of a frozen answer.
    pub state: Option<Arc<Mutex<Core>>>,
}

pub struct Adversities {
    dice: Dice,
    standing: Vec<Standing>,
    added: u64,
}

/// A request, as far as rules look at it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub key: &'a str,
}

impl Adversities {
    pub fn new(dice: Dice) -> Adversities {
        Adversities {
            dice,
            standing: Vec::new(),
            added: 0,
        }
    }

    pub fn add(&mut self, rule: RequestRule, core: &Core) {
        self.added += 1;
        let at_once = rule.frozen && rule.from.is_none();
        self.standing.push(Standing {
            since: core.now(),
            number: self.added,
            drawn: 0,
            state: at_once.then(|| Arc::new(Mutex::new(core.clone()))),
            rule,
        });
    }

    pub fn clear(&mut self) {
        self.standing.clear();
    }

    /// The first that concerns this request, which counts for it.
    pub fn take(&mut self, asked: Asked<'_>, core: &Core) -> Option<Adversity> {
        let dice = self.dice;
        let at = self
            .standing
            .iter_mut()
            .position(|it| it.concerns(asked, core.now(), dice))?;
        let standing = &mut self.standing[at];
        if standing.rule.frozen && standing.state.is_none() {
            standing.state = Some(Arc::new(Mutex::new(core.clone())));
        }
        let taken = Adversity {
            rule: standing.rule.clone(),
            state: standing.state.clone(),
        };
        if let Some(left) = &mut standing.rule.requests {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.standing.remove(at);
            }
        }
        Some(taken)
    }
}

impl Standing {
    fn concerns(&mut self, asked: Asked<'_>, now: i64, dice: Dice) -> bool {
        let rule = &self.rule;
        let is = |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|it| it == given);
        let after = now - self.since;
        let concerned = asked.path.starts_with(&rule.path)
            && rule
                .method
                .as_deref()
                .is_none_or(|it| it.eq_ignore_ascii_case(asked.method))
            && is(&rule.key, asked.key)
            && (!rule.frozen || asked.method == "GET")
            && rule.from.is_none_or(|from| after >= from)
            && rule.until.is_none_or(|until| after < until);
        let (true, Some(chance)) = (concerned, rule.chance) else {
            return concerned;
        };
        self.drawn += 1;
        dice.falls(
            chance.0,
            &["request", &self.number.to_string(), &self.drawn.to_string()],
        )
    }
}

impl Adversity {
    /// How long the answer takes beyond the usual.
    pub fn delay(&self) -> Option<Duration> {
        (self.rule.delay_ms > 0).then(|| Duration::from_millis(self.rule.delay_ms))
    }

    pub fn took_effect(&self) -> bool {
        self.rule.took_effect
    }

    pub fn reset(&self) -> bool {
        self.rule.reset
    }

    pub fn hang(&self) -> bool {
        self.rule.hang
    }

    /// The answer instead of the right one.
    pub fn fault(&self) -> Option<Fault> {
        let lost = (self.rule.reset || self.rule.hang) && !self.rule.took_effect;
        let status = self.rule.status.or(lost.then_some(503))?;
        let fault = match status {
            429 => {
                let message = "Request rate limit exceeded (adversity).";
                Fault::other(429, "invalid_request_error", message)
                    .code("rate_limit")
                    .early()
            }
            409 => {
                let message = "This object cannot be accessed right now (adversity).";
                Fault::other(409, "invalid_request_error", message)
                    .code("lock_timeout")
                    .early()
            }
            401 => Fault::other(
                401,
                "invalid_request_error",
                "Invalid API Key provided (adversity).",
            )
            .early(),
            status if status >= 500 => Fault::other(status, "api_error", "An error occurred (adversity)."),
            status => Fault::other(status, "invalid_request_error", "Refused (adversity)."),
        };
        let fault = match &self.rule.code {
            Some(code) => fault.code(code),
            None => fault,
        };
        Some(if lost { fault.early() } else { fault })
    }
}
