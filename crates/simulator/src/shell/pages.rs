//! Pages that a person can click: checkout, portal, invoice. They work without scripts, by keyboard and on a phone.

pub mod authenticate;
pub mod checkout;
mod html;
mod methods;
pub mod portal;

use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

use super::Site;
use crate::core::calendar::readable;
use html::{escape, money, page, refuse};

/// What is here, for whoever opens the base URL.
pub async fn index(State(site): State<Site>) -> Response {
    let (now, events) = site
        .shared
        .with(|world| (world.core.now(), world.core.events(0).len()));
    let body = format!(
        "<div class=sheet><p>It is {} here. {events} events so far.</p><p>API under <code>/v1</code>, checkout pages under \
         <code>/pay/…</code>, portal pages under <code>/portal/…</code>, clock and outcomes under \
         <code>/_simulator</code>.</p></div>",
        readable(now)
    );
    Html(page("Stripe simulator", &body)).into_response()
}

/// What `hosted_invoice_url` points at.
pub async fn invoice(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let shown = site.shared.with(|world| world.core.get_expanded(&id, &[]));
    match shown {
        Ok(it) => {
            let currency = text(&it, "currency");
            let amount = |of: &Value| money(of["amount"].as_i64().unwrap_or(0), currency);
            let lines: String = it["lines"]["data"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|line| {
                    format!(
                        "<tr><td>{}</td><td class=amount>{}</td></tr>",
                        escape(text(line, "description")),
                        amount(line)
                    )
                })
                .collect();
            let body = format!(
                "<div class=sheet><p><span class=tag>{}</span></p><table>{lines}<tr class=total><th \
                 scope=row>Total</th><td class=amount>{}</td></tr></table></div>",
                escape(text(&it, "status")),
                money(it["total"].as_i64().unwrap_or(0), currency),
            );
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

fn every(recurring: &Value) -> String {
    match (
        recurring["interval"].as_str(),
        recurring["interval_count"].as_u64(),
    ) {
        (Some(interval), Some(1)) => format!("every {}", escape(interval)),
        (Some(interval), Some(count)) => format!("every {count} {}s", escape(interval)),
        _ => "once".to_owned(),
    }
}
