//! Discounts: coupons in use, and what they take off amounts (docs.stripe.com/billing/subscriptions/coupons).

use serde_json::{Value, json};

use super::coupon::{Coupon, Duration, Off};
use super::{Core, Fault, Interval, InvoiceLine, Row, Session, Status};

/// What a request names to get a discount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeem {
    Coupon(String),
    /// `promo_…`
    PromotionCode(String),
    /// One that the subscription or the invoice has already, or that the invoice's subscription has.
    Discount(String),
}

impl Redeem {
    fn promotion_code(&self) -> Option<String> {
        match self {
            Redeem::PromotionCode(code) => Some(code.clone()),
            Redeem::Coupon(_) | Redeem::Discount(_) => None,
        }
    }

    /// As `discounts` of a checkout session shows it.
    pub fn of_session(&self) -> Value {
        match self {
            Redeem::Coupon(id) => json!({ "coupon": id, "promotion_code": null }),
            Redeem::PromotionCode(id) => json!({ "coupon": null, "promotion_code": id }),
            Redeem::Discount(_) => json!({ "coupon": null, "promotion_code": null }),
        }
    }
}

/// A coupon in use.
#[derive(Clone, Debug)]
pub struct Discount {
    id: String,
    pub coupon: String,
    pub promotion_code: Option<String>,
    customer: Option<String>,
    subscription: Option<String>,
    invoice: Option<String>,
    checkout_session: Option<String>,
    start: i64,
    /// When it stops taking anything off; `None`: not by the clock.
    end: Option<i64>,
}

/// For what something is redeemed.
pub(crate) struct Purpose<'a> {
    pub customer: Option<&'a str>,
    pub currency: &'a str,
    /// Before discounts.
    pub amount: i64,
}

impl Discount {
    /// Its months are not over.
    pub fn is_running(&self, now: i64) -> bool {
        self.end.is_none_or(|end| end > now)
    }
}

impl Row for Discount {
    const NOUN: &'static str = "discount";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.start
    }

    fn owner(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    fn render(&self, _: &Core) -> Value {
        json!({
            "id": self.id,
            "object": "discount",
            "checkout_session": self.checkout_session,
            "customer": self.customer,
            "customer_account": null,
            "end": self.end,
            "invoice": self.invoice,
            "invoice_item": null,
            "promotion_code": self.promotion_code,
            "source": { "coupon": self.coupon, "type": "coupon" },
            "start": self.start,
            "subscription": self.subscription,
            "subscription_item": null,
        })
    }
}

impl Core {
    /// Whether this may be redeemed for that; the coupon's id. Nothing is changed.
    ///
    /// # Errors
    /// As Stripe refuses it: no such thing, used up, expired, not for this customer, currency or amount.
    pub(crate) fn check_redeem(
        &self,
        redeem: &Redeem,
        purpose: &Purpose<'_>,
        param: &str,
    ) -> Result<String, Fault> {
        let coupon = match redeem {
            Redeem::Coupon(id) => self
                .coupon(id)
                .map_err(|fault| fault.param(format!("{param}[coupon]")))?,
            Redeem::PromotionCode(id) => self
                .check_promotion_code(id, purpose)
                .map_err(|fault| fault.param(format!("{param}[promotion_code]")))?,
            Redeem::Discount(id) => {
                let found = self.discounts.find(id);
                let found = found.map_err(|fault| fault.param(format!("{param}[discount]")))?;
                return Ok(found.coupon.clone());
            }
        };
        if !coupon.is_valid(self.account_now()) {
            let message = format!("Coupon expired: {}", coupon.id());
            return Err(Fault::invalid(message)
                .code("coupon_expired")
                .param(format!("{param}[coupon]")));
        }
        if let Off::Amount { currency, .. } = &coupon.new.off
            && currency != purpose.currency
        {
            let message = format!(
                "The coupon `{}` is in {currency} and cannot be used for an amount in {}.",
                coupon.id(),
                purpose.currency
            );
            return Err(Fault::invalid(message).param(format!("{param}[coupon]")));
        }
        Ok(coupon.id().to_owned())
    }

    /// Whether these go together: up to 20, and each coupon once, be it by a promotion code or as a discount that is
    /// there already (docs.stripe.com/billing/subscriptions/coupons, "Multiple discounts").
    ///
    /// # Errors
    /// They do not.
    pub(crate) fn check_stack(&self, redeem: &[Redeem]) -> Result<(), Fault> {
        if redeem.len() > 20 {
            return Err(Fault::invalid("You can apply up to 20 discounts.").param("discounts"));
        }
        for (at, one) in redeem.iter().enumerate() {
            let coupon = self.coupon_behind(one);
            let again =
                |other: &Redeem| other == one || coupon.is_some() && self.coupon_behind(other) == coupon;
            if redeem[..at].iter().any(again) {
                let message = "Each coupon can be given only once, be it by a promotion code.";
                return Err(Fault::invalid(message).param(format!("discounts[{at}]")));
            }
        }
        Ok(())
    }

