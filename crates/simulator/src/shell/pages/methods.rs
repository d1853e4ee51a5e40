//! How to pay: a card, or a bank account, by Stripe's test numbers (docs.stripe.com/testing).

use super::html::field;

/// Number, and what it does.
const CARDS: &[(&str, &str)] = &[
    ("4242 4242 4242 4242", "works"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "has insufficient funds"),
    ("4000 0025 0000 3155", "asks for an authentication"),
    ("4000 0000 0000 0341", "works once, then is declined"),
    ("4000 0000 0000 0259", "is disputed"),
];
const IBANS: &[(&str, &str)] = &[
    ("DE89 3704 0044 0532 0130 00", "settles at once"),
    ("DE08 3704 0044 0532 0130 03", "settles later"),
    ("DE78 3704 0044 0532 0130 04", "fails later"),
];
const ACCOUNTS: &[(&str, &str)] = &[
    ("000123456789", "settles"),
    ("000111111116", "fails: the account is closed"),
];

/// The choice among `types`, and the fields of each.
pub fn choice(types: &[&str]) -> String {
    let mut form = String::from("<fieldset><legend>Payment method</legend>");
    let known: Vec<&Method> = METHODS.iter().filter(|it| types.contains(&it.kind)).collect();
    for (at, method) in known.iter().enumerate() {
        form.push_str(&format!(
            "<label class=choice><input type=radio name=method value={} data-fields={}{}>{}</label>",
            method.kind,
            method.fields,
            if at == 0 { " checked" } else { "" },
            method.label,
        ));
    }
    form.push_str("</fieldset>");
    for method in &known {
        form.push_str(&format!("<div class=of-{}>", method.fields));
        let list = format!("numbers-{}", method.kind);
        let attributes = format!(
            "list={list} inputmode={} autocomplete=off placeholder=\"{}\"",
            method.input, method.numbers[0].0
        );
        form.push_str(&field(method.number, method.kind, "", &attributes));
        form.push_str(&format!("<datalist id={list}>"));
        for (number, does) in method.numbers {
            form.push_str(&format!("<option value=\"{number}\">{does}</option>"));
        }
        form.push_str("</datalist>");
        form.push_str("<details><summary>Test numbers</summary><table>");
        for (number, does) in method.numbers {
            form.push_str(&format!("<tr><td><code>{number}</code></td><td>{does}</td></tr>"));
        }
        form.push_str("</table></details></div>");
    }
    form
}

struct Method {
    /// Stripe's type.
    kind: &'static str,
    label: &'static str,
    /// Which fields the style sheet shows.
    fields: &'static str,
    /// What its number is called.
    number: &'static str,
    input: &'static str,
    numbers: &'static [(&'static str, &'static str)],
}

const METHODS: &[Method] = &[
    Method {
        kind: "card",
        label: "Card",
        fields: "card",
        number: "Card number",
        input: "numeric",
        numbers: CARDS,
    },
    Method {
        kind: "sepa_debit",
        label: "SEPA Direct Debit",
        fields: "sepa",
        number: "IBAN",
        input: "text",
        numbers: IBANS,
    },
    Method {
        kind: "us_bank_account",
        label: "US bank account",
        fields: "ach",
        number: "Account number",
        input: "numeric",
        numbers: ACCOUNTS,
    },
];

/// The number that was entered, without blanks; the first of its kind where the field was left empty.
pub fn chosen<'f>(given: &impl Fn(&str) -> Option<&'f str>) -> String {
    let kind = given("method").unwrap_or("card");
    let method = METHODS.iter().find(|it| it.kind == kind).unwrap_or(&METHODS[0]);
    let number = given(method.kind).unwrap_or(method.numbers[0].0);
    number
        .chars()
        .filter(|it| !it.is_whitespace() && *it != '-')
        .collect()
}
