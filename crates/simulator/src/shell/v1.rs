//! `/v1`: keys, headers, idempotency and adversities around `api::call`.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::Site;
use super::adversity::Adversity;
use super::idempotency::{Begun, Kept};
use super::world::World;
use crate::api;
use crate::core::calendar::http_date;
use crate::core::{API_VERSION, Cause, Fault, Version};

pub async fn answer(
    State(site): State<Site>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let call = Call {
        method: method.as_str().to_owned(),
        path: uri.path().to_owned(),
        form: if method == Method::GET {
            uri.query().unwrap_or_default().to_owned()
        } else {
            // DELETE takes its parameters in either place.
            let query = uri.query().filter(|_| body.is_empty()).unwrap_or_default();
            format!("{query}{}", String::from_utf8_lossy(&body))
        },
        version: text(&headers, "stripe-version").map(str::to_owned),
        key: text(&headers, "idempotency-key")
            .filter(|_| method == Method::POST)
            .map(str::to_owned),
    };
    let asker = text(&headers, "user-agent").unwrap_or_default();
    let version = call.version.as_deref().unwrap_or(API_VERSION);
    site.record
        .note(&call.method, &call.path, &call.form, version, asker);
    let given = text(&headers, "authorization").and_then(secret_key);
    let (request, begun) = site.shared.with(|world| {
        let request = world.core.mint("req_");
        let begun = authorize(given.as_deref(), site.api_key.as_deref(), world)
            .and_then(|key| world.rights.check(key, &call.method, &call.path))
            .and_then(|()| call.version(world).map(drop))
            .and_then(|()| call.begin(world));
        (request, begun)
    });
    let key = given.unwrap_or_default();
    let (answer, replayed) = match begun {
        Err(fault) => (Kept::of(&fault, &request), false),
        Ok(Begun::Replay(kept)) => (kept, true),
        Ok(Begun::New) => {
            let adversity = site
                .shared
                .with(|world| world.adversities.take(&call.method, &call.path));
            if let Some(delay) = adversity.as_ref().and_then(Adversity::delay) {
                tokio::time::sleep(delay).await;
            }
            (
                site.shared
                    .with(|world| call.carry_out(world, &key, &request, adversity)),
                false,
            )
        }
    };
    let (now, version) = site.shared.read(|world| {
        let version = call
            .version(world)
            .unwrap_or_else(|_| world.core.settings().api_version);
        (world.core.now(), version)
    });
    respond(answer, &call, version, &request, now, replayed)
}

struct Call {
    method: String,
    path: String,
    form: String,
    /// `None`: the account's.
    version: Option<String>,
    key: Option<String>,
}

impl Call {
    fn version(&self, world: &World) -> Result<Version, Fault> {
        let asked = self.version.as_deref().map(api::version);
        asked.unwrap_or_else(|| Ok(world.core.settings().api_version))
    }

    fn begin(&self, world: &mut World) -> Result<Begun, Fault> {
        let Some(key) = &self.key else {
            return Ok(Begun::New);
        };
        if key.is_empty() || key.len() > 255 {
            let message = "Idempotency keys have 1 to 255 characters.";
            return Err(Fault::other(400, "idempotency_error", message).early());
        }
        let parts = [self.method.as_bytes(), self.path.as_bytes(), self.form.as_bytes()];
        world.keys.begin(key, &parts, world.core.now())
    }

    fn carry_out(
        &self,
        world: &mut World,
        secret_key: &str,
        request: &str,
        adversity: Option<Adversity>,
    ) -> Kept {
        let bad = adversity.as_ref().and_then(Adversity::fault);
        let effective = bad.is_none() || adversity.is_some_and(|it| it.took_effect());
        let outcome = if effective {
            let cause = Cause {
                request: request.to_owned(),
                idempotency_key: self.key.clone(),
            };
            world.core.set_account(world.rights.account(secret_key));
            world.core.set_cause(Some(cause));
            let outcome = self.version(world).and_then(|version| {
                api::call(&mut world.core, version, &self.method, &self.path, &self.form)
            });
            world.core.set_cause(None);
            outcome
        } else {
            Ok(serde_json::Value::Null)
        };
        let outcome = bad.map_or(outcome, Err);
        let early = outcome.as_ref().is_err_and(|fault| fault.early);
        let kept = match outcome {
            Ok(object) => Kept {
                status: 200,
                body: pretty(&object),
                request: request.to_owned(),
            },
            Err(fault) => Kept::of(&fault, request),
        };
        if let Some(key) = &self.key {
            world.keys.finish(key, (!early).then(|| kept.clone()));
        }
        kept
    }
}

impl Kept {
    fn of(fault: &Fault, request: &str) -> Kept {
        Kept {
            status: fault.status,
            body: pretty(&fault.body()),
            request: request.to_owned(),
        }
    }
}

fn pretty(value: &serde_json::Value) -> Bytes {
    Bytes::from(serde_json::to_vec_pretty(value).unwrap_or_default())
}

fn authorize<'k>(given: Option<&'k str>, api_key: Option<&str>, world: &World) -> Result<&'k str, Fault> {
    let refuse = |message: &str| Err(Fault::other(401, "invalid_request_error", message).early());
    match (given.filter(|key| !key.is_empty()), api_key) {
        (None, _) => refuse(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer \
             auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        ),
        (Some(given), Some(wanted)) if given != wanted && !world.rights.knows(given) => {
            refuse("Invalid API Key provided.")
        }
        (Some(given), _) => Ok(given),
    }
}

/// As a bearer token, or as a user without a password (`curl -u sk_test_…:`).
fn secret_key(value: &str) -> Option<String> {
    if let Some(key) = value.strip_prefix("Bearer ") {
        return Some(key.to_owned());
    }
    let decoded = BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let user = String::from_utf8(decoded).ok()?;
    Some(user.split(':').next()?.to_owned())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn respond(
    answer: Kept,
    call: &Call,
    version: Version,
    request: &str,
    now: i64,
    replayed: bool,
) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store"),
    );
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("date", &http_date(now));
    put("request-id", request);
    put("stripe-version", version.as_str());
    if let Some(key) = &call.key {
        put("idempotency-key", key);
        put("original-request", &answer.request);
    }
    if replayed {
        put("idempotent-replayed", "true");
    }
    response
}
