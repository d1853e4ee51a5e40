//! Disputes and inquiries (docs.stripe.com/disputes/how-disputes-work, docs.stripe.com/testing, "Disputes").

mod object;

use super::calendar::DAY;
use super::payment::ChargeStatus;
use super::payment_method::Claim;
use super::{Answer, Core, Fault, MetadataChange, Row};

pub(crate) use object::{DISPUTE_EVIDENCE, DISPUTE_FILES};
pub use object::{Dispute, DisputeStatus};

/// How long an answer can be given; networks allow 7 to 21 days (docs.stripe.com/disputes/responding).
const ANSWER_FOR: i64 = 9 * DAY;
/// How long a bank may think; Stripe says 60 to 75 days (docs.stripe.com/disputes/how-disputes-work).
const REVIEW_FOR: i64 = 75 * DAY;
/// An inquiry that nothing came of is closed then (docs.stripe.com/disputes/how-disputes-work, "Inquiries").
const INQUIRY_FOR: i64 = 120 * DAY;

/// What a bank decides, or the account concedes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Won,
    Lost,
    /// An inquiry becomes a dispute.
    Escalated,
    /// An inquiry comes to nothing.
    Closed,
}

impl Core {
    /// The holder disputes what they paid. `of`: a charge, payment intent, checkout session or invoice; `inquiry`: the
    /// bank asks first, and takes nothing.
    ///
    /// # Errors
    /// Nothing was paid there, or it is disputed already.
    pub fn dispute(&mut self, of: &str, reason: &'static str, inquiry: bool) -> Answer {
        let charge = self.charge_of(of)?;
        let it = self.charge_by_id(&charge)?;
        if it.status != ChargeStatus::Succeeded || it.disputed {
            return Err(Fault::invalid(format!("Charge {charge} cannot be disputed.")));
        }
        let id = self.open_dispute(&charge, Claim { reason, inquiry });
        self.dispute_by_id(&id).map(|it| it.render(self))
    }

    pub(crate) fn open_dispute(&mut self, charge: &str, claim: Claim) -> String {
        let id = self.ids.mint("du_");
        let Some(charge) = self.charges.get_mut(charge) else {
            return id;
        };
        charge.disputed = true;
        let dispute = Dispute::of(id.clone(), self.now, charge, claim, self.now + ANSWER_FOR);
        self.disputes.insert(dispute);
        self.tell("charge.dispute.created", &id);
        if claim.inquiry {
            self.wake(self.now + INQUIRY_FOR, &id);
        } else {
            self.tell("charge.dispute.funds_withdrawn", &id);
            self.wake(self.now + ANSWER_FOR, &id);
        }
        id
    }

    /// Evidence of `winning_evidence`, `losing_evidence` or `escalate_inquiry_evidence` has the bank decide at once.
    ///
    /// # Errors
    /// No such dispute; it waits for no answer any more.
    pub fn update_dispute(
        &mut self,
        id: &str,
        evidence: Vec<(String, String)>,
        submit: bool,
        metadata: MetadataChange,
    ) -> Answer {
        let mut changed = self.dispute_by_id(id)?.clone();
        let before = changed.render(self);
        let submits = submit && !evidence.is_empty();
        if !evidence.is_empty() && !changed.status.needs_response() {
            return Err(Fault::invalid("This dispute is already closed or under review."));
        }
        changed.evidence.extend(evidence);
        metadata.apply(&mut changed.metadata);
        if submits {
            changed.submissions += 1;
            changed.status = changed.status.under_review();
            let magic = changed.evidence.get("uncategorized_text").map(String::as_str);
            changed.decision = match magic {
                Some("winning_evidence") => Some((self.now, Decision::Won)),
                Some("losing_evidence") => Some((self.now, Decision::Lost)),
                Some("escalate_inquiry_evidence") => Some((self.now, Decision::Escalated)),
                _ if changed.inquiry => None,
                _ => Some((self.now + REVIEW_FOR, Decision::Lost)),
            };
            if let Some((at, _)) = changed.decision {
                self.wake(at, id);
            }
        }
        let after = changed.render(self);
        if let Some(dispute) = self.disputes.get_mut(id) {
            *dispute = changed;
        }
        self.emit_change("charge.dispute.updated", before, after.clone());
        Ok(after)
    }

