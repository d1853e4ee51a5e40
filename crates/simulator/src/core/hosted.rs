//! Portal sessions, and the configurations that say what they offer.

mod act;

use serde_json::{Map, Value, json};

use super::{Answer, Core, Fault, Metadata, MetadataChange, Row};

#[derive(Clone, Debug)]
pub struct Portal {
    id: String,
    created: i64,
    pub customer: String,
    pub return_url: Option<String>,
    configuration: String,
    /// In Stripe's shape; `None`: the portal's start page.
    pub flow: Option<Value>,
    locale: Option<String>,
}

/// A portal session to create.
#[derive(Clone, Debug, Default)]
pub struct NewPortal {
    pub customer: String,
    pub return_url: Option<String>,
    pub configuration: Option<String>,
    /// What the page is opened for, in Stripe's shape of a session's `flow`.
    pub flow: Option<Value>,
    pub locale: Option<String>,
}

/// What is said of a configuration; what is not said stays, or is switched off in a new one.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationChange {
    /// Of each feature, in Stripe's shape.
    pub features: Value,
    pub active: Option<bool>,
    pub metadata: MetadataChange,
    /// `business_profile`, `default_return_url`, `login_page` and `name`, in Stripe's shape.
    pub shown: Map<String, Value>,
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
    /// What is only kept and shown.
    shown: Map<String, Value>,
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
            "flow": self.flow,
            "livemode": false,
            "locale": self.locale,
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

    fn render(&self, core: &Core) -> Value {
        let mut configuration = json!({
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
        });
        for (name, value) in &self.shown {
            merge(&mut configuration[name], value);
        }
        let login = &mut configuration["login_page"];
        if login["enabled"] == true {
            login["url"] = json!(format!("{}/p/login/{}", core.base_url, self.id));
        }
        configuration
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
            shown: Map::new(),
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

    pub(crate) fn create_configuration(&mut self, said: ConfigurationChange) -> Answer {
        let mut configuration = Configuration {
            id: self.ids.mint("bpc_"),
            created: self.now,
            updated: self.now,
            active: true,
            is_default: false,
            features: nothing_offered(),
            metadata: said.metadata.set,
            shown: said.shown,
        };
        merge(&mut configuration.features, &said.features);
        let shown = configuration.render(self);
        self.configurations.insert(configuration);
        self.emit("billing_portal.configuration.created", shown.clone());
        Ok(shown)
    }

    pub(crate) fn update_configuration(&mut self, id: &str, said: ConfigurationChange) -> Answer {
        let now = self.now;
        let missing = || Fault::missing(Configuration::NOUN, id);
        let mut changed = self.configurations.get(id).ok_or_else(missing)?.clone();
        let before = changed.render(self);
        merge(&mut changed.features, &said.features);
        changed.active = said.active.unwrap_or(changed.active);
        said.metadata.apply(&mut changed.metadata);
        changed.shown.extend(said.shown);
        changed.updated = now;
        let after = changed.render(self);
        *self.configurations.get_mut(id).ok_or_else(missing)? = changed;
        self.emit_change("billing_portal.configuration.updated", before, after.clone());
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
    /// No such customer or configuration; a flow that is for another's subscription, or that the configuration does not
    /// offer.
    pub fn create_portal_session(&mut self, new: NewPortal) -> Answer {
        self.living_customer(&new.customer)
            .map_err(|fault| fault.param("customer"))?;
        let configuration = new
            .configuration
            .unwrap_or_else(|| DEFAULT_CONFIGURATION.to_owned());
        let found = self.configurations.find(&configuration);
        let found = found.map_err(|fault| fault.param("configuration"))?;
        if !found.active {
            return Err(Fault::invalid("This configuration is not active.").param("configuration"));
        }
        if let Some(flow) = &new.flow {
            self.check_flow(found, &new.customer, flow)?;
        }
        let default_url = found.shown.get("default_return_url").and_then(Value::as_str);
        let portal = Portal {
            id: String::new(),
            created: self.now,
            customer: new.customer,
            return_url: new.return_url.or(default_url.map(str::to_owned)),
            configuration,
            flow: new.flow,
            locale: new.locale,
        };
        let portal = Portal {
            id: self.ids.mint("bps_"),
            ..portal
        };
        let shown = portal.render(self);
        self.portals.insert(portal);
        self.emit("billing_portal.session.created", shown.clone());
        Ok(shown)
    }

    fn check_flow(&self, configuration: &Configuration, customer: &str, flow: &Value) -> Result<(), Fault> {
        let kind = flow["type"].as_str().unwrap_or_default();
        let feature = if kind == "subscription_update_confirm" {
            "subscription_update"
        } else {
            kind
        };
        if configuration.features[feature]["enabled"] != true {
            let message = format!(
                "This subscription cannot be updated because `{feature}` is disabled in the portal's configuration."
            );
            return Err(Fault::invalid(message).param("flow_data[type]"));
        }
        let Some(id) = flow[kind]["subscription"].as_str() else {
            return Ok(());
        };
        let param = format!("flow_data[{kind}][subscription]");
        let found = self.subscriptions.get(id).filter(|it| it.customer == customer);
        let found = found.ok_or_else(|| Fault::missing("subscription", id).param(param.clone()))?;
        if found.status.is_terminal() {
            return Err(Fault::invalid("This subscription has ended.").param(param));
        }
        if found.cancel_at.is_some() && kind == "subscription_cancel" {
            return Err(Fault::invalid("This subscription is set to be canceled already.").param(param));
        }
        for item in flow[kind]["items"].as_array().into_iter().flatten() {
            let param = format!("flow_data[{kind}][items]");
            let id = item["id"].as_str().unwrap_or_default();
            if found.items.iter().all(|it| it.id != id) {
                return Err(Fault::missing("subscription_item", id).param(param));
            }
            let features = &configuration.features[feature];
            self.check_change(features, found, item["price"].as_str(), item["quantity"].as_u64())
                .map_err(|fault| fault.param(param))?;
        }
        Ok(())
    }
}
