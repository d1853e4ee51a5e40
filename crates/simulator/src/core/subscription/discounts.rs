//! The discounts of a subscription: given when it is made, replaced, taken away.

use super::Subscription;
use crate::core::discount::Purpose;
use crate::core::{Answer, Core, Fault, Redeem, Row};

impl Core {
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
        for (at, redeem) in redeem.iter().enumerate() {
            self.check_redeem(redeem, &purpose, &format!("discounts[{at}]"))?;
        }
        self.check_stack(redeem)
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
