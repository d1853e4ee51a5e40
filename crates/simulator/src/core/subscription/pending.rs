//! Pending updates: changes that wait until their invoice is paid.
//!
//! docs.stripe.com/billing/subscriptions/pending-updates and …/pending-updates-reference

use super::plan::Plan;
use super::{Item, Status, Subscription, SubscriptionChange, When, create};
use crate::core::rendered::{Rendered, rendered};
use crate::core::{Core, Fault, MetadataChange, NewInvoice};

#[derive(Clone, Debug)]
pub struct PendingUpdate {
    pub(super) expires_at: i64,
    pub(super) invoice: String,
    items: Vec<Item>,
    anchor: i64,
    trial: Option<(i64, i64)>,
    status: Status,
    metadata: MetadataChange,
    /// At the end of the period, or not at all.
    pub(super) end: Option<When>,
}

impl PendingUpdate {
    pub(super) fn render(&self, subscription: &Subscription, core: &Core) -> Rendered {
        let items = self.items.iter().map(|item| item.render(subscription, core));
        let same = |old: &Item, new: &Item| {
            old.id == new.id && old.price == new.price && old.quantity == new.quantity
        };
        let changed = self.items.len() != subscription.items.len()
            || self
                .items
                .iter()
                .zip(&subscription.items)
                .any(|(new, old)| !same(old, new));
        rendered!({
            "billing_cycle_anchor": (self.anchor != subscription.anchor).then_some(self.anchor),
            "cancel_at_period_end": self.end.map(|end| end == When::PeriodEnd),
            "discount": null,
            "discounts": null,
            "expires_at": self.expires_at,
            "metadata": (!self.metadata.set.is_empty()).then(|| Rendered::from(&self.metadata.set)),
            "subscription_items": changed.then(|| items.collect::<Vec<_>>()),
            "trial_end": self.trial.map(|(_, end)| end).filter(|_| self.trial != subscription.trial),
            "trial_from_plan": null,
        })
    }
}

/// `pending_if_incomplete` takes what an invoice can be about, and what was added since (docs.stripe.com/changelog):
/// metadata and discounts (2026-05-27.dahlia), an end with the period (2026-09-30.endive).
pub(super) fn check(change: &SubscriptionChange) -> Result<(), Fault> {
    if change.discounts.is_some() {
        return Err(Fault::not_simulated("a pending update of discounts").param("discounts"));
    }
    let other = if matches!(change.end, Some(When::At(_))) {
        "cancel_at"
    } else if change.description.is_some() {
        "description"
    } else if change.missing_payment_method.is_some() {
        "trial_settings"
    } else if change.payment_method.is_some() {
        "default_payment_method"
    } else if change.pause.is_some() {
        "pause_collection"
    } else if change.days_until_due.is_some() {
        "collection_method"
    } else if change.comment.is_some() || change.feedback.is_some() {
        "cancellation_details"
    } else if change.saves_method.is_some() {
        "payment_settings"
    } else {
        return Ok(());
    };
    let message = format!(
        "When `payment_behavior` is `pending_if_incomplete`, `{other}` cannot be changed: see the attributes that \
         pending updates support."
    );
    Err(Fault::invalid(message).param(other))
}

impl Core {
    /// The invoice is made and cannot be paid now: nothing but that shows yet.
    pub(super) fn hold_back(&mut self, id: &str, plan: Plan) {
        let Plan {
            after,
            items,
            lines,
            metadata,
            end,
            ..
        } = plan;
        let ends = after
            .items
            .iter()
            .map(|item| item.period_end)
            .filter(|end| *end > self.now);
        let trial_end = after.trial.map(|(_, end)| end).filter(|end| *end > self.now);
        let Some(before) = self.subscriptions.get(id) else {
            return;
        };
        let current = before.items.iter().map(|item| item.period_end);
        let limit = self.now + create::INCOMPLETE_FOR;
        let expires_at = current
            .chain(ends)
            .chain(trial_end)
            .filter(|end| *end > self.now)
            .fold(limit, i64::min);
        let mut made = String::new();
        self.edit_around_subscription(id, |core| {
            // What waited before waits on: this invoice may come to nothing.
            let waiting = core
                .subscriptions
                .get_mut(id)
                .map(|it| std::mem::take(&mut it.waiting));
            for item in items {
                core.create_invoice_item(id, item);
            }
            let period = (core.now, core.now);
            let reason = "subscription_update";
            made = core.draft_invoice(NewInvoice {
                subscription: id,
                reason,
                period,
                lines,
            });
            if let Some(invoice) = core.invoices.get_mut(&made) {
                invoice.collect_by_hand();
            }
            core.edit_subscription_silently(id, |it| {
                it.waiting = waiting.unwrap_or_default();
                it.latest_invoice = Some(made.clone());
                it.pending_update = Some(Box::new(PendingUpdate {
                    expires_at,
                    invoice: made.clone(),
                    items: after.items,
                    anchor: after.anchor,
                    trial: after.trial,
                    status: after.status,
                    metadata,
                    end,
                }));
            });
        });
        self.announce_invoice(&made);
        self.finalize_invoice(&made);
        let _ = self.collect(&made, false);
    }

    /// Its invoice was paid: what was held back happens.
    pub(super) fn apply_pending_update(&mut self, id: &str) {
        let Ok(mut after) = self.subscription(id).cloned() else {
            return;
        };
        let Some(update) = after.pending_update.take() else {
            return;
        };
        after.items = update.items;
        after.anchor = update.anchor;
        after.trial = update.trial;
        if after.status == Status::Trialing {
            after.status = update.status;
        }
        update.metadata.apply(&mut after.metadata);
        let ends = SubscriptionChange {
            end: update.end,
            ..SubscriptionChange::default()
        };
        // That there is one period to end with was checked when it was asked for.
        let _ = self.announce_end(&mut after, &ends);
        self.edit_subscription(id, |it| *it = after);
        self.tell("customer.subscription.pending_update_applied", id);
    }

    /// It was not paid in time, or something else happened to the subscription.
    pub(super) fn drop_pending_update(&mut self, id: &str) {
        let Some(update) = self
            .subscriptions
            .get_mut(id)
            .and_then(|it| it.pending_update.clone())
        else {
            return;
        };
        self.edit_subscription(id, |it| it.pending_update = None);
        self.void_invoice(&update.invoice);
        self.tell("customer.subscription.pending_update_expired", id);
    }
}
