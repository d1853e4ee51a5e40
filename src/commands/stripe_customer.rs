//! The one Stripe customer of a customer: written down before it is made, so that every retry sends the same bytes with
//! the same key.

use serde_json::Value;
use tollgate_domain::id::CustomerId;
use tollgate_domain::time::Span;
use tollgate_stripe::{CallError, Encoded, encode_customer};

use super::{Commands, Refused};

/// Stripe forgets an idempotency key after 24 hours.
/// <https://docs.stripe.com/api/idempotent_requests>
pub const KEY_LIFE: Span = Span::hours(23);

impl Commands {
    /// `cus_…`, made now if it is not there yet.
    pub(super) async fn stripe_customer(&self, customer: &CustomerId) -> Result<String, Refused> {
        let now = self.clock.now();
        let new = encode_customer(customer, &self.settings.deployment);
        let begun = self.store.begin_stripe_customer(customer, &new.path, &new.body, &new.api_version, now).await?;
        if let Some(id) = begun.id {
            return Ok(id);
        }
        if now > begun.started_at + KEY_LIFE {
            self.store.next_stripe_customer(customer, &begun, false, now).await?;
            return Err(Refused::InProgress);
        }
        let key = format!(
            "tollgate/{}/customer/{customer}/{}/{}",
            self.settings.deployment, begun.generation, begun.attempt
        );
        let request =
            Encoded { path: begun.path.clone(), body: begun.body.clone(), api_version: begun.api_version.clone() };
        let answer = match self.stripe.send(&request, &key).await {
            Ok(answer) => answer,
            Err(error @ CallError::Server { .. }) => {
                // The key would replay this failure for a day.
                self.store.next_stripe_customer(customer, &begun, false, now).await?;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        };
        let id = id_of(&answer)?;
        let adopted = self.store.adopt_stripe_customer(customer, begun.generation, &id).await?;
        Ok(adopted.id.unwrap_or(id))
    }
}

/// The `id` of one of Stripe's objects.
pub(super) fn id_of(body: &[u8]) -> Result<String, Refused> {
    let object: Value = serde_json::from_slice(body).unwrap_or_default();
    let id = object["id"].as_str().filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| Refused::Internal("Stripe's answer has no id".into()))
}
