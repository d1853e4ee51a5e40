//! Promotion codes: what a person types to get a coupon's discount (docs.stripe.com/billing/subscriptions/coupons).

use serde_json::{Value, json};

use super::{Answer, Core, Fault, Metadata, MetadataChange, Row};

/// A promotion code to create.
#[derive(Clone, Debug, Default)]
pub struct NewPromotionCode {
    pub coupon: String,
    /// Compared without regard to case; `None`: a random one.
    pub code: Option<String>,
    /// The only one who may use it.
    pub customer: Option<String>,
    /// Unix seconds.
    pub expires_at: Option<i64>,
    pub max_redemptions: Option<u64>,
    pub inactive: bool,
    /// Only for those who never paid before.
    pub first_time_transaction: bool,
    /// In the smallest unit of the currency beside it.
    pub minimum_amount: Option<(i64, String)>,
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
pub struct PromotionCode {
    pub id: String,
    created: i64,
    pub code: String,
    pub new: NewPromotionCode,
    pub times_redeemed: u64,
}

impl Row for PromotionCode {
    const NOUN: &'static str = "promotion code";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, core: &Core) -> Value {
        let minimum = self.new.minimum_amount.as_ref();
        json!({
            "id": self.id,
            "object": "promotion_code",
            "active": self.is_active(core),
            "code": self.code,
            "created": self.created,
            "customer": self.new.customer,
            "customer_account": null,
            "expires_at": self.new.expires_at,
            "livemode": false,
            "max_redemptions": self.new.max_redemptions,
            "metadata": self.new.metadata,
            "promotion": { "coupon": self.new.coupon, "type": "coupon" },
            "restrictions": {
                "first_time_transaction": self.new.first_time_transaction,
                "minimum_amount": minimum.map(|(amount, _)| amount),
                "minimum_amount_currency": minimum.map(|(_, currency)| currency),
            },
            "times_redeemed": self.times_redeemed,
        })
    }
}

impl PromotionCode {
    /// Not switched off, used up, expired, or of a coupon that cannot be redeemed any more.
    pub fn is_active(&self, core: &Core) -> bool {
        let now = core.account_now();
        let left = self
            .new
            .max_redemptions
            .is_none_or(|max| self.times_redeemed < max);
        let coupon = core.coupons.get(&self.new.coupon);
        !self.new.inactive
            && left
            && self.new.expires_at.is_none_or(|at| now < at)
            && coupon.is_some_and(|it| it.is_valid(now))
    }
}

impl Core {
    /// # Errors
    /// No such coupon or customer; another active code of the same letters.
    pub fn create_promotion_code(&mut self, new: NewPromotionCode) -> Answer {
        self.coupon(&new.coupon)
            .map_err(|fault| fault.param("promotion[coupon]"))?;
        if let Some(customer) = &new.customer {
            self.living_customer(customer)
                .map_err(|fault| fault.param("customer"))?;
        }
        if new.expires_at.is_some_and(|at| at <= self.now) {
            return Err(Fault::invalid("`expires_at` must be in the future.").param("expires_at"));
        }
        let code = new.code.clone().unwrap_or_else(|| self.short_code());
        if self.is_taken(&code, new.customer.as_deref()) {
            let message = format!("An active promotion code with `code: {code}` already exists.");
            return Err(Fault::invalid(message).param("code"));
        }
        let code = PromotionCode {
            id: self.ids.mint("promo_"),
            created: self.now,
            code,
            new,
            times_redeemed: 0,
        };
        let shown = code.render(self);
        self.promotion_codes.insert(code);
        self.emit("promotion_code.created", shown.clone());
        Ok(shown)
    }

    /// # Errors
    /// No such promotion code; switched on again while another one has its letters.
    pub fn update_promotion_code(
        &mut self,
        id: &str,
        active: Option<bool>,
        metadata: MetadataChange,
    ) -> Answer {
        let found = self.promotion_code(id)?;
        if active == Some(true)
            && found.new.inactive
            && self.is_taken(&found.code, found.new.customer.as_deref())
        {
            let message = format!(
                "An active promotion code with `code: {}` already exists.",
                found.code
            );
            return Err(Fault::invalid(message).param("active"));
        }
        let before = found.render(self);
        if let Some(code) = self.promotion_codes.get_mut(id) {
            code.new.inactive = active.map_or(code.new.inactive, |active| !active);
            metadata.apply(&mut code.new.metadata);
        }
        let after = self.promotion_code(id)?.render(self);
        self.emit_change("promotion_code.updated", before, after.clone());
        Ok(after)
    }

    pub(crate) fn promotion_code(&self, id: &str) -> Result<&PromotionCode, Fault> {
        self.promotion_codes.find(id)
    }

    pub(crate) fn promotion_codes(&self) -> impl DoubleEndedIterator<Item = &PromotionCode> {
        self.promotion_codes.all()
    }

    /// The active code of these letters: the customer's own before everybody's.
    pub(crate) fn promotion_code_typed(&self, typed: &str, customer: Option<&str>) -> Option<&PromotionCode> {
        let same = |it: &&PromotionCode| it.code.eq_ignore_ascii_case(typed) && it.is_active(self);
        let of = |owner: Option<&str>| {
            let mut codes = self.promotion_codes.all().filter(same);
            codes.find(|it| it.new.customer.as_deref() == owner)
        };
        customer
            .and_then(|customer| of(Some(customer)))
            .or_else(|| of(None))
    }

    fn is_taken(&self, code: &str, customer: Option<&str>) -> bool {
        let mut same = self
            .promotion_codes
            .all()
            .filter(|it| it.code.eq_ignore_ascii_case(code));
        same.any(|it| it.is_active(self) && it.new.customer.as_deref() == customer)
    }
}
