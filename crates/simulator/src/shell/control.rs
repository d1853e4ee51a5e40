//! `/_simulator`: what no real Stripe has. JSON in, JSON out.

mod money;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Site;
use super::adversity::Wrong;
use super::rights::NewKey;
use super::world::World;
use crate::core::{Answer, Core, CreatedSkew, Fault, NewEndpoint, Outcome};

pub fn routes() -> Router<Site> {
    Router::new()
        .route("/advance", post(advance))
        .route("/clock", get(clock))
        .route("/next_payment", post(next_payment))
        .route("/pay_invoice", post(pay_invoice))
        .route("/cancel", post(cancel))
        .route("/refund", post(refund))
        .route("/fail_refund", post(fail_refund))
        .route("/expire", post(expire))
        .route("/webhook", post(webhook))
        .route("/keys", post(keys))
        .route("/revoke", post(revoke))
        .route("/roll_secret", post(roll_secret))
        .route("/hold", post(hold))
        .route("/release", post(release))
        .route("/adversity", post(adversity).delete(calm))
        .merge(money::routes())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: i64,
}

/// In one call: everything that falls due meanwhile happens before it is answered.
const MAX_ADVANCE: i64 = 3 * 366 * 86_400;

async fn advance(State(site): State<Site>, Json(it): Json<Advance>) -> Response {
    if !(0..=MAX_ADVANCE).contains(&it.seconds) {
        let text = format!("The clock only goes forward, at most {MAX_ADVANCE} seconds at a time.");
        return reply(Err(Fault::invalid(text).param("seconds")));
    }
    site.shared.with(|world| world.core.advance(it.seconds));
    clock(State(site)).await
}

async fn clock(State(site): State<Site>) -> Response {
    let now = site.shared.with(|world| world.core.now());
    let offset = *site.shared.offset().borrow();
    reply(Ok(json!({ "now": now, "offset_micros": offset })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NextPayment {
    customer: String,
    outcome: Wanted,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Succeed,
    Fail,
}

/// Holds until it is set again.
async fn next_payment(State(site): State<Site>, Json(it): Json<NextPayment>) -> Response {
    let outcome = match it.outcome {
        Wanted::Succeed => Outcome::Succeed,
        Wanted::Fail => Outcome::Decline,
    };
    on_core(&site, &it.customer, |core| {
        core.set_payment_outcome(&it.customer, outcome)
            .map(|()| json!({}))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneInvoice {
    invoice: String,
}

async fn pay_invoice(State(site): State<Site>, Json(it): Json<OneInvoice>) -> Response {
    on_core(&site, &it.invoice, |core| core.pay_invoice(&it.invoice))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    subscription: String,
    #[serde(default)]
    at_period_end: bool,
}

async fn cancel(State(site): State<Site>, Json(it): Json<Cancel>) -> Response {
    on_core(&site, &it.subscription, |core| {
        if it.at_period_end {
            core.cancel_at_period_end(&it.subscription, true)
        } else {
            core.cancel_subscription(&it.subscription)
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    charge: Option<String>,
    payment_intent: Option<String>,
    session: Option<String>,
    invoice: Option<String>,
    amount: Option<i64>,
}

async fn refund(State(site): State<Site>, Json(it): Json<Refund>) -> Response {
    let Some(of) = it.charge.or(it.payment_intent).or(it.session).or(it.invoice) else {
        return reply(Err(Fault::invalid(
            "Name one of charge, payment_intent, session, invoice.",
        )));
    };
    on_core(&site, &of, |core| core.refund(&of, it.amount))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneRefund {
    refund: String,
}

async fn fail_refund(State(site): State<Site>, Json(it): Json<OneRefund>) -> Response {
    on_core(&site, &it.refund, |core| core.fail_refund(&it.refund))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneSession {
    session: String,
}

async fn expire(State(site): State<Site>, Json(it): Json<OneSession>) -> Response {
    on_core(&site, &it.session, |core| core.expire_session(&it.session))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: String,
    secret: String,
}

async fn webhook(State(site): State<Site>, Json(it): Json<Webhook>) -> Response {
    site.shared.with(|world| world.set_webhook(&it.url, &it.secret));
    reply(Ok(json!({})))
}

/// A key with rights of its own, or of another account.
async fn keys(State(site): State<Site>, Json(it): Json<NewKey>) -> Response {
    reply(site.shared.with(|world| world.rights.add(it).map(|()| json!({}))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    key: String,
}

/// The key is refused as expired from now on.
async fn revoke(State(site): State<Site>, Json(it): Json<Revoke>) -> Response {
    site.shared.with(|world| world.rights.revoke(&it.key));
    reply(Ok(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RollSecret {
    endpoint: String,
    #[serde(default)]
    seconds: i64,
}

/// A new secret; for so many seconds events are signed with both.
async fn roll_secret(State(site): State<Site>, Json(it): Json<RollSecret>) -> Response {
    reply(
        site.shared
            .with(|world| world.core.roll_webhook_secret(&it.endpoint, it.seconds)),
    )
}

/// Events pile up until they are released.
async fn hold(State(site): State<Site>) -> Response {
    site.shared.with(|world| world.held = true);
    reply(Ok(json!({})))
}

async fn release(State(site): State<Site>) -> Response {
    site.shared.with(|world| world.held = false);
    reply(Ok(json!({})))
}

async fn adversity(State(site): State<Site>, Json(it): Json<Value>) -> Response {
    match Wrong::read(it) {
        Ok(wrong) => {
            site.shared.with(|world| world.begin(wrong));
            reply(Ok(json!({})))
        }
        Err(error) => reply(Err(Fault::other(422, "invalid_request_error", error.to_string()))),
    }
}

/// Takes every adversity back.
async fn calm(State(site): State<Site>) -> Response {
    site.shared.with(|world| {
        world.adversities.clear();
        world.deliveries.clear();
        world.core.settings_mut().created_skew = CreatedSkew::default();
    });
    reply(Ok(json!({})))
}

impl World {
    /// The one endpoint that is managed from here: made at the first call, moved by later ones.
    pub fn set_webhook(&mut self, url: &str, secret: &str) {
        if let Some(id) = self.managed.clone()
            && self.core.move_webhook_endpoint(&id, url, secret).is_ok()
        {
            return;
        }
        let endpoint = self.core.create_webhook_endpoint(NewEndpoint {
            url: url.to_owned(),
            secret: Some(secret.to_owned()),
            enabled_events: vec!["*".to_owned()],
            ..NewEndpoint::default()
        });
        self.managed = endpoint["id"].as_str().map(str::to_owned);
    }
}

/// In the time of what `id` names.
fn on_core(site: &Site, id: &str, act: impl FnOnce(&mut Core) -> Answer) -> Response {
    reply(site.shared.with(|world| world.core.in_time_of(id, act)))
}

fn reply(answer: Answer) -> Response {
    match answer {
        Ok(value) => Json::<Value>(value).into_response(),
        Err(fault) => {
            let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(fault.body())).into_response()
        }
    }
}
