//! Webhook endpoints.

use secrecy::SecretString;
use serde_json::Value;
use stripe_client_core::VERSION;

use super::raw::{Form, field};
use super::{CallError, Client, is_one_step};
use crate::json::text;
use crate::wanted::EVENTS;

/// The API version of events that setup asks for.
pub fn api_version() -> String {
    VERSION.to_string()
}

/// An endpoint as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub id: String,
    pub url: String,
    pub enabled: bool,
    pub events: Vec<String>,
    /// `None`: the account's own version.
    pub api_version: Option<String>,
    /// Whose it is, if setup has made it.
    pub deployment: Option<String>,
}

impl Endpoint {
    /// Whether every event comes, and which of `EVENTS` does not.
    pub fn missing_events(&self) -> Vec<&'static str> {
        let comes = |event: &str| self.events.iter().any(|it| it == "*" || it == event);
        let wanted = EVENTS.iter().map(|(event, _)| *event);
        wanted.filter(|event| !comes(event)).collect()
    }

    /// Events that are not ours, `*` among them.
    pub fn other_events(&self) -> Vec<&str> {
        let ours = |event: &&str| EVENTS.iter().any(|(it, _)| it == event);
        let events = self.events.iter().map(String::as_str);
        events.filter(|event| !ours(event)).collect()
    }
}

impl Client {
    /// # Errors
    /// Stripe does not tell.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, CallError> {
        let all = self.list("/v1/webhook_endpoints").await?;
        Ok(all.iter().filter_map(endpoint).collect())
    }

    /// With exactly `EVENTS`, at our API version, stamped. The secret is never told again.
    ///
    /// # Errors
    /// Stripe refuses it.
    pub async fn create_endpoint(
        &self,
        url: &str,
        deployment: &str,
    ) -> Result<(Endpoint, SecretString), CallError> {
        let mut form = form(url, deployment);
        form.push(field("api_version", api_version()));
        let made = self.write("/v1/webhook_endpoints", &form).await?;
        let secret = text(&made["secret"]);
        let whole = endpoint(&made).zip(secret);
        let (endpoint, secret) =
            whole.ok_or_else(|| CallError::Unreadable("the endpoint has no id or no secret".into()))?;
        Ok((endpoint, secret.into()))
    }

    /// As for [`Client::create_endpoint`], but for the API version, which stays as it was.
    ///
    /// # Errors
    /// Stripe refuses it.
    pub async fn update_endpoint(
        &self,
        id: &str,
        url: &str,
        deployment: &str,
    ) -> Result<Endpoint, CallError> {
        if !is_one_step(id) {
            return Err(CallError::NotFound);
        }
        let mut form = form(url, deployment);
        form.push(field("disabled", "false"));
        let changed = self.write(&format!("/v1/webhook_endpoints/{id}"), &form).await?;
        endpoint(&changed).ok_or_else(|| CallError::Unreadable("the endpoint has no id".into()))
    }
}

fn form(url: &str, deployment: &str) -> Form {
    let mut form = vec![
        field("url", url),
        field("description", "Tollgate"),
        field("metadata[tollgate_deployment]", deployment),
    ];
    let events = EVENTS.iter().map(|(event, _)| field("enabled_events[]", *event));
    form.extend(events);
    form
}

fn endpoint(json: &Value) -> Option<Endpoint> {
    let events = json["enabled_events"].as_array();
    Some(Endpoint {
        id: text(&json["id"])?,
        url: text(&json["url"]).unwrap_or_default(),
        enabled: json["status"] == "enabled",
        events: events.into_iter().flatten().filter_map(text).collect(),
        api_version: text(&json["api_version"]),
        deployment: text(&json["metadata"]["tollgate_deployment"]),
    })
}
