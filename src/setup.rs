//! Makes Stripe's side as it has to be, as often as one likes: the webhook endpoint, what the customer portal offers. And
//! drafts a catalog from what is sold there.

mod draft;
mod portal;

use anyhow::{Context, Result, bail};
use secrecy::SecretString;
use tollgate_domain::catalog::Catalog;
use tollgate_stripe::{Client, Endpoint, api_version};

pub use draft::draft;
pub use portal::offers;

/// Where the service listens for events.
pub const PATH: &str = crate::api::webhook::PATH;

/// What setup did, or with a dry run would do.
#[derive(Debug, Default)]
pub struct Done {
    pub lines: Vec<String>,
    /// Of the endpoint that was made: never told again.
    pub secret: Option<SecretString>,
    pub changes: usize,
}

impl Done {
    fn change(&mut self, dry: bool, did: &str, would: &str, what: &str) {
        self.changes += 1;
        let verb = if dry { would } else { did };
        self.lines.push(format!("{verb} {what}"));
    }

    fn note(&mut self, text: String) {
        self.lines.push(text);
    }
}

/// The endpoint and the portal's configuration, found by our mark; what is as it should be is left alone.
///
/// # Errors
/// The URL is none, another deployment has it, or Stripe refuses something.
pub async fn setup(
    stripe: &Client,
    deployment: &str,
    webhook_url: &str,
    catalog: Option<&Catalog>,
    dry: bool,
) -> Result<Done> {
    let mut done = Done::default();
    endpoint(&mut done, stripe, deployment, webhook_url, dry).await?;
    portal::set(&mut done, stripe, deployment, catalog, dry).await?;
    Ok(done)
}

async fn endpoint(done: &mut Done, stripe: &Client, deployment: &str, url: &str, dry: bool) -> Result<()> {
    let all = stripe
        .endpoints()
        .await
        .context("the webhook endpoints cannot be read")?;
    let ours: Vec<&Endpoint> = all
        .iter()
        .filter(|it| it.deployment.as_deref() == Some(deployment))
        .collect();
    let at_url = all.iter().find(|it| it.url == url);
    if let Some(other) = at_url
        .and_then(|it| it.deployment.as_ref())
        .filter(|it| *it != deployment)
    {
        bail!(
            "the endpoint at {url} is of the deployment `{other}`, and this one is `{deployment}`: give another URL, or set \
             TOLLGATE_DEPLOYMENT"
        );
    }
    // One that somebody made by hand is taken over: two would send everything twice.
    let found = ours
        .iter()
        .find(|it| it.url == url)
        .or(ours.first())
        .copied()
        .or(at_url);
    let Some(found) = found else {
        done.change(
            dry,
            "created",
            "would create",
            &format!("the webhook endpoint {url}"),
        );
        if !dry {
            let (_, secret) = stripe
                .create_endpoint(url, deployment)
                .await
                .context("the webhook endpoint cannot be made")?;
            done.secret = Some(secret);
        }
        return Ok(());
    };
    let mut differs = vec![];
    let mut differ = |it: bool, what: &'static str| {
        if it {
            differs.push(what);
        }
    };
    differ(found.url != url, "URL");
    differ(
        !found.missing_events().is_empty() || !found.other_events().is_empty(),
        "events",
    );
    differ(!found.enabled, "was disabled");
    differ(found.deployment.as_deref() != Some(deployment), "mark");
    if differs.is_empty() {
        done.note(format!(
            "the webhook endpoint {} is as it should be ({})",
            found.id, found.url
        ));
    } else {
        let what = format!("the webhook endpoint {} ({})", found.id, differs.join(", "));
        done.change(dry, "changed", "would change", &what);
        if !dry {
            stripe
                .update_endpoint(&found.id, url, deployment)
                .await
                .context("the webhook endpoint cannot be changed")?;
        }
    }
    done.note("its secret is not shown again; the dashboard can reveal it".to_owned());
    if found.api_version.as_ref() != Some(&api_version()) {
        done.note(format!(
            "its API version is {} and cannot be changed; for {} delete it in the dashboard and run this again",
            found.api_version.as_deref().unwrap_or("the account's"),
            api_version()
        ));
    }
    for other in ours.iter().filter(|it| it.id != found.id) {
        done.note(format!(
            "{} is of this deployment too: delete it in the dashboard",
            other.id
        ));
    }
    Ok(())
}
