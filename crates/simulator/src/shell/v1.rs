//! `/v1`: keys, headers, idempotency and adversities around `api::call`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Response, Uri};

use super::Site;
use super::adversity::{Adversity, Asked};
use super::authentication::{authorize, check_account, secret_key};
use super::clock::unix_micros;
use super::idempotency::Begun;
use super::rate_limit::{RESOURCE, exhausted, updated};
use super::reply::{Echo, Kept, respond};
use super::socket::Connection;
use super::world::World;
use crate::api;
use crate::core::{Answer, Cause, Fault, Version};

pub async fn answer(
    State(site): State<Site>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let call = Call::read(&method, &uri, &headers, body);
    let asker = headers.get("user-agent").and_then(|it| it.to_str().ok());
    call.note(&site, asker.unwrap_or_default());
    let request = site.shared.with(|world| world.core.mint("req_"));
    let named = request.clone();
    // In a task of its own: a client that goes away takes nothing back.
    let work = tokio::spawn(async move { call.serve(&site, &connection, named).await });
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, request, "a request ended in a panic");
        let echo = Echo {
            request: &request,
            version: Version::default().as_str(),
            idempotency_key: None,
            account: None,
            replayed: false,
            now: unix_micros() / 1_000_000,
        };
        respond(Kept::fault(&unknown_error(), &request, echo.now), &echo)
    })
}

fn unknown_error() -> Fault {
    Fault::other(500, "api_error", "An unknown error occurred")
}

struct Call {
    method: String,
    path: String,
    /// Or why it cannot be read.
    form: Result<String, Fault>,
    /// `None`: the account's.
    version: Option<String>,
    idempotency_key: Option<String>,
    secret_key: Option<String>,
    account: Option<String>,
}

/// Why a request is not carried out, and `Stripe-Rate-Limited-Reason`.
struct Refusal(Box<Fault>, Option<&'static str>);

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        Refusal(Box::new(fault), None)
    }
}

fn limited(reason: &'static str) -> Refusal {
    Refusal(Box::new(Fault::rate_limited()), Some(reason))
}

impl Call {
    fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Call {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        // A HEAD is a GET whose body is left out.
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        Call {
            method: method.as_str().to_owned(),
            path: uri.path().to_owned(),
            form: form(method, uri, text("content-type"), body),
            version: text("stripe-version"),
            idempotency_key: text("idempotency-key").filter(|_| method == Method::POST),
            secret_key: text("authorization").as_deref().and_then(secret_key),
            account: text("stripe-account"),
        }
    }

    fn note(&self, site: &Site, asker: &str) {
        let accounts = site.shared.read(|world| world.core.settings().api_version);
        let version = self.version.as_deref().unwrap_or(accounts.as_str());
        let form = self.form.as_deref().unwrap_or_default();
        site.record.note(&self.method, &self.path, form, version, asker);
    }

    async fn serve(self, site: &Site, connection: &Connection, request: String) -> Response<Body> {
        let begun = site.shared.with(|world| self.begin(site, world));
        let (answer, replayed) = match begun {
            Err(Refusal(fault, limited)) => {
                let now = site.shared.read(|world| world.core.now());
                let refused = Kept::fault(&fault, &request, now);
                (refused.limited_by(limited), false)
            }
            Ok(Begun::Replay(kept)) => (kept, true),
            Ok(Begun::New) => (self.meet(site, connection, &request).await, false),
        };
        let (now, version) = site.shared.read(|world| {
            let accounts = || world.core.settings().api_version;
            let version = self.version(world).unwrap_or_else(|_| accounts());
            (world.core.now(), version)
        });
        let echo = Echo {
            request: &request,
            version: version.as_str(),
            idempotency_key: self.idempotency_key.as_deref(),
            account: self.account.as_deref(),
            replayed,
            now,
        };
        respond(answer, &echo)
    }

    /// Carries it out, with whatever is to go wrong.
    async fn meet(&self, site: &Site, connection: &Connection, request: &str) -> Kept {
        let adversity = site.shared.with(|world| {
            let asked = Asked {
                method: &self.method,
                path: &self.path,
                key: self.secret_key.as_deref().unwrap_or_default(),
            };
            world.adversities.take(asked, &world.core)
        });
        if let Some(delay) = adversity.as_ref().and_then(Adversity::delay) {
            tokio::time::sleep(delay).await;
        }
        let shared = &site.shared;
        let done = catch_unwind(AssertUnwindSafe(|| {
            shared.with(|world| self.carry_out(world, request, adversity.as_ref()))
        }));
        let answer = done.unwrap_or_else(|_| shared.with(|world| self.broke(world, request)));
        if adversity.as_ref().is_some_and(Adversity::hang) {
            site.stop.cancelled().await;
        }
        if adversity.as_ref().is_some_and(Adversity::reset) {
            connection.reset();
        }
        answer
    }

    fn version(&self, world: &World) -> Result<Version, Fault> {
        let asked = self.version.as_deref().map(api::version);
        asked.unwrap_or_else(|| Ok(world.core.settings().api_version))
    }

