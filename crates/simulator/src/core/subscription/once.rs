//! `add_invoice_items`: one-time prices for a subscription's next invoice.

use crate::core::{Core, Fault, InvoiceItem};

impl Core {
    /// Whether these prices can be charged once in this currency.
    pub(super) fn check_once(&self, once: &[(String, u64)], currency: &str) -> Result<(), Fault> {
        if once.len() > 20 {
            let message = "You can add up to 20 invoice items.";
            return Err(Fault::invalid(message).param("add_invoice_items"));
        }
        for (at, (price, quantity)) in once.iter().enumerate() {
            let param = format!("add_invoice_items[{at}][price]");
            let pricing = self.one_time(price, &param)?;
            if pricing.currency != currency {
                let message = format!("All prices must be in the currency of the subscription: {currency}.");
                return Err(Fault::invalid(message).param(param));
            }
            pricing
                .amount(*quantity)
                .map_err(|fault| fault.param(format!("add_invoice_items[{at}][quantity]")))?;
        }
        Ok(())
    }

    /// What was checked, to be made and to wait for the invoice.
    pub(super) fn once(&self, once: &[(String, u64)]) -> Vec<InvoiceItem> {
        let now = (self.now, self.now);
        let charge = |(id, quantity): &(String, u64)| {
            let price = self.prices.get(id)?;
            let name = self.products.get(&price.product)?.name.clone();
            let cost = (price.amount_for(*quantity), name);
            let mut charge = InvoiceItem::of(price, *quantity, "", now, cost);
            // No item of the subscription is charged for.
            (charge.subscription_item, charge.discountable) = (None, true);
            Some(charge)
        };
        once.iter().filter_map(charge).collect()
    }
}
