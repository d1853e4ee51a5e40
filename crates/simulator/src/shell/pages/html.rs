//! The little HTML that the pages need. Everything that comes from outside goes through [`escape`].

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

pub fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1a1f36}}\
         table{{width:100%;border-collapse:collapse}}td{{padding:.5rem 0;border-bottom:1px solid #e3e8ee}}\
         .amount{{text-align:right}}.total td{{font-weight:600}}\
         button{{font:inherit;padding:.6rem 1rem;margin:.8rem .5rem 0 0;border:1px solid #c1c9d2;border-radius:6px;\
         background:#fff;cursor:pointer}}button[value=pay]{{background:#635bff;border-color:#635bff;color:#fff}}\
         .bad{{color:#b3093c}}.note{{color:#697386;font-size:.9rem}}</style>\
         <h1>{title}</h1>{body}</html>\n"
    )
}

pub fn button(name: &str, value: &str, label: &str) -> String {
    format!("<button name={name} value={value}>{}</button>", escape(label))
}

/// An amount in the smallest unit, as a person reads it.
pub fn money(amount: i64, currency: &str) -> String {
    let currency = escape(&currency.to_uppercase());
    // Stripe's zero-decimal currencies.
    const WHOLE: [&str; 16] = [
        "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
        "XOF", "XPF",
    ];
    if WHOLE.contains(&currency.as_str()) {
        return format!("{currency} {amount}");
    }
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    format!("{currency} {sign}{}.{:02}", amount / 100, amount % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_cannot_become_markup() {
        assert_eq!(escape("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
    }

    #[test]
    fn amounts_are_written_in_their_currency() {
        assert_eq!(money(1999, "usd"), "USD 19.99");
        assert_eq!(money(500, "jpy"), "JPY 500");
    }
}
