//! Who opens a watch and does not read, over real sockets: nothing is kept for it but its place, and nobody else notices.

use futures::stream::{self, StreamExt};
use rustix::process::Signal;
use tokio::process::Command;
use tokio::time::timeout;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{
    CloseReason, FeatureSchedule, WatchEntitlementsRequest, WatchEntitlementsResponse, answer,
};
use tollgate_domain::catalog::Value;
use tonic::Streaming;
use tonic::transport::Endpoint;

use crate::support::map::Map;
use crate::support::process::{Place, Process};
use crate::support::{PATIENCE, allow, eventually, everybody};

const CUSTOMERS: usize = 200;

/// What a stream of a stalled reader may have on its way, in bytes.
const WINDOW: u32 = 16 << 10;

struct Reader {
    frames: Streaming<WatchEntitlementsResponse>,
    map: Map,
}

impl Reader {
    /// Returns when they have caught up; all on one connection, which alone would let much more through.
    async fn open(process: &Process, count: usize) -> Vec<Reader> {
        let endpoint = Endpoint::from_shared(format!("http://{}", process.grpc))
            .unwrap()
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(64 << 20);
        let client = BillingServiceClient::new(endpoint.connect().await.unwrap());
        let mut readers = vec![];
        for _ in 0..count {
            let request = WatchEntitlementsRequest {
                filter: Some(everybody()),
                ..WatchEntitlementsRequest::default()
            };
            let frames = client.clone().watch_entitlements(request).await.unwrap();
            let mut reader = Reader {
                frames: frames.into_inner(),
                map: Map::default(),
            };
            reader.until(|map| map.complete).await;
            readers.push(reader);
        }
        readers
    }

    async fn until(&mut self, done: impl Fn(&Map) -> bool) {
        let reading = async {
            while !done(&self.map) {
                let frame = self.frames.message().await.unwrap();
                self.map.fold(frame.expect("the stream goes on"));
            }
        };
        timeout(PATIENCE, reading).await.expect("in time");
    }

    /// What comes until the stream is over or broken.
    async fn rest(&mut self) -> (Option<Event>, bool) {
        let reading = async {
            let mut last = None;
            loop {
                match self.frames.message().await {
                    Ok(Some(frame)) => last = frame.event,
                    Ok(None) => return (last, true),
                    Err(_) => return (last, false),
                }
            }
        };
        timeout(PATIENCE, reading).await.expect("in time")
    }
}

/// Everybody has so many seats.
fn all_have(map: &Map, seats: usize) -> bool {
    let has = |features: &Vec<FeatureSchedule>| {
        let of_seats = features.iter().find(|it| it.feature == "seats");
        let answer = of_seats.and_then(|it| it.first.as_ref()?.value.as_ref());
        matches!(answer, Some(answer::Value::Limit(limit)) if limit.amount == seats as i64)
    };
    map.customers.len() == CUSTOMERS && map.customers.values().all(has)
}

async fn give_all(place: &Place, seats: usize) {
    let give = |n: usize| async move {
        let customer = format!("customer-{n}");
        allow(&place.store, &customer, "seats", Value::Limit(Some(seats as u64))).await;
    };
    stream::iter(0..CUSTOMERS)
        .map(give)
        .buffer_unordered(8)
        .collect::<Vec<()>>()
        .await;
}

async fn serve(place: &Place, change: impl FnOnce(&mut Command)) -> Process {
    place
        .serve_with(|serve| {
            serve.env("TOLLGATE_CHECKPOINT_INTERVAL", "1s");
            change(serve);
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_who_do_not_read_miss_only_what_was_overtaken_and_cost_next_to_nothing() {
    const STALLED: usize = 100;
    const ROUNDS: usize = 15;
    let place = Place::new().await;
    let process = serve(&place, |_| {}).await;
    let mut stalled = Reader::open(&process, STALLED).await;
    let mut reader = Reader::open(&process, 1).await.remove(0);
    give_all(&place, 100).await;
    reader.until(|map| all_have(map, 100)).await;
    let before = process.memory();
    for round in 1..=ROUNDS {
        give_all(&place, 100 + round).await;
        reader.until(|map| all_have(map, 100 + round)).await;
    }
    let each = process.memory().saturating_sub(before) / STALLED;
    eventually("who does not read is seen", async || {
        let lag = process.metric("tollgate_watch_lag_revisions").await;
        (lag > CUSTOMERS as f64).then_some(())
    })
    .await;

    let late = stalled.last_mut().unwrap();
    late.until(|map| all_have(map, 100 + ROUNDS)).await;
    assert_eq!(late.map.customers, reader.map.customers);
    eprintln!(
        "{each} bytes a reader; {} frames instead of {}",
        late.map.frames, reader.map.frames
    );
    assert!(reader.map.frames > ROUNDS * CUSTOMERS, "{}", reader.map.frames);
    assert!(late.map.frames < reader.map.frames / 3, "{}", late.map.frames);
    assert!(each < 128 << 10, "{each} bytes a reader");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nobody_reads_is_closed_and_only_that() {
    let place = Place::new().await;
    let process = serve(&place, |serve| {
        serve.env("TOLLGATE_STALL_TIMEOUT", "2s");
    })
    .await;
    let mut stalled = Reader::open(&process, 1).await.remove(0);
    let mut reader = Reader::open(&process, 1).await.remove(0);
    let closed = async || {
        process
            .metric("tollgate_grpc_connections_closed_total{why=\"stalled\"}")
            .await
    };
    // Its window has to be full first: who has nothing to read is not stalled.
    for round in 1.. {
        give_all(&place, round).await;
        reader.until(|map| all_have(map, round)).await;
        if closed().await > 0.0 {
            break;
        }
        assert!(round < 50, "it is not closed");
    }
    let (_, ended_well) = stalled.rest().await;
    assert!(!ended_well, "it cannot be told anything");
    give_all(&place, 100).await;
    reader.until(|map| all_have(map, 100)).await;
    assert_eq!(closed().await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_holds_up_no_drain() {
    let place = Place::new().await;
    let mut process = serve(&place, |serve| {
        serve.env("TOLLGATE_DRAIN_DEADLINE", "3s");
    })
    .await;
    let mut stalled = Reader::open(&process, 1).await.remove(0);
    let mut reader = Reader::open(&process, 1).await.remove(0);
    for round in 1..=5 {
        give_all(&place, round).await;
        reader.until(|map| all_have(map, round)).await;
    }
    process.signal(Signal::TERM);
    let (last, ended_well) = reader.rest().await;
    let Some(Event::Closing(closing)) = last else {
        panic!("{last:?}");
    };
    assert!(
        ended_well && closing.reason() == CloseReason::Draining,
        "{closing:?}"
    );
    let status = process.ended().await;
    assert_eq!(status.code(), Some(1), "what was cut is told");
    assert!(!stalled.rest().await.1);
    let log = std::fs::read_to_string(&process.log).unwrap();
    assert!(log.contains("1 connections were still busy at the drain deadline"));
}
