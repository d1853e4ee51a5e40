//! What no webhook brought is found: in Stripe's log of events, and by a walk of its lists.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::json;
use stripe_simulator::core::{Core, NewCustomer, NewSubscription};
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::{Access, GetEntitlementRequest};
use tollgate_store::{InboxCounts, Walk};
use tonic::transport::Channel;

use crate::support::process::{Place, Process};
use crate::support::{SECRET, eventually, sell};

/// Nobody is there.
const NOWHERE: &str = "http://127.0.0.1:9/webhooks/stripe";

const DAY: i64 = 86_400;

/// Customers `from..to` with a subscription each; their Stripe customers carry our mark.
fn subscribe(stripe: &mut Core, customers: std::ops::Range<usize>) -> Vec<String> {
    let price = stripe.price_with_lookup_key("team_monthly").unwrap();
    let mut subscribe = |n: usize| {
        let mark = [
            ("tollgate_customer", format!("customer-{n}")),
            ("tollgate_deployment", "default".into()),
        ];
        let customer = stripe.create_customer(NewCustomer {
            payment_method: Some("pm_card_visa".into()),
            default_payment_method: Some("pm_card_visa".into()),
            metadata: mark.map(|(name, value)| (name.to_owned(), value)).into(),
            ..NewCustomer::default()
        });
        let subscription = stripe.create_subscription(NewSubscription {
            customer: customer.unwrap()["id"].as_str().unwrap().to_owned(),
            items: vec![(price.clone(), 1)],
            ..NewSubscription::default()
        });
        subscription.unwrap()["id"].as_str().unwrap().to_owned()
    };
    customers.map(&mut subscribe).collect()
}

async fn place() -> Place {
    let place = Place::new().await;
    place.simulator.with(sell);
    place
}

async fn client(process: &Process) -> BillingServiceClient<Channel> {
    BillingServiceClient::connect(format!("http://{}", process.grpc))
        .await
        .unwrap()
}

/// Which of the customers have `sso`.
async fn who_has(client: &BillingServiceClient<Channel>, customers: std::ops::Range<usize>) -> Vec<usize> {
    let mut having = vec![];
    for n in customers {
        let request = GetEntitlementRequest {
            customer: format!("customer-{n}"),
            feature: "sso".into(),
            ..GetEntitlementRequest::default()
        };
        let answer = client
            .clone()
            .get_entitlement(request)
            .await
            .unwrap()
            .into_inner();
        if answer.entitlement.unwrap().access() == Access::Granted {
            having.push(n);
        }
    }
    having
}

/// Asks for a walk and waits until it is done and what it found is applied. Returns it.
async fn walked(place: &Place) -> Walk {
    let number = place.store.ask_reconcile().await.unwrap();
    finished(place, number).await
}

async fn finished(place: &Place, number: i64) -> Walk {
    let walk = eventually("the walk is done", async || {
        let walk = place.store.reconcile().await.unwrap().walk;
        (walk.served >= number && walk.list.is_none()).then_some(walk)
    })
    .await;
    quiet(place).await;
    walk
}

