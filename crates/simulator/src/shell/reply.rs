//! Answers: status, body, and the headers that Stripe's clients read.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::core::Fault;
use crate::core::calendar::http_date;

/// An answer as it went out; what is kept under an idempotency key.
#[derive(Clone)]
pub struct Kept {
    pub status: u16,
    pub body: Bytes,
    pub request: String,
    /// `Stripe-Should-Retry`.
    retry: Option<bool>,
    /// `Stripe-Rate-Limited-Reason`.
    limited: Option<&'static str>,
}

impl Kept {
    pub fn object(object: &Value, request: &str) -> Kept {
        Kept {
            status: 200,
            body: pretty(object),
            request: request.to_owned(),
            retry: None,
            limited: None,
        }
    }

    /// `now`: the simulator's, in unix seconds.
    pub fn fault(fault: &Fault, request: &str, now: i64) -> Kept {
        let mut body = fault.body();
        if fault.status != 401 {
            let log = format!("https://dashboard.stripe.com/test/logs/{request}?t={now}");
            body["error"]["request_log_url"] = json!(log);
        }
        // What Stripe's clients would not guess from the status: a lock may be free now.
        let retry = (fault.code.as_deref() == Some("lock_timeout")).then_some(true);
        Kept {
            status: fault.status,
            body: pretty(&body),
            request: request.to_owned(),
            retry,
            limited: None,
        }
    }

    /// By which limit it was refused.
    pub fn limited_by(self, limited: Option<&'static str>) -> Kept {
        Kept { limited, ..self }
    }

    /// The same key would get the same failure again: its client is told to leave it.
    pub fn for_good(mut self) -> Kept {
        if self.status >= 500 {
            self.retry = Some(false);
        }
        self
    }
}

fn pretty(value: &Value) -> Bytes {
    Bytes::from(serde_json::to_vec_pretty(value).unwrap_or_default())
}

/// What the request says that its answer repeats.
pub struct Echo<'a> {
    pub request: &'a str,
    pub version: &'a str,
    pub idempotency_key: Option<&'a str>,
    pub account: Option<&'a str>,
    pub replayed: bool,
    /// Unix seconds.
    pub now: i64,
}

pub fn respond(answer: Kept, echo: &Echo<'_>) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    put(headers, "content-type", "application/json");
    put(headers, "cache-control", "no-cache, no-store");
    put(headers, "date", &http_date(echo.now));
    put(headers, "request-id", echo.request);
    put(headers, "stripe-version", echo.version);
    if let Some(key) = echo.idempotency_key {
        put(headers, "idempotency-key", key);
        put(headers, "original-request", &answer.request);
    }
    if echo.replayed {
        put(headers, "idempotent-replayed", "true");
    }
    if let Some(account) = echo.account {
        put(headers, "stripe-account", account);
    }
    if let Some(retry) = answer.retry {
        put(
            headers,
            "stripe-should-retry",
            if retry { "true" } else { "false" },
        );
    }
    if let Some(reason) = answer.limited {
        put(headers, "stripe-rate-limited-reason", reason);
    }
    if answer.status == 401 {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"Stripe\""),
        );
    }
    response
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
