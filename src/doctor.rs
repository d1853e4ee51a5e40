//! Whether everything outside of this process is as it has to be: settings, database, Stripe's side, catalog. It only looks.
//!
//! [`stripe`] contact, account, mode, clock and the key's permissions · `endpoint` where events come from · `catalog` what is
//! sold and what is offered in the portal · `database` where it is kept ·
//! `around` who else is asked or told.

mod around;
mod catalog;
mod database;
mod endpoint;
mod stripe;

use std::fmt;

use tollgate_store::Store;

use crate::app;
use crate::config::Config;

pub use stripe::mend;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// It works, but somebody should know.
    Warn,
    Fail,
}

/// One check.
#[derive(Clone, Debug)]
pub struct Line {
    pub state: State,
    pub check: &'static str,
    pub text: String,
    /// What to do.
    pub mend: Option<String>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        };
        write!(f, "{state:<5} {:<17} {}", self.check, self.text)?;
        match &self.mend {
            Some(mend) => write!(f, "\n      {:<17} {mend}", "→"),
            None => Ok(()),
        }
    }
}

/// What was found so far; tells each line at once.
pub struct Report<'a> {
    tell: &'a mut dyn FnMut(&Line),
    failed: bool,
}

impl Report<'_> {
    fn line(&mut self, state: State, check: &'static str, text: impl Into<String>, mend: Option<String>) {
        self.failed |= state == State::Fail;
        (self.tell)(&Line {
            state,
            check,
            text: text.into(),
            mend,
        });
    }

    fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.line(State::Ok, check, text, None);
    }

    fn warn(&mut self, check: &'static str, text: impl Into<String>, mend: impl Into<String>) {
        self.line(State::Warn, check, text, Some(mend.into()));
    }

    fn fail(&mut self, check: &'static str, text: impl Into<String>, mend: impl Into<String>) {
        self.line(State::Fail, check, text, Some(mend.into()));
    }
}

/// How it all went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// A setting is missing or cannot be.
    Misconfigured,
    Failed,
}

/// Checks everything that can be checked, in the order in which it is to be mended. `webhook_url`: where Stripe should send
/// events; else the endpoint that `stripe setup` has made.
pub async fn examine(config: &Config, webhook_url: Option<&str>, tell: &mut dyn FnMut(&Line)) -> Verdict {
    let mut report = Report { tell, failed: false };
    let settings = app::check(config);
    match &settings {
        Ok(()) => report.ok("settings", "nothing is missing"),
        Err(error) => {
            for text in format!("{error:#}").lines() {
                let (text, mend) = text
                    .split_once(": ")
                    .unwrap_or((text, "see docs/configuration.md"));
                report.fail("settings", text, mend);
            }
        }
    }
    let store = database::check(&mut report, config).await;
    let stripe = stripe::check(&mut report, config, store.as_ref()).await;
    if let Some(stripe) = &stripe {
        endpoint::check(&mut report, config, stripe, webhook_url).await;
    }
    endpoint::secret(&mut report, config, store.as_ref()).await;
    catalog::check(&mut report, config, store.as_ref(), stripe.as_ref()).await;
    around::issuer(&mut report, config).await;
    around::collector(&mut report, config).await;
    let failed = report.failed;
    if let Some(store) = store {
        Store::close(&store).await;
    }
    match settings {
        Err(_) => Verdict::Misconfigured,
        Ok(()) if failed => Verdict::Failed,
        Ok(()) => Verdict::Fine,
    }
}
