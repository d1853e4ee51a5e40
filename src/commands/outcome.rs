//! What became of a page: for the return page, to which the browser often comes before the webhook does.

use std::time::Duration;

use tollgate_domain::facts::{Facts, Want};
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::{
    ChargeStatus, CheckoutSession, Kind, Object, PaymentStatus, SessionMode, SessionStatus,
};
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Cause, CustomerRow};
use tollgate_stripe::CallError;

use super::{Commands, Refused};
use crate::telemetry::trace;

/// One reading of Stripe in so long, whoever asks.
const REREAD: Span = Span::seconds(2);

/// How long what Stripe said may take to be applied, before the answer is "processing".
const PATIENCE: Duration = Duration::from_secs(3);

const LOOK_FIRST: Duration = Duration::from_millis(10);

/// Each look reads all that is known of the customer.
const LOOK_EVERY: Duration = Duration::from_millis(250);

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
    /// Nothing will change it any more.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.state, CheckoutState::Completed | CheckoutState::Expired)
    }

    /// `applied`: what came of it is in the entitlements.
    pub(super) fn of(customer: CustomerId, session: &CheckoutSession, applied: bool) -> Checkout {
        let state = match &session.status {
            Some(SessionStatus::Open) => CheckoutState::Open,
            Some(SessionStatus::Expired) => CheckoutState::Expired,
            _ if applied => CheckoutState::Completed,
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
        if let Some(kept) = self.kept(customer, id).await?
            && kept.outcome.checkout.is_final()
        {
            return Ok(kept.outcome);
        }
        self.reread(customer, id).await?;
        let applied = async {
            let mut pause = LOOK_FIRST;
            loop {
                if let Some(kept) = self.kept(customer, id).await?
                    && !kept.moves
                {
                    return Ok(kept.outcome);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LOOK_EVERY);
            }
        };
        if let Ok(outcome) = tokio::time::timeout(PATIENCE, applied).await {
            return outcome;
        }
        match self.kept(customer, id).await? {
            Some(kept) => Ok(kept.outcome),
            None => {
                let session = self.session(id).await?;
                Ok(Outcome {
                    checkout: Checkout::of(customer.clone(), &session, false),
                    revision: 0,
                })
            }
        }
    }

    /// As it is known in Postgres.
    pub(super) async fn kept(&self, customer: &CustomerId, id: &str) -> Result<Option<Kept>, Refused> {
        let row = self.store.customer(customer).await?;
        Ok(row.and_then(|row| kept(customer, id, &row)))
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
                self.store
                    .observe(
                        customer,
                        kind,
                        id,
                        fetched.body,
                        fetched.from,
                        fetched.to,
                        covers_seq,
                        &Cause {
                            traceparent: trace::here(),
                            accepted_at: None,
                        },
                    )
                    .await?;
            }
            Err(CallError::NotFound) => return Err(Refused::UnknownCheckout),
            // What is known stands; the fetch is made up for.
            Err(_) => {
                self.store
                    .want(
                        customer,
                        &[(Want::now(Kind::CheckoutSession, id), self.clock.now())],
                    )
                    .await?
            }
        }
        self.nudge();
        Ok(())
    }
}

/// What Postgres knows of a checkout.
pub(super) struct Kept {
    pub outcome: Outcome,
    /// What is known already is about to change it: it is worth a moment's wait.
    moves: bool,
}

fn kept(customer: &CustomerId, id: &str, row: &CustomerRow) -> Option<Kept> {
    let session = row.facts.objects.get(id)?.object.as_session()?;
    let effect = effect(session, &row.facts);
    let applied = !row.dirty && effect == Effect::There;
    let checkout = Checkout::of(customer.clone(), session, applied);
    let coming = checkout.state == CheckoutState::Processing && effect == Effect::Coming;
    Some(Kept {
        outcome: Outcome {
            checkout,
            revision: row.revision,
        },
        moves: row.dirty || coming,
    })
}

/// What came of a completed session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Nothing yet: the money is on its way, which can take days.
    None,
    /// What was bought is not known yet, and is being fetched.
    Coming,
    /// All that the entitlements depend on is known.
    There,
}