    /// Concedes it.
    ///
    /// # Errors
    /// No such dispute; an inquiry, or closed already.
    pub fn close_dispute(&mut self, id: &str) -> Answer {
        let dispute = self.dispute_by_id(id)?;
        if dispute.inquiry {
            return Err(Fault::not_simulated("the closing of an inquiry"));
        }
        self.decide_dispute(id, Decision::Lost)
    }

    /// The bank decides.
    ///
    /// # Errors
    /// No such dispute, closed already, or no decision on such a one.
    pub fn decide_dispute(&mut self, id: &str, decision: Decision) -> Answer {
        let dispute = self.dispute_by_id(id)?;
        if dispute.status.is_closed() {
            return Err(Fault::invalid("This dispute is already closed."));
        }
        let before = dispute.render(self);
        let status = match (dispute.inquiry, decision) {
            (true, Decision::Escalated) => DisputeStatus::NeedsResponse,
            (true, Decision::Won | Decision::Closed) => DisputeStatus::WarningClosed,
            (false, Decision::Won) => DisputeStatus::Won,
            (false, Decision::Lost) => DisputeStatus::Lost,
            (true, Decision::Lost) | (false, Decision::Escalated | Decision::Closed) => {
                return Err(Fault::invalid("A bank does not decide so of this one."));
            }
        };
        let due_by = self.now + ANSWER_FOR;
        if let Some(dispute) = self.disputes.get_mut(id) {
            dispute.status = status;
            dispute.decision = None;
            if decision == Decision::Escalated {
                dispute.inquiry = false;
                dispute.due_by = due_by;
            }
        }
        match status {
            DisputeStatus::NeedsResponse => {
                self.wake(due_by, id);
                let after = self.dispute_by_id(id)?.render(self);
                self.emit_change("charge.dispute.updated", before, after);
                self.tell("charge.dispute.funds_withdrawn", id);
            }
            DisputeStatus::Won => {
                self.tell("charge.dispute.closed", id);
                self.tell("charge.dispute.funds_reinstated", id);
            }
            _ => self.tell("charge.dispute.closed", id),
        }
        self.dispute_by_id(id).map(|it| it.render(self))
    }

    /// The bank decides, or nobody answered in time (docs.stripe.com/disputes/how-disputes-work).
    pub(crate) fn dispute_due(&mut self, id: &str) {
        let Ok(dispute) = self.dispute_by_id(id) else {
            return;
        };
        let decision = match dispute.decision {
            Some((at, decision)) => (at <= self.now).then_some(decision),
            // Nobody answered in time.
            None if dispute.status == DisputeStatus::NeedsResponse => {
                (dispute.due_by <= self.now).then_some(Decision::Lost)
            }
            None => {
                (dispute.inquiry && dispute.created() + INQUIRY_FOR <= self.now).then_some(Decision::Closed)
            }
        };
        if let Some(decision) = decision {
            // Refused where it does not apply any more: evidence that escalates what is no inquiry.
            let _ = self.decide_dispute(id, decision);
        }
    }

    /// A charge whose money the bank has taken back cannot be refunded as well.
    pub(crate) fn charged_back(&self, charge: &str) -> bool {
        self.disputes_of(charge)
            .any(|it| !it.inquiry && it.status != DisputeStatus::Won)
    }

    /// A full refund answers an inquiry.
    pub(crate) fn answer_inquiries(&mut self, charge: &str) {
        let open = self
            .disputes_of(charge)
            .filter(|it| it.inquiry && !it.status.is_closed());
        for id in open.map(|it| it.id().to_owned()).collect::<Vec<_>>() {
            let _ = self.decide_dispute(&id, Decision::Closed);
        }
    }

    fn disputes_of(&self, charge: &str) -> impl Iterator<Item = &Dispute> {
        self.disputes.of(charge)
    }

    fn dispute_by_id(&self, id: &str) -> Result<&Dispute, Fault> {
        self.disputes.find(id)
    }
}
