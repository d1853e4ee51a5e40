//! Subscription items, and what can be asked of them.

use serde_json::Value;

use crate::core::rendered::{Rendered, rendered};
use crate::core::{Core, Fault, Interval, Metadata, MetadataChange, Price, Subscription};

/// More than a subscription may have at once.
const TOO_MANY: usize = 21;

#[derive(Clone, Debug)]
pub struct Item {
    pub id: String,
    pub(super) created: i64,
    pub price: String,
    pub quantity: u64,
    pub(super) metadata: Metadata,
    /// Periods are counted from here, so that a month from the 31st comes back to the 31st.
    pub(super) anchor: i64,
    /// How many periods from the anchor the current one ends.
    pub(super) cycles: i64,
    pub period_start: i64,
    pub period_end: i64,
    /// What a whole current period was billed at.
    pub(super) billed: i64,
}

/// An item to change, or to add.
#[derive(Clone, Debug, Default)]
pub struct ItemChange {
    /// `None`: a new one.
    pub id: Option<String>,
    pub price: Option<String>,
    pub quantity: Option<u64>,
    pub metadata: MetadataChange,
    pub deleted: bool,
}

impl Item {
    pub(super) fn render(&self, subscription: &Subscription, core: &Core) -> Rendered {
        let price = core.prices.get(&self.price);
        rendered!({
            "id": &self.id,
            "object": "subscription_item",
            "billing_thresholds": null,
            "created": self.created,
            "current_period_end": self.period_end,
            "current_period_start": self.period_start,
            "current_trial": null,
            "discounts": [],
            "metadata": &self.metadata,
            "plan": price.map(Price::rendered_plan),
            "price": price.map(Price::rendered),
            "quantity": self.quantity,
            "subscription": &subscription.id,
            "tax_rates": [],
        })
    }
}

impl Core {
    /// The item as a GET shows it.
    pub(crate) fn subscription_item(&self, id: &str) -> Option<Value> {
        let subscription = self.subscription_with(id).ok()?;
        let item = subscription.items.iter().find(|item| item.id == id)?;
        Some(item.render(subscription, self).into())
    }

