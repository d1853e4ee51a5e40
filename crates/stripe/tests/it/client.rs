//! The client and its transport.

use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_domain::object::{Kind, Object, PriceRef};
use tollgate_domain::time::{Span, Timestamp};
use tollgate_stripe::{CallError, Client, Encoded, LISTS, Price, PriceQuery, Priority, Settings, object};

use crate::fake::{Fake, reply};

const LONG: Duration = Duration::from_secs(30);
/// Where orders go.
const ENDPOINT: &str = "/v1/customers";

fn order() -> Encoded {
    Encoded {
        path: "/v1/customers".into(),
        body: "metadata[a]=b%20c".into(),
        api_version: "2025-03-31.basil".into(),
    }
}

fn error(code: &str, param: &str) -> String {
    json!({"error": {"type": "invalid_request_error", "code": code, "param": param, "message": "no"}})
        .to_string()
}

#[tokio::test]
async fn connections_are_pooled_and_reads_carry_key_and_version() {
    let fake = Fake::start(|_, _| reply(200, &[], r#"{"id":"sub_1"}"#)).await;
    let client = fake.client(LONG);
    for _ in 0..5 {
        client.clone().fetch(Kind::Subscription, "sub_1").await.unwrap();
    }
    assert_eq!(fake.connections(), 1);
    let asked = &fake.asked()[4];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("GET", "/v1/subscriptions/sub_1")
    );
    assert_eq!(asked.header("authorization"), Some("Bearer sk_test_hidden"));
    assert_eq!(
        asked.header("stripe-version"),
        Some(
            tollgate_stripe::encode_portal("cus_1", "x", None)
                .api_version
                .as_str()
        )
    );
    assert_eq!(asked.header("idempotency-key"), None);
}

#[tokio::test]
async fn a_request_is_sent_as_it_was_encoded_under_the_callers_key() {
    let fake = Fake::start(|_, _| reply(200, &[], r#"{"id":"cus_1"}"#)).await;
    let answer = fake.client(LONG).send(&order(), "order-7/1").await.unwrap();
    assert_eq!(answer, r#"{"id":"cus_1"}"#);
    let asked = &fake.asked()[0];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/v1/customers")
    );
    assert_eq!(asked.body, "metadata[a]=b%20c");
    assert_eq!(
        asked.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(asked.header("stripe-version"), Some("2025-03-31.basil"));
    assert_eq!(asked.header("idempotency-key"), Some("order-7/1"));
}

#[tokio::test]
async fn the_deadline_ends_a_call_that_gets_no_answer() {
    let fake = Fake::start(|_, _| None).await;
    let outcome = fake.client(Duration::from_millis(80)).send(&order(), "k").await;
    assert_eq!(outcome, Err(CallError::TimedOut));
}

#[tokio::test]
async fn a_limited_rate_is_waited_for_inside_the_deadline_only() {
    let fake = Fake::start(|number, _| match number {
        0 | 1 => reply(429, &[("retry-after", "0")], "slow down"),
        _ => reply(200, &[], "{}"),
    })
    .await;
    fake.client(LONG).send(&order(), "k").await.unwrap();
    assert_eq!(fake.asked().len(), 3);

    let fake = Fake::start(|_, _| reply(429, &[("retry-after", "3600")], "")).await;
    let outcome = fake.client(LONG).send(&order(), "k").await;
    assert_eq!(
        outcome,
        Err(CallError::RateLimited {
            after: Some(Duration::from_secs(3600))
        })
    );
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn after_a_limited_rate_nobody_asks_that_endpoint_before_stripes_time() {
    let fake = Fake::start(|number, _| match number {
        0 => reply(
            429,
            &[("retry-after", "0.4"), ("stripe-should-retry", "false")],
            "slow down",
        ),
        _ => reply(200, &[], "{}"),
    })
    .await;
    let client = fake.client(LONG);
    client.send(&order(), "k").await.unwrap_err();
    let begun = Instant::now();
    client.send(&order(), "l").await.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_millis(300),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn while_stripe_does_not_answer_a_caller_is_told_at_once() {
    let fake = Fake::start(|number, _| match number {
        0..10 => reply(503, &[("stripe-should-retry", "false")], ""),
        _ => reply(200, &[], "{}"),
    })
    .await;
    let client = fake.client(LONG);
    for _ in 0..10 {
        let failed = client.send(&order(), "k").await;
        assert_eq!(failed, Err(CallError::Server { status: 503 }));
    }
    assert!(client.figures().open[ENDPOINT]);
    let told = client.send(&order(), "k").await;
    assert!(matches!(told, Err(CallError::NotSent(_))), "{told:?}");
    assert_eq!(fake.asked().len(), 10, "Stripe is left alone");
    let asked_again = async {
        while client.send(&order(), "k").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, asked_again).await.unwrap();
    assert!(!client.figures().open[ENDPOINT]);
}

#[tokio::test]
async fn who_would_get_no_turn_in_time_is_told_so_and_nothing_is_sent() {
    let fake = Fake::start(|_, _| reply(200, &[], "{}")).await;
    let client = fake.client(Duration::from_millis(20));
    let settle = client.with_priority(Priority::Settle);
    let mut sent = 0;
    let told = loop {
        match settle.send(&order(), "k").await {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(told, CallError::NotSent(_)), "{told:?}");
    assert_eq!(fake.asked().len(), sent);
    client.send(&order(), "k").await.unwrap();
}

#[tokio::test]
async fn a_failed_server_is_asked_again_with_the_same_bytes_and_key() {
    let fake = Fake::start(|number, _| match number {
        0 => reply(500, &[], "oops"),
        _ => reply(200, &[], "{}"),
    })
    .await;
    fake.client(LONG).send(&order(), "k").await.unwrap();
    let asked = fake.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].body, asked[1].body);
    assert_eq!(
        asked[0].header("idempotency-key"),
        asked[1].header("idempotency-key")
    );

    // Stripe replays a stored 500 for the key: somebody else must decide on another one.
    let fake = Fake::start(|_, _| reply(500, &[], "oops")).await;
    assert_eq!(
        fake.client(LONG).send(&order(), "k").await,
        Err(CallError::Server { status: 500 })
    );
    assert_eq!(fake.asked().len(), 4);
}

#[tokio::test]
async fn stripes_own_advice_counts_first() {
    for (status, expected) in [
        (503, CallError::Server { status: 503 }),
        (409, CallError::Conflict),
    ] {
        let fake = Fake::start(move |_, _| reply(status, &[("stripe-should-retry", "false")], "")).await;
        assert_eq!(fake.client(LONG).send(&order(), "k").await, Err(expected));
        assert_eq!(fake.asked().len(), 1, "{status}");
    }
    let fake = Fake::start(|number, _| match number {
        0 => reply(400, &[("stripe-should-retry", "true")], ""),
        _ => reply(200, &[], "{}"),
    })
    .await;
    assert!(fake.client(LONG).send(&order(), "k").await.is_ok());
}

#[tokio::test]
async fn refusals_are_told_apart_and_not_repeated() {
    for (status, expected, retryable) in [
        (401, CallError::Unauthorized, true),
        (
            403,
            CallError::Forbidden {
                permissions: vec![],
                account: None,
            },
            true,
        ),
        (404, CallError::NotFound, false),
        (
            400,
            CallError::Rejected {
                code: Some("resource_missing".into()),
                param: Some("line_items[0][price]".into()),
                message: "no".into(),
            },
            false,
        ),
    ] {
        let body = error("resource_missing", "line_items[0][price]");
        let fake = Fake::start(move |_, _| reply(status, &[("request-id", "req_1")], body.clone())).await;
        let outcome = fake.client(LONG).send(&order(), "k").await.unwrap_err();
        assert_eq!(outcome.retryable(), retryable);
        assert_eq!(outcome, expected);
        assert_eq!(fake.asked().len(), 1, "{status}");
    }
    let fake = Fake::start(|_, _| reply(402, &[], "<html>")).await;
    let outcome = fake.client(LONG).send(&order(), "k").await;
    assert_eq!(
        outcome,
        Err(CallError::Rejected {
            code: None,
            param: None,
            message: "status 402".into()
        })
    );
}

#[tokio::test]
async fn a_list_says_that_the_object_where_its_page_before_ended_is_no_more() {
    let fake = Fake::start(|_, _| reply(400, &[], error("resource_missing", "starting_after"))).await;
    let client = fake.client(LONG);
    let events = client.events(Timestamp(0), Some("evt_1")).await;
    assert_eq!(events, Err(CallError::NotFound));
    assert_eq!(
        client.page(&LISTS[0], None, Some("cus_1")).await,
        Err(CallError::NotFound)
    );
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_no_success() {
    let fake = Fake::start(|_, _| reply(200, &[], "<html>proxy</html>")).await;
    let client = fake.client(LONG);
    assert!(matches!(
        client.send(&order(), "k").await,
        Err(CallError::Unreadable(_))
    ));
    assert!(matches!(
        client.fetch(Kind::Charge, "ch_1").await,
        Err(CallError::Unreadable(_))
    ));
    let prices = client.prices(&PriceQuery::Ids(vec!["price_1".into()])).await;
    assert!(matches!(prices, Err(CallError::Unreadable(_))));
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let address = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let settings = Settings {
        base_url: format!("http://{address}"),
        secret_key: "sk_test_hidden".into(),
        deadline: Duration::from_millis(100),
        requests_per_second: None,
        observe: |_| {},
    };
    let outcome = Client::new(settings)
        .unwrap()
        .send(&order(), "k")
        .await
        .unwrap_err();
    assert!(matches!(outcome, CallError::Unreachable(_)), "{outcome}");
    assert!(!format!("{outcome:?}").contains("hidden"));
}

#[tokio::test]
async fn a_fetch_knows_when_its_answer_was_true_by_stripes_clock() {
    let fake = Fake::start(|_, _| reply(200, &[("date", "Sun, 06 Nov 1994 08:49:37 GMT")], "{}")).await;
    let fetched = fake.client(LONG).fetch(Kind::Customer, "cus_1").await.unwrap();
    let date = Timestamp::from_unix(784_111_777);
    assert_eq!(fetched.to, date + Span::seconds(1));
    assert!(fetched.from < date - Span::seconds(1) && fetched.from > date - Span::seconds(25));

    let fake = Fake::start(|_, _| reply(200, &[("date", "today")], "{}")).await;
    let outcome = fake.client(LONG).fetch(Kind::Customer, "cus_1").await;
    assert!(matches!(outcome, Err(CallError::Unreadable(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_access_depends_on_is_asked_for_and_ids_lead_nowhere_else() {
    let fake = Fake::start(|_, _| reply(200, &[], "{}")).await;
    let client = fake.client(LONG);
    for kind in Kind::ALL {
        client.fetch(kind, "x_1").await.unwrap();
    }
    for id in ["", "..", "../prices", "x?expand[]=y", "x/y"] {
        assert_eq!(
            client.fetch(Kind::Customer, id).await,
            Err(CallError::NotFound),
            "{id}"
        );
    }
    let paths: Vec<_> = fake.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(
        paths,
        [
            "/v1/customers/x_1",
            "/v1/subscriptions/x_1",
            "/v1/invoices/x_1?expand[]=payments&expand[]=lines.data.pricing.price_details.price",
            "/v1/checkout/sessions/x_1?expand[]=line_items&expand[]=payment_intent",
            "/v1/charges/x_1",
            "/v1/refunds/x_1",
            "/v1/disputes/x_1",
        ]
    );
}

#[tokio::test]
async fn lists_that_stripe_cuts_are_completed() {
    let fake = Fake::start(|_, asked| {
        let body = match asked.path.as_str() {
            "/v1/checkout/sessions/cs_1?expand[]=line_items&expand[]=payment_intent" => json!({
                "id": "cs_1", "object": "checkout.session", "mode": "payment",
                "line_items": {"has_more": true, "data": [{"id": "li_1", "price": {"id": "price_1"}}]},
            }),
            "/v1/checkout/sessions/cs_1/line_items?limit=100&starting_after=li_1" => json!({
                "has_more": true, "data": [{"id": "li_2", "price": {"id": "price_2"}}],
            }),
            "/v1/checkout/sessions/cs_1/line_items?limit=100&starting_after=li_2" => json!({
                "has_more": false, "data": [{"id": "li_3", "price": {"id": "price_3"}}],
            }),
            other => panic!("{other}"),
        };
        reply(200, &[], body.to_string())
    })
    .await;
    let fetched = fake
        .client(LONG)
        .fetch(Kind::CheckoutSession, "cs_1")
        .await
        .unwrap();
    let Some(Object::CheckoutSession(session)) = object(&fetched.body).unwrap() else {
        panic!()
    };
    let prices: Vec<_> = session
        .line_items
        .unwrap()
        .into_iter()
        .map(|item| item.price.id)
        .collect();
    assert_eq!(prices, ["price_1", "price_2", "price_3"]);
}

#[tokio::test]
async fn prices_are_read_by_id_and_by_lookup_key() {
    let price = |id: &str, recurring: serde_json::Value| {
        json!({
            "id": id, "object": "price", "active": true, "billing_scheme": "per_unit", "created": 1, "currency": "eur",
            "custom_unit_amount": null, "livemode": false, "lookup_key": "team", "metadata": {}, "nickname": null,
            "product": "prod_1", "recurring": recurring, "tax_behavior": "unspecified", "tiers_mode": null,
            "transform_quantity": null, "type": "recurring", "unit_amount": 900, "unit_amount_decimal": "900",
        })
    };
    let fake = Fake::start(move |_, asked| match asked.path.as_str() {
        "/v1/prices/price_1" => reply(200, &[], price("price_1", json!(null)).to_string()),
        "/v1/prices/price_gone" => reply(404, &[], error("resource_missing", "price")),
        path => {
            assert!(path.starts_with("/v1/prices?") && path.contains("team"), "{path}");
            let recurring = json!({"interval": "month", "interval_count": 1, "meter": null, "usage_type": "licensed"});
            let list = json!({
                "object": "list", "url": "/v1/prices", "has_more": false, "data": [price("price_2", recurring)],
            });
            reply(200, &[], list.to_string())
        }
    })
    .await;
    let client = fake.client(LONG);
    let expected = |id: &str, recurring| Price {
        price: PriceRef {
            id: id.into(),
            product: "prod_1".into(),
            lookup_key: Some("team".into()),
        },
        recurring,
        active: true,
        unit_amount: Some(900),
        currency: "eur".into(),
    };
    let by_id = client
        .prices(&PriceQuery::Ids(vec!["price_gone".into(), "price_1".into()]))
        .await;
    assert_eq!(by_id, Ok(vec![expected("price_1", false)]));
    let by_key = client.prices(&PriceQuery::LookupKeys(vec!["team".into()])).await;
    assert_eq!(by_key, Ok(vec![expected("price_2", true)]));
}

#[test]
fn settings_that_cannot_work_are_refused_and_no_key_is_shown() {
    let new = |base: &str, key: &str| {
        Client::new(Settings {
            base_url: base.into(),
            secret_key: key.into(),
            deadline: LONG,
            requests_per_second: None,
            observe: |_| {},
        })
    };
    assert!(
        !new("https://api.stripe.com", "rk_test_hidden")
            .unwrap()
            .livemode()
    );
    let live = new("https://api.stripe.com/", "sk_live_hidden").unwrap();
    assert!(live.livemode());
    assert!(!format!("{live:?}").contains("hidden"));
    for (base, key) in [
        ("https://api.stripe.com", ""),
        ("https://api.stripe.com", "pk_live_hidden"),
        ("https://api.stripe.com", "sk_live"),
        ("https://api.stripe.com", "sk_test_hid\nden"),
        ("http://api.stripe.com", "sk_live_hidden"),
        ("api.stripe.com", "sk_test_hidden"),
        ("ftp://api.stripe.com", "sk_test_hidden"),
    ] {
        let error = new(base, key).unwrap_err().to_string();
        assert!(!error.contains("hid"), "{error}");
    }
}
