//! The customer portal: plan, quantity, card, cancellation, invoices, as its configuration offers them
//! (docs.stripe.com/customer-management).

mod act;
mod show;

use std::collections::HashMap;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::Value;

use super::html::{problem, refuse};
use super::text;
use crate::core::{Core, Fault, Row};
use crate::shell::Site;

type Fields = HashMap<String, String>;

/// A portal session with what its configuration offers.
struct Portal {
    id: String,
    customer: String,
    return_url: Option<String>,
    flow: Value,
    features: Value,
}

impl Portal {
    fn find(core: &Core, id: &str) -> Result<Portal, Fault> {
        let session = core.portal(id)?.render(core);
        let configuration = core.get_expanded(text(&session, "configuration"), &[])?;
        Ok(Portal {
            id: id.to_owned(),
            customer: text(&session, "customer").to_owned(),
            // What would run in the page is no address.
            return_url: session["return_url"]
                .as_str()
                .filter(|url| url.starts_with("http"))
                .map(str::to_owned),
            flow: session["flow"].clone(),
            features: configuration["features"].clone(),
        })
    }

    fn offers(&self, feature: &str) -> bool {
        self.features[feature]["enabled"] == true
    }

    /// The subscription, if it is this customer's.
    fn subscription(&self, core: &Core, id: &str) -> Result<Value, Fault> {
        let subscription = core.get_expanded(id, &["schedule"])?;
        let own = subscription["customer"] == self.customer.as_str();
        own.then_some(subscription)
            .ok_or_else(|| Fault::missing("subscription", id))
    }

    /// What a customer may change to.
    fn prices(&self) -> impl Iterator<Item = &str> {
        let products = self.features["subscription_update"]["products"].as_array();
        let prices = products
            .into_iter()
            .flatten()
            .filter_map(|it| it["prices"].as_array());
        prices.flatten().filter_map(Value::as_str)
    }

    /// Where the deep link leads: a step and its subject.
    fn first_step(&self) -> Option<(&str, &str)> {
        let subject = |of: &str| self.flow[of]["subscription"].as_str();
        match text(&self.flow, "type") {
            "payment_method_update" => Some(("card", "new")),
            "subscription_cancel" => Some(("cancel", subject("subscription_cancel")?)),
            "subscription_update" => Some(("change", subject("subscription_update")?)),
            "subscription_update_confirm" => Some(("change", subject("subscription_update_confirm")?)),
            _ => None,
        }
    }

    /// Where the browser goes when a step is done.
    fn after(&self) -> String {
        let completion = &self.flow["after_completion"];
        let wanted = completion["redirect"]["return_url"].as_str();
        let back = wanted.filter(|_| completion["type"] == "redirect");
        back.map_or_else(|| format!("/portal/{}", self.id), str::to_owned)
    }
}

/// The start page, or where the session's flow leads first.
pub async fn home(State(site): State<Site>, Path(id): Path<String>, Query(asked): Query<Fields>) -> Response {
    let problem = asked.get("problem").map(String::as_str);
    site.shared.with(|world| {
        let shown = world.core.in_time_of(&id, |core| {
            let portal = Portal::find(core, &id)?;
            match portal.first_step() {
                Some((step, subject)) if !asked.contains_key("start") => {
                    show::step(core, &portal, step, subject, &asked)
                }
                _ => show::home(core, &portal, problem),
            }
        });
        answer(shown)
    })
}

pub async fn step(
    State(site): State<Site>,
    Path((id, step, subject)): Path<(String, String, String)>,
    Query(asked): Query<Fields>,
) -> Response {
    site.shared.with(|world| {
        answer(world.core.in_time_of(&id, |core| {
            show::step(core, &Portal::find(core, &id)?, &step, &subject, &asked)
        }))
    })
}

pub async fn submit(
    State(site): State<Site>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    let done = site.shared.with(|world| {
        world.core.in_time_of(&id, |core| {
            let portal = Portal::find(core, &id)?;
            let done = act::act(core, &portal, &fields);
            Ok((portal, done))
        })
    });
    let to = match done {
        Ok((portal, Ok(()))) => portal.after(),
        Ok((_, Err(fault))) => {
            format!("/portal/{id}?start&{}", problem(&fault))
        }
        Err(fault) => return refuse(&fault),
    };
    Redirect::to(&to).into_response()
}

fn answer(shown: Result<String, Fault>) -> Response {
    match shown {
        Ok(html) => Html(html).into_response(),
        Err(fault) => refuse(&fault),
    }
}
