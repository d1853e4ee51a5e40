//! Invoice items: prorations that wait for their subscription's next invoice.
//!
//! docs.stripe.com/billing/subscriptions/prorations

use serde_json::{Value, json};

use crate::core::{Core, Price, Row};

#[derive(Clone, Debug)]
pub struct InvoiceItem {
    /// Set when it is made.
    pub id: String,
    created: i64,
    pub customer: String,
    pub subscription: String,
    pub subscription_item: String,
    currency: String,
    /// Below zero is a credit.
    pub amount: i64,
    pub quantity: u64,
    pub price: String,
    pub product: String,
    pub unit_amount: i64,
    pub period: (i64, i64),
    pub description: String,
    /// The invoice that took it.
    pub invoice: Option<String>,
    pub deleted: bool,
}

impl InvoiceItem {
    /// Not made yet: a plan of one.
    pub fn of(
        price: &Price,
        quantity: u64,
        item: &str,
        period: (i64, i64),
        (amount, description): (i64, String),
    ) -> InvoiceItem {
        InvoiceItem {
            id: String::new(),
            created: 0,
            customer: String::new(),
            subscription: String::new(),
            subscription_item: item.to_owned(),
            currency: price.currency.clone(),
            amount,
            quantity,
            price: price.id.clone(),
            product: price.product.clone(),
            unit_amount: price.unit_amount,
            period,
            description,
            invoice: None,
            deleted: false,
        }
    }
}

impl Row for InvoiceItem {
    const NOUN: &'static str = "invoiceitem";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owner(&self) -> Option<&str> {
        Some(&self.customer)
    }

    fn render(&self, core: &Core) -> Value {
        json!({
            "id": self.id,
            "object": "invoiceitem",
            "amount": self.amount,
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": null,
            "date": self.created,
            "description": self.description,
            "discountable": false,
            "discounts": [],
            "invoice": self.invoice,
            "livemode": false,
            "metadata": {},
            "net_amount": self.amount,
            "parent": {
                "subscription_details": {
                    "subscription": self.subscription,
                    "subscription_item": self.subscription_item,
                },
                "type": "subscription_details",
            },
            "period": { "end": self.period.1, "start": self.period.0 },
            "pricing": {
                "price_details": { "price": self.price, "product": self.product },
                "type": "price_details",
                "unit_amount_decimal": self.unit_amount.to_string(),
            },
            "proration": true,
            "proration_details": { "credited_items": null, "discount_amounts": [] },
            "quantity": self.quantity,
            "quantity_decimal": self.quantity.to_string(),
            "tax_rates": [],
            "test_clock": core.test_clock_of(&self.customer),
        })
    }
}

impl Core {
    /// Makes what was planned, and lets it wait for the subscription's next invoice.
    pub(crate) fn create_invoice_item(&mut self, subscription: &str, planned: InvoiceItem) {
        let Some(customer) = self.subscriptions.get(subscription).map(|it| it.customer.clone()) else {
            return;
        };
        let item = InvoiceItem {
            id: self.ids.mint("ii_"),
            created: self.now,
            customer,
            subscription: subscription.to_owned(),
            ..planned
        };
        if let Some(subscription) = self.subscriptions.get_mut(subscription) {
            subscription.waiting.push(item.id.clone());
        }
        let shown = item.render(self);
        self.invoice_items.insert(item);
        self.emit("invoiceitem.created", shown);
    }

    /// One that no invoice has.
    pub(crate) fn delete_invoice_item(&mut self, id: &str) {
        if let Some(item) = self.invoice_items.get_mut(id) {
            item.deleted = true;
        }
        if let Some(shown) = self.invoice_items.get(id).map(|it| it.render(self)) {
            self.emit("invoiceitem.deleted", shown);
        }
    }

    /// Everything that waits for the subscription's next invoice, the newest first, is on this one from now on.
    pub(super) fn take_invoice_items(
        &mut self,
        subscription: &str,
        invoice: &str,
    ) -> Vec<super::InvoiceLine> {
        let waiting = self
            .subscriptions
            .get_mut(subscription)
            .map(|it| std::mem::take(&mut it.waiting));
        let mut lines = Vec::new();
        for id in waiting.into_iter().flatten().rev() {
            if let Some(item) = self.invoice_items.get_mut(&id) {
                item.invoice = Some(invoice.to_owned());
                lines.push(super::InvoiceLine::of_invoice_item(item));
            }
        }
        lines
    }
}
