//! What is written into requests.

use std::collections::BTreeMap;

use tollgate_domain::id::CustomerId;
use tollgate_domain::object::{SessionMode, Stamp};
use tollgate_domain::time::Timestamp;
use tollgate_stripe::{CheckoutRequest, Encoded, encode_checkout, encode_customer, encode_portal};

fn fields(request: &Encoded) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(request.body.as_bytes())
        .into_owned()
        .collect()
}

fn expected(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    fields
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn checkout(mode: SessionMode) -> CheckoutRequest {
    CheckoutRequest {
        customer: "cus_1".into(),
        mode,
        items: vec![("price_1".into(), 5), ("price_2".into(), 1)],
        success_url: "https://app/back?session={CHECKOUT_SESSION_ID}".into(),
        cancel_url: Some("https://app/".into()),
        client_reference_id: Some("acme".into()),
        stamp: Stamp {
            customer: Some("acme".into()),
            deployment: Some("prod".into()),
        },
        expires_at: Some(Timestamp::from_unix(1_700_000_000)),
        trial_days: Some(14),
    }
}

#[test]
fn a_checkout_stamps_the_session_and_what_comes_of_it() {
    let both = [
        ("cancel_url", "https://app/"),
        ("client_reference_id", "acme"),
        ("customer", "cus_1"),
        ("expires_at", "1700000000"),
        ("line_items[0][price]", "price_1"),
        ("line_items[0][quantity]", "5"),
        ("line_items[1][price]", "price_2"),
        ("line_items[1][quantity]", "1"),
        ("metadata[tollgate_customer]", "acme"),
        ("metadata[tollgate_deployment]", "prod"),
        ("success_url", "https://app/back?session={CHECKOUT_SESSION_ID}"),
    ];
    let subscription = encode_checkout(&checkout(SessionMode::Subscription));
    assert_eq!(subscription.path, "/v1/checkout/sessions");
    let mut wanted = expected(&both);
    wanted.extend(expected(&[
        ("mode", "subscription"),
        ("subscription_data[metadata][tollgate_customer]", "acme"),
        ("subscription_data[metadata][tollgate_deployment]", "prod"),
        ("subscription_data[trial_period_days]", "14"),
    ]));
    assert_eq!(fields(&subscription), wanted);

    let mut wanted = expected(&both);
    wanted.extend(expected(&[
        ("mode", "payment"),
        ("payment_intent_data[metadata][tollgate_customer]", "acme"),
        ("payment_intent_data[metadata][tollgate_deployment]", "prod"),
    ]));
    assert_eq!(fields(&encode_checkout(&checkout(SessionMode::Payment))), wanted);
}

#[test]
fn a_stripe_customer_is_stamped_and_holds_nothing_personal() {
    let request = encode_customer(&CustomerId::parse("user:42").unwrap(), "prod");
    assert_eq!(request.path, "/v1/customers");
    assert_eq!(
        fields(&request),
        expected(&[
            ("metadata[tollgate_customer]", "user:42"),
            ("metadata[tollgate_deployment]", "prod")
        ])
    );
}

#[test]
fn the_portal_is_told_where_to_return_to() {
    let request = encode_portal("cus_1", "https://app/account?a=b&c", Some("bpc_1"));
    assert_eq!(request.path, "/v1/billing_portal/sessions");
    assert_eq!(
        fields(&request),
        expected(&[
            ("configuration", "bpc_1"),
            ("customer", "cus_1"),
            ("return_url", "https://app/account?a=b&c"),
        ])
    );
    assert!(!request.api_version.is_empty());
}
