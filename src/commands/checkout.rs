//! Opens a page to buy on. Written down before Stripe is asked: the same request again, from any replica, after any crash,
//! sends the same bytes with the same key, and gets the same page.

use tollgate_domain::object::{CheckoutSession, Object, SessionStatus, Stamp};
use tollgate_store::{Checkout as Begun, NewCheckout};
use tollgate_stripe::{CallError, Encoded, encode_checkout, object};

use super::outcome::Checkout;
use super::sale::{Sale, live_plan};
use super::stripe_customer::{KEY_LIFE, id_of};
use super::{CheckoutRequest, Commands, OnExisting, Refused};

/// Open pages of one customer that are looked through.
const RECENT: i64 = 10;

impl Commands {
    /// The page of this request: opened now, or before by the same request.
    ///
    /// # Errors
    /// As [`Refused`] says; every one of them may be tried again with the same request.
    pub async fn create_checkout(&self, request: &CheckoutRequest) -> Result<Checkout, Refused> {
        request.check(&self.settings.return_urls)?;
        let begun = match self.store.checkout(&request.request_id).await? {
            Some(begun) => begun,
            None => self.begin(request).await?,
        };
        if begun.fingerprint != request.fingerprint() {
            return Err(Refused::RequestIdReused);
        }
        let session = match &begun.session {
            Some(session) => session.clone(),
            None => self.open(&begun).await?,
        };
        let session = self.session(&session).await?;
        if session.status == Some(SessionStatus::Expired) {
            return Err(Refused::CheckoutExpired);
        }
        Ok(Checkout::of(request.customer.clone(), &session, false))
    }

    async fn begin(&self, request: &CheckoutRequest) -> Result<Begun, Refused> {
        let sale = self.sale(request).await?;
        let mut open = None;
        if request.on_existing == OnExisting::ReturnOpen {
            if let Some(row) = self.store.customer(&request.customer).await?
                && let Some(plan) = live_plan(&row.facts, &sale)
            {
                return Err(Refused::AlreadySubscribed(plan));
            }
            open = self.open_page(request).await?;
        }
        let stripe_customer = self.stripe_customer(&request.customer).await?;
        let encoded = self.encode(request, sale, stripe_customer);
        let new = NewCheckout {
            request_id: request.request_id.clone(),
            customer: request.customer.clone(),
            fingerprint: request.fingerprint(),
            path: encoded.path,
            body: encoded.body,
            api_version: encoded.api_version,
            started_at: self.clock.now(),
        };
        let (begun, is_new) = self.store.begin_checkout(new).await?;
        match open {
            Some(session) if is_new => {
                self.store.finish_checkout(&request.request_id, &session).await?;
                Ok(Begun { session: Some(session), ..begun })
            }
            _ => Ok(begun),
        }
    }

    /// A page that is open and sells the same to the same customer.
    async fn open_page(&self, request: &CheckoutRequest) -> Result<Option<String>, Refused> {
        let fingerprint = request.fingerprint();
        let recent = self.store.checkouts(&request.customer, RECENT).await?;
        for session in recent.into_iter().filter(|begun| begun.fingerprint == fingerprint).filter_map(|b| b.session) {
            if self.session(&session).await?.status == Some(SessionStatus::Open) {
                return Ok(Some(session));
            }
        }
        Ok(None)
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
    async fn open(&self, begun: &Begun) -> Result<String, Refused> {
        let now = self.clock.now();
        let attempt = if now > begun.started_at + KEY_LIFE {
            self.store.next_attempt(&begun.request_id, begun.attempt, now).await?.attempt
        } else {
            begun.attempt
        };
        let key = format!("tollgate/{}/checkout/{}/{attempt}", self.settings.deployment, begun.request_id);
        let request =
            Encoded { path: begun.path.clone(), body: begun.body.clone(), api_version: begun.api_version.clone() };
        match self.stripe.send(&request, &key).await {
            Ok(answer) => {
                let session = id_of(&answer)?;
                self.store.finish_checkout(&begun.request_id, &session).await?;
                Ok(session)
            }
            Err(error @ CallError::Server { .. }) => {
                // The key would replay this failure for a day. If it took effect after all, nobody has that page's URL.
                self.store.next_attempt(&begun.request_id, attempt, now).await?;
                Err(error.into())
            }
            Err(error @ CallError::Rejected { .. }) => {
                let refused = Refused::from(error);
                self.store.fail_checkout(&begun.request_id, &refused.to_string()).await?;
                Err(refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The session as Stripe has it now.
    pub(super) async fn session(&self, id: &str) -> Result<CheckoutSession, Refused> {
        let fetched = self.stripe.fetch(tollgate_domain::object::Kind::CheckoutSession, id).await?;
        match object(&fetched.body) {
            Ok(Some(Object::CheckoutSession(session))) => Ok(session),
            _ => Err(Refused::Internal("Stripe's checkout session cannot be read".into())),
        }
    }
}
