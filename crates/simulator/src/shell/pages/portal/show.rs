//! The portal's pages.

use serde_json::Value;

use super::super::html::{alert, button, escape, field, money, page};
use super::super::{every, methods, text};
use super::act;
use super::{Fields, Portal};
use crate::core::calendar::readable;
use crate::core::{Core, Fault, Row};

pub fn home(core: &Core, portal: &Portal, problem: Option<&str>) -> Result<String, Fault> {
    let mut body = alert(problem);
    body.push_str("<h2>Plans</h2>");
    let mut any = false;
    for subscription in core.subscriptions().of(&portal.customer).rev() {
        any = true;
        body.push_str(&plan(core, portal, &portal.subscription(core, &subscription.id)?));
    }
    if !any {
        body.push_str("<p class=note>There is none.</p>");
    }
    if portal.offers("payment_method_update") {
        body.push_str(&format!(
            "<h2>Payment method</h2><div class=\"sheet apart\"><span>{}</span><a class=button \
             href=\"/portal/{}/card/new\">Add card</a></div>",
            card(core, &portal.customer)?,
            escape(&portal.id),
        ));
    }
    if portal.offers("invoice_history") {
        body.push_str("<h2>Invoices</h2><div class=sheet><ul class=plain>");
        for invoice in core.invoices().of(&portal.customer).rev() {
            body.push_str(&line(portal, &invoice.render(core)));
        }
        body.push_str("</ul></div>");
    }
    if let Some(url) = &portal.return_url {
        body.push_str(&format!(
            "<p><a href=\"{}\">Back to the shop</a></p>",
            escape(url)
        ));
    }
    Ok(page("Your billing", &body))
}

fn plan(core: &Core, portal: &Portal, it: &Value) -> String {
    let item = &it["items"]["data"][0];
    let currency = text(it, "currency");
    let status = text(it, "status");
    let over = matches!(status, "canceled" | "incomplete_expired");
    let mut shown = format!(
        "<div class=sheet><div class=apart><strong>{} × {}</strong><span class=tag>{}</span></div><p class=note>{} {}</p>",
        escape(&name_of(core, &item["price"])),
        item["quantity"],
        escape(status),
        money(item["price"]["unit_amount"].as_i64().unwrap_or(0), currency),
        every(&item["price"]["recurring"]),
    );
    let until = |value: &Value| value.as_i64().map(readable).unwrap_or_default();
    let ends = it["cancel_at"].is_i64() && !over;
    let note = if over {
        format!("Ended {}.", until(&it["ended_at"]))
    } else if ends {
        format!("Ends {}.", until(&it["cancel_at"]))
    } else {
        format!("Renews {}.", until(&item["current_period_end"]))
    };
    shown.push_str(&format!("<p class=note>{}</p>", escape(&note)));
    if let Some(next) = it["schedule"]["phases"][1]["items"][0]
        .as_object()
        .filter(|_| !over)
    {
        let price = next["price"]
            .as_str()
            .and_then(|id| core.get_expanded(id, &[]).ok());
        shown.push_str(&format!(
            "<p class=good>From then on: {} × {}.</p>",
            escape(&price.map(|it| name_of(core, &it)).unwrap_or_default()),
            next["quantity"],
        ));
    }
    let id = escape(text(it, "id"));
    let portal_id = escape(&portal.id);
    if over {
        shown.push_str("</div>");
        return shown;
    }
    shown.push_str("<div class=row>");
    if portal.offers("subscription_update") && portal.prices().next().is_some() {
        shown.push_str(&format!(
            "<a class=button href=\"/portal/{portal_id}/change/{id}\">Change plan</a>"
        ));
    }
    if portal.offers("subscription_cancel") {
        if ends {
            shown.push_str(&format!(
                "<form method=post action=\"/portal/{portal_id}\"><input type=hidden name=subject value=\"{id}\">{}</form>",
                button("action", "keep", "Keep plan")
            ));
        } else {
            shown.push_str(&format!(
                "<a class=button href=\"/portal/{portal_id}/cancel/{id}\">Cancel plan</a>"
            ));
        }
    }
    shown.push_str("</div></div>");
    shown
}

fn line(portal: &Portal, it: &Value) -> String {
    let mut shown = format!(
        "<li class=apart><span>{} <span class=tag>{}</span></span><span class=amount>{}</span>",
        match it["hosted_invoice_url"].as_str() {
            Some(url) => format!("<a href=\"{}\">{}</a>", escape(url), escape(text(it, "number"))),
            None => "draft".to_owned(),
        },
        escape(text(it, "status")),
        money(it["total"].as_i64().unwrap_or(0), text(it, "currency")),
    );
    if it["status"] == "open" {
        shown.push_str(&format!(
            "<form method=post action=\"/portal/{}\"><input type=hidden name=subject value=\"{}\">{}</form>",
            escape(&portal.id),
            escape(text(it, "id")),
            button("action", "pay", "Pay it"),
        ));
    }
    shown.push_str("</li>");
    shown
}

fn card(core: &Core, customer: &str) -> Result<String, Fault> {
    let shown = core.get_expanded(customer, &["invoice_settings.default_payment_method"])?;
    let card = &shown["invoice_settings"]["default_payment_method"]["card"];
    Ok(match card["last4"].as_str() {
        Some(last4) => format!("{} ending in {}", escape(text(card, "brand")), escape(last4)),
        None => "None for renewals, unless a plan has its own.".to_owned(),
    })
}

fn name_of(core: &Core, price: &Value) -> String {
    let product = core.get_expanded(text(price, "product"), &[]);
    product.map(|it| text(&it, "name").to_owned()).unwrap_or_default()
}

