//! Stripe's requests, read into commands of the core. Pure: a method, a path and a form in, an object or a fault out.

mod balance;
mod buy;
mod coupons;
mod customers;
mod destinations;
mod disputes;
mod endpoints;
mod entitlements;
mod intents;
mod invoice_items;
mod invoices;
mod list;
mod money;
mod older;
mod params;
mod payment_methods;
mod portal;
mod price_data;
mod prices;
mod products;
mod schedules;
mod setup_intents;
mod subscription_items;
mod subscriptions;
mod test_clocks;
mod watch;

use serde_json::Value;

use crate::core::{Answer, Core, Fault, Version};
use params::Params;

/// Resources that Stripe has. A route of theirs that is not simulated is said to be so instead of guessed at.
const RESOURCES: &[&str] = &[
    "account",
    "account_links",
    "account_sessions",
    "accounts",
    "apple_pay",
    "application_fees",
    "balance",
    "balance_transactions",
    "billing",
    "billing_portal",
    "charges",
    "checkout",
    "climate",
    "confirmation_tokens",
    "country_specs",
    "coupons",
    "credit_notes",
    "crypto",
    "customer_sessions",
    "customers",
    "disputes",
    "entitlements",
    "ephemeral_keys",
    "events",
    "exchange_rates",
    "external_accounts",
    "file_links",
    "files",
    "financial_connections",
    "forwarding",
    "identity",
    "invoice_payments",
    "invoiceitems",
    "invoices",
    "issuing",
    "mandates",
    "payment_attempt_records",
    "payment_intents",
    "payment_links",
    "payment_method_configurations",
    "payment_method_domains",
    "payment_methods",
    "payment_records",
    "payouts",
    "plans",
    "prices",
    "products",
    "promotion_codes",
    "quotes",
    "radar",
    "refunds",
    "reporting",
    "reviews",
    "setup_attempts",
    "setup_intents",
    "shipping_rates",
    "sigma",
    "sources",
    "subscription_items",
    "subscription_schedules",
    "subscriptions",
    "tax",
    "tax_codes",
    "tax_ids",
    "tax_rates",
    "terminal",
    "test_helpers",
    "tokens",
    "topups",
    "transfers",
    "treasury",
    "webhook_endpoints",
];

/// A released version that is simulated.
///
/// # Errors
/// As Stripe refuses one that does not exist; said so of one that is too old.
pub fn version(text: &str) -> Result<Version, Fault> {
    let date = text.split('.').next().unwrap_or_default();
    let is_date = date.len() == 10 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    Version::parse(text).ok_or_else(|| {
        if is_date && text < Version::OLDEST.as_str() {
            Fault::not_simulated(&format!("API version {text}"))
        } else {
            let message = format!("Invalid Stripe API version: {text}");
            Fault::other(400, "invalid_request_error", message).early()
        }
    })
}

/// One call. `form`: the query of a GET, the body of a POST. The answer is in the shapes of this version, whose names
/// `expand` uses; the other parameters have the names of the newest.
///
/// # Errors
/// As Stripe refuses it.
pub fn call(core: &mut Core, version: Version, method: &str, path: &str, form: &str) -> Answer {
    let older = (method == "POST")
        .then(|| older::modern(version, path, form))
        .flatten();
    let mut params = if path.starts_with("/v2/") && method == "POST" {
        Params::of_json(form)?
    } else {
        Params::parse(older.as_deref().unwrap_or(form))?
    };
    let expand = params.texts("expand")?;
    // What cannot be expanded is found in the answer, when the command has taken effect; Stripe refuses it before. And a
    // price is made before it is known that what it is for can be.
    core.forget_inline_prices();
    let makes_price = params.mentions("price_data");
    let before = (method != "GET" && (makes_price || !expand.is_empty())).then(|| core.clone());
    let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let subject = subject(&steps, &params);
    let routed = core.in_time_of(&subject, |core| route(core, version, method, &steps, &mut params));
    let answer = match routed.unwrap_or_else(|| Err(unknown(method, path, &steps))) {
        Ok(answer) => answer,
        Err(fault) => {
            if let Some(before) = before.filter(|_| makes_price) {
                *core = before;
            }
            return Err(fault);
        }
    };
    if let ("GET", Some((noun, id))) = (method, addressed(&steps))
        && answer["id"] == id
        && answer["object"] != noun.as_str()
    {
        return Err(Fault::missing(&noun, id));
    }
    let expand: Vec<&str> = expand.iter().map(String::as_str).collect();
    core.shown_and_expanded(version, answer, &expand)
        .map_err(|fault| {
            if let Some(before) = before {
                *core = before;
            }
            fault.early()
        })
}

/// What the call is about, as far as time goes: the object that the path names, else the customer (or what is a
/// customer's) that a parameter names.
fn subject(steps: &[&str], params: &Params) -> String {
    let named = |step: &&str| step.contains('_') && step.chars().any(|c| c.is_ascii_digit());
    let of_path = steps.iter().skip(2).find(|step| named(step)).copied();
    let of_params = || {
        [
            "customer",
            "subscription",
            "invoice",
            "payment_intent",
            "charge",
            "test_clock",
        ]
        .iter()
        .find_map(|name| params.peek(name))
    };
    let found = if steps.get(1) == Some(&"test_helpers") {
        None
    } else {
        of_path.or_else(of_params)
    };
    found.unwrap_or_default().to_owned()
}

