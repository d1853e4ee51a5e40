//! What a caller can have done wrong, and what can be wrong on our side.

use std::time::Duration;

use tollgate_store::StoreError;
use tollgate_stripe::CallError;

/// Why a command was not done. Texts are for people who call us and hold nothing internal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field breaks its rule. `field` is its path, as in `line_items[0].quantity`.
    #[error("{field}: {rule}")]
    Field { field: String, rule: String },
    /// A price is no part of any plan in the catalog, or does not exist at Stripe.
    #[error("{field}: {rule}")]
    UnknownPrice { field: String, price: String, rule: String },
    /// `price` is the id of a price that is archived at Stripe.
    #[error("{field}: the price is archived at Stripe and cannot be bought; sell another price of the plan")]
    PriceArchived { field: String, price: String },
    /// Stripe refused the request for good; `field` is ours.
    #[error("{field}: {rule}")]
    RefusedByStripe { field: String, rule: String },
    /// The id belongs to an earlier request with other contents.
    #[error(
        "request_id: it belongs to an earlier request with other contents; send that one unaltered to get its checkout, \
         or use a new id"
    )]
    RequestIdReused,
    /// The checkout of this id has expired.
    #[error("the checkout of this request_id has expired; use a new id for a new one")]
    CheckoutExpired,
    /// Another call with the same id is at work.
    #[error("another call with the same request_id is at work; retry with the same request_id")]
    CheckoutInProgress,
    /// The customer has a subscription to `plan` already.
    #[error(
        "the customer has a subscription to the plan {plan} already; change it in the portal, or set on_existing to \
         ALLOW for a second one"
    )]
    AlreadySubscribed { plan: String },
    /// There is no such checkout, or it is another customer's.
    #[error("checkout: there is no such checkout of this customer")]
    UnknownCheckout,
    /// There is no Stripe customer yet.
    #[error("the customer never opened a checkout, so the portal has nothing to show; call CreateCheckout first")]
    NeverCheckedOut,
    /// Stripe could not be reached, was too slow or failed.
    #[error("Stripe does not answer; retry with the same request_id: it cannot lead to a second checkout")]
    StripeUnavailable { retry_after: Option<Duration> },
    /// Our database does not answer.
    #[error("the database does not answer; retry")]
    DatabaseUnavailable,
    /// A fault of this service or of its configuration; the log says more.
    #[error("a fault of this service; its operators see it in the log")]
    Internal,
}

impl Refusal {
    /// A field that breaks its rule.
    pub(super) fn field(field: impl Into<String>, rule: impl Into<String>) -> Refusal {
        Refusal::Field {
            field: field.into(),
            rule: rule.into(),
        }
    }

    /// A call of Stripe that was not made for one of the caller's fields.
    pub(super) fn of_call(error: &CallError) -> Refusal {
        match error {
            CallError::RateLimited { after } => Refusal::StripeUnavailable { retry_after: *after },
            CallError::Unreachable(_)
            | CallError::TimedOut
            | CallError::Conflict
            | CallError::Server { .. }
            | CallError::Unreadable(_) => Refusal::StripeUnavailable { retry_after: None },
            CallError::Unauthorized => {
                tracing::error!("Stripe refuses our secret key: check TOLLGATE_STRIPE_SECRET_KEY and what the key may do");
                Refusal::Internal
            }
            CallError::NotFound | CallError::Rejected { .. } => {
                tracing::error!(%error, "Stripe refuses a request that only we made up");
                Refusal::Internal
            }
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        if error.is_unavailable() {
            tracing::warn!(%error, "a command could not use the database");
            Refusal::DatabaseUnavailable
        } else {
            tracing::error!(%error, "a command failed in the database");
            Refusal::Internal
        }
    }
}