/// Everything that came is applied, and nothing is to be fetched.
async fn quiet(place: &Place) -> (InboxCounts, i64) {
    eventually("nothing is on its way", async || {
        let counts = place.store.inbox_counts().await.unwrap();
        let wanted = place.store.wanted().await.unwrap();
        let head = place.store.poll(0, 0).await.unwrap().0.head;
        (counts.received + counts.routed + wanted == 0).then_some((counts, head))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_webhooks_that_are_lost_the_log_says_what_they_said() {
    let place = place().await;
    let process = place
        .serve_with(|command| {
            command.env("TOLLGATE_RECONCILE_EVENTS_INTERVAL", "1s");
        })
        .await;
    let client = client(&process).await;
    place.simulator.set_webhook(&process.webhook_url(), SECRET);
    place
        .control("adversity", json!({"delivery": {"drop": 0.3}}))
        .await;
    let subscriptions = place.simulator.with(|stripe| subscribe(stripe, 0..20));
    eventually("everybody has it", async || {
        (who_has(&client, 0..20).await.len() == 20).then_some(())
    })
    .await;
    place.simulator.with(|stripe| {
        for subscription in &subscriptions[..10] {
            stripe.cancel_subscription(subscription).unwrap();
        }
    });
    eventually("who canceled has it no more", async || {
        (who_has(&client, 0..20).await == (10..20).collect::<Vec<_>>()).then_some(())
    })
    .await;
    let all = place.simulator.with(|stripe| {
        let of_us = |name: &str| {
            tollgate_stripe::wanted::EVENTS
                .iter()
                .any(|(event, _)| *event == name)
        };
        let events = stripe.events(0).iter();
        let ours = events.filter(|event| of_us(event.kind));
        ours.map(|event| event.id.clone()).collect::<BTreeSet<_>>()
    });
    eventually("every event is in the inbox once", async || {
        let outcomes = place.store.outcomes().await.unwrap();
        let came: BTreeSet<_> = outcomes.iter().map(|it| it.event_id.clone()).collect();
        assert_eq!(came.len(), outcomes.len());
        came.is_superset(&all).then_some(())
    })
    .await;
    assert!(
        process
            .metric("tollgate_reconcile_pages_total{list=\"events\"}")
            .await
            > 0.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_finds_what_no_event_told_and_another_one_writes_nothing() {
    let place = place().await;
    let process = place.serve().await;
    let client = client(&process).await;
    place.simulator.set_webhook(&process.webhook_url(), SECRET);
    let known = place.simulator.with(|stripe| subscribe(stripe, 0..10));
    eventually("everybody has it", async || {
        (who_has(&client, 0..10).await.len() == 10).then_some(())
    })
    .await;
    quiet(&place).await;

    // From here on nothing is told, and the log forgets it: known subscriptions end, unseen customers subscribe.
    place.simulator.set_webhook(NOWHERE, SECRET);
    place.simulator.with(|stripe| {
        for subscription in &known[..5] {
            stripe.cancel_subscription(subscription).unwrap();
        }
        subscribe(stripe, 10..15);
    });
    place.simulator.advance(31 * DAY);
    let walk = walked(&place).await;
    assert!(walk.drift >= 10, "{walk:?}");
    assert_eq!(who_has(&client, 0..15).await, (5..15).collect::<Vec<_>>());

    let pages = pages(&process).await;
    let before = quiet(&place).await;
    let again = walked(&place).await;
    assert_eq!(again.drift, 0, "{again:?}");
    assert_eq!(quiet(&place).await, before, "nothing is written");
    assert_eq!(self::pages(&process).await - pages, 6.0, "a page of each list");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_goes_on_where_a_killed_one_ended_and_two_replicas_walk_once() {
    let place = place().await;
    place.simulator.with(|stripe| subscribe(stripe, 0..250));
    let mut process = place.serve().await;
    // Customers are listed, and then it stops.
    place
        .control(
            "adversity",
            json!({"request": {"path": "/v1/subscriptions", "status": 503}}),
        )
        .await;
    let number = place.store.ask_reconcile().await.unwrap();
    eventually("the first list is done", async || {
        let walk = place.store.reconcile().await.unwrap().walk;
        (walk.list == Some(1) && !walk.error.is_empty()).then_some(())
    })
    .await;
    process.signal(Signal::KILL);
    process.ended().await;
    place.calm().await;
    let (one, two) = (place.serve().await, place.serve().await);
    let walk = finished(&place, number).await;
    assert_eq!((walk.listed["customer"], walk.listed["subscription"]), (250, 250));
    let of = async |list: &str| {
        let series = format!("tollgate_reconcile_pages_total{{list=\"{list}\"}}");
        one.metric(&series).await + two.metric(&series).await
    };
    assert_eq!(
        of("customer").await,
        0.0,
        "what was looked at is not looked at again"
    );
    assert_eq!(of("subscription").await, 3.0);
    let client = client(&one).await;
    assert_eq!(who_has(&client, 0..250).await.len(), 250);
}

/// Of all lists that were looked at.
async fn pages(process: &Process) -> f64 {
    let series = process.series().await;
    let of_lists = series
        .iter()
        .filter(|(name, _)| name.starts_with("tollgate_reconcile_pages_total"));
    of_lists.map(|(_, pages)| pages).sum()
}