fn route(core: &mut Core, version: Version, method: &str, steps: &[&str], params: &mut Params) -> Routed {
    match (method, steps) {
        (_, steps) if steps.contains(&"") || steps.last() == Some(&"search") || previews(steps) => None,
        (_, ["v1", "customers", id, "payment_methods", rest @ ..]) => {
            payment_methods::of_customer(core, method, id, rest, params)
        }
        (_, ["v1", "invoice_payments", rest @ ..]) => invoices::payments(core, method, rest, params),
        (_, ["v1", "setup_intents", rest @ ..]) => setup_intents::call(core, method, rest, params),
        (_, ["v1", "customers", id, "balance_transactions", rest @ ..]) => {
            balance::call(core, method, id, rest, params)
        }
        (_, ["v1", "payment_methods", rest @ ..]) => payment_methods::call(core, method, rest, params),
        (_, ["v1", "customers", rest @ ..]) => customers::call(core, method, rest, params),
        (_, ["v1", "products", rest @ ..]) => products::call(core, method, rest, params),
        (_, ["v1", "prices", rest @ ..]) => prices::call(core, method, rest, params),
        (_, ["v1", "coupons", rest @ ..]) => coupons::coupons(core, method, rest, params),
        (_, ["v1", "promotion_codes", rest @ ..]) => coupons::promotion_codes(core, method, rest, params),
        (_, ["v1", "checkout", "sessions", rest @ ..]) => buy::sessions(core, method, rest, params),
        (_, ["v1", "billing_portal", rest @ ..]) => portal::call(core, method, rest, params),
        (_, ["v1", "subscriptions", rest @ ..]) => subscriptions::call(core, method, rest, params),
        (_, ["v1", "subscription_items", rest @ ..]) => subscription_items::call(core, method, rest, params),
        (_, ["v1", "subscription_schedules", rest @ ..]) => schedules::call(core, method, rest, params),
        (_, ["v1", "invoiceitems", rest @ ..]) => invoice_items::call(core, method, rest, params),
        (_, ["v1", "invoices", rest @ ..]) => invoices::call(core, version, method, rest, params),
        (_, ["v1", "charges", rest @ ..]) => money::charges(core, method, rest, params),
        (_, ["v1", "payment_intents", rest @ ..]) => intents::call(core, method, rest, params),
        (_, ["v1", "refunds", rest @ ..]) => money::refunds(core, method, rest, params),
        (_, ["v1", "events", rest @ ..]) => watch::events(core, method, rest, params),
        (_, ["v2", "core", rest @ ..]) => destinations::call(core, method, rest, params),
        (_, ["v1", "webhook_endpoints", rest @ ..]) => endpoints::call(core, method, rest, params),
        ("GET", ["v1", "account"]) => Some(params.finish().map(|()| watch::account(core))),
        (_, ["v1", "disputes", rest @ ..]) => disputes::call(core, method, rest, params),
        (_, ["v1", "entitlements", rest @ ..]) => entitlements::call(core, method, rest, params),
        (_, ["v1", "test_helpers", "test_clocks", rest @ ..]) => {
            test_clocks::call(core, method, rest, params)
        }
        _ => None,
    }
}

/// Names of actions, which are no invoice's.
fn previews(steps: &[&str]) -> bool {
    matches!(steps, ["v1", "invoices", "create_preview" | "upcoming", ..])
}

/// What the path alone says that the object is: `checkout.session` and the id of `/v1/checkout/sessions/cs_…`.
fn addressed<'a>(steps: &[&'a str]) -> Option<(String, &'a str)> {
    let (id, resource) = match steps {
        ["v1", resource, id] => (id, (*resource).to_owned()),
        [
            "v1",
            space @ ("checkout" | "billing_portal" | "entitlements" | "test_helpers"),
            resource,
            id,
        ] => (id, format!("{space}.{resource}")),
        _ => return None,
    };
    Some((resource.strip_suffix('s')?.to_owned(), id))
}

/// `None`: no such route.
type Routed = Option<Result<Value, Fault>>;

fn unknown(method: &str, path: &str, steps: &[&str]) -> Fault {
    match steps {
        ["v1", resource, rest @ ..]
            if matches!(method, "GET" | "POST" | "DELETE")
                && !rest.contains(&"")
                && RESOURCES.contains(resource) =>
        {
            Fault::not_simulated(&format!("{method} {path}"))
        }
        _ => {
            let hint = if path.ends_with('/') {
                " If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an \
                 object, make sure you passed a valid (non-empty) identifier in your code."
            } else {
                ""
            };
            let message = format!("Unrecognized request URL ({method}: {path}).{hint}");
            Fault::other(404, "invalid_request_error", message).early()
        }
    }
}
