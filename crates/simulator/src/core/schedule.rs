//! Subscription schedules: what shall become of a subscription, or when one shall begin, phase by phase.
//!
//! docs.stripe.com/billing/subscriptions/subscription-schedules

mod begin;
mod phase;

use serde_json::{Value, json};

use super::{Answer, BillingMode, Core, Ending, Fault, Metadata, MetadataChange, Proration, Row};

pub use begin::NewSchedule;
pub use phase::{NewPhase, Phase, PhaseEnd, PhaseItem};

/// What becomes of the subscription after the last phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndBehavior {
    /// It goes on.
    Release,
    Cancel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScheduleStatus {
    /// Its subscription begins with its first phase.
    NotStarted,
    Active,
    Completed,
    Released,
    Canceled,
}

#[derive(Clone, Debug)]
pub struct Schedule {
    pub id: String,
    created: i64,
    pub customer: String,
    /// `None`: it has none yet.
    subscription: Option<String>,
    status: ScheduleStatus,
    phases: Vec<Phase>,
    /// Which phase it is in.
    current: usize,
    end_behavior: EndBehavior,
    metadata: Metadata,
    /// When it was completed, released or canceled.
    over_at: Option<i64>,
}

/// What to change; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct ScheduleChange {
    /// The current phase and all that come after it.
    pub phases: Option<Vec<NewPhase>>,
    pub end_behavior: Option<EndBehavior>,
    pub metadata: MetadataChange,
    /// Of a change to the current phase.
    pub proration: Proration,
}

impl Row for Schedule {
    const NOUN: &'static str = "subscription_schedule";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owner(&self) -> Option<&str> {
        Some(&self.customer)
    }

    fn render(&self, core: &Core) -> Value {
        let is = |status| self.over_at.filter(|_| self.status == status);
        let (status, manages) = match self.status {
            ScheduleStatus::NotStarted => ("not_started", true),
            ScheduleStatus::Active => ("active", true),
            ScheduleStatus::Completed => ("completed", true),
            ScheduleStatus::Released => ("released", false),
            ScheduleStatus::Canceled => ("canceled", true),
        };
        let current = self
            .phases
            .get(self.current)
            .filter(|_| self.status == ScheduleStatus::Active);
        let of = self
            .subscription
            .as_ref()
            .and_then(|it| core.subscriptions.get(it));
        let first = self.phases.first().and_then(|it| it.items.first());
        let price = first.and_then(|it| core.prices.get(&it.price));
        let currency = of
            .map(|it| &it.currency)
            .or(price.map(|it| &it.currency))
            .map_or("usd", String::as_str);
        json!({
            "id": self.id,
            "object": "subscription_schedule",
            "application": null,
            "billing_mode": of.map_or_else(|| BillingMode::default().shown(), |it| it.billing_mode_shown()),
            "canceled_at": is(ScheduleStatus::Canceled),
            "completed_at": is(ScheduleStatus::Completed),
            "created": self.created,
            "current_phase": current.map(|it| json!({ "end_date": it.end, "start_date": it.start })),
            "customer": self.customer,
            "customer_account": null,
            "default_settings": {
                "application_fee_percent": null,
                "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
                "billing_cycle_anchor": "automatic",
                "billing_thresholds": null,
                "collection_method": "charge_automatically",
                "default_payment_method": null,
                "description": null,
                "invoice_settings": {
                    "account_tax_ids": null,
                    "custom_fields": null,
                    "days_until_due": null,
                    "description": null,
                    "footer": null,
                    "issuer": { "type": "self" },
                },
                "on_behalf_of": null,
                "transfer_data": null,
            },
            "end_behavior": match self.end_behavior {
                EndBehavior::Release => "release",
                EndBehavior::Cancel => "cancel",
            },
            "livemode": false,
            "metadata": self.metadata,
            "phases": self.phases.iter().map(|phase| phase.render(currency)).collect::<Vec<_>>(),
            "released_at": is(ScheduleStatus::Released),
            "released_subscription": self.subscription.as_ref().filter(|_| !manages),
            "status": status,
            "subscription": self.subscription.as_ref().filter(|_| manages),
            "test_clock": core.test_clock_of(&self.customer),
        })
    }
}

impl Core {
    /// One phase: the current period as it is.
    ///
    /// # Errors
    /// No such subscription, ended already, or it has a schedule.
    pub fn schedule_subscription(&mut self, subscription: &str) -> Answer {
        let of = self
            .subscription(subscription)
            .map_err(|fault| fault.param("from_subscription"))?;
        if let Some(schedule) = &of.schedule {
            let message = format!(
                "You cannot migrate a subscription that is already attached to a schedule: `{schedule}`."
            );
            return Err(Fault::invalid(message).param("from_subscription"));
        }
        if of.status.is_terminal() {
            let status = of.status.as_str();
            return Err(
                Fault::invalid(format!("A {status} subscription cannot have a schedule."))
                    .param("from_subscription"),
            );
        }
        let (customer, phase) = (of.customer.clone(), Phase::of(of));
        let ends = phase.end;
        let schedule = Schedule {
            id: self.ids.mint("sub_sched_"),
            created: self.now,
            customer,
            subscription: Some(subscription.to_owned()),
            status: ScheduleStatus::Active,
            phases: vec![phase],
            current: 0,
            end_behavior: EndBehavior::Release,
            metadata: Metadata::new(),
            over_at: None,
        };
        let (id, shown) = (schedule.id.clone(), schedule.render(self));
        self.schedules.insert(schedule);
        self.emit("subscription_schedule.created", shown.clone());
        self.edit_subscription(subscription, |it| {
            it.schedule = Some(id);
            it.phase_ends = Some(ends);
        });
        Ok(shown)
    }

