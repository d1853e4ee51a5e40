//! What may be done to a product later.

use super::{Answer, Core, Fault, MetadataChange, Product, Row};

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct ProductChange {
    pub name: Option<String>,
    /// Empty: takes it away.
    pub description: Option<String>,
    pub active: Option<bool>,
    pub metadata: MetadataChange,
}

impl Core {
    /// # Errors
    /// No such product; an empty name.
    pub fn update_product(&mut self, id: &str, change: ProductChange) -> Answer {
        let before = self.product(id)?.render(self);
        if change.name.as_deref() == Some("") {
            return Err(Fault::invalid("You passed an empty string for 'name'.").param("name"));
        }
        let now = self.now;
        let product = self
            .products
            .get_mut(id)
            .ok_or_else(|| Fault::missing("product", id))?;
        product.name = change.name.unwrap_or(std::mem::take(&mut product.name));
        if let Some(description) = change.description {
            product.description = Some(description).filter(|it| !it.is_empty());
        }
        product.active = change.active.unwrap_or(product.active);
        change.metadata.apply(&mut product.metadata);
        product.updated = now;
        let after = self.product(id)?.render(self);
        self.emit_change("product.updated", &before, after.clone());
        Ok(after)
    }

    fn product(&self, id: &str) -> Result<&Product, Fault> {
        self.products.get(id).ok_or_else(|| Fault::missing("product", id))
    }
}
