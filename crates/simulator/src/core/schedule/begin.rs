//! Schedules that begin a subscription of their own: docs.stripe.com/billing/subscriptions/subscription-schedules,
//! "Start a subscription in the future".

use super::{EndBehavior, NewPhase, Phase, Schedule, ScheduleStatus};
use crate::core::{Answer, Core, Fault, Metadata, NewSubscription, Row};

/// A schedule to make, of a subscription that is not there yet.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    pub customer: String,
    /// Unix seconds; `None`: now.
    pub start: Option<i64>,
    pub phases: Vec<NewPhase>,
    pub end_behavior: EndBehavior,
    pub metadata: Metadata,
}

impl Core {
    /// # Errors
    /// No such customer, a start in the past, phases that do not follow each other or have unknown prices.
    pub fn create_schedule(&mut self, new: NewSchedule) -> Answer {
        self.living_customer(&new.customer)
            .map_err(|fault| fault.param("customer"))?;
        let start = new.start.unwrap_or(self.now);
        if start < self.now {
            return Err(Fault::not_simulated("a schedule that begins in the past").param("start_date"));
        }
        let phases = self.lay_out_phases(start, new.phases, &[])?;
        let begins = start == self.now;
        let mut schedule = Schedule {
            id: self.ids.mint("sub_sched_"),
            created: self.now,
            customer: new.customer,
            subscription: None,
            status: ScheduleStatus::NotStarted,
            phases,
            current: 0,
            end_behavior: new.end_behavior,
            metadata: new.metadata,
            over_at: None,
        };
        if begins {
            schedule.subscription = Some(self.begin_schedule(&schedule)?);
            schedule.status = ScheduleStatus::Active;
        }
        let (id, shown) = (schedule.id.clone(), schedule.render(self));
        self.schedules.insert(schedule);
        if !begins {
            self.wake(start, &id);
        }
        self.emit("subscription_schedule.created", shown.clone());
        Ok(shown)
    }

    /// Its first phase begins.
    pub(crate) fn schedule_due(&mut self, id: &str) {
        let Some(schedule) = self.schedules.get(id).cloned() else {
            return;
        };
        if schedule.status != ScheduleStatus::NotStarted || schedule.phases[0].start > self.now {
            return;
        }
        match self.begin_schedule(&schedule) {
            Ok(subscription) => self.edit_schedule(id, "subscription_schedule.updated", |it| {
                it.subscription = Some(subscription);
                it.status = ScheduleStatus::Active;
            }),
            // Its customer or a price is not there any more.
            Err(_) => self.schedule_canceled(id),
        }
    }

    /// The subscription is active at once, and its first invoice a draft for an hour (docs.stripe.com/api/subscriptions/create).
    fn begin_schedule(&mut self, schedule: &Schedule) -> Result<String, Fault> {
        let Phase {
            items, metadata, end, ..
        } = &schedule.phases[0];
        self.start_subscription(NewSubscription {
            customer: schedule.customer.clone(),
            items: items.iter().map(|it| (it.price.clone(), it.quantity)).collect(),
            metadata: metadata.clone(),
            schedule: Some((schedule.id.clone(), *end)),
            ..NewSubscription::default()
        })
    }
}
