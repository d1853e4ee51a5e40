//! How a session is made.

use super::{LineItem, Mode, NewSession, Session, SessionStatus};
use crate::core::calendar::{DAY, MINUTE};
use crate::core::discount::Purpose;
use crate::core::{Answer, Core, Fault, MetadataChange, Row};

impl Core {
    /// # Errors
    /// As Stripe refuses it: unknown or inactive price, mode and prices that do not go together, two currencies.
    pub fn create_checkout_session(&mut self, mut new: NewSession) -> Answer {
        if new.payment_method_types.is_empty() {
            new.payment_method_types
                .clone_from(&self.settings.payment_method_types);
        }
        if let Some(customer) = &new.customer {
            self.living_customer(customer)
                .map_err(|fault| fault.param("customer"))?;
        }
        let expires_at = new.expires_at.unwrap_or(self.now + DAY);
        if !(self.now + 30 * MINUTE..=self.now + DAY).contains(&expires_at) {
            let message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.";
            return Err(Fault::invalid(message).param("expires_at"));
        }
        let currency = self.check_line_items(&new)?;
        let mut items = Vec::new();
        for (at, (price, quantity)) in new.line_items.iter().enumerate() {
            let price = self.price(price)?;
            let amount = price.amount_for(*quantity);
            items.push(LineItem {
                id: String::new(),
                price: price.id.clone(),
                quantity: *quantity,
                adjustable: new.adjustable.get(&at).copied(),
                amount,
                discount: 0,
            });
        }
        let session = Session {
            id: String::new(),
            created: self.now,
            expires_at,
            items,
            currency,
            subtotal: 0,
            total: 0,
            status: SessionStatus::Open,
            paid: false,
            customer: new.customer.clone(),
            typed_email: None,
            payment_intent: None,
            subscription: None,
            invoice: None,
            setup_intent: None,
            new,
        };
        let mut session = self.add_up(session)?;
        if session.new.mode == Mode::Setup {
            session.setup_intent = Some(self.session_setup(&session)?);
        }
        for item in &mut session.items {
            item.id = self.ids.mint("li_");
        }
        session.id = self.ids.mint("cs_test_");
        let shown = session.render(self);
        self.wake(session.expires_at, &session.id);
        self.sessions.insert(session);
        Ok(shown)
    }

    /// With its amounts and discount as its items and what is redeemed make them.
    ///
    /// # Errors
    /// The discount may not be redeemed for it.
    pub(super) fn add_up(&self, mut session: Session) -> Result<Session, Fault> {
        let today = |item: &LineItem| {
            let price = self.prices.get(&item.price)?;
            let waits = session.new.has_trial() && price.recurring.is_some();
            Some((price.product.as_str(), if waits { 0 } else { item.amount }))
        };
        let amounts: Vec<(&str, i64)> = session.items.iter().filter_map(today).collect();
        session.subtotal = amounts.iter().map(|(_, amount)| amount).sum();
        session.total = session.subtotal;
        for item in &mut session.items {
            item.discount = 0;
        }
        let Some(redeem) = &session.new.discount else {
            return Ok(session);
        };
        let purpose = Purpose {
            customer: session.customer.as_deref(),
            currency: &session.currency,
            amount: session.subtotal,
        };
        let coupon = self.check_redeem(redeem, &purpose, "discounts[0]")?;
        let off = self.take_off(&[&coupon], &amounts).concat();
        session.total -= off.iter().sum::<i64>();
        for (item, off) in session.items.iter_mut().zip(off) {
            item.discount = off;
        }
        Ok(session)
    }

    /// The currency of all of them.
    fn check_line_items(&self, new: &NewSession) -> Result<String, Fault> {
        if new.mode == Mode::Setup {
            if new.line_items.is_empty() {
                return Ok("usd".to_owned());
            }
            let message = "You can not pass `line_items` in `setup` mode.";
            return Err(Fault::invalid(message).param("line_items"));
        }
        if new.line_items.is_empty() {
            let mode = new.mode.as_str();
            let message = format!("You must provide `line_items` when using `{mode}` mode.");
            return Err(Fault::invalid(message)
                .code("parameter_missing")
                .param("line_items"));
        }
        let mut currency: Option<&str> = None;
        let mut recurring = false;
        for (at, (id, quantity)) in new.line_items.iter().enumerate() {
            let param = format!("line_items[{at}][price]");
            let price = self.price_sold(id, &param)?;
            let refuse = |message: &str| Err(Fault::invalid(message).param(param.clone()));
            if price.recurring.is_some() && new.mode == Mode::Payment {
                return refuse(
                    "You specified `payment` mode but passed a recurring price. Either switch to `subscription` \
                     mode or use only one-time prices.",
                );
            }
            if currency.is_some_and(|it| it != price.currency) {
                return refuse("All prices on a Checkout session must be in the same currency.");
            }
            if !(1..=999_999).contains(quantity) {
                let message = "This value must be between 1 and 999999.";
                return Err(Fault::invalid(message).param(format!("line_items[{at}][quantity]")));
            }
            recurring |= price.recurring.is_some();
            currency = Some(&price.currency);
        }
        if new.mode == Mode::Subscription && !recurring {
            let message =
                "You must provide at least one recurring price in `subscription` mode when using prices.";
            return Err(Fault::invalid(message).param("line_items"));
        }
        Ok(currency.unwrap_or("usd").to_owned())
    }

    /// docs.stripe.com/api/checkout/sessions/update: of a hosted session, its metadata.
    ///
    /// # Errors
    /// No such session.
    pub fn update_checkout_session(&mut self, id: &str, metadata: MetadataChange) -> Answer {
        let missing = || Fault::missing(Session::NOUN, id);
        metadata.apply(&mut self.sessions.get_mut(id).ok_or_else(missing)?.new.metadata);
        self.session(id).map(|session| session.render(self))
    }
}