    fn check_promotion_code(&self, id: &str, purpose: &Purpose<'_>) -> Result<&Coupon, Fault> {
        let code = self.promotion_code(id)?;
        let refuse = |why: &str| {
            let message = format!("This promotion code cannot be redeemed because {why}.");
            Err(Fault::invalid(message))
        };
        if !code.is_active(self) {
            return refuse("it is not active");
        }
        if code.new.customer.is_some() && code.new.customer.as_deref() != purpose.customer {
            return refuse("it is for another customer");
        }
        if code.new.first_time_transaction && purpose.customer.is_some_and(|it| self.has_paid(it)) {
            return refuse("the associated customer has prior transactions");
        }
        if let Some((minimum, currency)) = &code.new.minimum_amount
            && (currency != purpose.currency || purpose.amount < *minimum)
        {
            return refuse("the amount is below its minimum");
        }
        self.coupon(&code.new.coupon)
    }

    /// The coupons of these discounts, in their order.
    pub(crate) fn coupons_of(&self, discounts: &[String]) -> Vec<&str> {
        let discounts = discounts.iter().filter_map(|id| self.discounts.get(id));
        discounts.map(|it| it.coupon.as_str()).collect()
    }

    /// The coupon that this stands for, whether or not it may be redeemed.
    pub(crate) fn coupon_behind<'a>(&'a self, redeem: &'a Redeem) -> Option<&'a str> {
        match redeem {
            Redeem::Coupon(id) => Some(id),
            Redeem::PromotionCode(id) => self.promotion_codes.get(id).map(|it| &*it.new.coupon),
            Redeem::Discount(id) => self.discounts.get(id).map(|it| &*it.coupon),
        }
    }

    /// Successfully, at any time.
    fn has_paid(&self, customer: &str) -> bool {
        self.charges
            .of(customer)
            .any(|charge| charge.status == crate::core::payment::ChargeStatus::Succeeded)
    }

    /// Counts a redemption that was checked. A discount was counted when it was made.
    pub(crate) fn count_redemption(&mut self, redeem: &Redeem) {
        if matches!(redeem, Redeem::Discount(_)) {
            return;
        }
        let coupon = self.coupon_behind(redeem).map(str::to_owned);
        if let Some(coupon) = coupon.and_then(|it| self.coupons.get_mut(&it)) {
            coupon.times_redeemed += 1;
        }
        if let Redeem::PromotionCode(code) = redeem
            && let Some(code) = self.promotion_codes.get_mut(code)
        {
            code.times_redeemed += 1;
        }
    }

    /// What a subscription gets for what was redeemed for it and checked; one that it had already stays.
    pub(crate) fn redeem_for_subscription(
        &mut self,
        redeem: &Redeem,
        customer: &str,
        subscription: &str,
        checkout_session: Option<&str>,
    ) -> Option<String> {
        if let Redeem::Discount(discount) = redeem {
            return Some(discount.clone());
        }
        let coupon = self.coupon_behind(redeem)?.to_owned();
        self.count_redemption(redeem);
        let start = self.now;
        let end = match self.coupons.get(&coupon)?.new.duration {
            Duration::Repeating(months) => Some(Interval::Month.after(start, i64::from(months))),
            Duration::Forever | Duration::Once => None,
        };
        let discount = Discount {
            id: self.ids.mint("di_"),
            coupon,
            promotion_code: redeem.promotion_code(),
            customer: Some(customer.to_owned()),
            subscription: Some(subscription.to_owned()),
            invoice: None,
            checkout_session: checkout_session.map(str::to_owned),
            start,
            end,
        };
        let (id, shown) = (discount.id.clone(), discount.render(self));
        if let Some(end) = end {
            self.wake(end, &id);
        }
        self.discounts.insert(discount);
        self.emit("customer.discount.created", shown);
        Some(id)
    }

    /// What an invoice made by hand gets for what was redeemed for it and checked.
    pub(crate) fn redeem_for_invoice(
        &mut self,
        redeem: &[Redeem],
        customer: &str,
        invoice: &str,
    ) -> Vec<String> {
        let mut made = Vec::new();
        for redeem in redeem {
            if let Redeem::Discount(discount) = redeem {
                made.push(discount.clone());
                continue;
            }
            let Some(coupon) = self.coupon_behind(redeem).map(str::to_owned) else {
                continue;
            };
            self.count_redemption(redeem);
            let id = self.ids.mint("di_");
            made.push(id.clone());
            self.discounts.insert(Discount {
                id,
                coupon,
                promotion_code: redeem.promotion_code(),
                customer: Some(customer.to_owned()),
                subscription: None,
                invoice: Some(invoice.to_owned()),
                checkout_session: None,
                start: self.now,
                end: None,
            });
        }
        made
    }

