//! What a request would sell: prices of the catalog only, as Stripe has them now.

use tollgate_domain::catalog::{Catalog, parse};
use tollgate_domain::id::PlanId;
use tollgate_domain::object::SessionMode;
use tollgate_stripe::{Price, PriceQuery};

use super::{CheckoutRequest, Commands, PriceName, Refused};

/// What would be sold.
pub struct Sale {
    pub mode: SessionMode,
    /// Price ids and quantities, in the request's order.
    pub items: Vec<(String, u64)>,
    pub plans: Vec<PlanId>,
    /// Those of them that are paid again and again.
    pub subscribed: Vec<PlanId>,
    pub catalog: Catalog,
}

impl Commands {
    pub(super) async fn sale(&self, request: &CheckoutRequest) -> Result<Sale, Refused> {
        let Some(active) = self.store.active().await? else {
            return Err(Refused::Internal(
                "no catalog is active: run `tollgate catalog apply`".into(),
            ));
        };
        let catalog = parse(&active.source).map_err(|_| {
            Refused::Internal("the active catalog cannot be read: run a newer tollgate".into())
        })?;
        sale(request, &self.prices(request).await?, catalog)
    }

    async fn prices(&self, request: &CheckoutRequest) -> Result<Vec<Price>, Refused> {
        let (mut ids, mut keys) = (vec![], vec![]);
        for item in &request.items {
            match &item.price {
                PriceName::Id(id) if !ids.contains(id) => ids.push(id.clone()),
                PriceName::LookupKey(key) if !keys.contains(key) => keys.push(key.clone()),
                _ => {}
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

fn sale(request: &CheckoutRequest, known: &[Price], catalog: Catalog) -> Result<Sale, Refused> {
    let (mut items, mut plans, mut subscribed) = (vec![], vec![], vec![]);
    for (at, item) in request.items.iter().enumerate() {
        let field = format!("line_items[{at}]");
        // A lookup key may stay with an archived price: what can be bought comes first.
        let price = known
            .iter()
            .filter(|price| named(price, &item.price))
            .max_by_key(|price| price.active);
        let Some(price) = price else {
            return Err(Refused::UnknownPrice {
                field,
                rule: "Stripe has no such price".into(),
            });
        };
        let Some(plan) = catalog.plan_of(&price.price) else {
            let rule = "no plan of the catalog has this price, so it would give nothing".into();
            return Err(Refused::UnknownPrice { field, rule });
        };
        if !price.active {
            return Err(Refused::PriceArchived { field });
        }
        plans.push(plan.clone());
        if price.recurring {
            subscribed.push(plan.clone());
        }
        items.push((
            price.price.id.clone(),
            u64::try_from(item.quantity.unwrap_or(1)).unwrap_or(1),
        ));
    }
    let (mode, rule) = if subscribed.is_empty() {
        (
            SessionMode::Payment,
            "must be payment (or unset): no price is recurring",
        )
    } else {
        (
            SessionMode::Subscription,
            "must be subscription (or unset): a price is recurring",
        )
    };
    match &request.mode {
        Some(asked) if *asked != mode => Err(Refused::field("mode", rule)),
        _ => Ok(Sale {
            mode,
            items,
            plans,
            subscribed,
            catalog,
        }),
    }
}

fn named(price: &Price, name: &PriceName) -> bool {
    match name {
        PriceName::Id(id) => price.price.id == *id,
        PriceName::LookupKey(key) => price.price.lookup_key.as_ref() == Some(key),
    }
}

#[cfg(test)]
mod tests {
    use tollgate_domain::id::CustomerId;
    use tollgate_domain::object::PriceRef;

    use super::super::{Item, OnExisting};
    use super::*;

    fn price(id: &str, lookup_key: Option<&str>, recurring: bool, active: bool) -> Price {
        let price = PriceRef {
            id: id.into(),
            product: "prod_1".into(),
            lookup_key: lookup_key.map(str::to_owned),
        };
        Price {
            price,
            recurring,
            active,
            unit_amount: Some(100),
            currency: "eur".into(),
        }
    }

    fn ask(names: &[PriceName], mode: Option<SessionMode>) -> Result<Sale, Refused> {
        let catalog = "features: {sso: {type: boolean}}
plans:
  team: {match: {lookup_key: [team_monthly, team_yearly]}, grants: {sso: true}}
  report: {match: {price: price_report}, grants: {sso: true}}
";
        let known = [
            price("price_team", Some("team_monthly"), true, true),
            price("price_old", Some("team_monthly"), true, false),
            price("price_report", None, false, true),
            price("price_gone", Some("team_yearly"), true, false),
            price("price_other", None, true, true),
        ];
        let request = CheckoutRequest {
            customer: CustomerId::parse("acme").unwrap(),
            request_id: "1".into(),
            items: names
                .iter()
                .map(|name| Item {
                    price: name.clone(),
                    quantity: None,
                })
                .collect(),
            mode,
            success_url: String::new(),
            cancel_url: None,
            on_existing: OnExisting::default(),
        };
        sale(&request, &known, parse(catalog).unwrap())
    }

    fn key(text: &str) -> PriceName {
        PriceName::LookupKey(text.into())
    }

    fn id(text: &str) -> PriceName {
        PriceName::Id(text.into())
    }

    #[test]
    fn the_mode_follows_from_the_prices() {
        let both = ask(&[key("team_monthly"), id("price_report")], None).unwrap();
        assert_eq!(
            both.items,
            [("price_team".to_owned(), 1), ("price_report".to_owned(), 1)]
        );
        assert_eq!(
            (both.mode, both.plans.len(), both.subscribed.len()),
            (SessionMode::Subscription, 2, 1)
        );
        assert_eq!(
            ask(&[id("price_report")], None).unwrap().mode,
            SessionMode::Payment
        );
        for (name, mode) in [
            (key("team_monthly"), SessionMode::Payment),
            (id("price_report"), SessionMode::Subscription),
        ] {
            assert!(matches!(ask(&[name], Some(mode)), Err(Refused::Field { field, .. }) if field == "mode"));
        }
    }

    #[test]
    fn only_what_stripe_and_the_catalog_have_is_sold() {
        for name in [key("nothing"), id("price_other")] {
            assert!(
                matches!(ask(&[name], None), Err(Refused::UnknownPrice { field, .. }) if field == "line_items[0]")
            );
        }
        assert!(matches!(
            ask(&[key("team_yearly")], None),
            Err(Refused::PriceArchived { .. })
        ));
    }
}
