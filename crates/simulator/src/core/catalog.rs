//! Products and prices.

mod product;

use std::collections::HashMap;

use serde_json::Value;

use super::rendered::{Rendered, rendered};
use super::{Answer, Core, Fault, Interval, Metadata, MetadataChange, Row};
pub use product::{NewProduct, Product, ProductChange};

/// A price to create.
#[derive(Clone, Debug, Default)]
pub struct NewPrice {
    /// `prod_…`
    pub product: String,
    /// `usd`; empty means that.
    pub currency: String,
    /// In the currency's smallest unit.
    pub unit_amount: i64,
    /// `None`: a one-time price.
    pub recurring: Option<(Interval, u32)>,
    pub lookup_key: Option<String>,
    /// Takes the lookup key from the price that has it.
    pub transfer_lookup_key: bool,
    pub nickname: Option<String>,
    pub inactive: bool,
    /// For what names it by `price_data` alone: docs.stripe.com/products-prices/pricing-models, "Inline pricing".
    pub inline: bool,
    pub metadata: Metadata,
}

/// The largest amount, in the smallest unit.
pub const MOST: i64 = 99_999_999;

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct PriceChange {
    pub active: Option<bool>,
    /// Empty: takes it away.
    pub lookup_key: Option<String>,
    pub transfer_lookup_key: bool,
    pub nickname: Option<String>,
    pub metadata: MetadataChange,
}

#[derive(Clone, Debug)]
pub struct Price {
    pub id: String,
    created: i64,
    pub product: String,
    pub currency: String,
    pub unit_amount: i64,
    pub recurring: Option<(Interval, u32)>,
    pub lookup_key: Option<String>,
    nickname: Option<String>,
    pub active: bool,
    /// Made for one thing: not active, and in no list.
    pub inline: bool,
    metadata: Metadata,
}

/// Which price has a lookup key: one at most.
pub type LookupKeys = HashMap<String, String>;

impl Row for Price {
    const NOUN: &'static str = "price";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, _: &Core) -> Value {
        self.to_json()
    }
}

impl Price {
    /// In the currency's smallest unit.
    pub fn amount_for(&self, quantity: u64) -> i64 {
        self.unit_amount
            .saturating_mul(i64::try_from(quantity).unwrap_or(i64::MAX))
    }

    pub fn to_json(&self) -> Value {
        self.rendered().into()
    }

    pub fn to_plan(&self) -> Value {
        self.rendered_plan().into()
    }

    pub fn rendered(&self) -> Rendered {
        let recurring = self.recurring.map(|(interval, count)| {
            rendered!({
                "interval": interval.as_str(),
                "interval_count": count,
                "meter": null,
                "trial_period_days": null,
                "usage_type": "licensed",
            })
        });
        rendered!({
            "id": &self.id,
            "object": "price",
            "active": self.active,
            "billing_scheme": "per_unit",
            "created": self.created,
            "currency": &self.currency,
            "custom_unit_amount": null,
            "livemode": false,
            "lookup_key": &self.lookup_key,
            "metadata": &self.metadata,
            "nickname": &self.nickname,
            "product": &self.product,
            "recurring": recurring,
            "tax_behavior": "unspecified",
            "tiers_mode": null,
            "transform_quantity": null,
            "type": if self.recurring.is_some() { "recurring" } else { "one_time" },
            "unit_amount": self.unit_amount,
            "unit_amount_decimal": self.unit_amount.to_string(),
        })
    }

    /// The older object that subscription items still show beside the price.
    pub fn rendered_plan(&self) -> Rendered {
        let (interval, count) = self.recurring.unwrap_or((Interval::Month, 1));
        rendered!({
            "id": &self.id,
            "object": "plan",
            "active": self.active,
            "amount": self.unit_amount,
            "amount_decimal": self.unit_amount.to_string(),
            "billing_scheme": "per_unit",
            "created": self.created,
            "currency": &self.currency,
            "interval": interval.as_str(),
            "interval_count": count,
            "livemode": false,
            "metadata": &self.metadata,
            "meter": null,
            "nickname": &self.nickname,
            "product": &self.product,
            "tiers_mode": null,
            "transform_usage": null,
            "trial_period_days": null,
            "usage_type": "licensed",
        })
    }
}

impl Core {
    /// # Errors
    /// No such product, a lookup key that another price has, a negative amount, an interval beyond three years.
    pub fn create_price(&mut self, new: NewPrice) -> Answer {
        self.product(&new.product)
            .map_err(|fault| fault.param("product"))?;
        self.check_new_price(&new)?;
        let inline = new.inline;
        let id = self.insert_price(new);
        let shown = self.price(&id)?.to_json();
        self.emit("price.created", shown.clone());
        if inline {
            self.made_inline.push(id);
        }
        Ok(shown)
    }

