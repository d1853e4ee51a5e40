//! Parameters that older API versions spelled otherwise, read as the newest spells them.

use url::form_urlencoded;

use crate::core::Version;

/// Until which version, of which route, the old name, and what is said now for its value.
type Renamed = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, Option<&'static str>)],
);

const RENAMED: &[Renamed] = &[
    // docs.stripe.com/changelog/clover: a promotion code says what it promotes.
    (
        "2025-09-30.clover",
        "/v1/promotion_codes",
        "coupon",
        &[("promotion[type]", Some("coupon")), ("promotion[coupon]", None)],
    ),
    // docs.stripe.com/changelog/basil: several discounts instead of one.
    (
        "2025-03-31.basil",
        "/v1/subscriptions",
        "coupon",
        &[("discounts[0][coupon]", None)],
    ),
    (
        "2025-03-31.basil",
        "/v1/subscriptions",
        "promotion_code",
        &[("discounts[0][promotion_code]", None)],
    ),
    // docs.stripe.com/changelog/basil: pricing says what an invoice item costs.
    (
        "2025-03-31.basil",
        "/v1/invoiceitems",
        "price",
        &[("pricing[price]", None)],
    ),
    (
        "2025-03-31.basil",
        "/v1/invoiceitems",
        "unit_amount",
        &[("unit_amount_decimal", None)],
    ),
    // docs.stripe.com/changelog/2019-10-17: what was `billing`, and what a customer's balance was called.
    ("2019-10-17", "/v1/invoices", "billing", COLLECTION),
    ("2019-10-17", "/v1/subscriptions", "billing", COLLECTION),
    (
        "2019-10-17",
        "/v1/customers",
        "account_balance",
        &[("balance", None)],
    ),
];

const COLLECTION: &[(&str, Option<&str>)] = &[("collection_method", None)];

/// The body of a POST as the newest version would have it.
pub fn modern(version: Version, path: &str, form: &str) -> Option<String> {
    let renamed: Vec<&Renamed> = RENAMED
        .iter()
        .filter(|(until, route, ..)| {
            Version::parse(until).is_some_and(|until| version < until)
                && path
                    .strip_prefix(route)
                    .is_some_and(|id| !id.trim_start_matches('/').contains('/'))
        })
        .collect();
    if renamed.is_empty() {
        return None;
    }
    let mut body = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(form.as_bytes()) {
        match renamed.iter().find(|(_, _, old, _)| *old == name) {
            None => {
                body.append_pair(&name, &value);
            }
            Some((_, _, _, now)) => {
                for (name, fixed) in *now {
                    body.append_pair(name, fixed.unwrap_or(&value));
                }
            }
        }
    }
    Some(body.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promotion_codes_coupon_is_read_as_its_promotion() {
        let basil = Version::parse("2025-08-27.basil").unwrap();
        let form = "code=TEN&coupon=ten%20off";
        let read = modern(basil, "/v1/promotion_codes", form);
        let wanted = "code=TEN&promotion%5Btype%5D=coupon&promotion%5Bcoupon%5D=ten+off";
        assert_eq!(read.as_deref(), Some(wanted));
        assert_eq!(modern(Version::default(), "/v1/promotion_codes", form), None);
        assert_eq!(modern(basil, "/v1/subscriptions/sub_1", form), None);
    }

    #[test]
    fn before_2019_10_17_billing_is_read_as_the_collection_method() {
        let old = Version::parse("2019-10-08").unwrap();
        let read = modern(old, "/v1/subscriptions", "billing=send_invoice");
        assert_eq!(read.as_deref(), Some("collection_method=send_invoice"));
        let read = modern(old, "/v1/customers/cus_1", "account_balance=-5");
        assert_eq!(read.as_deref(), Some("balance=-5"));
        let newer = Version::parse("2019-10-17").unwrap();
        let read = modern(newer, "/v1/subscriptions", "billing=send_invoice");
        assert_eq!(read.as_deref(), Some("billing=send_invoice"));
    }
}
