//! Charges: one for every attempt at which a bank was asked.

use serde_json::Value;

use crate::core::payment_method::{Decline, Sandbox, charge_details};
use crate::core::rendered::{Rendered, rendered};
use crate::core::{Core, Fault, Metadata, Row};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeStatus {
    Succeeded,
    Pending,
    Failed(Decline),
}

#[derive(Clone, Debug)]
pub struct Charge {
    pub id: String,
    pub(super) created: i64,
    pub amount: i64,
    pub amount_refunded: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub payment_intent: String,
    pub payment_method: String,
    pub does: &'static Sandbox,
    pub(super) expires: (u32, u32),
    pub(super) metadata: Metadata,
    pub(super) description: Option<String>,
    pub status: ChargeStatus,
    pub disputed: bool,
}

impl Row for Charge {
    const NOUN: &'static str = "charge";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owner(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    fn render(&self, core: &Core) -> Value {
        self.rendered(core).into()
    }

    fn rendered(&self, core: &Core) -> Rendered {
        let customer = self.customer.as_deref().and_then(|id| core.customers.get(id));
        let (status, failure) = match self.status {
            ChargeStatus::Succeeded => ("succeeded", None),
            ChargeStatus::Pending => ("pending", None),
            ChargeStatus::Failed(decline) => ("failed", Some(decline)),
        };
        let captured = failure.is_none();
        rendered!({
            "id": &self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if captured { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": null,
            "billing_details": {
                "address": null,
                "email": customer.and_then(|it| it.email.as_ref()),
                "name": customer.and_then(|it| it.name.as_ref()),
                "phone": null,
                "tax_id": null,
            },
            "calculated_statement_descriptor": "SIMULATOR",
            "captured": captured,
            "created": self.created,
            "currency": &self.currency,
            "customer": &self.customer,
            "description": &self.description,
            "disputed": self.disputed,
            "failure_balance_transaction": null,
            "failure_code": failure.map(|it| it.code),
            "failure_message": failure.map(|it| it.message),
            "fraud_details": {},
            "livemode": false,
            "metadata": &self.metadata,
            "on_behalf_of": null,
            "outcome": outcome(self.status),
            "paid": self.status == ChargeStatus::Succeeded,
            "payment_intent": &self.payment_intent,
            "payment_method": &self.payment_method,
            "payment_method_details": charge_details(self.does, self.expires, captured.then_some(self.amount)),
            "receipt_email": null,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": self.amount_refunded == self.amount && self.status == ChargeStatus::Succeeded,
            "review": null,
            "shipping": null,
            "source": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": status,
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

fn outcome(status: ChargeStatus) -> Rendered {
    let ChargeStatus::Failed(decline) = status else {
        return rendered!({
            "advice_code": null, "network_advice_code": null, "network_decline_code": null,
            "network_status": "approved_by_network", "reason": null, "risk_level": "normal",
            "seller_message": "Payment complete.", "type": "authorized",
        });
    };
    if decline.decline_code == Some("fraudulent") {
        return rendered!({
            "advice_code": null, "network_advice_code": null, "network_decline_code": null,
            "network_status": "not_sent_to_network", "reason": "highest_risk_level", "risk_level": "highest",
            "seller_message": "Stripe blocked this payment as too risky.", "type": "blocked",
        });
    }
    rendered!({
        "advice_code": "try_again_later", "network_advice_code": "02", "network_decline_code": "05",
        "network_status": "declined_by_network", "reason": decline.decline_code.unwrap_or(decline.code),
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline.", "type": "issuer_declined",
    })
}

impl Core {
    pub(crate) fn charge_by_id(&self, id: &str) -> Result<&Charge, Fault> {
        self.charges.find(id)
    }

    /// Newest first, as Stripe lists them.
    pub(crate) fn charges_on(&self, intent: &str) -> impl Iterator<Item = Value> {
        self.charges.of(intent).rev().map(|it| it.render(self))
    }

    /// The charge that the nth attempt on it made, or the last one before.
    pub(crate) fn charge_of_attempt(&self, intent: &str, attempt: usize) -> Option<&str> {
        let all = self.charges.of(intent);
        all.take(attempt).last().map(|it| it.id.as_str())
    }
}
