//! What a request would sell: prices of the catalog only, as Stripe has them now.

use tollgate_domain::catalog::{Catalog, parse};
use tollgate_domain::id::PlanId;
use tollgate_domain::object::{SessionMode, SubscriptionStatus};
use tollgate_domain::facts::Facts;
use tollgate_stripe::{Price, PriceQuery};

use super::{CheckoutRequest, Commands, PriceName, Refused};

/// What would be sold.
pub struct Sale {
    pub mode: SessionMode,
    /// Price ids and quantities, in the request's order.
    pub items: Vec<(String, u64)>,
    pub plans: Vec<PlanId>,
    pub catalog: Catalog,
}

impl Commands {
    pub(super) async fn sale(&self, request: &CheckoutRequest) -> Result<Sale, Refused> {
        let active = self.store.active().await?;
        let source = active.map(|active| active.source).unwrap_or_default();
        let catalog = parse(&source).map_err(|_| Refused::Internal("there is no catalog that can be read".into()))?;
        let known = self.prices(request).await?;
        let mut items = vec![];
        let mut plans = vec![];
        let mut recurring = false;
        for (at, item) in request.items.iter().enumerate() {
            let field = format!("line_items[{at}]");
            let price = known.iter().find(|price| named(price, &item.price));
            let Some(price) = price else {
                return Err(Refused::UnknownPrice { field, rule: "Stripe has no such price".into() });
            };
            let Some(plan) = catalog.plan_of(&price.price) else {
                return Err(Refused::UnknownPrice {
                    field,
                    rule: "no plan of the catalog has this price, so it would give nothing".into(),
                });
            };
            if !price.active {
                return Err(Refused::PriceArchived { field });
            }
            recurring |= price.recurring;
            plans.push(plan.clone());
            items.push((price.price.id.clone(), u64::try_from(item.quantity.unwrap_or(1)).unwrap_or(1)));
        }
        let needed = if recurring { SessionMode::Subscription } else { SessionMode::Payment };
        match &request.mode {
            Some(mode) if *mode != needed => Err(Refused::field(
                "mode",
                if recurring {
                    "must be subscription (or unset): a price is recurring"
                } else {
                    "must be payment (or unset): no price is recurring"
                },
            )),
            _ => Ok(Sale { mode: needed, items, plans, catalog }),
        }
    }

    async fn prices(&self, request: &CheckoutRequest) -> Result<Vec<Price>, Refused> {
        let (mut ids, mut keys) = (vec![], vec![]);
        for item in &request.items {
            match &item.price {
                PriceName::Id(id) => ids.push(id.clone()),
                PriceName::LookupKey(key) => keys.push(key.clone()),
            }
        }
        let mut known = vec![];
        for query in [PriceQuery::Ids(ids), PriceQuery::LookupKeys(keys)] {
            let (PriceQuery::Ids(names) | PriceQuery::LookupKeys(names)) = &query;
            if !names.is_empty() {
                known.extend(self.stripe.prices(&query).await?);
            }
        }
        Ok(known)
    }
}

fn named(price: &Price, name: &PriceName) -> bool {
    match name {
        PriceName::Id(id) => price.price.id == *id,
        PriceName::LookupKey(key) => price.price.lookup_key.as_ref() == Some(key),
    }
}

/// The plan of which the customer has a live subscription already.
pub fn live_plan(facts: &Facts, sale: &Sale) -> Option<PlanId> {
    use SubscriptionStatus::{Active, PastDue, Paused, Trialing, Unpaid};
    facts
        .all(|object| object.as_subscription())
        .filter(|subscription| matches!(subscription.status, Trialing | Active | PastDue | Unpaid | Paused))
        .flat_map(|subscription| &subscription.items)
        .filter_map(|item| facts.plan_of(&item.price, &sale.catalog))
        .find(|plan| sale.plans.contains(plan))
        .cloned()
}
