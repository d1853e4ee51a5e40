//! Subscriptions: what they are. The modules below say what happens to them.

mod bill;
mod cancel;
mod change;
mod create;
mod discounts;
mod item;
mod once;
mod pause;
mod pending;
mod plan;
mod proration;
mod renew;
mod trial;

use serde_json::{Value, json};

use super::invoice::collection_method;
use super::rendered::{Rendered, rendered};
use super::{Core, Fault, Metadata, Price, Row};

pub(crate) use cancel::Ending;
pub use change::{CycleAnchor, SubscriptionChange, TrialEnd, When};
pub use create::{NewSubscription, PaymentBehavior};
pub use item::{Item, ItemChange};
pub use pause::{Pause, PauseBehavior};
use pending::PendingUpdate;
pub use proration::Proration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Incomplete,
    IncompleteExpired,
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Paused,
    Canceled,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Incomplete => "incomplete",
            Status::IncompleteExpired => "incomplete_expired",
            Status::Trialing => "trialing",
            Status::Active => "active",
            Status::PastDue => "past_due",
            Status::Unpaid => "unpaid",
            Status::Paused => "paused",
            Status::Canceled => "canceled",
        }
    }

    /// Nothing can happen to it any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Status::Canceled | Status::IncompleteExpired)
    }
}

/// What happens when a trial ends and there is no payment method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingPaymentMethod {
    #[default]
    CreateInvoice,
    Cancel,
    Pause,
}

impl MissingPaymentMethod {
    pub const ALL: [MissingPaymentMethod; 3] = [
        MissingPaymentMethod::CreateInvoice,
        MissingPaymentMethod::Cancel,
        MissingPaymentMethod::Pause,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            MissingPaymentMethod::CreateInvoice => "create_invoice",
            MissingPaymentMethod::Cancel => "cancel",
            MissingPaymentMethod::Pause => "pause",
        }
    }
}

/// How prorations are reckoned: docs.stripe.com/billing/subscriptions/billing-mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BillingMode {
    /// A credit is of what the items cost now; all items have one interval.
    Classic,
    /// A credit is of what was billed; items may have different intervals. The default since `2025-09-30.clover`.
    #[default]
    Flexible,
}

#[derive(Clone, Debug)]
pub struct Subscription {
    pub id: String,
    pub customer: String,
    created: i64,
    pub status: Status,
    pub items: Vec<Item>,
    pub currency: String,
    pub metadata: Metadata,
    description: Option<String>,
    anchor: i64,
    billing_mode: BillingMode,
    trial: Option<(i64, i64)>,
    trial_end_announced: bool,
    pending_update: Option<Box<PendingUpdate>>,
    missing_payment_method: MissingPaymentMethod,
    pub cancel_at: Option<i64>,
    cancel_at_period_end: bool,
    canceled_at: Option<i64>,
    ended_at: Option<i64>,
    cancellation_reason: Option<&'static str>,
    cancellation_comment: Option<String>,
    cancellation_feedback: Option<String>,
    pub payment_method: Option<String>,
    /// What pays one of its invoices becomes its payment method.
    saves_method: bool,
    /// In the order in which they are applied.
    pub discounts: Vec<String>,
    /// `seti_…`, until it has succeeded.
    pub pending_setup_intent: Option<String>,
    pub latest_invoice: Option<String>,
    /// In order of creation.
    pub invoices: Vec<String>,
    /// Invoice items for its next invoice.
    pub waiting: Vec<String>,
    /// `Some`: invoices are sent, to be paid within so many days.
    pub days_until_due: Option<u32>,
    pause: Option<Pause>,
    /// `sub_sched_…`, while that manages it, and when the phase is over that it is in.
    pub schedule: Option<String>,
    pub phase_ends: Option<i64>,
}

