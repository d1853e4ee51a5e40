//! Where events come from.

use tollgate_domain::time::Span;
use tollgate_store::{Store, StoreError};
use tollgate_stripe::{CallError, Client, Endpoint, api_version};

use super::{Report, State};
use crate::config::{Config, Secret};
use crate::setup;

const CHECK: &str = "webhook endpoint";

/// An account that sells has an event in so long.
const QUIET_HOURS: i64 = 24;

/// Each endpoint at this URL, or each that is ours.
pub async fn check(report: &mut Report<'_>, config: &Config, stripe: &Client, url: Option<&str>) {
    let all = match stripe.endpoints().await {
        Ok(all) => all,
        Err(CallError::Forbidden { .. }) => {
            report.warn(
                CHECK,
                "the key may not see webhook endpoints",
                "give `doctor` a key with Webhook Endpoints: Read, or look in the dashboard",
            );
            return;
        }
        Err(error) => {
            report.fail(CHECK, error.to_string(), "try again");
            return;
        }
    };
    let setup = format!(
        "run `tollgate stripe setup --webhook-url {}`",
        url.unwrap_or("https://…/webhooks/stripe")
    );
    let ours = |it: &&Endpoint| match url {
        Some(url) => it.url == url,
        None => it.deployment.as_ref() == Some(&config.deployment),
    };
    let found: Vec<&Endpoint> = all.iter().filter(ours).collect();
    match found[..] {
        [] => {
            let text = match url {
                Some(url) => format!("none sends to {url}"),
                None => format!("none is of the deployment `{}`", config.deployment),
            };
            report.fail(CHECK, text, setup);
        }
        [one] => {
            let (state, text, mend) = judge(one, setup);
            report.line(state, CHECK, text, mend);
        }
        [..] => report.warn(
            CHECK,
            format!("{} of them send the same events", found.len()),
            "delete all but one in the dashboard",
        ),
    }
}

/// What is wrong with it, all in one line.
fn judge(endpoint: &Endpoint, setup: String) -> (State, String, Option<String>) {
    let mut wrong = vec![];
    if !endpoint.enabled {
        wrong.push("it is disabled".to_owned());
    }
    let missing = endpoint.missing_events();
    if !missing.is_empty() {
        wrong.push(format!("it does not send {}", missing.join(", ")));
    }
    let other = endpoint.other_events();
    if other.iter().any(|event| ["*", "invoice.created"].contains(event)) {
        wrong.push("it sends invoice.created, so an outage here would hold back your invoices".to_owned());
    }
    if !wrong.is_empty() {
        let text = format!("{}: {}", endpoint.url, wrong.join("; "));
        return (State::Fail, text, Some(setup));
    }
    if !other.is_empty() {
        let text = format!(
            "{}: it sends what nobody needs: {}",
            endpoint.url,
            other.join(", ")
        );
        return (State::Warn, text, Some(setup));
    }
    let version = api_version();
    if endpoint.api_version.as_ref() != Some(&version) {
        let has = endpoint.api_version.as_deref().unwrap_or("the account's");
        let text = format!("{}: its API version is {has}, tried is {version}", endpoint.url);
        let mend =
            "Stripe cannot change it: delete the endpoint in the dashboard, then run `tollgate stripe setup`";
        return (State::Warn, text, Some(mend.to_owned()));
    }
    if !endpoint.url.ends_with(setup::PATH) {
        let text = format!("{}: Tollgate listens at {}", endpoint.url, setup::PATH);
        let mend = "let what is between change the path, or set the endpoint's URL";
        return (State::Warn, text, Some(mend.to_owned()));
    }
    (
        State::Ok,
        format!("{} sends all that is needed", endpoint.url),
        None,
    )
}

/// Only Stripe knows whether it is the right one; an event that was stored was signed by it, or by the one before.
pub async fn secret(report: &mut Report<'_>, config: &Config, store: Option<&Store>) {
    const CHECK: &str = "webhook secret";
    let secrets = &config.stripe_webhook_secrets;
    if secrets.is_empty() || secrets.iter().any(Secret::is_empty) {
        report.fail(
            CHECK,
            "there is none",
            "put the endpoint's whsec_… in TOLLGATE_STRIPE_WEBHOOK_SECRETS; `stripe setup` prints it once, the dashboard \
             shows it",
        );
        return;
    }
    let many = secrets.len();
    let Some(store) = store else {
        return report.ok(
            CHECK,
            format!("{many} configured; without the database nobody knows whether an event came"),
        );
    };
    let trial = "make an event (`stripe trigger customer.created`); if the endpoint's page at Stripe shows 400 for it, the \
                 secret is another endpoint's";
    let came = async { Ok((store.last_event().await?, store.now().await?)) };
    match came.await {
        Ok((Some(at), now)) => {
            let hours = (now - at).0 / Span::hours(1).0;
            let text = format!(
                "{many} configured; the last event was let in {}",
                match hours {
                    0 => "within the last hour".to_owned(),
                    hours => format!("{hours} h ago"),
                }
            );
            if hours < QUIET_HOURS {
                report.ok(CHECK, text);
            } else {
                report.warn(CHECK, text, trial);
            }
        }
        Ok((None, _)) => report.warn(CHECK, format!("{many} configured; no event has ever come"), trial),
        Err(StoreError::Schema(_)) => {}
        Err(error) => report.fail(CHECK, error.to_string(), "look at Postgres's log, then try again"),
    }
}
