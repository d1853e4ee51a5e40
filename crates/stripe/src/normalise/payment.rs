//! Charges, and what takes them back.

use serde_json::Value;
use tollgate_domain::object::{Charge, Dispute, Refund};

use crate::json::{id, instant, word};

pub(super) fn charge(own_id: String, json: &Value) -> Charge {
    Charge {
        id: own_id,
        stripe_customer: id(&json["customer"]),
        payment_intent: id(&json["payment_intent"]),
        invoice: id(&json["invoice"]),
        status: word(&json["status"]),
        created: instant(&json["created"]).unwrap_or_default(),
        amount: json["amount"].as_i64().unwrap_or(0),
        amount_refunded: json["amount_refunded"].as_i64().unwrap_or(0),
    }
}

pub(super) fn refund(own_id: String, json: &Value) -> Refund {
    Refund {
        id: own_id,
        charge: id(&json["charge"]),
        payment_intent: id(&json["payment_intent"]),
    }
}

pub(super) fn dispute(own_id: String, json: &Value) -> Dispute {
    Dispute {
        id: own_id,
        charge: id(&json["charge"]),
        payment_intent: id(&json["payment_intent"]),
        status: word(&json["status"]),
    }
}
