//! One HTTP/1.1 pool, and the loop that retries.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use secrecy::{ExposeSecret, SecretString};
use stripe_client_core::{CustomizedStripeRequest, StripeClient, StripeMethod, VERSION};
use tollgate_domain::time::Timestamp;
use tracing::Instrument;
use tracing::field::Empty;

use super::attempt::Attempt;
use super::budget::Priority;
use super::failure::{CallError, of_answer, retry_after};
use super::gate::{Figures, Gate};
use super::route::route;
use super::{Asked, InvalidSettings, Outcome, Settings};
use crate::encode::Encoded;
use crate::instant::parse_http_date;

/// Of spans that go to the collector, if what they are made for is followed.
const SPANS: &str = "tollgate::trace";

/// More than any object that Stripe shows.
const MAX_BODY: usize = 16 << 20;
const MAX_RETRIES: u32 = 3;
/// Requests in a second: Stripe takes 100 of a live account, which three replicas share, and 25 of a sandbox.
const LIVE: u32 = 33;
const SANDBOX: u32 = 25;
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Clones share all but the priority.
#[derive(Clone)]
pub(super) struct Transport {
    shared: Arc<Shared>,
    priority: Priority,
}

struct Shared {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    authorization: ArcSwap<HeaderValue>,
    deadline: Duration,
    observe: fn(&Asked),
    jitter: Mutex<SmallRng>,
    gate: Gate,
}

/// A request as it is sent at every attempt.
pub(super) struct Call<'a> {
    method: Method,
    /// From `/v1` on, with the query.
    path: &'a str,
    body: &'a str,
    api_version: &'a str,
    idempotency_key: Option<&'a str>,
}

/// A success.
pub(super) struct Answer {
    pub body: Bytes,
    /// Stripe's clock when it answered.
    pub date: Option<Timestamp>,
    /// From before the request until the whole answer was here.
    pub took: Duration,
    status: u16,
}

struct Failure {
    error: CallError,
    /// `None`: there was no answer.
    status: Option<u16>,
    /// `Stripe-Should-Retry`.
    advice: Option<bool>,
    /// `Stripe-Rate-Limited-Reason` is of the account and not of this endpoint alone.
    everywhere: bool,
    after: Option<Duration>,
}

impl<'a> Call<'a> {
    pub fn get(path: &'a str) -> Call<'a> {
        Call {
            method: Method::GET,
            path,
            body: "",
            api_version: VERSION.as_str(),
            idempotency_key: None,
        }
    }

    pub fn post(request: &'a Encoded, idempotency_key: &'a str) -> Call<'a> {
        Call {
            method: Method::POST,
            path: &request.path,
            body: &request.body,
            api_version: &request.api_version,
            idempotency_key: Some(idempotency_key),
        }
    }

