//! How an invoice begins: what it takes along, what is taken off it, and what it comes to.
//!
//! docs.stripe.com/billing/invoices/subscription: an invoice takes the invoice items that wait for it.

use super::{Invoice, InvoiceLine, InvoiceStatus};
use crate::core::calendar::DAY;
use crate::core::{Core, Duration, Metadata, Row, Status};

/// An invoice of a subscription.
pub struct NewInvoice<'a> {
    pub subscription: &'a str,
    pub reason: &'static str,
    pub period: (i64, i64),
    pub lines: Vec<InvoiceLine>,
}

impl NewInvoice<'_> {
    /// Whether it takes what waits for whatever invoice comes next; other invoices are of one change only.
    fn is_scheduled(&self) -> bool {
        matches!(self.reason, "subscription_create" | "subscription_cycle")
    }
}

impl Invoice {
    /// With nothing on it, that nobody collects.
    pub(super) fn draft(id: String, customer: String, currency: String, now: i64) -> Invoice {
        Invoice {
            id,
            created: now,
            customer,
            subscription: None,
            subscription_metadata: Metadata::new(),
            reason: "manual",
            status: InvoiceStatus::Draft,
            currency,
            lines: Vec::new(),
            discounts: Vec::new(),
            total: 0,
            amount_due: 0,
            starting_balance: 0,
            ending_balance: None,
            number: None,
            period: (now, now),
            finalized_at: None,
            paid_at: None,
            voided_at: None,
            attempts: 0,
            attempted: false,
            next_attempt: None,
            due_date: None,
            overdue: false,
            auto_advance: false,
            finalizes_at: None,
            payment_intent: None,
            payment: None,
            metadata: Metadata::new(),
            description: None,
            default_payment_method: None,
            uncollectible_at: None,
            out_of_band: false,
            told: None,
            deleted: false,
        }
    }

    /// The clock finalizes and collects it from this instant on, or never.
    pub(super) fn advance_at(&mut self, at: Option<i64>) {
        self.auto_advance = at.is_some();
        self.finalizes_at = at;
        self.next_attempt = at.filter(|_| self.due_date.is_none());
    }
}

impl Core {
    /// Makes the draft; [`Core::announce_invoice`] tells of it once its subscription names it.
    pub(crate) fn draft_invoice(&mut self, new: NewInvoice<'_>) -> String {
        let id = self.ids.mint("in_");
        let Some(subscription) = self.subscriptions.get(new.subscription) else {
            return id;
        };
        let (customer, currency) = (subscription.customer.clone(), subscription.currency.clone());
        let metadata = subscription.metadata.clone();
        let mut items = self.take_waiting(new.subscription);
        if new.is_scheduled() {
            items.extend(self.loose_invoice_items(&customer, &currency));
        }
        let mut lines = self.take_invoice_items(items, &id);
        for line in lines.iter_mut().filter(|line| line.proration) {
            line.metadata.clone_from(&metadata);
        }
        let own = new.lines.into_iter();
        lines.extend(own.map(|line| line.of_subscription(new.subscription, &metadata)));
        for line in &mut lines {
            line.id = self.ids.mint("il_");
        }
        let discounts = self.discount_lines(new.subscription, &mut lines);
        let paused = self.keeps_drafts(new.subscription);
        let Some(subscription) = self.subscriptions.get_mut(new.subscription) else {
            return id;
        };
        subscription.invoices.push(id.clone());
        let days_until_due = subscription.days_until_due;
        let unpaid = subscription.status == Status::Unpaid;
        let collects = (new.reason == "subscription_create" || !unpaid) && !paused;
        let scheduled = new.reason == "subscription_create" && subscription.schedule.is_some();
        let waits = new.reason == "subscription_cycle" || days_until_due.is_some() || scheduled;
        let finalizes_at = (collects && waits).then(|| self.now + self.settings.draft_for);
        let mut invoice = Invoice {
            subscription: Some(new.subscription.to_owned()),
            subscription_metadata: metadata,
            reason: new.reason,
            lines,
            discounts,
            period: new.period,
            next_attempt: finalizes_at.filter(|_| days_until_due.is_none()),
            due_date: days_until_due.map(|days| self.now + i64::from(days) * DAY),
            auto_advance: collects,
            finalizes_at,
            ..Invoice::draft(id.clone(), customer, currency, self.now)
        };
        self.total_up(&mut invoice);
        self.invoices.insert(invoice);
        if let Some(at) = finalizes_at {
            self.wake(at, &id);
        }
        id
    }

    /// What a draft comes to, its lines being discounted already.
    pub(super) fn total_up(&self, invoice: &mut Invoice) {
        invoice.total = invoice.lines.iter().map(InvoiceLine::net).sum();
        let balance = self.customers.get(&invoice.customer).map_or(0, |it| it.balance);
        invoice.starting_balance = balance;
        invoice.amount_due = (invoice.total + balance).max(0);
    }

    /// Changes the lines of a draft and what follows from them, and tells of it.
    pub(super) fn edit_lines(&mut self, id: &str, change: impl FnOnce(&mut Vec<InvoiceLine>)) {
        self.edit_draft(id, |it| change(&mut it.lines));
    }

    /// The same for whatever its amounts follow from.
    pub(super) fn edit_draft(&mut self, id: &str, change: impl FnOnce(&mut Invoice)) {
        let Some(mut changed) = self.invoices.get(id).cloned() else {
            return;
        };
        change(&mut changed);
        self.discount_draft(&mut changed);
        self.total_up(&mut changed);
        self.edit_invoice("invoice.updated", id, |it| *it = changed);
    }

    pub(crate) fn announce_invoice(&mut self, id: &str) {
        if let Some(shown) = self.invoices.get(id).map(|it| it.rendered(self)) {
            self.emit("invoice.created", shown);
            let event = self.events.last().map(|event| event.id.clone());
            if let Some(invoice) = self.invoices.get_mut(id) {
                invoice.told = event;
            }
        }
    }

    /// Takes its discounts off the lines as they are now.
    pub(super) fn discount_draft(&self, invoice: &mut Invoice) {
        let coupons = self.coupons_of(&invoice.discounts);
        let amounts: Vec<(&str, i64)> = invoice.lines.iter().map(InvoiceLine::discountable).collect();
        let taken = self.take_off(&coupons, &amounts);
        for line in &mut invoice.lines {
            line.discounts.clear();
        }
        for (discount, off) in invoice.discounts.iter().zip(taken) {
            for (line, off) in invoice.lines.iter_mut().zip(off) {
                line.discounts.push((discount.clone(), off));
            }
        }
    }

    /// An invoice that took something off by a subscription's discount, good for one invoice, is final.
    pub(super) fn use_up_discounts(&mut self, invoice: &str) {
        let Some(invoice) = self.invoices.get(invoice) else {
            return;
        };
        let takes = |id: &&String| {
            let mut all = invoice.lines.iter().flat_map(|line| &line.discounts);
            all.any(|(discount, off)| discount == *id && *off > 0)
        };
        let once = |id: &&String| {
            let coupon = self.discounts.get(id).and_then(|it| self.coupons.get(&it.coupon));
            coupon.is_some_and(|it| it.new.duration == Duration::Once)
        };
        let used = invoice.discounts.iter().filter(takes).filter(once);
        for discount in used.cloned().collect::<Vec<_>>() {
            self.discount_due(&discount);
        }
    }
}