    /// It takes nothing off any more: its months are over (docs.stripe.com/billing/subscriptions/coupons, `duration_in_months`).
    pub(super) fn discount_due(&mut self, id: &str) {
        let discount = self.discounts.get(id);
        let subscription = discount
            .and_then(|it| it.subscription.clone())
            .unwrap_or_default();
        let has = self.subscriptions.get(&subscription);
        let live =
            has.is_some_and(|it| it.discounts.iter().any(|of| of == id) && it.status != Status::Canceled);
        if live {
            self.edit_subscription(&subscription, |it| it.discounts.retain(|of| of != id));
            self.tell("customer.discount.deleted", id);
        }
    }

    /// What was redeemed for a session, as a discount.
    pub(crate) fn discount_of_session(&self, session: &Session) -> Option<Value> {
        let redeem = session.new.discount.as_ref()?;
        let of_customer = session.customer.iter().flat_map(|it| self.discounts.of(it));
        let mut kept = of_customer.filter(|it| it.checkout_session.as_ref() == Some(&session.id));
        if let Some(discount) = kept.next() {
            return Some(discount.render(self));
        }
        let discount = Discount {
            id: session.id.replacen("cs_test_", "di_", 1),
            coupon: self.coupon_behind(redeem)?.to_owned(),
            promotion_code: redeem.promotion_code(),
            customer: session.customer.clone(),
            subscription: None,
            invoice: None,
            checkout_session: Some(session.id.clone()),
            start: session.created(),
            end: None,
        };
        Some(discount.render(self))
    }

    /// Takes the subscription's discounts off the lines of an invoice of it; which of them took something off. One that
    /// is good for one invoice is used up by it.
    pub(crate) fn discount_lines(&mut self, subscription: &str, lines: &mut [InvoiceLine]) -> Vec<String> {
        let Some(discounts) = self
            .subscriptions
            .get(subscription)
            .map(|it| it.discounts.clone())
        else {
            return Vec::new();
        };
        let amounts: Vec<(&str, i64)> = lines.iter().map(InvoiceLine::discountable).collect();
        let taken = self.take_off(&self.coupons_of(&discounts), &amounts);
        let mut used = Vec::new();
        for (discount, off) in discounts.iter().zip(taken) {
            if off.iter().all(|off| *off == 0) {
                continue;
            }
            for (line, off) in lines.iter_mut().zip(off) {
                line.discounts.push((discount.clone(), off));
            }
            used.push(discount.clone());
        }
        for discount in &used {
            let coupon = self
                .discounts
                .get(discount)
                .and_then(|it| self.coupons.get(&it.coupon));
            if coupon.is_some_and(|it| it.new.duration == Duration::Once) {
                if let Some(subscription) = self.subscriptions.get_mut(subscription) {
                    subscription.discounts.retain(|of| of != discount);
                }
                self.tell("customer.discount.deleted", discount);
            }
        }
        used
    }

    /// What each coupon takes off each amount (beside its product): one after the other, each from what the ones
    /// before it left.
    pub(crate) fn take_off(&self, coupons: &[&str], amounts: &[(&str, i64)]) -> Vec<Vec<i64>> {
        let mut left: Vec<i64> = amounts.iter().map(|(_, amount)| (*amount).max(0)).collect();
        let one = |id: &&str| {
            let Some(coupon) = self.coupons.get(id) else {
                return vec![0; left.len()];
            };
            let eligible: Vec<i64> = amounts
                .iter()
                .zip(&left)
                .map(|((product, _), left)| if coupon.takes_off(product) { *left } else { 0 })
                .collect();
            let off = shares(coupon.amount_off(eligible.iter().sum()), &eligible);
            for (left, off) in left.iter_mut().zip(&off) {
                *left -= off;
            }
            off
        };
        coupons.iter().map(one).collect()
    }
}

/// `total` in proportion to `weights`, to the cent: what rounding leaves goes to the largest remainders.
fn shares(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().map(|it| i128::from(*it)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: &i64| i128::from(*weight) * i128::from(total);
    let mut shares: Vec<i64> = weights
        .iter()
        .map(|weight| i64::try_from(exact(weight) / sum).unwrap_or(0))
        .collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(exact(&weights[*at]) % sum));
    let rest = usize::try_from(total - shares.iter().sum::<i64>()).unwrap_or(0);
    for at in order.into_iter().take(rest) {
        shares[at] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shares_add_up_and_are_in_proportion() {
        assert_eq!(shares(1_000, &[1_000, 1_000, 1_000]), [334, 333, 333]);
        assert_eq!(shares(7, &[0, 3, 11]), [0, 2, 5]);
        assert_eq!(shares(0, &[5, 5]), [0, 0]);
        assert_eq!(shares(5, &[0, 0]), [0, 0]);
    }
}