    /// Without a key under which it could be repeated.
    pub fn post_once(request: &'a Encoded) -> Call<'a> {
        Call {
            idempotency_key: None,
            ..Call::post(request, "")
        }
    }

    fn may_repeat(&self) -> bool {
        self.method != Method::POST || self.idempotency_key.is_some()
    }
}

impl Transport {
    pub fn new(settings: &Settings, livemode: bool) -> Result<Transport, InvalidSettings> {
        let invalid = |text: &str| InvalidSettings(text.to_owned());
        let base = url::Url::parse(&settings.base_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| invalid("Stripe's base URL must be like https://api.stripe.com"))?;
        let loopback = match base.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            _ => false,
        };
        if livemode && base.scheme() == "http" && !loopback {
            return Err(invalid(
                "a live key is not sent over plain http: use https:// in Stripe's base URL",
            ));
        }
        let authorization = authorization(&settings.secret_key)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let tls = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let requests_per_second = settings.requests_per_second;
        let shared = Shared {
            pool: Pool::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(45))
                .build(tls),
            base: base.as_str().trim_end_matches('/').to_owned(),
            authorization: ArcSwap::from_pointee(authorization),
            deadline: settings.deadline,
            observe: settings.observe,
            jitter: Mutex::new(SmallRng::from_os_rng()),
            gate: Gate::new(requests_per_second.unwrap_or(if livemode { LIVE } else { SANDBOX })),
        };
        Ok(Transport {
            shared: Arc::new(shared),
            priority: Priority::Checkout,
        })
    }

    /// The same for requests of another priority.
    pub fn with_priority(&self, priority: Priority) -> Transport {
        Transport {
            priority,
            ..self.clone()
        }
    }

    pub fn figures(&self) -> Figures {
        self.shared.gate.figures()
    }

    /// Later calls are made with this key.
    pub fn use_key(&self, key: &SecretString) -> Result<(), InvalidSettings> {
        self.shared.authorization.store(Arc::new(authorization(key)?));
        Ok(())
    }

    /// Repeats what may be repeated, as long as the deadline allows.
    pub async fn call(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let Shared {
            gate,
            deadline,
            observe,
            ..
        } = &*self.shared;
        let route = route(call.path);
        let begun = tokio::time::Instant::now();
        let ends = begun + *deadline;
        let mut before = None;
        for attempt in 0_u32.. {
            let mut asked = Attempt::new(gate, *observe, &route, self.priority);
            // Whoever gets its turn has the time for it.
            if let Err(why) = asked.pass(begun + *deadline / 2).await {
                return Err(before.unwrap_or(CallError::NotSent(why)));
            }
            let span = tracing::info_span!(target: SPANS, "stripe", otel.name = format!("{} {route}", call.method),
                otel.kind = "client", otel.status_code = Empty, http.request.method = call.method.as_str(),
                http.request.resend_count = i64::from(attempt), url.template = route, http.response.status_code = Empty,
                stripe.request_id = Empty);
            let outcome = tokio::time::timeout_at(ends, self.attempt(call).instrument(span.clone())).await;
            if !matches!(outcome, Ok(Ok(_))) {
                span.record("otel.status_code", "ERROR");
            }
            asked.end(match &outcome {
                Ok(Ok(answer)) => Outcome::Answered(answer.status),
                Ok(Err(failure)) => {
                    if failure.status == Some(429) {
                        gate.refused(&route, failure.everywhere, failure.after);
                    }
                    failure.status.map_or(Outcome::Unreachable, Outcome::Answered)
                }
                Err(_) => Outcome::Late,
            });
            let Ok(outcome) = outcome else {
                tracing::warn!(method = %call.method, path = path_only(call.path), "Stripe did not answer in time");
                return Err(CallError::TimedOut);
            };
            let failure = match outcome {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let again = call.may_repeat() && attempt < MAX_RETRIES && failure.is_worth_another();
            let wait = self.wait(attempt).max(failure.after.unwrap_or_default());
            if !again || tokio::time::Instant::now() + wait >= ends {
                return Err(failure.error);
            }
            before = Some(failure.error);
            tokio::time::sleep(wait).await;
        }
        unreachable!("the number of attempts is limited")
    }

    /// Doubling, with jitter: replicas that failed together do not come back together.
    fn wait(&self, attempt: u32) -> Duration {
        let part = self
            .shared
            .jitter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .random_range(0.5..1.0);
        (FIRST_WAIT * 2_u32.saturating_pow(attempt)).mul_f64(part)
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let request = self
            .request(call)
            .map_err(|error| Failure::of(invalid_request(&error)))?;
        let started = Instant::now();
        let broken = |error: &dyn Error| Failure::of(CallError::Unreachable(chain(error)));
        let response = self.shared.pool.request(request).await.map_err(|error| {
            tracing::warn!(
                path = path_only(call.path),
                error = chain(&error),
                "Stripe cannot be reached"
            );
            broken(&error)
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY)
            .collect()
            .await
            .map_err(|error| broken(&*error))?
            .to_bytes();
        let took = started.elapsed();
        let request_id = header(&head.headers, "request-id").unwrap_or_default();
        let status = head.status.as_u16();
        tracing::debug!(method = %call.method, path = path_only(call.path), status, stripe_request_id = request_id, ?took, "asked Stripe");
        let span = tracing::Span::current();
        span.record("http.response.status_code", i64::from(status));
        span.record("stripe.request_id", request_id);
        if head.status.is_success() {
            let date = header(&head.headers, DATE.as_str()).and_then(parse_http_date);
            return Ok(Answer {
                body,
                date,
                took,
                status,
            });
        }
        let error = of_answer(head.status, &head.headers, &body);
        tracing::info!(path = path_only(call.path), status, stripe_request_id = request_id, %error, "Stripe did not do it");
        Err(Failure {
            error,
            status: Some(status),
            advice: header(&head.headers, "stripe-should-retry").and_then(|advice| advice.parse().ok()),
            everywhere: header(&head.headers, "stripe-rate-limited-reason")
                .is_some_and(|reason| reason.starts_with("global")),
            after: retry_after(&head.headers),
        })
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.shared.base, call.path))
            .header(
                AUTHORIZATION,
                HeaderValue::clone(&self.shared.authorization.load()),
            )
            .header(USER_AGENT, concat!("Tollgate/", env!("CARGO_PKG_VERSION")))
            .header("stripe-version", call.api_version);
        if let Some(key) = call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if call.method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        request.body(Full::new(Bytes::copy_from_slice(call.body.as_bytes())))
    }
}

fn authorization(key: &SecretString) -> Result<HeaderValue, InvalidSettings> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
        .map_err(|_| InvalidSettings("the Stripe secret key has characters that no key has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// async-stripe's typed requests go the same way.
impl StripeClient for Transport {
    type Err = CallError;

    async fn execute(&self, request: CustomizedStripeRequest) -> Result<Bytes, CallError> {
        let (request, overrides) = request.into_pieces();
        let key = overrides.request_strategy.and_then(|strategy| strategy.get_key());
        let query = request
            .query
            .filter(|query| !query.is_empty())
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let path = format!("/v1{}{query}", request.path);
        let call = Call {
            method: match request.method {
                StripeMethod::Get => Method::GET,
                StripeMethod::Post => Method::POST,
                StripeMethod::Delete => Method::DELETE,
            },
            path: &path,
            body: request.body.as_deref().unwrap_or_default(),
            api_version: VERSION.as_str(),
            idempotency_key: key.as_ref().map(|key| key.as_str()),
        };
        Ok(self.call(&call).await?.body)
    }
}

impl Failure {
    fn of(error: CallError) -> Failure {
        Failure {
            error,
            status: None,
            advice: None,
            everywhere: false,
            after: None,
        }
    }

    /// Stripe's own word counts first.
    fn is_worth_another(&self) -> bool {
        use CallError::{Conflict, RateLimited, Server, Unreachable};
        self.advice.unwrap_or(matches!(
            self.error,
            Unreachable(_) | RateLimited { .. } | Conflict | Server { .. }
        ))
    }
}

fn invalid_request(error: &http::Error) -> CallError {
    CallError::Rejected {
        code: None,
        param: None,
        message: format!("the request cannot be sent: {error}"),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Queries may hold what is not for logs.
fn path_only(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

/// hyper's own text says little; its causes say the rest.
fn chain(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
