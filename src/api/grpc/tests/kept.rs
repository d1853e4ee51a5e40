//! Which connections and calls are kept, and which are not, by peers over real sockets that do not get on.

use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::*;

/// Only a defect takes longer.
const AMPLE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_secs(1);

async fn with(change: impl FnOnce(&mut Settings)) -> Served {
    let mut settings = Settings::default();
    change(&mut settings);
    Served::with(Callers::everybody(), settings).await
}

/// A connection that a library keeps as it should be; ends when the service has ended it.
async fn connection<B>(served: &Served) -> (http2::SendRequest<B>, JoinHandle<hyper::Result<()>>)
where
    B: hyper::body::Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let stream = TcpStream::connect(served.address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    (sender, tokio::spawn(connection))
}

impl Served {
    fn request(&self, method: &str) -> http::request::Builder {
        HttpRequest::post(format!("http://{}/{method}", self.address))
            .header("content-type", "application/grpc")
    }
}

fn watch(revision: &str) -> WatchEntitlementsRequest {
    WatchEntitlementsRequest {
        revision: revision.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_greeting_that_is_begun_and_never_ended_is_no_greeting() {
    let served = with(|settings| settings.listen.patience = SHORT).await;
    let mut peer = TcpStream::connect(served.address).await.unwrap();
    peer.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let ended = timeout(AMPLE, peer.read(&mut [0; 99])).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_connection_without_a_call_is_told_to_go_and_one_with_a_call_is_kept() {
    let served = with(|settings| settings.listen.idle = SHORT).await;
    let (idle, ended) = connection::<Full<Bytes>>(&served).await;
    let mut client = served.client().await;
    let mut quiet = client.watch_entitlements(watch("")).await.unwrap().into_inner();
    quiet.message().await.unwrap().unwrap();
    // With GOAWAY: without it the library would say that the connection broke.
    timeout(AMPLE, ended).await.unwrap().unwrap().unwrap();
    drop(idle);
    assert!(timeout(SHORT * 5, quiet.message()).await.is_err());
    client.get_entitlement(sso()).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_takes_nothing_of_a_stream_loses_its_connection_and_only_that() {
    let served = with(|settings| settings.listen.stall = SHORT).await;
    let mut quiet = served.client().await;
    let mut kept = quiet.watch_entitlements(watch("")).await.unwrap().into_inner();
    kept.message().await.unwrap().unwrap();

    let (mut greedy, ended) = connection::<Full<Bytes>>(&served).await;
    let request = served.request("tollgate.v1.BillingService/WatchEntitlements");
    let mut flood = greedy
        .send_request(request.body(Full::new(enveloped(&watch(FLOOD)))).unwrap())
        .await
        .unwrap()
        .into_body();
    // As long as it reads, it is served.
    let begun = Instant::now();
    while begun.elapsed() < SHORT * 3 {
        flood.frame().await.unwrap().unwrap();
    }
    // It reads no more; the library goes on answering pings.
    let broken = timeout(AMPLE, ended).await.unwrap().unwrap();
    assert!(broken.is_err(), "it was not asked");

    assert!(timeout(SHORT, kept.message()).await.is_err());
    quiet.get_entitlement(sso()).await.unwrap();
}

#[tokio::test]
async fn a_request_whose_message_does_not_come_fails() {
    type Silent = http_body_util::StreamBody<stream::Pending<Result<hyper::body::Frame<Bytes>, Infallible>>>;
    let served = with(|settings| settings.patience = SHORT).await;
    let (mut sender, _connection) = connection::<Silent>(&served).await;
    for (method, code) in [
        ("tollgate.v1.BillingService/GetEntitlement", "4"),
        ("tollgate.v1.BillingService/WatchEntitlements", "4"),
        // The library takes it for an end.
        ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "0"),
    ] {
        let request = served
            .request(method)
            .body(http_body_util::StreamBody::new(stream::pending()))
            .unwrap();
        let answer = timeout(AMPLE, sender.send_request(request))
            .await
            .unwrap()
            .unwrap();
        let head = answer.headers().get("grpc-status").cloned();
        let body = timeout(AMPLE, answer.into_body().collect())
            .await
            .unwrap()
            .unwrap();
        let trailers = body.trailers().and_then(|trailers| trailers.get("grpc-status"));
        assert_eq!(head.as_ref().or(trailers).unwrap(), code, "{method}");
    }
}

#[tokio::test]
async fn who_needs_no_token_has_so_many_calls_on_a_connection_and_so_many_streams_in_all() {
    let served = with(|settings| {
        settings.listen.max_guests = 3;
        settings.max_guest_streams = 4;
    })
    .await;
    let full = |status: Status, says: &str| {
        assert_eq!(
            (status.code(), reason(&status)),
            (Code::ResourceExhausted, "LIMIT".into())
        );
        assert!(status.message().contains(says), "{status:?}");
    };
    let open = async |channel: &Channel| {
        let mut client = HealthClient::new(channel.clone());
        let stream = client.watch(HealthCheckRequest::default()).await?.into_inner();
        Ok::<_, Status>(stream)
    };
    let (one, two) = (served.channel().await, served.channel().await);
    let mut streams = vec![];
    for _ in 0..3 {
        streams.push(open(&one).await.unwrap());
    }
    full(open(&one).await.unwrap_err(), "on this connection");
    streams.push(open(&two).await.unwrap());
    full(open(&two).await.unwrap_err(), "at this replica");
    // Probes and callers do not wait for that.
    HealthClient::new(two.clone())
        .check(HealthCheckRequest::default())
        .await
        .unwrap();
    BillingServiceClient::new(one.clone())
        .get_entitlement(sso())
        .await
        .unwrap();
    drop(streams);
    let reopened = async {
        while open(&one).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(AMPLE, reopened).await.expect("places are given back");
}
