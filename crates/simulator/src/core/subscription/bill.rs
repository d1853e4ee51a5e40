//! Carries a planned change out: prorations, an invoice at once, and what an unpaid one means.

use super::plan::Plan;
use super::{NewSubscription, PaymentBehavior, Status, Subscription};
use crate::core::payment_method::Decline;
use crate::core::{Core, Fault, InvoiceItem, InvoiceLine, NewInvoice};

impl Core {
    pub(super) fn carry_out(&mut self, id: &str, plan: Plan, behavior: PaymentBehavior) -> Result<(), Fault> {
        if plan.invoices {
            self.check_invoice_limit(id)?;
        }
        let due = self.due_of(&plan);
        if let Some(decline) = self.would_refuse(&plan.after)
            && plan.invoices
            && due > 0
        {
            match behavior {
                PaymentBehavior::ErrorIfIncomplete => return Err(decline.into()),
                PaymentBehavior::PendingIfIncomplete => {
                    self.drop_pending_update(id);
                    self.hold_back(id, plan);
                    return Ok(());
                }
                PaymentBehavior::AllowIncomplete | PaymentBehavior::DefaultIncomplete => {}
            }
        }
        if plan.after.pending_update.is_none() {
            self.drop_pending_update(id);
        }
        let Plan {
            after,
            items,
            lines,
            invoices,
            discounts,
            ..
        } = plan;
        let mut made = None;
        self.edit_around_subscription(id, |core| {
            let discounts = match discounts {
                Some(redeem) => core.replace_discounts(&after, &redeem, None),
                None => after.discounts.clone(),
            };
            core.edit_subscription_silently(id, |it| *it = Subscription { discounts, ..after });
            for item in items {
                core.create_invoice_item(id, item);
            }
            if invoices {
                let period = (core.now, core.now);
                let invoice = core.draft_invoice(NewInvoice {
                    subscription: id,
                    reason: "subscription_update",
                    period,
                    lines,
                });
                core.edit_subscription_silently(id, |it| it.latest_invoice = Some(invoice.clone()));
                core.remember_billed(id, &invoice);
                made = Some(invoice);
            }
        });
        if let Some(invoice) = made {
            self.announce_invoice(&invoice);
            self.bill_now(id, &invoice, behavior);
        }
        Ok(())
    }

    /// Finalizes and collects an invoice that a request made, unless it is left to the clock or to nobody.
    pub(super) fn bill_now(&mut self, id: &str, invoice: &str, behavior: PaymentBehavior) {
        if !self.invoice(invoice).is_ok_and(|it| it.is_due_now()) {
            return;
        }
        self.finalize_invoice(invoice);
        let due = self.invoice(invoice).is_ok_and(|it| it.amount_due > 0);
        if due && behavior == PaymentBehavior::DefaultIncomplete {
            // It waits for somebody to confirm the payment.
            if self.subscription(id).is_ok_and(|it| it.status == Status::Active) {
                self.edit_subscription(id, |it| it.status = Status::PastDue);
            }
        } else {
            // A declined card is not this request's error: the subscription shows it.
            let _ = self.proceed_with_invoice(invoice, false);
        }
    }

    /// `save_default_payment_method`: what paid the newest invoice pays the later ones.
    pub(super) fn save_paying_method(&mut self, id: &str) {
        let Some(subscription) = self.subscriptions.get(id).filter(|it| it.saves_method) else {
            return;
        };
        let invoice = subscription
            .latest_invoice
            .as_ref()
            .and_then(|it| self.invoices.get(it));
        let intent = invoice.and_then(|it| self.intents.get(it.payment_intent.as_ref()?));
        let Some(method) = intent.and_then(|it| it.payment_method.clone()) else {
            return;
        };
        if self
            .check_own_method(&subscription.customer.clone(), &method)
            .is_ok()
        {
            self.edit_subscription(id, |it| it.payment_method = Some(method));
        }
    }

    /// Its `pending_setup_intent` succeeded with this method.
    pub(crate) fn set_up_subscription(&mut self, id: &str, method: &str) {
        self.edit_subscription(id, |it| {
            it.pending_setup_intent = None;
            if it.saves_method {
                it.payment_method = Some(method.to_owned());
            }
        });
    }

    /// What the customer is charged for a whole period, after discounts, is what a credit is a part of.
    pub(super) fn remember_billed(&mut self, id: &str, invoice: &str) {
        let (Some(invoice), Some(subscription)) =
            (self.invoices.get(invoice), self.subscriptions.get_mut(id))
        else {
            return;
        };
        for line in invoice.lines.iter().filter(|line| !line.proration) {
            let item = subscription
                .items
                .iter_mut()
                .find(|item| Some(&item.id) == line.item.as_ref());
            if let Some(item) = item {
                item.billed = line.net();
            }
        }
    }

    /// What an invoice of the plan would ask for, after discounts.
    fn due_of(&self, plan: &Plan) -> i64 {
        let waiting = plan.after.waiting.iter();
        let waiting = waiting.filter_map(|id| self.invoice_items.get(id));
        let coupons = match &plan.discounts {
            Some(redeem) => redeem.iter().filter_map(|it| self.coupon_behind(it)).collect(),
            None => self.coupons_of(&plan.after.discounts),
        };
        let items = waiting.chain(&plan.items);
        self.amount_of(&plan.after.customer, items, &plan.lines, &coupons)
    }

    /// What the first invoice would ask for, after discounts; it takes what waits for the customer's next one.
    pub(super) fn first_due(
        &self,
        new: &NewSubscription,
        subscription: &Subscription,
        once: &[InvoiceItem],
        lines: &[InvoiceLine],
    ) -> i64 {
        let loose = self.loose_invoice_items(&new.customer, &subscription.currency);
        let loose = loose.iter().filter_map(|id| self.invoice_items.get(id));
        let coupons = new.discounts.iter();
        let coupons: Vec<&str> = coupons.filter_map(|it| self.coupon_behind(it)).collect();
        self.amount_of(&new.customer, loose.chain(once), lines, &coupons)
    }

    /// With what the customer's balance adds or takes: below zero nothing is due.
    fn amount_of<'a>(
        &self,
        customer: &str,
        items: impl Iterator<Item = &'a InvoiceItem>,
        lines: &[InvoiceLine],
        coupons: &[&str],
    ) -> i64 {
        let items: Vec<InvoiceLine> = items.map(InvoiceLine::of_invoice_item).collect();
        // In the order in which the invoice would have them: discounts are shared out by it.
        let all: Vec<&InvoiceLine> = items.iter().rev().chain(lines).collect();
        let amounts: Vec<(&str, i64)> = all.iter().map(|line| line.discountable()).collect();
        let off = self.take_off(coupons, &amounts);
        let balance = self.customers.get(customer).map_or(0, |it| it.balance);
        balance + all.iter().map(|line| line.amount).sum::<i64>() - off.iter().flatten().sum::<i64>()
    }

    /// Why a charge would not succeed now.
    pub(super) fn would_refuse(&self, subscription: &Subscription) -> Option<Decline> {
        self.refusal(
            &subscription.customer,
            self.payment_method_of(subscription).as_deref(),
        )
    }
}
