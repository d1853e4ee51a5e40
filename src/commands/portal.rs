//! Opens Stripe's customer portal.

use serde_json::Value;
use tollgate_domain::id::CustomerId;
use tollgate_stripe::encode_portal;

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
        let answer = self.stripe.send(&encode_portal(&id, return_url), &key).await?;
        let session: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let url = session["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| Refused::Internal("Stripe's portal session has no URL".into()))
    }
}
