//! Stripe's log of events against the inbox.

use bytes::Bytes;
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Accepted, NewEvent, Reconcile, StoreError};
use tollgate_stripe::wanted::EVENTS;
use tollgate_stripe::{Page, envelope};

use super::super::inbox::new_event;
use super::{Comparison, HORIZON, Refused, Trouble};
use crate::telemetry::metric::{self, PLAIN};

/// Read again each time: what Stripe lists late must not be passed.
const OVERLAP: Span = Span::minutes(10);

/// So long an event may be under way.
const UNDER_WAY: Span = Span::minutes(1);

impl Comparison {
    /// Reads one page. The position moves once the last one is in the inbox.
    pub(super) async fn read_log(&self, state: &mut Reconcile) -> Result<(), Trouble> {
        let since = state.log.position.map_or(Timestamp(0), |at| at - OVERLAP);
        let after = state.log.after.clone();
        // Where nothing was ever read there is nothing to compare with: a walk says what is there.
        let first = state.log.position.is_none();
        let page = match self
            .within_lease(self.stripe.events(since, after.as_deref()))
            .await
        {
            Ok(page) => page,
            // The event where it stopped has left the log: from the newest on once more.
            Err(Refused::NotFound) if after.is_some() => {
                state.log.after = None;
                return Ok(());
            }
            Err(refused) => {
                state.log.error = refused.to_string();
                tracing::warn!(error = state.log.error, "Stripe's log of events cannot be read");
                return Err(Trouble::Stripe);
            }
        };
        metric::RECONCILE_PAGES.count(["events"]);
        state.log.error.clear();
        if state.log.top.is_none() {
            let gap = state.log.position.is_some_and(|at| at + HORIZON < page.from);
            if gap {
                tracing::error!(
                    "Stripe's log does not reach back to what was last compared: a walk has to find what is lost"
                );
                metric::RECONCILE_GAPS.count(PLAIN);
                state.log.gap_at = Some(state.now);
            }
            // As of when the log was seen, not of its newest event: a quiet account has none for months.
            state.log.top = Some(page.from.max(state.log.position.unwrap_or(page.from)));
        }
        state.log.missed += self.take(&page).await?;
        state.log.after = page.elements.last().map(|(id, _)| id.clone());
        if !page.more || first {
            state.log.position = state.log.top.take();
            state.log.after = None;
            state.log.read_at = Some(state.now);
        }
        Ok(())
    }

    /// Puts into the inbox what is not there. Returns how many had not come though there was time.
    async fn take(&self, page: &Page) -> Result<i64, StoreError> {
        let ids: Vec<String> = page.elements.iter().map(|(id, _)| id.clone()).collect();
        let known = self.context.store.events_known(&ids).await?;
        let unseen = page.elements.iter().filter(|(id, _)| !known.contains(id));
        let mut missed = 0;
        for event in unseen.filter_map(|(_, body)| event(body)) {
            let late = event.created + UNDER_WAY < page.from;
            match self.inbox.accept(event).await {
                Ok(Accepted::Stored) if late => {
                    metric::RECONCILE_MISSED.count(PLAIN);
                    missed += 1;
                }
                Ok(_) => {}
                // It can never be kept, and its object is walked to all the same.
                Err(error @ StoreError::Invalid(_)) => {
                    tracing::error!(%error, "an event of Stripe's log cannot be kept");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(missed)
    }
}

/// As the door would have taken it; `None`: the endpoint is not told of such events.
fn event(body: &Bytes) -> Option<NewEvent> {
    let head = envelope(body).ok()?;
    EVENTS
        .binary_search_by_key(&head.event_type.as_str(), |(name, _)| name)
        .ok()?;
    new_event(head, body.clone(), None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_the_log_is_taken_as_the_endpoint_would_have_brought_it_and_others_are_not() {
        let of = |name: &str| {
            let object = json!({"id": "sub_1", "object": "subscription"});
            let body = json!({"id": "evt_1", "type": name, "created": 7, "livemode": false, "data": {"object": object}});
            event(&body.to_string().into())
        };
        let taken = of("customer.subscription.updated").unwrap();
        assert_eq!(
            (taken.id.as_str(), taken.object_id.as_deref()),
            ("evt_1", Some("sub_1"))
        );
        assert_eq!(taken.created, Timestamp::from_unix(7));
        assert!(of("product.created").is_none());
        assert!(of("invoice.created").is_none());
    }
}
