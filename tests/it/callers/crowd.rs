//! Thousands of connections and streams that pay nothing, against the limits: a caller is answered all the while.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::{everybody, failure, line, sso, with};
use crate::support::eventually;
use crate::support::http::Http;
use crate::support::process::{Place, Process};

/// What a process may have open is often 1024 until somebody asks for more.
fn many_files() {
    let limit = getrlimit(Resource::Nofile);
    let more = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, more).unwrap();
}

async fn process(place: &Place, change: impl FnOnce(&mut tokio::process::Command)) -> Process {
    let mut command = Process::command(&place.database, &place.simulator.base_url(), place.catalog.path());
    command.env("TOLLGATE_CALLERS", line("web", "web", ""));
    change(&mut command);
    Process::start(command).await
}

async fn channel(process: &Process) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", process.grpc)).unwrap();
    endpoint.connect().await.unwrap()
}

/// The sum of the series of a metric that hold this text.
async fn counted(process: &Process, metric: &str, holds: &str) -> f64 {
    let page = Http::new()
        .get(&format!("http://{}/metrics", process.ops))
        .await
        .into_body();
    let series = page
        .lines()
        .filter(|line| line.starts_with(metric) && line.contains(holds));
    series
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// One connection as a library keeps it, without a call.
async fn idle(process: &Process) -> Option<JoinHandle<hyper::Result<()>>> {
    let stream = TcpStream::connect(process.grpc).await.ok()?;
    let handshake = http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.ok()?;
    Some(tokio::spawn(async move {
        let ended = connection.await;
        drop(sender);
        ended
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_idle_connections_take_no_answer_from_a_caller_and_are_told_to_go() {
    const CROWD: usize = 3_000;
    const LIMIT: usize = 2_000;
    many_files();
    let place = Place::new().await;
    let process = process(&place, |command| {
        command
            .env("TOLLGATE_MAX_CONNECTIONS", LIMIT.to_string())
            .env("TOLLGATE_IDLE_TIMEOUT", "15s");
    })
    .await;
    let mut web = BillingServiceClient::new(channel(&process).await);
    web.get_entitlement(with("web", sso())).await.unwrap();
    let before = process.memory();

    let mut crowd = vec![];
    let mut slowest = Duration::ZERO;
    for n in 0..CROWD {
        crowd.extend(idle(&process).await);
        if n % 100 == 0 {
            let begun = Instant::now();
            web.get_entitlement(with("web", sso())).await.unwrap();
            slowest = slowest.max(begun.elapsed());
        }
    }
    let refused = eventually("those beyond the limit are refused", async || {
        let refused = counted(&process, "tollgate_grpc_connections_refused_total", "").await;
        (refused >= (CROWD - LIMIT) as f64).then_some(refused)
    })
    .await;
    let each = process.memory().saturating_sub(before) / LIMIT;
    eprintln!("{refused} refused, {each} bytes a connection, the slowest answer took {slowest:?}");
    assert!(each < 64 << 10, "{each} bytes a connection");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");

    let mut told = 0;
    for ended in crowd {
        // Those that were refused broke.
        told += usize::from(
            tokio::time::timeout(crate::support::PATIENCE * 2, ended)
                .await
                .unwrap()
                .unwrap()
                .is_ok(),
        );
        if told % 500 == 1 {
            web.get_entitlement(with("web", sso())).await.unwrap();
        }
    }
    assert!(told >= LIMIT - 1, "{told}");
    let idle = counted(&process, "tollgate_grpc_connections_closed_total", "idle").await;
    assert!(idle >= (LIMIT - 1) as f64, "{idle}");
    web.get_entitlement(with("web", sso())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_streams_without_a_token_take_no_stream_from_a_caller() {
    const LIMIT: usize = 2_000;
    let place = Place::new().await;
    let process = process(&place, |command| {
        command.env("TOLLGATE_MAX_GUEST_STREAMS", LIMIT.to_string());
    })
    .await;
    let mut web = BillingServiceClient::new(channel(&process).await);
    let before = process.memory();
    let mut open = vec![];
    let mut refused = 0;
    for _ in 0..30 {
        let crowded = HealthClient::new(channel(&process).await);
        for n in 0..101 {
            match crowded.clone().watch(HealthCheckRequest::default()).await {
                Ok(stream) => open.push(stream.into_inner()),
                Err(status) => {
                    assert_eq!(failure(&status), (Code::ResourceExhausted, "LIMIT".into()));
                    refused += 1;
                }
            }
            if n == 100 {
                web.get_entitlement(with("web", sso())).await.unwrap();
            }
        }
    }
    assert_eq!((open.len(), refused), (LIMIT, 30 * 101 - LIMIT));
    let each = process.memory().saturating_sub(before) / LIMIT;
    eprintln!("{each} bytes a stream");
    assert!(each < 64 << 10, "{each} bytes a stream");
    let told = counted(&process, "tollgate_grpc_requests_total", "RESOURCE_EXHAUSTED").await;
    assert_eq!(told, refused as f64);

    let mut stream = web
        .watch_entitlements(with("web", everybody()))
        .await
        .unwrap()
        .into_inner();
    stream.message().await.unwrap().unwrap();
    let mut probe = HealthClient::new(channel(&process).await);
    probe.check(HealthCheckRequest::default()).await.unwrap();
    drop(open);
    eventually("places are given back", async || {
        let mut health = HealthClient::new(channel(&process).await);
        health.watch(HealthCheckRequest::default()).await.ok()
    })
    .await;
}