    /// # Errors
    /// No such schedule, over already; phases that do not follow each other or have unknown prices.
    pub fn update_schedule(&mut self, id: &str, change: ScheduleChange) -> Answer {
        let mut changed = self.live_schedule(id)?.clone();
        if let Some(phases) = change.phases {
            let begun = changed.status == ScheduleStatus::Active;
            let start = changed.phases[changed.current].start;
            let first = phases
                .first()
                .and_then(|it| it.start)
                .filter(|at| !begun && *at > self.now);
            let of = changed
                .subscription
                .as_ref()
                .and_then(|it| self.subscriptions.get(it));
            let had = changed.phases.iter().flat_map(|it| it.items.clone());
            let had: Vec<_> = had
                .chain(of.into_iter().flat_map(|it| Phase::of(it).items))
                .collect();
            let phases = self.lay_out_phases(first.unwrap_or(start), phases, &had)?;
            changed.phases.truncate(changed.current);
            changed.phases.extend(phases);
        }
        changed.end_behavior = change.end_behavior.unwrap_or(changed.end_behavior);
        change.metadata.apply(&mut changed.metadata);
        let Some(subscription) = changed.subscription.clone() else {
            self.wake(changed.phases[0].start, id);
            self.edit_schedule(id, "subscription_schedule.updated", |it| *it = changed);
            return self.schedule(id).map(|it| it.render(self));
        };
        let ends = changed.phases[changed.current].end;
        self.enter_phase(&changed.phases[changed.current], &subscription, change.proration)?;
        self.edit_schedule(id, "subscription_schedule.updated", |it| *it = changed);
        self.edit_subscription(&subscription, |it| it.phase_ends = Some(ends));
        self.schedule(id).map(|it| it.render(self))
    }

    /// The subscription goes on without it.
    ///
    /// # Errors
    /// No such schedule, or over already.
    pub fn release_schedule(&mut self, id: &str) -> Answer {
        let subscription = self.live_schedule(id)?.subscription.clone();
        let now = self.now;
        self.edit_schedule(id, "subscription_schedule.released", |it| {
            it.status = ScheduleStatus::Released;
            it.over_at = Some(now);
        });
        if let Some(subscription) = subscription {
            self.leave_schedule(&subscription);
        }
        self.schedule(id).map(|it| it.render(self))
    }

    /// The subscription ends with it, at once.
    ///
    /// # Errors
    /// No such schedule, or over already.
    pub fn cancel_schedule(&mut self, id: &str, prorate: bool, invoice_now: bool) -> Answer {
        let Some(subscription) = self.live_schedule(id)?.subscription.clone() else {
            self.schedule_canceled(id);
            return self.schedule(id).map(|it| it.render(self));
        };
        let ending = Ending {
            prorate,
            invoice_now,
            ..Ending::default()
        };
        self.cancel_subscription_with(&subscription, ending)?;
        self.schedule(id).map(|it| it.render(self))
    }

    /// Its subscription ended by itself, or will not begin.
    pub(crate) fn schedule_canceled(&mut self, id: &str) {
        let now = self.now;
        if self.live_schedule(id).is_ok() {
            self.edit_schedule(id, "subscription_schedule.canceled", |it| {
                it.status = ScheduleStatus::Canceled;
                it.over_at = Some(now);
            });
        }
    }

    pub(crate) fn schedule(&self, id: &str) -> Result<&Schedule, Fault> {
        self.schedules.find(id)
    }

    fn live_schedule(&self, id: &str) -> Result<&Schedule, Fault> {
        let schedule = self.schedule(id)?;
        if matches!(
            schedule.status,
            ScheduleStatus::Active | ScheduleStatus::NotStarted
        ) {
            return Ok(schedule);
        }
        let status = schedule.render(self)["status"].take();
        Err(Fault::invalid(format!(
            "You cannot change a schedule that is {status}."
        )))
    }

    fn leave_schedule(&mut self, subscription: &str) {
        self.edit_subscription(subscription, |it| {
            it.schedule = None;
            it.phase_ends = None;
        });
    }

    /// Changes it and tells of it, if it shows, by an event of this name.
    fn edit_schedule(&mut self, id: &str, event: &'static str, change: impl FnOnce(&mut Schedule)) {
        let Some(before) = self.schedules.get(id).map(|it| it.render(self)) else {
            return;
        };
        if let Some(schedule) = self.schedules.get_mut(id) {
            change(schedule);
        }
        let Some(after) = self.schedules.get(id).map(|it| it.render(self)) else {
            return;
        };
        if event == "subscription_schedule.updated" {
            self.emit_change(event, before, after);
        } else {
            self.emit(event, after);
        }
    }
}