    /// What Stripe looks at before the endpoint does anything, in this order.
    fn begin(&self, site: &Site, world: &mut World) -> Result<Begun, Refusal> {
        let key = authorize(self.secret_key.as_deref(), site.api_key.as_deref(), world)?;
        let account = world.rights.account(key).to_owned();
        let second = unix_micros().div_euclid(1_000_000);
        world
            .limiter
            .admit(second, key, &account, &self.method, &self.path)
            .map_err(limited)?;
        world.rights.check(key, &self.method, &self.path)?;
        check_account(self.account.as_deref(), key, world)?;
        let form = self.form.as_ref().map_err(Clone::clone)?;
        self.version(world)?;
        if let Some((object, most)) = updated(&world.core, &self.method, &self.path, form) {
            let admitted = world.limiter.admit_update(second, &object, most);
            admitted.map_err(limited)?;
        }
        let Some(key) = &self.idempotency_key else {
            return Ok(Begun::New);
        };
        if key.is_empty() || key.chars().count() > 255 {
            let message = "Idempotency keys have 1 to 255 characters.";
            return Err(Fault::other(400, "idempotency_error", message).early().into());
        }
        let now = world.core.now();
        Ok(world.keys.begin(&account, key, &self.path, form, now)?)
    }

    /// It ended in a panic: that is its answer from now on, and nothing that follows is a consequence of it.
    fn broke(&self, world: &mut World, request: &str) -> Kept {
        tracing::error!(request, "a request ended in a panic");
        world.core.set_cause(None);
        world.core.limit_invoices(None);
        let kept = Kept::fault(&unknown_error(), request, world.core.now());
        self.keep(world, kept.for_good())
    }

    /// What a repetition of the request is told.
    fn keep(&self, world: &mut World, kept: Kept) -> Kept {
        if let Some(key) = &self.idempotency_key {
            let account = self.account_of_key(world);
            world.keys.finish(&account, key, Some(kept.clone()));
        }
        kept
    }

    fn account_of_key(&self, world: &World) -> String {
        let key = self.secret_key.as_deref().unwrap_or_default();
        world.rights.account(key).to_owned()
    }

    fn carry_out(&self, world: &mut World, request: &str, adversity: Option<&Adversity>) -> Kept {
        let account = self.account_of_key(world);
        let bad = adversity.and_then(Adversity::fault);
        let effective = bad.is_none() || adversity.is_some_and(Adversity::took_effect);
        let mut over = false;
        let outcome = if effective {
            let cause = Cause {
                request: request.to_owned(),
                idempotency_key: self.idempotency_key.clone(),
            };
            let old = adversity.and_then(|it| it.state.as_ref());
            let mut old = old.map(|state| state.lock().unwrap_or_else(PoisonError::into_inner));
            let version = self.version(world);
            let core = old.as_deref_mut().unwrap_or(&mut world.core);
            core.set_account(&account);
            core.set_cause(Some(cause));
            let form = self.form.as_deref().unwrap_or_default();
            let limited = (world.limiter.is_on())
                .then(|| exhausted(core, &self.method, &self.path, form))
                .flatten();
            core.limit_invoices(limited);
            let outcome = self
                .form
                .clone()
                .and_then(|form| api::call(core, version?, &self.method, &self.path, &form));
            core.limit_invoices(None);
            core.set_cause(None);
            over = outcome.as_ref().is_err_and(|fault| fault.status == 429);
            outcome
        } else {
            Ok(serde_json::Value::Null)
        };
        let now = world.core.now();
        let kept = |outcome: Answer| match outcome {
            Ok(object) => Kept::object(&object, request),
            Err(fault) => Kept::fault(&fault, request, now).limited_by(over.then_some(RESOURCE)),
        };
        // A refusal of which Stripe keeps nothing: what took effect in spite of it is what a repetition is told.
        if let (Some(refusal), true) = (bad.as_ref().filter(|it| it.early), effective) {
            self.keep(world, kept(outcome).for_good());
            return Kept::fault(refusal, request, now);
        }
        let outcome = bad.map_or(outcome, Err);
        let early = outcome.as_ref().is_err_and(|fault| fault.early);
        let kept = kept(outcome);
        match &self.idempotency_key {
            None => kept,
            Some(_) if !early => self.keep(world, kept.for_good()),
            Some(key) => {
                world.keys.finish(&account, key, None);
                kept
            }
        }
    }
}

/// The parameters: of the query, and of the body of what is not a GET.
fn form(
    method: &Method,
    uri: &Uri,
    content_type: Option<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<String, Fault> {
    let query = uri.query().unwrap_or_default();
    let body = body.map_err(|_| {
        let message = "The request's body is too large.";
        Fault::other(413, "invalid_request_error", message).early()
    })?;
    if method == Method::GET || body.is_empty() {
        return Ok(query.to_owned());
    }
    let content_type = content_type.unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    // The second API speaks JSON (docs.stripe.com/api-v2-overview).
    let wanted = if uri.path().starts_with("/v2/") {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    if !kind.eq_ignore_ascii_case(wanted) {
        let message = format!(
            "Invalid request: unsupported Content-Type {content_type}. If error persists and you need assistance, \
             please contact support@stripe.com."
        );
        return Err(Fault::invalid(message).early());
    }
    let body = String::from_utf8_lossy(&body);
    Ok(if query.is_empty() {
        body.into_owned()
    } else {
        format!("{query}&{body}")
    })
}
