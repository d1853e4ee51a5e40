//! What a person or an API call does to a subscription.

use super::{
    ItemChange, MissingPaymentMethod, Pause, PaymentBehavior, Proration, Status, Subscription, pending,
};
use crate::core::{Answer, Core, Fault, MetadataChange, Redeem, Row};

/// When a subscription shall end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// `cancel_at_period_end=true`: shows in both spellings, as Stripe shows it.
    PeriodEnd,
    /// `cancel_at=…`, unix seconds: `cancel_at_period_end` stays false.
    At(i64),
    /// Not at all: takes an announced end back.
    Never,
}

/// `billing_cycle_anchor` of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CycleAnchor {
    /// A new period begins.
    Now,
    Unchanged,
}

/// `trial_end` of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialEnd {
    Now,
    /// Unix seconds.
    At(i64),
}

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionChange {
    pub end: Option<When>,
    pub comment: Option<String>,
    pub feedback: Option<String>,
    pub metadata: MetadataChange,
    /// Empty: takes it away.
    pub description: Option<String>,
    /// One-time prices and quantities for the next invoice.
    pub once: Vec<(String, u64)>,
    pub missing_payment_method: Option<MissingPaymentMethod>,
    /// Empty takes it away: the customer's default then.
    pub payment_method: Option<String>,
    pub saves_method: Option<bool>,
    pub items: Vec<ItemChange>,
    pub proration: Proration,
    /// As of when to prorate, unix seconds; `None`: now.
    pub proration_date: Option<i64>,
    pub anchor: Option<CycleAnchor>,
    pub trial_end: Option<TrialEnd>,
    pub payment_behavior: PaymentBehavior,
    /// In place of those that it has.
    pub discounts: Option<Vec<Redeem>>,
    /// `Some(None)` ends the pause.
    pub pause: Option<Option<Pause>>,
    /// `Some(None)`: invoices are charged, `Some(Some(days))`: they are sent.
    pub days_until_due: Option<Option<u32>>,
}

impl SubscriptionChange {
    /// It can cost or give back something.
    fn bills(&self) -> bool {
        !self.items.is_empty() || self.anchor == Some(CycleAnchor::Now) || self.trial_end.is_some()
    }
}

impl Core {
    /// # Errors
    /// No such subscription or item, ended already, an end in the past, a declined card if that is to be an error.
    pub fn update_subscription(&mut self, id: &str, change: SubscriptionChange) -> Answer {
        self.changeable(id, &change)?;
        if change.payment_behavior == PaymentBehavior::PendingIfIncomplete {
            pending::check(&change)?;
        }
        let before = self.subscription(id)?.clone();
        self.check_discounts(&before, change.discounts.as_deref().unwrap_or_default())?;
        if let Some(schedule) = before.schedule.as_ref().filter(|_| change.end.is_some()) {
            let message = format!(
                "The subscription is managed by the subscription schedule `{schedule}`, and updating any cancelation \
                 behavior directly is not allowed. Please update the schedule instead."
            );
            return Err(Fault::invalid(message));
        }
        self.check_sold(&before, &change.items)?;
        self.check_once(&change.once, &before.currency)?;
        let mut plan = self.plan(&before, &change)?;
        let waits = before.pending_update.as_ref().and_then(|it| it.end);
        let conflicts = change.end.is_some() && waits.is_some() && waits != change.end;
        if change.bills() || conflicts {
            plan.after.pending_update = None;
        }
        let after = &mut plan.after;
        self.announce_end(after, &change)?;
        change.metadata.apply(&mut after.metadata);
        if let Some(text) = change.description {
            after.description = Some(text).filter(|it| !it.is_empty());
        }
        after.missing_payment_method = change
            .missing_payment_method
            .unwrap_or(after.missing_payment_method);
        if let Some(method) = change.payment_method {
            if !method.is_empty() {
                let own = self.check_own_method(&before.customer, &method);
                own.map_err(|fault| fault.param("default_payment_method"))?;
            }
            after.payment_method = Some(method).filter(|it| !it.is_empty());
        }
        plan.discounts = change.discounts;
        after.saves_method = change.saves_method.unwrap_or(after.saves_method);
        after.pause = change.pause.unwrap_or(after.pause);
        after.days_until_due = change.days_until_due.unwrap_or(after.days_until_due);
        if change.trial_end.is_some() {
            after.trial_end_announced = false;
        }
        self.carry_out(id, plan, change.payment_behavior)?;
        self.schedule_follows(id);
        match change.trial_end {
            Some(TrialEnd::Now) if before.status == Status::Trialing => {
                self.tell("customer.subscription.trial_will_end", id);
            }
            Some(TrialEnd::At(_)) => self.announce_trial_end(id),
            _ => {}
        }
        self.subscription(id).map(|it| it.render(self))
    }

