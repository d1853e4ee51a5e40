//! The accept loop: HTTP/2 and HTTP/1 (gRPC-Web) on one port, in TLS or not, within limits, until it is told to stop.

pub mod peer;
pub mod tls;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use peer::Peer;
use tls::Tls;

/// The limits of a listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Further connections are closed at once.
    pub max_connections: usize,
    /// Calls at a time on one connection.
    pub max_streams: u32,
    /// How long a connection may be silent before it is pinged.
    pub keepalive: Duration,
    /// How long the ping may take, how long a new connection may take to say anything, and how long its handshake.
    pub patience: Duration,
    /// From the stop on, until connections that are still busy are cut.
    pub drain_deadline: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_connections: 10_000,
            max_streams: 1_000,
            keepalive: Duration::from_secs(30),
            patience: Duration::from_secs(20),
            drain_deadline: Duration::from_secs(20),
        }
    }
}

const MAX_HEADERS: u32 = 16 << 10;

/// Reads that are larger go around the buffer of a connection's first bytes.
const FIRST_BYTES: usize = 64;

/// Serves until `stop`, then tells every connection to finish what runs (GOAWAY) and waits for that. Returns how many
/// connections were still busy at the deadline and have been cut. Requests that came with a client certificate have a
/// [`Peer`] in their extensions.
pub async fn serve<S, B>(
    listener: TcpListener,
    tls: Option<Tls>,
    service: S,
    settings: Settings,
    stop: CancellationToken,
) -> usize
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let builder = Arc::new(builder(&settings));
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors most likely: others must end first.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            metrics::counter!("tollgate_connections_refused_total").increment(1);
            continue;
        };
        let open = open(
            stream,
            tls.clone(),
            builder.clone(),
            service.clone(),
            settings.patience,
            stop.clone(),
        );
        let cut = cut.clone();
        connections.spawn(async move {
            let _place = place;
            tokio::select! {
                () = open => {}
                () = cut.cancelled() => {}
            }
        });
    }
    drop(listener);
    connections.close();
    let finished = timeout(settings.drain_deadline, connections.wait()).await;
    let left = if finished.is_ok() { 0 } else { connections.len() };
    cut.cancel();
    connections.wait().await;
    left
}

fn builder(settings: &Settings) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .adaptive_window(true)
        .max_concurrent_streams(settings.max_streams)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(settings.keepalive)
        .keep_alive_timeout(settings.patience);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.patience)
        .max_buf_size(MAX_HEADERS as usize);
    builder
}

/// One connection, from the handshake to its end.
async fn open<S, B>(
    stream: TcpStream,
    tls: Option<Tls>,
    builder: Arc<Builder<TokioExecutor>>,
    service: S,
    patience: Duration,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return connection(stream, &builder, service, patience, stop).await;
    };
    let handshake = timeout(patience, TlsAcceptor::from(tls.config()).accept(stream));
    let stream = match stop.run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => stream,
        Some(Ok(Err(error))) => return tracing::debug!(%error, "a TLS handshake failed"),
        Some(Err(_)) | None => return,
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let peer = match certificate.map(Peer::of).transpose() {
        Ok(peer) => peer.map(Arc::new),
        Err(why) => return tracing::debug!(why, "a client certificate was refused"),
    };
    let service = service.map_request(move |mut request: Request<Incoming>| {
        if let Some(peer) = &peer {
            request.extensions_mut().insert(peer.clone());
        }
        request
    });
    connection(stream, &builder, service, patience, stop).await;
}

async fn connection<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    builder: &Builder<TokioExecutor>,
    service: S,
    patience: Duration,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Which version it speaks shows in the first bytes, for which hyper would wait for ever.
    let mut stream = BufReader::with_capacity(FIRST_BYTES, stream);
    match stop
        .run_until_cancelled(timeout(patience, stream.fill_buf()))
        .await
    {
        Some(Ok(Ok(bytes))) if !bytes.is_empty() => {}
        _ => return,
    }
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}