impl Row for Subscription {
    const NOUN: &'static str = "subscription";

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
        self.rendered(core).into()
    }

    fn rendered(&self, core: &Core) -> Rendered {
        let items: Vec<Rendered> = self.items.iter().map(|item| item.render(self, core)).collect();
        // Shown beside the items while there is one only.
        let alone = self.items.first().filter(|_| self.items.len() == 1);
        rendered!({
            "id": &self.id,
            "object": "subscription",
            "application": null,
            "application_fee_percent": null,
            "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
            "billing_cycle_anchor": self.anchor,
            "billing_cycle_anchor_config": null,
            "billing_mode": self.billing_mode_shown(),
            "billing_schedules": [],
            "billing_thresholds": null,
            "cancel_at": self.cancel_at,
            "cancel_at_period_end": self.cancel_at_period_end,
            "canceled_at": self.canceled_at,
            "cancellation_details": {
                "comment": &self.cancellation_comment,
                "feedback": &self.cancellation_feedback,
                "feedback_option": null,
                "reason": self.cancellation_reason,
            },
            "collection_method": collection_method(self.days_until_due.is_some()),
            "created": self.created,
            "currency": &self.currency,
            "customer": &self.customer,
            "customer_account": null,
            "days_until_due": self.days_until_due,
            "default_payment_method": &self.payment_method,
            "default_source": null,
            "default_tax_rates": [],
            "description": &self.description,
            "discounts": &self.discounts,
            "ended_at": self.ended_at,
            "invoice_settings": {
                "account_tax_ids": null,
                "custom_fields": null,
                "description": null,
                "footer": null,
                "issuer": { "type": "self" },
            },
            "items": {
                "object": "list",
                "data": items,
                "has_more": false,
                "total_count": self.items.len(),
                "url": format!("/v1/subscription_items?subscription={}", self.id),
            },
            "latest_invoice": &self.latest_invoice,
            "livemode": false,
            "managed_payments": null,
            "metadata": &self.metadata,
            "next_pending_invoice_item_invoice": null,
            "on_behalf_of": null,
            "pause_collection": self.pause.map(Pause::render),
            "payment_settings": {
                "payment_method_options": null,
                "payment_method_types": null,
                "save_default_payment_method": if self.saves_method { "on_subscription" } else { "off" },
            },
            "pending_invoice_item_interval": null,
            "pending_setup_intent": &self.pending_setup_intent,
            "pending_update": self.pending_update.as_ref().map(|it| it.render(self, core)),
            "plan": alone.and_then(|it| core.prices.get(&it.price)).map(Price::rendered_plan),
            "quantity": alone.map(|it| it.quantity),
            "schedule": &self.schedule,
            "start_date": self.created,
            "status": self.status.as_str(),
            "test_clock": core.test_clock_of(&self.customer).map(str::to_owned),
            "transfer_data": null,
            "trial_end": self.trial.map(|(_, end)| end),
            "trial_settings": {
                "end_behavior": {
                    "billing_cycle_anchor": null,
                    "missing_payment_method": self.missing_payment_method.as_str(),
                },
            },
            "trial_start": self.trial.map(|(start, _)| start),
        })
    }
}

impl Subscription {
    pub(crate) fn billing_mode_shown(&self) -> Value {
        self.billing_mode.shown()
    }
}

impl BillingMode {
    pub(crate) fn shown(self) -> Value {
        match self {
            BillingMode::Classic => json!({ "flexible": null, "type": "classic" }),
            BillingMode::Flexible => {
                json!({ "flexible": { "proration_discounts": "included" }, "type": "flexible" })
            }
        }
    }
}

impl Subscription {
    /// When something happens to it next that only the clock causes.
    fn next(&self) -> Option<i64> {
        let renews = matches!(self.status, Status::Active | Status::PastDue | Status::Unpaid);
        let ends = self.items.iter().filter(|_| renews).map(|item| item.period_end);
        let trial_end = self
            .trial
            .filter(|_| self.status == Status::Trialing)
            .map(|(_, end)| end);
        let expiry = (self.status == Status::Incomplete).then_some(self.created + create::INCOMPLETE_FOR);
        let cancel = self.cancel_at.filter(|_| !self.status.is_terminal());
        let pending = self.pending_update.as_ref().map(|it| it.expires_at);
        let notice = self.trial_notice_at();
        let phase = self.phase_ends.filter(|_| !self.status.is_terminal());
        let unpause = self.pause.and_then(|pause| pause.resumes_at);
        ends.chain(trial_end)
            .chain(notice)
            .chain(expiry)
            .chain(cancel)
            .chain(pending)
            .chain(unpause)
            .chain(phase)
            .min()
    }
}

impl Core {
    pub(crate) fn subscription(&self, id: &str) -> Result<&Subscription, Fault> {
        self.subscriptions.find(id)
    }

    /// Changes it, wakes for what comes next, and tells of it if it shows.
    pub(crate) fn edit_subscription(&mut self, id: &str, change: impl FnOnce(&mut Subscription)) {
        self.edit_around_subscription(id, |core| core.edit_subscription_silently(id, change));
    }

    /// As [`Core::edit_subscription`], for what takes the whole core.
    fn edit_around_subscription(&mut self, id: &str, act: impl FnOnce(&mut Core)) {
        let Some(before) = self.subscriptions.get(id).map(|it| it.rendered(self)) else {
            return;
        };
        act(self);
        if let Some(after) = self.subscriptions.get(id).map(|it| it.rendered(self)) {
            self.emit_change("customer.subscription.updated", before, after);
        }
    }

    /// For what another event tells.
    fn edit_subscription_silently(&mut self, id: &str, change: impl FnOnce(&mut Subscription)) {
        let Some(subscription) = self.subscriptions.get_mut(id) else {
            return;
        };
        change(subscription);
        if let Some(at) = subscription.next() {
            self.wake(at, id);
        }
    }
}
