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
    /// 429; `after` is what Stripe asks for.
    #[error("Stripe limits our rate")]
    RateLimited { after: Option<Duration> },
    /// 409: a request with the same idempotency key is still running, or the object is locked.
    #[error("Stripe is still busy with this object")]
    Conflict,
    /// 5xx. Replayed for a used idempotency key: only another key brings another answer.
    #[error("Stripe answered {status}")]
    Server { status: u16 },
    /// 401 or 403: our key is wrong, revoked or may not do this.
    #[error("Stripe refuses our secret key")]
    Unauthorized,
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

impl CallError {
    /// Whether the very same request, with the same idempotency key, may succeed later. After `Unauthorized` it may,
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
        401 | 403 => CallError::Unauthorized,
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
