//! How an invoice is finalized and collected.

use super::{Invoice, InvoicePayment, InvoiceStatus};
use crate::core::balance::BalanceMove;
use crate::core::payment::{Attempt, NewIntent};
use crate::core::payment_method::GENERIC;
use crate::core::{Answer, Core, Fault, Row, Status};

impl Core {
    /// Tries again to collect an open invoice, now.
    ///
    /// # Errors
    /// No such invoice, paid already, void; the card is declined.
    pub fn pay_invoice(&mut self, id: &str) -> Answer {
        self.pay_invoice_with(id, InvoicePayment::default())
    }

    /// A draft is finalized, an open one is tried again, or one that was sent is overdue
    /// (docs.stripe.com/billing/invoices/subscription, docs.stripe.com/billing/revenue-recovery/smart-retries).
    pub(crate) fn invoice_due(&mut self, id: &str) {
        let Some(invoice) = self.invoices.get(id) else {
            return;
        };
        let now = self.now;
        // What nobody collects is overdue all the same.
        if !invoice.auto_advance {
            self.invoice_overdue(id);
        } else if invoice.status == InvoiceStatus::Draft && invoice.finalizes_at.is_some_and(|at| at <= now) {
            if self.waits_for_created(id) {
                return;
            }
            self.finalize_invoice(id);
            let _ = self.proceed_with_invoice(id, true);
        } else if invoice.status == InvoiceStatus::Open && invoice.next_attempt.is_some_and(|at| at <= now) {
            let _ = self.collect(id, true);
        } else {
            self.invoice_overdue(id);
        }
    }

    /// A draft is to be paid by this intent, if that is about the same money.
    pub(crate) fn adopt_intent(&mut self, id: &str, intent: &str, customer: &str) {
        let (Some(invoice), Some(paying)) = (self.invoices.get_mut(id), self.intents.get_mut(intent)) else {
            return;
        };
        if paying.amount == invoice.amount_due && paying.currency == invoice.currency {
            invoice.payment_intent = Some(intent.to_owned());
            paying.invoice = Some(id.to_owned());
            if paying.customer.replace(customer.to_owned()).is_none() {
                self.intents.own(intent, customer);
            }
        }
    }

    /// From `draft` to `open`: it has a number and is owed from here on
    /// (docs.stripe.com/invoicing/integration/workflow-transitions).
    pub(crate) fn finalize_invoice(&mut self, id: &str) {
        let Some(invoice) = self.invoices.get(id) else {
            return;
        };
        let (total, currency, customer) = (invoice.total, invoice.currency.clone(), invoice.customer.clone());
        let adopted = invoice.payment_intent.clone();
        let balance = self.customers.get(&customer).map_or(0, |it| it.balance);
        let amount_due = (total + balance).max(0);
        self.move_balance_for(id, total - amount_due, BalanceMove::AppliedToInvoice);
        let (intent, payment) = if amount_due > 0 {
            let intent = adopted.unwrap_or_else(|| {
                self.create_intent(NewIntent {
                    amount: amount_due,
                    currency,
                    customer: Some(customer.clone()),
                    invoice: Some(id.to_owned()),
                    ..NewIntent::default()
                })
            });
            (Some(intent), Some(self.ids.mint("inpay_")))
        } else {
            (None, None)
        };
        let number = self
            .customers
            .get_mut(&customer)
            .map(|customer| customer.number_invoice());
        let now = self.now;
        self.edit_invoice("invoice.finalized", id, |it| {
            it.status = InvoiceStatus::Open;
            it.number = number;
            it.finalized_at = Some(now);
            it.finalizes_at = None;
            it.amount_due = amount_due;
            it.starting_balance = balance;
            it.ending_balance = Some(balance + total - amount_due);
            it.payment_intent = intent;
            it.payment = payment;
        });
        self.use_up_discounts(id);
        if let Some(at) = self.invoices.get(id).and_then(|it| it.due_date) {
            self.wake(at, id);
        }
    }

