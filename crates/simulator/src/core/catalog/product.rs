//! Products.

use serde_json::{Map, Value, json};

use super::{Answer, Core, Fault, Metadata, MetadataChange, NewPrice, Row};

/// A product to create.
#[derive(Clone, Debug, Default)]
pub struct NewProduct {
    /// `None`: a random one.
    pub id: Option<String>,
    pub name: String,
    pub description: Option<String>,
    pub inactive: bool,
    /// Its price from the start; the product in it is not read.
    pub default_price: Option<NewPrice>,
    pub metadata: Metadata,
    /// Fields that are only kept and shown, such as `images` and `marketing_features`, in Stripe's shape.
    pub shown: Map<String, Value>,
}

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct ProductChange {
    pub name: Option<String>,
    /// Empty: takes it away.
    pub description: Option<String>,
    pub active: Option<bool>,
    /// Empty: takes it away.
    pub default_price: Option<String>,
    pub metadata: MetadataChange,
    /// As in [`NewProduct`].
    pub shown: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub struct Product {
    pub id: String,
    created: i64,
    updated: i64,
    pub name: String,
    description: Option<String>,
    pub active: bool,
    pub default_price: Option<String>,
    metadata: Metadata,
    shown: Map<String, Value>,
    pub deleted: bool,
}

impl Row for Product {
    const NOUN: &'static str = "product";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, _: &Core) -> Value {
        let mut product = json!({
            "id": self.id,
            "object": "product",
            "active": self.active,
            "created": self.created,
            "default_price": self.default_price,
            "description": self.description,
            "images": [],
            "livemode": false,
            "marketing_features": [],
            "metadata": self.metadata,
            "name": self.name,
            "package_dimensions": null,
            "shippable": null,
            "statement_descriptor": null,
            "tax_code": null,
            "tax_details": null,
            "type": "service",
            "unit_label": null,
            "updated": self.updated,
            "url": null,
        });
        for (name, value) in &self.shown {
            product[name] = value.clone();
        }
        product
    }
}

impl Core {
    /// # Errors
    /// An empty name.
    pub fn create_product(&mut self, name: &str) -> Answer {
        self.create_product_with(NewProduct {
            name: name.to_owned(),
            ..NewProduct::default()
        })
    }

    /// # Errors
    /// An empty name, an id in use, a default price that cannot be.
    pub fn create_product_with(&mut self, new: NewProduct) -> Answer {
        if new.name.is_empty() {
            return Err(Fault::invalid("You passed an empty string for 'name'.").param("name"));
        }
        if let Some(id) = new.id.as_ref().filter(|id| self.products.get(id).is_some()) {
            let fault = Fault::invalid(format!("Product already exists: {id}"));
            return Err(fault.code("resource_already_exists").param("id"));
        }
        if let Some(price) = &new.default_price {
            let checked = self.check_new_price(price);
            checked.map_err(|fault| match fault.param.clone() {
                Some(param) => fault.param(format!("default_price_data[{param}]")),
                None => fault,
            })?;
        }
        let price = new.default_price.clone();
        let id = self.insert_product(new);
        let shown = self.product(&id)?.render(self);
        self.emit("product.created", shown.clone());
        let Some(price) = price else {
            return Ok(shown);
        };
        let price = self.create_price(NewPrice {
            product: id.clone(),
            ..price
        })?;
        let default_price = price["id"].as_str().map(str::to_owned);
        self.update_product(
            &id,
            ProductChange {
                default_price,
                ..ProductChange::default()
            },
        )
    }

    /// One that was checked; nobody is told.
    pub(crate) fn insert_product(&mut self, new: NewProduct) -> String {
        let product = Product {
            id: new.id.unwrap_or_else(|| self.ids.mint("prod_")),
            created: self.now,
            updated: self.now,
            name: new.name,
            description: new.description,
            active: !new.inactive,
            default_price: None,
            metadata: new.metadata,
            shown: new.shown,
            deleted: false,
        };
        let id = product.id.clone();
        self.products.insert(product);
        id
    }

    /// # Errors
    /// No such product; an empty name; a default price that is not an active one of its own.
    pub fn update_product(&mut self, id: &str, change: ProductChange) -> Answer {
        let before = self.product(id)?.render(self);
        if change.name.as_deref() == Some("") {
            return Err(Fault::invalid("You passed an empty string for 'name'.").param("name"));
        }
        if let Some(price) = change.default_price.as_deref().filter(|it| !it.is_empty()) {
            let found = self.price(price).map_err(|fault| fault.param("default_price"))?;
            if found.product != id || !found.active {
                let message = format!("The price `{price}` is not an active price of this product.");
                return Err(Fault::invalid(message).param("default_price"));
            }
        }
        let now = self.now;
        if let Some(product) = self.products.get_mut(id) {
            product.name = change.name.unwrap_or(std::mem::take(&mut product.name));
            if let Some(description) = change.description {
                product.description = Some(description).filter(|it| !it.is_empty());
            }
            if let Some(price) = change.default_price {
                product.default_price = Some(price).filter(|it| !it.is_empty());
            }
            product.active = change.active.unwrap_or(product.active);
            change.metadata.apply(&mut product.metadata);
            product.shown.extend(change.shown);
            product.updated = now;
        }
        let after = self.product(id)?.render(self);
        self.emit_change("product.updated", before, after.clone());
        Ok(after)
    }

    /// docs.stripe.com/api/products/delete: only while nothing hangs on it.
    ///
    /// # Errors
    /// No such product; it has prices or features.
    pub fn delete_product(&mut self, id: &str) -> Answer {
        let last = self.product(id)?.render(self);
        if self.prices.all().any(|price| price.product == id) {
            let message = "This product cannot be deleted because it has one or more user-created prices.";
            return Err(Fault::invalid(message).param("id"));
        }
        if !self.features_of(id).is_empty() {
            let message = "This product cannot be deleted because it has one or more features.";
            return Err(Fault::invalid(message).param("id"));
        }
        if let Some(product) = self.products.get_mut(id) {
            product.deleted = true;
        }
        self.emit("product.deleted", last);
        Ok(json!({ "id": id, "object": "product", "deleted": true }))
    }

    pub(crate) fn product(&self, id: &str) -> Result<&Product, Fault> {
        let found = self.products.get(id).filter(|it| !it.deleted);
        found.ok_or_else(|| Fault::missing("product", id))
    }

    pub(crate) fn products(&self) -> impl DoubleEndedIterator<Item = &Product> {
        self.products.all().filter(|it| !it.deleted)
    }
}
