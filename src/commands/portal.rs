//! Opens Stripe's customer portal.

use serde_json::Value;
use tollgate_domain::id::CustomerId;
use tollgate_stripe::encode_portal;

use super::request::check_url;
use super::{Commands, Refused};

impl Commands {
    /// The URL of a portal session, for one use within minutes.
    ///
    /// # Errors
    /// `NeverCheckedOut`: there is no Stripe customer.
    pub async fn create_portal_session(&self, customer: &CustomerId, return_url: &str) -> Result<String, Refused> {
        check_url("return_url", return_url, &self.settings.return_urls)?;
        let known = self.store.stripe_customer(customer).await?;
        let id = known.and_then(|known| known.id).ok_or(Refused::NeverCheckedOut)?;
        // Another call is another session.
        let key = format!("tollgate/{}/portal/{id}/{}", self.settings.deployment, self.clock.now().0);
        let answer = self.stripe.send(&encode_portal(&id, return_url), &key).await?;
        let session: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let url = session["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| Refused::Internal("Stripe's portal session has no URL".into()))
    }
}
