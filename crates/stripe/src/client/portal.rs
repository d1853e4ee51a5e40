//! What the customer portal offers.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::raw::field;
use super::{CallError, Client, is_one_step};
use crate::json::text;

/// A product between whose prices, and to which, a customer may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub product: String,
    pub prices: Vec<String>,
}

/// A configuration as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalConfiguration {
    pub id: String,
    pub active: bool,
    pub is_default: bool,
    /// Whose it is, if setup has made it.
    pub deployment: Option<String>,
    /// What setup said of the products that are offered: Stripe shows them only on demand.
    offers: Option<String>,
    cards: bool,
    invoices: bool,
    cancel: bool,
    update: bool,
}

impl PortalConfiguration {
    /// Whether it is as [`Client::save_portal`] would make it.
    pub fn is_as_wanted(&self, offers: &[Offer]) -> bool {
        self.active
            && self.cards
            && self.invoices
            && self.cancel
            && self.update != offers.is_empty()
            && self.offers.as_deref() == Some(&fingerprint(offers))
    }
}

impl Client {
    /// # Errors
    /// Stripe does not tell.
    pub async fn portal_configurations(&self) -> Result<Vec<PortalConfiguration>, CallError> {
        let all = self.list("/v1/billing_portal/configurations").await?;
        Ok(all.iter().filter_map(configuration).collect())
    }

    /// Makes one, or makes `id` so: cards can be changed, invoices seen, subscriptions cancelled at their period's end, and
    /// changed between what is offered.
    ///
    /// # Errors
    /// Stripe refuses it.
    pub async fn save_portal(
        &self,
        id: Option<&str>,
        deployment: &str,
        offers: &[Offer],
    ) -> Result<PortalConfiguration, CallError> {
        if id.is_some_and(|id| !is_one_step(id)) {
            return Err(CallError::NotFound);
        }
        let update = "features[subscription_update]";
        let mut form = vec![
            field("metadata[tollgate_deployment]", deployment),
            field("metadata[tollgate_offers]", fingerprint(offers)),
            field("features[payment_method_update][enabled]", "true"),
            field("features[invoice_history][enabled]", "true"),
            field("features[subscription_cancel][enabled]", "true"),
            field("features[subscription_cancel][mode]", "at_period_end"),
            field(&format!("{update}[enabled]"), (!offers.is_empty()).to_string()),
        ];
        if !offers.is_empty() {
            form.push(field(&format!("{update}[default_allowed_updates][0]"), "price"));
            form.push(field(
                &format!("{update}[default_allowed_updates][1]"),
                "quantity",
            ));
            form.push(field(
                &format!("{update}[proration_behavior]"),
                "create_prorations",
            ));
        }
        for (n, offer) in offers.iter().enumerate() {
            let at = format!("{update}[products][{n}]");
            form.push(field(&format!("{at}[product]"), &offer.product));
            for (m, price) in offer.prices.iter().enumerate() {
                form.push(field(&format!("{at}[prices][{m}]"), price));
            }
        }
        if id.is_some() {
            form.push(field("active", "true"));
        }
        let path = id.map_or(String::new(), |id| format!("/{id}"));
        let saved = self
            .write(&format!("/v1/billing_portal/configurations{path}"), &form)
            .await?;
        configuration(&saved).ok_or_else(|| CallError::Unreadable("the configuration has no id".into()))
    }
}

fn configuration(json: &Value) -> Option<PortalConfiguration> {
    let on = |feature: &str| json["features"][feature]["enabled"] == true;
    Some(PortalConfiguration {
        id: text(&json["id"])?,
        active: json["active"] == true,
        is_default: json["is_default"] == true,
        deployment: text(&json["metadata"]["tollgate_deployment"]),
        offers: text(&json["metadata"]["tollgate_offers"]),
        cards: on("payment_method_update"),
        invoices: on("invoice_history"),
        cancel: on("subscription_cancel")
            && json["features"]["subscription_cancel"]["mode"] == "at_period_end",
        update: on("subscription_update"),
    })
}

fn fingerprint(offers: &[Offer]) -> String {
    let mut hash = Sha256::new();
    for offer in offers {
        hash.update(format!("{} {}\n", offer.product, offer.prices.join(" ")));
    }
    let digest = hash.finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
