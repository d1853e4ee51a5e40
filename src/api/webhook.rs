//! Stripe's door: verify, keep, then 2xx. What is answered with anything else, Stripe sends again for three days.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::Semaphore;
use tollgate_domain::time::Span;
use tollgate_store::{Accepted, NewEvent, StoreError};
use tollgate_stripe::envelope;
use tollgate_stripe::signature::{Secrets, verify};
use tracing::Instrument;

use crate::pipeline::inbox::{Inbox, MAX_ID, new_event};
use crate::telemetry::metric::{self, PLAIN};
use crate::telemetry::trace;

/// The path of Stripe's endpoint.
pub const PATH: &str = "/webhooks/stripe";

/// What the door lets in.
#[derive(Clone)]
pub struct Settings {
    /// Replaced while one is rolled.
    pub secrets: Arc<ArcSwap<Secrets>>,
    /// How far a signature's time may be from real time.
    pub tolerance: Span,
    /// In bytes.
    pub body_limit: usize,
    /// For a whole body to come.
    pub read_timeout: Duration,
    /// Bodies in memory at a time; more wait, then are sent away.
    pub concurrency: usize,
    /// Real time in unix seconds.
    pub unix_now: fn() -> i64,
}

#[derive(Clone)]
struct Door {
    inbox: Inbox,
    settings: Arc<Settings>,
    places: Arc<Semaphore>,
}

/// The one route.
pub fn router(inbox: Inbox, settings: Settings) -> Router {
    let places = Arc::new(Semaphore::new(settings.concurrency));
    Router::new().route(PATH, post(receive)).with_state(Door {
        inbox,
        settings: Arc::new(settings),
        places,
    })
}

async fn receive(State(door): State<Door>, request: Request<Body>) -> Response {
    let begun = Instant::now();
    // Stripe sends no context, and a stranger's must not decide what is followed.
    let span = trace::incoming("POST /webhooks/stripe", None);
    let answer = door.receive(request).instrument(span.clone()).await;
    let outcome = match &answer {
        Ok(Accepted::Stored) => "stored",
        Ok(Accepted::Duplicate) => "duplicate",
        Err(refusal) => refusal.0.as_str(),
    };
    metric::WEBHOOK_REQUESTS.count([outcome.to_owned()]);
    metric::WEBHOOK_DURATION.record(PLAIN, begun.elapsed());
    let answer = match answer {
        Ok(_) => StatusCode::OK.into_response(),
        Err(Refusal(status, text)) if status == StatusCode::SERVICE_UNAVAILABLE => {
            (status, [(RETRY_AFTER, "5")], text).into_response()
        }
        Err(Refusal(status, text)) => (status, text).into_response(),
    };
    if !span.is_none() {
        span.record("http.request.method", "POST");
        span.record("http.route", PATH);
        span.record("http.response.status_code", i64::from(answer.status().as_u16()));
        if answer.status().is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
    }
    answer
}

struct Refusal(StatusCode, String);

fn refuse<T>(status: StatusCode, text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(status, text.into() + "\n"))
}

impl Door {
    async fn receive(&self, request: Request<Body>) -> Result<Accepted, Refusal> {
        let limit = self.settings.body_limit;
        let too_large = || {
            refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {limit} bytes"),
            )
        };
        let declared = request
            .headers()
            .get("content-length")
            .and_then(|length| length.to_str().ok()?.parse().ok());
        if declared.is_some_and(|length: usize| length > limit) {
            return too_large();
        }
        let place = tokio::time::timeout(self.settings.read_timeout, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many events at a time; send it again",
            );
        };
        let (parts, body) = request.into_parts();
        let read =
            tokio::time::timeout(self.settings.read_timeout, Limited::new(body, limit).collect()).await;
        let body = match read {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(),
            Ok(Err(_)) => return refuse(StatusCode::BAD_REQUEST, "the body did not come whole"),
            Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        };
        let event = self.read(&parts.headers, body)?;
        match self.inbox.accept(event).await {
            Ok(accepted) => Ok(accepted),
            Err(StoreError::Invalid(_)) => refuse(
                StatusCode::BAD_REQUEST,
                "the event has text that cannot be stored",
            ),
            Err(error) => {
                tracing::error!(%error, "an event could not be stored");
                refuse(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the event could not be stored; send it again",
                )
            }
        }
    }

    /// Nothing of what did not come from Stripe is looked into.
    fn read(&self, headers: &HeaderMap, body: Bytes) -> Result<NewEvent, Refusal> {
        let header = headers
            .get("stripe-signature")
            .and_then(|value| value.to_str().ok());
        let Settings {
            secrets,
            tolerance,
            unix_now,
            ..
        } = &*self.settings;
        if let Err(error) = verify(header, &body, &secrets.load(), unix_now(), *tolerance) {
            tracing::warn!(%error, "a webhook was refused");
            return refuse(
                StatusCode::BAD_REQUEST,
                format!("{error}: check the endpoint's signing secret in TOLLGATE_STRIPE_WEBHOOK_SECRETS"),
            );
        }
        let head = envelope(&body).or_else(|error| {
            refuse(
                StatusCode::BAD_REQUEST,
                format!("this is no event of Stripe's: {error}"),
            )
        })?;
        let event = new_event(head, body, trace::here());
        event.map_or_else(
            || {
                refuse(
                    StatusCode::BAD_REQUEST,
                    format!("the event's id is longer than {MAX_ID} bytes"),
                )
            },
            Ok,
        )
    }
}
