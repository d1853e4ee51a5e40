//! How a subscription begins.

use super::{BillingMode, Item, MissingPaymentMethod, Proration, Status, Subscription, proration};
use crate::core::calendar::{DAY, HOUR};
use crate::core::payment_method::AUTHENTICATION_REQUIRED;
use crate::core::{
    Answer, Confirm, Core, Fault, InvoiceLine, Metadata, NewInvoice, NewSetupIntent, Redeem, Row,
};

/// How long the first payment may be outstanding: 23 hours (docs.stripe.com/billing/subscriptions/overview, "Subscription
/// statuses"). So long an update may wait for its payment too (docs.stripe.com/billing/subscriptions/pending-updates).
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
    /// `payment_settings[save_default_payment_method]=on_subscription`.
    pub saves_method: bool,
    pub metadata: Metadata,
    pub description: Option<String>,
    pub trial_days: Option<u32>,
    /// Unix seconds; instead of `trial_days`.
    pub trial_end: Option<i64>,
    /// When the first whole period begins, unix seconds; `None`: now, or at the trial's end.
    pub anchor: Option<i64>,
    /// Whether the time before `anchor` is paid for.
    pub proration: Proration,
    /// `Some`: invoices are sent, to be paid within so many days.
    pub days_until_due: Option<u32>,
    pub missing_payment_method: MissingPaymentMethod,
    pub payment_behavior: PaymentBehavior,
    pub billing_mode: BillingMode,
    pub discounts: Vec<Redeem>,
    /// The checkout session that it comes of.
    pub checkout_session: Option<String>,
    /// The schedule that begins it, and when its first phase is over: its first invoice is left to the clock.
    pub schedule: Option<(String, i64)>,
    /// A payment intent that the first invoice takes over.
    pub intent: Option<String>,
}

impl Core {
    /// As `POST /v1/subscriptions`.
    ///
    /// # Errors
    /// As Stripe refuses it: unknown customer or price, no payment method, a declined card if that is to be an error.
    pub fn create_subscription(&mut self, new: NewSubscription) -> Answer {
        let currency = self.check_items(&new.items)?;
        for (at, (price, _)) in new.items.iter().enumerate() {
            self.price_sold(price, &format!("items[{at}][price]"))?;
        }
        self.check_once(&new.once, &currency)?;
        let id = self.start_subscription(new)?;
        self.subscription(&id).map(|it| it.render(self))
    }

    /// What was sold before is begun: since then its prices can have been archived.
    pub(crate) fn start_subscription(&mut self, new: NewSubscription) -> Result<String, Fault> {
        let currency = self.check_items(&new.items)?;
        let customer = self
            .living_customer(&new.customer)
            .map_err(|fault| fault.param("customer"))?;
        if let Some(method) = &new.payment_method {
            let own = self.check_own_method(&new.customer, method);
            own.map_err(|fault| fault.param("default_payment_method"))?;
        }
        let own = || customer.payment_method.clone();
        let method = new.payment_method.clone().or_else(own);
        let has_method = method.is_some();
        let declines = self.refusal(&new.customer, method.as_deref());
        let trial_end = self.trial_end_of(&new)?;
        let subscription = self.lay_out(new.clone(), currency, trial_end);
        self.check_together(&subscription)?;
        self.check_discounts(&subscription, &new.discounts)?;
        self.check_anchor(&subscription, new.anchor)?;
        let trial = subscription.status == Status::Trialing;
        let lines = self.lines_for(&subscription, |_| true, trial);
        let once = self.once(&new.once);
        let invoices = !lines.is_empty() || !once.is_empty();
        let collects = invoices && new.schedule.is_none() && new.days_until_due.is_none();
        let due_now = collects && self.first_due(&new, &subscription, &once, &lines) > 0;
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
        let asks = new.checkout_session.is_none()
            && new.schedule.is_none()
            && declines == Some(AUTHENTICATION_REQUIRED);
        let sets_up = match new.payment_behavior {
            PaymentBehavior::DefaultIncomplete => true,
            PaymentBehavior::AllowIncomplete => asks,
            _ => false,
        };
        let pending_setup_intent = (sets_up && !due_now && new.days_until_due.is_none())
            .then(|| self.set_up_later(&new, method))
            .transpose()?;
        let id = subscription.id.clone();
        for item in &subscription.items {
            self.subscription_of_item.insert(item.id.clone(), id.clone());
        }
        let next = subscription.next();
        let discounts =
            self.replace_discounts(&subscription, &new.discounts, new.checkout_session.as_deref());
        self.subscriptions.insert(Subscription {
            discounts,
            pending_setup_intent,
            ..subscription
        });
        for item in once {
            self.create_invoice_item(&id, item);
        }
        let invoice = invoices.then(|| {
            let (period, reason) = ((self.now, self.now), "subscription_create");
            self.draft_invoice(NewInvoice {
                subscription: &id,
                reason,
                period,
                lines,
            })
        });
        self.edit_subscription_silently(&id, |it| it.latest_invoice.clone_from(&invoice));
        if let Some(invoice) = &invoice {
            self.remember_billed(&id, invoice);
        }
        if let Some(at) = next {
            self.wake(at, &id);
        }
        let shown = self.subscription(&id)?.rendered(self);
        self.emit("customer.subscription.created", shown);
        self.announce_trial_end(&id);
        if let Some(invoice) = invoice {
            self.announce_invoice(&invoice);
            if let Some(intent) = &new.intent {
                self.adopt_intent(&invoice, intent, &new.customer);
            }
            self.bill_now(&id, &invoice, new.payment_behavior);
        }
        Ok(id)
    }

