//! Pages that a person can click: checkout, portal, invoice.

mod html;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

use super::Site;
use crate::core::calendar::readable;
use crate::core::{Core, Fault, Outcome};
use html::{button, escape, money, page};

/// What is here, for whoever opens the base URL.
pub async fn index(State(site): State<Site>) -> Response {
    let (now, events) = site
        .shared
        .with(|world| (world.core.now(), world.core.events(0).len()));
    let body = format!(
        "<p>It is {} here. {events} events so far.</p><p>API under <code>/v1</code>, checkout pages under \
         <code>/pay/…</code>, portal pages under <code>/portal/…</code>, clock and outcomes under \
         <code>/_simulator</code>.</p>",
        readable(now)
    );
    Html(page("Stripe simulator", &body)).into_response()
}

#[derive(Deserialize)]
pub struct PayQuery {
    declined: Option<bool>,
}

pub async fn pay(
    State(site): State<Site>,
    Path(id): Path<String>,
    Query(query): Query<PayQuery>,
) -> Response {
    site.shared.with(
        |world| match pay_page(&world.core, &id, query.declined == Some(true)) {
            Ok(html) => Html(html).into_response(),
            Err(fault) => refuse(&fault),
        },
    )
}

fn pay_page(core: &Core, id: &str, declined: bool) -> Result<String, Fault> {
    let session = core.get_expanded(id, &["line_items"])?;
    let currency = text(&session, "currency");
    let mut body = String::new();
    if declined {
        body.push_str("<p class=bad>The card was declined. Nothing was charged; try again.</p>");
    }
    body.push_str("<table>");
    for item in session["line_items"]["data"].as_array().into_iter().flatten() {
        let recurring = &item["price"]["recurring"];
        let every = match (
            recurring["interval"].as_str(),
            recurring["interval_count"].as_u64(),
        ) {
            (Some(interval), Some(1)) => format!("every {interval}"),
            (Some(interval), Some(count)) => format!("every {count} {interval}s"),
            _ => "once".to_owned(),
        };
        body.push_str(&format!(
            "<tr><td>{} × {}</td><td>{}</td><td class=amount>{}</td></tr>",
            item["quantity"],
            escape(item["description"].as_str().unwrap_or("?")),
            escape(&every),
            money(item["amount_total"].as_i64().unwrap_or(0), currency),
        ));
    }
    let total = money(session["amount_total"].as_i64().unwrap_or(0), currency);
    body.push_str(&format!(
        "<tr class=total><td colspan=2>Due today</td><td class=amount>{total}</td></tr></table>"
    ));
    match session["status"].as_str() {
        Some("open") => {
            body.push_str("<form method=post>");
            body.push_str(&button("outcome", "pay", &format!("Pay {total}")));
            body.push_str(&button("outcome", "decline", "Decline"));
            body.push_str(&button("outcome", "cancel", "Cancel"));
            body.push_str("</form><p class=note>Pay uses a card that works, Decline one that does not. No real money moves.</p>");
        }
        status => body.push_str(&format!(
            "<p>This session is {}.</p>",
            escape(status.unwrap_or("gone"))
        )),
    }
    Ok(page(&format!("Pay {total}"), &body))
}

