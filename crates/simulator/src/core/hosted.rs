//! Portal sessions, and the configurations that say what they offer.

use serde_json::{Value, json};

use super::{Answer, Core, Fault, Metadata, MetadataChange, Row};

#[derive(Clone, Debug)]
pub struct Portal {
    id: String,
    created: i64,
    pub customer: String,
    pub return_url: Option<String>,
    configuration: String,
}

/// What the portal offers, as Stripe shows it.
#[derive(Clone, Debug)]
pub struct Configuration {
    id: String,
    created: i64,
    updated: i64,
    active: bool,
    is_default: bool,
    features: Value,
    metadata: Metadata,
}

/// What sessions that name no configuration use.
const DEFAULT_CONFIGURATION: &str = "bpc_1Simulated";

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
            "configuration": self.configuration,
            "created": self.created,
            "customer": self.customer,
            "customer_account": null,
            "flow": null,
            "livemode": false,
            "locale": null,
            "on_behalf_of": null,
            "return_url": self.return_url,
            "url": format!("{}/portal/{}", core.base_url, self.id),
        })
    }
}

impl Row for Configuration {
    const NOUN: &'static str = "configuration";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, _: &Core) -> Value {
        json!({
            "id": self.id,
            "object": "billing_portal.configuration",
            "active": self.active,
            "application": null,
            "business_profile": { "headline": null, "privacy_policy_url": null, "terms_of_service_url": null },
            "created": self.created,
            "default_return_url": null,
            "features": self.features,
            "is_default": self.is_default,
            "livemode": false,
            "login_page": { "enabled": false, "url": null },
            "metadata": self.metadata,
            "name": null,
            "updated": self.updated,
        })
    }
}

/// Each feature switched off, in Stripe's shape.
fn nothing_offered() -> Value {
    json!({
        "customer_update": { "allowed_updates": [], "enabled": false },
        "invoice_history": { "enabled": false },
        "payment_method_update": { "enabled": false, "payment_method_configuration": null },
        "subscription_cancel": {
            "cancellation_reason": { "enabled": false, "feedback_options": null, "options": [] },
            "enabled": false,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_update": {
            "billing_cycle_anchor": null,
            "default_allowed_updates": [],
            "enabled": false,
            "products": [],
            "proration_behavior": "none",
            "schedule_at_period_end": { "conditions": [] },
            "trial_update_behavior": "end_trial",
        },
    })
}

impl Configuration {
    /// The one that every account has.
    pub fn of_the_account(created: i64) -> Configuration {
        let mut features = nothing_offered();
        for feature in ["invoice_history", "payment_method_update", "subscription_cancel"] {
            features[feature]["enabled"] = json!(true);
        }
        Configuration {
            id: DEFAULT_CONFIGURATION.to_owned(),
            created,
            updated: created,
            active: true,
            is_default: true,
            features,
            metadata: Metadata::new(),
        }
    }

    pub fn is(&self, active: Option<bool>, is_default: Option<bool>) -> bool {
        active.is_none_or(|it| it == self.active) && is_default.is_none_or(|it| it == self.is_default)
    }
}

impl Core {
    /// Whether the session's configuration has this switched on.
    pub(crate) fn portal_offers(&self, portal: &Portal, feature: &str) -> bool {
        let of = self.configurations.get(&portal.configuration);
        of.is_some_and(|it| it.features[feature]["enabled"] == true)
    }

    pub(crate) fn configurations(&self) -> impl DoubleEndedIterator<Item = &Configuration> {
        self.configurations.all()
    }

    /// `features`: of each feature, what is said of it; the rest is off.
    pub(crate) fn create_configuration(&mut self, features: &Value, metadata: Metadata) -> Answer {
        let mut configuration = Configuration {
            id: self.ids.mint("bpc_"),
            created: self.now,
            updated: self.now,
            active: true,
            is_default: false,
            features: nothing_offered(),
            metadata,
        };
        merge(&mut configuration.features, features);
        let shown = configuration.render(self);
        self.configurations.insert(configuration);
        self.emit("billing_portal.configuration.created", shown.clone());
        Ok(shown)
    }

    pub(crate) fn update_configuration(
        &mut self,
        id: &str,
        features: &Value,
        active: Option<bool>,
        metadata: MetadataChange,
    ) -> Answer {
        let now = self.now;
        let missing = || Fault::missing(Configuration::NOUN, id);
        let mut changed = self.configurations.get(id).ok_or_else(missing)?.clone();
        let before = changed.render(self);
        merge(&mut changed.features, features);
        changed.active = active.unwrap_or(changed.active);
        metadata.apply(&mut changed.metadata);
        changed.updated = now;
        let after = changed.render(self);
        *self.configurations.get_mut(id).ok_or_else(missing)? = changed;
        self.emit_change("billing_portal.configuration.updated", &before, after.clone());
        Ok(after)
    }
}

/// Field by field; lists whole.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

impl Core {
    /// # Errors
    /// No such customer, or no such configuration.
    pub fn create_portal_session(
        &mut self,
        customer: &str,
        return_url: Option<String>,
        configuration: Option<String>,
    ) -> Answer {
        self.living_customer(customer)
            .map_err(|fault| fault.param("customer"))?;
        let configuration = configuration.unwrap_or_else(|| DEFAULT_CONFIGURATION.to_owned());
        match self.configurations.get(&configuration) {
            None => {
                return Err(Fault::missing(Configuration::NOUN, &configuration).param("configuration"));
            }
            Some(it) if !it.active => {
                return Err(Fault::invalid("This configuration is not active.").param("configuration"));
            }
            Some(_) => {}
        }
        let portal = Portal {
            id: self.ids.mint("bps_"),
            created: self.now,
            customer: customer.to_owned(),
            return_url,
            configuration,
        };
        let shown = portal.render(self);
        self.portals.insert(portal);
        Ok(shown)
    }
}
