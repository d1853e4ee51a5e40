//! What a person does on the portal, as far as its configuration lets them:
//! docs.stripe.com/customer-management/configure-portal

use serde_json::Value;

use super::Portal;
use crate::core::schedule::Phase;
use crate::core::{
    Answer, Core, CustomerChange, CycleAnchor, EndBehavior, Ending, Fault, ItemChange, NewPhase,
    PaymentBehavior, PhaseEnd, PhaseItem, Price, Proration, ScheduleChange, Status, Subscription,
    SubscriptionChange, TrialEnd, When,
};

impl Core {
    /// Another price or quantity, at once or (as the configuration says of downgrades) when the period ends. `None`
    /// leaves it as it is.
    ///
    /// # Errors
    /// The configuration does not offer it; not the customer's subscription, or of several products; the card is
    /// declined.
    pub fn portal_change(
        &mut self,
        portal: &str,
        subscription: &str,
        price: Option<&str>,
        quantity: Option<u64>,
    ) -> Answer {
        self.in_time_of(portal, |core| {
            let of = core.portal_subscription(portal, subscription)?.clone();
            let features = core.offered(portal, "subscription_update")?;
            core.check_change(&features, &of, price, quantity)?;
            let [item] = of.items.as_slice() else {
                return Err(Fault::invalid(
                    "A subscription to several products cannot be changed here.",
                ));
            };
            let wanted = PhaseItem {
                price: price.unwrap_or(&item.price).to_owned(),
                quantity: quantity.unwrap_or(item.quantity),
            };
            // What was put off before gives way to what is wanted now.
            if let Some(schedule) = &of.schedule {
                core.release_schedule(schedule)?;
            }
            if core.waits_for_period_end(&features, &of, &wanted) {
                return core.put_off(&of, wanted);
            }
            let change = ItemChange {
                id: Some(item.id.clone()),
                price: Some(wanted.price),
                quantity: Some(wanted.quantity),
                ..ItemChange::default()
            };
            let trialing = of.status == Status::Trialing;
            let ends_trial = trialing && features["trial_update_behavior"] == "end_trial";
            let anew = features["billing_cycle_anchor"] == "now" && !trialing;
            core.update_subscription(
                subscription,
                SubscriptionChange {
                    items: vec![change],
                    proration: proration(&features),
                    payment_behavior: PaymentBehavior::ErrorIfIncomplete,
                    trial_end: ends_trial.then_some(TrialEnd::Now),
                    anchor: anew.then_some(CycleAnchor::Now),
                    ..SubscriptionChange::default()
                },
            )
        })
    }

