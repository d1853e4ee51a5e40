//! Refunds.

use serde_json::{Value, json};

use super::calendar::DAY;
use super::payment::ChargeStatus;
use super::payment_method::{Kind, RefundOutcome, Sandbox};
use super::{Answer, Core, Fault, Metadata, MetadataChange, Row};

/// A refund to make.
#[derive(Clone, Debug, Default)]
pub struct NewRefund {
    /// A charge, payment intent, checkout session or invoice.
    pub of: String,
    /// In the smallest unit; `None`: all that is left.
    pub amount: Option<i64>,
    /// `duplicate`, `fraudulent` or `requested_by_customer`.
    pub reason: Option<String>,
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
pub struct Refund {
    id: String,
    created: i64,
    amount: i64,
    currency: String,
    pub charge: String,
    pub payment_intent: String,
    customer: Option<String>,
    reason: Option<String>,
    metadata: Metadata,
    status: RefundStatus,
    does: &'static Sandbox,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
}

/// How long a bank takes to say what became of a refund. Stripe's page of the test cards that this is about
/// (docs.stripe.com/testing, "Refunds") does not say; real ones take days (docs.stripe.com/refunds).
const SETTLES_AFTER: i64 = DAY;

impl Row for Refund {
    const NOUN: &'static str = "refund";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owner(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    fn render(&self, core: &Core) -> Value {
        let kind = self.does.kind.as_str();
        let mut destination = json!({ "type": kind });
        destination[kind] = match self.does.kind {
            Kind::Card(..) => json!({ "type": "refund" }),
            _ => json!({}),
        };
        let mut shown = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": null,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": null,
            "destination_details": destination,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "payment_method": core.charges.get(&self.charge).map(|it| &it.payment_method),
            "reason": self.reason,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "status": match self.status {
                RefundStatus::Pending => "pending",
                RefundStatus::Succeeded => "succeeded",
                RefundStatus::Failed => "failed",
            },
            "transfer_reversal": null,
        });
        match self.status {
            RefundStatus::Failed => shown["failure_reason"] = json!("lost_or_stolen_card"),
            RefundStatus::Pending => shown["pending_reason"] = json!("processing"),
            RefundStatus::Succeeded => {}
        }
        shown
    }
}

impl Core {
    /// `of` is a charge, payment intent, checkout session or invoice; `amount` `None`: all that is left.
    ///
    /// # Errors
    /// Nothing was paid there, or less is left.
    pub fn refund(&mut self, of: &str, amount: Option<i64>) -> Answer {
        self.create_refund(NewRefund {
            of: of.to_owned(),
            amount,
            ..NewRefund::default()
        })
    }

    /// # Errors
    /// As [`Core::refund`].
    pub fn create_refund(&mut self, new: NewRefund) -> Answer {
        let charge = self.charge_of(&new.of)?;
        let charge = self.charge_by_id(&charge)?;
        let left = charge.amount - charge.amount_refunded;
        if charge.status != ChargeStatus::Succeeded {
            return Err(Fault::invalid(format!("Charge {} has not been paid.", charge.id)).param("charge"));
        }
        if left == 0 {
            let message = format!("Charge {} has already been refunded.", charge.id);
            return Err(Fault::invalid(message).code("charge_already_refunded"));
        }
        if self.charged_back(&charge.id) {
            let message = format!(
                "Charge {} has been charged back; cannot issue a refund.",
                charge.id
            );
            return Err(Fault::invalid(message).code("charge_disputed"));
        }
        let amount = new.amount.unwrap_or(left);
        if amount < 1 {
            return Err(Fault::invalid("This value must be greater than or equal to 1.").param("amount"));
        }
        if amount > left {
            let message =
                format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err(Fault::invalid(message).param("amount"));
        }
        // Debits are given back as slowly as they were taken (docs.stripe.com/refunds).
        let slow = !matches!(charge.does.kind, Kind::Card(..));
        let slow = slow || charge.does.refund == RefundOutcome::SucceedsLater;
        let settles = slow || charge.does.refund == RefundOutcome::FailsLater;
        let full = amount == left;
        let refund = Refund {
            id: String::new(),
            created: self.now,
            amount,
            currency: charge.currency.clone(),
            charge: charge.id.clone(),
            payment_intent: charge.payment_intent.clone(),
            customer: charge.customer.clone(),
            reason: new.reason,
            metadata: new.metadata,
            status: if slow {
                RefundStatus::Pending
            } else {
                RefundStatus::Succeeded
            },
            does: charge.does,
        };
        let refund = Refund {
            id: self.ids.mint("re_"),
            ..refund
        };
        let (shown, charge) = (refund.render(self), refund.charge.clone());
        if settles {
            self.wake(self.now + SETTLES_AFTER, &refund.id);
        }
        self.refunds_of
            .entry(charge.clone())
            .or_default()
            .push(refund.id.clone());
        self.refunds.insert(refund);
        self.change_refunded("charge.refunded", &charge, amount);
        self.emit("refund.created", shown.clone());
        if full {
            self.answer_inquiries(&charge);
        }
        Ok(shown)
    }

