//! Opens Stripe's customer portal.

use std::sync::Arc;

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
        let used = match self.portal.load_full() {
            Some(known) => Some(known),
            None => self.find_portal().await,
        };
        let send = async |configuration: Option<&str>| {
            // Another configuration is another request.
            let key = idempotency_key("portal", &[&key, configuration.unwrap_or("default")]);
            self.stripe
                .send(&encode_portal(&id, return_url, configuration), &key)
                .await
        };
        let answer = match send(used.as_deref().map(String::as_str)).await {
            // Somebody has put it away since; there may be another.
            Err(CallError::Rejected {
                param: Some(param), ..
            }) if param == "configuration" => {
                self.portal.store(None);
                let other = self
                    .find_portal()
                    .await
                    .filter(|other| Some(other) != used.as_ref());
                send(other.as_deref().map(String::as_str)).await?
            }
            answer => answer?,
        };
        let session: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let url = session["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| Refused::Internal("Stripe's portal session has no URL".into()))
    }

    /// The one that `stripe setup` has made, which is kept: made after the start it is found by the next call. `None`: there is
    /// none, and Stripe's own default is used.
    async fn find_portal(&self) -> Option<Arc<String>> {
        let all = self.stripe.portal_configurations().await.ok()?;
        let ours =
            |it: &PortalConfiguration| it.active && it.deployment.as_ref() == Some(&self.settings.deployment);
        let found = Arc::new(all.into_iter().find(ours)?.id);
        self.portal.store(Some(found.clone()));
        Some(found)
    }
}
