//! The accept loop: HTTP/2 and HTTP/1 (gRPC-Web) on one port, in TLS or not, within limits, until it is told to stop.

pub mod peer;
mod progress;
pub mod tls;

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::io::InspectReader;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use peer::Peer;
use progress::{Limits, Overdue, Progress};
use tls::Tls;

use crate::telemetry::metric::{self, PLAIN};

/// The limits of a listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Further connections are closed at once.
    pub max_connections: usize,
    /// Calls at a time on one connection.
    pub max_streams: u32,
    /// How long a connection may be silent before it is pinged.
    pub keepalive: Duration,
    /// How long the ping may take, how long a new connection may take to say what it speaks, and how long its handshake.
    pub patience: Duration,
    /// A connection without a call for so long is told to go (GOAWAY).
    pub idle: Duration,
    /// A connection on which the peer takes nothing for so long, though an answer waits for it, is cut.
    pub stall: Duration,
    /// Calls at a time on one connection by who proves nothing: a [`Guests`] in the extensions of each request counts them.
    pub max_guests: usize,
    /// From the stop on, until connections that are still busy are cut.
    pub drain_deadline: Duration,
    /// Whether its connections are counted as those of the gRPC listener.
    pub counted: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_connections: 10_000,
            max_streams: 1_000,
            keepalive: Duration::from_secs(30),
            patience: Duration::from_secs(20),
            idle: Duration::from_secs(600),
            stall: Duration::from_secs(600),
            max_guests: 100,
            drain_deadline: Duration::from_secs(20),
            counted: false,
        }
    }
}

const MAX_HEADERS: u32 = 16 << 10;

/// Places on one connection for calls of who proves nothing.
#[derive(Clone, Debug)]
pub struct Guests(pub Arc<Semaphore>);

/// Serves until `stop`, then tells every connection to finish what runs (GOAWAY) and waits for that. Returns how many
/// connections were still busy at the deadline and have been cut. Requests that came with a client certificate have a
/// [`Peer`] in their extensions, and all have [`Guests`].
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
    B: Body + Send + Unpin + 'static,
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
            if settings.counted {
                metric::GRPC_CONNECTIONS_REFUSED.count(PLAIN);
            }
            continue;
        };
        let opened = Opened {
            settings: settings.clone(),
            builder: builder.clone(),
            stop: stop.clone(),
        };
        let open = opened.open(stream, tls.clone(), service.clone());
        let (cut, counted) = (cut.clone(), settings.counted);
        connections.spawn(async move {
            let _place = (place, counted.then(|| metric::GRPC_CONNECTIONS.hold()));
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

/// One connection.
struct Opened {
    settings: Settings,
    builder: Arc<Builder<TokioExecutor>>,
    stop: CancellationToken,
}

impl Opened {
    /// From the handshake to its end.
    async fn open<S, B>(self, stream: TcpStream, tls: Option<Tls>, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return self.serve(stream, None, pending(), service).await;
        };
        let (config, trust) = tls.offer();
        let handshake = timeout(self.settings.patience, TlsAcceptor::from(config).accept(stream));
        let stream = match self.stop.run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) => stream,
            Some(Ok(Err(error))) => return tracing::debug!(%error, "a TLS handshake failed"),
            Some(Err(_)) => return self.count(Overdue::Silent.word()),
            None => return,
        };
        let chain: Vec<_> = stream.get_ref().1.peer_certificates().unwrap_or(&[]).to_vec();
        match chain.first().map(Peer::of).transpose() {
            Ok(peer) => {
                let withdrawn = trust.withdrawn(&chain);
                self.serve(stream, peer.map(Arc::new), withdrawn, service).await;
            }
            Err(why) => tracing::debug!(why, "a client certificate was refused"),
        }
    }

    async fn serve<S, B>(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
        peer: Option<Arc<Peer>>,
        withdrawn: impl Future<Output = ()>,
        service: S,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let progress = Arc::new(Progress::new());
        let reads = progress.clone();
        let stream = InspectReader::new(stream, move |bytes: &[u8]| reads.read(bytes));
        let guests = Guests(Arc::new(Semaphore::new(self.settings.max_guests)));
        let (calls, named) = (progress.clone(), peer.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let (call, service) = (calls.call(), service.clone());
            if let Some(peer) = &named {
                request.extensions_mut().insert(peer.clone());
            }
            request.extensions_mut().insert(guests.clone());
            async move {
                let Ok(response) = service.oneshot(request).await;
                Ok::<_, Infallible>(response.map(|body| call.answer(body)))
            }
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut limits = Limits {
            greeting: self.settings.patience,
            idle: self.settings.idle,
            stall: self.settings.stall,
        };
        let mut told = false;
        // Whoever was let in by a certificate that is good no more may be told why, and not stay.
        let (mut withdrawn, mut until) = (pin!(withdrawn), None);
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = self.stop.cancelled(), if !told => {}
                () = withdrawn.as_mut(), if until.is_none() => {
                    self.count("withdrawn");
                    peer.iter().for_each(|peer| peer.withdrawn.cancel());
                    until = Some(Instant::now() + self.settings.patience);
                }
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => return,
                overdue = progress.overdue(limits) => {
                    if !told {
                        self.count(overdue.word());
                    }
                    if told || overdue != Overdue::Idle {
                        return;
                    }
                }
            }
            // What comes before the peer has read that is answered.
            connection.as_mut().graceful_shutdown();
            told = true;
            limits.idle = self.settings.patience;
            progress.note();
        };
        if let Err(error) = ended {
            tracing::debug!(error, "a connection broke");
        }
    }

    fn count(&self, why: &'static str) {
        if self.settings.counted {
            metric::GRPC_CONNECTIONS_CLOSED.count([why]);
        }
    }
}
