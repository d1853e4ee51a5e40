//! What requests do to invoice items: docs.stripe.com/api/invoiceitems

use serde_json::json;

use super::{InvoiceItem, InvoiceLine, InvoiceStatus};
use crate::core::catalog::MOST;
use crate::core::{Answer, Core, Fault, Metadata, MetadataChange, NewPrice, NewProduct, Row};

/// A charge by hand.
#[derive(Clone, Debug, Default)]
pub struct NewInvoiceItem {
    pub customer: String,
    /// A draft; `None`: it waits for the next invoice.
    pub invoice: Option<String>,
    /// Only that one's invoices take it.
    pub subscription: Option<String>,
    /// A one-time price; `None`: `unit_amount` of `currency`.
    pub price: Option<String>,
    /// In the currency's smallest unit, below zero for a credit.
    pub unit_amount: i64,
    pub currency: Option<String>,
    pub quantity: u64,
    pub description: Option<String>,
    /// `None`: unless it is a credit.
    pub discountable: Option<bool>,
    /// Unix seconds; `None`: now.
    pub period: Option<(i64, i64)>,
    pub metadata: Metadata,
}

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct InvoiceItemChange {
    pub price: Option<String>,
    /// The whole of it, in the currency's smallest unit; instead of a price, `unit_amount` and `quantity`.
    pub amount: Option<i64>,
    pub unit_amount: Option<i64>,
    pub quantity: Option<u64>,
    /// Empty: takes it away.
    pub description: Option<String>,
    pub discountable: Option<bool>,
    pub period: Option<(i64, i64)>,
    pub metadata: MetadataChange,
}

/// What one of it costs.
pub(crate) struct Pricing {
    price: String,
    product: String,
    unit_amount: i64,
    pub currency: String,
}

impl Pricing {
    /// Of so many, in the currency's smallest unit.
    pub(crate) fn amount(&self, quantity: u64) -> Result<i64, Fault> {
        amount(self.unit_amount, quantity)
    }
}

/// Stripe's own limit.
const LINES: usize = 250;

impl Core {
    /// # Errors
    /// No such customer, price, subscription or draft of theirs; nothing to charge, too much, in another currency.
    pub fn add_invoice_item(&mut self, new: NewInvoiceItem) -> Answer {
        self.living_customer(&new.customer)
            .map_err(|fault| fault.param("customer"))?;
        if let Some(id) = &new.subscription {
            let subscription = self
                .subscription(id)
                .map_err(|fault| fault.param("subscription"))?;
            if subscription.customer != new.customer || subscription.status.is_terminal() {
                return Err(Fault::missing("subscription", id).param("subscription"));
            }
        }
        let priced = new
            .price
            .as_deref()
            .map(|id| self.one_time(id, "pricing[price]"))
            .transpose()?;
        let given = new.currency.map(|it| it.to_lowercase());
        let currency = priced.as_ref().map(|it| it.currency.clone());
        let currency = currency.or(given.clone());
        let Some(currency) = currency.filter(|it| given.as_ref().is_none_or(|given| given == it)) else {
            let fault = Fault::invalid("The currency of the price is another one.");
            return Err(fault.param("currency"));
        };
        let of = new.subscription.as_deref();
        if let Some(of) = of.and_then(|id| self.subscriptions.get(id))
            && of.currency != currency
        {
            let message = format!(
                "The subscription is in {}, the invoice item in {currency}.",
                of.currency
            );
            return Err(Fault::invalid(message).param("currency"));
        }
        if let Some(id) = &new.invoice {
            self.check_takes(id, &new.customer, &currency)?;
        }
        let unit_amount = priced.as_ref().map_or(new.unit_amount, |it| it.unit_amount);
        let amount = amount(unit_amount, new.quantity)?;
        let pricing = match priced {
            Some(pricing) => pricing,
            None => self.ad_hoc(unit_amount, currency, new.description.as_deref()),
        };
        let invoice = new.invoice.clone();
        let charge = self.charge(pricing, new.quantity);
        let id = self.insert_invoice_item(InvoiceItem {
            customer: new.customer,
            subscription: new.subscription,
            amount,
            period: new.period.unwrap_or(charge.period),
            description: new
                .description
                .or(charge.description.filter(|_| new.price.is_some())),
            discountable: new.discountable.unwrap_or(amount >= 0),
            metadata: new.metadata,
            invoice: new.invoice,
            ..charge
        });
        if let Some(invoice) = invoice {
            self.put_on_draft(&invoice, &id);
        }
        self.invoice_item(&id).map(|it| it.render(self))
    }

