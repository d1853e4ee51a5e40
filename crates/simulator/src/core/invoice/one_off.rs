//! Invoices made by hand: docs.stripe.com/api/invoices/create

use serde_json::json;

use super::{Invoice, InvoiceStatus};
use crate::core::calendar::DAY;
use crate::core::discount::Purpose;
use crate::core::{Answer, Core, Fault, Metadata, Redeem, Row};

/// An invoice to make by hand.
#[derive(Clone, Debug, Default)]
pub struct OneOffInvoice {
    pub customer: String,
    /// Takes what waits for this one's next invoice, and is one of its invoices.
    pub subscription: Option<String>,
    /// `None`: the customer's, else `usd`.
    pub currency: Option<String>,
    /// Takes what waits for the customer's next invoice.
    pub takes_pending: bool,
    /// It is refused if nothing waits.
    pub needs_pending: bool,
    /// The clock finalizes and collects it after an hour.
    pub auto_advance: bool,
    /// `Some`: it is sent, to be paid by then.
    pub due: Option<Due>,
    pub default_payment_method: Option<String>,
    pub description: Option<String>,
    pub discounts: Vec<Redeem>,
    pub metadata: Metadata,
}

/// By when an invoice that is sent has to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// After it is made.
    Days(u32),
    /// Unix seconds.
    At(i64),
}

impl Due {
    pub(super) fn instant(self, from: i64) -> i64 {
        match self {
            Due::Days(days) => from + i64::from(days) * DAY,
            Due::At(at) => at,
        }
    }
}

impl Core {
    /// # Errors
    /// No such customer, subscription, method or discount of theirs; nothing waits for the subscription's invoice.
    pub fn create_invoice(&mut self, new: OneOffInvoice) -> Answer {
        let customer = self.living_customer(&new.customer);
        let customer = customer.map_err(|fault| fault.param("customer"))?;
        let mut currency = new.currency.as_ref().map(|it| it.to_lowercase());
        currency = currency.or(customer.currency.clone());
        if let Some(method) = &new.default_payment_method {
            let own = self.check_own_method(&new.customer, method);
            own.map_err(|fault| fault.param("default_payment_method"))?;
        }
        if let Some(id) = &new.subscription {
            let of = self
                .subscription(id)
                .map_err(|fault| fault.param("subscription"))?;
            if of.customer != new.customer {
                return Err(Fault::missing("subscription", id).param("subscription"));
            }
            if of.waiting.is_empty() {
                let message = format!("Nothing to invoice for subscription {id}");
                let fault = Fault::invalid(message).param("subscription");
                return Err(fault.code("invoice_no_subscription_line_items"));
            }
            currency = Some(of.currency.clone());
            self.check_invoice_limit(id)?;
        }
        let currency = currency.unwrap_or_else(|| "usd".to_owned());
        if new.subscription.is_none()
            && new.needs_pending
            && self.loose_invoice_items(&new.customer, &currency).is_empty()
        {
            let fault = Fault::invalid("Nothing to invoice for customer");
            return Err(fault.code("invoice_no_customer_line_items"));
        }
        let has = self.running_discounts_of(new.subscription.as_deref());
        self.check_invoice_discounts(&new.discounts, &new.customer, &currency, &has)?;
        let id = self.ids.mint("in_");
        let mut invoice = Invoice {
            description: new.description,
            default_payment_method: new.default_payment_method,
            metadata: new.metadata,
            due_date: new.due.map(|due| due.instant(self.now)),
            ..Invoice::draft(id.clone(), new.customer, currency, self.now)
        };
        let items = match &new.subscription {
            Some(subscription) => self.take_waiting(subscription),
            None if new.takes_pending => self.loose_invoice_items(&invoice.customer, &invoice.currency),
            None => Vec::new(),
        };
        if let Some(of) = new
            .subscription
            .as_deref()
            .and_then(|id| self.subscriptions.get(id))
        {
            invoice.subscription = Some(of.id.clone());
            invoice.subscription_metadata = of.metadata.clone();
            invoice.reason = "subscription_update";
        }
        invoice.lines = self.take_invoice_items(items, &id);
        for line in &mut invoice.lines {
            line.id = self.ids.mint("il_");
        }
        invoice.discounts = self.redeem_for_invoice(&new.discounts, &invoice.customer, &id);
        invoice.advance_at(new.auto_advance.then_some(self.now + self.settings.draft_for));
        self.discount_draft(&mut invoice);
        self.total_up(&mut invoice);
        let wakes = invoice.finalizes_at;
        self.invoices.insert(invoice);
        if let Some(at) = wakes {
            self.wake(at, &id);
        }
        if let Some(of) = &new.subscription {
            self.edit_subscription(of, |it| {
                it.invoices.push(id.clone());
                it.latest_invoice = Some(id.clone());
            });
        }
        self.announce_invoice(&id);
        self.invoice(&id).map(|it| it.render(self))
    }

