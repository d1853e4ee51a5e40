//! What the account sells.

use serde_json::Value;
use tollgate_domain::object::PriceRef;

use super::{CallError, Client, Price, is_one_step};
use crate::json::{id, text};

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub id: String,
    pub name: String,
    pub active: bool,
}

/// A price, and how often it is paid, such as `1 month`; `None`: once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sold {
    pub price: Price,
    pub interval: Option<String>,
}

/// One of Stripe's own entitlement features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductFeature {
    pub lookup_key: String,
    pub name: String,
}

impl Client {
    /// # Errors
    /// Stripe does not tell.
    pub async fn active_products(&self) -> Result<Vec<Product>, CallError> {
        let all = self.list("/v1/products?active=true").await?;
        Ok(all.iter().filter_map(product).collect())
    }

    /// # Errors
    /// Stripe does not tell. `None`: there is none.
    pub async fn product(&self, id: &str) -> Result<Option<Product>, CallError> {
        if !is_one_step(id) {
            return Ok(None);
        }
        match self.read(&format!("/v1/products/{id}")).await {
            Ok(json) => Ok(product(&json)),
            Err(CallError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// Stripe does not tell.
    pub async fn active_prices(&self) -> Result<Vec<Sold>, CallError> {
        let all = self.list("/v1/prices?active=true").await?;
        Ok(all.iter().filter_map(sold).collect())
    }

    /// None where the account does not use them, or the key may not know.
    ///
    /// # Errors
    /// Stripe does not tell.
    pub async fn product_features(&self, product: &str) -> Result<Vec<ProductFeature>, CallError> {
        if !is_one_step(product) {
            return Ok(vec![]);
        }
        let all = match self.list(&format!("/v1/products/{product}/features")).await {
            Ok(all) => all,
            Err(CallError::NotFound | CallError::Forbidden { .. }) => vec![],
            Err(error) => return Err(error),
        };
        let feature = |json: &Value| {
            let feature = &json["entitlement_feature"];
            Some(ProductFeature {
                lookup_key: text(&feature["lookup_key"])?,
                name: text(&feature["name"]).unwrap_or_default(),
            })
        };
        Ok(all.iter().filter_map(feature).collect())
    }
}

fn product(json: &Value) -> Option<Product> {
    Some(Product {
        id: text(&json["id"])?,
        name: text(&json["name"]).unwrap_or_default(),
        active: json["active"] == true,
    })
}

fn sold(json: &Value) -> Option<Sold> {
    let recurring = &json["recurring"];
    let interval = text(&recurring["interval"])
        .map(|interval| format!("{} {interval}", recurring["interval_count"].as_u64().unwrap_or(1)));
    Some(Sold {
        price: Price {
            price: PriceRef {
                id: text(&json["id"])?,
                product: id(&json["product"])?,
                lookup_key: text(&json["lookup_key"]),
            },
            recurring: recurring.is_object(),
            active: json["active"] == true,
            unit_amount: json["unit_amount"].as_i64(),
            currency: text(&json["currency"]).unwrap_or_default(),
        },
        interval,
    })
}