    /// Of a schedule's phase: the items alone.
    pub(crate) fn take_items(&mut self, id: &str, change: &SubscriptionChange) -> Result<(), Fault> {
        let before = self.subscription(id)?.clone();
        let mut plan = self.plan(&before, change)?;
        plan.after.pending_update = None;
        self.carry_out(id, plan, change.payment_behavior)
    }

    pub(super) fn announce_end(
        &self,
        changed: &mut Subscription,
        change: &SubscriptionChange,
    ) -> Result<(), Fault> {
        match change.end {
            None => {
                changed.cancellation_comment = change.comment.clone().or(changed.cancellation_comment.take());
                changed.cancellation_feedback =
                    change.feedback.clone().or(changed.cancellation_feedback.take());
                return Ok(());
            }
            Some(When::PeriodEnd) => {
                changed.cancel_at = Some(period_end(changed)?);
                changed.cancel_at_period_end = true;
            }
            Some(When::At(at)) if at <= self.now => {
                return Err(Fault::invalid("`cancel_at` must be in the future.").param("cancel_at"));
            }
            Some(When::At(at)) => {
                changed.cancel_at = Some(at);
                changed.cancel_at_period_end = false;
            }
            Some(When::Never) => {
                changed.cancel_at = None;
                changed.cancel_at_period_end = false;
            }
        }
        let ends = changed.cancel_at.is_some();
        changed.canceled_at = ends.then_some(self.now);
        changed.cancellation_reason = ends.then_some("cancellation_requested");
        changed.cancellation_comment = change.comment.clone().filter(|_| ends);
        changed.cancellation_feedback = change.feedback.clone().filter(|_| ends);
        Ok(())
    }

    /// Announces the end, or (`cancel` false) takes it back.
    ///
    /// # Errors
    /// No such subscription, or ended already.
    pub fn cancel_at_period_end(&mut self, id: &str, cancel: bool) -> Answer {
        // The portal lets a schedule go first.
        if let Some(schedule) = self.subscription(id)?.schedule.clone() {
            self.release_schedule(&schedule)?;
        }
        let end = Some(if cancel { When::PeriodEnd } else { When::Never });
        self.update_subscription(
            id,
            SubscriptionChange {
                end,
                ..SubscriptionChange::default()
            },
        )
    }

    /// From now on, without proration.
    ///
    /// # Errors
    /// No such subscription or item, or ended already.
    pub fn set_quantity(&mut self, subscription: &str, item: &str, quantity: u64) -> Answer {
        let item = ItemChange {
            id: Some(item.to_owned()),
            quantity: Some(quantity),
            ..ItemChange::default()
        };
        let change = SubscriptionChange {
            items: vec![item],
            proration: Proration::None,
            ..SubscriptionChange::default()
        };
        self.update_subscription(subscription, change)
    }

    /// One that the change may be made to: of an ended one, only how it ended and its metadata.
    fn changeable(&self, id: &str, change: &SubscriptionChange) -> Result<&Subscription, Fault> {
        let subscription = self.subscription(id)?;
        let words_only = change.end.is_none()
            && change.items.is_empty()
            && change.once.is_empty()
            && change.description.is_none()
            && change.anchor.is_none()
            && change.trial_end.is_none()
            && change.payment_method.is_none()
            && change.missing_payment_method.is_none()
            && change.discounts.is_none()
            && change.saves_method.is_none()
            && change.pause.is_none()
            && change.days_until_due.is_none();
        if subscription.status.is_terminal() && !words_only {
            let status = subscription.status.as_str();
            let message =
                format!("A {status} subscription can only update its cancellation_details and metadata.");
            return Err(Fault::invalid(message));
        }
        Ok(subscription)
    }
}

/// When the current period ends, if all items agree.
fn period_end(subscription: &Subscription) -> Result<i64, Fault> {
    let mut ends = subscription.items.iter().map(|item| item.period_end);
    let first = ends
        .next()
        .ok_or_else(|| Fault::invalid("This subscription has no items."))?;
    if ends.any(|end| end != first) {
        return Err(Fault::not_simulated(
            "`cancel_at_period_end` of items with different periods (use `cancel_at`)",
        ));
    }
    Ok(first)
}
