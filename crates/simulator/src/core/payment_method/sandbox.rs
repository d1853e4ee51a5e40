//! The payment methods that Stripe documents for tests (docs.stripe.com/testing, and the pages of SEPA Direct Debit and ACH),
//! by their names and numbers.

use super::decline::{self, Decline};
use crate::core::Fault;

/// What a test payment method is, and what comes of asking it for money.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox {
    /// What requests call it: `pm_card_visa`, `tok_visa`.
    pub names: &'static [&'static str],
    /// What a person types: a card's number, an IBAN, or an account's number.
    pub number: &'static str,
    pub kind: Kind,
    /// Whether it can be saved for later.
    pub attaches: bool,
    pub authentication: Authentication,
    pub result: Result<(), Decline>,
    /// Seconds until the result is known; `None`: at once.
    pub delay: Option<i64>,
    pub dispute: Option<Claim>,
    pub refund: RefundOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its brand and its funding.
    Card(&'static str, &'static str),
    SepaDebit,
    UsBankAccount,
}

impl Kind {
    /// Stripe's `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Card(..) => "card",
            Kind::SepaDebit => "sepa_debit",
            Kind::UsBankAccount => "us_bank_account",
        }
    }

    /// The only currency it takes, if it is one.
    pub fn currency(self) -> Option<&'static str> {
        match self {
            Kind::Card(..) => None,
            Kind::SepaDebit => Some("eur"),
            Kind::UsBankAccount => Some("usd"),
        }
    }
}

/// When the bank wants the person to authenticate (docs.stripe.com/testing, "3D Secure authentication").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    Never,
    /// Not for payments without the person, once it was set up.
    UnlessSetUp,
    Always,
}

/// What the holder says to the bank right after a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub reason: &'static str,
    /// The bank asks first, and takes nothing.
    pub inquiry: bool,
}

/// docs.stripe.com/testing, "Refunds".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundOutcome {
    Succeeds,
    /// `pending` first.
    SucceedsLater,
    /// `succeeded` first.
    FailsLater,
}

/// Stripe says "at least three minutes" of the delayed ones, and nothing of the others
/// (docs.stripe.com/payments/sepa-debit/accept-a-payment).
const SOON: Option<i64> = Some(60);
const DELAYED: Option<i64> = Some(180);

const VISA: Sandbox = Sandbox {
    names: &["pm_card_visa", "tok_visa"],
    number: "4242424242424242",
    kind: Kind::Card("visa", "credit"),
    attaches: true,
    authentication: Authentication::Never,
    result: Ok(()),
    delay: None,
    dispute: None,
    refund: RefundOutcome::Succeeds,
};

const SEPA: Sandbox = Sandbox {
    names: &["pm_success_de"],
    number: "DE89370400440532013000",
    kind: Kind::SepaDebit,
    delay: SOON,
    ..VISA
};

const BANK: Sandbox = Sandbox {
    names: &["pm_usBankAccount_success"],
    number: "000123456789",
    kind: Kind::UsBankAccount,
    delay: SOON,
    ..VISA
};

const fn card(
    names: &'static [&'static str],
    number: &'static str,
    brand: &'static str,
    funding: &'static str,
) -> Sandbox {
    let kind = Kind::Card(brand, funding);
    Sandbox {
        names,
        number,
        kind,
        ..VISA
    }
}

/// Declined whenever it is used, also to be saved.
const fn declined(names: &'static [&'static str], number: &'static str, why: Decline) -> Sandbox {
    Sandbox {
        names,
        number,
        attaches: false,
        result: Err(why),
        ..VISA
    }
}

const fn authenticated(
    names: &'static [&'static str],
    number: &'static str,
    authentication: Authentication,
    result: Result<(), Decline>,
) -> Sandbox {
    Sandbox {
        names,
        number,
        authentication,
        result,
        ..VISA
    }
}

const fn disputed(
    names: &'static [&'static str],
    number: &'static str,
    reason: &'static str,
    inquiry: bool,
) -> Sandbox {
    Sandbox {
        names,
        number,
        dispute: Some(Claim { reason, inquiry }),
        ..VISA
    }
}

const fn debit(
    of: Sandbox,
    names: &'static [&'static str],
    number: &'static str,
    result: Result<(), Decline>,
    delay: Option<i64>,
) -> Sandbox {
    Sandbox {
        names,
        number,
        result,
        delay,
        ..of
    }
}