fn effect(session: &CheckoutSession, facts: &Facts) -> Effect {
    let known = match session.mode {
        SessionMode::Subscription => session
            .subscription
            .as_ref()
            .is_some_and(|id| facts.objects.contains_key(id)),
        SessionMode::Payment => session.line_items.is_some(),
        _ => true,
    };
    match session.payment_status {
        PaymentStatus::Paid | PaymentStatus::NoPaymentRequired if known => Effect::There,
        PaymentStatus::Paid | PaymentStatus::NoPaymentRequired => Effect::Coming,
        _ if has_failed(session, facts) => Effect::There,
        _ => Effect::None,
    }
}

/// A delayed payment method was tried and refused. The session itself never says so.
fn has_failed(session: &CheckoutSession, facts: &Facts) -> bool {
    let Some(intent) = &session.payment_intent else {
        return false;
    };
    let charges = facts
        .all(Object::as_charge)
        .filter(|charge| charge.payment_intent.as_ref() == Some(intent));
    let failed: Vec<bool> = charges
        .map(|charge| charge.status == ChargeStatus::Failed)
        .collect();
    !failed.is_empty() && failed.iter().all(|failed| *failed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tollgate_domain::facts::{Learned, Observation, fold};
    use tollgate_domain::schedule::Schedule;

    use super::*;

    fn row(objects: &[Value], dirty: bool) -> CustomerRow {
        let mut facts = Facts::default();
        for (seq, body) in (1..).zip(objects) {
            let object = tollgate_stripe::object(body.to_string().as_bytes())
                .unwrap()
                .unwrap();
            let learned = Learned::Event {
                created: Timestamp::from_unix(1_700_000_000),
            };
            facts = fold(facts, Observation { seq, object, learned }).0;
        }
        CustomerRow {
            facts,
            schedule: Schedule::default(),
            revision: 7,
            activation: 1,
            dirty,
        }
    }

    fn session(mode: &str, status: &str, payment_status: &str) -> Value {
        json!({"id": "cs_1", "object": "checkout.session", "mode": mode, "status": status, "payment_status": payment_status,
            "customer": "cus_1", "url": "https://checkout.example/", "subscription": "sub_1", "payment_intent": "pi_1",
            "line_items": {"has_more": false, "data": []}})
    }

    fn charge(status: &str) -> Value {
        json!({"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "status": status, "amount": 1, "created": 1})
    }

    fn state(objects: &[Value], dirty: bool) -> (CheckoutState, bool) {
        let kept = kept(&CustomerId::parse("acme").unwrap(), "cs_1", &row(objects, dirty)).unwrap();
        assert_eq!(
            kept.outcome.checkout.url.is_some(),
            kept.outcome.checkout.state == CheckoutState::Open
        );
        (kept.outcome.checkout.state, kept.moves)
    }

    #[test]
    fn it_is_completed_once_what_was_bought_is_in_the_entitlements() {
        let paid = session("subscription", "complete", "paid");
        let subscription = json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active",
            "created": 1, "items": {"has_more": false, "data": []}});
        assert_eq!(
            state(&[session("subscription", "open", "unpaid")], false),
            (CheckoutState::Open, false)
        );
        assert_eq!(
            state(&[session("subscription", "expired", "unpaid")], false),
            (CheckoutState::Expired, false)
        );
        assert_eq!(
            state(std::slice::from_ref(&paid), false),
            (CheckoutState::Processing, true)
        );
        assert_eq!(
            state(&[paid.clone(), subscription.clone()], true),
            (CheckoutState::Processing, true)
        );
        assert_eq!(
            state(&[paid, subscription], false),
            (CheckoutState::Completed, false)
        );
        assert_eq!(
            state(&[session("payment", "complete", "paid")], false),
            (CheckoutState::Completed, false)
        );
    }

    #[test]
    fn money_that_is_on_its_way_is_not_waited_for_and_ends_when_it_was_refused() {
        let unpaid = || session("payment", "complete", "unpaid");
        assert_eq!(state(&[unpaid()], false), (CheckoutState::Processing, false));
        assert_eq!(
            state(&[unpaid(), charge("pending")], false),
            (CheckoutState::Processing, false)
        );
        assert_eq!(
            state(&[unpaid(), charge("failed")], false),
            (CheckoutState::Completed, false)
        );
    }
}
