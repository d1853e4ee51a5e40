//! A customer from the first question to the refund, through the whole service.

use http_body_util::Full;
use serde_json::Value;
use stripe_simulator::core::Outcome;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::{
    Access, BatchGetEntitlementsRequest, CheckEntitlementRequest, CheckoutState, CreateCheckoutRequest,
    CreateCheckoutResponse, CreatePortalSessionRequest, Entitlement, EntitlementKey, GetCheckoutRequest,
    GetEntitlementRequest, LineItem, ListEntitlementsRequest, Reason, entitlement, entitlement_result,
    line_item::Price,
};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{TestApp, eventually, sell};

const DAY: i64 = 86_400;

struct Shop {
    app: TestApp,
    client: BillingServiceClient<Channel>,
}

impl Shop {
    async fn open() -> Shop {
        let app = TestApp::start().await;
        app.stripe(sell);
        let client = app.client().await;
        Shop { app, client }
    }

    async fn checkout(
        &self,
        request_id: &str,
        key: &str,
        quantity: i64,
    ) -> Result<CreateCheckoutResponse, Status> {
        let request = CreateCheckoutRequest {
            customer: "acme".into(),
            request_id: request_id.into(),
            line_items: vec![LineItem {
                price: Some(Price::LookupKey(key.into())),
                quantity: Some(quantity),
            }],
            success_url: "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}".into(),
            cancel_url: "https://shop.example/".into(),
            ..CreateCheckoutRequest::default()
        };
        self.client
            .clone()
            .create_checkout(request)
            .await
            .map(tonic::Response::into_inner)
    }

    async fn buy(&self, request_id: &str, key: &str, quantity: i64) -> String {
        let checkout = self
            .checkout(request_id, key, quantity)
            .await
            .unwrap()
            .checkout
            .unwrap();
        assert!(checkout.url.starts_with("http"), "{}", checkout.url);
        self.app
            .stripe(|stripe| stripe.pay_session(&checkout.id))
            .unwrap();
        checkout.id
    }

    async fn get(&self, feature: &str) -> Entitlement {
        let request = GetEntitlementRequest {
            customer: "acme".into(),
            feature: feature.into(),
            ..GetEntitlementRequest::default()
        };
        self.client
            .clone()
            .get_entitlement(request)
            .await
            .unwrap()
            .into_inner()
            .entitlement
            .unwrap()
    }

    async fn until(&self, feature: &str, reason: Reason) -> Entitlement {
        eventually(&format!("{feature} is {reason:?}"), async || {
            Some(self.get(feature).await).filter(|answer| answer.reason() == reason)
        })
        .await
    }

    /// Everything that has happened at Stripe.
    fn events(&self) -> Vec<Value> {
        self.app
            .stripe(|stripe| stripe.events(0).iter().map(|event| event.to_json()).collect())
    }

