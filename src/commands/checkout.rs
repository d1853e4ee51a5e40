//! Opens a page to buy on. Written down before Stripe is asked: the same request again, from any replica, after any crash,
//! sends the same bytes with the same key, and gets the same page.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_domain::object::{CheckoutSession, Kind, Object, Stamp};
use tollgate_store::{Checkout as Begun, NewCheckout};
use tollgate_stripe::{CallError, Encoded, encode_checkout, object};

use super::existing::live_plan;
use super::outcome::Checkout;
use super::request::idempotency_key;
use super::sale::Sale;
use super::stripe_customer::KEY_LIFE;
use super::{CheckoutRequest, CheckoutState, Commands, OnExisting, Refused};

/// How long another request of the same customer is waited for.
const CLAIM_PATIENCE: Duration = Duration::from_secs(5);

const CLAIM_EVERY: Duration = Duration::from_millis(50);

impl Commands {
    /// The page of this request: opened now, or before by the same request.
    ///
    /// # Errors
    /// As [`Refused`] says. What Stripe refused stays refused; all else may be tried again with the same request.
    pub async fn create_checkout(&self, request: &CheckoutRequest) -> Result<Checkout, Refused> {
        request.check(&self.settings.return_urls)?;
        let known = self.store.checkout(&request.request_id).await?;
        let opened = known
            .as_ref()
            .is_some_and(|begun| begun.session.is_some() || begun.error.is_some());
        if opened || request.on_existing == OnExisting::Allow {
            return self.page_of(request, known).await;
        }
        self.claim(request).await?;
        let page = self.page_of(request, known).await;
        // If not now, it ends by its time.
        let _ = self
            .store
            .release_intent(&request.customer, &request.request_id)
            .await;
        page
    }

    /// The second click waits for the page of the first, and finds it.
    async fn claim(&self, request: &CheckoutRequest) -> Result<(), Refused> {
        let mut waited = Duration::ZERO;
        while !self
            .store
            .claim_intent(&request.customer, &request.request_id)
            .await?
        {
            if waited >= CLAIM_PATIENCE {
                return Err(Refused::InProgress);
            }
            tokio::time::sleep(CLAIM_EVERY).await;
            waited += CLAIM_EVERY;
        }
        Ok(())
    }

    async fn page_of(&self, request: &CheckoutRequest, known: Option<Begun>) -> Result<Checkout, Refused> {
        let begun = match known {
            Some(begun) => begun,
            None => self.begin(request).await?,
        };
        if begun.fingerprint != request.fingerprint() {
            return Err(Refused::RequestIdReused);
        }
        if let Some(error) = &begun.error {
            return Err(kept_refusal(error));
        }
        let checkout = match &begun.session {
            Some(session) => self.again(request, session).await?,
            None => Checkout::of(request.customer.clone(), &self.open(&begun).await?, false),
        };
        if checkout.state == CheckoutState::Expired {
            return Err(Refused::CheckoutExpired);
        }
        Ok(checkout)
    }

