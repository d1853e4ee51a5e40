//! The event log.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{API_VERSION, Core, Row};

/// One event, with its object as it was at that instant.
#[derive(Debug)]
pub struct Event {
    pub id: String,
    pub kind: &'static str,
    pub created: i64,
    object: Value,
    previous_attributes: Option<Value>,
    /// The endpoints that it goes to.
    pub wanted_by: Vec<String>,
    cause: Option<Cause>,
}

/// The API request that something was a consequence of.
#[derive(Clone, Debug)]
pub struct Cause {
    /// `req_…`
    pub request: String,
    pub idempotency_key: Option<String>,
}

impl Row for Event {
    const NOUN: &'static str = "event";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, _: &Core) -> Value {
        self.to_json()
    }
}

impl Event {
    /// As Stripe delivers it.
    pub fn to_json(&self) -> Value {
        let mut data = json!({ "object": self.object });
        if let Some(previous) = &self.previous_attributes {
            data["previous_attributes"] = previous.clone();
        }
        let request = self.cause.as_ref().map_or_else(
            || json!({ "id": null, "idempotency_key": null }),
            |cause| json!({ "id": cause.request, "idempotency_key": cause.idempotency_key }),
        );
        json!({
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": data,
            "livemode": false,
            "pending_webhooks": self.wanted_by.len(),
            "request": request,
            "type": self.kind,
        })
    }
}

impl Core {
    /// Every event so far from the `from`-th on, oldest first.
    pub fn events(&self, from: usize) -> &[Arc<Event>] {
        self.events.get(from..).unwrap_or_default()
    }

    /// An event by its id.
    pub fn event(&self, id: &str) -> Option<&Arc<Event>> {
        self.event_index.get(id).map(|&at| &self.events[at])
    }

    pub(crate) fn event_position(&self, id: &str) -> Option<usize> {
        self.event_index.get(id).copied()
    }

    /// Names the request that what follows is a consequence of; `None`: the clock.
    pub fn set_cause(&mut self, cause: Option<Cause>) {
        self.cause = cause;
    }

    pub(crate) fn emit(&mut self, kind: &'static str, object: Value) {
        self.push_event(kind, object, None);
    }

    /// An `…updated` event, unless nothing changed.
    pub(crate) fn emit_change(&mut self, kind: &'static str, before: &Value, after: Value) {
        if let Some(previous) = difference(before, &after) {
            self.push_event(kind, after, Some(previous));
        }
    }

    fn push_event(&mut self, kind: &'static str, object: Value, previous_attributes: Option<Value>) {
        let id = self.ids.mint("evt_");
        self.event_index.insert(id.clone(), self.events.len());
        self.events.push(Arc::new(Event {
            id,
            kind,
            created: self.account_now(),
            object,
            previous_attributes,
            wanted_by: self
                .endpoints
                .all()
                .filter(|endpoint| endpoint.wants(kind))
                .map(|endpoint| endpoint.id.clone())
                .collect(),
            cause: self.cause.clone(),
        }));
    }
}

/// What `before` had where `after` differs: nested objects key by key, lists whole, as Stripe does it.
fn difference(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut changed = Map::new();
            for (key, value) in old {
                if let Some(inner) = difference(value, new.get(key).unwrap_or(&Value::Null)) {
                    changed.insert(key.clone(), inner);
                }
            }
            for key in new.keys().filter(|key| !old.contains_key(*key)) {
                changed.insert(key.clone(), Value::Null);
            }
            (!changed.is_empty()).then_some(Value::Object(changed))
        }
        _ => (before != after).then(|| before.clone()),
    }
}