    /// The one object of Stripe whose id begins so, the newest.
    fn newest(&self, prefix: &str) -> Value {
        let objects = self
            .events()
            .into_iter()
            .rev()
            .map(|event| event["data"]["object"].clone());
        objects
            .into_iter()
            .find(|object| object["id"].as_str().is_some_and(|id| id.starts_with(prefix)))
            .unwrap()
    }
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// What the clock alone will make of it.
fn announced(answer: &Entitlement) -> Vec<Reason> {
    let changes = answer.scheduled_changes.iter();
    changes
        .map(|change| change.answer.as_ref().unwrap().reason())
        .collect()
}

fn seats(answer: &Entitlement) -> i64 {
    match &answer.value {
        Some(entitlement::Value::Limit(limit)) => limit.amount,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_subscription_from_the_first_question_to_its_end() {
    let shop = Shop::open().await;
    let before = shop.get("sso").await;
    assert_eq!(
        (before.access(), before.reason()),
        (Access::Denied, Reason::NoPlan)
    );
    assert_eq!(shop.get("seats").await.reason(), Reason::Default);

    shop.buy("order-1", "team_monthly", 5).await;
    let sso = shop.until("sso", Reason::Active).await;
    assert_eq!(
        (sso.access(), sso.plans.as_slice()),
        (Access::Granted, &["team".to_owned()][..])
    );
    assert_eq!(seats(&shop.get("seats").await), 5);

    // A renewal changes nothing; the clock's only word is the last resort, which it moves on.
    assert_eq!(announced(&shop.get("sso").await), [Reason::Unconfirmed]);
    let before = shop.newest("sub_")["items"]["data"][0]["current_period_end"]
        .as_i64()
        .unwrap();
    shop.app.simulator.advance(32 * DAY);
    let renewed = eventually("the renewal has moved the last resort on", async || {
        let sso = shop.get("sso").await;
        let at = sso.next_change_time.map_or(0, |time| time.seconds);
        (at > before + 20 * DAY).then_some(sso)
    })
    .await;
    assert_eq!(
        (renewed.access(), renewed.reason()),
        (Access::Granted, Reason::Active)
    );

    // A failed payment: grace with an end, then recovery.
    let customer = shop.newest("sub_")["customer"].as_str().unwrap().to_owned();
    shop.app
        .stripe(|stripe| stripe.set_payment_outcome(&customer, Outcome::Decline))
        .unwrap();
    shop.app.simulator.advance(30 * DAY);
    let grace = eventually("grace ends at an instant", async || {
        Some(shop.get("sso").await).filter(|answer| announced(answer) == [Reason::PaymentFailed])
    })
    .await;
    assert_eq!(
        (grace.access(), grace.reason()),
        (Access::Granted, Reason::InGrace)
    );
    shop.app
        .stripe(|stripe| stripe.set_payment_outcome(&customer, Outcome::Succeed))
        .unwrap();
    let invoice = id(&shop.newest("in_"));
    shop.app.stripe(|stripe| stripe.pay_invoice(&invoice)).unwrap();
    shop.until("sso", Reason::Active).await;

    // Cancelled at the period's end: announced, then so.
    let subscription = id(&shop.newest("sub_"));
    shop.app
        .stripe(|stripe| stripe.cancel_at_period_end(&subscription, true))
        .unwrap();
    let ends = eventually("the end is announced", async || {
        Some(shop.get("sso").await).filter(|answer| announced(answer) == [Reason::Canceled])
    })
    .await;
    assert_eq!(ends.access(), Access::Granted);
    shop.app.simulator.advance(32 * DAY);
    assert_eq!(shop.until("sso", Reason::Canceled).await.access(), Access::Denied);
    assert_eq!(seats(&shop.until("seats", Reason::Default).await), 1);
}

#[tokio::test]
async fn a_purchase_is_the_same_call_and_its_refund_takes_it_back() {
    let shop = Shop::open().await;
    let session = shop.buy("order-1", "report", 1).await;
    let bought = shop.until("support", Reason::Purchased).await;
    assert_eq!(bought.value, Some(entitlement::Value::Option("priority".into())));
    shop.app.stripe(|stripe| stripe.refund(&session, None)).unwrap();
    let after = shop.until("support", Reason::Default).await;
    assert_eq!(after.value, Some(entitlement::Value::Option("community".into())));
}

#[tokio::test]
async fn the_same_request_is_the_same_page_and_another_is_refused() {
    let shop = Shop::open().await;
    let calls = (0..5).map(|_| shop.checkout("order-1", "team_monthly", 1));
    let mut pages = vec![];
    for page in futures::future::join_all(calls).await {
        match page {
            Ok(page) => pages.push(page.checkout.unwrap().id),
            Err(busy) => assert_eq!(busy.code(), Code::Aborted, "{busy:?}"),
        }
    }
    pages.push(
        shop.checkout("order-1", "team_monthly", 1)
            .await
            .unwrap()
            .checkout
            .unwrap()
            .id,
    );
    pages.dedup();
    assert_eq!(pages.len(), 1);
    let reused = shop.checkout("order-1", "team_monthly", 2).await.unwrap_err();
    assert_eq!(reused.code(), Code::FailedPrecondition, "{reused:?}");
    // A second tab with the same in mind gets the page that is open.
    let other = shop
        .checkout("order-2", "team_monthly", 1)
        .await
        .unwrap()
        .checkout
        .unwrap();
    assert_eq!(other.id, pages[0]);
    let created = shop
        .events()
        .iter()
        .filter(|event| event["type"] == "customer.created")
        .count();
    assert_eq!(created, 1, "one Stripe customer");
}

#[tokio::test]
async fn a_double_click_opens_one_page() {
    let shop = Shop::open().await;
    let ids: Vec<String> = (0..10).map(|n| format!("click-{n}")).collect();
    let clicks = ids.iter().map(|id| shop.checkout(id, "team_monthly", 1));
    let mut pages: Vec<String> = futures::future::join_all(clicks)
        .await
        .into_iter()
        .map(|page| page.unwrap().checkout.unwrap().id)
        .collect();
    pages.sort();
    pages.dedup();
    assert_eq!(pages.len(), 1);
}

#[tokio::test]
async fn a_second_live_subscription_to_the_same_plan_is_refused() {
    let shop = Shop::open().await;
    shop.buy("order-1", "team_monthly", 1).await;
    shop.until("sso", Reason::Active).await;
    let refused = shop.checkout("order-2", "team_monthly", 3).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    assert!(refused.message().contains("portal"), "{refused:?}");
}

#[tokio::test]
async fn the_return_page_knows_without_the_webhook() {
    let shop = Shop::open().await;
    // Nothing will be delivered: the browser is there first.
    shop.app
        .simulator
        .set_webhook("http://127.0.0.1:1/nobody", "whsec_nobody");
    let checkout = shop
        .checkout("order-1", "team_monthly", 1)
        .await
        .unwrap()
        .checkout
        .unwrap();
    let mut client = shop.client.clone();
    let ask = |customer: &str| GetCheckoutRequest {
        customer: customer.into(),
        checkout: checkout.id.clone(),
    };
    let open = client.get_checkout(ask("acme")).await.unwrap().into_inner();
    assert_eq!(open.checkout.unwrap().state(), CheckoutState::Open);
    let stranger = client.get_checkout(ask("other")).await.unwrap_err();
    assert_eq!(stranger.code(), Code::NotFound, "{stranger:?}");
    shop.app
        .stripe(|stripe| stripe.pay_session(&checkout.id))
        .unwrap();
    let done = eventually("the checkout is completed", async || {
        let answer = client
            .clone()
            .get_checkout(ask("acme"))
            .await
            .unwrap()
            .into_inner();
        (answer.checkout.as_ref().unwrap().state() == CheckoutState::Completed).then_some(answer)
    })
    .await;
    let sso = done
        .entitlements
        .iter()
        .find(|entitlement| entitlement.feature == "sso")
        .unwrap();
    assert_eq!(sso.access(), Access::Granted);
    // Whoever has the revision reads no older answer, from any replica.
    let request = GetEntitlementRequest {
        customer: "acme".into(),
        feature: "sso".into(),
        at_least_revision: done.revision,
        ..GetEntitlementRequest::default()
    };
    let read = client.get_entitlement(request).await.unwrap().into_inner();
    assert_eq!(read.entitlement.unwrap().access(), Access::Granted);
}

#[tokio::test]
async fn check_list_and_batch_say_the_same_as_get() {
    let shop = Shop::open().await;
    shop.buy("order-1", "team_monthly", 5).await;
    shop.until("sso", Reason::Active).await;
    let mut client = shop.client.clone();
    for (amount, allowed) in [(5, true), (6, false)] {
        let request = CheckEntitlementRequest {
            customer: "acme".into(),
            feature: "seats".into(),
            required_amount: amount,
            ..CheckEntitlementRequest::default()
        };
        assert_eq!(
            client
                .check_entitlement(request)
                .await
                .unwrap()
                .into_inner()
                .allowed,
            allowed,
            "{amount}"
        );
    }
    let request = ListEntitlementsRequest {
        customer: "acme".into(),
        ..ListEntitlementsRequest::default()
    };
    let list = client.list_entitlements(request).await.unwrap().into_inner();
    let features: Vec<_> = list
        .entitlements
        .iter()
        .map(|entitlement| entitlement.feature.as_str())
        .collect();
    assert_eq!(features, ["seats", "sso", "support"]);
    let keys = [("acme", "sso"), ("other", "seats"), ("acme", "nothing")];
    let keys = keys.map(|(customer, feature)| EntitlementKey {
        customer: customer.into(),
        feature: feature.into(),
    });
    let request = BatchGetEntitlementsRequest {
        keys: keys.into(),
        ..BatchGetEntitlementsRequest::default()
    };
    let batch = client.batch_get_entitlements(request).await.unwrap().into_inner();
    let granted = batch
        .results
        .iter()
        .map(|result| match result.result.as_ref().unwrap() {
            entitlement_result::Result::Entitlement(entitlement) => {
                Some(entitlement.access() == Access::Granted)
            }
            entitlement_result::Result::Error(_) => None,
        });
    assert_eq!(granted.collect::<Vec<_>>(), [Some(true), Some(true), None]);
}

#[tokio::test]
async fn the_portal_is_for_who_has_been_to_a_checkout() {
    let shop = Shop::open().await;
    let request = CreatePortalSessionRequest {
        customer: "acme".into(),
        return_url: "https://shop.example/".into(),
    };
    let mut client = shop.client.clone();
    let never = client.create_portal_session(request.clone()).await.unwrap_err();
    assert_eq!(never.code(), Code::FailedPrecondition, "{never:?}");
    shop.checkout("order-1", "team_monthly", 1).await.unwrap();
    let url = client
        .create_portal_session(request)
        .await
        .unwrap()
        .into_inner()
        .url;
    let page = shop.app.http.get(&url).await;
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn a_renewal_of_which_nothing_is_heard_takes_nothing_away() {
    let shop = Shop::open().await;
    shop.buy("order-1", "team_monthly", 1).await;
    shop.until("sso", Reason::Active).await;
    // Every webhook is lost from now on: Stripe is asked, and has renewed.
    shop.app
        .simulator
        .set_webhook("http://127.0.0.1:1/nobody", "whsec_nobody");
    let end = shop.newest("sub_")["items"]["data"][0]["current_period_end"]
        .as_i64()
        .unwrap();
    shop.app.simulator.advance(31 * DAY + 3 * 3_600);
    let customer = tollgate_domain::id::CustomerId::parse("acme").unwrap();
    let store = shop.app.store();
    eventually("the renewal is fetched", async || {
        let facts = store.customer(&customer).await.unwrap()?.facts;
        let renewed = facts
            .all(|object| object.as_subscription())
            .any(|subscription| subscription.items.iter().any(|item| item.period_end.unix() > end));
        renewed.then_some(())
    })
    .await;
    assert_eq!(shop.get("sso").await.reason(), Reason::Active);
}

#[tokio::test]
async fn an_outage_over_a_renewal_takes_nothing_away_however_long_it_lasts() {
    let shop = Shop::open().await;
    shop.buy("order-1", "team_monthly", 1).await;
    shop.until("sso", Reason::Active).await;
    // No webhook comes and every question is answered with 500, over the period's end and for a week.
    shop.app
        .simulator
        .set_webhook("http://127.0.0.1:1/nobody", "whsec_nobody");
    let url = format!("{}/_simulator/adversity", shop.app.simulator.base_url());
    let down = http::Request::post(url)
        .header("content-type", "application/json")
        .body(Full::new(bytes::Bytes::from(
            r#"{"status":500,"requests":100000}"#,
        )))
        .unwrap();
    assert_eq!(shop.app.http.send(down).await.unwrap().status(), 200);
    for days in [31, 1, 1, 1, 1, 1, 1] {
        shop.app.simulator.advance(days * DAY);
        let now = shop.app.simulator.with(|stripe| stripe.now());
        // The station runs, so the last resort stays at least 48 hours ahead.
        let ahead = eventually("the last resort is moved ahead", async || {
            let answer = shop.get("sso").await;
            let at = answer.next_change_time.map_or(0, |time| time.seconds);
            (at >= now + 47 * 3_600).then_some(answer)
        })
        .await;
        assert_eq!(
            (ahead.access(), ahead.reason()),
            (Access::Granted, Reason::Active)
        );
    }
}