    /// Whether there can be such a price, whatever its product.
    pub(crate) fn check_new_price(&self, new: &NewPrice) -> Result<(), Fault> {
        if !(0..=MOST).contains(&new.unit_amount) {
            let message = "Invalid integer: must be between 0 and 99999999 (the currency's smallest unit)";
            return Err(Fault::invalid(message).param("unit_amount"));
        }
        if let Some((interval, count)) = new.recurring {
            let limit = match interval {
                Interval::Day => 1_095,
                Interval::Week => 156,
                Interval::Month => 36,
                Interval::Year => 3,
            };
            if !(1..=limit).contains(&count) {
                let message = format!("`interval_count` must be between 1 and {limit} for this interval.");
                return Err(Fault::invalid(message).param("recurring[interval_count]"));
            }
        }
        match &new.lookup_key {
            Some(key) if !new.transfer_lookup_key => self.check_lookup_key(key, ""),
            _ => Ok(()),
        }
    }

    /// One that was checked, or that is not for sale; nobody is told.
    pub(crate) fn insert_price(&mut self, new: NewPrice) -> String {
        let id = self.ids.mint("price_");
        if let Some(key) = &new.lookup_key {
            self.take_lookup_key(key, &id);
        }
        let currency = if new.currency.is_empty() {
            "usd".to_owned()
        } else {
            new.currency.to_lowercase()
        };
        self.prices.insert(Price {
            id: id.clone(),
            created: self.now,
            product: new.product,
            currency,
            unit_amount: new.unit_amount,
            recurring: new.recurring,
            lookup_key: new.lookup_key,
            nickname: new.nickname,
            active: !new.inactive && !new.inline,
            inline: new.inline,
            metadata: new.metadata,
        });
        id
    }

    /// # Errors
    /// No such price; a lookup key that another price has.
    pub fn update_price(&mut self, id: &str, change: PriceChange) -> Answer {
        let before = self.price(id)?.to_json();
        let product = self.products.get(&self.price(id)?.product);
        if change.active == Some(false) && product.is_some_and(|it| it.default_price.as_deref() == Some(id)) {
            let message = "This price cannot be archived because it is the default price of its product.";
            return Err(Fault::invalid(message).param("active"));
        }
        if let Some(key) = &change.lookup_key {
            if !key.is_empty() {
                if !change.transfer_lookup_key {
                    self.check_lookup_key(key, id)?;
                }
                self.take_lookup_key(key, id);
            }
            if let Some(old) = before["lookup_key"].as_str().filter(|old| old != key) {
                self.lookup_keys.remove(old);
            }
        }
        let price = self
            .prices
            .get_mut(id)
            .ok_or_else(|| Fault::missing("price", id))?;
        price.active = change.active.unwrap_or(price.active);
        if let Some(key) = change.lookup_key {
            price.lookup_key = Some(key).filter(|key| !key.is_empty());
        }
        price.nickname = change.nickname.or(price.nickname.take());
        change.metadata.apply(&mut price.metadata);
        let after = price.to_json();
        self.emit_change("price.updated", before, after.clone());
        Ok(after)
    }

    /// An archived price is kept by those who have it and not sold any more.
    ///
    /// # Errors
    /// No such price.
    pub fn archive_price(&mut self, id: &str) -> Answer {
        self.update_price(
            id,
            PriceChange {
                active: Some(false),
                ..PriceChange::default()
            },
        )
    }

    pub(crate) fn price(&self, id: &str) -> Result<&Price, Fault> {
        self.prices.find(id)
    }

    /// One that can be bought: it is active, or was made for what asks (docs.stripe.com/products-prices/pricing-models,
    /// "Inline pricing": such a price is never active, and good for that alone).
    ///
    /// # Errors
    /// There is none, or it is not sold; both name `param`.
    pub(crate) fn price_sold(&self, id: &str, param: &str) -> Result<&Price, Fault> {
        let price = self.price(id).map_err(|fault| fault.param(param))?;
        if price.active || self.made_inline.iter().any(|made| made == id) {
            return Ok(price);
        }
        let message =
            format!("The price specified is inactive. This field only accepts active prices. ({id})");
        Err(Fault::invalid(message).param(param))
    }

    /// A request is over: what it made for itself cannot be bought any more.
    pub(crate) fn forget_inline_prices(&mut self) {
        self.made_inline.clear();
    }

    /// The id of the price that has it.
    pub fn price_with_lookup_key(&self, key: &str) -> Option<String> {
        self.lookup_keys.get(key).cloned()
    }

    /// Whether no price but this one has it.
    fn check_lookup_key(&self, key: &str, price: &str) -> Result<(), Fault> {
        let Some(holder) = self.lookup_keys.get(key).filter(|it| *it != price) else {
            return Ok(());
        };
        let message = format!(
            "A price (`{holder}`) already uses that lookup key. You may use `transfer_lookup_key=true` to move it."
        );
        Err(Fault::invalid(message).param("lookup_key"))
    }

    fn take_lookup_key(&mut self, key: &str, price: &str) {
        let holder = self.lookup_keys.get(key).filter(|it| *it != price).cloned();
        if let Some(old) = holder.and_then(|it| self.prices.get_mut(&it)) {
            let before = old.to_json();
            old.lookup_key = None;
            let after = old.to_json();
            self.emit_change("price.updated", before, after);
        }
        self.lookup_keys.insert(key.to_owned(), price.to_owned());
    }
}
