//! What the customer has already that a new checkout must not double: live subscriptions and open pages.

use std::collections::BTreeSet;

use tollgate_domain::facts::Facts;
use tollgate_domain::id::PlanId;
use tollgate_domain::object::{CheckoutSession, Object, SessionStatus, SubscriptionStatus};
use tollgate_domain::time::Span;
use tollgate_stripe::{CallError, Encoded};

use super::request::idempotency_key;
use super::sale::Sale;
use super::stripe_customer::is_deleted;
use super::{CheckoutRequest, Commands, Refused};

/// Recent checkouts of one customer that are looked through.
const RECENT: i64 = 10;

/// A page waits for 24 hours at most.
const PAGE_LIFE: Span = Span::hours(25);

impl Commands {
    /// The page that is to be returned instead of a new one: an open one that sells the same, wherever it returns to; or
    /// one that was completed while it was to make way. Others that share a plan are expired.
    pub(super) async fn page(
        &self,
        request: &CheckoutRequest,
        sale: &Sale,
    ) -> Result<Option<CheckoutSession>, Refused> {
        let now = self.clock.now();
        // Several requests may have been given the same page.
        let mut seen = BTreeSet::new();
        for begun in self.store.checkouts(&request.customer, RECENT).await? {
            let Some(id) = begun.session.filter(|_| now < begun.started_at + PAGE_LIFE) else {
                continue;
            };
            if !seen.insert(id.clone()) {
                continue;
            }
            let session = match self.session(&id).await {
                Ok(session) => session,
                Err(CallError::NotFound) => continue,
                Err(error) => return Err(error.into()),
            };
            if session.status != Some(SessionStatus::Open) {
                continue;
            }
            if sells_the_same(&session, sale) {
                return Ok(Some(session));
            }
            if shares_a_plan(&session, sale)
                && let Some(completed) = self.expire(&id, &begun.api_version).await?
            {
                return Ok(Some(completed));
            }
        }
        Ok(None)
    }

    /// Closes a page. Returns it if its customer was faster and completed it.
    async fn expire(&self, id: &str, api_version: &str) -> Result<Option<CheckoutSession>, Refused> {
        let request = Encoded {
            path: format!("/v1/checkout/sessions/{id}/expire"),
            body: String::new(),
            api_version: api_version.to_owned(),
        };
        match self
            .stripe
            .send(&request, &idempotency_key("expire", &[id]))
            .await
        {
            Ok(_) => Ok(None),
            // Stripe expires only what is open.
            Err(CallError::Rejected { .. }) => {
                let session = self.session(id).await?;
                Ok(Some(session).filter(|session| session.status == Some(SessionStatus::Complete)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn sells_the_same(session: &CheckoutSession, sale: &Sale) -> bool {
    let Some(items) = &session.line_items else {
        return false;
    };
    let mut theirs: Vec<(&str, u64)> = items
        .iter()
        .map(|item| (item.price.id.as_str(), item.quantity))
        .collect();
    let mut ours: Vec<(&str, u64)> = sale
        .items
        .iter()
        .map(|(price, quantity)| (price.as_str(), *quantity))
        .collect();
    theirs.sort_unstable();
    ours.sort_unstable();
    theirs == ours && session.mode == sale.mode
}

fn shares_a_plan(session: &CheckoutSession, sale: &Sale) -> bool {
    let items = session.line_items.iter().flatten();
    items
        .filter_map(|item| sale.catalog.plan_of(&item.price))
        .any(|plan| sale.plans.contains(plan))
}

/// The plan to which the customer has a live subscription and would get a second one.
pub(super) fn live_plan(facts: &Facts, sale: &Sale) -> Option<PlanId> {
    use SubscriptionStatus::{Active, PastDue, Paused, Trialing, Unpaid};
    facts
        .all(Object::as_subscription)
        .filter(|subscription| matches!(subscription.status, Trialing | Active | PastDue | Unpaid | Paused))
        // It ended with the Stripe customer, of which alone may have been heard.
        .filter(|subscription| !is_deleted(facts, &subscription.stripe_customer))
        .flat_map(|subscription| &subscription.items)
        .filter_map(|item| facts.plan_of(&item.price, &sale.catalog))
        .find(|plan| sale.subscribed.contains(plan))
        .cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tollgate_domain::catalog::parse;
    use tollgate_domain::facts::{Learned, Observation, fold};
    use tollgate_domain::object::SessionMode;
    use tollgate_domain::time::Timestamp;
    use tollgate_stripe::object;

    use super::*;

    fn sale(items: &[(&str, u64)]) -> Sale {
        let team = PlanId::parse("team").unwrap();
        let catalog = "features: {sso: {type: boolean}}\nplans: {team: {match: {price: [a, b]}, grants: {sso: true}}}\n";
        Sale {
            mode: SessionMode::Subscription,
            items: items
                .iter()
                .map(|(price, quantity)| ((*price).to_owned(), *quantity))
                .collect(),
            plans: vec![team.clone()],
            subscribed: vec![team],
            catalog: parse(catalog).unwrap(),
        }
    }

    fn session(items: &[(&str, u64)]) -> CheckoutSession {
        let data = items
            .iter()
            .map(|(price, quantity)| json!({"price": {"id": price}, "quantity": quantity}));
        let body = json!({"id": "cs_1", "object": "checkout.session", "mode": "subscription", "status": "open",
            "line_items": {"has_more": false, "data": data.collect::<Vec<_>>()}});
        match object(body.to_string().as_bytes()) {
            Ok(Some(Object::CheckoutSession(session))) => session,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_page_sells_the_same_by_prices_and_quantities_in_any_order() {
        assert!(sells_the_same(
            &session(&[("a", 1), ("b", 2)]),
            &sale(&[("b", 2), ("a", 1)])
        ));
        for other in [
            &[("a", 1)][..],
            &[("a", 2), ("b", 1)],
            &[("a", 1), ("b", 2), ("b", 2)],
        ] {
            assert!(!sells_the_same(&session(&[("a", 1), ("b", 2)]), &sale(other)));
        }
        let once = Sale {
            mode: SessionMode::Payment,
            ..sale(&[("a", 1)])
        };
        assert!(!sells_the_same(&session(&[("a", 1)]), &once));
        assert!(shares_a_plan(&session(&[("b", 9)]), &sale(&[("a", 1)])));
        assert!(!shares_a_plan(&session(&[("c", 1)]), &sale(&[("a", 1)])));
    }

    #[test]
    fn a_subscription_that_lives_takes_its_plan() {
        let facts = |status: &str| {
            let item = json!({"id": "si_1", "quantity": 1, "price": {"id": "a"}, "current_period_start": 1, "current_period_end": 2});
            let body = json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status,
                "created": 1, "items": {"has_more": false, "data": [item]}});
            let object = object(body.to_string().as_bytes()).unwrap().unwrap();
            let learned = Learned::Event {
                created: Timestamp(0),
            };
            fold(
                Facts::default(),
                Observation {
                    seq: 1,
                    object,
                    learned,
                },
            )
            .0
        };
        let sale = sale(&[("b", 1)]);
        assert_eq!(live_plan(&facts("past_due"), &sale).unwrap().as_str(), "team");
        assert_eq!(live_plan(&facts("canceled"), &sale), None);
        assert_eq!(
            live_plan(
                &facts("active"),
                &Sale {
                    subscribed: vec![],
                    ..sale
                }
            ),
            None
        );
    }
}
