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
        let priced = once
            .iter()
            .filter_map(|(price, quantity)| Some((self.one_time(price, "").ok()?, *quantity)));
        priced
            .map(|(pricing, quantity)| self.charge(pricing, quantity))
            .collect()
    }
}
