//! Stripe's own entitlements (docs.stripe.com/billing/entitlements): features, the products that have them, and what
//! customers are entitled to by their subscriptions.
//!
//! A subscription grants what its products have when it begins, when its prices change and when a period begins: a
//! feature that is attached in between waits for the next period. A paused one keeps what it granted.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Answer, Core, Fault, Metadata, MetadataChange, Row, Status};

/// How many a summary's embedded list shows.
const SUMMARY_LIMIT: usize = 10;

#[derive(Clone, Debug)]
pub struct Feature {
    id: String,
    pub lookup_key: String,
    name: String,
    pub active: bool,
    metadata: Metadata,
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
            "active": self.active,
            "livemode": false,
            "lookup_key": self.lookup_key,
            "metadata": self.metadata,
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

/// A feature that a customer has.
#[derive(Clone, Debug)]
pub struct ActiveEntitlement {
    id: String,
    feature: String,
    lookup_key: String,
}

impl Row for ActiveEntitlement {
    const NOUN: &'static str = "entitlements.active_entitlement";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        0
    }

    fn render(&self, _: &Core) -> Value {
        json!({
            "id": self.id,
            "object": "entitlements.active_entitlement",
            "feature": self.feature,
            "livemode": false,
            "lookup_key": self.lookup_key,
        })
    }
}

/// Who has what.
#[derive(Clone, Debug, Default)]
pub struct Entitlements {
    /// By customer, in order of creation.
    active: HashMap<String, Vec<ActiveEntitlement>>,
    /// By subscription.
    granted: HashMap<String, Grant>,
}

/// What a subscription grants.
#[derive(Clone, Debug)]
struct Grant {
    /// The prices and their periods that the features were looked up for.
    periods: Vec<(String, i64)>,
    features: Vec<String>,
}

impl Core {
    /// # Errors
    /// A feature has this lookup key.
    pub fn create_feature(&mut self, lookup_key: &str, name: &str) -> Answer {
        self.create_feature_with(lookup_key, name, Metadata::new())
    }

    pub(crate) fn create_feature_with(&mut self, lookup_key: &str, name: &str, metadata: Metadata) -> Answer {
        if self
            .features
            .all()
            .any(|it| it.active && it.lookup_key == lookup_key)
        {
            let message = format!("A feature already uses the lookup key `{lookup_key}`.");
            return Err(Fault::invalid(message).param("lookup_key"));
        }
        let feature = Feature {
            id: self.ids.mint("feat_"),
            lookup_key: lookup_key.to_owned(),
            name: name.to_owned(),
            active: true,
            metadata,
        };
        let shown = feature.render(self);
        self.features.insert(feature);
        Ok(shown)
    }

    /// An archived one stays with those who have it.
    ///
    /// # Errors
    /// No such feature.
    pub fn update_feature(
        &mut self,
        id: &str,
        name: Option<String>,
        active: Option<bool>,
        metadata: MetadataChange,
    ) -> Answer {
        let missing = || Fault::missing(Feature::NOUN, id);
        let feature = self.features.get_mut(id).ok_or_else(missing)?;
        feature.name = name.unwrap_or(std::mem::take(&mut feature.name));
        feature.active = active.unwrap_or(feature.active);
        metadata.apply(&mut feature.metadata);
        self.features
            .get(id)
            .map(|it| it.render(self))
            .ok_or_else(missing)
    }

    pub(crate) fn features(&self) -> impl DoubleEndedIterator<Item = &Feature> {
        self.features.all()
    }

