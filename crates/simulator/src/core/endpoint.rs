//! Webhook endpoints.

use serde_json::{Value, json};

use super::{Answer, Core, Fault, Metadata, MetadataChange, Row, Version};

/// Where events are delivered to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub id: String,
    pub(super) created: i64,
    pub url: String,
    pub secret: String,
    /// The one before, and until when it signs as well.
    pub old_secret: Option<(String, i64)>,
    /// Since when nothing was taken.
    pub failing_since: Option<i64>,
    /// `*` or the wanted types.
    pub enabled_events: Vec<String>,
    pub api_version: Option<Version>,
    pub(super) description: Option<String>,
    pub(super) metadata: Metadata,
    /// Gets nothing meanwhile, not even later.
    pub disabled: bool,
    pub deleted: bool,
    /// Of the second API's event destination for thin events, which this is: its name.
    pub destination: Option<String>,
    /// Events from this position of the log on are its own.
    pub from: usize,
}

/// An endpoint to create.
#[derive(Clone, Debug, Default)]
pub struct NewEndpoint {
    pub url: String,
    /// `None`: a new one.
    pub secret: Option<String>,
    /// `*`: all.
    pub enabled_events: Vec<String>,
    /// `None`: the account's.
    pub api_version: Option<Version>,
    pub description: Option<String>,
    pub metadata: Metadata,
    /// Its name, if it is an event destination for thin events.
    pub destination: Option<String>,
}

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    pub url: Option<String>,
    pub enabled_events: Option<Vec<String>>,
    pub description: Option<String>,
    pub disabled: Option<bool>,
    pub metadata: MetadataChange,
}

impl Row for Endpoint {
    const NOUN: &'static str = "webhook endpoint";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, _: &Core) -> Value {
        json!({
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version.map(Version::as_str),
            "application": null,
            "created": self.created,
            "description": self.description,
            "enabled_events": self.enabled_events,
            "livemode": false,
            "metadata": self.metadata,
            "status": if self.disabled { "disabled" } else { "enabled" },
            "url": self.url,
        })
    }
}

impl Endpoint {
    /// Whether events of this type go there.
    pub fn wants(&self, kind: &str) -> bool {
        let open = !self.disabled && !self.deleted;
        // Thin events are named after the API that their object is of.
        let thin = |wanted: &str| self.destination.is_some() && wanted.strip_prefix("v1.") == Some(kind);
        let named =
            |wanted: &String| wanted == "*" || thin(wanted) || (wanted == kind && self.destination.is_none());
        open && self.enabled_events.iter().any(named)
    }
}

impl Core {
    /// Events from now on go there. The answer alone shows the secret.
    pub fn create_webhook_endpoint(&mut self, new: NewEndpoint) -> Value {
        let secret = new.secret.unwrap_or_else(|| self.ids.mint("whsec_"));
        let endpoint = Endpoint {
            id: self
                .ids
                .mint(if new.destination.is_some() { "ed_" } else { "we_" }),
            created: self.now,
            url: new.url,
            secret,
            old_secret: None,
            failing_since: None,
            enabled_events: new.enabled_events,
            api_version: new.api_version,
            description: new.description,
            metadata: new.metadata,
            disabled: false,
            deleted: false,
            destination: new.destination,
            from: self.events.len(),
        };
        let mut shown = endpoint.render(self);
        shown["secret"] = json!(endpoint.secret);
        self.endpoints.insert(endpoint);
        shown
    }

    /// # Errors
    /// No such endpoint.
    pub fn update_webhook_endpoint(&mut self, id: &str, change: EndpointChange) -> Answer {
        let endpoint = self.endpoint_mut(id)?;
        endpoint.url = change.url.unwrap_or(std::mem::take(&mut endpoint.url));
        if let Some(events) = change.enabled_events {
            endpoint.enabled_events = events;
        }
        endpoint.description = change.description.or(endpoint.description.take());
        if let Some(disabled) = change.disabled {
            endpoint.disabled = disabled;
            endpoint.failing_since = None;
        }
        change.metadata.apply(&mut endpoint.metadata);
        let endpoint = endpoint.clone();
        Ok(endpoint.render(self))
    }

    /// What was not delivered yet follows to the new place.
    ///
    /// # Errors
    /// No such endpoint.
    pub fn move_webhook_endpoint(&mut self, id: &str, url: &str, secret: &str) -> Result<(), Fault> {
        let endpoint = self.endpoint_mut(id)?;
        endpoint.url = url.to_owned();
        endpoint.secret = secret.to_owned();
        Ok(())
    }

    /// # Errors
    /// No such endpoint.
    pub fn delete_webhook_endpoint(&mut self, id: &str) -> Answer {
        self.endpoint_mut(id)?.deleted = true;
        Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
    }

    pub(super) fn endpoint_mut(&mut self, id: &str) -> Result<&mut Endpoint, Fault> {
        let found = self.endpoints.get_mut(id).filter(|it| !it.deleted);
        found.ok_or_else(|| Fault::missing("webhook endpoint", id))
    }

    /// Where events are delivered to.
    pub fn webhook_endpoints(&self) -> impl DoubleEndedIterator<Item = &Endpoint> {
        self.endpoints.all().filter(|it| !it.deleted)
    }
}