static ALL: &[Sandbox] = &[
    VISA,
    card(
        &["pm_card_visa_debit", "tok_visa_debit"],
        "4000056655665556",
        "visa",
        "debit",
    ),
    card(
        &["pm_card_mastercard", "tok_mastercard"],
        "5555555555554444",
        "mastercard",
        "credit",
    ),
    card(
        &["pm_card_mastercard_debit", "tok_mastercard_debit"],
        "5200828282828210",
        "mastercard",
        "debit",
    ),
    card(
        &["pm_card_mastercard_prepaid", "tok_mastercard_prepaid"],
        "5105105105105100",
        "mastercard",
        "prepaid",
    ),
    card(&["pm_card_amex", "tok_amex"], "378282246310005", "amex", "credit"),
    card(
        &["pm_card_discover", "tok_discover"],
        "6011111111111117",
        "discover",
        "credit",
    ),
    card(
        &["pm_card_diners", "tok_diners"],
        "3056930009020004",
        "diners",
        "credit",
    ),
    card(&["pm_card_jcb", "tok_jcb"], "3566002020360505", "jcb", "credit"),
    card(
        &["pm_card_unionpay", "tok_unionpay"],
        "6200000000000005",
        "unionpay",
        "credit",
    ),
    declined(
        &[
            "pm_card_visa_chargeDeclined",
            "pm_card_chargeDeclined",
            "tok_visa_chargeDeclined",
            "tok_chargeDeclined",
        ],
        "4000000000000002",
        decline::GENERIC,
    ),
    declined(
        &[
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "tok_visa_chargeDeclinedInsufficientFunds",
        ],
        "4000000000009995",
        decline::INSUFFICIENT_FUNDS,
    ),
    declined(
        &[
            "pm_card_visa_chargeDeclinedLostCard",
            "tok_visa_chargeDeclinedLostCard",
        ],
        "4000000000009987",
        decline::LOST_CARD,
    ),
    declined(
        &[
            "pm_card_visa_chargeDeclinedStolenCard",
            "tok_visa_chargeDeclinedStolenCard",
        ],
        "4000000000009979",
        decline::STOLEN_CARD,
    ),
    declined(
        &[
            "pm_card_chargeDeclinedExpiredCard",
            "tok_chargeDeclinedExpiredCard",
        ],
        "4000000000000069",
        decline::EXPIRED_CARD,
    ),
    declined(
        &[
            "pm_card_chargeDeclinedIncorrectCvc",
            "tok_chargeDeclinedIncorrectCvc",
        ],
        "4000000000000127",
        decline::INCORRECT_CVC,
    ),
    declined(
        &[
            "pm_card_chargeDeclinedProcessingError",
            "tok_chargeDeclinedProcessingError",
        ],
        "4000000000000119",
        decline::PROCESSING_ERROR,
    ),
    declined(
        &[
            "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
            "tok_visa_chargeDeclinedVelocityLimitExceeded",
        ],
        "4000000000006975",
        decline::VELOCITY,
    ),
    Sandbox {
        attaches: true,
        ..declined(
            &["pm_card_radarBlock", "tok_radarBlock"],
            "4100000000000019",
            decline::FRAUDULENT,
        )
    },
    Sandbox {
        attaches: true,
        ..declined(
            &["pm_card_chargeCustomerFail", "tok_chargeCustomerFail"],
            "4000000000000341",
            decline::GENERIC,
        )
    },
    authenticated(
        &[
            "pm_card_authenticationRequiredOnSetup",
            "tok_authenticationRequiredOnSetup",
        ],
        "4000002500003155",
        Authentication::UnlessSetUp,
        Ok(()),
    ),
    authenticated(
        &["pm_card_authenticationRequired", "tok_authenticationRequired"],
        "4000002760003184",
        Authentication::Always,
        Ok(()),
    ),
    authenticated(
        &["pm_card_threeDSecure2Required", "tok_threeDSecure2Required"],
        "4000000000003220",
        Authentication::Always,
        Ok(()),
    ),
    authenticated(
        &["pm_card_threeDSecureRequired", "tok_threeDSecureRequired"],
        "4000000000003063",
        Authentication::Always,
        Ok(()),
    ),
    authenticated(
        &[
            "pm_card_threeDSecureRequiredChargeDeclined",
            "tok_threeDSecureRequiredChargeDeclined",
        ],
        "4000008400001629",
        Authentication::Always,
        Err(decline::GENERIC),
    ),
    authenticated(
        &[
            "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
            "tok_authenticationRequiredChargeDeclinedInsufficientFunds",
        ],
        "4000008260003178",
        Authentication::Always,
        Err(decline::INSUFFICIENT_FUNDS),
    ),
    disputed(
        &["pm_card_createDispute", "tok_createDispute"],
        "4000000000000259",
        "fraudulent",
        false,
    ),
    disputed(
        &[
            "pm_card_createDisputeProductNotReceived",
            "tok_createDisputeProductNotReceived",
        ],
        "4000000000002685",
        "product_not_received",
        false,
    ),
    disputed(
        &["pm_card_createDisputeInquiry", "tok_createDisputeInquiry"],
        "4000000000001976",
        "fraudulent",
        true,
    ),
    Sandbox {
        refund: RefundOutcome::SucceedsLater,
        ..card(
            &["pm_card_pendingRefund", "tok_pendingRefund"],
            "4000000000007726",
            "visa",
            "credit",
        )
    },
    Sandbox {
        refund: RefundOutcome::FailsLater,
        ..card(
            &["pm_card_refundFail", "tok_refundFail"],
            "4000000000005126",
            "visa",
            "credit",
        )
    },
    SEPA,
    debit(
        SEPA,
        &["pm_successDelayed_de"],
        "DE08370400440532013003",
        Ok(()),
        DELAYED,
    ),
    debit(
        SEPA,
        &["pm_failed_de"],
        "DE62370400440532013001",
        Err(decline::DEBIT_FAILED),
        SOON,
    ),
    debit(
        SEPA,
        &["pm_failedDelayed_de"],
        "DE78370400440532013004",
        Err(decline::DEBIT_FAILED),
        DELAYED,
    ),
    debit(
        SEPA,
        &["pm_insufficientFunds_de"],
        "DE65370400440002222227",
        Err(decline::DEBIT_INSUFFICIENT_FUNDS),
        SOON,
    ),
    Sandbox {
        dispute: Some(Claim {
            reason: "debit_not_authorized",
            inquiry: false,
        }),
        ..debit(SEPA, &["pm_disputed_de"], "DE35370400440532013002", Ok(()), SOON)
    },
    BANK,
    debit(
        BANK,
        &["pm_usBankAccount_accountClosed"],
        "000111111113",
        Err(decline::ACCOUNT_CLOSED),
        SOON,
    ),
    debit(
        BANK,
        &["pm_usBankAccount_noAccount"],
        "000111111116",
        Err(decline::NO_ACCOUNT),
        SOON,
    ),
    debit(
        BANK,
        &["pm_usBankAccount_insufficientFunds"],
        "000222222227",
        Err(decline::DEBIT_INSUFFICIENT_FUNDS),
        SOON,
    ),
    debit(
        BANK,
        &["pm_usBankAccount_debitNotAuthorized"],
        "000333333335",
        Err(decline::DEBIT_NOT_AUTHORIZED),
        SOON,
    ),
    Sandbox {
        dispute: Some(Claim {
            reason: "debit_not_authorized",
            inquiry: false,
        }),
        ..debit(BANK, &["pm_usBankAccount_dispute"], "000555555559", Ok(()), SOON)
    },
];

impl Sandbox {
    /// By one of its names, or by its number, in which spaces do not count.
    ///
    /// # Errors
    /// No such; one that Stripe may have and the simulator has not.
    pub fn find(name: &str) -> Result<&'static Sandbox, Fault> {
        let typed: String = name.chars().filter(|it| !it.is_whitespace()).collect();
        let found = ALL
            .iter()
            .find(|it| it.names.contains(&name) || it.number == typed);
        found.ok_or_else(|| {
            let names = ["pm_card_", "tok_", "pm_usBankAccount_"];
            let of_a_country = name.rsplit('_').next().is_some_and(|it| it.len() == 2);
            if names.iter().any(|prefix| name.starts_with(prefix)) || of_a_country {
                Fault::not_simulated(&format!("the test payment method `{name}`"))
            } else {
                Fault::missing("PaymentMethod", name)
            }
        })
    }

    pub fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }

    /// The same for the same number, as Stripe's.
    pub fn fingerprint(&self) -> String {
        format!("Sim{}", self.number.get(4..).unwrap_or_default())
    }
}
