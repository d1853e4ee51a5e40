//! Real processes: an end that is asked for, an end that is not, and many who post at once.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::StatusCode;
use rustix::process::Signal;
use serde_json::json;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{WatchEntitlementsRequest, WatchFilter};

use crate::support::http::Http;
use crate::support::process::{Place, output, tollgate};
use crate::support::{SECRET, eventually};

/// A Stripe customer that carries our mark: `customer-n`.
fn event(n: usize) -> Bytes {
    json!({
        "id": format!("evt_{n}"), "object": "event", "type": "customer.updated", "created": 1_700_000_000 + n,
        "livemode": false, "data": {"object": {
            "id": format!("cus_{n}"), "object": "customer",
            "metadata": {"tollgate_customer": format!("customer-{n}"), "tollgate_deployment": "default"}
        }}
    })
    .to_string()
    .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sigterm_under_load_every_reading_stream_is_told_and_the_exit_is_clean() {
    let place = Place::new().await;
    let mut process = place.serve().await;
    let url = format!("http://{}", process.grpc);
    let mut watchers = tokio::task::JoinSet::new();
    let (opened, mut open) = tokio::sync::mpsc::channel(64);
    for _ in 0..20 {
        let (url, opened) = (url.clone(), opened.clone());
        watchers.spawn(async move {
            let mut client = BillingServiceClient::connect(url).await.unwrap();
            let filter = WatchFilter {
                all_customers: true,
                ..WatchFilter::default()
            };
            let request = WatchEntitlementsRequest {
                filter: Some(filter),
                ..Default::default()
            };
            let mut stream = client.watch_entitlements(request).await.unwrap().into_inner();
            let mut last = None;
            while let Some(frame) = stream.message().await.unwrap() {
                if matches!(frame.event, Some(Event::Opened(_))) {
                    opened.send(()).await.unwrap();
                }
                last = Some(frame);
            }
            last
        });
    }
    for _ in 0..20 {
        open.recv().await.unwrap();
    }
    let load = tokio::spawn({
        let (http, url) = (Http::new(), process.webhook_url());
        async move {
            for n in 0.. {
                if http.event(&url, SECRET, event(n)).await != Ok(StatusCode::OK) {
                    return n;
                }
            }
            0
        }
    });
    eventually("load runs", async || {
        (place.store.inbox_counts().await.unwrap().total > 20).then_some(())
    })
    .await;
    process.signal(Signal::TERM);
    while let Some(last) = watchers.join_next().await {
        let last = last.unwrap().expect("frames");
        assert!(matches!(last.event, Some(Event::Closing(_))), "{last:?}");
        assert!(!last.revision.is_empty(), "Closing has a revision to go on from");
    }
    assert_eq!(process.ended().await.code(), Some(0));
    let taken = load.await.unwrap();
    assert!(place.store.inbox_counts().await.unwrap().total >= i64::try_from(taken).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_in_the_midst_of_500_webhooks_what_was_taken_is_there_once() {
    let place = Place::new().await;
    let mut process = place.serve().await;
    let (http, url) = (Http::new(), process.webhook_url());
    let taken = std::sync::Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let posts = (0..500).map(|n| {
        let (http, url, taken) = (http.clone(), url.clone(), taken.clone());
        async move {
            if http.event(&url, SECRET, event(n)).await == Ok(StatusCode::OK) {
                taken.lock().unwrap().insert(n);
            }
        }
    });
    let posting = tokio::spawn(futures::StreamExt::collect::<Vec<_>>(
        futures::StreamExt::buffer_unordered(futures::stream::iter(posts.collect::<Vec<_>>()), 16),
    ));
    eventually("a part is taken", async || {
        (taken.lock().unwrap().len() > 150).then_some(())
    })
    .await;
    process.signal(Signal::KILL);
    process.ended().await;
    posting.await.unwrap();
    let taken = taken.lock().unwrap().clone();
    assert!(taken.len() < 500, "the kill came in the midst");
    let _again = place.serve().await;
    let total = eventually("everything is applied", async || {
        let counts = place.store.inbox_counts().await.unwrap();
        (counts.received + counts.routed == 0).then_some(counts.total)
    })
    .await;
    assert!(total >= i64::try_from(taken.len()).unwrap());
    for n in taken {
        let customer = tollgate_domain::id::CustomerId::parse(&format!("customer-{n}")).unwrap();
        let row = place
            .store
            .customer(&customer)
            .await
            .unwrap()
            .expect("what was taken is reflected");
        assert!(row.facts.objects.contains_key(&format!("cus_{n}")), "{n}");
    }
    let outcomes = place.store.outcomes().await.unwrap();
    let ids: BTreeSet<_> = outcomes.iter().map(|outcome| &outcome.event_id).collect();
    assert_eq!(ids.len(), outcomes.len(), "nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_who_post_the_same_events_in_different_orders_neither_lock_nor_double() {
    let place = Place::new().await;
    let (one, two) = (place.serve().await, place.serve().await);
    let mut posters = tokio::task::JoinSet::new();
    for poster in 0..8 {
        let url = if poster % 2 == 0 {
            one.webhook_url()
        } else {
            two.webhook_url()
        };
        posters.spawn(async move {
            let http = Http::new();
            for k in 0..50 {
                // Each its own order: by a step that is prime to the number of events.
                let n = (k * [1, 3, 7, 9, 11, 13, 17, 19][poster] + poster) % 50;
                assert_eq!(http.event(&url, SECRET, event(n)).await, Ok(StatusCode::OK));
            }
        });
    }
    while let Some(done) = posters.join_next().await {
        done.unwrap();
    }
    let counts = eventually("everything is applied", async || {
        let counts = place.store.inbox_counts().await.unwrap();
        (counts.received + counts.routed == 0).then_some(counts)
    })
    .await;
    let events = place.store.outcomes().await.unwrap().len();
    assert_eq!(events, 50, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_drain_delay_calls_are_served_and_a_second_signal_ends_it_at_once() {
    let place = Place::new().await;
    let mut process = place
        .serve_with(|command| {
            command.env("TOLLGATE_DRAIN_DELAY", "1h");
        })
        .await;
    process.signal(Signal::TERM);
    let health = |service| {
        let mut command = tollgate();
        command.args([
            "health",
            "--address",
            &format!("http://{}", process.ops),
            "--service",
            service,
        ]);
        async move { output(&mut command).await }
    };
    eventually("it is not ready any more", async || {
        (health("tollgate.v1.BillingService").await == (Some(3), "NOT_SERVING\n".into())).then_some(())
    })
    .await;
    assert_eq!(
        health("").await,
        (Some(0), "SERVING\n".into()),
        "it lives while it drains"
    );
    assert_eq!(health("none").await, (Some(3), "SERVICE_UNKNOWN\n".into()));
    let http = Http::new();
    let taken = http.event(&process.webhook_url(), SECRET, event(1)).await;
    assert_eq!(taken, Ok(StatusCode::OK), "who has not noticed yet is served");
    // One that comes at once is taken for the same.
    let mut ended = None;
    while ended.is_none() {
        process.signal(Signal::TERM);
        tokio::task::yield_now().await;
        ended = process.has_ended();
    }
    assert_eq!(ended.unwrap().code(), Some(1));
}
