//! The one Stripe customer of a customer: written down before it is made, so that every retry sends the same bytes with
//! the same key.

use serde_json::Value;
use tollgate_domain::facts::{Facts, Want};
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::{Kind, Object};
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::StripeCustomer;
use tollgate_stripe::{CallError, Encoded, encode_customer, object};

use super::request::idempotency_key;
use super::{Commands, Refused};

/// Stripe forgets an idempotency key after 24 hours.
/// <https://docs.stripe.com/api/idempotent_requests>
pub const KEY_LIFE: Span = Span::hours(23);

/// Stripe replays its own failures for that key. Another key is tried only when the webhook of what took effect all the
/// same would have come.
const REPLAYED: Span = Span::minutes(1);

/// Made, found or given up: each needs another look at the row.
const LOOKS: usize = 4;

impl Commands {
    /// `cus_…`, if there is one.
    pub(super) async fn known_stripe_customer(
        &self,
        customer: &CustomerId,
    ) -> Result<Option<String>, Refused> {
        let facts = self.facts(customer).await?;
        let made = self.store.stripe_customer(customer).await?.and_then(|row| row.id);
        Ok(made
            .filter(|id| !is_deleted(&facts, id))
            .or_else(|| living(&facts, None)))
    }

    /// Whether Stripe shows the customer as deleted. That it knows none says nothing.
    pub(super) async fn has_deleted(&self, id: &str) -> Result<bool, CallError> {
        match self.stripe.fetch(Kind::Customer, id).await {
            Ok(fetched) => Ok(matches!(object(&fetched.body), Ok(Some(Object::Customer(it))) if it.deleted)),
            Err(CallError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `cus_…`, made now if it is not there yet, or only `gone` is, which Stripe has deleted.
    pub(super) async fn stripe_customer(
        &self,
        customer: &CustomerId,
        gone: Option<&str>,
    ) -> Result<String, Refused> {
        let new = encode_customer(customer, &self.settings.deployment);
        for _ in 0..LOOKS {
            let now = self.clock.now();
            let begun = self
                .store
                .begin_stripe_customer(customer, &new.path, &new.body, &new.api_version, now)
                .await?;
            let facts = self.facts(customer).await?;
            if let Some(id) = &begun.id {
                if gone != Some(id) && !is_deleted(&facts, id) {
                    return Ok(id.clone());
                }
                self.store
                    .next_stripe_customer(customer, &begun, true, now)
                    .await?;
            } else if let Some(id) = living(&facts, gone) {
                // It took effect though its answer was lost, or is older than Tollgate.
                self.store
                    .adopt_stripe_customer(customer, begun.generation, &id)
                    .await?;
            } else if now > begun.started_at + KEY_LIFE {
                self.store
                    .next_stripe_customer(customer, &begun, false, now)
                    .await?;
            } else {
                match self.make(customer, &begun).await {
                    Ok(id) => {
                        self.store
                            .adopt_stripe_customer(customer, begun.generation, &id)
                            .await?;
                    }
                    Err(error) => {
                        if matches!(error, CallError::Server { .. }) && now > begun.started_at + REPLAYED {
                            self.store
                                .next_stripe_customer(customer, &begun, false, now)
                                .await?;
                        }
                        return Err(error.into());
                    }
                }
            }
        }
        Err(Refused::InProgress)
    }

    /// Stripe's customer may be gone and its event late: once that is known, the next checkout makes another.
    pub(super) async fn ask_for_stripe_customer(
        &self,
        customer: &CustomerId,
        now: Timestamp,
    ) -> Result<(), Refused> {
        if let Some(id) = self.known_stripe_customer(customer).await? {
            self.store
                .want(customer, &[(Want::now(Kind::Customer, &id), now)])
                .await?;
            self.nudge();
        }
        Ok(())
    }

    /// What is known of a customer; nothing of one who was never seen.
    pub(super) async fn facts(&self, customer: &CustomerId) -> Result<Facts, Refused> {
        Ok(self
            .store
            .customer(customer)
            .await?
            .map(|row| row.facts)
            .unwrap_or_default())
    }

    async fn make(&self, customer: &CustomerId, begun: &StripeCustomer) -> Result<String, CallError> {
        let request = Encoded {
            path: begun.path.clone(),
            body: begun.body.clone(),
            api_version: begun.api_version.clone(),
        };
        let (generation, attempt) = (begun.generation.to_string(), begun.attempt.to_string());
        // The instant too: the same name in another database is another customer.
        let started_at = begun.started_at.0.to_string();
        let parts = [
            &self.settings.deployment,
            customer.as_str(),
            &generation,
            &attempt,
            &started_at,
        ];
        let answer = self
            .stripe
            .send(&request, &idempotency_key("customer", &parts))
            .await?;
        id_of(&answer)
    }
}

/// The `id` of one of Stripe's objects.
fn id_of(body: &[u8]) -> Result<String, CallError> {
    let object: Value = serde_json::from_slice(body).unwrap_or_default();
    let id = object["id"].as_str().filter(|id| !id.is_empty());
    id.map(str::to_owned)
        .ok_or_else(|| CallError::Unreadable("the answer has no id".into()))
}

pub(super) fn is_deleted(facts: &Facts, id: &str) -> bool {
    matches!(facts.objects.get(id).map(|known| &known.object), Some(Object::Customer(it)) if it.deleted)
}

fn living(facts: &Facts, gone: Option<&str>) -> Option<String> {
    let customers = facts.objects.values().filter_map(|known| match &known.object {
        Object::Customer(it) if !it.deleted && gone != Some(&it.id) => Some(&it.id),
        _ => None,
    });
    customers.min().cloned()
}

#[cfg(test)]
mod tests {
    use tollgate_domain::facts::{Learned, Observation, fold};
    use tollgate_domain::object::{Stamp, StripeCustomer};
    use tollgate_domain::time::Timestamp;

    use super::*;

    fn with(facts: Facts, id: &str, deleted: bool) -> Facts {
        let object = Object::Customer(StripeCustomer {
            id: id.into(),
            deleted,
            stamp: Stamp::default(),
            test_clock: None,
            has_payment_method: None,
        });
        let learned = Learned::Event {
            created: Timestamp::from_unix(1_700_000_000),
        };
        fold(
            facts,
            Observation {
                seq: 1,
                object,
                learned,
            },
        )
        .0
    }

    #[test]
    fn a_deleted_stripe_customer_is_not_used_again() {
        let facts = with(Facts::default(), "cus_1", true);
        assert!(is_deleted(&facts, "cus_1") && living(&facts, None).is_none());
        let facts = with(facts, "cus_2", false);
        assert_eq!(living(&facts, None).as_deref(), Some("cus_2"));
        assert_eq!(living(&facts, Some("cus_2")), None);
    }
}
