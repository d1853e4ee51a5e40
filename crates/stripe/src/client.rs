//! Asking Stripe: pooled connections, a deadline per call, retries that are safe.

mod account;
mod attempt;
mod breaker;
mod budget;
mod customers;
mod endpoints;
mod failure;
mod gate;
mod lists;
mod pages;
mod portal;
mod prices;
mod products;
mod raw;
mod route;
mod transport;

use std::time::Duration;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use tollgate_domain::object::Kind;
use tollgate_domain::time::{Span, Timestamp};

pub use account::Contact;
pub use budget::Priority;
pub use endpoints::{Endpoint, api_version};
pub use failure::{CallError, NotSent};
pub use gate::Figures;
pub use lists::{LISTS, List, Page};
pub use portal::{Offer, PortalConfiguration};
pub use prices::{Price, PriceQuery};
pub use products::{Product, ProductFeature, Sold};

use crate::encode::Encoded;
use transport::{Answer, Call, Transport};

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://api.stripe.com`, or a simulator's.
    pub base_url: String,
    /// `sk_…` or `rk_…`; its second part says which mode it is for.
    pub secret_key: SecretString,
    /// For one call, its retries and the waits between them included.
    pub deadline: Duration,
    /// At most so many requests in a second. `None`: as many as Stripe takes of one account.
    pub requests_per_second: Option<u32>,
    /// Is told of each attempt, also of one that was not made.
    pub observe: fn(&Asked),
}

/// One attempt of a request, or that it was not made.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The path without ids: `/v1/customers/{id}`.
    pub route: String,
    pub outcome: Outcome,
    pub took: Duration,
    pub priority: Priority,
    /// For its turn, before it was made.
    pub waited: Duration,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An HTTP status.
    Answered(u16),
    /// No connection, or it broke.
    Unreachable,
    /// No answer within the deadline, or within seconds after which who asked went away.
    Late,
    /// Who asked went away before that.
    Abandoned,
    NotSent(NotSent),
}

/// Settings with which no call can succeed; the text says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSettings(pub(crate) String);

/// Calls Stripe for one account and mode. Clones share connections.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    livemode: bool,
}

/// An object as Stripe showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Stripe's JSON; lists that it cut are completed.
    pub body: Bytes,
    /// It was so at some instant in `from..=to`, by Stripe's clock.
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Stripe's `Date` has whole seconds.
const SECOND: Span = Span::seconds(1);

impl Client {
    /// Connects to nothing yet.
    pub fn new(settings: Settings) -> Result<Client, InvalidSettings> {
        let livemode = livemode(&settings.secret_key)?;
        Ok(Client {
            transport: Transport::new(&settings, livemode)?,
            livemode,
        })
    }

    /// The same client, for requests that come before or after others. A new one's come first.
    #[must_use]
    pub fn with_priority(&self, priority: Priority) -> Client {
        Client {
            transport: self.transport.with_priority(priority),
            livemode: self.livemode,
        }
    }

    /// How it is with the budget at this moment.
    pub fn figures(&self) -> Figures {
        self.transport.figures()
    }

    /// Whether the key is for real money.
    pub fn livemode(&self) -> bool {
        self.livemode
    }

    /// Later calls are made with this key, which a rotation brought.
    ///
    /// # Errors
    /// It is no key, or one of the other mode; the one that was stays.
    pub fn use_key(&self, key: &SecretString) -> Result<(), InvalidSettings> {
        if livemode(key)? != self.livemode {
            return Err(InvalidSettings(
                "the new Stripe secret key is of the other mode than the one before".into(),
            ));
        }
        self.transport.use_key(key)
    }

    /// Reads one object, at the API version that this binary is built for, with all that access depends on.
    pub async fn fetch(&self, kind: Kind, id: &str) -> Result<Fetched, CallError> {
        if !is_one_step(id) {
            return Err(CallError::NotFound);
        }
        let path = match kind {
            Kind::Customer => format!("/v1/customers/{id}"),
            Kind::Subscription => format!("/v1/subscriptions/{id}"),
            // Payments are shown only if asked for, and of a line's price only its id, where a catalog may go by lookup key.
            Kind::Invoice => {
                format!("/v1/invoices/{id}?expand[]=payments&expand[]=lines.data.pricing.price_details.price")
            }
            Kind::CheckoutSession => {
                format!("/v1/checkout/sessions/{id}?expand[]=line_items&expand[]=payment_intent")
            }
            Kind::Charge => format!("/v1/charges/{id}"),
            Kind::Refund => format!("/v1/refunds/{id}"),
            Kind::Dispute => format!("/v1/disputes/{id}"),
        };
        let answer = self.transport.call(&Call::get(&path)).await?;
        let (from, to) = window(&answer)?;
        let mut fetched = Fetched {
            body: answer.body,
            from,
            to,
        };
        pages::complete(&self.transport, kind, id, &mut fetched).await?;
        Ok(fetched)
    }

    /// Sends a request, at its own API version, and returns Stripe's JSON. With the same key and the same bytes Stripe
    /// gives the same answer for at least 24 hours, errors of its own included.
    pub async fn send(&self, request: &Encoded, idempotency_key: &str) -> Result<Bytes, CallError> {
        let answer = self.transport.call(&Call::post(request, idempotency_key)).await?;
        match serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body) {
            Ok(_) => Ok(answer.body),
            Err(_) => Err(CallError::Unreadable("the answer is not JSON".into())),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("livemode", &self.livemode)
            .finish_non_exhaustive()
    }
}

/// Which mode a key is for, as its second part says.
fn livemode(key: &SecretString) -> Result<bool, InvalidSettings> {
    match key.expose_secret().split('_').collect::<Vec<_>>()[..] {
        ["sk" | "rk", "live", _, ..] => Ok(true),
        ["sk" | "rk", "test", _, ..] => Ok(false),
        _ => Err(InvalidSettings(
            "the Stripe secret key must begin with sk_test_, sk_live_, rk_test_ or rk_live_: copy it from the dashboard's \
             page for API keys"
                .into(),
        )),
    }
}

/// Whether the id is one step of a path: it may come from outside and must not lead elsewhere. Old accounts chose some
/// of their ids themselves.
fn is_one_step(id: &str) -> bool {
    id.bytes().any(|byte| byte != b'.')
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
}

/// When an answer was true: our wall clock takes no part, only how long the call took.
fn window(answer: &Answer) -> Result<(Timestamp, Timestamp), CallError> {
    let date = answer
        .date
        .ok_or_else(|| CallError::Unreadable("the answer has no Date header".into()))?;
    Ok((date - Span::from(answer.took) - SECOND, date + SECOND))
}