    /// # Errors
    /// No such refund.
    pub fn update_refund(&mut self, id: &str, metadata: MetadataChange) -> Answer {
        self.edit_refund(id, |it| metadata.apply(&mut it.metadata))
    }

    /// # Errors
    /// No such refund; none of the simulator's waits for the person, and Stripe takes only those back.
    pub fn cancel_refund(&mut self, id: &str) -> Answer {
        self.refunds.find(id)?;
        Err(Fault::invalid(
            "Only refunds with a status of requires_action can be canceled.",
        ))
    }

    /// The bank says what became of it (docs.stripe.com/refunds, docs.stripe.com/testing, "Refunds").
    pub(crate) fn refund_due(&mut self, id: &str) {
        let Some(refund) = self.refunds.get(id) else {
            return;
        };
        let fails = refund.does.refund == RefundOutcome::FailsLater;
        match refund.status {
            RefundStatus::Pending => drop(self.edit_refund(id, |it| it.status = RefundStatus::Succeeded)),
            RefundStatus::Succeeded if fails => drop(self.fail_refund(id)),
            RefundStatus::Succeeded | RefundStatus::Failed => {}
        }
    }

    /// Changes it and tells of it by both of Stripe's names.
    fn edit_refund(&mut self, id: &str, change: impl FnOnce(&mut Refund)) -> Answer {
        let mut changed = self.refunds.find(id)?.clone();
        let before = changed.render(self);
        change(&mut changed);
        let after = changed.render(self);
        if let Some(refund) = self.refunds.get_mut(id) {
            *refund = changed;
        }
        self.emit_change("refund.updated", before.clone(), after.clone());
        self.emit_change("charge.refund.updated", before, after.clone());
        Ok(after)
    }

    /// The bank sends a refund back: the charge counts as paid again.
    ///
    /// # Errors
    /// No such refund, or it failed already.
    pub fn fail_refund(&mut self, id: &str) -> Answer {
        let refund = self.refunds.find(id)?;
        if refund.status == RefundStatus::Failed {
            return Err(Fault::invalid(format!("Refund {id} has failed already.")));
        }
        let (charge, amount) = (refund.charge.clone(), refund.amount);
        self.change_refunded("charge.updated", &charge, -amount);
        let shown = self.edit_refund(id, |it| it.status = RefundStatus::Failed)?;
        self.emit("refund.failed", shown.clone());
        Ok(shown)
    }

    fn change_refunded(&mut self, event: &'static str, charge: &str, amount: i64) {
        let Some(before) = self.charges.get(charge).map(|it| it.rendered(self)) else {
            return;
        };
        if let Some(charge) = self.charges.get_mut(charge) {
            charge.amount_refunded += amount;
        }
        let Some(after) = self.charges.get(charge).map(|it| it.rendered(self)) else {
            return;
        };
        self.emit_change(event, before, after);
    }

    /// The charge that took the money for it.
    pub(crate) fn charge_of(&self, of: &str) -> Result<String, Fault> {
        let intent = if let Ok(session) = self.session(of) {
            let invoice = session
                .subscription
                .as_deref()
                .and_then(|it| self.subscriptions.get(it));
            let invoice = invoice.and_then(|it| self.invoices.get(it.invoices.first()?));
            session
                .payment_intent
                .clone()
                .or_else(|| invoice?.payment_intent.clone())
        } else if let Ok(invoice) = self.invoice(of) {
            invoice.payment_intent.clone()
        } else if of.starts_with("pi_") {
            Some(of.to_owned())
        } else {
            return self
                .charge_by_id(of)
                .map(|it| it.id.clone())
                .map_err(|fault| fault.param("charge"));
        };
        let nothing = || Fault::invalid(format!("Nothing was paid by '{of}'."));
        let intent = intent.ok_or_else(nothing)?;
        let found = self.intents.find(&intent);
        let found = found.map_err(|fault| fault.param("payment_intent"))?;
        found.latest_charge.clone().ok_or_else(|| {
            Fault::invalid("This PaymentIntent does not have a successful charge to refund.")
                .param("payment_intent")
        })
    }
}
