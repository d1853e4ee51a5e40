//! Where a bank asks the person: what `next_action` of an intent points at.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::Site;
use super::html::{button, page, refuse};
use crate::core::{Core, Fault};

pub async fn ask(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let shown = site.shared.with(|world| world.core.get_expanded(&id, &[]));
    match shown {
        Ok(intent) if intent["status"] == "requires_action" => {
            let body = format!(
                "<div class=sheet><p>Your bank wants to know that it is you. No bank is asked: this is a simulator.</p>\
                 <form method=post>{}{}</form></div>",
                button("answer", "pass", "Complete authentication"),
                button("answer", "fail", "Fail authentication"),
            );
            Html(page("Authentication", &body)).into_response()
        }
        Ok(_) => Html(page(
            "Authentication",
            "<div class=sheet><p>Nothing is asked here any more.</p></div>",
        ))
        .into_response(),
        Err(fault) => refuse(&fault),
    }
}

#[derive(Deserialize)]
pub struct Answered {
    answer: Pressed,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Pressed {
    Pass,
    Fail,
}

pub async fn answer(
    State(site): State<Site>,
    Path(id): Path<String>,
    Form(form): Form<Answered>,
) -> Response {
    let passed = matches!(form.answer, Pressed::Pass);
    let back = site
        .shared
        .with(|world| world.core.in_time_of(&id, |core| authenticate(core, &id, passed)));
    match back {
        Ok(Some(to)) => Redirect::to(&to).into_response(),
        Ok(None) => Redirect::to(&format!("/authenticate/{id}")).into_response(),
        Err(fault) => refuse(&fault),
    }
}

/// Where the browser goes then, with what Stripe tells there
/// (docs.stripe.com/payments/3d-secure/authentication-flow, "return_url").
fn authenticate(core: &mut Core, id: &str, passed: bool) -> Result<Option<String>, Fault> {
    let asked = core.get_expanded(id, &[])?;
    let back = asked["next_action"]["redirect_to_url"]["return_url"].as_str();
    let kind = asked["object"].as_str().unwrap_or_default();
    let done = if kind == "setup_intent" {
        core.authenticate_setup_intent(id, passed)
    } else {
        core.authenticate_intent(id, passed)
    };
    match done {
        // The page has told the person; whoever sent them learns it from the intent.
        Err(fault) if fault.status != 402 => return Err(fault),
        _ => {}
    }
    let status = if core.get_expanded(id, &[])?["status"] == "succeeded" {
        "succeeded"
    } else {
        "failed"
    };
    Ok(back.and_then(|back| {
        let mut url = url::Url::parse(back).ok()?;
        url.query_pairs_mut()
            .append_pair(kind, id)
            .append_pair(
                &format!("{kind}_client_secret"),
                asked["client_secret"].as_str().unwrap_or_default(),
            )
            .append_pair("redirect_status", status);
        Some(url.into())
    }))
}
