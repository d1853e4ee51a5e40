//! What became of the money behind an invoice or a purchase.

use super::View;
use crate::object::{Charge, ChargeStatus, CheckoutSession, Dispute, DisputeStatus, Invoice, Object};
use crate::time::Timestamp;

/// The charges that paid, or tried to, and what is disputed of them.
pub(super) struct Payment<'a> {
    charges: Vec<&'a Charge>,
    /// A dispute is open or was lost. One that was won takes only its own veto away.
    pub disputed: bool,
}

impl Payment<'_> {
    /// All of it was given back. A part given back keeps the access.
    pub fn refunded(&self) -> bool {
        let mut paid = self.succeeded().peekable();
        paid.peek().is_some()
            && paid.all(|charge| charge.amount > 0 && charge.amount_refunded >= charge.amount)
    }

    /// Every attempt failed.
    pub fn failed(&self) -> bool {
        !self.charges.is_empty()
            && self
                .charges
                .iter()
                .all(|charge| charge.status == ChargeStatus::Failed)
    }

    /// When it was paid; `None`: no such charge is known.
    pub fn paid_at(&self) -> Option<Timestamp> {
        self.succeeded().map(|charge| charge.created).min()
    }

    fn succeeded(&self) -> impl Iterator<Item = &Charge> {
        self.charges
            .iter()
            .copied()
            .filter(|charge| charge.status == ChargeStatus::Succeeded)
    }
}

impl<'a> View<'a> {
    pub(super) fn payment_of_session(&self, session: &CheckoutSession) -> Payment<'a> {
        let intents: Vec<&String> = session.payment_intent.iter().collect();
        self.payment(&intents, None, None)
    }

    pub(super) fn payment_of_invoice(&self, invoice: &Invoice) -> Payment<'a> {
        let intents: Vec<&String> = invoice.payment_intents.iter().collect();
        self.payment(&intents, invoice.charge.as_ref(), Some(&invoice.id))
    }

    fn payment(&self, intents: &[&String], charge: Option<&String>, invoice: Option<&String>) -> Payment<'a> {
        let by_intent = |intent: Option<&String>| intent.is_some_and(|intent| intents.contains(&intent));
        let charges: Vec<&Charge> = self
            .facts
            .all(Object::as_charge)
            .filter(|it| {
                charge == Some(&it.id)
                    || by_intent(it.payment_intent.as_ref())
                    || (it.invoice.is_some() && it.invoice.as_ref() == invoice)
            })
            .collect();
        let about_it = |dispute: &&Dispute| {
            by_intent(dispute.payment_intent.as_ref())
                || dispute
                    .charge
                    .as_ref()
                    .is_some_and(|id| charge == Some(id) || charges.iter().any(|charge| charge.id == *id))
        };
        let disputed = self
            .facts
            .all(Object::as_dispute)
            .filter(about_it)
            .any(|dispute| {
                matches!(
                    dispute.status,
                    DisputeStatus::NeedsResponse | DisputeStatus::UnderReview | DisputeStatus::Lost
                )
            });
        Payment { charges, disputed }
    }
}
