//! What may be asked, and its rules.

use serde::Serialize;
use sha2::{Digest, Sha256};
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::SessionMode;
use url::{Host, Url};

use super::Refused;

/// A page to buy on.
#[derive(Clone, Debug)]
pub struct CheckoutRequest {
    pub customer: CustomerId,
    /// The caller's own id of this request, 1 to 64 printable ASCII characters.
    pub request_id: String,
    pub items: Vec<Item>,
    /// `None`: as the prices have it.
    pub mode: Option<SessionMode>,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub on_existing: OnExisting,
}

/// What is bought.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    pub price: PriceName,
    /// `None`: 1.
    pub quantity: Option<i64>,
}

/// How a price is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PriceName {
    Id(String),
    LookupKey(String),
}

/// What happens when the customer has an open page already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExisting {
    /// One that sells the same is returned; a second live subscription to a plan is refused.
    #[default]
    ReturnOpen,
    /// Another one is opened.
    Allow,
}

/// In one checkout: Stripe's own limit for subscriptions.
const MAX_ITEMS: usize = 20;

const MAX_QUANTITY: i64 = 1_000_000;

impl CheckoutRequest {
    pub(super) fn check(&self, return_urls: &[String]) -> Result<(), Refused> {
        let id = &self.request_id;
        if !(1..=64).contains(&id.len()) || !id.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(Refused::field("request_id", "must be 1 to 64 printable ASCII characters"));
        }
        if self.items.is_empty() || self.items.len() > MAX_ITEMS {
            return Err(Refused::field("line_items", format!("must be 1 to {MAX_ITEMS} items")));
        }
        for (at, item) in self.items.iter().enumerate() {
            let (PriceName::Id(name) | PriceName::LookupKey(name)) = &item.price;
            if name.is_empty() || name.len() > 255 {
                return Err(Refused::field(format!("line_items[{at}]"), "must name a price_id or a lookup_key"));
            }
            if item.quantity.is_some_and(|quantity| !(1..=MAX_QUANTITY).contains(&quantity)) {
                return Err(Refused::field(
                    format!("line_items[{at}].quantity"),
                    format!("must be 1 to {MAX_QUANTITY}"),
                ));
            }
        }
        check_url("success_url", &self.success_url, return_urls)?;
        self.cancel_url.as_deref().map_or(Ok(()), |url| check_url("cancel_url", url, return_urls))
    }

    /// Of everything that was asked but the id: the same id must come with the same.
    pub(super) fn fingerprint(&self) -> Vec<u8> {
        let mode = self.mode.clone().map(String::from);
        let asked = (self.customer.as_str(), &self.items, mode, &self.success_url, &self.cancel_url);
        Sha256::digest(serde_json::to_vec(&asked).unwrap_or_default()).to_vec()
    }
}

/// https, or http on this machine; and one of the allowed beginnings if there are any.
pub(super) fn check_url(field: &str, text: &str, allowed: &[String]) -> Result<(), Refused> {
    let loopback = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let good = text.len() <= 2_048
        && Url::parse(text).is_ok_and(|url| match url.scheme() {
            "https" => url.host().is_some(),
            "http" => loopback(&url),
            _ => false,
        });
    if !good {
        return Err(Refused::field(field, "must be an https URL (http on localhost only), at most 2048 characters"));
    }
    if !allowed.is_empty() && !allowed.iter().any(|beginning| text.starts_with(beginning.as_str())) {
        return Err(Refused::field(field, "is not among the allowed return URLs (TOLLGATE_RETURN_URLS)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_returned_to() {
        for good in ["https://a.example/x?s={CHECKOUT_SESSION_ID}", "http://localhost:3000/", "http://127.0.0.1/"] {
            assert_eq!(check_url("success_url", good, &[]), Ok(()), "{good}");
        }
        for bad in ["", "a", "http://a.example/", "javascript:alert(1)", "https://"] {
            assert!(check_url("success_url", bad, &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_allow_list_is_by_beginning() {
        let allowed = ["https://a.example/".to_owned()];
        assert!(check_url("success_url", "https://a.example/thanks", &allowed).is_ok());
        assert!(check_url("success_url", "https://b.example/", &allowed).is_err());
    }
}
