//! What a person or an API call does to a subscription.

use serde_json::Value;

use super::{MissingPaymentMethod, Status};
use crate::core::{Answer, Core, DunningEnd, Fault, MetadataChange, Row, Subscription};

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

/// What to change; `None` leaves a field as it is. Nothing is prorated.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionChange {
    pub end: Option<When>,
    pub comment: Option<String>,
    pub metadata: MetadataChange,
    pub missing_payment_method: Option<MissingPaymentMethod>,
    /// Item, its new price if any, its new quantity if any.
    pub items: Vec<(String, Option<String>, Option<u64>)>,
}

impl Core {
    /// # Errors
    /// No such subscription or item, ended already, an end in the past.
    pub fn update_subscription(&mut self, id: &str, change: SubscriptionChange) -> Answer {
        let subscription = self.live_subscription(id)?;
        let mut changed = subscription.clone();
        match change.end {
            None => {}
            Some(When::PeriodEnd) => {
                changed.cancel_at = Some(period_end(subscription)?);
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
        if change.end.is_some() {
            let ends = changed.cancel_at.is_some();
            changed.canceled_at = ends.then_some(self.now);
            changed.cancellation_reason = ends.then_some("cancellation_requested");
            changed.cancellation_comment = change.comment.filter(|_| ends);
        }
        change.metadata.apply(&mut changed.metadata);
        changed.missing_payment_method = change
            .missing_payment_method
            .unwrap_or(changed.missing_payment_method);
        for (at, (item, price, quantity)) in change.items.into_iter().enumerate() {
            self.change_item(&mut changed, at, &item, price, quantity)?;
        }
        self.edit_subscription(id, |it| *it = changed);
        self.subscription(id).map(|it| it.render(self))
    }

    fn change_item(
        &self,
        subscription: &mut Subscription,
        at: usize,
        id: &str,
        price: Option<String>,
        quantity: Option<u64>,
    ) -> Result<(), Fault> {
        let item = subscription.items.iter_mut().find(|item| item.id == id);
        let item =
            item.ok_or_else(|| Fault::missing("subscription_item", id).param(format!("items[{at}][id]")))?;
        if let Some(price) = price {
            let new = self
                .price(&price)
                .map_err(|fault| fault.param(format!("items[{at}][price]")))?;
            let old = self.price(&item.price)?;
            if new.recurring != old.recurring || new.currency != old.currency {
                return Err(Fault::not_simulated(
                    "a change to a price of another interval or currency",
                ));
            }
            item.price = price;
        }
        item.quantity = quantity.unwrap_or(item.quantity);
        Ok(())
    }

    /// At once.
    ///
    /// # Errors
    /// No such subscription, or ended already.
    pub fn cancel_subscription(&mut self, id: &str) -> Answer {
        self.cancel_subscription_with(id, None)
    }

    pub(crate) fn cancel_subscription_with(&mut self, id: &str, comment: Option<String>) -> Answer {
        self.live_subscription(id)?;
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            subscription.cancellation_comment = comment.or(subscription.cancellation_comment.take());
        }
        self.end_subscription(id, "cancellation_requested");
        self.subscription(id).map(|it| it.render(self))
    }

    /// Announces the end, or (`cancel` false) takes it back.
    ///
    /// # Errors
    /// No such subscription, or ended already.
    pub fn cancel_at_period_end(&mut self, id: &str, cancel: bool) -> Answer {
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
        let items = vec![(item.to_owned(), None, Some(quantity))];
        self.update_subscription(
            subscription,
            SubscriptionChange {
                items,
                ..SubscriptionChange::default()
            },
        )
    }

    /// What the retry schedule ends in.
    pub(crate) fn dunning_ended(&mut self, id: &str) {
        match self.settings.dunning_end {
            DunningEnd::Cancel => self.end_subscription(id, "payment_failed"),
            DunningEnd::Unpaid => {
                if self.subscription(id).is_ok_and(|it| it.status == Status::PastDue) {
                    self.edit_subscription(id, |it| it.status = Status::Unpaid);
                }
            }
            DunningEnd::LeavePastDue => {}
        }
    }

    pub(super) fn end_subscription(&mut self, id: &str, reason: &'static str) {
        let now = self.now;
        self.edit_subscription_silently(id, |it| {
            it.canceled_at = it
                .canceled_at
                .filter(|_| it.cancel_at.is_some_and(|at| at <= now))
                .or(Some(now));
            it.status = Status::Canceled;
            it.ended_at = Some(now);
            it.cancellation_reason = Some(reason);
        });
        let Ok(subscription) = self.subscription(id) else {
            return;
        };
        let (shown, invoices): (Value, Vec<String>) =
            (subscription.render(self), subscription.invoices.clone());
        self.emit("customer.subscription.deleted", shown);
        for invoice in invoices {
            self.stop_collecting(&invoice);
        }
    }

    fn live_subscription(&self, id: &str) -> Result<&Subscription, Fault> {
        let subscription = self.subscription(id)?;
        if subscription.status.is_terminal() {
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
