//! How a subscription begins.

use super::{BillingMode, Item, MissingPaymentMethod, Status, Subscription};
use crate::core::calendar::{DAY, HOUR};
use crate::core::{Answer, Core, Fault, InvoiceLine, Metadata, NewInvoice, Redeem, Row};

/// How long the first payment may be outstanding.
pub const INCOMPLETE_FOR: i64 = 23 * HOUR;

/// What an unpaid first invoice means for the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaymentBehavior {
    /// The subscription is made, `incomplete`.
    #[default]
    AllowIncomplete,
    /// It is made `incomplete` and nothing is collected.
    DefaultIncomplete,
    /// It is not made.
    ErrorIfIncomplete,
    /// Of an update only: it is not made until the invoice is paid.
    PendingIfIncomplete,
}

/// A subscription to create.
#[derive(Clone, Debug, Default)]
pub struct NewSubscription {
    pub customer: String,
    /// Recurring price and quantity.
    pub items: Vec<(String, u64)>,
    /// One-time prices and quantities for the first invoice.
    pub once: Vec<(String, u64)>,
    /// `None`: the customer's default.
    pub payment_method: Option<String>,
    pub metadata: Metadata,
    pub trial_days: Option<u32>,
    pub missing_payment_method: MissingPaymentMethod,
    pub payment_behavior: PaymentBehavior,
    pub billing_mode: BillingMode,
    pub discounts: Vec<Redeem>,
    /// The checkout session that it comes of.
    pub checkout_session: Option<String>,
    /// A payment intent that the first invoice takes over.
    pub intent: Option<String>,
}

impl Core {
    /// As `POST /v1/subscriptions`.
    ///
    /// # Errors
    /// As Stripe refuses it: unknown customer or price, no payment method, a declined card if that is to be an error.
    pub fn create_subscription(&mut self, new: NewSubscription) -> Answer {
        let id = self.start_subscription(new)?;
        self.subscription(&id).map(|it| it.render(self))
    }

    pub(crate) fn start_subscription(&mut self, new: NewSubscription) -> Result<String, Fault> {
        let currency = self.check_items(&new.items)?;
        let customer = self
            .living_customer(&new.customer)
            .map_err(|fault| fault.param("customer"))?;
        let method = new.payment_method.as_ref().or(customer.payment_method.as_ref());
        let has_method = method.is_some();
        let declines = self.refusal(&new.customer, method.map(String::as_str));
        let trial_end = new
            .trial_days
            .filter(|days| *days > 0)
            .map(|days| self.now + i64::from(days) * DAY);
        let due_now = self.first_amount(&new, &currency)? > 0 && trial_end.is_none();
        if due_now && !has_method && new.payment_behavior != PaymentBehavior::DefaultIncomplete {
            let message = "This customer has no attached payment source or default payment method. Please consider \
                           adding a default payment method.";
            return Err(Fault::invalid(message).code("resource_missing"));
        }
        if let (true, Some(decline), PaymentBehavior::ErrorIfIncomplete) =
            (due_now, declines, new.payment_behavior)
        {
            return Err(decline.into());
        }
        let subscription = self.lay_out(new.clone(), currency, trial_end);
        let id = subscription.id.clone();
        self.check_together(&subscription)?;
        for item in &subscription.items {
            self.subscription_of_item.insert(item.id.clone(), id.clone());
        }
        let next = subscription.next();
        let discounts =
            self.replace_discounts(&subscription, &new.discounts, new.checkout_session.as_deref());
        self.subscriptions.insert(Subscription {
            discounts,
            ..subscription
        });
        let invoice = self.first_invoice(&id, &new)?;
        self.edit_subscription_silently(&id, |it| it.latest_invoice = Some(invoice.clone()));
        if let Some(at) = next {
            self.wake(at, &id);
        }
        let shown = self.subscription(&id)?.render(self);
        self.emit("customer.subscription.created", shown);
        self.announce_invoice(&invoice);
        if let Some(intent) = &new.intent {
            self.adopt_intent(&invoice, intent, &new.customer);
        }
        self.finalize_invoice(&invoice);
        if new.payment_behavior != PaymentBehavior::DefaultIncomplete || !due_now {
            // A declined card is not this request's error: the subscription shows it.
            let _ = self.collect(&invoice, false);
        }
        Ok(id)
    }

