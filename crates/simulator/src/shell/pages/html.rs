//! The little HTML that the pages need. Everything that comes from outside goes through [`escape`].

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::core::Fault;

pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A whole page; `body` is markup.
pub fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    let style = include_str!("style.css");
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width, \
         initial-scale=1\"><link rel=icon href=\"data:,\"><title>{title} · Stripe simulator</title>\
         <style>{style}</style></head><body><aside class=banner aria-label=Simulator>A simulator of Stripe. No real money \
         moves; do not enter a real card.</aside><main><h1>{title}</h1>{body}</main></body></html>\n"
    )
}

/// A button that sends its form.
pub fn button(name: &str, value: &str, label: &str) -> String {
    format!("<button name={name} value={value}>{}</button>", escape(label))
}

/// A labelled input; `attributes` is markup.
pub fn field(label: &str, name: &str, value: &str, attributes: &str) -> String {
    format!(
        "<label>{}<input name=\"{}\" value=\"{}\" {attributes}></label>",
        escape(label),
        escape(name),
        escape(value),
    )
}

/// An amount in the smallest unit, as a person reads it.
pub fn money(amount: i64, currency: &str) -> String {
    let currency = currency.to_uppercase();
    // Stripe's zero-decimal currencies (docs.stripe.com/currencies).
    const WHOLE: [&str; 16] = [
        "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
        "XOF", "XPF",
    ];
    let sign = if amount < 0 { "-" } else { "" };
    let unit = match currency.as_str() {
        "EUR" => "€".to_owned(),
        "USD" => "$".to_owned(),
        "GBP" => "£".to_owned(),
        "JPY" => "¥".to_owned(),
        other => format!("{} ", escape(other)),
    };
    let amount = amount.unsigned_abs();
    if WHOLE.contains(&currency.as_str()) {
        return format!("{sign}{unit}{amount}");
    }
    format!("{sign}{unit}{}.{:02}", amount / 100, amount % 100)
}

/// What went wrong, as a page of its own.
pub fn refuse(fault: &Fault) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = format!("<p class=bad role=alert>{}</p>", escape(&fault.message));
    (status, Html(page("That did not work", &body))).into_response()
}

/// What went wrong, in the query of the page that is shown again.
pub fn problem(fault: &Fault) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("problem", &fault.message)
        .finish()
}

/// Above what has to be done again.
pub fn alert(message: Option<&str>) -> String {
    message.map_or(String::new(), |it| {
        format!("<p class=bad role=alert>{}</p>", escape(it))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_cannot_become_markup() {
        assert_eq!(escape("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        assert_eq!(money(1, "<b>"), "&lt;B&gt; 0.01");
    }

    #[test]
    fn amounts_are_written_in_their_currency() {
        assert_eq!(money(1999, "usd"), "$19.99");
        assert_eq!(money(-500, "jpy"), "-¥500");
        assert_eq!(money(5, "chf"), "CHF 0.05");
    }
}
