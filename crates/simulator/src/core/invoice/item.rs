//! Invoice items: prorations, and what was charged by hand, until an invoice takes them.
//!
//! docs.stripe.com/billing/subscriptions/prorations and docs.stripe.com/api/invoiceitems

use serde_json::{Value, json};

use crate::core::{Core, Metadata, Price, Row};

#[derive(Clone, Debug)]
pub struct InvoiceItem {
    /// Set when it is made.
    pub id: String,
    pub(super) created: i64,
    pub customer: String,
    /// Whose next invoice takes it; `None`: the customer's next one.
    pub subscription: Option<String>,
    /// Of a proration.
    pub subscription_item: Option<String>,
    pub currency: String,
    /// Below zero is a credit.
    pub amount: i64,
    pub quantity: u64,
    pub price: String,
    pub product: String,
    pub unit_amount: i64,
    pub period: (i64, i64),
    pub description: Option<String>,
    pub discountable: bool,
    pub metadata: Metadata,
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
            subscription: None,
            subscription_item: Some(item.to_owned()),
            currency: price.currency.clone(),
            amount,
            quantity,
            price: price.id.clone(),
            product: price.product.clone(),
            unit_amount: price.unit_amount,
            period,
            description: Some(description),
            discountable: false,
            metadata: Metadata::new(),
            invoice: None,
            deleted: false,
        }
    }

    pub fn is_proration(&self) -> bool {
        self.subscription_item.is_some()
    }

    /// No invoice has it.
    pub fn is_pending(&self) -> bool {
        self.invoice.is_none() && !self.deleted
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
        let parent = self.subscription.as_ref().map(|subscription| {
            let mut details = json!({ "subscription": subscription });
            if let Some(item) = &self.subscription_item {
                details["subscription_item"] = json!(item);
            }
            json!({ "subscription_details": details, "type": "subscription_details" })
        });
        let proration_details = self
            .is_proration()
            .then(|| json!({ "credited_items": null, "discount_amounts": [] }));
        json!({
            "id": self.id,
            "object": "invoiceitem",
            "amount": self.amount,
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": null,
            "date": self.created,
            "description": self.description,
            "discountable": self.discountable,
            "discounts": [],
            "invoice": self.invoice,
            "livemode": false,
            "metadata": self.metadata,
            "net_amount": self.amount,
            "parent": parent,
            "period": { "end": self.period.1, "start": self.period.0 },
            "pricing": {
                "price_details": { "price": self.price, "product": self.product },
                "type": "price_details",
                "unit_amount_decimal": self.unit_amount.to_string(),
            },
            "proration": self.is_proration(),
            "proration_details": proration_details,
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
        self.insert_invoice_item(InvoiceItem {
            customer,
            subscription: Some(subscription.to_owned()),
            ..planned
        });
    }

    /// Gives it an id, lets it wait for its subscription's next invoice, and tells of it.
    pub(super) fn insert_invoice_item(&mut self, planned: InvoiceItem) -> String {
        let item = InvoiceItem {
            id: self.ids.mint("ii_"),
            created: self.now,
            ..planned
        };
        let of = item.subscription.as_deref().filter(|_| item.is_pending());
        if let Some(subscription) = of.and_then(|it| self.subscriptions.get_mut(it)) {
            subscription.waiting.push(item.id.clone());
        }
        let (id, shown) = (item.id.clone(), item.render(self));
        self.invoice_items.insert(item);
        self.emit("invoiceitem.created", shown);
        id
    }

    /// One that no invoice has, or only a draft.
    pub(crate) fn delete_invoice_item(&mut self, id: &str) {
        let Some(item) = self.invoice_items.get_mut(id) else {
            return;
        };
        item.deleted = true;
        let of = item.subscription.clone();
        if let Some(subscription) = of.and_then(|it| self.subscriptions.get_mut(&it)) {
            subscription.waiting.retain(|it| it != id);
        }
        if let Some(shown) = self.invoice_items.get(id).map(|it| it.render(self)) {
            self.emit("invoiceitem.deleted", shown);
        }
    }

    /// What waits for whatever invoice the customer gets next in this currency.
    pub(crate) fn loose_invoice_items(&self, customer: &str, currency: &str) -> Vec<String> {
        let all = self.invoice_items.of(customer);
        let loose = all.filter(|it| it.is_pending() && it.subscription.is_none() && it.currency == currency);
        loose.map(|it| it.id.clone()).collect()
    }

    /// These are on this invoice from now on, the newest first.
    pub(super) fn take_invoice_items(
        &mut self,
        mut ids: Vec<String>,
        invoice: &str,
    ) -> Vec<super::InvoiceLine> {
        ids.sort_by_key(|id| std::cmp::Reverse(self.place(id)));
        let mut lines = Vec::new();
        for id in ids {
            if let Some(item) = self.invoice_items.get_mut(&id) {
                item.invoice = Some(invoice.to_owned());
                lines.push(super::InvoiceLine::of_invoice_item(item));
            }
        }
        lines
    }

    /// What waits for the subscription's next invoice waits no more.
    pub(super) fn take_waiting(&mut self, subscription: &str) -> Vec<String> {
        let waiting = self
            .subscriptions
            .get_mut(subscription)
            .map(|it| std::mem::take(&mut it.waiting));
        waiting.unwrap_or_default()
    }
}