pub fn step(
    core: &Core,
    portal: &Portal,
    step: &str,
    subject: &str,
    asked: &Fields,
) -> Result<String, Fault> {
    let (title, inner) = match step {
        "card" if portal.offers("payment_method_update") => ("Add a card", add_card(portal)),
        "cancel" if portal.offers("subscription_cancel") => ("Cancel plan", cancel(core, portal, subject)?),
        "change" if portal.offers("subscription_update") => match asked.get("price") {
            None => ("Change plan", change(core, portal, subject)?),
            Some(price) => {
                let quantity = act::quantity(asked.get("quantity").map(String::as_str))?;
                (
                    "Confirm the change",
                    confirm(core, portal, subject, price, quantity)?,
                )
            }
        },
        _ => return Err(Fault::missing("page", step)),
    };
    let id = escape(&portal.id);
    let body = format!(
        "<div class=sheet>{inner}</div><p><a href=\"/portal/{id}?start\">Back to your billing</a></p>"
    );
    Ok(page(title, &body))
}

/// Opens a form of the portal that does `action` to `subject`.
fn form(portal: &Portal, action: &str, subject: &str) -> String {
    format!(
        "<form method=post action=\"/portal/{}\"><input type=hidden name=action value={action}><input type=hidden \
         name=subject value=\"{}\">",
        escape(&portal.id),
        escape(subject)
    )
}

fn add_card(portal: &Portal) -> String {
    format!(
        "{}{}<button class=main>Save card</button></form>",
        form(portal, "card", ""),
        methods::choice(&["card"])
    )
}

fn cancel(core: &Core, portal: &Portal, id: &str) -> Result<String, Fault> {
    let it = portal.subscription(core, id)?;
    let at_once = portal.features["subscription_cancel"]["mode"] == "immediately";
    let when = it["items"]["data"][0]["current_period_end"]
        .as_i64()
        .map(readable)
        .unwrap_or_default();
    let says = if at_once {
        "The plan ends at once.".to_owned()
    } else {
        format!("The plan stays until {when}, and is not renewed.")
    };
    Ok(format!(
        "<p>{}</p>{}<button class=main>Cancel plan</button></form>",
        escape(&says),
        form(portal, "cancel", id)
    ))
}

fn change(core: &Core, portal: &Portal, id: &str) -> Result<String, Fault> {
    let it = portal.subscription(core, id)?;
    let item = &it["items"]["data"][0];
    let mut shown = format!(
        "<form method=get action=\"/portal/{}/change/{}\"><fieldset><legend>Plan</legend>",
        escape(&portal.id),
        escape(id)
    );
    for price in portal.prices() {
        let price = core.get_expanded(price, &[])?;
        let checked = if price["id"] == item["price"]["id"] {
            " checked"
        } else {
            ""
        };
        let name = name_of(core, &price);
        shown.push_str(&format!(
            "<label class=choice><input type=radio name=price value=\"{}\" required aria-label=\"{}\"{checked}><span>{}<br><span \
             class=note>{} {}</span></span></label>",
            escape(text(&price, "id")),
            escape(&name),
            escape(&name),
            money(price["unit_amount"].as_i64().unwrap_or(0), text(&price, "currency")),
            every(&price["recurring"]),
        ));
    }
    shown.push_str("</fieldset>");
    let allowed = &portal.features["subscription_update"]["default_allowed_updates"];
    let quantity = item["quantity"].to_string();
    if allowed
        .as_array()
        .is_some_and(|it| it.iter().any(|it| it == "quantity"))
    {
        shown.push_str(&field(
            "Quantity",
            "quantity",
            &quantity,
            "type=number min=1 max=999999 required",
        ));
    } else {
        shown.push_str(&format!("<input type=hidden name=quantity value={quantity}>"));
    }
    shown.push_str("<button class=main>Continue</button></form>");
    Ok(shown)
}

/// What it costs is tried out on a copy of everything.
fn confirm(
    core: &Core,
    portal: &Portal,
    id: &str,
    price: &str,
    quantity: Option<u64>,
) -> Result<String, Fault> {
    let it = portal.subscription(core, id)?;
    let item = &it["items"]["data"][0];
    let mut tried = core.clone();
    let before = tried.invoices().of(&portal.customer).count();
    tried.portal_change(&portal.id, id, Some(price), quantity)?;
    let then = tried.get_expanded(id, &[])?;
    let due = if then["schedule"].is_string() {
        let end = item["current_period_end"].as_i64().map(readable);
        format!(
            "Nothing is due today. The change comes {}.",
            end.unwrap_or_default()
        )
    } else {
        let invoices = tried.invoices().of(&portal.customer).skip(before);
        let due = invoices.filter_map(|invoice| invoice.render(&tried)["amount_due"].as_i64());
        format!("Due today: {}.", money(due.sum(), text(&it, "currency")))
    };
    let wanted = core.get_expanded(price, &[])?;
    let quantity = quantity.map_or_else(|| item["quantity"].to_string(), |it| it.to_string());
    Ok(format!(
        "<p><strong>{} × {quantity}</strong>, {} {}</p><p>{}</p>{}<input type=hidden name=price value=\"{}\"><input type=hidden \
         name=quantity value={quantity}><button class=main>Confirm</button></form>",
        escape(&name_of(core, &wanted)),
        money(
            wanted["unit_amount"].as_i64().unwrap_or(0),
            text(&wanted, "currency")
        ),
        every(&wanted["recurring"]),
        escape(&due),
        form(portal, "change", id),
        escape(price),
    ))
}