    /// One attempt on an open invoice. `by_clock`: counts for the retry schedule.
    pub(crate) fn collect(&mut self, id: &str, by_clock: bool) -> Result<(), Fault> {
        self.collect_with(id, by_clock, None)
    }

    /// With a method that was named for it, or its own, or the subscription's, or the customer's.
    pub(super) fn collect_with(
        &mut self,
        id: &str,
        by_clock: bool,
        named: Option<String>,
    ) -> Result<(), Fault> {
        let invoice = self.invoice(id)?.clone();
        if !invoice.is_payable() {
            return Ok(());
        }
        let Some(intent) = invoice.payment_intent.clone() else {
            self.mark_paid(&invoice, invoice.attempts);
            return Ok(());
        };
        if self.intent(&intent)?.settles.is_some() {
            return Ok(());
        }
        let method = named.or_else(|| self.payment_method_of_invoice(&invoice));
        let does = method
            .as_deref()
            .and_then(|it| self.behaviour(&invoice.customer, it));
        let attempt = match (method, does) {
            (Some(method), Some(does)) => self.attempt(&intent, &method, does, false),
            _ => Attempt::Failed(GENERIC),
        };
        self.invoice_attempted(id, attempt, Some(by_clock));
        match attempt {
            Attempt::Paid | Attempt::Processing => Ok(()),
            Attempt::Failed(decline) => Err(decline.into()),
            Attempt::NeedsAction => {
                let message = "This payment requires additional user action before it can be completed successfully. \
                               Payment can be completed using the PaymentIntent associated with the invoice.";
                let fault = Fault::other(402, "card_error", message);
                Err(fault.code("invoice_payment_intent_requires_action"))
            }
        }
    }

    /// What came of an attempt on it; `by_clock` `None`: of one that was counted already, or that the person made.
    pub(crate) fn invoice_attempted(&mut self, id: &str, attempt: Attempt, by_clock: Option<bool>) {
        let Some(invoice) = self.invoices.get(id).filter(|it| it.is_payable()).cloned() else {
            return;
        };
        // Any attempt counts as the first, after that only those of the schedule (docs.stripe.com/api/invoices/object,
        // `attempt_count`).
        let counts = by_clock == Some(true) || invoice.attempts == 0;
        let attempts = invoice.attempts + usize::from(counts);
        match attempt {
            Attempt::Paid => self.mark_paid(&invoice, attempts),
            Attempt::Processing => {
                self.edit_invoice("invoice.updated", id, |it| {
                    it.attempted = true;
                    it.attempts = attempts;
                    it.next_attempt = None;
                });
                // Delayed methods are trusted until they fail (docs.stripe.com/billing/subscriptions/sepa-debit).
                if self.is_first_of_incomplete(&invoice)
                    && let Some(subscription) = &invoice.subscription
                {
                    self.edit_subscription(subscription, |it| it.status = Status::Active);
                }
            }
            Attempt::NeedsAction | Attempt::Failed(_) => self.mark_failed(&invoice, attempts, attempt),
        }
    }

    pub(super) fn mark_paid(&mut self, invoice: &Invoice, attempts: usize) {
        let now = self.now;
        self.edit_invoice("invoice.paid", &invoice.id, |it| {
            it.status = InvoiceStatus::Paid;
            it.paid_at = Some(now);
            it.attempted = true;
            it.attempts = attempts;
            it.next_attempt = None;
            it.auto_advance = false;
        });
        if let Some(shown) = self.invoices.get(&invoice.id).map(|it| it.rendered(self)) {
            self.emit("invoice.payment_succeeded", shown);
        }
        if let Some(subscription) = &invoice.subscription {
            self.invoice_settled(subscription);
        }
    }

    /// The invoice's own, the subscription's, the customer's, in this order.
    fn payment_method_of_invoice(&self, invoice: &Invoice) -> Option<String> {
        let of_subscription = || match &invoice.subscription {
            Some(id) => self.payment_method_of(self.subscriptions.get(id)?),
            None => self.customers.get(&invoice.customer)?.payment_method.clone(),
        };
        invoice.default_payment_method.clone().or_else(of_subscription)
    }

