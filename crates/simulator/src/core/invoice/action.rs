//! What requests do to an invoice (docs.stripe.com/invoicing/overview, "Invoice statuses").

use serde_json::Value;

use super::{Due, Invoice, InvoiceStatus};
use crate::core::calendar::HOUR;
use crate::core::{Answer, Core, Fault, MetadataChange, Redeem, Row};

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct InvoiceChange {
    pub description: Option<String>,
    pub auto_advance: Option<bool>,
    /// Attached to the customer; an empty text: none.
    pub default_payment_method: Option<String>,
    /// Of a draft: `Some(None)`: it is collected, not sent.
    pub due: Option<Option<Due>>,
    /// Of a draft.
    pub discounts: Option<Vec<Redeem>>,
    pub metadata: MetadataChange,
}

/// How to pay one.
#[derive(Clone, Debug, Default)]
pub struct InvoicePayment {
    /// `None`: the invoice's, the subscription's, the customer's, in this order.
    pub payment_method: Option<String>,
    /// The money came by another way.
    pub out_of_band: bool,
}

/// How long Stripe waits for an answer to `invoice.created` (docs.stripe.com/billing/subscriptions/webhooks, "Invoice
/// finalization").
const CREATED_HOLDS_FOR: i64 = 72 * HOUR;

impl Core {
    /// # Errors
    /// No such invoice, or no draft any more.
    pub fn finalize_draft(&mut self, id: &str, auto_advance: Option<bool>) -> Answer {
        if self.invoice(id)?.status != InvoiceStatus::Draft {
            let message = "This invoice is already finalized, you can't re-finalize a non-draft invoice.";
            return Err(Fault::invalid(message));
        }
        self.finalize_invoice(id);
        let now = self.now;
        let sent = self.invoice(id)?.due_date.is_some();
        self.edit_invoice("invoice.updated", id, |it| {
            it.auto_advance = auto_advance.unwrap_or(it.auto_advance);
            it.next_attempt = (it.auto_advance && !sent).then_some(now);
        });
        self.wake(self.now, id);
        self.pay_if_nothing_is_owed(id)?;
        self.shown_invoice(id)
    }

    /// # Errors
    /// No such invoice, or not owed.
    pub fn void_open_invoice(&mut self, id: &str) -> Answer {
        let invoice = self.invoice(id)?;
        if !invoice.is_payable() {
            let status = invoice.status.as_str();
            return Err(Fault::invalid(format!(
                "You can only pass in open invoices. This invoice isn't open: {status}."
            )));
        }
        if self.awaits_money(invoice) {
            return Err(Fault::invalid(
                "You can't void an invoice while a payment of it is processing.",
            ));
        }
        let subscription = invoice.subscription.clone();
        self.void_invoice(id);
        if let Some(subscription) = subscription {
            self.invoice_settled(&subscription);
        }
        self.shown_invoice(id)
    }

    /// # Errors
    /// No such invoice, or not open.
    pub fn mark_invoice_uncollectible(&mut self, id: &str) -> Answer {
        if self.invoice(id)?.status != InvoiceStatus::Open {
            return Err(Fault::invalid(
                "You can only mark open invoices as uncollectible.",
            ));
        }
        let now = self.now;
        self.edit_invoice("invoice.marked_uncollectible", id, |it| {
            it.status = InvoiceStatus::Uncollectible;
            it.uncollectible_at = Some(now);
            it.auto_advance = false;
            it.next_attempt = None;
        });
        self.shown_invoice(id)
    }

    /// # Errors
    /// No such invoice, collected automatically, or nothing is owed on it.
    pub fn send_invoice(&mut self, id: &str) -> Answer {
        let invoice = self.invoice(id)?;
        if invoice.due_date.is_none() {
            let message = "You can only manually send an invoice if its collection method is 'send_invoice'.";
            return Err(Fault::invalid(message));
        }
        match invoice.status {
            InvoiceStatus::Draft => self.finalize_invoice(id),
            InvoiceStatus::Open | InvoiceStatus::Uncollectible => {}
            InvoiceStatus::Paid | InvoiceStatus::Void => {
                return Err(Fault::invalid("You can only send open invoices."));
            }
        }
        let shown = self.shown_invoice(id)?;
        self.emit("invoice.sent", shown);
        self.pay_if_nothing_is_owed(id)?;
        self.shown_invoice(id)
    }

    /// docs.stripe.com/invoicing/overview: such an open invoice is paid at once, whoever collects.
    fn pay_if_nothing_is_owed(&mut self, id: &str) -> Result<(), Fault> {
        if self.invoice(id)?.amount_due <= 0 {
            self.collect(id, false)?;
        }
        Ok(())
    }

