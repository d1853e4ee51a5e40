//! What a change would make of a subscription, before anything is done.

use super::change::TrialEnd;
use super::{BillingMode, CycleAnchor, Item, Proration, Status, Subscription, SubscriptionChange, When};
use crate::core::{Core, Fault, InvoiceItem, InvoiceLine, MetadataChange, Redeem};

/// Nothing in here happened yet.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub after: Subscription,
    /// Prorations, and what is charged beside them.
    pub items: Vec<InvoiceItem>,
    /// Whole periods that begin now.
    pub lines: Vec<InvoiceLine>,
    /// An invoice is made at once.
    pub invoices: bool,
    /// In place of those that it has.
    pub discounts: Option<Vec<Redeem>>,
    /// What a pending update does when it is paid.
    pub metadata: MetadataChange,
    pub end: Option<When>,
}

impl Core {
    /// What the items, the cycle and the trial shall be. The rest of the change is not looked at.
    pub(super) fn plan(&mut self, before: &Subscription, change: &SubscriptionChange) -> Result<Plan, Fault> {
        let now = self.now;
        let mut after = before.clone();
        self.change_items(&mut after, change.items.clone())?;
        // Nothing is paid for in these, so nothing is given back and no period is cut.
        let idle = matches!(before.status, Status::Trialing | Status::Paused);
        let trial = self.check_trial_end(before, change.trial_end)?;
        if idle && change.anchor == Some(CycleAnchor::Now) {
            let message = "The billing cycle begins when the trial ends: send `trial_end=now`, or resume the subscription.";
            return Err(Fault::invalid(message).param("billing_cycle_anchor"));
        }
        let moves = |item: &Item| {
            let old = before.items.iter().find(|old| old.id == item.id);
            old.is_some_and(|old| self.interval_of(&old.price) != self.interval_of(&item.price))
        };
        let all = trial.is_some()
            || change.anchor == Some(CycleAnchor::Now)
            || !idle && (self.is_free(before) != self.is_free(&after) || after.items.iter().all(moves));
        let restarts = |item: &Item| all || !idle && moves(item);
        let restarted: Vec<bool> = after.items.iter().map(restarts).collect();
        if change.anchor == Some(CycleAnchor::Unchanged) && trial.is_none() && restarted.contains(&true) {
            let message = "Changing plan intervals. There's no way to leave billing cycle unchanged.";
            return Err(Fault::invalid(message).param("billing_cycle_anchor"));
        }
        self.begin_anew(&mut after, &restarted, all, trial);
        let prorations = if change.proration == Proration::None || before.status == Status::Paused {
            Vec::new()
        } else {
            self.prorations(before, &after, &restarted, change.proration_date.unwrap_or(now))?
        };
        let costs = self.net_amounts(&after);
        for ((item, restarted), cost) in after.items.iter_mut().zip(&restarted).zip(costs) {
            let old = before.items.iter().find(|old| old.id == item.id);
            let same = old.is_some_and(|old| old.price == item.price && old.quantity == item.quantity);
            let free = after.status == Status::Trialing || before.status == Status::Paused;
            if free {
                item.billed = 0;
            } else if *restarted || !same && change.proration != Proration::None {
                item.billed = cost;
            }
        }
        let begun: Vec<&str> = after
            .items
            .iter()
            .zip(&restarted)
            .filter(|(_, it)| **it)
            .map(|(item, _)| &*item.id)
            .collect();
        let lines = self.lines_for(
            &after,
            |item| begun.contains(&&*item.id),
            after.status == Status::Trialing,
        );
        let once = self.once(&change.once);
        // A choice: Stripe's reference speaks of prorations alone. Where none is made, what is charged once waits in the
        // flexible mode, and is invoiced at once in the classic one.
        let at_once =
            !prorations.is_empty() || after.billing_mode == BillingMode::Classic && !once.is_empty();
        let invoices = !lines.is_empty() || change.proration == Proration::AlwaysInvoice && at_once;
        if before.status == Status::Incomplete && (invoices || !prorations.is_empty()) {
            let message = "You cannot update a subscription in `incomplete` status in a way that results in a new invoice.";
            return Err(Fault::invalid(message));
        }
        Ok(Plan {
            after,
            items: prorations.into_iter().chain(once).collect(),
            lines,
            invoices,
            discounts: None,
            metadata: change.metadata.clone(),
            end: change.end,
        })
    }

