//! Stripe's own entitlement features, and which products have them. Only said of products: nobody is entitled to anything
//! here.

use serde_json::{Value, json};

use super::{Answer, Core, Fault, Row};

#[derive(Clone, Debug)]
pub struct Feature {
    id: String,
    lookup_key: String,
    name: String,
}

impl Row for Feature {
    const NOUN: &'static str = "entitlements.feature";

    fn id(&self) -> &str {
        &self.id
    }

    /// Stripe shows none.
    fn created(&self) -> i64 {
        0
    }

    fn render(&self, _: &Core) -> Value {
        json!({
            "id": self.id,
            "object": "entitlements.feature",
            "active": true,
            "livemode": false,
            "lookup_key": self.lookup_key,
            "metadata": {},
            "name": self.name,
        })
    }
}

/// A feature of a product.
pub struct ProductFeature<'a> {
    id: &'a str,
    feature: &'a Feature,
}

impl Row for ProductFeature<'_> {
    const NOUN: &'static str = "product_feature";

    fn id(&self) -> &str {
        self.id
    }

    fn created(&self) -> i64 {
        0
    }

    fn render(&self, core: &Core) -> Value {
        json!({
            "id": self.id,
            "object": "product_feature",
            "entitlement_feature": self.feature.render(core),
            "livemode": false,
        })
    }
}

impl Core {
    /// # Errors
    /// A feature has this lookup key.
    pub fn create_feature(&mut self, lookup_key: &str, name: &str) -> Answer {
        if self.features.all().any(|it| it.lookup_key == lookup_key) {
            let message = format!("A feature already uses the lookup key `{lookup_key}`.");
            return Err(Fault::invalid(message).param("lookup_key"));
        }
        let feature = Feature {
            id: self.ids.mint("feat_"),
            lookup_key: lookup_key.to_owned(),
            name: name.to_owned(),
        };
        let shown = feature.render(self);
        self.features.insert(feature);
        Ok(shown)
    }

    /// # Errors
    /// No such product or feature.
    pub fn attach_feature(&mut self, product: &str, feature: &str) -> Answer {
        self.get_expanded(product, &[])?;
        let found = self.features.get(feature).cloned();
        let found =
            found.ok_or_else(|| Fault::missing(Feature::NOUN, feature).param("entitlement_feature"))?;
        let id = self.ids.mint("prodft_");
        let shown = ProductFeature {
            id: &id,
            feature: &found,
        }
        .render(self);
        self.product_features
            .push((product.to_owned(), feature.to_owned(), id));
        Ok(shown)
    }

    /// In the order in which they were attached.
    pub(crate) fn features_of(&self, product: &str) -> Vec<ProductFeature<'_>> {
        let of = self.product_features.iter().filter(|(of, ..)| of == product);
        of.filter_map(|(_, feature, id)| {
            let feature = self.features.get(feature)?;
            Some(ProductFeature { id, feature })
        })
        .collect()
    }
}
