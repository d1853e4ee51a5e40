//! What the clock does to a subscription.
//!
//! Renewals: docs.stripe.com/billing/subscriptions/billing-cycle and docs.stripe.com/billing/invoices/subscription. An
//! announced end: docs.stripe.com/billing/subscriptions/cancel. A first payment that did not come:
//! docs.stripe.com/billing/subscriptions/overview, "Subscription statuses".

use super::{Item, Status, Subscription, create};
use crate::core::invoice::InvoiceStatus;
use crate::core::{Core, Interval, NewInvoice};

impl Core {
    /// Does what is due at `now`, and no more.
    pub(crate) fn subscription_due(&mut self, id: &str) {
        let Some(subscription) = self.subscriptions.get(id) else {
            return;
        };
        if subscription.status.is_terminal() {
            return;
        }
        let pending = subscription.pending_update.as_ref();
        if pending.is_some_and(|it| it.expires_at <= self.now) {
            return self.drop_pending_update(id);
        }
        if subscription.trial_notice_at().is_some_and(|at| at <= self.now) {
            return self.announce_trial_end(id);
        }
        let pause = subscription.pause.and_then(|pause| pause.resumes_at);
        if pause.is_some_and(|at| at <= self.now) {
            return self.edit_subscription(id, |it| it.pause = None);
        }
        if subscription.phase_ends.is_some_and(|at| at <= self.now) {
            return self.phase_over(id);
        }
        let trial_over = subscription.trial.is_some_and(|(_, end)| end <= self.now);
        if subscription.cancel_at.is_some_and(|at| at <= self.now) {
            let reason = subscription
                .cancellation_reason
                .unwrap_or("cancellation_requested");
            self.end_with_invoice(id, reason, Some("subscription_cycle"));
        } else if subscription.status == Status::Incomplete {
            if subscription.created + create::INCOMPLETE_FOR <= self.now {
                self.expire_incomplete(id);
            }
        } else if subscription.status == Status::Trialing && trial_over {
            self.end_trial(id);
        } else if subscription.status != Status::Paused
            && subscription.next().is_some_and(|at| at <= self.now)
        {
            self.renew(id, None);
        }
    }

    /// The first invoice was not paid within 23 hours (docs.stripe.com/billing/subscriptions/overview, "Subscription
    /// statuses").
    fn expire_incomplete(&mut self, id: &str) {
        let invoice = self
            .subscriptions
            .get(id)
            .and_then(|it| it.latest_invoice.clone());
        if let Some(invoice) = invoice {
            self.void_invoice(&invoice);
        }
        let now = self.now;
        self.edit_subscription(id, |it| {
            it.status = Status::IncompleteExpired;
            it.ended_at = Some(now);
        });
    }

    /// Moves every item whose period is over into its next one and drafts the invoice for them. The status stays what
    /// it was (or becomes `status`) until that invoice is collected (docs.stripe.com/billing/subscriptions/webhooks).
    pub(super) fn renew(&mut self, id: &str, status: Option<Status>) {
        let mut made = None;
        self.edit_around_subscription(id, |core| made = core.begin_next_periods(id, status));
        if let Some(invoice) = made {
            self.announce_invoice(&invoice);
        }
    }

    /// The same with other items from here on, by price and quantity: the next phase of a schedule.
    pub(crate) fn renew_as(&mut self, id: &str, items: Vec<(String, u64)>, phase_ends: i64) {
        let mut made = None;
        self.edit_around_subscription(id, |core| {
            let Some(mut changed) = core.subscriptions.get(id).cloned() else {
                return;
            };
            core.replace_items(&mut changed, items);
            changed.phase_ends = Some(phase_ends);
            let renews = matches!(changed.status, Status::Active | Status::PastDue | Status::Unpaid);
            core.edit_subscription_silently(id, |it| *it = changed);
            if renews {
                made = core.begin_next_periods(id, None);
            }
        });
        if let Some(invoice) = made {
            self.announce_invoice(&invoice);
        }
    }

