//! Stripe's lists against what is known.
//!
//! A list only says where to look: what is otherwise than known is fetched, whose window and place in the inbox prove its
//! order. What is not listed says nothing.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::json;
use tollgate_domain::facts::{Facts, Want};
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::Object;
use tollgate_store::{NewEvent, Reconcile, StoreError};
use tollgate_stripe::{LISTS, Page, object};

use super::super::whose;
use super::{Comparison, Refused, Trouble};
use crate::telemetry::metric;

/// From the first list on.
pub(super) fn begin(state: &mut Reconcile, why: &str) {
    let walk = &mut state.walk;
    walk.listed.clear();
    walk.list = Some(0);
    walk.after = None;
    walk.why = why.to_owned();
    walk.started_at = Some(state.now);
    walk.drift = 0;
    walk.epoch = Some(state.epoch);
    walk.served = state.asked;
}

impl Comparison {
    /// Looks at the next page.
    pub(super) async fn walk_page(&self, state: &mut Reconcile) -> Result<(), Trouble> {
        let walk = &mut state.walk;
        let Some(list) = walk.list.and_then(|at| LISTS.get(at)) else {
            walk.list = None;
            return Ok(());
        };
        let name = list.kind.as_str();
        let page = match self
            .within_lease(self.stripe.page(list, None, walk.after.as_deref()))
            .await
        {
            Ok(page) => page,
            // The object where it stopped is no more: this list once more.
            Err(Refused::NotFound) if walk.after.is_some() => {
                walk.after = None;
                walk.listed.remove(name);
                return Ok(());
            }
            Err(refused) => {
                walk.error = refused.to_string();
                tracing::warn!(error = walk.error, list = name, "Stripe's lists cannot be walked");
                return Err(Trouble::Stripe);
            }
        };
        metric::RECONCILE_PAGES.count([name]);
        walk.error.clear();
        let drift = self.compare(&page).await?;
        walk.drift += i64::try_from(drift).unwrap_or(i64::MAX);
        *walk.listed.entry(name.to_owned()).or_default() +=
            i64::try_from(page.elements.len()).unwrap_or(i64::MAX);
        walk.after = page.elements.last().map(|(id, _)| id.clone());
        if !page.more {
            walk.after = None;
            walk.list = walk.list.map(|at| at + 1).filter(|at| *at < LISTS.len());
        }
        if walk.list.is_none() {
            walk.finished_at = Some(state.now);
            tracing::info!(drift = walk.drift, listed = ?walk.listed, "a walk of Stripe's lists is done");
        }
        Ok(())
    }

    /// Asks for what is otherwise than known. Returns of how many objects nothing was on its way.
    async fn compare(&self, page: &Page) -> Result<usize, StoreError> {
        let store = &self.context.store;
        let settings = &self.context.settings;
        let read = |(_, body): &(String, Bytes)| Some((object(body).ok()??, body.clone()));
        let ours = |(object, _): &(Object, Bytes)| !whose::is_foreign(object, settings);
        let listed: Vec<(Object, Bytes)> = page.elements.iter().filter_map(read).filter(ours).collect();
        let ids: Vec<String> = listed.iter().flat_map(|(object, _)| whose::ids(object)).collect();
        let links = store.links(&ids).await?;
        let owned = |object: &Object| {
            whose::ids(object)
                .into_iter()
                .find_map(|id| links.get(&id).cloned())
        };
        let owners: BTreeSet<CustomerId> = listed.iter().filter_map(|(object, _)| owned(object)).collect();
        let owners: Vec<CustomerId> = owners.into_iter().collect();
        let facts = store.facts_of(&owners).await?;
        let nothing = Facts::default();
        let mut differing = vec![];
        for (object, body) in listed {
            let owner = owned(&object);
            let known = owner
                .as_ref()
                .and_then(|owner| facts.get(owner))
                .unwrap_or(&nothing);
            if known.differs(&object) {
                differing.push((owner, object, body));
            }
        }
        let ids: Vec<String> = differing
            .iter()
            .map(|(_, object, _)| object.id().to_owned())
            .collect();
        let on_the_way = store.on_the_way(&ids).await?;
        let mut drift = 0;
        for (owner, object, body) in differing {
            let id = object.id();
            let known_of = match owner {
                Some(owner) => {
                    let want = Want::now(object.kind(), id);
                    store.want(&owner, &[(want, self.context.clock.now())]).await?;
                    true
                }
                // Whose it is is found out as of an event, after which it is fetched.
                None if !on_the_way.unrouted.contains(id) => self.introduce(&object, &body, page).await?,
                None => false,
            };
            if known_of && !on_the_way.any.contains(id) {
                metric::RECONCILE_DRIFT.count([object.kind().as_str()]);
                drift += 1;
            }
        }
        self.context.wakes.settle.notify_one();
        Ok(drift)
    }

    /// Puts an object of nobody into the inbox, as if an event had brought it. Returns whether it was new.
    async fn introduce(&self, object: &Object, body: &Bytes, page: &Page) -> Result<bool, StoreError> {
        // A Stripe customer without our mark says nothing; what it has says that it is one.
        if matches!(object, Object::Customer(customer) if customer.stamp.customer.is_none()) {
            return Ok(false);
        }
        let shown: serde_json::Value =
            serde_json::from_slice(body).map_err(|error| StoreError::Invalid(error.to_string()))?;
        let id = format!("list/{}", object.id());
        let created = page.from;
        let event_type = format!("{}.listed", object.kind().as_str());
        let event = json!({"id": id, "object": "event", "type": event_type, "created": created.unix(),
            "livemode": self.context.settings.livemode, "data": {"object": shown}});
        let event = NewEvent {
            id,
            event_type,
            created,
            livemode: Some(self.context.settings.livemode),
            account: None,
            object_kind: Some(object.kind().as_str().to_owned()),
            object_id: Some(object.id().to_owned()),
            body: event.to_string().into(),
            traceparent: None,
        };
        let taken = self.inbox.accept(event).await?;
        Ok(taken == tollgate_store::Accepted::Stored)
    }
}
