//! Event destinations of Stripe's second API: where thin events go (docs.stripe.com/event-destinations).

use serde_json::{Value, json};

use super::calendar::iso;
use super::{Answer, Core, Endpoint, EndpointChange, Fault};

impl Endpoint {
    /// `include`: of what is shown only when it is asked for.
    pub fn to_destination(&self, include: &[String]) -> Value {
        let mut webhook_endpoint = json!({});
        for (name, value) in [("url", &self.url), ("signing_secret", &self.secret)] {
            if include.contains(&format!("webhook_endpoint.{name}")) {
                webhook_endpoint[name] = json!(value);
            }
        }
        let created = iso(self.created);
        let mut shown = json!({
            "id": self.id,
            "object": "v2.core.event_destination",
            "created": created,
            "description": self.description.as_deref().unwrap_or_default(),
            "enabled_events": self.enabled_events,
            "event_payload": "thin",
            "events_from": ["@self"],
            "livemode": false,
            "metadata": self.metadata,
            "name": self.destination,
            "status": if self.disabled { "disabled" } else { "enabled" },
            "type": "webhook_endpoint",
            "updated": created,
            "webhook_endpoint": webhook_endpoint,
        });
        if self.disabled {
            shown["status_details"] = json!({ "disabled": { "reason": "user" } });
        }
        shown
    }
}

impl Core {
    /// # Errors
    /// No such destination.
    pub(crate) fn event_destination(&self, id: &str) -> Result<&Endpoint, Fault> {
        let mut all = self.event_destinations();
        all.find(|it| it.id == id)
            .ok_or_else(|| Fault::missing("event destination", id))
    }

    /// In order of creation.
    pub(crate) fn event_destinations(&self) -> impl DoubleEndedIterator<Item = &Endpoint> {
        self.webhook_endpoints().filter(|it| it.destination.is_some())
    }

    /// # Errors
    /// No such destination.
    pub(crate) fn switch_event_destination(&mut self, id: &str, disabled: bool) -> Answer {
        self.event_destination(id)?;
        let change = EndpointChange {
            disabled: Some(disabled),
            ..EndpointChange::default()
        };
        self.update_webhook_endpoint(id, change)?;
        Ok(self.event_destination(id)?.to_destination(&[]))
    }

    /// # Errors
    /// No such destination.
    pub(crate) fn delete_event_destination(&mut self, id: &str) -> Answer {
        self.event_destination(id)?;
        self.delete_webhook_endpoint(id)?;
        Ok(json!({ "id": id, "object": "v2.core.event_destination" }))
    }
}
