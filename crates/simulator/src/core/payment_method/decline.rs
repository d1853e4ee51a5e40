//! Why a payment did not come to be (docs.stripe.com/declines/codes; of bank debits docs.stripe.com/api/charges/object,
//! `failure_code`).

use serde_json::{Value, json};

use crate::core::Fault;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decline {
    /// `card_error` or `invalid_request_error`.
    pub kind: &'static str,
    pub code: &'static str,
    /// What the issuer said.
    pub decline_code: Option<&'static str>,
    pub message: &'static str,
}

const fn card(code: &'static str, decline_code: &'static str, message: &'static str) -> Decline {
    Decline {
        kind: "card_error",
        code,
        decline_code: Some(decline_code),
        message,
    }
}

const fn debit(code: &'static str, message: &'static str) -> Decline {
    Decline {
        kind: "invalid_request_error",
        code,
        decline_code: None,
        message,
    }
}

pub const GENERIC: Decline = card("card_declined", "generic_decline", "Your card was declined.");
pub const INSUFFICIENT_FUNDS: Decline = card(
    "card_declined",
    "insufficient_funds",
    "Your card has insufficient funds.",
);
pub const LOST_CARD: Decline = card("card_declined", "lost_card", "Your card was declined.");
pub const STOLEN_CARD: Decline = card("card_declined", "stolen_card", "Your card was declined.");
pub const FRAUDULENT: Decline = card("card_declined", "fraudulent", "Your card was declined.");
pub const EXPIRED_CARD: Decline = card("expired_card", "expired_card", "Your card has expired.");
pub const INCORRECT_CVC: Decline = card(
    "incorrect_cvc",
    "incorrect_cvc",
    "Your card's security code is incorrect.",
);
pub const PROCESSING_ERROR: Decline = card(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
);
pub const VELOCITY: Decline = card(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
);
/// A bank that wants the person where there is none.
pub const AUTHENTICATION_REQUIRED: Decline = card(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
);
/// The person did not authenticate.
pub const AUTHENTICATION_FAILED: Decline = Decline {
    kind: "invalid_request_error",
    code: "payment_intent_authentication_failure",
    decline_code: None,
    message: "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new \
              PaymentMethod to attempt to fulfill this PaymentIntent again.",
};
/// The same of a setup intent.
pub const SETUP_AUTHENTICATION_FAILED: Decline = Decline {
    code: "setup_intent_authentication_failure",
    message: "The latest attempt to set up the payment method has failed because authentication failed.",
    ..AUTHENTICATION_FAILED
};
pub const DEBIT_FAILED: Decline = debit(
    "generic_could_not_process",
    "The bank could not process the debit.",
);
pub const DEBIT_INSUFFICIENT_FUNDS: Decline =
    debit("insufficient_funds", "The account has insufficient funds.");
pub const ACCOUNT_CLOSED: Decline = debit("account_closed", "The account is closed.");
pub const NO_ACCOUNT: Decline = debit("no_account", "The account cannot be found.");
pub const DEBIT_NOT_AUTHORIZED: Decline = debit(
    "debit_not_authorized",
    "The debit was not authorized by the holder.",
);

impl From<Decline> for Fault {
    /// What the request that asked for the payment is answered: 402.
    fn from(decline: Decline) -> Fault {
        Fault::other(402, decline.kind, decline.message)
            .code(decline.code)
            .decline_code(decline.decline_code)
    }
}

/// An intent's `last_payment_error` or `last_setup_error`.
pub fn last_error(decline: Decline, charge: Option<&str>, method: Option<Value>) -> Value {
    let mut error = json!({
        "code": decline.code,
        "doc_url": format!("https://docs.stripe.com/error-codes#{}", decline.code.replace('_', "-")),
        "message": decline.message,
        "type": decline.kind,
    });
    for (key, value) in [
        ("charge", json!(charge)),
        ("decline_code", json!(decline.decline_code)),
        ("payment_method", json!(method)),
    ] {
        if !value.is_null() {
            error[key] = value;
        }
    }
    error
}
