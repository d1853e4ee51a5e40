//! What a failure looks like on the wire: a code, a sentence, and details that programs can branch on.

use std::collections::HashMap;
use std::time::Duration;

use http::Response;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::proto::ErrorReason;

/// `ErrorInfo.domain` of every error.
pub const DOMAIN: &str = "tollgate";

/// When to come back where nobody knows better.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A failed call. The text is for people and holds nothing internal.
#[derive(Clone, Debug)]
pub struct Failure {
    reason: ErrorReason,
    message: String,
    metadata: HashMap<String, String>,
    fields: Vec<(String, String)>,
    retry_after: Option<Duration>,
}

impl Failure {
    /// A failure whose code follows from its reason.
    pub fn new(reason: ErrorReason, message: impl Into<String>) -> Failure {
        let retry_after = matches!(code(reason), Code::Unavailable | Code::Aborted).then_some(RETRY_AFTER);
        Failure {
            reason,
            message: message.into(),
            metadata: HashMap::new(),
            fields: vec![],
            retry_after,
        }
    }

    /// One field that breaks its rule. `field` is its path, as in `line_items[0].quantity`.
    pub fn field(field: &str, rule: impl Into<String>) -> Failure {
        let rule = rule.into();
        Failure::new(ErrorReason::InvalidField, format!("{field}: {rule}")).and_field(field, rule)
    }

    /// Names a field, or one more.
    #[must_use]
    pub fn and_field(mut self, field: &str, rule: impl Into<String>) -> Failure {
        self.fields.push((field.to_owned(), rule.into()));
        self
    }

    /// Adds to the metadata of `ErrorInfo`, as the reason's comment in the proto says.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Failure {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// When a retry can help.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Failure {
        self.retry_after = Some(delay);
        self
    }

    /// Why.
    pub fn reason(&self) -> ErrorReason {
        self.reason
    }

    /// For people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Status {
        let mut details = ErrorDetails::with_error_info(name(failure.reason), DOMAIN, failure.metadata);
        for (field, rule) in failure.fields {
            details.add_bad_request_violation(field, rule);
        }
        if let Some(delay) = failure.retry_after {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(code(failure.reason), failure.message, details)
    }
}

/// The reason as `ErrorInfo` carries it.
fn name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// The code that each reason goes with; the proto's comments say the same.
fn code(reason: ErrorReason) -> Code {
    use ErrorReason as R;
    match reason {
        R::InvalidField
        | R::InvalidRevision
        | R::RevisionFromFuture
        | R::UnknownPrice
        | R::RefusedByStripe => Code::InvalidArgument,
        R::RevisionCompacted | R::NotRetained => Code::OutOfRange,
        R::UnknownFeature
        | R::UnknownCheckout
        | R::UnknownOverride
        | R::UnknownLink
        | R::UnknownCustomer
        | R::UnknownEvent => Code::NotFound,
        R::NeverCheckedOut
        | R::RequestIdReused
        | R::CheckoutExpired
        | R::PriceArchived
        | R::AlreadyLinked
        | R::AlreadySubscribed => Code::FailedPrecondition,
        R::StripeUnavailable | R::NotCurrent | R::Draining => Code::Unavailable,
        R::CheckoutInProgress => Code::Aborted,
        R::Deadline => Code::DeadlineExceeded,
        R::Limit => Code::ResourceExhausted,
        R::TokenMissing | R::TokenRefused | R::TokenExpired => Code::Unauthenticated,
        R::ScopeMissing | R::CustomerNotAllowed => Code::PermissionDenied,
        R::UnknownMethod => Code::Unimplemented,
        R::Internal | R::Unspecified => Code::Internal,
    }
}

/// Gives the errors that the library makes by itself (unknown methods, messages that are too large or unreadable) the
/// same form as ours.
pub(super) fn complete(response: Response<Body>) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    if status.code() == Code::Ok || !status.details().is_empty() {
        return response;
    }
    let said = status.message();
    let (reason, code, message) = match status.code() {
        // Without words it is the router's; with words it is about a compression that is not spoken.
        Code::Unimplemented if said.is_empty() => (
            ErrorReason::UnknownMethod,
            Code::Unimplemented,
            "this version of the service has no such method",
        ),
        Code::Unimplemented => (ErrorReason::UnknownMethod, Code::Unimplemented, said),
        code @ (Code::OutOfRange | Code::ResourceExhausted) => (ErrorReason::Limit, code, said),
        Code::Internal if said.starts_with("failed to decode") => {
            let text = "the message cannot be read: it does not fit the proto";
            (ErrorReason::InvalidField, Code::InvalidArgument, text)
        }
        code @ (Code::Internal | Code::Unknown) => (ErrorReason::Internal, code, said),
        _ => return response,
    };
    let details = ErrorDetails::with_error_info(name(reason), DOMAIN, HashMap::new());
    // Its metadata says, among other things, which compressions are spoken.
    Status::with_error_details_and_metadata(code, message, details, status.metadata().clone()).into_http()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_named_without_its_prefix() {
        assert_eq!(name(ErrorReason::RequestIdReused), "REQUEST_ID_REUSED");
    }

    #[test]
    fn a_failure_carries_its_reason_fields_and_delay() {
        let failure = Failure::new(ErrorReason::StripeUnavailable, "later")
            .with("price", "price_1")
            .and_field("line_items[0].price_id", "no")
            .retry_after(Duration::from_secs(2));
        let status = Status::from(failure);
        assert_eq!(status.code(), Code::Unavailable);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.domain.as_str(), info.reason.as_str()),
            ("tollgate", "STRIPE_UNAVAILABLE")
        );
        assert_eq!(info.metadata["price"], "price_1");
        assert_eq!(
            details.bad_request().unwrap().field_violations[0].field,
            "line_items[0].price_id"
        );
        assert_eq!(
            details.retry_info().unwrap().retry_delay,
            Some(Duration::from_secs(2))
        );
    }

    #[test]
    fn errors_of_the_library_get_a_reason_too() {
        let response = complete(Status::unimplemented("").into_http());
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(
            status.get_error_details().error_info().unwrap().reason,
            "UNKNOWN_METHOD"
        );
    }
}
