//! What became of an event's deliveries (docs.stripe.com/webhooks).

use serde::Deserialize;
use serde_json::{Value, json};

use super::calendar::DAY;
use super::{Answer, Core, Event, Fault, Row, Version};

/// For so long nothing but failures, and Stripe disables the endpoint: "multiple days in a row" in its documentation,
/// nine of them in its mails.
const DISABLED_AFTER: i64 = 9 * DAY;

/// The `created` of events is not quite when they happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CreatedSkew {
    /// Events of so many seconds share the first of them; 0 or 1: each has its own.
    pub same_second: i64,
    /// Seconds at most by which an event looks older or newer, drawn by the seed.
    pub by: i64,
}

impl Core {
    /// As an endpoint of this version gets it now.
    pub fn shown_event(&self, event: &Event, version: Version) -> Value {
        let mut shown = event.in_version(version);
        let pending = self.undelivered.get(&event.id).map_or(0, Vec::len);
        shown["pending_webhooks"] = json!(pending);
        shown
    }

    /// Whether every endpoint that wanted it has it.
    pub fn is_delivered(&self, event: &str) -> bool {
        !self.undelivered.contains_key(event)
    }

    /// An endpoint took an event.
    pub fn acknowledge(&mut self, event: &str, endpoint: &str) {
        if let Some(it) = self.endpoints.get_mut(endpoint) {
            it.failing_since = None;
        }
        if let Some(waiting) = self.undelivered.get_mut(event) {
            waiting.retain(|it| it != endpoint);
            if waiting.is_empty() {
                self.undelivered.remove(event);
            }
        }
    }

    /// An endpoint did not take an event. After days of nothing else it is disabled.
    pub fn delivery_failed(&mut self, endpoint: &str) {
        let now = self.account_now();
        if let Some(it) = self.endpoints.get_mut(endpoint) {
            let since = *it.failing_since.get_or_insert(now);
            it.disabled |= now - since >= DISABLED_AFTER;
        }
    }

    /// A new secret, which the answer alone shows. The old one signs as well for so many seconds, as in Stripe's
    /// dashboard.
    ///
    /// # Errors
    /// No such endpoint; longer than the 24 hours that Stripe offers.
    pub fn roll_webhook_secret(&mut self, id: &str, seconds: i64) -> Answer {
        if !(0..=DAY).contains(&seconds) {
            let message = "The old secret may live on for 24 hours at most.";
            return Err(Fault::invalid(message).param("seconds"));
        }
        let until = self.account_now() + seconds;
        let secret = self.ids.mint("whsec_");
        let endpoint = self.endpoint_mut(id)?;
        let old = std::mem::replace(&mut endpoint.secret, secret.clone());
        endpoint.old_secret = Some((old, until));
        let endpoint = endpoint.clone();
        let mut shown = endpoint.render(self);
        shown["secret"] = json!(secret);
        Ok(shown)
    }

    /// What a delivery is signed with now, the newest first.
    pub fn webhook_secrets(&self, id: &str) -> Vec<String> {
        let now = self.account_now();
        let Some(endpoint) = self.endpoints.get(id) else {
            return Vec::new();
        };
        let old = endpoint.old_secret.iter().filter(|(_, until)| *until > now);
        let newest = std::iter::once(&endpoint.secret);
        newest.chain(old.map(|(secret, _)| secret)).cloned().collect()
    }

    /// When an event that happens now says it happened.
    pub(super) fn event_created(&mut self) -> i64 {
        let CreatedSkew { same_second, by } = self.settings.created_skew;
        let now = self.account_now();
        let now = if same_second > 1 {
            now - now.rem_euclid(same_second)
        } else {
            now
        };
        let wide = by.unsigned_abs().saturating_mul(2).saturating_add(1);
        let drawn = if by == 0 { 0 } else { self.ids.random() % wide };
        now.saturating_add_unsigned(drawn)
            .saturating_sub_unsigned(by.unsigned_abs())
    }
}
