//! Thin events: what happened to which object, without the object (docs.stripe.com/event-destinations, "Thin events";
//! for the objects of the first API docs.stripe.com/changelog/endive/2026-09-30).

use serde_json::{Value, json};

use crate::core::calendar::iso;
use crate::core::{Core, Event};

impl Event {
    /// As it is delivered and as `/v2/core/events/:id` shows it: it has no version.
    pub fn to_thin(&self) -> Value {
        let snapshot = self.to_json();
        let object = &snapshot["data"]["object"];
        let request = &snapshot["request"];
        let reason = request["id"].is_string().then(|| {
            json!({
                "type": "request",
                "request": { "id": request["id"], "idempotency_key": request["idempotency_key"] },
            })
        });
        let mut thin = json!({
            "id": thin_id(&self.id),
            "object": "v2.core.event",
            "context": null,
            "created": iso(self.created),
            "livemode": false,
            "reason": reason,
            "snapshot_event": self.id,
            "type": format!("v1.{}", self.kind),
        });
        if let Some(related) = related(object) {
            thin["related_object"] = related;
        }
        thin
    }
}

/// Where to fetch the object. Some, such as the summary of a customer's entitlements, are not named.
fn related(object: &Value) -> Option<Value> {
    let kind = object["object"].as_str()?;
    if kind == "discount" {
        // There is one of whose it is, and it is found there.
        let of = |whose: &str| Some(format!("/v1/{whose}s/{}/discount", object[whose].as_str()?));
        let url = of("subscription").or_else(|| of("customer"))?;
        return Some(json!({ "type": kind, "url": url }));
    }
    // A portal's session cannot be fetched.
    let id = object["id"]
        .as_str()
        .filter(|_| kind != "billing_portal.session")?;
    let url = format!("/v1/{}s/{id}", kind.replace('.', "/"));
    Some(json!({ "id": id, "type": kind, "url": url }))
}

/// A thin event has an id of its own.
fn thin_id(snapshot: &str) -> String {
    snapshot.replacen("evt_", "evt_test_", 1)
}

impl Core {
    /// By the id that [`Event::to_thin`] gives it.
    pub fn thin_event(&self, id: &str) -> Option<Value> {
        let snapshot = id.replacen("evt_test_", "evt_", 1);
        let found = self.event(&snapshot).filter(|event| thin_id(&event.id) == id);
        found.map(|event| event.to_thin())
    }
}
