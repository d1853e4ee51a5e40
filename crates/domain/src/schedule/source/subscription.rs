//! Subscriptions, item by item.

use super::payment::Payment;
use super::{Source, Steps, View};
use crate::catalog::{Plan, Refund};
use crate::facts::{CARRY, END_SLACK, announced_end, renews_at};
use crate::object::{
    CollectionMethod, Invoice, InvoiceLine, InvoiceStatus, Object, PriceRef, Subscription, SubscriptionItem,
    SubscriptionStatus,
};
use crate::schedule::Reason;
use crate::time::Timestamp;

pub(super) fn sources<'a>(view: &View<'a>, subscription: &'a Subscription) -> Vec<Source<'a>> {
    let bill = Bill {
        view,
        subscription,
        invoices: invoices_of(view, subscription),
    };
    subscription
        .items
        .iter()
        .flat_map(|item| bill.item(item))
        .collect()
}

/// A subscription with its invoices, the newest first.
struct Bill<'v, 'a> {
    view: &'v View<'a>,
    subscription: &'a Subscription,
    invoices: Vec<&'a Invoice>,
}

fn invoices_of<'a>(view: &View<'a>, subscription: &Subscription) -> Vec<&'a Invoice> {
    let ours = |invoice: &&Invoice| invoice.subscription.as_ref() == Some(&subscription.id);
    let mut invoices: Vec<&Invoice> = view.facts.all(Object::as_invoice).filter(ours).collect();
    invoices.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
    invoices
}

/// What of an item was last paid.
enum Paid<'a> {
    This(&'a PriceRef, u64),
    /// Nothing, ever, for certain.
    Nothing,
    /// It was, or may have been, by invoices that are not known or not whole.
    Before,
}

