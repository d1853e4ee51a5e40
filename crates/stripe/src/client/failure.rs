//! Why a call failed, and whether it may be made again.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use stripe_client_core::StripeClientErr;

use crate::json::text;

/// Why Stripe gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke. The request may have taken effect.
    #[error("Stripe cannot be reached: {0}")]
    Unreachable(String),
    /// No answer within the deadline. The request may have taken effect.
    #[error("Stripe did not answer in time")]
    TimedOut,
    /// It was not asked, and why: nothing took effect.
    #[error("Stripe was not asked: {0}")]
    NotSent(NotSent),
    /// 429; `after` is what Stripe asks for.
    #[error("Stripe limits our rate")]
    RateLimited { after: Option<Duration> },
    /// 409: a request with the same idempotency key is still running, or the object is locked.
    #[error("Stripe is still busy with this object")]
    Conflict,
    /// 5xx. Replayed for a used idempotency key: only another key brings another answer.
    #[error("Stripe answered {status}")]
    Server { status: u16 },
    /// 401: our key is wrong or revoked.
    #[error("Stripe refuses our secret key")]
    Unauthorized,
    /// 403: our key may not do this. The permissions are as Stripe names them, such as `rak_customer_read`; where it names
    /// none, there are none.
    #[error("our secret key lacks a permission: {permissions:?}")]
    Forbidden {
        permissions: Vec<String>,
        /// The account of the key, which most refusals name.
        account: Option<String>,
    },
    /// 404.
    #[error("Stripe knows no such object")]
    NotFound,
    /// Any other 4xx: the request will never succeed. `code` is Stripe's code, else its type of error; `message` may
    /// contain personal data.
    #[error("Stripe refuses the request: {code:?} {param:?}")]
    Rejected {
        code: Option<String>,
        param: Option<String>,
        message: String,
    },
    /// Success, but not what Stripe's documentation promises. The request took effect.
    #[error("Stripe's answer cannot be read: {0}")]
    Unreadable(String),
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// Its turn would have come too late, or came not while somebody waited.
    #[error("all requests that it allows are in use")]
    Budget,
    /// The endpoint is left alone.
    #[error("it has not answered for a while")]
    Breaker,
}

impl CallError {
    /// Whether the very same request, with the same idempotency key, may succeed later. After
    /// `Unauthorized` and `Forbidden` it may,
    /// once somebody has mended the key.
    pub fn retryable(&self) -> bool {
        !matches!(self, CallError::NotFound | CallError::Rejected { .. })
    }
}

impl StripeClientErr for CallError {
    fn deserialize_err(why: impl std::fmt::Display) -> CallError {
        CallError::Unreadable(why.to_string())
    }
}

/// What an answer that is not a success means.
pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CallError {
    match status.as_u16() {
        401 => CallError::Unauthorized,
        403 => {
            let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
            forbidden(&text(&envelope["error"]["message"]).unwrap_or_default())
        }
        404 => CallError::NotFound,
        409 => CallError::Conflict,
        429 => CallError::RateLimited {
            after: retry_after(headers),
        },
        400..500 => {
            let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
            let error = &envelope["error"];
            CallError::Rejected {
                code: text(&error["code"]).or_else(|| text(&error["type"])),
                param: text(&error["param"]),
                message: text(&error["message"]).unwrap_or_else(|| format!("status {}", status.as_u16())),
            }
        }
        status => CallError::Server { status },
    }
}

/// A refusal names what it lacks only in its text: `Having the 'rak_plan_read' permission would allow`, or `Enabling "Prices
/// Read" ('plan_read') permissions on this key`.
fn forbidden(message: &str) -> CallError {
    let quoted = || message.split('\'').skip(1).step_by(2);
    let is_name = |word: &&str| {
        let known = word.ends_with("_read") || word.ends_with("_write");
        known && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    CallError::Forbidden {
        permissions: quoted().filter(is_name).map(str::to_owned).collect(),
        account: quoted().find(|word| word.starts_with("acct_")).map(str::to_owned),
    }
}

/// Stripe sends seconds, never a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_permission_and_the_account_in_either_wording() {
        for (message, permission) in [
            (
                "The provided key 'rk_test_***' does not have the required permissions for this endpoint on account \
                 'acct_1'. Having the 'rak_plan_read' permission would allow this request to continue.",
                "rak_plan_read",
            ),
            (
                "Permission denied. The provided key 'rk_live_***' does not have the required permissions for this \
                 endpoint on account 'acct_1'. Enabling \"Prices Read\" ('plan_read') permissions on this key would \
                 allow this request to continue.",
                "plan_read",
            ),
        ] {
            let expected = CallError::Forbidden {
                permissions: vec![permission.into()],
                account: Some("acct_1".into()),
            };
            assert_eq!(forbidden(message), expected);
        }
        let nothing = CallError::Forbidden {
            permissions: vec![],
            account: None,
        };
        assert_eq!(forbidden("It's forbidden"), nothing);
    }
}