    /// `Some`: every period begins now, as a trial until then or (`None` inside) as a paid one.
    fn check_trial_end(
        &self,
        before: &Subscription,
        end: Option<TrialEnd>,
    ) -> Result<Option<Option<i64>>, Fault> {
        let trialing = before.status == Status::Trialing;
        match end {
            None => Ok(None),
            Some(TrialEnd::Now) => Ok(trialing.then_some(None)),
            Some(TrialEnd::At(at)) if at <= self.now => {
                let message = "Invalid timestamp: must be in the future. Use the string `now` to end the trial immediately.";
                Err(Fault::invalid(message).param("trial_end"))
            }
            Some(TrialEnd::At(_)) if !trialing && before.status != Status::Active => {
                let status = before.status.as_str();
                Err(
                    Fault::invalid(format!("A {status} subscription cannot begin a trial."))
                        .param("trial_end"),
                )
            }
            Some(TrialEnd::At(at)) => Ok(Some(Some(at))),
        }
    }

    /// Lets the marked items begin a period now, and all of them if the cycle does.
    fn begin_anew(&self, after: &mut Subscription, marked: &[bool], all: bool, trial: Option<Option<i64>>) {
        let now = self.now;
        let trial_end = trial.flatten();
        if all {
            after.anchor = trial_end.unwrap_or(now);
        }
        match (trial, after.trial) {
            (Some(Some(end)), old) => {
                let began = old
                    .filter(|_| after.status == Status::Trialing)
                    .map_or(now, |(start, _)| start);
                after.trial = Some((began, end));
                after.status = Status::Trialing;
            }
            (Some(None), Some((start, _))) => {
                after.trial = Some((start, now));
                after.status = Status::Active;
            }
            _ => {}
        }
        for (item, _) in after.items.iter_mut().zip(marked).filter(|(_, marked)| **marked) {
            match trial_end {
                None => self.begin_period(item, now),
                Some(end) => {
                    (item.anchor, item.cycles) = (end, 0);
                    (item.period_start, item.period_end) = (now, end);
                }
            }
        }
    }

    fn prorations(
        &self,
        before: &Subscription,
        after: &Subscription,
        restarted: &[bool],
        at: i64,
    ) -> Result<Vec<InvoiceItem>, Fault> {
        let mut prorations = Vec::new();
        let (costs, old_costs) = (self.net_amounts(after), self.net_amounts(before));
        let cost_of = |id: &str| {
            after
                .items
                .iter()
                .zip(&costs)
                .find(|(item, _)| item.id == id)
                .map_or(0, |(_, cost)| *cost)
        };
        let inside = |item: &Item| {
            let message = "Cannot specify proration_date outside of current billing period.";
            let inside = item.period_start <= at && at <= item.period_end;
            inside
                .then_some(())
                .ok_or_else(|| Fault::invalid(message).param("proration_date"))
        };
        for (old, old_cost) in before.items.iter().zip(old_costs) {
            let now = after
                .items
                .iter()
                .zip(restarted)
                .find(|(item, _)| item.id == old.id);
            let same = now.is_some_and(|(item, _)| item.price == old.price && item.quantity == old.quantity);
            let restarted = now.is_some_and(|(_, restarted)| *restarted);
            if same && !restarted {
                continue;
            }
            inside(old)?;
            prorations.extend(self.credit(before, old, old_cost, at));
            if let Some((item, false)) = now.map(|(item, restarted)| (item, *restarted))
                && before.status != Status::Trialing
            {
                prorations.extend(self.debit(item, cost_of(&item.id), at));
            }
        }
        let added = after
            .items
            .iter()
            .zip(restarted)
            .filter(|(_, restarted)| !**restarted);
        for (item, _) in added.filter(|(item, _)| before.items.iter().all(|old| old.id != item.id)) {
            if after.status != Status::Trialing {
                inside(item)?;
                prorations.extend(self.debit(item, cost_of(&item.id), at));
            }
        }
        Ok(prorations)
    }

    /// Between free and paid prices the billing date moves: docs.stripe.com/billing/subscriptions/change-price.
    fn is_free(&self, subscription: &Subscription) -> bool {
        let amounts = subscription
            .items
            .iter()
            .filter_map(|item| self.prices.get(&item.price));
        amounts.map(|price| price.unit_amount).all(|amount| amount == 0)
    }
}