    fn lay_out(&mut self, new: NewSubscription, currency: String, trial_end: Option<i64>) -> Subscription {
        let now = self.now;
        let anchor = trial_end.unwrap_or(now);
        let mut items = Vec::new();
        for (price, quantity) in new.items {
            let (interval, count) = self.interval_of(&price);
            let mut item = Item {
                id: self.ids.mint("si_"),
                metadata: Metadata::new(),
                billed: 0,
                created: now,
                price,
                quantity,
                anchor,
                cycles: if trial_end.is_some() { 0 } else { 1 },
                period_start: now,
                period_end: trial_end.unwrap_or_else(|| interval.after(anchor, count)),
            };
            if trial_end.is_none() {
                item.billed = self.amount_of_item(&item);
            }
            items.push(item);
        }
        Subscription {
            id: self.ids.mint("sub_"),
            customer: new.customer,
            created: now,
            status: if trial_end.is_some() {
                Status::Trialing
            } else {
                Status::Incomplete
            },
            items,
            currency,
            metadata: new.metadata,
            anchor,
            billing_mode: new.billing_mode,
            trial: trial_end.map(|end| (now, end)),
            missing_payment_method: new.missing_payment_method,
            cancel_at: None,
            cancel_at_period_end: false,
            canceled_at: None,
            ended_at: None,
            cancellation_reason: None,
            cancellation_comment: None,
            cancellation_feedback: None,
            payment_method: new.payment_method,
            discounts: Vec::new(),
            latest_invoice: None,
            invoices: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn first_invoice(&mut self, id: &str, new: &NewSubscription) -> Result<String, Fault> {
        let subscription = self.subscription(id)?;
        let trial = subscription.status == Status::Trialing;
        let mut lines = self.lines_for(subscription, |_| true, trial);
        for (price, quantity) in &new.once {
            let price = self.price(price)?;
            lines.push(InvoiceLine::of(price, *quantity, (self.now, self.now), None));
        }
        let period = (self.now, self.now);
        Ok(self.draft_invoice(NewInvoice {
            subscription: id,
            reason: "subscription_create",
            period,
            lines,
        }))
    }

    /// Lines for the current periods of the chosen items.
    pub(super) fn lines_for(
        &self,
        subscription: &Subscription,
        chosen: impl Fn(&Item) -> bool,
        free: bool,
    ) -> Vec<InvoiceLine> {
        let items = subscription.items.iter().filter(|item| chosen(item));
        items
            .filter_map(|item| {
                let price = self.prices.get(&item.price)?;
                let period = (item.period_start, item.period_end);
                let line = InvoiceLine::of(price, item.quantity, period, Some(item.id.clone()));
                Some(if free { line.free() } else { line })
            })
            .collect()
    }

    fn check_items(&self, items: &[(String, u64)]) -> Result<String, Fault> {
        let mut currency = None;
        for (at, (id, quantity)) in items.iter().enumerate() {
            let param = format!("items[{at}][price]");
            let price = self.price(id).map_err(|fault| fault.param(param.clone()))?;
            if price.recurring.is_none() {
                let message = format!(
                    "The price specified is set to `type=one_time` but this field only accepts prices with \
                     `type=recurring`. ({id})"
                );
                return Err(Fault::invalid(message).param(param));
            }
            if !price.active {
                let message =
                    format!("The price specified is inactive. This field only accepts active prices. ({id})");
                return Err(Fault::invalid(message).param(param));
            }
            if *currency.get_or_insert(&price.currency) != &price.currency {
                return Err(Fault::invalid("All prices must be in the same currency.").param(param));
            }
            if *quantity > 999_999 {
                let message = "This value must be at most 999999.";
                return Err(Fault::invalid(message).param(format!("items[{at}][quantity]")));
            }
        }
        let currency = currency.cloned().ok_or_else(|| {
            let fault = Fault::invalid("Missing required param: items.");
            fault.code("parameter_missing").param("items")
        })?;
        Ok(currency)
    }
}