    fn begin_next_periods(&mut self, id: &str, status: Option<Status>) -> Option<String> {
        let mut changed = self.subscriptions.get(id)?.clone();
        let now = self.now;
        let due: Vec<String> = changed
            .items
            .iter()
            .filter(|item| item.period_end <= now)
            .map(|item| item.id.clone())
            .collect();
        let is_due = |item: &Item| due.contains(&item.id);
        let began = changed
            .items
            .iter()
            .filter(|item| is_due(item))
            .map(|item| item.period_start)
            .min();
        for item in changed.items.iter_mut().filter(|item| item.period_end <= now) {
            let (interval, count) = self.interval_of(&item.price);
            item.cycles += 1;
            item.period_start = item.period_end;
            item.period_end = interval.after(item.anchor, count * item.cycles);
            item.billed = self.amount_of_item(item);
        }
        let lines = self.lines_for(&changed, is_due, false);
        let invoice = self.draft_invoice(NewInvoice {
            subscription: id,
            reason: "subscription_cycle",
            period: (began.unwrap_or(now), now),
            lines,
        });
        self.edit_subscription_silently(id, |it| {
            it.items = changed.items;
            it.latest_invoice = Some(invoice.clone());
            it.status = status.unwrap_or(it.status);
        });
        self.remember_billed(id, &invoice);
        Some(invoice)
    }

    /// The price's interval and how many of them make a period.
    pub(crate) fn interval_of(&self, price: &str) -> (Interval, i64) {
        let recurring = self.prices.get(price).and_then(|price| price.recurring);
        recurring.map_or((Interval::Month, 1), |(interval, count)| {
            (interval, i64::from(count))
        })
    }

    /// The subscription's own, else its customer's default.
    pub(crate) fn payment_method_of(&self, subscription: &Subscription) -> Option<String> {
        let of_customer = || self.customers.get(&subscription.customer)?.payment_method.clone();
        subscription.payment_method.clone().or_else(of_customer)
    }

    /// After an invoice was settled: the newest finalized invoice decides, as Stripe has it.
    pub(crate) fn invoice_settled(&mut self, id: &str) {
        self.save_paying_method(id);
        let Some(subscription) = self.subscriptions.get(id) else {
            return;
        };
        let pending = subscription.pending_update.as_ref();
        match pending
            .and_then(|it| self.invoices.get(&it.invoice))
            .map(|it| it.status)
        {
            Some(InvoiceStatus::Paid) => return self.apply_pending_update(id),
            Some(InvoiceStatus::Void) => return self.drop_pending_update(id),
            _ => {}
        }
        let mut newest = subscription
            .invoices
            .iter()
            .rev()
            .filter_map(|invoice| self.invoices.get(invoice));
        let settled = newest
            .find(|invoice| invoice.is_finalized())
            .is_some_and(|it| it.is_settled());
        let waits = matches!(
            subscription.status,
            Status::Incomplete | Status::PastDue | Status::Unpaid
        );
        if settled && waits {
            self.edit_subscription(id, |it| it.status = Status::Active);
        }
    }

    /// After an attempt to collect failed.
    pub(crate) fn invoice_failed(&mut self, id: &str) {
        let Some(subscription) = self
            .subscriptions
            .get(id)
            .filter(|it| it.status == Status::Active)
        else {
            return;
        };
        // A change that is held back can fail without harm to what there is.
        let held_back = subscription.pending_update.as_ref().map(|it| &it.invoice);
        let mut others = subscription
            .invoices
            .iter()
            .rev()
            .filter(|it| Some(*it) != held_back);
        if others.any(|it| self.invoices.get(it).is_some_and(|it| it.is_unpaid())) {
            self.edit_subscription(id, |it| it.status = Status::PastDue);
        }
    }
}