    /// docs.stripe.com/api/invoices/delete: one-off drafts only. What is on it goes with it.
    ///
    /// # Errors
    /// No such invoice, no draft any more, or a subscription's.
    pub fn delete_invoice(&mut self, id: &str) -> Answer {
        let invoice = self.invoice(id)?;
        if invoice.status != InvoiceStatus::Draft {
            let message = "You can only delete draft invoices.";
            return Err(Fault::invalid(message).code("invoice_not_editable"));
        }
        if invoice.subscription.is_some() {
            let message = "You can't delete an invoice of a subscription: it has to be finalized and voided.";
            return Err(Fault::invalid(message).code("invoice_not_editable"));
        }
        let last = invoice.render(self);
        let items = self.invoice_items.of(&invoice.customer);
        let items = items.filter(|it| !it.deleted && it.invoice.as_deref() == Some(id));
        let items: Vec<String> = items.map(|it| it.id.clone()).collect();
        if let Some(invoice) = self.invoices.get_mut(id) {
            invoice.deleted = true;
            invoice.advance_at(None);
        }
        for item in items {
            self.delete_invoice_item(&item);
        }
        self.emit("invoice.deleted", last);
        Ok(json!({ "id": id, "object": "invoice", "deleted": true }))
    }

    /// What an invoice of this subscription may reuse.
    pub(super) fn running_discounts_of(&self, subscription: Option<&str>) -> Vec<String> {
        let of = subscription.and_then(|id| self.subscriptions.get(id));
        let all = of.into_iter().flat_map(|it| &it.discounts);
        let runs = |id: &&String| self.discounts.get(id).is_some_and(|it| it.is_running(self.now));
        all.filter(runs).cloned().collect()
    }

    /// Whether these can be redeemed for an invoice of this customer, which has, or may reuse, some already: of
    /// docs.stripe.com/api/invoices/update, `discounts`, each once.
    pub(super) fn check_invoice_discounts(
        &self,
        redeem: &[Redeem],
        customer: &str,
        currency: &str,
        has: &[String],
    ) -> Result<(), Fault> {
        // What is on an invoice is not known before it is finalized.
        let purpose = Purpose {
            customer: Some(customer),
            currency,
            amount: i64::MAX,
        };
        for (at, one) in redeem.iter().enumerate() {
            let param = format!("discounts[{at}]");
            if let Redeem::Discount(id) = one
                && !has.contains(id)
            {
                return Err(Fault::missing("discount", id).param(format!("{param}[discount]")));
            }
            self.check_redeem(one, &purpose, &param)?;
        }
        self.check_stack(redeem)
    }

    /// Puts other discounts on a draft.
    pub(super) fn replace_invoice_discounts(&mut self, id: &str, redeem: &[Redeem]) {
        let Some(customer) = self.invoices.get(id).map(|it| it.customer.clone()) else {
            return;
        };
        let discounts = self.redeem_for_invoice(redeem, &customer, id);
        self.edit_draft(id, |it| it.discounts = discounts);
    }
}