    /// Whose item it is, or was.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn subscription_with(&self, item: &str) -> Result<&Subscription, Fault> {
        let missing = || Fault::missing("subscription_item", item).param("item");
        let id = self.subscription_of_item.get(item).ok_or_else(missing)?;
        let subscription = self.subscription(id)?;
        let has = subscription.items.iter().any(|it| it.id == item);
        has.then_some(subscription).ok_or_else(missing)
    }

    /// The items of a subscription, in order.
    pub(crate) fn subscription_items(&self, subscription: &Subscription) -> Vec<Value> {
        let items = subscription.items.iter();
        items.map(|item| item.render(subscription, self).into()).collect()
    }

    pub(super) fn change_items(
        &mut self,
        subscription: &mut Subscription,
        changes: Vec<ItemChange>,
    ) -> Result<(), Fault> {
        for (at, change) in changes.into_iter().enumerate() {
            let named = |fault: Fault, name: &str| fault.param(format!("items[{at}][{name}]"));
            if let Some(price) = &change.price {
                self.check_price(subscription, price)
                    .map_err(|it| named(it, "price"))?;
            }
            if change.quantity.is_some_and(|it| it > 999_999) {
                return Err(named(
                    Fault::invalid("This value must be at most 999999."),
                    "quantity",
                ));
            }
            let Some(id) = &change.id else {
                let item = self
                    .add_item(subscription, change)
                    .map_err(|it| named(it, "price"))?;
                subscription.items.push(item);
                continue;
            };
            let missing = || named(Fault::missing("subscription_item", id), "id");
            let place = subscription
                .items
                .iter()
                .position(|item| item.id == *id)
                .ok_or_else(missing)?;
            if change.deleted {
                subscription.items.remove(place);
                continue;
            }
            let item = &mut subscription.items[place];
            item.quantity = change.quantity.unwrap_or(item.quantity);
            item.price = change.price.unwrap_or_else(|| item.price.clone());
            change.metadata.apply(&mut item.metadata);
        }
        self.check_together(subscription)
    }

    /// One that begins with the next instant: its period is the one of the subscription's cycle that runs now.
    fn add_item(&mut self, subscription: &Subscription, change: ItemChange) -> Result<Item, Fault> {
        let missing = Fault::invalid("Missing required param: price.").code("parameter_missing");
        let price = change.price.ok_or(missing)?;
        let (interval, count) = self.interval_of(&price);
        let mut item = Item {
            id: self.ids.mint("si_"),
            created: self.now,
            price,
            quantity: change.quantity.unwrap_or(1),
            metadata: change.metadata.set,
            anchor: subscription.anchor,
            cycles: 0,
            period_start: self.now,
            period_end: subscription.anchor,
            billed: 0,
        };
        // Before the anchor lies a trial, or the part of a period that a given anchor leaves.
        if subscription.anchor <= self.now {
            item.cycles = cycles_until(interval, count, item.anchor, self.now);
            item.period_start = interval.after(item.anchor, count * (item.cycles - 1));
            item.period_end = interval.after(item.anchor, count * item.cycles);
        }
        self.subscription_of_item
            .insert(item.id.clone(), subscription.id.clone());
        Ok(item)
    }

    /// At the end of its period: these prices and quantities instead.
    pub(super) fn replace_items(&mut self, subscription: &mut Subscription, items: Vec<(String, u64)>) {
        let old = std::mem::take(&mut subscription.items);
        let mut moved = true;
        for (price, quantity) in items {
            let kept = old.iter().find(|item| item.price == price);
            let like = old
                .iter()
                .find(|item| self.interval_of(&item.price) == self.interval_of(&price));
            moved &= like.is_none();
            let mut item = match kept.or(like).or(old.first()) {
                Some(item) => item.clone(),
                None => continue,
            };
            if like.is_none() {
                (item.anchor, item.cycles) = (self.now, 0);
                item.period_end = self.now;
            }
            if kept.is_none() {
                item.id = self.ids.mint("si_");
                (item.created, item.price, item.metadata) = (self.now, price, Metadata::new());
                self.subscription_of_item
                    .insert(item.id.clone(), subscription.id.clone());
            }
            item.quantity = quantity;
            subscription.items.push(item);
        }
        if moved {
            subscription.anchor = self.now;
        }
    }

    /// A whole period from now on, from which the later ones are counted.
    pub(super) fn begin_period(&self, item: &mut Item, now: i64) {
        let (interval, count) = self.interval_of(&item.price);
        (item.anchor, item.cycles) = (now, 1);
        (item.period_start, item.period_end) = (now, interval.after(now, count));
        item.billed = self.amount_of_item(item);
    }

    /// Whether the prices that a subscription has not yet can be bought.
    pub(super) fn check_sold(
        &self,
        subscription: &Subscription,
        changes: &[ItemChange],
    ) -> Result<(), Fault> {
        for (at, change) in changes.iter().enumerate() {
            let had = |id: &String| subscription.items.iter().any(|item| item.price == *id);
            if let Some(id) = change.price.as_ref().filter(|id| !had(id)) {
                self.price_sold(id, &format!("items[{at}][price]"))?;
            }
        }
        Ok(())
    }

    fn check_price(&self, subscription: &Subscription, id: &str) -> Result<(), Fault> {
        let price = self.price(id)?;
        if price.recurring.is_none() {
            let message = format!(
                "The price specified is set to `type=one_time` but this field only accepts prices with \
                 `type=recurring`. ({id})"
            );
            return Err(Fault::invalid(message));
        }
        if price.currency != subscription.currency {
            let message = format!(
                "The price specified only supports `{}`. This doesn't match the expected currency: `{}`.",
                price.currency, subscription.currency
            );
            return Err(Fault::invalid(message));
        }
        Ok(())
    }

    /// What the items have to be together: docs.stripe.com/billing/subscriptions/multiple-products.
    pub(super) fn check_together(&self, subscription: &Subscription) -> Result<(), Fault> {
        let items = &subscription.items;
        if items.is_empty() {
            let message = "A subscription must have at least one active plan. To cancel a subscription, please use \
                           the cancel API endpoint on /v1/subscriptions.";
            return Err(Fault::invalid(message).param("items"));
        }
        if items.len() >= TOO_MANY {
            return Err(Fault::invalid("A subscription has up to 20 items.").param("items"));
        }
        for (at, item) in items.iter().enumerate() {
            if items[..at].iter().any(|other| other.price == item.price) {
                let message = format!(
                    "Cannot add multiple subscription items with the same plan: {}",
                    item.price
                );
                return Err(Fault::invalid(message).param("items"));
            }
        }
        let mut intervals = items.iter().map(|item| self.interval_of(&item.price));
        let first = intervals.next();
        if subscription.billing_mode == super::BillingMode::Classic && intervals.any(|it| Some(it) != first) {
            let message = "Subscriptions with `billing_mode=classic` need one `interval` and `interval_count` for all \
                           their prices.";
            return Err(Fault::invalid(message).param("items"));
        }
        Ok(())
    }
}

/// Which period from the anchor holds the instant, counted from one.
fn cycles_until(interval: Interval, count: i64, anchor: i64, now: i64) -> i64 {
    // No interval is longer than this many seconds, so the search begins at or before the period.
    let longest = match interval {
        Interval::Day => 86_400,
        Interval::Week => 7 * 86_400,
        Interval::Month => 31 * 86_400,
        Interval::Year => 366 * 86_400,
    };
    let mut cycles = ((now - anchor) / (longest * count)).max(0) + 1;
    while interval.after(anchor, count * cycles) <= now {
        cycles += 1;
    }
    cycles
}