    /// # Errors
    /// No such item, or its invoice is no draft any more; it is a proration and keeps its price; as
    /// [`Core::add_invoice_item`].
    pub fn update_invoice_item(&mut self, id: &str, change: InvoiceItemChange) -> Answer {
        let item = self.editable_item(id)?.clone();
        if item.is_proration() {
            check_proration(&change)?;
        }
        let pricing = change
            .price
            .as_deref()
            .map(|id| self.one_time(id, "pricing[price]"))
            .transpose()?;
        if let Some(pricing) = pricing.as_ref().filter(|it| it.currency != item.currency) {
            let message = format!(
                "The invoice item is in {}, the price in {}.",
                item.currency, pricing.currency
            );
            return Err(Fault::invalid(message).param("pricing[price]"));
        }
        // A bare amount is one of itself.
        let (each, many) = match change.amount {
            Some(amount) => (Some(amount), Some(1)),
            None => (change.unit_amount, change.quantity),
        };
        let quantity = many.unwrap_or(item.quantity);
        let unit_amount = pricing.as_ref().map(|it| it.unit_amount).or(each);
        let same = unit_amount.is_none() && many.is_none();
        let amount = if same {
            item.amount
        } else {
            amount(unit_amount.unwrap_or(item.unit_amount), quantity)?
        };
        let pricing = match (pricing, each) {
            (None, Some(unit_amount)) => {
                Some(self.ad_hoc(unit_amount, item.currency, item.description.as_deref()))
            }
            (pricing, _) => pricing,
        };
        if let Some(it) = self.invoice_items.get_mut(id) {
            if let Some(pricing) = pricing {
                (it.price, it.product) = (pricing.price, pricing.product);
            }
            it.unit_amount = unit_amount.unwrap_or(it.unit_amount);
            (it.amount, it.quantity) = (amount, quantity);
            if let Some(text) = change.description {
                it.description = Some(text).filter(|text| !text.is_empty());
            }
            it.discountable = change.discountable.unwrap_or(it.discountable);
            it.period = change.period.unwrap_or(it.period);
            change.metadata.apply(&mut it.metadata);
        }
        let changed = self.invoice_item(id)?.clone();
        if let Some(invoice) = &changed.invoice {
            self.edit_lines(invoice, |lines| {
                for line in lines.iter_mut().filter(|line| line.is_of(id)) {
                    let id = std::mem::take(&mut line.id);
                    *line = InvoiceLine::of_invoice_item(&changed).with_id(id);
                }
            });
        }
        Ok(changed.render(self))
    }

    /// # Errors
    /// No such item, or its invoice is no draft any more.
    pub fn remove_invoice_item(&mut self, id: &str) -> Answer {
        let invoice = self.editable_item(id)?.invoice.clone();
        self.delete_invoice_item(id);
        if let Some(invoice) = invoice {
            self.edit_lines(&invoice, |lines| lines.retain(|line| !line.is_of(id)));
        }
        Ok(json!({ "id": id, "object": "invoiceitem", "deleted": true }))
    }

    fn invoice_item(&self, id: &str) -> Result<&InvoiceItem, Fault> {
        let found = self.invoice_items.get(id).filter(|it| !it.deleted);
        found.ok_or_else(|| Fault::missing(InvoiceItem::NOUN, id))
    }

    fn editable_item(&self, id: &str) -> Result<&InvoiceItem, Fault> {
        let item = self.invoice_item(id)?;
        let invoice = item.invoice.as_ref().and_then(|it| self.invoices.get(it));
        if invoice.is_some_and(|it| it.status != InvoiceStatus::Draft) {
            let message = "This invoice item is attached to an invoice that is no longer editable.";
            return Err(Fault::invalid(message).code("invoice_not_editable"));
        }
        Ok(item)
    }

