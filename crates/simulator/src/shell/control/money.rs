//! What people and banks do to payments.

use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;

use super::{Site, on_core, reply};
use crate::core::{Decision, Fault};

pub fn routes() -> Router<Site> {
    Router::new()
        .route("/pay_session", post(pay_session))
        .route("/authenticate", post(authenticate))
        .route("/dispute", post(dispute))
        .route("/decide_dispute", post(decide_dispute))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaySession {
    session: String,
    /// A name or number of one of Stripe's test methods.
    payment_method: String,
}

async fn pay_session(State(site): State<Site>, Json(it): Json<PaySession>) -> Response {
    on_core(&site, &it.session, |core| {
        core.pay_session_with(&it.session, &it.payment_method)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Authenticate {
    session: Option<String>,
    payment_intent: Option<String>,
    setup_intent: Option<String>,
    passed: bool,
}

async fn authenticate(State(site): State<Site>, Json(it): Json<Authenticate>) -> Response {
    match (it.session, it.payment_intent, it.setup_intent) {
        (None, None, Some(id)) => on_core(&site, &id, |core| core.authenticate_setup_intent(&id, it.passed)),
        (Some(id), None, None) => on_core(&site, &id, |core| core.authenticate_session(&id, it.passed)),
        (None, Some(id), None) => on_core(&site, &id, |core| core.authenticate_intent(&id, it.passed)),
        _ => reply(Err(Fault::invalid(
            "Name one of session, payment_intent, setup_intent.",
        ))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disputed {
    /// A charge, payment intent, checkout session or invoice.
    of: String,
    #[serde(default)]
    reason: Reason,
    #[serde(default)]
    inquiry: bool,
}

/// Stripe's, of cards.
#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    #[default]
    Fraudulent,
    ProductNotReceived,
    SubscriptionCanceled,
    Duplicate,
    General,
}

async fn dispute(State(site): State<Site>, Json(it): Json<Disputed>) -> Response {
    let reason = match it.reason {
        Reason::Fraudulent => "fraudulent",
        Reason::ProductNotReceived => "product_not_received",
        Reason::SubscriptionCanceled => "subscription_canceled",
        Reason::Duplicate => "duplicate",
        Reason::General => "general",
    };
    on_core(&site, &it.of, |core| core.dispute(&it.of, reason, it.inquiry))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    dispute: String,
    outcome: Outcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Won,
    Lost,
    Escalated,
    Closed,
}

async fn decide_dispute(State(site): State<Site>, Json(it): Json<Decided>) -> Response {
    let decision = match it.outcome {
        Outcome::Won => Decision::Won,
        Outcome::Lost => Decision::Lost,
        Outcome::Escalated => Decision::Escalated,
        Outcome::Closed => Decision::Closed,
    };
    on_core(&site, &it.dispute, |core| {
        core.decide_dispute(&it.dispute, decision)
    })
}
