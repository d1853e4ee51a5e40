//! The hosted checkout page: what is bought, how it is paid.

use std::collections::HashMap;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

use super::html::{alert, button, escape, field, money, page, problem, refuse};
use super::methods;
use super::{every, text};
use crate::core::{Core, Fault};
use crate::shell::Site;

#[derive(Deserialize)]
pub struct Asked {
    /// What went wrong at the last press.
    problem: Option<String>,
}

pub async fn show(State(site): State<Site>, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    site.shared.with(
        |world| match checkout_page(&world.core, &id, asked.problem.as_deref()) {
            Ok(html) => Html(html).into_response(),
            Err(fault) => refuse(&fault),
        },
    )
}

fn checkout_page(core: &Core, id: &str, problem: Option<&str>) -> Result<String, Fault> {
    let session = core.get_expanded(id, &["line_items"])?;
    let currency = text(&session, "currency");
    let total = money(session["amount_total"].as_i64().unwrap_or(0), currency);
    let open = session["status"] == "open";
    let setup = session["mode"] == "setup";
    let mut body = String::from("<div class=columns><section class=sheet aria-label=\"What you buy\">");
    if setup {
        body.push_str("<p>Save a payment method for later. Nothing is due today.</p>");
    } else {
        body.push_str(&format!(
            "<p class=note>Due today</p><p class=due>{total}</p>{}",
            summary(&session, currency, open)
        ));
    }
    if open && session["allow_promotion_codes"] == true {
        body.push_str(&format!(
            "<form method=post class=row>{}{}</form>",
            field(
                "Promotion code",
                "promotion_code",
                "",
                "autocomplete=off required"
            ),
            button("outcome", "promotion", "Apply"),
        ));
    }
    if let Some(url) = session["cancel_url"].as_str() {
        body.push_str(&format!(
            "<p><a href=\"{}\">Back to the shop</a></p>",
            escape(url)
        ));
    }
    body.push_str("</section><section class=sheet aria-label=Payment>");
    body.push_str(&alert(problem));
    if core.session_waits(id) && open {
        body.push_str(
            "<h2>Your bank asks who you are</h2><p>3-D Secure: complete the authentication, or let it \
             fail.</p><form method=post class=row>",
        );
        body.push_str(&button("outcome", "authenticate", "Complete"));
        body.push_str(&button("outcome", "fail_authentication", "Fail"));
        body.push_str("</form>");
    } else if open {
        body.push_str(&payment(&session, &total));
    } else {
        body.push_str(&format!(
            "<p>This session is {}.</p>",
            escape(text(&session, "status"))
        ));
    }
    body.push_str("</section></div>");
    let title = if setup { "Save a card" } else { "Checkout" };
    Ok(page(title, &body))
}

/// The lines, what is taken off, what is due.
fn summary(session: &Value, currency: &str, open: bool) -> String {
    let mut rows = String::from("<table>");
    for item in session["line_items"]["data"].as_array().into_iter().flatten() {
        let name = escape(item["description"].as_str().unwrap_or("?"));
        rows.push_str(&format!(
            "<tr><td>{name}<br><span class=note>{} × {} {}</span>{}</td><td class=amount>{}</td></tr>",
            item["quantity"],
            money(item["price"]["unit_amount"].as_i64().unwrap_or(0), currency),
            every(&item["price"]["recurring"]),
            quantity(item, &name, open),
            money(item["amount_subtotal"].as_i64().unwrap_or(0), currency),
        ));
    }
    let off = session["total_details"]["amount_discount"].as_i64().unwrap_or(0);
    if off > 0 {
        rows.push_str(&format!(
            "<tr><td>Discount</td><td class=amount>{}</td></tr>",
            money(-off, currency)
        ));
    }
    let total = money(session["amount_total"].as_i64().unwrap_or(0), currency);
    rows.push_str(&format!(
        "<tr class=total><th scope=row>Total due today</th><td class=amount>{total}</td></tr></table>"
    ));
    rows
}

