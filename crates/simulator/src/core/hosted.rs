//! Portal sessions and webhook endpoints: small things that only have a URL.

use serde_json::{Value, json};

use super::{Answer, Core, Fault, Row};

#[derive(Clone, Debug)]
pub struct Portal {
    id: String,
    created: i64,
    pub customer: String,
    pub return_url: Option<String>,
}

impl Row for Portal {
    const NOUN: &'static str = "billing_portal.session";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, core: &Core) -> Value {
        json!({
            "id": self.id,
            "object": "billing_portal.session",
            "configuration": "bpc_1Simulated",
            "created": self.created,
            "customer": self.customer,
            "flow": null,
            "livemode": false,
            "locale": null,
            "on_behalf_of": null,
            "return_url": self.return_url,
            "url": format!("{}/portal/{}", core.base_url, self.id),
        })
    }
}

/// Where events are delivered to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub id: String,
    created: i64,
    pub url: String,
    pub secret: String,
    /// `*` or the wanted types.
    pub enabled_events: Vec<String>,
    pub disabled: bool,
    /// Events from this position of the log on are its own.
    pub from: usize,
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
            "api_version": null,
            "application": null,
            "created": self.created,
            "description": null,
            "enabled_events": self.enabled_events,
            "livemode": false,
            "metadata": {},
            "status": if self.disabled { "disabled" } else { "enabled" },
            "url": self.url,
        })
    }
}

impl Endpoint {
    /// Whether events of this type go there.
    pub fn wants(&self, kind: &str) -> bool {
        !self.disabled
            && self
                .enabled_events
                .iter()
                .any(|wanted| wanted == "*" || wanted == kind)
    }
}

impl Core {
    /// # Errors
    /// No such customer.
    pub fn create_portal_session(&mut self, customer: &str, return_url: Option<String>) -> Answer {
        self.living_customer(customer)
            .map_err(|fault| fault.param("customer"))?;
        let portal = Portal {
            id: self.ids.mint("bps_"),
            created: self.now,
            customer: customer.to_owned(),
            return_url,
        };
        let shown = portal.render(self);
        self.portals.insert(portal);
        Ok(shown)
    }

    /// Events from now on go there, those of the types in `enabled_events` (`*`: all). The answer alone shows the secret.
    pub fn create_webhook_endpoint(
        &mut self,
        url: &str,
        secret: Option<String>,
        enabled_events: Vec<String>,
    ) -> Value {
        let secret = secret.unwrap_or_else(|| self.ids.mint("whsec_"));
        let endpoint = Endpoint {
            id: self.ids.mint("we_"),
            created: self.now,
            url: url.to_owned(),
            secret,
            enabled_events,
            disabled: false,
            from: self.events.len(),
        };
        let mut shown = endpoint.render(self);
        shown["secret"] = json!(endpoint.secret);
        self.endpoints.insert(endpoint);
        shown
    }

    /// What was not delivered yet follows to the new place.
    ///
    /// # Errors
    /// No such endpoint.
    pub fn move_webhook_endpoint(&mut self, id: &str, url: &str, secret: &str) -> Result<(), Fault> {
        let endpoint = self
            .endpoints
            .get_mut(id)
            .ok_or_else(|| Fault::missing("webhook endpoint", id))?;
        endpoint.url = url.to_owned();
        endpoint.secret = secret.to_owned();
        Ok(())
    }

    /// # Errors
    /// No such endpoint.
    pub fn delete_webhook_endpoint(&mut self, id: &str) -> Answer {
        let endpoint = self
            .endpoints
            .get_mut(id)
            .ok_or_else(|| Fault::missing("webhook endpoint", id))?;
        endpoint.disabled = true;
        Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
    }

    /// Where events are delivered to.
    pub fn webhook_endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.all()
    }
}
