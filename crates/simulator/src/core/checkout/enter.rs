//! What the person enters before they pay.

use super::Session;
use crate::core::{Answer, Core, Fault, Redeem, Row};

impl Session {
    /// The integration's, else what the person typed.
    pub(super) fn email(&self) -> Option<&String> {
        self.new.customer_email.as_ref().or(self.typed_email.as_ref())
    }
}

impl Core {
    /// The person's e-mail address, where neither a customer nor `customer_email` says it.
    ///
    /// # Errors
    /// No such session, not open any more, or it is no address.
    pub fn enter_email(&mut self, id: &str, typed: &str) -> Answer {
        self.open_session(id)?;
        if !typed
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        {
            return Err(Fault::invalid(format!("Invalid email address: {typed}")).param("email"));
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.typed_email = Some(typed.to_owned());
        }
        self.session(id).map(|session| session.render(self))
    }

    /// Another quantity of a line item whose quantity may be changed.
    ///
    /// # Errors
    /// No such session or item, not open any more; not adjustable, or not so far.
    pub fn enter_quantity(&mut self, id: &str, item: &str, quantity: u64) -> Answer {
        let mut session = self.open_session(id)?;
        let found = session.items.iter_mut().find(|it| it.id == item);
        let found = found.ok_or_else(|| Fault::missing("line item", item))?;
        let refuse = |message: String| Err(Fault::invalid(message).param("quantity"));
        let Some((least, most)) = found.adjustable else {
            return refuse("The quantity of this item cannot be changed.".to_owned());
        };
        if !(least..=most).contains(&quantity) {
            return refuse(format!("The quantity has to be between {least} and {most}."));
        }
        found.quantity = quantity;
        found.amount = self.price(&found.price)?.amount_for(quantity);
        if session.items.iter().all(|it| it.quantity == 0) {
            return refuse("Something has to be bought.".to_owned());
        }
        let session = self.add_up(session)?;
        let shown = session.render(self);
        if let Some(row) = self.sessions.get_mut(id) {
            *row = session;
        }
        Ok(shown)
    }

    /// The person types a promotion code on the page; an empty one takes it away again.
    ///
    /// # Errors
    /// The session is not open, or takes no codes; no such code, or not for this session.
    pub fn enter_promotion_code(&mut self, id: &str, typed: &str) -> Answer {
        let mut session = self.open_session(id)?;
        let refuse = |message: &str| Err(Fault::invalid(message).param("promotion_code"));
        if session.new.allow_promotion_codes != Some(true) {
            return refuse("This Checkout Session takes no promotion codes.");
        }
        let typed = typed.trim();
        session.new.discount = if typed.is_empty() {
            None
        } else {
            match self.promotion_code_typed(typed, session.customer.as_deref()) {
                Some(code) => Some(Redeem::PromotionCode(code.id.clone())),
                None => return refuse("This code is invalid."),
            }
        };
        let session = self.add_up(session)?;
        let shown = session.render(self);
        if let Some(row) = self.sessions.get_mut(id) {
            *row = session;
        }
        Ok(shown)
    }
}