    /// # Errors
    /// No such invoice; the method or a discount is not the customer's; it is no draft any more.
    pub fn update_invoice(&mut self, id: &str, change: InvoiceChange) -> Answer {
        let invoice = self.invoice(id)?;
        let (status, created, auto_advance) = (invoice.status, invoice.created, invoice.auto_advance);
        if status != InvoiceStatus::Draft && (change.due.is_some() || change.discounts.is_some()) {
            let message = "Finalized invoices can't be updated in this way";
            return Err(Fault::invalid(message).code("invoice_not_editable"));
        }
        if let Some(discounts) = &change.discounts {
            let mut has = self.running_discounts_of(invoice.subscription.as_deref());
            has.extend(invoice.discounts.iter().cloned());
            self.check_invoice_discounts(discounts, &invoice.customer, &invoice.currency, &has)?;
        }
        if let Some(method) = change
            .default_payment_method
            .as_deref()
            .filter(|it| !it.is_empty())
        {
            let own = self.check_own_method(&invoice.customer, method);
            own.map_err(|fault| fault.param("default_payment_method"))?;
        }
        let advances = change.auto_advance.filter(|it| *it != auto_advance);
        let at = self.now + self.settings.draft_for;
        self.edit_invoice("invoice.updated", id, |it| {
            if let Some(due) = change.due {
                it.due_date = due.map(|due| due.instant(created));
                it.next_attempt = it.finalizes_at.filter(|_| due.is_none());
            }
            match (advances, status) {
                (Some(advances), InvoiceStatus::Draft) => it.advance_at(advances.then_some(at)),
                (Some(advances), InvoiceStatus::Open) => {
                    it.auto_advance = advances;
                    it.next_attempt = (advances && it.due_date.is_none()).then_some(at);
                }
                // What is settled or given up is not tried again.
                _ => {}
            }
            if let Some(text) = change.description {
                it.description = Some(text).filter(|text| !text.is_empty());
            }
            if let Some(method) = change.default_payment_method {
                it.default_payment_method = Some(method).filter(|id| !id.is_empty());
            }
            change.metadata.apply(&mut it.metadata);
        });
        if let Some(discounts) = &change.discounts {
            self.replace_invoice_discounts(id, discounts);
        }
        if advances == Some(true) {
            self.wake(at, id);
        }
        self.shown_invoice(id)
    }

    /// As `POST /v1/invoices/:id/pay`.
    ///
    /// # Errors
    /// As [`Core::pay_invoice`]; no such method, or another customer's.
    pub fn pay_invoice_with(&mut self, id: &str, how: InvoicePayment) -> Answer {
        let invoice = self.invoice(id)?;
        let (customer, status) = (invoice.customer.clone(), invoice.status);
        match status {
            InvoiceStatus::Paid => {
                return Err(Fault::invalid("Invoice is already paid").code("invoice_already_paid"));
            }
            InvoiceStatus::Void => return Err(Fault::invalid("This invoice is void and cannot be paid.")),
            InvoiceStatus::Draft | InvoiceStatus::Open | InvoiceStatus::Uncollectible => {}
        }
        // A method that is refused leaves a draft a draft.
        let named = how.payment_method.filter(|_| !how.out_of_band);
        let method = named
            .map(|it| self.method_for(&it, Some(&customer)))
            .transpose()?;
        if status == InvoiceStatus::Draft {
            self.finalize_invoice(id);
        }
        if how.out_of_band {
            let invoice = self.invoice(id)?.clone();
            if let Some(intent) = &invoice.payment_intent {
                self.cancel_payment_intent(intent, None)?;
            }
            if let Some(invoice) = self.invoices.get_mut(id) {
                invoice.out_of_band = true;
            }
            self.mark_paid(&invoice, invoice.attempts);
        } else {
            self.collect_with(id, false, method)?;
        }
        self.shown_invoice(id)
    }

    /// Whether a draft still waits for `invoice.created` to be taken; it is looked at again then.
    pub(super) fn waits_for_created(&mut self, id: &str) -> bool {
        let Some(invoice) = self.invoices.get(id) else {
            return false;
        };
        let last = invoice.created + CREATED_HOLDS_FOR;
        let told = invoice
            .told
            .as_deref()
            .is_none_or(|event| self.is_delivered(event));
        let waits = self.settings.invoice_created_holds && !told && self.now < last;
        if waits {
            let at = last.min(self.now + HOUR);
            if let Some(invoice) = self.invoices.get_mut(id) {
                invoice.finalizes_at = Some(at);
            }
            self.wake(at, id);
        }
        waits
    }

    /// A debit of it is on its way.
    pub(super) fn awaits_money(&self, invoice: &Invoice) -> bool {
        let intent = invoice
            .payment_intent
            .as_deref()
            .and_then(|it| self.intents.get(it));
        intent.is_some_and(|it| it.settles.is_some())
    }

    fn shown_invoice(&self, id: &str) -> Result<Value, Fault> {
        self.invoice(id).map(|it| it.render(self))
    }
}