impl<'a> Bill<'_, 'a> {
    fn item(&self, item: &'a SubscriptionItem) -> Vec<Source<'a>> {
        let past_due = self.subscription.status == SubscriptionStatus::PastDue;
        let paid = if past_due {
            self.last_paid(item)
        } else {
            Paid::Before
        };
        let (price, quantity) = match paid {
            Paid::This(price, quantity) => (price, quantity),
            Paid::Nothing | Paid::Before => (&item.price, item.quantity),
        };
        let mut sources = vec![];
        let mut covered = Steps::always(self.denied());
        if let Some((id, plan)) = self.view.plan(price) {
            let steps = match paid {
                Paid::Nothing => Steps::always(Reason::PaymentFailed),
                Paid::This(..) | Paid::Before => self.standing(item, plan),
            };
            covered = steps.clone();
            sources.push(Source {
                plan: id,
                object: &self.subscription.id,
                quantity,
                paid_through: false,
                steps,
            });
        }
        if self.paid_through_counts() {
            self.paid_through(item, covered, &mut sources);
        }
        sources
    }

    /// What the status gives an item of this plan.
    fn standing(&self, item: &SubscriptionItem, plan: &Plan) -> Steps {
        let steps = if self.customer_deleted() {
            Steps::always(Reason::Canceled)
        } else {
            match self.subscription.status {
                SubscriptionStatus::Trialing => Steps::always(Reason::Trialing),
                SubscriptionStatus::Active => {
                    Steps::always(self.first_payment(plan).unwrap_or(Reason::Active))
                }
                SubscriptionStatus::PastDue => self.in_grace(plan),
                _ => Steps::always(self.denied()),
            }
        };
        let steps = match self.veto(item, plan) {
            Some(veto) => steps.map(|reason| if reason.granted() { veto } else { reason }),
            None => steps,
        };
        if self.under_test_clock() {
            // Its instants are another clock's. That clock's events say when something changes.
            return Steps::always(steps.at(Timestamp::MIN));
        }
        let carried = self.view.facts.carried_until.get(&self.subscription.id);
        let news_until = renews_at(self.subscription, item) + CARRY;
        let unconfirmed_from = carried.map_or(news_until, |carried| news_until.max(*carried));
        match announced_end(self.view.facts, self.subscription) {
            Some(end) if end.at <= renews_at(self.subscription, item) => {
                steps.ending(end.at + END_SLACK, end.reason)
            }
            Some(end) => steps
                .ending(unconfirmed_from, Reason::Unconfirmed)
                .ending(end.at + END_SLACK, end.reason),
            None => steps.ending(unconfirmed_from, Reason::Unconfirmed),
        }
    }

    /// Why the status gives nothing; for those that do, what comes after.
    fn denied(&self) -> Reason {
        if self.customer_deleted() {
            return Reason::Canceled;
        }
        match self.subscription.status {
            SubscriptionStatus::Unpaid | SubscriptionStatus::PastDue => Reason::PaymentFailed,
            SubscriptionStatus::Incomplete | SubscriptionStatus::IncompleteExpired => Reason::Incomplete,
            SubscriptionStatus::Canceled => Reason::Canceled,
            SubscriptionStatus::Paused => Reason::Paused,
            SubscriptionStatus::Trialing | SubscriptionStatus::Active | SubscriptionStatus::Unknown(_) => {
                Reason::Unconfirmed
            }
        }
    }

    /// The subscription is active because its first payment is processing; `None`: it is paid, or needs none.
    fn first_payment(&self, plan: &Plan) -> Option<Reason> {
        if self.subscription.collection_method == CollectionMethod::SendInvoice || self.ever_paid() {
            return None;
        }
        let first = self.invoices.iter().find(|invoice| {
            is_first(invoice) && invoice.status == InvoiceStatus::Open && invoice.total > 0
        })?;
        if self.view.payment_of_invoice(first).failed() {
            Some(Reason::PaymentFailed)
        } else if plan.policies.while_processing == Some(false) {
            Some(Reason::PaymentPending)
        } else {
            Some(Reason::Processing)
        }
    }

    /// The grace counts from an instant in the objects. While no invoice is known to be open still, access stays.
    fn in_grace(&self, plan: &Plan) -> Steps {
        let grace = Steps::always(Reason::InGrace);
        let since = self.open_for_sure().map(|invoice| self.due_since(invoice)).min();
        match since {
            Some(since) => grace.ending(since + plan.grace, Reason::PaymentFailed),
            None => grace,
        }
    }

    fn due_since(&self, invoice: &Invoice) -> Timestamp {
        let due = invoice
            .due_date
            .filter(|_| self.subscription.collection_method == CollectionMethod::SendInvoice);
        due.or(invoice.finalized_at).unwrap_or(invoice.created)
    }

    /// In `past_due` the last paid plan and quantity count: unpaid seats are no seats.
    fn last_paid(&self, item: &'a SubscriptionItem) -> Paid<'a> {
        match self.paid_line(item).or_else(|| self.replaced_line(item)) {
            Some(line) => Paid::This(line.price.as_ref().unwrap_or(&item.price), line.quantity),
            None if self.nothing_paid() => Paid::Nothing,
            None => Paid::Before,
        }
    }

    fn paid_line(&self, item: &SubscriptionItem) -> Option<&'a InvoiceLine> {
        self.charged().find_map(|invoice| line_of(invoice, item))
    }

    /// What was last paid of an item that another one has taken the place of: of the same plan, else of any if only
    /// one item can have taken it.
    fn replaced_line(&self, item: &SubscriptionItem) -> Option<&'a InvoiceLine> {
        let items = &self.subscription.items;
        let plan = |price: &PriceRef| self.view.plan(price).map(|(id, _)| id);
        let gone = |line: &&InvoiceLine| {
            let id = line.subscription_item.as_ref();
            let sold = line.price.as_ref().and_then(plan).is_some();
            sold && !line.proration && id.is_some_and(|id| items.iter().all(|item| item.id != *id))
        };
        let lines = || self.charged().flat_map(|invoice| &invoice.lines).filter(gone);
        let only = || items.iter().filter(|it| self.paid_line(it).is_none()).count() == 1;
        lines()
            .find(|line| line.price.as_ref().and_then(plan) == plan(&item.price))
            .or_else(|| lines().next().filter(|_| only()))
    }

    /// Of an item that no paid invoice shows: whether it is certain that it never was paid. A payer is not locked out
    /// for what we did not see, so the invoices must be known whole and from the first one on, or what is open must be
    /// the first charge.
    fn nothing_paid(&self) -> bool {
        let from_the_first = self.paid_invoices().any(is_first) || self.open_for_sure().any(is_first);
        let first_charge = |invoice: &Invoice| {
            self.subscription.trial_end.is_some_and(|end| {
                invoice.created <= end || invoice.lines.iter().any(|line| line.period_start <= end)
            })
        };
        let is_whole = !self.charged().any(|invoice| invoice.lines_cut);
        is_whole && (from_the_first || !self.ever_paid() && self.open_for_sure().any(first_charge))
    }

    fn ever_paid(&self) -> bool {
        self.charged().next().is_some()
    }

    /// A trial's zero invoice is no payment.
    fn charged(&self) -> impl Iterator<Item = &'a Invoice> {
        self.paid_invoices().filter(|invoice| invoice.total > 0)
    }

    /// Where the status does not give the item, a paid line that covers the instant does. It only adds.
    fn paid_through(&self, item: &'a SubscriptionItem, mut covered: Steps, sources: &mut Vec<Source<'a>>) {
        for invoice in self.paid_invoices() {
            let payment = self.view.payment_of_invoice(invoice);
            if payment.refunded(Refund::Full) {
                continue;
            }
            for line in invoice
                .lines
                .iter()
                .filter(|line| is_line_of(line, item) && !line.proration)
            {
                let Some((id, plan)) = self.view.plan(line.price.as_ref().unwrap_or(&item.price)) else {
                    continue;
                };
                if !plan.policies.paid_through || taken_back(&payment, plan).is_some() {
                    continue;
                }
                let (start, end) = (line.period_start, Some(line.period_end));
                let paid = Steps::within(start, end, Reason::PaidThrough, Reason::NoPlan);
                let steps = covered.with(&paid, |own, paid| match (own.granted(), paid.granted()) {
                    (false, true) => paid,
                    (false, false) => own,
                    // Another source gives it then, and two would count double.
                    (true, _) => Reason::NoPlan,
                });
                covered = covered.with(
                    &paid,
                    |own, paid| if paid.granted() { own.max(paid) } else { own },
                );
                sources.push(Source {
                    plan: id,
                    object: &self.subscription.id,
                    quantity: line.quantity,
                    paid_through: true,
                    steps,
                });
            }
        }
    }

    fn paid_through_counts(&self) -> bool {
        let counts = match self.subscription.status {
            SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid => true,
            SubscriptionStatus::Canceled => {
                self.subscription.cancellation_reason.as_deref() == Some("payment_failed")
            }
            _ => false,
        };
        counts && !self.customer_deleted() && !self.under_test_clock()
    }

    /// Only a charge that pays the current period counts.
    fn veto(&self, item: &SubscriptionItem, plan: &Plan) -> Option<Reason> {
        let current = |line: &InvoiceLine| {
            is_line_of(line, item)
                && line.period_start <= item.period_start
                && item.period_start < line.period_end
        };
        self.paid_invoices()
            .filter(|invoice| invoice.lines.iter().any(current))
            .find_map(|invoice| taken_back(&self.view.payment_of_invoice(invoice), plan))
    }

    fn paid_invoices(&self) -> impl Iterator<Item = &'a Invoice> {
        self.invoices
            .iter()
            .copied()
            .filter(|invoice| invoice.status == InvoiceStatus::Paid)
    }

    /// Those seen open since the subscription is past due: the payment of an older one may have escaped us.
    fn open_for_sure(&self) -> impl Iterator<Item = &'a Invoice> {
        let seen = |invoice: &&Invoice| self.view.facts.seen_past_due(self.subscription, &invoice.id);
        self.invoices
            .iter()
            .copied()
            .filter(|invoice| invoice.status == InvoiceStatus::Open)
            .filter(seen)
    }

    fn customer_deleted(&self) -> bool {
        self.view.is_deleted(&self.subscription.stripe_customer)
    }

    fn under_test_clock(&self) -> bool {
        self.subscription.test_clock.is_some()
    }
}

