//! Whether Stripe is there, whose the key is, and what it may do.

use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Deployment, Store};
use tollgate_stripe::wanted::{Needs, PERMISSIONS, Permission};
use tollgate_stripe::{CallError, Client};

use super::Report;
use crate::app;
use crate::config::{Config, Secret};

/// Stripe's `Date` has whole seconds, and an answer takes a while.
const USUAL_SKEW: Span = Span::seconds(5);

/// `None`: there is nobody to ask.
pub async fn check(report: &mut Report<'_>, config: &Config, store: Option<&Store>) -> Option<Client> {
    // What is wrong with the setting was told.
    let stripe = app::stripe(config).ok()?;
    let contact = match stripe.contact().await {
        Ok(contact) => contact,
        Err(error) => {
            report.fail("stripe", error.to_string(), mend(&error, &config.stripe_base_url));
            return None;
        }
    };
    let account = contact.account.as_deref();
    report.ok(
        "stripe",
        format!(
            "the key is good, of {}",
            account.unwrap_or("an account it may not name")
        ),
    );
    let pinned = match store {
        Some(store) => store.deployment().await.ok().flatten(),
        None => None,
    };
    mode(report, &stripe, pinned.as_ref());
    self::account(report, config, account, pinned.as_ref());
    match contact.at {
        Some(at) => clock(report, config, at),
        None => report.warn(
            "clock",
            "the key may read nothing that tells Stripe's time",
            "give the key the permissions that `tollgate stripe setup --dry-run` lists",
        ),
    }
    permissions(report, config, &stripe).await;
    Some(stripe)
}

/// What to do about a call that failed. `place`: where Stripe is looked for.
pub fn mend(error: &CallError, place: &str) -> String {
    match error {
        CallError::Unauthorized => {
            "copy a key from the dashboard's page for API keys to TOLLGATE_STRIPE_SECRET_KEY".to_owned()
        }
        CallError::Forbidden { .. } => {
            "give TOLLGATE_STRIPE_SECRET_KEY a key with it; docs/stripe.md lists the permissions".to_owned()
        }
        CallError::Unreachable(_) | CallError::TimedOut => {
            format!("let this machine reach {place} (firewall, proxy, DNS)")
        }
        _ => "look at https://status.stripe.com, then try again".to_owned(),
    }
}

fn mode(report: &mut Report<'_>, stripe: &Client, pinned: Option<&Deployment>) {
    let name = |live| if live { "live" } else { "test" };
    let key = name(stripe.livemode());
    match pinned {
        Some(pinned) if pinned.livemode != stripe.livemode() => report.fail(
            "mode",
            format!(
                "the key is of {key} mode and this database holds {} mode",
                name(pinned.livemode)
            ),
            "use a key of that mode, or another database in TOLLGATE_DATABASE_URL",
        ),
        Some(_) => report.ok("mode", format!("{key}, as pinned in the database")),
        None => report.ok("mode", format!("{key}; the first start pins it")),
    }
}

fn account(report: &mut Report<'_>, config: &Config, account: Option<&str>, pinned: Option<&Deployment>) {
    let pinned = pinned.and_then(|it| it.account.as_deref());
    let wanted = config.stripe_account.as_deref();
    if let (Some(wanted), Some(other)) = (wanted, pinned.or(account))
        && wanted != other
    {
        let whose = if pinned.is_some() {
            "this database holds"
        } else {
            "the key is of"
        };
        report.fail(
            "account",
            format!("TOLLGATE_STRIPE_ACCOUNT is {wanted}, and {whose} {other}"),
            format!("set TOLLGATE_STRIPE_ACCOUNT to {other}, or use a key and a database of {wanted}"),
        );
        return;
    }
    let Some(account) = account else {
        report.warn(
            "account",
            "the key may not name its account, so a key of another one would not be noticed",
            "give the key `Account: Read`, or set TOLLGATE_STRIPE_ACCOUNT",
        );
        return;
    };
    match pinned.or(wanted) {
        Some(held) if held != account => report.fail(
            "account",
            format!("the key is of {account}, and held is {held}"),
            format!("use a key of {held}, or a new database for {account}"),
        ),
        Some(_) => report.ok("account", format!("{account}, as pinned")),
        None => report.ok("account", format!("{account}; the first start pins it")),
    }
}

fn clock(report: &mut Report<'_>, config: &Config, at: Timestamp) {
    let ahead = Timestamp::from_unix(app::unix_now()) - at;
    let seconds = ahead.0 / Span::seconds(1).0;
    let direction = if seconds < 0 { "behind" } else { "ahead of" };
    let text = format!("this machine's is {} s {direction} Stripe's", seconds.abs());
    let mend = "let this machine follow NTP";
    if ahead.0.abs() > config.webhook_tolerance.0 / 2 {
        let text = format!("{text}; webhooks are refused beyond TOLLGATE_WEBHOOK_TOLERANCE");
        report.fail("clock", text, mend);
    } else if ahead.0.abs() > USUAL_SKEW.0 {
        report.warn("clock", text, mend);
    } else {
        report.ok("clock", "this machine's agrees with Stripe's");
    }
}

async fn permissions(report: &mut Report<'_>, config: &Config, stripe: &Client) {
    const CHECK: &str = "key permissions";
    let restricted = |key: &Secret| key.expose().starts_with("rk_");
    if !config.stripe_secret_key.as_ref().is_some_and(restricted) {
        report.ok(
            CHECK,
            "a secret key may do everything; a restricted one would be enough",
        );
        return;
    }
    let (mut missing, mut unknown) = (vec![], vec![]);
    for permission in PERMISSIONS {
        match stripe.may(permission).await {
            Ok(()) => {}
            Err(CallError::Forbidden { permissions, .. }) => missing.push((permission, permissions)),
            Err(error) => unknown.push(format!("{}: {error}", permission.name)),
        }
    }
    let mut told = missing.is_empty() && unknown.is_empty();
    if told {
        report.ok(CHECK, format!("all {} are there", PERMISSIONS.len()));
    }
    for needs in [Needs::Service, Needs::Setup] {
        let some: Vec<_> = missing.iter().filter(|(it, _)| it.needs == needs).collect();
        if some.is_empty() {
            continue;
        }
        told = true;
        let list = |text: &dyn Fn(&Permission) -> String| {
            let all: Vec<String> = some.iter().map(|(permission, _)| text(permission)).collect();
            all.join(", ")
        };
        let words: Vec<&str> = some
            .iter()
            .flat_map(|(_, words)| words)
            .map(String::as_str)
            .collect();
        let rows = list(&|it| format!("{}: {}", it.name, it.access.as_str()));
        if needs == Needs::Service {
            report.fail(
                CHECK,
                format!("the key lacks {}", words.join(", ")),
                format!("edit the key in the dashboard and set {rows}"),
            );
        } else {
            report.warn(
                CHECK,
                format!(
                    "the service does without {}; setup and doctor do not",
                    words.join(", ")
                ),
                format!("give `stripe setup` and `doctor` a key with {rows}"),
            );
        }
    }
    if !unknown.is_empty() {
        report.warn(
            CHECK,
            format!("Stripe did not say of {}", unknown.join(", ")),
            "try again",
        );
    } else if !told {
        report.ok(CHECK, "all that the service needs are there");
    }
}
