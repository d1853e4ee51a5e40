//! What becomes of an invoice once it is finalized: sent, collected, or given up.
//!
//! docs.stripe.com/billing/collection-method

use super::InvoiceStatus;
use crate::core::{Core, Fault, PauseBehavior, Row};

impl Core {
    /// A finalized invoice goes its way. `by_clock`: an attempt counts for the retry schedule.
    ///
    /// # Errors
    /// The card is declined.
    pub(crate) fn proceed_with_invoice(&mut self, id: &str, by_clock: bool) -> Result<(), Fault> {
        let invoice = self.invoice(id)?;
        let pause = invoice.subscription.as_deref().and_then(|it| self.pause_of(it));
        match pause.filter(|_| invoice.amount_due > 0) {
            Some(PauseBehavior::Void) => {
                self.void_invoice(id);
                return Ok(());
            }
            Some(PauseBehavior::MarkUncollectible) => return self.mark_invoice_uncollectible(id).map(drop),
            Some(PauseBehavior::KeepAsDraft) | None => {}
        }
        if invoice.due_date.is_none() || invoice.amount_due <= 0 {
            return self.collect(id, by_clock);
        }
        if let Some(shown) = self.invoices.get(id).map(|it| it.rendered(self)) {
            self.emit("invoice.sent", shown);
        }
        Ok(())
    }

    /// It was sent, and the day that it was to be paid by is over (docs.stripe.com/api/events/types, `invoice.overdue`).
    pub(super) fn invoice_overdue(&mut self, id: &str) {
        let now = self.now;
        let is_new = |it: &super::Invoice| {
            it.status == InvoiceStatus::Open && !it.overdue && it.due_date.is_some_and(|at| at <= now)
        };
        let Some(invoice) = self.invoices.get_mut(id).filter(|it| is_new(it)) else {
            return;
        };
        invoice.overdue = true;
        let subscription = invoice.subscription.clone();
        if let Some(shown) = self.invoices.get(id).map(|it| it.rendered(self)) {
            self.emit("invoice.overdue", shown);
        }
        if let Some(subscription) = subscription {
            self.invoice_failed(&subscription);
        }
    }
}
