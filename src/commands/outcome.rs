//! What became of a page: for the return page, to which the browser often comes before the webhook does.

use std::time::Duration;

use tollgate_domain::facts::{Facts, Want};
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::{CheckoutSession, Kind, Object, PaymentStatus, SessionMode, SessionStatus};
use tollgate_domain::time::{Span, Timestamp};
use tollgate_stripe::CallError;

use super::{Commands, Refused};

/// One reading of Stripe in so long, whoever asks.
const REREAD: Span = Span::seconds(2);

/// How long what Stripe said may take to be applied, before the answer is "processing".
const PATIENCE: Duration = Duration::from_secs(3);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A page to buy on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    pub id: String,
    pub customer: CustomerId,
    /// Only while it is open.
    pub url: Option<String>,
    pub state: CheckoutState,
    pub payment: PaymentStatus,
    pub mode: SessionMode,
    pub expires_at: Option<Timestamp>,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutState {
    Open,
    /// Left by the customer, and the money or its effect is on the way.
    Processing,
    /// What was bought is in the entitlements.
    Completed,
    Expired,
}

/// A checkout, and from which revision on every replica shows what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub checkout: Checkout,
    pub revision: i64,
}

impl Checkout {
    pub(super) fn of(customer: CustomerId, session: &CheckoutSession, applied: bool) -> Checkout {
        let state = match (&session.status, &session.payment_status) {
            (Some(SessionStatus::Open), _) => CheckoutState::Open,
            (Some(SessionStatus::Expired), _) => CheckoutState::Expired,
            (_, PaymentStatus::Paid | PaymentStatus::NoPaymentRequired) if applied => CheckoutState::Completed,
            _ => CheckoutState::Processing,
        };
        Checkout {
            id: session.id.clone(),
            customer,
            url: session.url.clone().filter(|_| state == CheckoutState::Open),
            state,
            payment: session.payment_status.clone(),
            mode: session.mode.clone(),
            expires_at: session.expires_at,
        }
    }
}

impl Commands {
    /// What became of a customer's checkout.
    ///
    /// # Errors
    /// `UnknownCheckout` also for another customer's.
    pub async fn get_checkout(&self, customer: &CustomerId, id: &str) -> Result<Outcome, Refused> {
        let ids = [id.to_owned()];
        if self.store.links(&ids).await?.get(id) != Some(customer) {
            return Err(Refused::UnknownCheckout);
        }
        if let Some((session, revision)) = self.kept(customer, id).await?
            && session.state != CheckoutState::Open
            && session.state != CheckoutState::Processing
        {
            return Ok(Outcome { checkout: session, revision });
        }
        self.reread(customer, id).await?;
        let applied = async {
            loop {
                // Open may be old news for as long as the reading is not applied.
                if let Some((checkout, revision)) = self.kept(customer, id).await?
                    && checkout.state != CheckoutState::Processing
                    && !self.store.customer(customer).await?.is_some_and(|row| row.dirty)
                {
                    return Ok(Outcome { checkout, revision });
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if let Ok(outcome) = tokio::time::timeout(PATIENCE, applied).await {
            return outcome;
        }
        match self.kept(customer, id).await? {
            Some((checkout, revision)) => Ok(Outcome { checkout, revision }),
            None => {
                let session = self.session(id).await?;
                Ok(Outcome { checkout: Checkout::of(customer.clone(), &session, false), revision: 0 })
            }
        }
    }

    /// As it is known in Postgres, and the customer's last revision.
    async fn kept(&self, customer: &CustomerId, id: &str) -> Result<Option<(Checkout, i64)>, Refused> {
        let Some(row) = self.store.customer(customer).await? else { return Ok(None) };
        let Some(Object::CheckoutSession(session)) = row.facts.objects.get(id).map(|known| &known.object) else {
            return Ok(None);
        };
        let applied = !row.dirty && has_effect(session, &row.facts);
        Ok(Some((Checkout::of(customer.clone(), session, applied), row.revision)))
    }

    /// Asks Stripe, and puts what it says where everything that is learned goes.
    async fn reread(&self, customer: &CustomerId, id: &str) -> Result<(), Refused> {
        if !self.store.claim_reread(id, self.clock.now(), REREAD).await? {
            return Ok(());
        }
        let covers_seq = self.store.covers_seq(id).await?;
        match self.stripe.fetch(Kind::CheckoutSession, id).await {
            Ok(fetched) => {
                let kind = Kind::CheckoutSession;
                self.store.observe(customer, kind, id, fetched.body, fetched.from, fetched.to, covers_seq).await?;
            }
            Err(CallError::NotFound) => return Err(Refused::UnknownCheckout),
            // What is known stands; the fetch is made up for.
            Err(_) => self.store.want(customer, &[(Want::now(Kind::CheckoutSession, id), self.clock.now())]).await?,
        }
        self.nudge();
        Ok(())
    }
}

/// Whether what was bought is known, so that the entitlements contain it.
fn has_effect(session: &CheckoutSession, facts: &Facts) -> bool {
    match session.mode {
        SessionMode::Subscription => {
            session.subscription.as_ref().is_some_and(|id| facts.objects.contains_key(id))
        }
        SessionMode::Payment => session.line_items.is_some(),
        _ => true,
    }
}
