//! What support looks at and tries anew: oddities, and Stripe's events.

use tollgate_domain::id::CustomerId;
use tollgate_domain::object::Object;
use tollgate_store::{By, EventFilter, Oddity, OddityKind, StoredEvent};
use tollgate_stripe::event_object;

use super::{Commands, Refused};

/// Of one replay.
const MOST: usize = 10_000;

/// Of one search.
const FOUND: i64 = 100;

/// Who was found.
pub struct Found {
    /// By id, each with its customers at Stripe.
    pub customers: Vec<(String, Vec<String>)>,
    /// Stripe's customers who are nobody's here.
    pub unlinked: Vec<String>,
}

/// What a replay comes to.
pub struct Replayed {
    pub events: i64,
    /// Events whose body is not kept.
    pub without_body: i64,
}

impl Commands {
    /// Customers by the beginning of their id, one of Stripe's ids or an e-mail address, of which Stripe is asked: no address
    /// is kept here to look for.
    ///
    /// # Errors
    /// `StripeUnavailable`.
    pub async fn find(&self, query: &str) -> Result<Found, Refused> {
        let named = if query.contains('@') {
            self.stripe.customers_by_email(query).await?
        } else {
            vec![]
        };
        let links = self.store.links(&named).await?;
        let ids = [&named[..], &[query.to_owned()]].concat();
        let unlinked = named.into_iter().filter(|id| !links.contains_key(id)).collect();
        Ok(Found {
            customers: self.store.find(query, &ids, FOUND).await?,
            unlinked,
        })
    }

    /// What there is of a kind after a place of its list.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn oddities(&self, kind: OddityKind, after: &str, limit: i64) -> Result<Vec<Oddity>, Refused> {
        Ok(self.store.oddities(kind, after, limit).await?)
    }

    /// The latest events before a place in the inbox, the latest first.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn events(
        &self,
        filter: &EventFilter,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, Refused> {
        Ok(self.store.events(filter, before, limit).await?)
    }

    /// One event, and its body as far as it is kept.
    ///
    /// # Errors
    /// `UnknownEvent`.
    pub async fn event(&self, id: &str) -> Result<(StoredEvent, Vec<u8>), Refused> {
        let filter = EventFilter {
            events: vec![id.to_owned()],
            ..EventFilter::default()
        };
        let event = self.store.events(&filter, None, 1).await?.pop();
        let event = event.ok_or(Refused::UnknownEvent)?;
        let body = self.store.body(event.seq).await?;
        Ok((event, body))
    }

    /// Has events routed and applied once more; `asked` is the filter as it is written down. Dry: only counts them.
    ///
    /// # Errors
    /// `Field`: it asks for all events, or for too many.
    pub async fn replay(
        &self,
        filter: &EventFilter,
        asked: &serde_json::Value,
        dry_run: bool,
        by: &By,
    ) -> Result<Replayed, Refused> {
        if *filter == EventFilter::default() {
            return Err(Refused::field("filter", "must say which events"));
        }
        let most = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
        let events = self.store.events(filter, None, most).await?;
        if events.len() > MOST {
            let rule = format!("holds for more than {MOST} events; narrow it by time");
            return Err(Refused::field("filter", rule));
        }
        let kept: Vec<i64> = events
            .iter()
            .filter(|event| event.has_body)
            .map(|event| event.seq)
            .collect();
        let without_body = (events.len() - kept.len()) as i64;
        let events = if dry_run || kept.is_empty() {
            kept.len() as i64
        } else {
            let replayed = self.store.replay(&kept, asked, by).await?;
            self.nudge();
            replayed
        };
        Ok(Replayed { events, without_body })
    }
}

/// Who a page says that its payer is. Whoever pays can choose that: it is only a suggestion.
pub fn suggested(session_event: &[u8]) -> Option<CustomerId> {
    match event_object(session_event) {
        Ok(Some(Object::CheckoutSession(session))) => CustomerId::parse(&session.client_reference_id?).ok(),
        _ => None,
    }
}
