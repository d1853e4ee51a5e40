//! What an invoice charges for.

use super::{Invoice, InvoiceItem};
use crate::core::rendered::{Rendered, rendered};
use crate::core::{Metadata, Price};

#[derive(Clone, Debug)]
pub struct InvoiceLine {
    /// Set when the invoice is made.
    pub id: String,
    pub amount: i64,
    pub quantity: u64,
    price: String,
    product: String,
    unit_amount: i64,
    pub period: (i64, i64),
    pub item: Option<String>,
    /// `ii_…`: what waited for this invoice.
    invoice_item: Option<String>,
    pub proration: bool,
    discountable: bool,
    /// Whose it is, if a subscription's, and that one's metadata; or those of the invoice item.
    pub subscription: Option<String>,
    pub metadata: Metadata,
    description: Option<String>,
    /// Discount and what it takes off.
    pub discounts: Vec<(String, i64)>,
}

impl InvoiceLine {
    /// Of a subscription's item.
    pub fn of(price: &Price, quantity: u64, period: (i64, i64), item: String) -> InvoiceLine {
        InvoiceLine {
            id: String::new(),
            amount: price.amount_for(quantity),
            quantity,
            price: price.id.clone(),
            product: price.product.clone(),
            unit_amount: price.unit_amount,
            period,
            item: Some(item),
            invoice_item: None,
            proration: false,
            discountable: true,
            subscription: None,
            metadata: Metadata::new(),
            description: Some(format!("{quantity} × {}", price.product)),
            discounts: Vec::new(),
        }
    }

    /// For the part of a period before its cycle begins: docs.stripe.com/billing/subscriptions/billing-cycle.
    pub fn part(self, amount: i64) -> InvoiceLine {
        InvoiceLine {
            amount,
            proration: true,
            discountable: false,
            ..self
        }
    }

    /// What an invoice item becomes on the invoice that takes it.
    pub fn of_invoice_item(item: &InvoiceItem) -> InvoiceLine {
        InvoiceLine {
            id: String::new(),
            amount: item.amount,
            quantity: item.quantity,
            price: item.price.clone(),
            product: item.product.clone(),
            unit_amount: item.unit_amount,
            period: item.period,
            item: item.subscription_item.clone(),
            invoice_item: Some(item.id.clone()),
            proration: item.is_proration(),
            discountable: item.discountable,
            subscription: item.subscription.clone(),
            metadata: item.metadata.clone(),
            description: item.description.clone(),
            discounts: Vec::new(),
        }
    }

    pub fn with_id(self, id: String) -> InvoiceLine {
        InvoiceLine { id, ..self }
    }

    pub fn of_subscription(self, subscription: &str, metadata: &Metadata) -> InvoiceLine {
        InvoiceLine {
            subscription: Some(subscription.to_owned()),
            metadata: metadata.clone(),
            ..self
        }
    }

    /// Whether it is what this invoice item became.
    pub fn is_of(&self, invoice_item: &str) -> bool {
        self.invoice_item.as_deref() == Some(invoice_item)
    }

    /// After discounts.
    pub fn net(&self) -> i64 {
        self.amount - self.discounts.iter().map(|(_, off)| off).sum::<i64>()
    }

    /// Its product, and how much of it discounts may take.
    pub fn discountable(&self) -> (&str, i64) {
        (&self.product, if self.discountable { self.amount } else { 0 })
    }

    /// The same for a trial.
    pub fn free(self) -> InvoiceLine {
        InvoiceLine {
            amount: 0,
            unit_amount: 0,
            description: Some(format!("Trial period for {}", self.product)),
            ..self
        }
    }

    pub fn render(&self, invoice: &Invoice) -> Rendered {
        let parent = match &self.item {
            Some(item) => rendered!({
                "invoice_item_details": null,
                "subscription_item_details": {
                    "invoice_item": &self.invoice_item,
                    "proration": self.proration,
                    "proration_details": { "credited_items": null },
                    "subscription": &self.subscription,
                    "subscription_item": item,
                },
                "type": "subscription_item_details",
            }),
            None => rendered!({
                "invoice_item_details": {
                    "invoice_item": &self.invoice_item,
                    "proration": false,
                    "proration_details": { "credited_items": null },
                    "subscription": &self.subscription,
                },
                "subscription_item_details": null,
                "type": "invoice_item_details",
            }),
        };
        rendered!({
            "id": &self.id,
            "object": "line_item",
            "amount": self.amount,
            "currency": &invoice.currency,
            "description": &self.description,
            "discount_amounts": amounts_off(&self.discounts),
            "discountable": self.discountable,
            "discounts": [],
            "invoice": &invoice.id,
            "livemode": false,
            "metadata": &self.metadata,
            "parent": parent,
            "period": { "end": self.period.1, "start": self.period.0 },
            "pretax_credit_amounts": credits_off(&self.discounts),
            "pricing": {
                "price_details": { "price": &self.price, "product": &self.product },
                "type": "price_details",
                "unit_amount_decimal": self.unit_amount.to_string(),
            },
            "quantity": self.quantity,
            "quantity_decimal": self.quantity.to_string(),
            "subscription": &self.subscription,
            "subtotal": self.amount,
            "taxes": [],
        })
    }
}

/// `discount_amounts` of a line, `total_discount_amounts` of an invoice.
pub fn amounts_off(discounts: &[(String, i64)]) -> Vec<Rendered> {
    let amounts = discounts.iter();
    amounts
        .map(|(discount, amount)| rendered!({ "amount": *amount, "discount": discount }))
        .collect()
}

/// The same among the credits before tax.
pub fn credits_off(discounts: &[(String, i64)]) -> Vec<Rendered> {
    let amounts = discounts.iter();
    amounts
        .map(|(discount, amount)| rendered!({ "amount": *amount, "discount": discount, "type": "discount" }))
        .collect()
}
