//! The gRPC door: who may come in, how long and how much, and what every failure looks like.
//!
//! [`proto`] is the contract · [`listen`] accepts connections · [`auth`] names the caller · `method` counts · `deadline` ends what takes
//! longer than the caller waits, `prompt` what does not come, `guest` bounds who is unknown · [`service`] answers, `watch` streams, `convert` speaks the contract's words ·
//! [`status`] is how a failure looks · [`health`] is what probes are told.

pub mod auth;
mod convert;
mod deadline;
mod guest;
pub mod health;
pub mod listen;
mod method;
mod prompt;
pub mod proto;
pub mod service;
pub mod status;
mod watch;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt};
use tracing::Instrument;

use auth::Callers;
use guest::Lobby;
use health::Health;
use listen::peer::Peer;
use listen::tls::Tls;
use method::Methods;
use prompt::Prompt;
use proto::billing_admin_service_server::{BillingAdminService, BillingAdminServiceServer};
use proto::billing_service_server::{BillingService, BillingServiceServer};
use status::Failure;

/// The limits of the door.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connections and their streams.
    pub listen: listen::Settings,
    /// Plaintext without.
    pub tls: Option<Tls>,
    /// Of one request, in bytes.
    pub max_message: usize,
    /// Streams at a time by who proves nothing (health, reflection), on all connections.
    pub max_guest_streams: usize,
    /// How long each part of a request may take to come.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listen: listen::Settings::default(),
            tls: None,
            max_message: 1 << 20,
            max_guest_streams: 2_000,
            patience: Duration::from_secs(60),
        }
    }
}

/// Serves the API, its reflection (v1 and v1alpha) and its health until `stop`; then GOAWAY, and what runs may finish.
/// Returns how many connections had to be cut at the deadline.
pub async fn serve(
    listener: TcpListener,
    service: impl BillingService + BillingAdminService + Clone,
    health: Health,
    callers: Callers,
    settings: Settings,
    stop: CancellationToken,
) -> usize {
    let door = Door {
        routes: routes(service, &health, settings.max_message),
        callers,
        methods: Arc::new(Methods::new()),
        lobby: Lobby::new(settings.max_guest_streams),
        patience: settings.patience,
    };
    let let_go = async {
        stop.cancelled().await;
        health.close();
        std::future::pending::<Infallible>().await
    };
    let door = GrpcWebLayer::new().layer(door);
    tokio::select! {
        cut = listen::serve(listener, settings.tls, door, settings.listen, stop.clone()) => cut,
        never = let_go => match never {},
    }
}

fn routes(
    service: impl BillingService + BillingAdminService + Clone,
    health: &Health,
    max_message: usize,
) -> Router {
    let admin = BillingAdminServiceServer::new(service.clone())
        .accept_compressed(Gzip)
        .send_compressed(Gzip)
        .max_decoding_message_size(max_message);
    let billing = BillingServiceServer::new(service)
        .accept_compressed(Gzip)
        .send_compressed(Gzip)
        .max_decoding_message_size(max_message);
    let health_described = health::list::described();
    let describe = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(&health_described)
    };
    let (v1, v1alpha) = (describe().build_v1(), describe().build_v1alpha());
    let (v1, v1alpha) = v1
        .and_then(|v1| Ok((v1, v1alpha?)))
        .expect("the build wrote the descriptors");
    // A client that compresses does so to every service.
    let routes = Routes::new(billing)
        .add_service(admin)
        .add_service(health.service())
        .add_service(v1.accept_compressed(Gzip).send_compressed(Gzip))
        .add_service(v1alpha.accept_compressed(Gzip).send_compressed(Gzip))
        .prepare()
        .into_axum_router();
    health::list::add(routes, health)
}

/// Every call comes through here.
#[derive(Clone)]
struct Door {
    routes: Router,
    callers: Callers,
    methods: Arc<Methods>,
    lobby: Lobby,
    /// For each part of a request.
    patience: Duration,
}

impl Service<Request<Body>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move { Ok(door.answer(request).await) })
    }
}

impl Door {
    async fn answer(self, mut request: Request<Body>) -> Response<Body> {
        let peer = request.extensions().get::<Arc<Peer>>().map(|peer| &**peer);
        let admitted = self
            .callers
            .admit(request.uri().path(), request.headers(), peer)
            .and_then(|caller| {
                let place = match caller.name() {
                    Some(_) => None,
                    None => self.lobby.admit(request.uri().path(), request.extensions())?,
                };
                Ok((caller, place, deadline::of(request.headers())?))
            });
        let (methods, begun) = (self.methods, Instant::now());
        let method = methods.of(request.uri().path());
        // Who is not let in does not decide what is followed.
        let span = method.span(admitted.is_ok().then(|| request.headers()));
        let mut unanswered = method.unanswered(begun);
        let response = match admitted {
            Ok((caller, place, limit)) => {
                request.extensions_mut().insert(caller);
                let request = request.map(|body| Prompt::body(body, self.patience));
                let answer = async {
                    let Ok(response) = self.routes.oneshot(request).await;
                    status::complete(response.map(Body::new))
                };
                let response = deadline::within(limit, answer.instrument(span.clone())).await;
                match place {
                    Some(place) => place.keep(response),
                    None => response,
                }
            }
            Err(failure) => refuse(request, failure).await,
        };
        let status = Status::from_header_map(response.headers());
        let code = status.map_or(Code::Ok, |status| status.code());
        unanswered.answered(code, &span);
        response
    }
}

/// A request whose body nobody reads is reset by hyper, and some clients then report that instead of the answer.
async fn refuse(request: Request<Body>, failure: Failure) -> Response<Body> {
    let body = Limited::new(request.into_body(), 64 << 10).collect();
    let _ = tokio::time::timeout(Duration::from_secs(1), body).await;
    Status::from(failure).into_http()
}

#[cfg(test)]
mod tests;
