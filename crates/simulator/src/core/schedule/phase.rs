//! The phases of a schedule, and how one follows the other.

use serde_json::{Value, json};

use super::{EndBehavior, ScheduleStatus};
use crate::core::calendar::{DAY, LAST_INSTANT};
use crate::core::{Core, Fault, Interval, ItemChange, Metadata, Proration, Subscription, SubscriptionChange};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseItem {
    pub price: String,
    pub quantity: u64,
}

#[derive(Clone, Debug)]
pub struct Phase {
    pub start: i64,
    pub end: i64,
    pub items: Vec<PhaseItem>,
    pub(super) metadata: Metadata,
    /// What becomes of the difference when it begins within a period.
    proration: Proration,
}

/// How long a phase lasts.
#[derive(Clone, Copy, Debug)]
pub enum PhaseEnd {
    /// Unix seconds.
    At(i64),
    After(Interval, i64),
}

/// A phase as a request describes it.
#[derive(Clone, Debug)]
pub struct NewPhase {
    /// Unix seconds; `None`: where the one before it ends.
    pub start: Option<i64>,
    /// `None`: after one period of its first item.
    pub end: Option<PhaseEnd>,
    pub items: Vec<PhaseItem>,
    pub metadata: Metadata,
    pub proration: Proration,
}

impl Phase {
    /// The subscription's current period.
    pub(crate) fn of(subscription: &Subscription) -> Phase {
        let items = subscription.items.iter();
        Phase {
            start: items.clone().map(|it| it.period_start).min().unwrap_or_default(),
            end: items.clone().map(|it| it.period_end).min().unwrap_or_default(),
            items: items
                .map(|it| PhaseItem {
                    price: it.price.clone(),
                    quantity: it.quantity,
                })
                .collect(),
            metadata: Metadata::new(),
            proration: Proration::default(),
        }
    }

    pub(super) fn render(&self, currency: &str) -> Value {
        let item = |item: &PhaseItem| {
            json!({
                "billing_thresholds": null,
                "discounts": [],
                "metadata": {},
                "plan": item.price,
                "price": item.price,
                "quantity": item.quantity,
                "tax_rates": [],
            })
        };
        let proration = Proration::WORDS.iter().find(|(_, it)| *it == self.proration);
        json!({
            "add_invoice_items": [],
            "application_fee_percent": null,
            "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
            "billing_cycle_anchor": null,
            "billing_thresholds": null,
            "collection_method": null,
            "currency": currency,
            "default_payment_method": null,
            "default_tax_rates": [],
            "description": null,
            "discounts": [],
            "end_date": self.end,
            "invoice_settings": null,
            "items": self.items.iter().map(item).collect::<Vec<_>>(),
            "metadata": self.metadata,
            "on_behalf_of": null,
            "proration_behavior": proration.map(|(word, _)| word),
            "start_date": self.start,
            "transfer_data": null,
            "trial_end": null,
        })
    }
}

impl Core {
    /// A phase that begins at this instant and what follows, with their instants. The prices are sold, or `had` already.
    pub(super) fn lay_out_phases(
        &self,
        mut start: i64,
        new: Vec<NewPhase>,
        had: &[PhaseItem],
    ) -> Result<Vec<Phase>, Fault> {
        let mut phases = Vec::new();
        if new.is_empty() || new.len() > 10 {
            return Err(Fault::invalid("A schedule has 1 to 10 phases.").param("phases"));
        }
        for (at, phase) in new.into_iter().enumerate() {
            let fault =
                |message: &str, name: &str| Fault::invalid(message).param(format!("phases[{at}][{name}]"));
            if phase.start.is_some_and(|given| given != start) {
                let message = match at {
                    0 => "You can not modify the start date of the current phase.",
                    _ => "The end date of one phase has to be the start date of the next.",
                };
                return Err(fault(message, "start_date"));
            }
            for (of, item) in phase.items.iter().enumerate() {
                let param = format!("phases[{at}][items][{of}][price]");
                let price = if had.iter().any(|it| it.price == item.price) {
                    self.price(&item.price)?
                } else {
                    self.price_sold(&item.price, &param)?
                };
                if price.recurring.is_none() {
                    return Err(fault("A phase has recurring prices only.", "items"));
                }
            }
            let Some(first) = phase.items.first() else {
                return Err(fault("A phase has items.", "items"));
            };
            let end = match phase.end {
                Some(PhaseEnd::At(end)) => end,
                // No more days than there are, so the end can be counted whatever the interval is.
                Some(PhaseEnd::After(_, count)) if !(1..=LAST_INSTANT / DAY).contains(&count) => {
                    let message =
                        "Invalid positive integer: it has to be at least 1 and end within the calendar.";
                    return Err(fault(message, "duration][interval_count"));
                }
                Some(PhaseEnd::After(interval, count)) => interval.after(start, count),
                None => {
                    let (interval, count) = self.interval_of(&first.price);
                    interval.after(start, count)
                }
            };
            if end <= start || end <= self.now || end > LAST_INSTANT {
                let message = "A phase ends after it begins, in the future and before the year 10000.";
                return Err(fault(message, "end_date"));
            }
            phases.push(Phase {
                start,
                end,
                items: phase.items,
                metadata: phase.metadata,
                proration: phase.proration,
            });
            start = end;
        }
        Ok(phases)
    }

