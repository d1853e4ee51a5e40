//! Paused collection, and subscriptions that a trial's end paused.
//!
//! docs.stripe.com/billing/subscriptions/pause-payment and docs.stripe.com/billing/subscriptions/trials/free-trials

use serde_json::{Value, json};

use super::{CycleAnchor, PaymentBehavior, Status};
use crate::core::{Answer, Core, Fault, NewInvoice, Row};

/// What becomes of the invoices meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseBehavior {
    KeepAsDraft,
    MarkUncollectible,
    Void,
}

/// Collection is paused; the subscription goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    pub behavior: PauseBehavior,
    /// Unix seconds; `None`: until somebody ends it.
    pub resumes_at: Option<i64>,
}

impl Pause {
    pub(super) fn render(self) -> Value {
        let behavior = match self.behavior {
            PauseBehavior::KeepAsDraft => "keep_as_draft",
            PauseBehavior::MarkUncollectible => "mark_uncollectible",
            PauseBehavior::Void => "void",
        };
        json!({ "behavior": behavior, "resumes_at": self.resumes_at })
    }
}

impl Core {
    /// Whether a new invoice of the subscription stays a draft.
    pub(crate) fn keeps_drafts(&self, subscription: &str) -> bool {
        self.pause_of(subscription) == Some(PauseBehavior::KeepAsDraft)
    }

    /// What becomes of its invoices while collection is paused.
    pub(crate) fn pause_of(&self, subscription: &str) -> Option<PauseBehavior> {
        self.subscriptions
            .get(subscription)?
            .pause
            .map(|pause| pause.behavior)
    }

    /// `POST /v1/subscriptions/:id/resume`: a new period begins with an invoice, whose payment decides the status.
    ///
    /// # Errors
    /// No such subscription, or not paused.
    pub fn resume_subscription(&mut self, id: &str, anchor: CycleAnchor) -> Answer {
        let subscription = self.subscription(id)?;
        if subscription.status != Status::Paused {
            let status = subscription.status.as_str();
            let message =
                format!("You can only resume a subscription that is `paused`. This one is `{status}`.");
            return Err(Fault::invalid(message));
        }
        if anchor == CycleAnchor::Unchanged {
            let what = "`billing_cycle_anchor=unchanged` of a resumption";
            return Err(Fault::not_simulated(what).param("billing_cycle_anchor"));
        }
        self.check_invoice_limit(id)?;
        let now = self.now;
        let mut resumed = subscription.clone();
        resumed.anchor = now;
        for item in &mut resumed.items {
            self.begin_period(item, now);
        }
        let lines = self.lines_for(&resumed, |_| true, false);
        let mut made = String::new();
        self.edit_around_subscription(id, |core| {
            core.edit_subscription_silently(id, |it| *it = resumed);
            let (period, reason) = ((now, now), "subscription_update");
            made = core.draft_invoice(NewInvoice {
                subscription: id,
                reason,
                period,
                lines,
            });
            core.edit_subscription_silently(id, |it| it.latest_invoice = Some(made.clone()));
            core.remember_billed(id, &made);
        });
        self.announce_invoice(&made);
        self.bill_now(id, &made, PaymentBehavior::AllowIncomplete);
        let paid = self.invoice(&made).is_ok_and(|it| it.is_settled());
        self.edit_subscription(id, |it| {
            it.status = if paid { Status::Active } else { Status::PastDue }
        });
        self.tell("customer.subscription.resumed", id);
        self.subscription(id).map(|it| it.render(self))
    }
}
