//! The discounts of a subscription: given when it is made, replaced, taken away.

use super::{NewSubscription, Subscription};
use crate::core::discount::Purpose;
use crate::core::{Answer, Core, Fault, Redeem, Row};

impl Core {
    /// What the first invoice comes to, less the discounts, which are checked and not redeemed yet.
    pub(super) fn first_amount(&self, new: &NewSubscription, currency: &str) -> Result<i64, Fault> {
        let items = new.items.iter().chain(&new.once);
        let amounts: Vec<(&str, i64)> = items
            .filter_map(|(price, quantity)| {
                let price = self.prices.get(price)?;
                Some((price.product.as_str(), price.amount_for(*quantity)))
            })
            .collect();
        let amount = amounts.iter().map(|(_, amount)| amount).sum();
        let purpose = Purpose {
            customer: Some(&new.customer),
            currency,
            amount,
        };
        let coupons = self.check_all(&new.discounts, &purpose)?;
        let coupons: Vec<&str> = coupons.iter().map(String::as_str).collect();
        let off: i64 = self.take_off(&coupons, &amounts).iter().flatten().sum();
        Ok(amount - off)
    }

    /// The coupons' ids.
    fn check_all(&self, redeem: &[Redeem], purpose: &Purpose<'_>) -> Result<Vec<String>, Fault> {
        let each = redeem.iter().enumerate();
        each.map(|(at, redeem)| self.check_redeem(redeem, purpose, &format!("discounts[{at}]")))
            .collect()
    }

    /// Whether a subscription may have these instead of its present ones.
    pub(super) fn check_discounts(&self, of: &Subscription, redeem: &[Redeem]) -> Result<(), Fault> {
        for (at, redeem) in redeem.iter().enumerate() {
            if let Redeem::Discount(id) = redeem
                && !of.discounts.contains(id)
            {
                return Err(Fault::missing("discount", id).param(format!("discounts[{at}][discount]")));
            }
        }
        let amounts = of
            .items
            .iter()
            .filter_map(|item| Some(self.prices.get(&item.price)?.amount_for(item.quantity)));
        let purpose = Purpose {
            customer: Some(&of.customer),
            currency: &of.currency,
            amount: amounts.sum(),
        };
        self.check_all(redeem, &purpose).map(|_| ())
    }

    /// Redeems what was checked, tells of what falls away, and returns what the subscription has then.
    pub(super) fn replace_discounts(
        &mut self,
        of: &Subscription,
        redeem: &[Redeem],
        session: Option<&str>,
    ) -> Vec<String> {
        let new: Vec<String> = redeem
            .iter()
            .filter_map(|redeem| self.redeem_for_subscription(redeem, &of.customer, &of.id, session))
            .collect();
        for gone in of.discounts.iter().filter(|it| !new.contains(it)) {
            self.tell("customer.discount.deleted", gone);
        }
        new
    }

    /// # Errors
    /// No such subscription, or it has no discount.
    pub fn delete_subscription_discount(&mut self, id: &str) -> Answer {
        let subscription = self.subscription(id)?.clone();
        let Some(last) = subscription.discounts.last() else {
            return Err(Fault::missing("discount", id));
        };
        let mut shown = self
            .discounts
            .get(last)
            .map(|it| it.render(self))
            .unwrap_or_default();
        self.replace_discounts(&subscription, &[], None);
        self.edit_subscription(id, |it| it.discounts.clear());
        if let Some(fields) = shown.as_object_mut() {
            fields.remove("end");
            fields.insert("deleted".into(), true.into());
        }
        Ok(shown)
    }
}
