//! What can happen to an open session: paid, declined, authenticated, expired
//! (docs.stripe.com/payments/checkout/fulfillment).

use super::{Mode, SessionStatus};
use crate::core::payment::{Attempt, NewIntent};
use crate::core::payment_method::{Authentication, Billing, Sandbox};
use crate::core::setup_intent::SetupStatus;
use crate::core::{
    Answer, Confirm, Core, Fault, Invoice, Metadata, NewCustomer, NewSetupIntent, NewSubscription, Row,
    Session,
};

impl Core {
    /// The person enters a card that works and presses Pay.
    ///
    /// # Errors
    /// No such session, not open any more, or its customer was deleted.
    pub fn pay_session(&mut self, id: &str) -> Answer {
        self.pay_session_with(id, "pm_card_visa")
    }

    /// The person enters a card that is declined; the session stays open.
    ///
    /// # Errors
    /// No such session, or not open any more.
    pub fn decline_session(&mut self, id: &str) -> Answer {
        self.open_session(id)?;
        match self.pay_session_with(id, "pm_card_visa_chargeDeclined") {
            Err(fault) if fault.status == 402 => self.session(id).map(|session| session.render(self)),
            other => other,
        }
    }

    /// The person enters one of Stripe's test methods, by name or number, and presses Pay. If their bank asks for an
    /// authentication the session stays open and [`Core::session_waits`].
    ///
    /// # Errors
    /// No such session or method, not open any more, its customer was deleted; 402: declined, and the session stays open.
    pub fn pay_session_with(&mut self, id: &str, method: &str) -> Answer {
        let mut session = self.open_session(id)?;
        let does = *Sandbox::find(method)?;
        if !session.new.types().contains(&does.kind.as_str()) {
            return Err(Fault::invalid(format!(
                "This Checkout Session does not take {}.",
                does.kind.as_str()
            )));
        }
        let billing = Billing {
            email: session.email().cloned(),
            ..Billing::default()
        };
        let method = self.create_payment_method(method, billing, Metadata::new())?;
        let method = method["id"].as_str().unwrap_or_default().to_owned();
        self.fits(&method, &session.currency, &session.new.types())?;
        if session.total == 0 {
            return self.save_method(session, &method);
        }
        // In mode `subscription` the first invoice asks for the money, once it is there.
        let needs_action = does.authentication != Authentication::Never;
        if session.new.mode == Mode::Subscription
            && !needs_action
            && (does.result.is_ok() || does.delay.is_some())
        {
            self.subscribe(&mut session, Some(&method))?;
            return Ok(self.complete(session));
        }
        if session.new.always_customer && session.customer.is_none() && does.result.is_ok() {
            session.customer = Some(self.customer_of_session(&session)?);
            if let Some(row) = self.sessions.get_mut(id) {
                row.customer.clone_from(&session.customer);
            }
        }
        let intent = self.session_intent(&session)?;
        let attempt = self.attempt(&intent, &method, does, false);
        self.session_attempted(session, &intent, &method, attempt)
    }

    /// The session waits for the person to authenticate.
    pub fn session_waits(&self, id: &str) -> bool {
        let setup = self.sessions.get(id).and_then(|it| it.setup_intent.as_deref());
        let setup = setup.and_then(|it| self.setup_intents.get(it));
        if setup.is_some_and(|it| it.status == SetupStatus::RequiresAction) {
            return true;
        }
        let intent = self.session_intents.get(id).and_then(|it| self.intents.get(it));
        intent.is_some_and(|it| it.status == crate::core::payment::IntentStatus::RequiresAction)
    }

    /// The person passed, or failed, what their bank asked of them.
    ///
    /// # Errors
    /// Nothing was asked; 402: they failed, or the card is declined then, and the session stays open.
    pub fn authenticate_session(&mut self, id: &str, passed: bool) -> Answer {
        let session = self.open_session(id)?;
        if let Some(setup) = session.setup_intent.clone() {
            self.authenticate_setup_intent(&setup, passed)?;
            return self.session_set_up(session, &setup);
        }
        let intent = self.session_intents.get(id).cloned();
        let nothing = || Fault::invalid("This Checkout Session does not wait for an authentication.");
        let intent = intent.ok_or_else(nothing)?;
        if !self.session_waits(id) {
            return Err(nothing());
        }
        let method = self.intent(&intent)?.payment_method.clone().unwrap_or_default();
        let does = *self.method(&method)?.does;
        if passed && session.new.mode == Mode::Subscription && does.result.is_ok() {
            let mut session = session;
            if let Some(intent) = self.intents.get_mut(&intent) {
                intent.authenticated = true;
            }
            self.subscribe(&mut session, Some(&method))?;
            return Ok(self.complete(session));
        }
        self.authenticate_intent(&intent, passed)?;
        self.session_attempted(session, &intent, &method, Attempt::Paid)
    }

    /// What came of an attempt on the session's own intent.
    fn session_attempted(
        &mut self,
        mut session: Session,
        intent: &str,
        method: &str,
        attempt: Attempt,
    ) -> Answer {
        match attempt {
            Attempt::Failed(decline) => return Err(decline.into()),
            Attempt::NeedsAction => return Ok(session.render(self)),
            Attempt::Paid => session.paid = true,
            Attempt::Processing => {
                self.unsettled.insert(intent.to_owned(), session.id.clone());
            }
        }
        session.payment_intent = Some(intent.to_owned());
        self.keep_method(intent, method, attempt);
        Ok(self.complete(session))
    }

