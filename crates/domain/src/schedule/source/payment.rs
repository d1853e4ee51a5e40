//! What became of the money behind an invoice or a purchase.

use super::View;
use crate::catalog::{Disputes, Refund};
use crate::object::{Charge, ChargeStatus, CheckoutSession, Dispute, DisputeStatus, Invoice, Object};
use crate::time::Timestamp;

/// The charges that paid, or tried to, and what is disputed of them. A dispute that was won takes only its own veto away.
pub(super) struct Payment<'a> {
    charges: Vec<&'a Charge>,
    dispute_open: bool,
    dispute_lost: bool,
}

impl Payment<'_> {
    /// So much was given back that it ends access. What counts is the charge's current `amount_refunded`: a refund that
    /// fails later lowers it again.
    pub fn refunded(&self, ending: Refund) -> bool {
        match ending {
            Refund::None => false,
            Refund::Partial => self.succeeded().any(|charge| charge.amount_refunded > 0),
            Refund::Full => self.refunded_in_full(),
        }
    }

    /// It is disputed so that it ends access.
    pub fn disputed(&self, policy: Disputes) -> bool {
        match policy {
            Disputes::Suspend => self.dispute_open || self.dispute_lost,
            Disputes::Keep => self.dispute_lost,
            Disputes::Ignore => false,
        }
    }

    fn refunded_in_full(&self) -> bool {
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
        let disputes: Vec<&DisputeStatus> = self
            .facts
            .all(Object::as_dispute)
            .filter(about_it)
            .map(|dispute| &dispute.status)
            .collect();
        let any = |of: &[DisputeStatus]| disputes.iter().any(|status| of.contains(status));
        Payment {
            dispute_open: any(&[DisputeStatus::NeedsResponse, DisputeStatus::UnderReview]),
            dispute_lost: any(&[DisputeStatus::Lost]),
            charges,
        }
    }
}
