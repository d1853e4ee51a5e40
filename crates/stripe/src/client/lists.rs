//! Stripe's lists, page by page: its log of events, and the objects that access depends on.

use bytes::Bytes;
use serde_json::Value;
use tollgate_domain::object::Kind;
use tollgate_domain::time::Timestamp;

use super::transport::Call;
use super::{CallError, Client, is_one_step, window};
use crate::json::{is_true, text};

/// A list of objects that access depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    pub kind: Kind,
    path: &'static str,
}

const fn list(kind: Kind, path: &'static str) -> List {
    List { kind, path }
}

/// The lists that together show all that access depends on, whose comes first: a customer says whose the others are. A refund
/// decides nothing that its charge does not say.
pub const LISTS: &[List] = &[
    list(Kind::Customer, "/v1/customers?limit=100"),
    list(Kind::Subscription, "/v1/subscriptions?limit=100&status=all"),
    list(Kind::CheckoutSession, "/v1/checkout/sessions?limit=100"),
    list(Kind::Invoice, "/v1/invoices?limit=100"),
    list(Kind::Charge, "/v1/charges?limit=100"),
    list(Kind::Dispute, "/v1/disputes?limit=100"),
];

/// A part of a list, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Each as Stripe shows it, by its id.
    pub elements: Vec<(String, Bytes)>,
    /// There are older ones.
    pub more: bool,
    /// It was so at some instant in `from..=to`, by Stripe's clock.
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Client {
    /// A page of the log of events since `since`, after the event `after` of the page before. Stripe keeps 30 days of it
    /// (docs.stripe.com/api/events).
    pub async fn events(&self, since: Timestamp, after: Option<&str>) -> Result<Page, CallError> {
        let path = format!("/v1/events?limit=100&created[gte]={}", since.unix());
        self.page_of(&path, after).await
    }

    /// A page of a list, after the object `after` of the page before; of one Stripe customer, or of all.
    ///
    /// # Errors
    /// `NotFound`: `after` is no more. Any other.
    pub async fn page(
        &self,
        list: &List,
        customer: Option<&str>,
        after: Option<&str>,
    ) -> Result<Page, CallError> {
        match customer {
            Some(id) if !is_one_step(id) => Err(CallError::NotFound),
            Some(id) => self.page_of(&format!("{}&customer={id}", list.path), after).await,
            None => self.page_of(list.path, after).await,
        }
    }

    async fn page_of(&self, path: &str, after: Option<&str>) -> Result<Page, CallError> {
        let path = match after {
            Some(id) if !is_one_step(id) => return Err(CallError::NotFound),
            Some(id) => format!("{path}&starting_after={id}"),
            None => path.to_owned(),
        };
        let answer = self.transport.call(&Call::get(&path)).await;
        let answer = answer.map_err(|error| match error {
            // What is no more is here no object but a parameter that cannot be right: 400 (docs.stripe.com/api/pagination).
            CallError::Rejected {
                param: Some(param), ..
            } if param == "starting_after" => CallError::NotFound,
            error => error,
        })?;
        let (from, to) = window(&answer)?;
        let unreadable = || CallError::Unreadable("the answer is no list".into());
        let list: Value = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        let data = list["data"].as_array().ok_or_else(unreadable)?;
        let element = |one: &Value| Some((text(&one["id"])?, Bytes::from(one.to_string())));
        let elements: Option<Vec<_>> = data.iter().map(element).collect();
        Ok(Page {
            elements: elements.ok_or_else(unreadable)?,
            more: is_true(&list["has_more"]),
            from,
            to,
        })
    }
}