fn quantity(item: &Value, name: &str, open: bool) -> String {
    let adjustable = &item["adjustable_quantity"];
    if !open || adjustable["enabled"] != true {
        return String::new();
    }
    let bound = |name: &str, otherwise: u64| adjustable[name].as_u64().unwrap_or(otherwise);
    let attributes = format!(
        "type=number required min={} max={}",
        bound("minimum", 1),
        bound("maximum", 99)
    );
    let now = item["quantity"].as_u64().unwrap_or(1).to_string();
    // `name` is escaped already.
    format!(
        "<form method=post class=row><input type=hidden name=item value=\"{}\"><label>Quantity of {name}<input \
         name=quantity value={now} {attributes}></label>{}</form>",
        escape(text(item, "id")),
        button("outcome", "quantity", "Update"),
    )
}

fn payment(session: &Value, total: &str) -> String {
    let mut form = String::from("<form method=post>");
    let known = session["customer_details"]["email"]
        .as_str()
        .or(session["customer_email"].as_str());
    match known {
        Some(email) => form.push_str(&format!("<p class=note>{}</p>", escape(email))),
        None if session["customer"].is_null() => form.push_str(&field(
            "Email",
            "email",
            "",
            "type=email autocomplete=email required",
        )),
        None => {}
    }
    let free = session["amount_total"] == 0 && session["mode"] != "setup";
    if free && session["payment_method_collection"] == "if_required" {
        form.push_str("<p>Nothing is due, so no payment method is needed.</p>");
    } else {
        let types: Vec<&str> = session["payment_method_types"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        form.push_str(&methods::choice(&types));
    }
    let label = match session["mode"].as_str() {
        Some("setup") => "Save card".to_owned(),
        Some("subscription") => "Subscribe".to_owned(),
        _ => format!("Pay {total}"),
    };
    form.push_str(&format!(
        "<button class=\"main wide\" name=outcome value=pay>{}</button></form>",
        escape(&label)
    ));
    form
}

/// Where the browser goes then, or what the person reads above the form that is there again.
pub async fn submit(
    State(site): State<Site>,
    Path(id): Path<String>,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    let pressed = site.shared.with(|world| {
        world.core.get_expanded(&id, &[])?;
        Ok(world.core.in_time_of(&id, |core| press(core, &id, &fields)))
    });
    let here = format!("/pay/{id}");
    match pressed {
        Ok(Ok(to)) => Redirect::to(to.as_deref().unwrap_or(&here)).into_response(),
        Ok(Err(fault)) => Redirect::to(&format!("{here}?{}", problem(&fault))).into_response(),
        Err(fault) => refuse(&fault),
    }
}

/// `None`: back to the page.
fn press(core: &mut Core, id: &str, fields: &HashMap<String, String>) -> Result<Option<String>, Fault> {
    let given = |name: &str| fields.get(name).map(|it| it.trim()).filter(|it| !it.is_empty());
    let session = core.get_expanded(id, &[])?;
    match given("outcome") {
        Some("pay") => {
            // Pressed twice: the second time it is paid already.
            if session["status"] != "complete" {
                if let Some(email) = given("email") {
                    core.enter_email(id, email)?;
                }
                core.pay_session_with(id, &methods::chosen(&given))?;
            }
        }
        Some("authenticate") => {
            core.authenticate_session(id, true)?;
        }
        Some("fail_authentication") => {
            core.authenticate_session(id, false)?;
        }
        Some("promotion") => {
            core.enter_promotion_code(id, given("promotion_code").unwrap_or_default())?;
        }
        Some("quantity") => {
            let quantity = given("quantity").and_then(|it| it.parse().ok());
            let wrong = || Fault::invalid("The quantity has to be a whole number.");
            core.enter_quantity(id, given("item").unwrap_or_default(), quantity.ok_or_else(wrong)?)?;
        }
        _ => return Err(Fault::invalid("Press one of the buttons.")),
    }
    let complete = core.get_expanded(id, &[])?["status"] == "complete";
    if complete { core.success_url(id) } else { Ok(None) }
}
