//! Prices, as checkouts need them.

use stripe_client_core::StripeRequest;
use stripe_product::price::{ListPrice, RetrievePrice};
use tollgate_domain::object::PriceRef;

use super::{CallError, Client, is_one_step};

/// Which prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PriceQuery {
    /// `price_…`
    Ids(Vec<String>),
    LookupKeys(Vec<String>),
}

/// What is sold, and for how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub price: PriceRef,
    /// Paid again and again; else once.
    pub recurring: bool,
    /// Can be bought; archived prices cannot.
    pub active: bool,
    /// In the currency's smallest unit; tiered and very small prices have none.
    pub unit_amount: Option<i64>,
    /// Three letters, lower case.
    pub currency: String,
}

/// Stripe's limit.
const LOOKUP_KEYS_AT_ONCE: usize = 10;

impl Client {
    /// The prices that exist, in Stripe's order; the others are left out.
    pub async fn prices(&self, query: &PriceQuery) -> Result<Vec<Price>, CallError> {
        let mut found = vec![];
        match query {
            PriceQuery::Ids(ids) => {
                for id in ids.iter().filter(|id| is_one_step(id)) {
                    match RetrievePrice::new(id.as_str())
                        .customize()
                        .send(&self.transport)
                        .await
                    {
                        Ok(price) => found.push(price),
                        Err(CallError::NotFound) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            PriceQuery::LookupKeys(keys) => {
                for keys in keys.chunks(LOOKUP_KEYS_AT_ONCE) {
                    let list = ListPrice::new().lookup_keys(keys).limit(100);
                    found.extend(list.customize().send(&self.transport).await?.data);
                }
            }
        }
        Ok(found.into_iter().map(price).collect())
    }
}

fn price(price: stripe_shared::Price) -> Price {
    Price {
        price: PriceRef {
            id: price.id.to_string(),
            product: price.product.id().to_string(),
            lookup_key: price.lookup_key,
        },
        recurring: price.recurring.is_some(),
        active: price.active,
        unit_amount: price.unit_amount,
        currency: price.currency.to_string(),
    }
}
