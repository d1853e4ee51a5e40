//! How a subscription ends: docs.stripe.com/billing/subscriptions/cancel.

use super::{PaymentBehavior, Status};
use crate::core::{Answer, Core, DunningEnd, Fault, InvoiceItem, NewInvoice, Row};

/// How to end a subscription at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending {
    pub comment: Option<String>,
    pub feedback: Option<String>,
    /// Gives the unused time back.
    pub prorate: bool,
    /// Makes a last invoice of what waits.
    pub invoice_now: bool,
}

impl Core {
    /// At once; nothing is given back.
    ///
    /// # Errors
    /// No such subscription, or ended already.
    pub fn cancel_subscription(&mut self, id: &str) -> Answer {
        self.cancel_subscription_with(id, Ending::default())
    }

    pub(crate) fn cancel_subscription_with(&mut self, id: &str, ending: Ending) -> Answer {
        let subscription = self.subscription(id)?;
        if subscription.status.is_terminal() {
            return Err(Fault::missing("subscription", id));
        }
        let idle = matches!(
            subscription.status,
            Status::Trialing | Status::Paused | Status::Incomplete
        );
        let costs = self.net_amounts(subscription);
        let credits = subscription
            .items
            .iter()
            .zip(costs)
            .filter(|_| ending.prorate && !idle);
        let credits: Vec<_> = credits
            .filter_map(|(item, cost)| self.credit(subscription, item, cost, self.now))
            .collect();
        if ending.invoice_now && !(credits.is_empty() && subscription.waiting.is_empty()) {
            self.check_invoice_limit(id)?;
        }
        if ending.prorate || ending.invoice_now {
            for credit in credits {
                self.create_invoice_item(id, credit);
            }
        } else {
            self.drop_waiting(id);
        }
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            subscription.cancellation_comment = ending.comment.or(subscription.cancellation_comment.take());
            subscription.cancellation_feedback =
                ending.feedback.or(subscription.cancellation_feedback.take());
        }
        self.end_with_invoice(
            id,
            "cancellation_requested",
            ending.invoice_now.then_some("subscription_update"),
        );
        self.subscription(id).map(|it| it.render(self))
    }

    /// What the retry schedule ends in, as the account chose (docs.stripe.com/billing/revenue-recovery/smart-retries).
    pub(crate) fn dunning_ended(&mut self, id: &str) {
        if self.subscription(id).is_ok_and(|it| it.status.is_terminal()) {
            return;
        }
        match self.settings.dunning_end {
            DunningEnd::Cancel => self.end_subscription(id, "payment_failed"),
            DunningEnd::Unpaid => {
                if self.subscription(id).is_ok_and(|it| it.status == Status::PastDue) {
                    self.edit_subscription(id, |it| it.status = Status::Unpaid);
                }
            }
            DunningEnd::LeavePastDue => {}
        }
    }

    pub(crate) fn end_subscription(&mut self, id: &str, reason: &'static str) {
        self.end_with_invoice(id, reason, None);
    }

    /// `last`: the billing reason of a last invoice for what waits.
    pub(super) fn end_with_invoice(&mut self, id: &str, reason: &'static str, last: Option<&'static str>) {
        self.drop_pending_update(id);
        let open = self
            .subscription(id)
            .map(|it| it.invoices.clone())
            .unwrap_or_default();
        let waits = self.subscription(id).is_ok_and(|it| !it.waiting.is_empty());
        let period = (self.now, self.now);
        let invoice = last.filter(|_| waits).map(|reason| {
            self.draft_invoice(NewInvoice {
                subscription: id,
                reason,
                period,
                lines: Vec::new(),
            })
        });
        let now = self.now;
        self.edit_subscription_silently(id, |it| {
            it.canceled_at = it
                .canceled_at
                .filter(|_| it.cancel_at.is_some_and(|at| at <= now))
                .or(Some(now));
            it.status = Status::Canceled;
            it.ended_at = Some(now);
            it.cancellation_reason = Some(reason);
            it.latest_invoice = invoice.clone().or(it.latest_invoice.take());
        });
        self.tell("customer.subscription.deleted", id);
        if let Some(schedule) = self.subscription(id).ok().and_then(|it| it.schedule.clone()) {
            self.schedule_canceled(&schedule);
        }
        for invoice in open {
            self.stop_collecting(&invoice);
        }
        match invoice {
            Some(invoice) if last == Some("subscription_update") => {
                self.announce_invoice(&invoice);
                self.bill_now(id, &invoice, PaymentBehavior::AllowIncomplete);
            }
            Some(invoice) => self.announce_invoice(&invoice),
            None => {}
        }
    }

    /// An end at once takes prorations along that no invoice has yet; what was charged by hand waits on
    /// (docs.stripe.com/api/subscriptions/cancel).
    fn drop_waiting(&mut self, id: &str) {
        let waiting = self.subscriptions.get(id).map(|it| it.waiting.clone());
        for item in waiting.into_iter().flatten() {
            if self
                .invoice_items
                .get(&item)
                .is_some_and(InvoiceItem::is_proration)
            {
                self.delete_invoice_item(&item);
            }
        }
    }
}