/// Why the money behind a period no longer gives it.
fn taken_back(payment: &Payment, plan: &Plan) -> Option<Reason> {
    let policies = &plan.policies;
    if payment.disputed(policies.disputes) {
        Some(Reason::Disputed)
    } else if payment.refunded(policies.refunds.subscriptions) {
        Some(Reason::Refunded)
    } else {
        None
    }
}

fn is_first(invoice: &Invoice) -> bool {
    invoice.billing_reason.as_deref() == Some("subscription_create")
}

fn is_line_of(line: &InvoiceLine, item: &SubscriptionItem) -> bool {
    match &line.subscription_item {
        Some(id) => *id == item.id,
        None => line.price.as_ref().is_some_and(|price| price.id == item.price.id),
    }
}

/// What an invoice charged for the item: a whole period's line, else what an upgrade changed it to.
fn line_of<'a>(invoice: &'a Invoice, item: &SubscriptionItem) -> Option<&'a InvoiceLine> {
    let lines = || invoice.lines.iter().filter(|line| is_line_of(line, item));
    let is_current = |line: &&InvoiceLine| {
        line.quantity == item.quantity && line.price.as_ref().is_none_or(|price| price.id == item.price.id)
    };
    lines()
        .find(|line| !line.proration)
        .or_else(|| lines().find(is_current))
        .or_else(|| lines().max_by_key(|line| line.quantity))
}
