//! What happens when a bank is asked for the money of an intent (docs.stripe.com/payments/paymentintents/lifecycle).

use super::charge::{Charge, ChargeStatus};
use super::intent::IntentStatus;
use crate::core::payment_method::{
    AUTHENTICATION_FAILED, AUTHENTICATION_REQUIRED, Authentication, Decline, PaymentMethod, Sandbox,
    last_error,
};
use crate::core::{Answer, Core, Fault, Row};

/// How an attempt ended, for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Paid,
    /// The bank will tell.
    Processing,
    /// The person has to authenticate first.
    NeedsAction,
    Failed(Decline),
}

impl Core {
    /// One attempt on an intent. `off_session`: without the person, so that a bank that wants them declines.
    pub(crate) fn attempt(
        &mut self,
        intent: &str,
        method: &str,
        does: Sandbox,
        off_session: bool,
    ) -> Attempt {
        let (Some(paying), Some(with)) = (self.intents.get_mut(intent), self.methods.get_mut(method)) else {
            return Attempt::Failed(crate::core::payment_method::GENERIC);
        };
        let kind = with.does.kind.as_str();
        if !paying.types.contains(&kind) {
            paying.types.push(kind);
        }
        let asks = match does.authentication {
            Authentication::Never => false,
            Authentication::UnlessSetUp => !with.set_up,
            Authentication::Always => true,
        };
        paying.payment_method = Some(method.to_owned());
        if asks && !paying.authenticated && !off_session {
            paying.status = IntentStatus::RequiresAction;
            paying.error = None;
            self.tell("payment_intent.requires_action", intent);
            return Attempt::NeedsAction;
        }
        with.spent = true;
        let result = if asks && !paying.authenticated {
            Err(AUTHENTICATION_REQUIRED)
        } else {
            does.result
        };
        let charge = self.new_charge(intent, method);
        if let Some(delay) = does.delay {
            let at = self.now + delay;
            if let Some(paying) = self.intents.get_mut(intent) {
                paying.status = IntentStatus::Processing;
                paying.error = None;
                paying.settles = Some((at, result));
            }
            self.tell("charge.pending", &charge);
            self.tell("payment_intent.processing", intent);
            self.wake(at, intent);
            return Attempt::Processing;
        }
        self.finish(intent, result)
    }

    /// The bank's answer on the intent's latest charge.
    fn finish(&mut self, intent: &str, result: Result<(), Decline>) -> Attempt {
        let Some(id) = self.intents.get(intent).and_then(|it| it.latest_charge.clone()) else {
            return Attempt::Paid;
        };
        if let Some(charge) = self.charges.get_mut(&id) {
            charge.status = match result {
                Ok(()) => ChargeStatus::Succeeded,
                Err(decline) => ChargeStatus::Failed(decline),
            };
        }
        match result {
            Ok(()) => {
                if let Some(paid) = self.intents.get_mut(intent) {
                    paid.status = IntentStatus::Succeeded;
                    paid.error = None;
                    paid.settles = None;
                }
                self.tell("charge.succeeded", &id);
                self.tell("payment_intent.succeeded", intent);
                if let Some(claim) = self.charges.get(&id).and_then(|it| it.does.dispute) {
                    self.open_dispute(&id, claim);
                }
                Attempt::Paid
            }
            Err(decline) => {
                self.tell("charge.failed", &id);
                self.refuse_intent(intent, decline, Some(&id));
                Attempt::Failed(decline)
            }
        }
    }

    /// Back to where another method can be tried.
    fn refuse_intent(&mut self, intent: &str, decline: Decline, charge: Option<&str>) {
        let method = self.intents.get(intent).and_then(|it| it.payment_method.clone());
        let method = method
            .and_then(|id| self.methods.get(&id))
            .map(PaymentMethod::to_json);
        if let Some(refused) = self.intents.get_mut(intent) {
            refused.status = IntentStatus::RequiresPaymentMethod;
            refused.payment_method = None;
            refused.authenticated = false;
            refused.settles = None;
            refused.error = Some(last_error(decline, charge, method));
        }
        self.tell("payment_intent.payment_failed", intent);
    }

    fn new_charge(&mut self, intent: &str, method: &str) -> String {
        let id = self.ids.mint("ch_");
        let (Some(paying), Some(with)) = (self.intents.get_mut(intent), self.methods.get(method)) else {
            return id;
        };
        paying.latest_charge = Some(id.clone());
        self.charges.insert(Charge {
            id: id.clone(),
            created: self.now,
            amount: paying.amount,
            amount_refunded: 0,
            currency: paying.currency.clone(),
            customer: paying.customer.clone(),
            payment_intent: paying.id.clone(),
            payment_method: with.id.clone(),
            does: with.does,
            expires: with.expires,
            metadata: paying.metadata.clone(),
            description: paying.description.clone(),
            status: ChargeStatus::Pending,
            disputed: false,
        });
        // A guest's has no customer to be found by.
        self.charges.own(&id, intent);
        id
    }

    /// The bank's answer on a delayed payment has come (docs.stripe.com/payments/paymentintents/lifecycle, `processing`).
    pub(crate) fn intent_due(&mut self, id: &str) {
        let settles = self.intents.get(id).and_then(|it| it.settles);
        let Some((_, result)) = settles.filter(|(at, _)| *at <= self.now) else {
            return;
        };
        let attempt = self.finish(id, result);
        self.intent_settled(id, attempt);
    }

    /// The person passed, or failed, what their bank asked of them.
    ///
    /// # Errors
    /// No such intent, nothing is asked; they failed, or the card is declined then.
    pub fn authenticate_intent(&mut self, id: &str, passed: bool) -> Answer {
        let intent = self.intent(id)?;
        let Some(method) = intent
            .payment_method
            .clone()
            .filter(|_| intent.status == IntentStatus::RequiresAction)
        else {
            let message = format!("PaymentIntent {id} does not wait for an authentication.");
            return Err(Fault::invalid(message).code("payment_intent_unexpected_state"));
        };
        let attempt = if passed {
            if let Some(intent) = self.intents.get_mut(id) {
                intent.authenticated = true;
            }
            let does = *self.method(&method)?.does;
            let attempt = self.attempt(id, &method, does, false);
            self.keep_method(id, &method, attempt);
            attempt
        } else {
            self.refuse_intent(id, AUTHENTICATION_FAILED, None);
            Attempt::Failed(AUTHENTICATION_FAILED)
        };
        self.intent_settled(id, attempt);
        match attempt {
            Attempt::Failed(decline) => {
                Err(Fault::from(decline).with("payment_intent", self.intent(id)?.render(self)))
            }
            _ => self.intent(id).map(|it| it.render(self)),
        }
    }

    /// What an attempt means for whom the intent is for.
    pub(crate) fn intent_settled(&mut self, id: &str, attempt: Attempt) {
        if let Some(invoice) = self.intents.get(id).and_then(|it| it.invoice.clone()) {
            self.invoice_attempted(&invoice, attempt, None);
        }
        if matches!(attempt, Attempt::Paid | Attempt::Failed(_)) {
            self.session_settled(id, attempt == Attempt::Paid);
        }
    }
}
