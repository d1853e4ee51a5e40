//! What a change in the middle of a period gives back, and what it costs.
//!
//! docs.stripe.com/billing/subscriptions/prorations: to the second, a credit for the unused time of what was, a debit
//! for the remaining time of what is.

use super::{BillingMode, Item, Subscription};
use crate::core::{Core, InvoiceItem, Price, calendar};

/// What becomes of the difference that a change makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proration {
    /// It waits for the next invoice.
    #[default]
    Create,
    /// It is invoiced at once.
    AlwaysInvoice,
    /// There is none.
    None,
}

impl Proration {
    pub const WORDS: [(&str, Proration); 3] = [
        ("create_prorations", Proration::Create),
        ("always_invoice", Proration::AlwaysInvoice),
        ("none", Proration::None),
    ];
}

/// `part` of `whole` of an amount, rounded half away from zero.
pub(super) fn share(amount: i64, part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let (product, whole) = (i128::from(amount) * i128::from(part), i128::from(whole));
    let half = if product < 0 { -whole } else { whole };
    i64::try_from((2 * product + half) / (2 * whole)).unwrap_or(i64::MAX)
}

impl Core {
    /// What a whole period of the item costs.
    pub(super) fn amount_of_item(&self, item: &Item) -> i64 {
        let price = self.prices.get(&item.price);
        price.map_or(0, |price| price.amount_for(item.quantity))
    }

    /// The seconds of a whole period where the item is: a trial or a first part of a period is shorter.
    pub(super) fn whole_period(&self, item: &Item) -> i64 {
        let (interval, count) = self.interval_of(&item.price);
        interval.after(item.anchor, count * item.cycles)
            - interval.after(item.anchor, count * (item.cycles - 1))
    }

    /// What a whole period of each item costs, after the subscription's discounts.
    pub(super) fn net_amounts(&self, subscription: &Subscription) -> Vec<i64> {
        let amounts = subscription.items.iter().map(|item| self.amount_of_item(item));
        let mut net: Vec<i64> = amounts.collect();
        if subscription.discounts.is_empty() {
            return net;
        }
        let product = |item: &Item| self.prices.get(&item.price).map_or("", |price| &price.product);
        let gross: Vec<(&str, i64)> = subscription
            .items
            .iter()
            .map(product)
            .zip(net.iter().copied())
            .collect();
        for off in self.take_off(&self.coupons_of(&subscription.discounts), &gross) {
            net.iter_mut().zip(off).for_each(|(net, off)| *net -= off);
        }
        net
    }

    /// For the time of the item that will not be used. `now_costs`: what a whole period of it costs now.
    pub(super) fn credit(
        &self,
        subscription: &Subscription,
        item: &Item,
        now_costs: i64,
        from: i64,
    ) -> Option<InvoiceItem> {
        let whole = match subscription.billing_mode {
            BillingMode::Classic if item.billed != 0 => now_costs,
            BillingMode::Classic => 0,
            BillingMode::Flexible => item.billed,
        };
        let unused = share(whole, item.period_end - from, self.whole_period(item));
        self.proration("Unused time on", item, from, -unused)
            .filter(|_| whole != 0)
    }

    /// For the time that is left of the period, where a whole one costs this much.
    pub(super) fn debit(&self, item: &Item, whole: i64, from: i64) -> Option<InvoiceItem> {
        let remaining = share(whole, item.period_end - from, self.whole_period(item));
        self.proration("Remaining time on", item, from, remaining)
            .filter(|_| whole != 0)
    }

    fn proration(&self, what: &str, item: &Item, from: i64, amount: i64) -> Option<InvoiceItem> {
        let price: &Price = self.prices.get(&item.price)?;
        let name = self
            .products
            .get(&price.product)
            .map_or("", |product| &product.name);
        let many = match item.quantity {
            1 => String::new(),
            quantity => format!("{quantity} × "),
        };
        let description = format!("{what} {many}{name} after {}", calendar::day(from));
        let period = (from, item.period_end);
        Some(InvoiceItem::of(
            price,
            item.quantity,
            &item.id,
            period,
            (amount, description),
        ))
    }
}
