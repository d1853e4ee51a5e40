//! Opens Stripe's customer portal.

use serde_json::Value;
use tollgate_domain::id::CustomerId;
use tollgate_stripe::{CallError, PortalConfiguration, encode_portal};

use super::request::idempotency_key;
use super::returning::check_url;
use super::{Commands, Refused};

impl Commands {
    /// The URL of a portal session, for one use within minutes.
    ///
    /// # Errors
    /// `NeverCheckedOut`: there is no Stripe customer.
    pub async fn create_portal_session(
        &self,
        customer: &CustomerId,
        return_url: &str,
    ) -> Result<String, Refused> {
        check_url("return_url", return_url, &self.settings.return_urls)?;
        let id = self
            .known_stripe_customer(customer)
            .await?
            .ok_or(Refused::NeverCheckedOut)?;
        // Another call is another session.
        let key = idempotency_key(
            "portal",
            &[&self.settings.deployment, &id, &self.clock.now().0.to_string()],
        );
        let configuration = self.portal_configuration().await;
        let request = encode_portal(&id, return_url, configuration.as_deref());
        let answer = match self.stripe.send(&request, &key).await {
            // Somebody has put it away since.
            Err(CallError::Rejected {
                param: Some(param), ..
            }) if param == "configuration" => {
                let key = idempotency_key("portal", &[&key, "default"]);
                self.stripe
                    .send(&encode_portal(&id, return_url, None), &key)
                    .await?
            }
            answer => answer?,
        };
        let session: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let url = session["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| Refused::Internal("Stripe's portal session has no URL".into()))
    }

    /// `None`: Stripe's own default is used.
    async fn portal_configuration(&self) -> Option<String> {
        if self.portal.get().is_none() {
            let all = self.stripe.portal_configurations().await.ok()?;
            let ours = |it: &PortalConfiguration| {
                it.active && it.deployment.as_ref() == Some(&self.settings.deployment)
            };
            let _ = self.portal.set(all.into_iter().find(ours)?.id);
        }
        self.portal.get().cloned()
    }
}