    /// `pending_setup_intent`: with nothing to pay yet, it takes what shall pay (docs.stripe.com/billing/subscriptions/trials,
    /// docs.stripe.com/api/subscriptions/object). Where the first payment would have been collected at once, `method` is
    /// confirmed at once, so that the bank asks now (docs.stripe.com/billing/subscriptions/deferred-payment).
    fn set_up_later(&mut self, new: &NewSubscription, method: Option<String>) -> Result<String, Fault> {
        let at_once = new.payment_behavior == PaymentBehavior::AllowIncomplete;
        let made = self.create_setup_intent(
            NewSetupIntent {
                customer: Some(new.customer.clone()),
                payment_method: if at_once {
                    method
                } else {
                    new.payment_method.clone()
                },
                ..NewSetupIntent::default()
            },
            at_once.then(Confirm::default),
        )?;
        Ok(made["id"].as_str().unwrap_or_default().to_owned())
    }

    fn trial_end_of(&self, new: &NewSubscription) -> Result<Option<i64>, Fault> {
        if new.trial_end.is_some_and(|end| end <= self.now) {
            let message = "Invalid timestamp: must be in the future. Use the string `now` to have no trial.";
            return Err(Fault::invalid(message).param("trial_end"));
        }
        let days = new.trial_days.filter(|days| *days > 0);
        Ok(new
            .trial_end
            .or(days.map(|days| self.now + i64::from(days) * DAY)))
    }

    /// docs.stripe.com/billing/subscriptions/billing-cycle: a first whole period begins within one period from now.
    fn check_anchor(&self, subscription: &Subscription, anchor: Option<i64>) -> Result<(), Fault> {
        let Some(anchor) = anchor else {
            return Ok(());
        };
        if subscription.trial.is_some() {
            let what = "a trial with a `billing_cycle_anchor` of its own";
            return Err(Fault::not_simulated(what).param("billing_cycle_anchor"));
        }
        for item in &subscription.items {
            let (interval, count) = self.interval_of(&item.price);
            let natural = interval.after(self.now, count);
            if anchor <= self.now || anchor > natural {
                let message = format!(
                    "`billing_cycle_anchor` has to be in the future and cannot be later than next natural billing \
                     date ({natural}) for plan."
                );
                return Err(Fault::invalid(message).param("billing_cycle_anchor"));
            }
        }
        Ok(())
    }

    fn lay_out(&mut self, new: NewSubscription, currency: String, trial_end: Option<i64>) -> Subscription {
        let now = self.now;
        let starts = trial_end.or(new.anchor);
        let anchor = starts.unwrap_or(now);
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
                cycles: i64::from(starts.is_none()),
                period_start: now,
                period_end: starts.unwrap_or_else(|| interval.after(anchor, count)),
            };
            if starts.is_none() || trial_end.is_none() && new.proration != Proration::None {
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
            } else if new.days_until_due.is_some()
                || new.schedule.is_some()
                || items.iter().all(|item| item.billed == 0) && new.anchor.is_some()
            {
                // Nothing is to be paid before it counts.
                Status::Active
            } else {
                Status::Incomplete
            },
            items,
            currency,
            metadata: new.metadata,
            description: new.description,
            anchor,
            billing_mode: new.billing_mode,
            trial: trial_end.map(|end| (now, end)),
            trial_end_announced: false,
            pending_update: None,
            missing_payment_method: new.missing_payment_method,
            cancel_at: None,
            cancel_at_period_end: false,
            canceled_at: None,
            ended_at: None,
            cancellation_reason: None,
            cancellation_comment: None,
            cancellation_feedback: None,
            payment_method: new.payment_method,
            saves_method: new.saves_method,
            discounts: Vec::new(),
            pending_setup_intent: None,
            latest_invoice: None,
            invoices: Vec::new(),
            waiting: Vec::new(),
            days_until_due: new.days_until_due,
            pause: None,
            phase_ends: new.schedule.as_ref().map(|(_, end)| *end),
            schedule: new.schedule.map(|(id, _)| id),
        }
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
                let line = InvoiceLine::of(price, item.quantity, period, item.id.clone());
                if free {
                    return Some(line.free());
                }
                if item.cycles > 0 {
                    return Some(line);
                }
                // The time before the cycle begins.
                let whole = self.whole_period(item);
                let amount = proration::share(item.billed, item.period_end - item.period_start, whole);
                (item.billed == line.amount).then(|| line.part(amount))
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
