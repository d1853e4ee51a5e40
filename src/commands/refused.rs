//! Why a command was not done, in words for the caller.

use tollgate_domain::id::PlanId;
use tollgate_store::StoreError;
use tollgate_stripe::CallError;

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A field breaks its rule.
    #[error("{field}: {rule}")]
    Field { field: String, rule: String },
    /// The catalog or Stripe does not have the price.
    #[error("{field}: {rule}")]
    UnknownPrice { field: String, rule: String },
    /// Stripe does not sell the price any more.
    #[error("{field}: this price is archived in Stripe and cannot be sold; take the plan's current price")]
    PriceArchived { field: String },
    #[error("this request_id was used for another request; take a new id for a new checkout")]
    RequestIdReused,
    #[error("the checkout of this request_id has expired; take a new request_id to begin another")]
    CheckoutExpired,
    #[error(
        "the customer has a live subscription to the plan `{0}`; change it in the portal (CreatePortalSession)"
    )]
    AlreadySubscribed(PlanId),
    /// Finally; `field` is ours if it can be told.
    #[error("Stripe refuses this checkout ({code})")]
    RefusedByStripe { field: Option<String>, code: String },
    #[error("the same request is being worked on; ask again in a moment")]
    InProgress,
    #[error("the customer has no checkout of this id")]
    UnknownCheckout,
    #[error("the customer has no override of this feature")]
    UnknownOverride,
    #[error("it is linked to another customer; unlink it there first")]
    AlreadyLinked,
    #[error("the customer has no link of this id")]
    UnknownLink,
    #[error("the customer was never heard of")]
    UnknownCustomer,
    #[error("the service never received the event")]
    UnknownEvent,
    #[error("it is stored and will be in the entitlements; ask again for the revision")]
    NotApplied,
    #[error("it is deleted and will be out of the entitlements soon; read with fully_current in a moment")]
    NotTakenOut,
    #[error(
        "the customer has never been to a checkout, so there is nothing to manage; begin with CreateCheckout"
    )]
    NeverCheckedOut,
    /// Nothing was lost: the same request again goes on where this one stopped.
    #[error("Stripe does not answer; try again with the same request")]
    StripeUnavailable,
    /// As for `StripeUnavailable`.
    #[error("the service cannot reach its database; try again with the same request")]
    StoreUnavailable,
    /// For the log, not for the caller.
    #[error("internal: {0}")]
    Internal(String),
}

impl Refused {
    pub(super) fn field(field: impl Into<String>, rule: impl Into<String>) -> Refused {
        Refused::Field {
            field: field.into(),
            rule: rule.into(),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        match error {
            StoreError::Unavailable(_) => Refused::StoreUnavailable,
            other => Refused::Internal(other.to_string()),
        }
    }
}

impl From<CallError> for Refused {
    fn from(error: CallError) -> Refused {
        match error {
            CallError::Rejected { code, param, .. } => Refused::RefusedByStripe {
                field: param.as_deref().and_then(ours),
                code: code.unwrap_or_else(|| "rejected".into()),
            },
            error @ (CallError::Unauthorized | CallError::Forbidden { .. }) => {
                Refused::Internal(error.to_string())
            }
            CallError::Unreadable(text) => Refused::Internal(text),
            CallError::NotFound => Refused::Internal("Stripe does not know an object of ours".into()),
            CallError::Conflict => Refused::InProgress,
            CallError::Unreachable(_)
            | CallError::NotSent(_)
            | CallError::TimedOut
            | CallError::RateLimited { .. }
            | CallError::Server { .. } => Refused::StripeUnavailable,
        }
    }
}

/// Our field for Stripe's parameter.
fn ours(param: &str) -> Option<String> {
    let mut parts = param.split(['[', ']']).filter(|part| !part.is_empty());
    match (parts.next()?, parts.next()) {
        ("line_items", Some(index)) if index.parse::<u32>().is_ok() => Some(format!("line_items[{index}]")),
        (field @ ("line_items" | "success_url" | "cancel_url" | "mode" | "return_url"), _) => {
            Some(field.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_parameters_become_our_fields() {
        assert_eq!(ours("line_items[2][price]").as_deref(), Some("line_items[2]"));
        assert_eq!(ours("success_url").as_deref(), Some("success_url"));
        assert_eq!(ours("subscription_data[metadata]"), None);
    }

    #[test]
    fn what_stripe_says_of_a_request_does_not_reach_the_caller() {
        let rejected = CallError::Rejected {
            code: Some("resource_missing".into()),
            param: None,
            message: "No such customer: jane@example.com".into(),
        };
        assert!(!Refused::from(rejected).to_string().contains("jane"));
    }
}
