//! What a plan makes of payments that are late, given back or disputed, where Stripe's state leaves it open.

use serde::{Deserialize, Serialize};

/// What a plan says of itself beside its grants. The defaults are those of a plan that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    /// Whether a delayed payment method gives access before it has settled; `None`: the default of a subscription,
    /// which is yes, or of a purchase, which is no.
    pub while_processing: Option<bool>,
    pub refunds: Refunds,
    pub disputes: Disputes,
    /// Whether a paid period gives access where the subscription's status no longer does.
    pub paid_through: bool,
    pub deleted_customer: DeletedCustomer,
}

impl Default for Policies {
    fn default() -> Policies {
        Policies {
            while_processing: None,
            refunds: Refunds::default(),
            disputes: Disputes::default(),
            paid_through: true,
            deleted_customer: DeletedCustomer::default(),
        }
    }
}

/// Which refund ends access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Refunds {
    /// Of what was bought once.
    pub purchases: Refund,
    /// Of the charge that pays a subscription's current period.
    pub subscriptions: Refund,
}

impl Default for Refunds {
    fn default() -> Refunds {
        Refunds {
            purchases: Refund::Full,
            subscriptions: Refund::None,
        }
    }
}

/// How much of a payment must be given back to end access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refund {
    /// No refund ends it.
    None,
    /// Any part.
    Partial,
    /// All of it.
    Full,
}

/// What a dispute of the payment makes of access. Inquiries (`warning_…`) never count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disputes {
    /// An open one suspends, a lost one ends.
    #[default]
    Suspend,
    /// An open one changes nothing, a lost one ends.
    Keep,
    /// None of them changes anything.
    Ignore,
}

/// What becomes of one-time purchases when the Stripe customer who bought is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletedCustomer {
    /// They stay.
    #[default]
    Keep,
    /// They end.
    End,
}
