//! A dispute as Stripe shows it.

use serde_json::{Map, Value, json};

use super::Decision;
use crate::core::payment::Charge;
use crate::core::payment_method::{Claim, Kind, Sandbox};
use crate::core::{Core, Metadata, Row};

/// What can be said; files are not kept.
pub const DISPUTE_EVIDENCE: &[&str] = &[
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
];

/// What is said by a file.
pub const DISPUTE_FILES: &[&str] = &[
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
}

impl DisputeStatus {
    fn as_str(self) -> &'static str {
        match self {
            DisputeStatus::WarningNeedsResponse => "warning_needs_response",
            DisputeStatus::WarningUnderReview => "warning_under_review",
            DisputeStatus::WarningClosed => "warning_closed",
            DisputeStatus::NeedsResponse => "needs_response",
            DisputeStatus::UnderReview => "under_review",
            DisputeStatus::Won => "won",
            DisputeStatus::Lost => "lost",
        }
    }

    pub fn needs_response(self) -> bool {
        matches!(
            self,
            DisputeStatus::WarningNeedsResponse | DisputeStatus::NeedsResponse
        )
    }

    pub(super) fn under_review(self) -> DisputeStatus {
        if self == DisputeStatus::WarningNeedsResponse {
            DisputeStatus::WarningUnderReview
        } else {
            DisputeStatus::UnderReview
        }
    }

    pub fn is_closed(self) -> bool {
        matches!(
            self,
            DisputeStatus::WarningClosed | DisputeStatus::Won | DisputeStatus::Lost
        )
    }
}

#[derive(Clone, Debug)]
pub struct Dispute {
    id: String,
    created: i64,
    amount: i64,
    currency: String,
    pub charge: String,
    pub payment_intent: String,
    does: &'static Sandbox,
    reason: &'static str,
    pub status: DisputeStatus,
    /// The bank asks, and has taken nothing.
    pub inquiry: bool,
    pub(super) evidence: Metadata,
    pub(super) submissions: u32,
    pub(super) due_by: i64,
    /// When the bank decides, and how.
    pub(super) decision: Option<(i64, Decision)>,
    pub(super) metadata: Metadata,
}

impl Dispute {
    pub(super) fn of(id: String, created: i64, charge: &Charge, claim: Claim, due_by: i64) -> Dispute {
        Dispute {
            id,
            created,
            amount: charge.amount - charge.amount_refunded,
            currency: charge.currency.clone(),
            charge: charge.id.clone(),
            payment_intent: charge.payment_intent.clone(),
            does: charge.does,
            reason: claim.reason,
            status: if claim.inquiry {
                DisputeStatus::WarningNeedsResponse
            } else {
                DisputeStatus::NeedsResponse
            },
            inquiry: claim.inquiry,
            evidence: Metadata::new(),
            submissions: 0,
            due_by,
            decision: None,
            metadata: Metadata::new(),
        }
    }
}

impl Row for Dispute {
    const NOUN: &'static str = "dispute";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    /// Its charge.
    fn owner(&self) -> Option<&str> {
        Some(&self.charge)
    }

    fn render(&self, _: &Core) -> Value {
        let said = DISPUTE_EVIDENCE
            .iter()
            .map(|key| (*key, json!(self.evidence.get(*key))));
        let files = DISPUTE_FILES.iter().map(|key| (*key, Value::Null));
        let mut evidence: Map<String, Value> = said
            .chain(files)
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        evidence.insert("enhanced_evidence".to_owned(), json!({}));
        let code = if self.reason == "fraudulent" {
            "10.4"
        } else {
            "13.1"
        };
        // Stripe tells it of cards, and of no debit (docs.stripe.com/api/disputes/object).
        let method = match self.does.kind {
            Kind::Card(brand, _) => Some(json!({
                "card": {
                    "brand": brand,
                    "case_type": if self.inquiry { "inquiry" } else { "chargeback" },
                    "network": brand,
                    "network_reason_code": code,
                },
                "type": "card",
            })),
            Kind::SepaDebit | Kind::UsBankAccount => None,
        };
        let mut shown = json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": [],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": evidence,
            "evidence_details": {
                "due_by": self.due_by,
                "enhanced_eligibility": {},
                "has_evidence": !self.evidence.is_empty(),
                "past_due": false,
                "submission_count": self.submissions,
            },
            "is_charge_refundable": self.inquiry && !self.status.is_closed(),
            "livemode": false,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "status": self.status.as_str(),
        });
        if let Some(method) = method {
            shown["payment_method_details"] = method;
        }
        shown
    }
}