    /// Whether this invoice can take something of this customer and currency.
    fn check_takes(&self, id: &str, customer: &str, currency: &str) -> Result<(), Fault> {
        let invoice = self.invoice(id).map_err(|fault| fault.param("invoice"))?;
        let refuse = |message: String| Err(Fault::invalid(message).param("invoice"));
        if invoice.customer != customer {
            return refuse(format!("The invoice {id} is another customer's."));
        }
        if invoice.status != InvoiceStatus::Draft {
            let refused = refuse("You can only add invoice items to a draft invoice.".to_owned());
            return refused.map_err(|fault| fault.code("invoice_not_editable"));
        }
        if invoice.currency != currency {
            return refuse(format!(
                "The invoice is in {}, the invoice item in {currency}.",
                invoice.currency
            ));
        }
        if invoice.lines.len() >= LINES {
            return refuse(format!("An invoice can have at most {LINES} invoice items."));
        }
        Ok(())
    }

    /// A charge that is not made yet: it has nobody's name on it.
    pub(crate) fn charge(&self, pricing: Pricing, quantity: u64) -> InvoiceItem {
        let name = self.products.get(&pricing.product).map(|it| it.name.clone());
        let many = i64::try_from(quantity).unwrap_or(i64::MAX);
        InvoiceItem {
            id: String::new(),
            created: self.now,
            customer: String::new(),
            subscription: None,
            subscription_item: None,
            currency: pricing.currency,
            amount: pricing.unit_amount.saturating_mul(many),
            quantity,
            price: pricing.price,
            product: pricing.product,
            unit_amount: pricing.unit_amount,
            period: (self.now, self.now),
            description: name,
            discountable: true,
            metadata: Metadata::new(),
            invoice: None,
            deleted: false,
        }
    }

    fn put_on_draft(&mut self, invoice: &str, item: &str) {
        let id = self.ids.mint("il_");
        let Some(line) = self.invoice_items.get(item).map(InvoiceLine::of_invoice_item) else {
            return;
        };
        self.edit_lines(invoice, |lines| lines.insert(0, line.with_id(id)));
    }

    pub(crate) fn one_time(&self, id: &str, param: &str) -> Result<Pricing, Fault> {
        let refuse = |message: String| Fault::invalid(message).param(param);
        let price = self.price_sold(id, param)?;
        if price.recurring.is_some() {
            return Err(refuse(format!(
                "The price specified is set to `type=recurring` but this field only accepts prices with \
                 `type=one_time`. ({id})"
            )));
        }
        Ok(Pricing {
            price: price.id.clone(),
            product: price.product.clone(),
            unit_amount: price.unit_amount,
            currency: price.currency.clone(),
        })
    }

    /// A price for a bare amount: no list has it.
    fn ad_hoc(&mut self, unit_amount: i64, currency: String, name: Option<&str>) -> Pricing {
        let product = NewProduct {
            name: name
                .filter(|it| !it.is_empty())
                .unwrap_or("Invoice item")
                .to_owned(),
            inactive: true,
            ..NewProduct::default()
        };
        let product = self.insert_product(product);
        let price = self.insert_price(NewPrice {
            product: product.clone(),
            unit_amount,
            currency: currency.clone(),
            inline: true,
            ..NewPrice::default()
        });
        Pricing {
            price,
            product,
            unit_amount,
            currency,
        }
    }
}

/// docs.stripe.com/api/invoiceitems/update: a share of a period is not so many of a price, so that only the whole of it
/// can be changed, and no discount is taken off it.
fn check_proration(change: &InvoiceItemChange) -> Result<(), Fault> {
    let param = if change.price.is_some() {
        "pricing"
    } else if change.quantity.is_some() {
        "quantity"
    } else if change.unit_amount.is_some() {
        "unit_amount_decimal"
    } else if change.discountable == Some(true) {
        "discountable"
    } else {
        return Ok(());
    };
    let message = format!("`{param}` cannot be set to this on an invoice item that is a proration.");
    Err(Fault::invalid(message).param(param))
}

/// In the smallest unit.
fn amount(unit_amount: i64, quantity: u64) -> Result<i64, Fault> {
    let amount = i64::try_from(quantity)
        .ok()
        .and_then(|it| unit_amount.checked_mul(it));
    amount.filter(|it| (-MOST..=MOST).contains(it)).ok_or_else(|| {
        let message = format!("Amount must be no more than {MOST} of the currency's smallest unit.");
        Fault::invalid(message).code("amount_too_large").param("amount")
    })
}
