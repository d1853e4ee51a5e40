//! Replicas are replaced one after another under load, as a deployment does: no call fails that was retried, and every
//! watcher has everything.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{GetEntitlementRequest, WatchEntitlementsRequest};
use tollgate_domain::catalog::Value;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::map::Map;
use crate::support::process::{Place, Process};
use crate::support::{PATIENCE, allow, eventually, everybody};

/// Whether a connection went with its replica, or the service said that it is leaving: what every client of gRPC retries. A
/// stream that was reset with an error is neither.
fn is_gone(status: &Status) -> bool {
    let gone = matches!(status.code(), Code::Cancelled | Code::Unknown) && status.source().is_some();
    gone || status.code() == Code::Unavailable || format!("{status:?}").contains(r#"GoAway(b"", NO_ERROR"#)
}

/// What a name service knows: the replicas that run.
#[derive(Clone, Default)]
struct Names {
    replicas: Arc<Mutex<Vec<SocketAddr>>>,
    next: Arc<AtomicUsize>,
}

impl Names {
    async fn connect(&self) -> Option<BillingServiceClient<Channel>> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let address = {
            let replicas = self.replicas.lock().unwrap();
            replicas[at % replicas.len()]
        };
        BillingServiceClient::connect(format!("http://{address}"))
            .await
            .ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_are_replaced_under_load_and_every_watcher_has_everything() {
    let place = Place::new().await;
    let names = Names::default();
    let mut replicas: Vec<Process> = vec![];
    for _ in 0..3 {
        let process = place.serve().await;
        names.replicas.lock().unwrap().push(process.grpc);
        replicas.push(process);
    }
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        readers.spawn(read(names.clone(), over.clone()));
    }
    let maps: Vec<Arc<Mutex<Map>>> = (0..6).map(|_| Arc::default()).collect();
    let mut watchers = tokio::task::JoinSet::new();
    for map in &maps {
        watchers.spawn(watch(names.clone(), map.clone(), over.clone()));
    }

    let mut wanted = BTreeMap::new();
    let mut change = 0_u64;
    for old in &mut replicas {
        // As with `maxUnavailable: 0`: the new one is there first.
        let new = place.serve().await;
        let changing = async {
            for _ in 0..20 {
                let customer = format!("c{}", change % 15);
                allow(&place.store, &customer, "seats", Value::Limit(Some(change + 2))).await;
                wanted.insert(customer, change + 2);
                change += 1;
            }
        };
        let replacing = async {
            {
                let mut known = names.replicas.lock().unwrap();
                known.retain(|address| *address != old.grpc);
                known.push(new.grpc);
            }
            old.signal(Signal::TERM);
            assert_eq!(old.ended().await.code(), Some(0));
        };
        tokio::join!(changing, replacing);
        *old = new;
    }

    for map in &maps {
        eventually("every watcher has the last of every customer", async || {
            let map = map.lock().unwrap();
            let all = wanted
                .iter()
                .all(|(customer, seats)| seats_of(&map, customer) == Some(*seats));
            all.then_some(())
        })
        .await;
    }
    over.store(true, Ordering::Relaxed);
    let mut calls = 0;
    while let Some(made) = readers.join_next().await {
        calls += made.unwrap();
    }
    assert!(calls > 100, "{calls} calls are no load");
    watchers.abort_all();
    while let Some(ended) = watchers.join_next().await {
        assert!(
            ended.is_ok() || ended.unwrap_err().is_cancelled(),
            "no watcher saw a gap"
        );
    }
}

/// Calls without end, each with a retry elsewhere; returns how many.
async fn read(names: Names, over: Arc<AtomicBool>) -> usize {
    let mut calls = 0;
    let mut client = None;
    while !over.load(Ordering::Relaxed) {
        let asked = async {
            for _ in 0..10 {
                if client.is_none() {
                    client = names.connect().await;
                }
                let Some(connected) = &mut client else { continue };
                let request = GetEntitlementRequest {
                    customer: "c1".into(),
                    feature: "seats".into(),
                    ..GetEntitlementRequest::default()
                };
                match connected.get_entitlement(request).await {
                    Ok(_) => return,
                    Err(status) if is_gone(&status) => client = None,
                    Err(status) => panic!("{status:?}"),
                }
            }
            panic!("ten attempts failed");
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap();
        calls += 1;
    }
    calls
}

/// The loop of the proto's comment.
async fn watch(names: Names, map: Arc<Mutex<Map>>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let Some(mut client) = names.connect().await else {
            continue;
        };
        let revision = {
            let mut map = map.lock().unwrap();
            map.frames = 0;
            map.revision.clone()
        };
        let request = WatchEntitlementsRequest {
            filter: Some(everybody()),
            revision,
            ..WatchEntitlementsRequest::default()
        };
        let stream = match client.watch_entitlements(request).await {
            Ok(stream) => stream,
            Err(status) if is_gone(&status) => continue,
            Err(status) => panic!("{status:?}"),
        };
        let mut stream = stream.into_inner();
        while let Ok(Some(frame)) = stream.message().await {
            let closing = matches!(frame.event, Some(Event::Closing(_)));
            map.lock().unwrap().fold(frame);
            if closing {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn seats_of(map: &Map, customer: &str) -> Option<u64> {
    use tollgate::api::grpc::proto::answer::Value;
    let features = map.customers.get(customer)?;
    let seats = features.iter().find(|feature| feature.feature == "seats")?;
    match seats.first.as_ref()?.value.clone()? {
        Value::Limit(limit) => u64::try_from(limit.amount).ok(),
        _ => None,
    }
}