    /// A page that was opened before, as it is now; while Stripe does not answer, as it was when it was last heard of.
    async fn again(&self, request: &CheckoutRequest, session: &str) -> Result<Checkout, Refused> {
        let kept = self
            .kept(&request.customer, session)
            .await?
            .map(|kept| kept.outcome.checkout);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_final()) {
            return Ok(kept.clone());
        }
        match (self.session(session).await, kept) {
            (Ok(session), _) => Ok(Checkout::of(request.customer.clone(), &session, false)),
            (Err(error), Some(kept)) if error.retryable() => Ok(kept),
            (Err(error), _) => Err(error.into()),
        }
    }

    async fn begin(&self, request: &CheckoutRequest) -> Result<Begun, Refused> {
        let sale = self.sale(request).await?;
        let mut open = None;
        if request.on_existing == OnExisting::ReturnOpen {
            if let Some(plan) = live_plan(&self.facts(&request.customer).await?, &sale) {
                return Err(Refused::AlreadySubscribed(plan));
            }
            open = self.page(request, &sale).await?;
        }
        let stripe_customer = self.stripe_customer(&request.customer, None).await?;
        let encoded = self.encode(request, sale, stripe_customer);
        let new = NewCheckout {
            request_id: request.request_id.clone(),
            customer: request.customer.clone(),
            fingerprint: request.fingerprint(),
            path: encoded.path,
            body: encoded.body,
            api_version: encoded.api_version,
            session: open.map(|session| session.id),
            started_at: self.clock.now(),
        };
        Ok(self.store.begin_checkout(new).await?.0)
    }

    fn encode(&self, request: &CheckoutRequest, sale: Sale, stripe_customer: String) -> Encoded {
        encode_checkout(&tollgate_stripe::CheckoutRequest {
            customer: stripe_customer,
            mode: sale.mode,
            items: sale.items,
            success_url: request.success_url.clone(),
            cancel_url: request.cancel_url.clone(),
            client_reference_id: Some(request.customer.to_string()),
            stamp: Stamp {
                customer: Some(request.customer.to_string()),
                deployment: Some(self.settings.deployment.clone()),
            },
            expires_at: None,
            trial_days: None,
        })
    }

    /// Sends what was written down.
    async fn open(&self, begun: &Begun) -> Result<CheckoutSession, Refused> {
        let now = self.clock.now();
        let (mut attempt, mut started_at) = (begun.attempt, begun.started_at);
        if now > started_at + KEY_LIFE {
            // If the forgotten one took effect after all, nobody has that page's URL.
            let next = self
                .store
                .next_attempt(&begun.request_id, attempt, None, now)
                .await?;
            (attempt, started_at) = (next.attempt, next.started_at);
        }
        let (attempt_text, started_text) = (attempt.to_string(), started_at.0.to_string());
        // The instant too: the same id in another database is another request.
        let parts = [
            &self.settings.deployment,
            &begun.request_id,
            &attempt_text,
            &started_text,
        ];
        let key = idempotency_key("checkout", &parts.map(String::as_str));
        let request = Encoded {
            path: begun.path.clone(),
            body: begun.body.clone(),
            api_version: begun.api_version.clone(),
        };
        match self.stripe.send(&request, &key).await {
            Ok(answer) => {
                let session = read(&answer)?;
                let kept = self.store.finish_checkout(&begun.request_id, &session.id).await?;
                if kept == session.id {
                    return Ok(session);
                }
                // Who was faster has told theirs; nobody has this page's URL.
                Ok(self.session(&kept).await?)
            }
            Err(error @ CallError::Server { .. }) => {
                // The key would replay this failure for a day. If it took effect after all, nobody has that page's URL.
                self.store
                    .next_attempt(&begun.request_id, attempt, None, now)
                    .await?;
                Err(error.into())
            }
            Err(error @ CallError::Rejected { .. }) => {
                let of_customer =
                    matches!(&error, CallError::Rejected { param: Some(param), .. } if param == "customer");
                if of_customer && let Some(body) = self.for_another_stripe_customer(begun).await? {
                    let next = self
                        .store
                        .next_attempt(&begun.request_id, attempt, Some(&body), now)
                        .await?;
                    return Box::pin(self.open(&next)).await;
                }
                let refused = Refused::from(error);
                self.store
                    .fail_checkout(&begun.request_id, &kept_text(&refused))
                    .await?;
                Err(refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The body that names another Stripe customer than one that Stripe has deleted, of which nothing was heard; `None`:
    /// Stripe does not say that it has.
    async fn for_another_stripe_customer(&self, begun: &Begun) -> Result<Option<String>, Refused> {
        let parameter = begun.body.split('&').find(|it| it.starts_with("customer="));
        let Some(gone) = parameter.and_then(|it| it.strip_prefix("customer=")) else {
            return Ok(None);
        };
        if !self.has_deleted(gone).await? {
            return Ok(None);
        }
        // Its subscriptions have ended, too.
        self.ask_for_stripe_customer(&begun.customer, self.clock.now())
            .await?;
        let new = format!(
            "customer={}",
            self.stripe_customer(&begun.customer, Some(gone)).await?
        );
        let named = |it| if Some(it) == parameter { new.as_str() } else { it };
        Ok(Some(
            begun.body.split('&').map(named).collect::<Vec<_>>().join("&"),
        ))
    }

    /// The session as Stripe has it now.
    pub(super) async fn session(&self, id: &str) -> Result<CheckoutSession, CallError> {
        read(&self.stripe.fetch(Kind::CheckoutSession, id).await?.body)
    }
}

fn read(body: &[u8]) -> Result<CheckoutSession, CallError> {
    match object(body) {
        Ok(Some(Object::CheckoutSession(session))) => Ok(session),
        _ => Err(CallError::Unreadable("the answer is no checkout session".into())),
    }
}

/// How a final refusal is kept.
fn kept_text(refused: &Refused) -> String {
    match refused {
        Refused::RefusedByStripe { field, code } => json!({"field": field, "code": code}).to_string(),
        other => other.to_string(),
    }
}

fn kept_refusal(text: &str) -> Refused {
    let kept: Value = serde_json::from_str(text).unwrap_or_default();
    Refused::RefusedByStripe {
        field: kept["field"].as_str().map(str::to_owned),
        code: kept["code"].as_str().unwrap_or("rejected").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_refusal_is_told_again_as_it_was_told() {
        for field in [Some("success_url".to_owned()), None] {
            let refused = Refused::RefusedByStripe {
                field,
                code: "url_invalid".into(),
            };
            assert_eq!(kept_refusal(&kept_text(&refused)), refused);
        }
    }
}
