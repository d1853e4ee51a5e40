//! What may be asked, and its rules.

use serde::Serialize;
use sha2::{Digest, Sha256};
use tollgate_domain::id::CustomerId;
use tollgate_domain::object::SessionMode;

use super::Refused;
use super::returning::check_url;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum OnExisting {
    /// One that sells the same is returned, one that sells the same plan otherwise is expired; a second live subscription to
    /// a plan is refused.
    #[default]
    ReturnOpen,
    /// Another one is opened beside it.
    Allow,
}

/// In one checkout: Stripe's own limit for subscriptions.
const MAX_ITEMS: usize = 20;

const MAX_QUANTITY: i64 = 999_999;

impl CheckoutRequest {
    pub(super) fn check(&self, return_urls: &[String]) -> Result<(), Refused> {
        let id = &self.request_id;
        if !(1..=64).contains(&id.len()) || !id.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(Refused::field(
                "request_id",
                "must be 1 to 64 printable ASCII characters",
            ));
        }
        if self.items.is_empty() || self.items.len() > MAX_ITEMS {
            return Err(Refused::field(
                "line_items",
                format!("must be 1 to {MAX_ITEMS} items"),
            ));
        }
        for (at, item) in self.items.iter().enumerate() {
            let (PriceName::Id(name) | PriceName::LookupKey(name)) = &item.price;
            if name.is_empty() || name.len() > 255 {
                return Err(Refused::field(
                    format!("line_items[{at}]"),
                    "must name a price_id or a lookup_key, at most 255 characters",
                ));
            }
            if item
                .quantity
                .is_some_and(|quantity| !(1..=MAX_QUANTITY).contains(&quantity))
            {
                return Err(Refused::field(
                    format!("line_items[{at}].quantity"),
                    format!("must be 1 to {MAX_QUANTITY}"),
                ));
            }
        }
        check_url("success_url", &self.success_url, return_urls)?;
        self.cancel_url
            .as_deref()
            .map_or(Ok(()), |url| check_url("cancel_url", url, return_urls))
    }

    /// Of everything that was asked but the id: the same id must come with the same.
    pub(super) fn fingerprint(&self) -> Vec<u8> {
        let mode = self.mode.clone().map(String::from);
        let urls = (&self.success_url, &self.cancel_url);
        let asked = (self.customer.as_str(), &self.items, mode, urls, self.on_existing);
        Sha256::digest(serde_json::to_vec(&asked).unwrap_or_default()).to_vec()
    }
}

/// By which Stripe knows a request again: the same for the same parts and for no others, whatever is in them.
pub(super) fn idempotency_key(what: &str, parts: &[&str]) -> String {
    let digest = Sha256::digest(serde_json::to_vec(parts).unwrap_or_default());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("tollgate-{what}-{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> CheckoutRequest {
        CheckoutRequest {
            customer: CustomerId::parse("acme").unwrap(),
            request_id: "order 17/b".into(),
            items: vec![Item {
                price: PriceName::LookupKey("team_monthly".into()),
                quantity: Some(5),
            }],
            mode: None,
            success_url: "https://a.example/thanks".into(),
            cancel_url: None,
            on_existing: OnExisting::default(),
        }
    }

    fn with(change: impl FnOnce(&mut CheckoutRequest)) -> CheckoutRequest {
        let mut request = good();
        change(&mut request);
        request
    }

    #[test]
    fn what_breaks_a_rule_is_named_by_its_field() {
        assert_eq!(good().check(&[]), Ok(()));
        for (request, named) in [
            (with(|r| r.request_id = String::new()), "request_id"),
            (with(|r| r.request_id = "x".repeat(65)), "request_id"),
            (with(|r| r.request_id = "a\tb".into()), "request_id"),
            (with(|r| r.request_id = "ä".into()), "request_id"),
            (with(|r| r.items.clear()), "line_items"),
            (with(|r| r.items = vec![r.items[0].clone(); 21]), "line_items"),
            (with(|r| r.items[0].quantity = Some(0)), "line_items[0].quantity"),
            (
                with(|r| r.items[0].quantity = Some(1_000_000)),
                "line_items[0].quantity",
            ),
            (
                with(|r| r.items[0].price = PriceName::Id(String::new())),
                "line_items[0]",
            ),
            (with(|r| r.success_url = "thanks".into()), "success_url"),
            (with(|r| r.cancel_url = Some("back".into())), "cancel_url"),
        ] {
            match request.check(&[]) {
                Err(Refused::Field { field, .. }) => assert_eq!(field, named),
                other => panic!("{named}: {other:?}"),
            }
        }
    }

    #[test]
    fn any_other_request_has_another_fingerprint() {
        let changed = [
            with(|r| r.customer = CustomerId::parse("beta").unwrap()),
            with(|r| r.items[0].quantity = Some(6)),
            with(|r| r.items[0].price = PriceName::Id("team_monthly".into())),
            with(|r| r.items = vec![r.items[0].clone(); 2]),
            with(|r| r.mode = Some(SessionMode::Subscription)),
            with(|r| r.success_url.push('/')),
            with(|r| r.cancel_url = Some("https://a.example/".into())),
            with(|r| r.on_existing = OnExisting::Allow),
        ];
        let mut distinct: std::collections::BTreeSet<_> =
            changed.iter().map(CheckoutRequest::fingerprint).collect();
        distinct.insert(good().fingerprint());
        assert_eq!(distinct.len(), changed.len() + 1);
        assert_eq!(
            with(|r| r.request_id.push('x')).fingerprint(),
            good().fingerprint()
        );
    }

    #[test]
    fn keys_differ_where_their_parts_do_and_fit_into_stripes_255_characters() {
        assert_eq!(
            idempotency_key("x", &["a", "b"]),
            idempotency_key("x", &["a", "b"])
        );
        assert_ne!(
            idempotency_key("x", &["a", "b"]),
            idempotency_key("x", &["ab", ""])
        );
        // As a header these two would be the same.
        assert_ne!(idempotency_key("x", &["a"]), idempotency_key("x", &["a "]));
        assert!(idempotency_key("checkout", &["x".repeat(500).as_str()]).len() < 255);
    }
}
