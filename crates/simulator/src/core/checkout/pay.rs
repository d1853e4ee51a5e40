//! What can happen to an open session: paid, declined, expired.

use super::{Mode, SessionStatus};
use crate::core::{
    Answer, Core, Fault, Metadata, NewCustomer, NewSubscription, Outcome, Redeem, Row, Session,
};

impl Core {
    /// The person enters a card that works and presses Pay.
    ///
    /// # Errors
    /// No such session, not open any more, or its customer was deleted.
    pub fn pay_session(&mut self, id: &str) -> Answer {
        let mut session = self.open_session(id)?;
        match session.new.mode {
            Mode::Payment => self.pay_once(&mut session)?,
            Mode::Subscription => self.subscribe(&mut session)?,
        }
        Ok(self.complete(session))
    }

    /// The person enters a card that is declined; the session stays open.
    ///
    /// # Errors
    /// No such session, or not open any more.
    pub fn decline_session(&mut self, id: &str) -> Answer {
        let session = self.open_session(id)?;
        if session.total > 0 {
            let intent = self.session_intent(&session)?;
            self.charge(&intent, None, Outcome::Decline);
        }
        self.session(id).map(|session| session.render(self))
    }

    /// # Errors
    /// No such session, or not open any more.
    pub fn expire_session(&mut self, id: &str) -> Answer {
        let open = self.session(id)?.status == SessionStatus::Open;
        if !open {
            let message = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
            return Err(Fault::invalid(message).param("session"));
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.status = SessionStatus::Expired;
        }
        let shown = self.session(id)?.render(self);
        self.emit("checkout.session.expired", shown.clone());
        Ok(shown)
    }

    pub(crate) fn session_due(&mut self, id: &str) {
        let due = self
            .session(id)
            .is_ok_and(|it| it.status == SessionStatus::Open && it.expires_at <= self.now);
        if due {
            let _ = self.expire_session(id);
        }
    }

    pub(super) fn open_session(&self, id: &str) -> Result<Session, Fault> {
        let session = self.session(id)?;
        if session.status != SessionStatus::Open || session.expires_at <= self.now {
            let status = session.status.as_str();
            return Err(Fault::invalid(format!(
                "This Checkout Session is {status} and cannot be paid."
            )));
        }
        if let Some(customer) = &session.customer {
            self.living_customer(customer)?;
        }
        Ok(session.clone())
    }

    fn pay_once(&mut self, session: &mut Session) -> Result<(), Fault> {
        self.count_session_redemption(session);
        if session.total == 0 {
            return Ok(());
        }
        let intent = self.session_intent(session)?;
        // A card entered for one payment is not kept for later ones.
        let card = self.ids.mint("pm_");
        self.charge(&intent, Some(&card), Outcome::Succeed);
        session.payment_intent = Some(intent);
        session.paid = true;
        Ok(())
    }

    fn count_session_redemption(&mut self, session: &Session) {
        match &session.new.discount {
            Some(Redeem::Coupon(coupon)) => self.count_redemption(coupon, None),
            Some(Redeem::PromotionCode(code)) => {
                let coupon = self.promotion_code(code).map(|it| it.new.coupon.clone());
                self.count_redemption(&coupon.unwrap_or_default(), Some(code));
            }
            Some(Redeem::Discount(_)) | None => {}
        }
    }

    /// The session's payment intent: made at the first try, used again after a decline.
    fn session_intent(&mut self, session: &Session) -> Result<String, Fault> {
        if let Some(intent) = self.session_intents.get(&session.id) {
            return Ok(intent.clone());
        }
        let metadata = match session.new.mode {
            Mode::Payment => session.new.payment_intent_metadata.clone(),
            Mode::Subscription => Metadata::new(),
        };
        let intent = self.create_intent(
            session.total,
            &session.currency,
            session.customer.as_deref(),
            metadata,
        );
        self.session_intents.insert(session.id.clone(), intent.clone());
        Ok(intent)
    }

    fn subscribe(&mut self, session: &mut Session) -> Result<(), Fault> {
        let customer = match &session.customer {
            Some(customer) => customer.clone(),
            None => {
                let email = session.new.customer_email.clone();
                let new = NewCustomer {
                    email,
                    ..NewCustomer::default()
                };
                let created = self.create_customer(new)?;
                created["id"].as_str().unwrap_or_default().to_owned()
            }
        };
        session.customer = Some(customer.clone());
        let asked = session.total > 0 || !session.new.method_if_required;
        let card = asked.then(|| self.attach_card(&customer)).transpose()?;
        let (recurring, once) = session
            .items
            .iter()
            .map(|item| (item.price.clone(), item.quantity))
            .partition(|(price, _)| self.price(price).is_ok_and(|it| it.recurring.is_some()));
        let subscription = self.start_subscription(NewSubscription {
            customer,
            items: recurring,
            once,
            payment_method: card,
            metadata: session.new.subscription_metadata.clone(),
            trial_days: session.new.trial_days,
            discounts: session.new.discount.iter().cloned().collect(),
            checkout_session: Some(session.id.clone()),
            ..NewSubscription::default()
        })?;
        session.invoice = self.subscription(&subscription)?.latest_invoice.clone();
        session.subscription = Some(subscription);
        session.paid = session.total > 0;
        Ok(())
    }

    fn complete(&mut self, mut session: Session) -> serde_json::Value {
        session.status = SessionStatus::Complete;
        let newly_owned = session.new.customer.is_none();
        let (id, customer) = (session.id.clone(), session.customer.clone());
        let shown = session.render(self);
        if let Some(row) = self.sessions.get_mut(&id) {
            *row = session;
        }
        if let (true, Some(customer)) = (newly_owned, customer) {
            self.sessions.own(&id, &customer);
        }
        self.emit("checkout.session.completed", shown.clone());
        shown
    }
}