    /// The bank has answered on a delayed payment of a session that completed before.
    pub(crate) fn session_settled(&mut self, intent: &str, paid: bool) {
        let Some(id) = self.unsettled.remove(intent) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.paid = paid;
        }
        let event = if paid {
            "checkout.session.async_payment_succeeded"
        } else {
            "checkout.session.async_payment_failed"
        };
        self.tell(event, &id);
    }

    /// Nothing is due today: the method is for what comes, if it is asked for.
    fn save_method(&mut self, mut session: Session, method: &str) -> Answer {
        match session.new.mode {
            Mode::Payment => return Ok(self.complete(session)),
            Mode::Subscription if session.new.method_if_required => {
                self.subscribe(&mut session, None)?;
                return Ok(self.complete(session));
            }
            Mode::Subscription | Mode::Setup => {}
        }
        let setup = match session.setup_intent.clone() {
            Some(setup) => setup,
            None => self.session_setup(&session)?,
        };
        session.setup_intent = Some(setup.clone());
        if let Some(row) = self.sessions.get_mut(&session.id) {
            *row = session.clone();
        }
        let confirm = Confirm {
            payment_method: Some(method.to_owned()),
            ..Confirm::default()
        };
        self.confirm_setup_intent(&setup, confirm)?;
        self.session_set_up(session, &setup)
    }

    /// The setup intent of a session.
    pub(super) fn session_setup(&mut self, session: &Session) -> Result<String, Fault> {
        let new = NewSetupIntent {
            customer: session.customer.clone(),
            types: session.new.types(),
            metadata: session.new.setup_intent_metadata.clone(),
            ..NewSetupIntent::default()
        };
        let made = self.create_setup_intent(new, None)?;
        Ok(made["id"].as_str().unwrap_or_default().to_owned())
    }

    fn session_set_up(&mut self, mut session: Session, setup: &str) -> Answer {
        let intent = self.setup_intent(setup)?;
        if intent.status != SetupStatus::Succeeded {
            return Ok(session.render(self));
        }
        let method = intent.payment_method.clone();
        if session.new.mode == Mode::Subscription {
            self.subscribe(&mut session, method.as_deref())?;
        }
        Ok(self.complete(session))
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

    /// Nobody paid until `expires_at`, 24 hours after its creation or sooner (docs.stripe.com/api/checkout/sessions/create).
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

    /// Whoever pays becomes a customer.
    fn customer_of_session(&mut self, session: &Session) -> Result<String, Fault> {
        let created = self.create_customer(NewCustomer {
            email: session.email().cloned(),
            ..NewCustomer::default()
        })?;
        Ok(created["id"].as_str().unwrap_or_default().to_owned())
    }

    fn count_session_redemption(&mut self, session: &Session) {
        if let Some(redeem) = &session.new.discount {
            self.count_redemption(redeem);
        }
    }

    /// The session's payment intent: made at the first try, used again after a decline.
    fn session_intent(&mut self, session: &Session) -> Result<String, Fault> {
        if let Some(id) = self.session_intents.get(&session.id) {
            // A promotion code may have changed what is due.
            if let Some(intent) = self.intents.get_mut(id) {
                intent.amount = session.total;
            }
            return Ok(id.clone());
        }
        let metadata = match session.new.mode {
            Mode::Payment => session.new.payment_intent_metadata.clone(),
            Mode::Subscription | Mode::Setup => Metadata::new(),
        };
        let intent = self.create_intent(NewIntent {
            amount: session.total,
            currency: session.currency.clone(),
            customer: session.customer.clone(),
            metadata,
            description: session.new.payment_intent_description.clone(),
            setup_future_usage: session.new.setup_future_usage,
            types: session.new.types(),
            ..NewIntent::default()
        });
        self.session_intents.insert(session.id.clone(), intent.clone());
        Ok(intent)
    }

    /// The first invoice takes over what was tried before.
    fn subscribe(&mut self, session: &mut Session, method: Option<&str>) -> Result<(), Fault> {
        let customer = match &session.customer {
            Some(customer) => customer.clone(),
            None => self.customer_of_session(session)?,
        };
        session.customer = Some(customer.clone());
        if let Some(method) = method {
            self.keep(method, &customer);
        }
        let (recurring, once) = session
            .items
            .iter()
            .filter(|item| item.quantity > 0)
            .map(|item| (item.price.clone(), item.quantity))
            .partition(|(price, _)| self.price(price).is_ok_and(|it| it.recurring.is_some()));
        let subscription = self.start_subscription(NewSubscription {
            customer,
            items: recurring,
            once,
            payment_method: method.map(str::to_owned),
            intent: self.session_intents.get(&session.id).cloned(),
            metadata: session.new.subscription_metadata.clone(),
            description: session.new.subscription_description.clone(),
            trial_days: session.new.trial_days,
            trial_end: session.new.trial_end,
            missing_payment_method: session.new.missing_payment_method,
            discounts: session.new.discount.iter().cloned().collect(),
            checkout_session: Some(session.id.clone()),
            ..NewSubscription::default()
        })?;
        session.invoice = self.subscription(&subscription)?.latest_invoice.clone();
        session.subscription = Some(subscription);
        let invoice = session.invoice.as_deref().and_then(|id| self.invoices.get(id));
        session.paid = session.total > 0 && invoice.is_some_and(Invoice::is_settled);
        if let Some(intent) = invoice.and_then(|it| it.payment_intent.clone())
            && !session.paid
        {
            self.unsettled.insert(intent, session.id.clone());
        }
        Ok(())
    }

    fn complete(&mut self, mut session: Session) -> serde_json::Value {
        session.status = SessionStatus::Complete;
        if session.new.mode == Mode::Payment {
            self.count_session_redemption(&session);
        }
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