#[derive(Deserialize)]
pub struct Submitted {
    outcome: Press,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Press {
    Pay,
    Decline,
    Cancel,
}

pub async fn submit(
    State(site): State<Site>,
    Path(id): Path<String>,
    Form(submitted): Form<Submitted>,
) -> Response {
    let to = site.shared.with(|world| {
        world
            .core
            .in_time_of(&id, |core| press(core, &id, &submitted.outcome))
    });
    match to {
        Ok(to) => Redirect::to(&to).into_response(),
        Err(fault) => refuse(&fault),
    }
}

/// Where the browser goes then.
fn press(core: &mut Core, id: &str, press: &Press) -> Result<String, Fault> {
    let here = format!("/pay/{id}");
    match press {
        Press::Pay => {
            // Pressed twice: the second time it is paid already.
            if core.get_expanded(id, &[])?["status"] != "complete" {
                core.pay_session(id)?;
            }
            Ok(core.success_url(id)?.unwrap_or(here))
        }
        Press::Decline => {
            core.decline_session(id)?;
            Ok(format!("{here}?declined=true"))
        }
        Press::Cancel => {
            let session = core.get_expanded(id, &[])?;
            Ok(session["cancel_url"].as_str().map_or(here, str::to_owned))
        }
    }
}

pub async fn portal(State(site): State<Site>, Path(id): Path<String>) -> Response {
    site.shared.with(|world| match portal_page(&world.core, &id) {
        Ok(html) => Html(html).into_response(),
        Err(fault) => refuse(&fault),
    })
}

fn portal_page(core: &Core, id: &str) -> Result<String, Fault> {
    let portal = core
        .portals()
        .get(id)
        .ok_or_else(|| Fault::missing("billing_portal.session", id))?;
    let mut body = String::from("<h2>Subscriptions</h2>");
    for subscription in core.subscriptions().of(&portal.customer).rev() {
        let it = core.get_expanded(&subscription.id, &[])?;
        let ends = it["cancel_at"]
            .as_i64()
            .map_or(String::new(), |at| format!(", ends {}", readable(at)));
        let until = it["items"]["data"][0]["current_period_end"]
            .as_i64()
            .map(readable)
            .unwrap_or_default();
        body.push_str(&format!(
            "<p><b>{}</b>: {}, period until {until}{ends}</p><form method=post>\
             <input type=hidden name=subject value=\"{0}\">",
            escape(&subscription.id),
            escape(text(&it, "status")),
        ));
        if !subscription.status.is_terminal() && core.portal_offers(portal, "subscription_cancel") {
            let ends = subscription.cancel_at.is_some();
            let (action, label) = if ends {
                ("resume", "Keep it")
            } else {
                ("cancel", "Cancel at period end")
            };
            body.push_str(&button("action", action, label));
        }
        body.push_str("</form>");
    }
    if core.portal_offers(portal, "subscription_update") {
        body.push_str("<p>A change of the plan is offered too; this page does not simulate it.</p>");
    }
    body.push_str("<h2>Invoices</h2>");
    let invoices = core.invoices().of(&portal.customer).rev();
    for invoice in invoices.filter(|_| core.portal_offers(portal, "invoice_history")) {
        let it = core.get_expanded(&invoice.id, &[])?;
        body.push_str(&format!(
            "<p><b>{}</b>: {}, {}</p>",
            escape(it["number"].as_str().unwrap_or("draft")),
            money(invoice.total, text(&it, "currency")),
            escape(text(&it, "status")),
        ));
        if it["status"] == "open" {
            body.push_str(&format!(
                "<form method=post><input type=hidden name=subject value=\"{}\">{}</form>",
                escape(&invoice.id),
                button("action", "pay", "Pay it"),
            ));
        }
    }
    body.push_str("<h2>Card</h2><form method=post><input type=hidden name=subject value=\"\">");
    body.push_str(&button("action", "good_card", "Use a card that works"));
    body.push_str(&button("action", "bad_card", "Use a card that is declined"));
    body.push_str("</form>");
    if let Some(url) = portal.return_url.as_deref().filter(|url| url.starts_with("http")) {
        body.push_str(&format!("<p><a href=\"{}\">Back</a></p>", escape(url)));
    }
    Ok(page("Customer portal", &body))
}

#[derive(Deserialize)]
pub struct PortalAction {
    action: Action,
    #[serde(default)]
    subject: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Cancel,
    Resume,
    Pay,
    GoodCard,
    BadCard,
}

pub async fn portal_submit(
    State(site): State<Site>,
    Path(id): Path<String>,
    Form(form): Form<PortalAction>,
) -> Response {
    let done = site
        .shared
        .with(|world| world.core.in_time_of(&id, |core| portal_act(core, &id, &form)));
    match done {
        Ok(()) => Redirect::to(&format!("/portal/{id}")).into_response(),
        Err(fault) => refuse(&fault),
    }
}

/// Only on what belongs to the portal's customer.
fn portal_act(core: &mut Core, id: &str, form: &PortalAction) -> Result<(), Fault> {
    let portal = core
        .portals()
        .get(id)
        .ok_or_else(|| Fault::missing("billing_portal.session", id))?;
    let customer = portal.customer.clone();
    let of_customer = |core: &Core| {
        let subject = core.get_expanded(&form.subject, &[])?;
        let own = subject["customer"] == customer.as_str();
        own.then_some(())
            .ok_or_else(|| Fault::missing("object", &form.subject))
    };
    match form.action {
        Action::Cancel | Action::Resume => {
            of_customer(core)?;
            core.cancel_at_period_end(&form.subject, matches!(form.action, Action::Cancel))
                .map(|_| ())
        }
        Action::Pay => {
            of_customer(core)?;
            core.pay_invoice(&form.subject).map(|_| ())
        }
        Action::GoodCard => core.set_payment_outcome(&customer, Outcome::Succeed),
        Action::BadCard => core.set_payment_outcome(&customer, Outcome::Decline),
    }
}

/// What `hosted_invoice_url` points at.
pub async fn invoice(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let shown = site.shared.with(|world| world.core.get_expanded(&id, &[]));
    match shown {
        Ok(it) => {
            let total = money(it["total"].as_i64().unwrap_or(0), text(&it, "currency"));
            let body = format!("<p>{total}, {}</p>", escape(text(&it, "status")));
            Html(page(
                &format!("Invoice {}", it["number"].as_str().unwrap_or("draft")),
                &body,
            ))
            .into_response()
        }
        Err(fault) => refuse(&fault),
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn refuse(fault: &Fault) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = format!("<p class=bad>{}</p>", escape(&fault.message));
    (status, Html(page("That did not work", &body))).into_response()
}
