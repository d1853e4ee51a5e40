//! Coupons: what a discount takes off (docs.stripe.com/billing/subscriptions/coupons).

use serde_json::{Value, json};

use super::{Answer, Core, Fault, Metadata, MetadataChange, Row};

/// What a coupon takes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Off {
    /// In hundredths of a percent: 10 000 is everything.
    Percent(i64),
    /// In the currency's smallest unit.
    Amount { amount: i64, currency: String },
}

/// For how long a discount lasts that a subscription has from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duration {
    Forever,
    /// On the first invoice that it takes something off.
    #[default]
    Once,
    /// So many months.
    Repeating(u32),
}

/// A coupon to create.
#[derive(Clone, Debug)]
pub struct NewCoupon {
    /// `None`: a random one.
    pub id: Option<String>,
    pub off: Off,
    pub duration: Duration,
    pub max_redemptions: Option<u64>,
    /// Unix seconds.
    pub redeem_by: Option<i64>,
    /// Products; empty: all of them.
    pub applies_to: Vec<String>,
    pub name: Option<String>,
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
pub struct Coupon {
    id: String,
    created: i64,
    pub new: NewCoupon,
    pub times_redeemed: u64,
    /// Discounts that came of it stay.
    pub deleted: bool,
}

impl Row for Coupon {
    const NOUN: &'static str = "coupon";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, core: &Core) -> Value {
        let (percent, amount, currency) = match &self.new.off {
            Off::Percent(hundredths) => (Some(percent(*hundredths)), None, None),
            Off::Amount { amount, currency } => (None, Some(amount), Some(currency)),
        };
        let (duration, months) = match self.new.duration {
            Duration::Forever => ("forever", None),
            Duration::Once => ("once", None),
            Duration::Repeating(months) => ("repeating", Some(months)),
        };
        json!({
            "id": self.id,
            "object": "coupon",
            "amount_off": amount,
            "created": self.created,
            "currency": currency,
            "duration": duration,
            "duration_in_months": months,
            "livemode": false,
            "max_redemptions": self.new.max_redemptions,
            "metadata": self.new.metadata,
            "name": self.new.name,
            "percent_off": percent,
            "redeem_by": self.new.redeem_by,
            "times_redeemed": self.times_redeemed,
            "valid": self.is_valid(core.account_now()),
        })
    }
}

/// A whole number where it is one.
fn percent(hundredths: i64) -> Value {
    if hundredths % 100 == 0 {
        json!(hundredths / 100)
    } else {
        json!(hundredths as f64 / 100.0)
    }
}

impl Coupon {
    /// It can still be redeemed.
    pub fn is_valid(&self, now: i64) -> bool {
        let left = self
            .new
            .max_redemptions
            .is_none_or(|max| self.times_redeemed < max);
        left && !self.deleted && self.new.redeem_by.is_none_or(|by| now < by)
    }

    pub fn takes_off(&self, product: &str) -> bool {
        self.new.applies_to.is_empty() || self.new.applies_to.iter().any(|it| it == product)
    }

    /// Of `eligible`, in the smallest unit.
    pub fn amount_off(&self, eligible: i64) -> i64 {
        match &self.new.off {
            // Half a cent is rounded up.
            Off::Percent(hundredths) => {
                let exact = i128::from(eligible) * i128::from(*hundredths);
                i64::try_from((exact + 5_000) / 10_000).unwrap_or(eligible)
            }
            Off::Amount { amount, .. } => eligible.min(*amount),
        }
    }
}

impl Core {
    /// # Errors
    /// As Stripe refuses it: an id in use, nothing or too much off, an unknown product.
    pub fn create_coupon(&mut self, new: NewCoupon) -> Answer {
        if let Some(id) = &new.id
            && self.coupons.get(id).is_some_and(|it| !it.deleted)
        {
            let fault = Fault::invalid("Coupon already exists.");
            return Err(fault.code("resource_already_exists"));
        }
        match &new.off {
            Off::Percent(hundredths) if !(1..=10_000).contains(hundredths) => {
                let message = "Invalid percent_off: must be greater than 0 and at most 100.";
                return Err(Fault::invalid(message).param("percent_off"));
            }
            Off::Amount { amount, .. } if *amount < 1 => {
                return Err(Fault::invalid("Invalid positive integer").param("amount_off"));
            }
            _ => {}
        }
        if new.redeem_by.is_some_and(|by| by <= self.now) {
            return Err(Fault::invalid("`redeem_by` must be in the future.").param("redeem_by"));
        }
        for (at, product) in new.applies_to.iter().enumerate() {
            if self.products.get(product).is_none() {
                let fault = Fault::missing("product", product);
                return Err(fault.param(format!("applies_to[products][{at}]")));
            }
        }
        let id = new.id.clone().unwrap_or_else(|| self.short_code());
        let coupon = Coupon {
            id,
            created: self.now,
            new,
            times_redeemed: 0,
            deleted: false,
        };
        let shown = coupon.render(self);
        self.coupons.insert(coupon);
        self.emit("coupon.created", shown.clone());
        Ok(shown)
    }

    /// Only its name and metadata can be changed.
    ///
    /// # Errors
    /// No such coupon.
    pub fn update_coupon(&mut self, id: &str, name: Option<String>, metadata: MetadataChange) -> Answer {
        let before = self.coupon(id)?.render(self);
        if let Some(coupon) = self.coupons.get_mut(id) {
            if let Some(name) = name {
                coupon.new.name = Some(name).filter(|name| !name.is_empty());
            }
            metadata.apply(&mut coupon.new.metadata);
        }
        let after = self.coupon(id)?.render(self);
        self.emit_change("coupon.updated", before, after.clone());
        Ok(after)
    }

    /// Nobody can redeem it any more; who has a discount of it keeps that.
    ///
    /// # Errors
    /// No such coupon.
    pub fn delete_coupon(&mut self, id: &str) -> Answer {
        let last = self.coupon(id)?.render(self);
        if let Some(coupon) = self.coupons.get_mut(id) {
            coupon.deleted = true;
        }
        self.emit("coupon.deleted", last);
        Ok(json!({ "id": id, "object": "coupon", "deleted": true }))
    }

    pub(crate) fn coupon(&self, id: &str) -> Result<&Coupon, Fault> {
        let found = self.coupons.get(id).filter(|it| !it.deleted);
        found.ok_or_else(|| Fault::missing("coupon", id))
    }

    pub(crate) fn coupons(&self) -> impl DoubleEndedIterator<Item = &Coupon> {
        self.coupons.all().filter(|it| !it.deleted)
    }

    /// Eight letters or digits, as Stripe makes ids of coupons and codes that a person types.
    pub(super) fn short_code(&mut self) -> String {
        let minted = self.ids.mint("");
        minted[minted.len() - 8..].to_uppercase()
    }
}