    fn is_first_of_incomplete(&self, invoice: &Invoice) -> bool {
        let of = invoice
            .subscription
            .as_deref()
            .and_then(|id| self.subscriptions.get(id));
        of.is_some_and(|it| it.status == Status::Incomplete)
    }

    /// docs.stripe.com/billing/revenue-recovery/smart-retries and docs.stripe.com/billing/subscriptions/webhooks, "Payment
    /// failures".
    fn mark_failed(&mut self, invoice: &Invoice, attempts: usize, attempt: Attempt) {
        // A first invoice is for the person who is there to pay it; the others are retried by the schedule.
        let person = self.is_first_of_incomplete(invoice);
        let retried = !person && invoice.auto_advance;
        let waits = invoice.next_attempt.filter(|_| attempts == invoice.attempts);
        let delay = self.settings.retry_after.get(attempts - 1);
        let next = waits.or(delay.map(|delay| self.now + delay)).filter(|_| retried);
        self.edit_invoice("invoice.payment_failed", &invoice.id, |it| {
            it.attempted = true;
            it.attempts = attempts;
            it.next_attempt = next;
            it.auto_advance = next.is_some();
        });
        if attempt == Attempt::NeedsAction
            && let Some(shown) = self.invoices.get(&invoice.id).map(|it| it.rendered(self))
        {
            self.emit("invoice.payment_action_required", shown);
        }
        if let Some(at) = next {
            self.wake(at, &invoice.id);
        }
        let Some(subscription) = &invoice.subscription else {
            return;
        };
        self.invoice_failed(subscription);
        if retried && next.is_none() {
            self.dunning_ended(subscription);
        }
    }

    /// Its subscription ended: nobody tries any more (docs.stripe.com/billing/subscriptions/cancel).
    pub(crate) fn stop_collecting(&mut self, id: &str) {
        let collects = self
            .invoices
            .get(id)
            .is_some_and(|it| !it.is_settled() && it.auto_advance);
        if collects {
            self.edit_invoice("invoice.updated", id, |it| {
                it.auto_advance = false;
                it.next_attempt = None;
                it.finalizes_at = None;
            });
        }
    }

    /// Nothing is owed: what it was for did not come to be.
    pub(crate) fn void_invoice(&mut self, id: &str) {
        let open = self
            .invoices
            .get(id)
            .is_some_and(|it| it.is_payable() && !self.awaits_money(it));
        if open {
            let now = self.now;
            // What it took from the customer's balance goes back: docs.stripe.com/billing/customer/balance.
            let taken = self.invoices.get(id).map_or(0, |it| it.amount_due - it.total);
            self.move_balance_for(id, taken, BalanceMove::UnappliedFromInvoice);
            self.edit_invoice("invoice.voided", id, |it| {
                it.status = InvoiceStatus::Void;
                it.voided_at = Some(now);
                it.auto_advance = false;
                it.next_attempt = None;
            });
            if let Some(intent) = self.invoices.get(id).and_then(|it| it.payment_intent.clone()) {
                let _ = self.cancel_payment_intent(&intent, Some("void_invoice"));
            }
        }
    }

    /// Changes it and tells of it by an event of this name, which an `invoice.updated` accompanies as Stripe's does.
    pub(super) fn edit_invoice(&mut self, event: &'static str, id: &str, change: impl FnOnce(&mut Invoice)) {
        let Some(before) = self.invoices.get(id).map(|it| it.rendered(self)) else {
            return;
        };
        if let Some(invoice) = self.invoices.get_mut(id) {
            change(invoice);
        }
        let Some(after) = self.invoices.get(id).map(|it| it.rendered(self)) else {
            return;
        };
        if event != "invoice.updated" {
            self.push_event(event, None, &after);
        }
        self.emit_change("invoice.updated", before, after);
    }
}