    /// Within a period: the subscription's items become the phase's.
    pub(super) fn enter_phase(
        &mut self,
        phase: &Phase,
        subscription: &str,
        proration: Proration,
    ) -> Result<(), Fault> {
        let items = self.changes_to(phase, self.subscription(subscription)?);
        if items.is_empty() {
            return Ok(());
        }
        let change = SubscriptionChange {
            items,
            proration,
            ..SubscriptionChange::default()
        };
        self.take_items(subscription, &change)
    }

    /// The subscription was changed by itself: the phase it is in is as it is.
    pub(crate) fn schedule_follows(&mut self, subscription: &str) {
        let Ok(of) = self.subscription(subscription) else {
            return;
        };
        let items = Phase::of(of).items;
        if let Some(schedule) = of.schedule.clone() {
            self.edit_schedule(&schedule, "subscription_schedule.updated", |it| {
                it.phases[it.current].items = items
            });
        }
    }

    /// Items are told apart by their prices.
    fn changes_to(&self, phase: &Phase, subscription: &Subscription) -> Vec<ItemChange> {
        let mut changes = Vec::new();
        for old in &subscription.items {
            let kept = phase.items.iter().find(|item| item.price == old.price);
            if kept.is_none_or(|item| item.quantity != old.quantity) {
                let id = Some(old.id.clone());
                let quantity = kept.map(|item| item.quantity);
                changes.push(ItemChange {
                    id,
                    quantity,
                    deleted: kept.is_none(),
                    ..ItemChange::default()
                });
            }
        }
        let new = |item: &&PhaseItem| subscription.items.iter().all(|old| old.price != item.price);
        changes.extend(phase.items.iter().filter(new).map(|item| ItemChange {
            price: Some(item.price.clone()),
            quantity: Some(item.quantity),
            ..ItemChange::default()
        }));
        changes
    }

    /// The phase that the subscription is in is over: the next begins, or the schedule ends as its `end_behavior` says
    /// (docs.stripe.com/billing/subscriptions/subscription-schedules).
    pub(crate) fn phase_over(&mut self, subscription: &str) {
        let Some((schedule, of)) = self
            .subscription(subscription)
            .ok()
            .and_then(|of| Some((self.schedules.get(of.schedule.as_ref()?)?.clone(), of.clone())))
        else {
            return;
        };
        let now = self.now;
        let Some(next) = schedule.phases.get(schedule.current + 1) else {
            self.edit_schedule(&schedule.id, "subscription_schedule.completed", |it| {
                it.status = ScheduleStatus::Completed;
                it.over_at = Some(now);
            });
            self.leave_schedule(subscription);
            if schedule.end_behavior == EndBehavior::Cancel {
                self.end_subscription(subscription, "cancellation_requested");
            }
            return;
        };
        self.edit_schedule(&schedule.id, "subscription_schedule.updated", |it| {
            it.current += 1
        });
        let boundary = of.items.iter().all(|item| item.period_end <= now);
        if boundary {
            let items = next
                .items
                .iter()
                .map(|item| (item.price.clone(), item.quantity))
                .collect();
            self.renew_as(subscription, items, next.end);
        } else {
            // What the phase asks for was checked when it was laid down; the subscription can have changed since.
            let _ = self.enter_phase(next, subscription, next.proration);
            let ends = next.end;
            self.edit_subscription(subscription, |it| it.phase_ends = Some(ends));
        }
    }
}