    /// # Errors
    /// No such product or feature, an archived feature, or one that the product has.
    pub fn attach_feature(&mut self, product: &str, feature: &str) -> Answer {
        self.product(product)?;
        let found = self.features.get(feature).cloned();
        let found =
            found.ok_or_else(|| Fault::missing(Feature::NOUN, feature).param("entitlement_feature"))?;
        let refuse = |why: &str| {
            let message = format!("The feature `{feature}` {why}.");
            Err(Fault::invalid(message).param("entitlement_feature"))
        };
        if !found.active {
            return refuse("is archived");
        }
        if self
            .product_features
            .iter()
            .any(|(of, it, _)| of == product && it == feature)
        {
            return refuse("is attached to this product already");
        }
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

    /// # Errors
    /// The product has no such feature.
    pub fn detach_feature(&mut self, product: &str, id: &str) -> Answer {
        self.product_feature(product, id)?;
        self.product_features.retain(|(.., it)| it != id);
        Ok(json!({ "id": id, "object": "product_feature", "deleted": true }))
    }

    pub(crate) fn product_feature(&self, product: &str, id: &str) -> Answer {
        let features = self.features_of(product);
        let found = features.iter().find(|it| it.id == id);
        found
            .map(|it| it.render(self))
            .ok_or_else(|| Fault::missing(ProductFeature::NOUN, id))
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

    /// In order of creation.
    pub(crate) fn active_entitlements(
        &self,
        customer: &str,
    ) -> impl DoubleEndedIterator<Item = &ActiveEntitlement> {
        self.entitlements
            .active
            .get(customer)
            .map_or(&[][..], Vec::as_slice)
            .iter()
    }

    pub(crate) fn active_entitlement(&self, id: &str) -> Option<&ActiveEntitlement> {
        self.entitlements.active.values().flatten().find(|it| it.id == id)
    }

    /// After every event of a subscription: what its customer is entitled to, and an event if that changed.
    pub(super) fn refresh_entitlements(&mut self, subscription: &str) {
        if self.product_features.is_empty() && self.entitlements.granted.is_empty() {
            return;
        }
        let Some(of) = self.subscriptions.get(subscription) else {
            return;
        };
        let customer = of.customer.clone();
        let grants = matches!(
            of.status,
            Status::Active | Status::Trialing | Status::PastDue | Status::Paused
        );
        let periods: Vec<(String, i64)> = of
            .items
            .iter()
            .filter(|_| grants)
            .map(|item| (item.price.clone(), item.period_start))
            .collect();
        let looked_up = self.entitlements.granted.get(subscription);
        if looked_up.map_or(&[][..], |it| &it.periods) == periods.as_slice() {
            return;
        }
        let products = periods
            .iter()
            .filter_map(|(price, _)| Some(&self.prices.get(price)?.product));
        let features: Vec<String> = products
            .flat_map(|product| self.features_of(product))
            .map(|it| it.feature.id.clone())
            .collect();
        if periods.is_empty() {
            self.entitlements.granted.remove(subscription);
        } else {
            self.entitlements
                .granted
                .insert(subscription.to_owned(), Grant { periods, features });
        }
        self.entitle(&customer);
    }

    fn entitle(&mut self, customer: &str) {
        let before = self.summary(customer);
        let granted = self
            .subscriptions
            .of(customer)
            .filter_map(|it| self.entitlements.granted.get(&it.id));
        let mut features: Vec<String> = Vec::new();
        for feature in granted.flat_map(|it| &it.features) {
            if !features.contains(feature) {
                features.push(feature.clone());
            }
        }
        let mut active = self.entitlements.active.remove(customer).unwrap_or_default();
        active.retain(|it| features.contains(&it.feature));
        for feature in features {
            if active.iter().all(|it| it.feature != feature) {
                let lookup_key = self.features.get(&feature).map(|it| it.lookup_key.clone());
                active.push(ActiveEntitlement {
                    id: self.ids.mint("ent_"),
                    feature,
                    lookup_key: lookup_key.unwrap_or_default(),
                });
            }
        }
        self.entitlements.active.insert(customer.to_owned(), active);
        let after = self.summary(customer);
        self.emit_change("entitlements.active_entitlement_summary.updated", before, after);
    }

    /// What the event shows: the newest ten, and whether there are more.
    fn summary(&self, customer: &str) -> Value {
        let all = self.active_entitlements(customer);
        let data: Vec<Value> = all.rev().take(SUMMARY_LIMIT).map(|it| it.render(self)).collect();
        json!({
            "object": "entitlements.active_entitlement_summary",
            "customer": customer,
            "entitlements": {
                "object": "list",
                "data": data,
                "has_more": self.active_entitlements(customer).count() > SUMMARY_LIMIT,
                "url": format!("/v1/customer/{customer}/entitlements"),
            },
            "livemode": false,
        })
    }
}