    /// When the period ends or at once, as the configuration says. `feedback`: one of the reasons that it offers.
    ///
    /// # Errors
    /// The configuration does not offer it, or not this reason; not the customer's subscription.
    pub fn portal_cancel(
        &mut self,
        portal: &str,
        subscription: &str,
        feedback: Option<String>,
        comment: Option<String>,
    ) -> Answer {
        self.in_time_of(portal, |core| {
            let of = core.portal_subscription(portal, subscription)?.clone();
            let features = core.offered(portal, "subscription_cancel")?;
            let reasons = &features["cancellation_reason"];
            let known = |it: &String| {
                reasons["options"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one == it))
            };
            if feedback
                .as_ref()
                .is_some_and(|it| reasons["enabled"] != true || !known(it))
            {
                return Err(Fault::invalid("The portal does not offer this reason.").param("feedback"));
            }
            if let Some(schedule) = &of.schedule {
                core.release_schedule(schedule)?;
            }
            if features["mode"] == "immediately" {
                let proration = proration(&features);
                let ending = Ending {
                    comment,
                    feedback,
                    prorate: proration != Proration::None,
                    invoice_now: proration == Proration::AlwaysInvoice,
                };
                return core.cancel_subscription_with(subscription, ending);
            }
            core.update_subscription(
                subscription,
                SubscriptionChange {
                    end: Some(When::PeriodEnd),
                    comment,
                    feedback,
                    ..SubscriptionChange::default()
                },
            )
        })
    }

    /// Takes an announced end or a change that was put off back.
    ///
    /// # Errors
    /// Not the customer's subscription, or it has ended.
    pub fn portal_resume(&mut self, portal: &str, subscription: &str) -> Answer {
        self.in_time_of(portal, |core| {
            let of = core.portal_subscription(portal, subscription)?.clone();
            if let Some(schedule) = &of.schedule {
                core.release_schedule(schedule)?;
            }
            core.cancel_at_period_end(subscription, false)
        })
    }

    /// A new card by the name or number of one of Stripe's test cards: for the customer, and for the subscriptions that
    /// have one of their own.
    ///
    /// # Errors
    /// The configuration does not offer it; no such card, or the bank refuses to have it saved.
    pub fn portal_set_card(&mut self, portal: &str, card: &str) -> Answer {
        self.in_time_of(portal, |core| {
            core.offered(portal, "payment_method_update")?;
            let customer = core.portal(portal)?.customer.clone();
            let method = core.attachable(card)?;
            core.attach_payment_method(&method, &customer)?;
            let own = core.subscriptions.of(&customer);
            let own = own.filter(|it| !it.status.is_terminal() && it.payment_method.is_some());
            for subscription in own.map(|it| it.id.clone()).collect::<Vec<_>>() {
                core.edit_subscription(&subscription, |it| it.payment_method = Some(method.clone()));
            }
            core.update_customer(
                &customer,
                CustomerChange {
                    default_payment_method: Some(method),
                    ..CustomerChange::default()
                },
            )
        })
    }

    /// Of the customer, what the configuration lets them change: `email`, `name`, `phone`.
    ///
    /// # Errors
    /// The configuration does not offer one of them.
    pub fn portal_update_customer(&mut self, portal: &str, change: CustomerChange) -> Answer {
        let features = self.offered(portal, "customer_update")?;
        let allowed = |name: &str| {
            let all = features["allowed_updates"].as_array();
            all.is_some_and(|all| all.iter().any(|it| it == name))
        };
        let wanted = [
            ("email", &change.email),
            ("name", &change.name),
            ("phone", &change.phone),
        ];
        for (name, _) in wanted.iter().filter(|(_, value)| value.is_some()) {
            if !allowed(name) {
                return Err(Fault::invalid("The portal does not offer this change.").param(*name));
            }
        }
        let customer = self.portal(portal)?.customer.clone();
        let change = CustomerChange {
            email: change.email,
            name: change.name,
            phone: change.phone,
            ..CustomerChange::default()
        };
        self.in_time_of(portal, |core| core.update_customer(&customer, change))
    }

    pub(crate) fn portal(&self, id: &str) -> Result<&Portal, Fault> {
        self.portals.find(id)
    }

    fn portal_subscription(&self, portal: &str, id: &str) -> Result<&Subscription, Fault> {
        let customer = &self.portal(portal)?.customer;
        let found = self.subscriptions.get(id).filter(|it| it.customer == *customer);
        found.ok_or_else(|| Fault::missing("subscription", id))
    }

    /// What the configuration says of a feature that it offers.
    fn offered(&self, portal: &str, feature: &str) -> Result<Value, Fault> {
        let portal = self.portal(portal)?;
        if !self.portal_offers(portal, feature) {
            return Err(Fault::invalid(format!("The portal does not offer `{feature}`.")));
        }
        let configuration = self.configurations.get(&portal.configuration);
        Ok(configuration
            .map(|it| it.features[feature].clone())
            .unwrap_or_default())
    }

    /// Whether the configuration's `subscription_update` lets this subscription have that price and quantity.
    pub(super) fn check_change(
        &self,
        features: &Value,
        of: &Subscription,
        price: Option<&str>,
        quantity: Option<u64>,
    ) -> Result<(), Fault> {
        let refuse = |what: &str, param: &str| {
            let message = format!("The portal's configuration does not allow {what}.");
            Err(Fault::invalid(message).param(param))
        };
        let allowed = |what: &str| {
            let all = features["default_allowed_updates"].as_array();
            all.is_some_and(|all| all.iter().any(|it| it == what))
        };
        let offers = |price: &Price| {
            let mut products = features["products"].as_array().into_iter().flatten();
            products.find(|it| {
                let prices = it["prices"].as_array();
                it["product"] == price.product.as_str()
                    && prices.is_some_and(|all| all.iter().any(|one| one == price.id.as_str()))
            })
        };
        let item = of.items.first();
        let present = item.map(|item| item.price.as_str());
        let changes_price = price.is_some() && price != present;
        let wanted = self.price(price.or(present).unwrap_or_default())?;
        if changes_price && (!allowed("price") || offers(wanted).is_none()) {
            return refuse("this price", "price");
        }
        let Some(quantity) = quantity.filter(|it| item.is_some_and(|item| item.quantity != *it)) else {
            return Ok(());
        };
        let adjustable = offers(wanted).map(|it| &it["adjustable_quantity"]);
        let outside = adjustable.filter(|it| it["enabled"] == true).is_some_and(|it| {
            let (least, most) = (it["minimum"].as_u64(), it["maximum"].as_u64());
            !(least.unwrap_or(1)..=most.unwrap_or(999_999)).contains(&quantity)
        });
        if !allowed("quantity") || outside || quantity == 0 {
            return refuse("this quantity", "quantity");
        }
        Ok(())
    }

    /// Whether one of the conditions of `schedule_at_period_end` holds.
    fn waits_for_period_end(&self, features: &Value, of: &Subscription, wanted: &PhaseItem) -> bool {
        let conditions = features["schedule_at_period_end"]["conditions"].as_array();
        let has = |kind: &str| conditions.is_some_and(|all| all.iter().any(|it| it["type"] == kind));
        let (Some(item), Some(new)) = (of.items.first(), self.prices.get(&wanted.price)) else {
            return false;
        };
        let Some(old) = self.prices.get(&item.price) else {
            return false;
        };
        let length = |price: &Price| {
            price
                .recurring
                .map(|(interval, count)| interval.after(0, i64::from(count)))
        };
        let less = new.amount_for(wanted.quantity) < old.amount_for(item.quantity);
        has("decreasing_item_amount") && less || has("shortening_interval") && length(new) < length(old)
    }

    /// A schedule whose second phase, of one period, has what is wanted.
    fn put_off(&mut self, of: &Subscription, wanted: PhaseItem) -> Answer {
        let schedule = self.schedule_subscription(&of.id)?;
        let schedule = schedule["id"].as_str().unwrap_or_default();
        let present = Phase::of(of);
        let now = NewPhase {
            start: Some(present.start),
            end: Some(PhaseEnd::At(present.end)),
            items: present.items,
            metadata: Default::default(),
            proration: Proration::None,
        };
        let later = NewPhase {
            start: None,
            end: None,
            items: vec![wanted],
            metadata: Default::default(),
            proration: Proration::None,
        };
        self.update_schedule(
            schedule,
            ScheduleChange {
                phases: Some(vec![now, later]),
                end_behavior: Some(EndBehavior::Release),
                proration: Proration::None,
                ..ScheduleChange::default()
            },
        )?;
        self.get_expanded(&of.id, &[])
    }
}

fn proration(features: &Value) -> Proration {
    let said = &features["proration_behavior"];
    let found = Proration::WORDS.iter().find(|(word, _)| said == word);
    found.map_or(Proration::None, |(_, proration)| *proration)
}
