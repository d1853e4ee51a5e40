//! `grpc.health.v1`, the same on the public and the operations listener.

pub mod list;

use axum::Router;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health as HealthService, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::proto::billing_service_server::BillingServiceServer;

const BILLING: &str = <BillingServiceServer<()> as NamedService>::NAME;

/// What probes are told: service `""` is this process, which lives; `tollgate.v1.BillingService` is ready or not.
#[derive(Clone)]
pub struct Health(watch::Sender<Readiness>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    NotReady,
    Ready,
    /// Not ready, and never again.
    Draining,
    /// As that, and watchers are let go.
    Closed,
}

impl Health {
    /// Alive, not ready.
    #[allow(
        clippy::new_without_default,
        reason = "the state it begins with deserves a name at the call"
    )]
    pub fn new() -> Health {
        Health(watch::Sender::new(Readiness::NotReady))
    }

    /// It has caught up. Who drains does not become ready any more; whether it did.
    pub fn ready(&self) -> bool {
        self.0.send_if_modified(|now| {
            let begins = *now == Readiness::NotReady;
            if begins {
                *now = Readiness::Ready;
            }
            begins
        })
    }

    /// It is not ready from now on.
    pub fn drain(&self) {
        self.0.send_if_modified(|now| {
            *now != Readiness::Closed && std::mem::replace(now, Readiness::Draining) != Readiness::Draining
        });
    }

    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        *self.0.borrow() == Readiness::Ready
    }

    /// Ends all watches, so that a graceful shutdown need not wait for them. It is not ready from then on.
    pub fn close(&self) {
        self.0.send_replace(Readiness::Closed);
    }

    /// The service alone, to be merged into the operations listener's routes.
    pub fn router(&self) -> Router {
        list::add(Routes::new(self.service()).into_axum_router(), self)
    }

    pub(super) fn service(&self) -> HealthServer<Health> {
        HealthServer::new(self.clone())
            .accept_compressed(Gzip)
            .send_compressed(Gzip)
    }
}

fn status(service: &str, readiness: Readiness) -> ServingStatus {
    match (service, readiness) {
        ("", _) | (BILLING, Readiness::Ready) => ServingStatus::Serving,
        (BILLING, _) => ServingStatus::NotServing,
        _ => ServingStatus::ServiceUnknown,
    }
}

#[tonic::async_trait]
impl HealthService for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match status(&request.get_ref().service, *self.0.borrow()) {
            ServingStatus::ServiceUnknown => Err(Status::not_found(format!(
                "there is no such service; ask for `` or `{BILLING}`"
            ))),
            known => Ok(Response::new(HealthCheckResponse { status: known.into() })),
        }
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let first = Some((self.0.subscribe(), None));
        let states = stream::unfold(first, move |state| {
            let service = service.clone();
            async move {
                let (mut readiness, last) = state?;
                loop {
                    let now = *readiness.borrow_and_update();
                    let status = status(&service, now);
                    let closed = now == Readiness::Closed;
                    if last != Some(status) {
                        let frame = HealthCheckResponse {
                            status: status.into(),
                        };
                        return Some((Ok(frame), (!closed).then_some((readiness, Some(status)))));
                    }
                    if closed {
                        return None;
                    }
                    readiness.changed().await.ok()?;
                }
            }
        });
        Ok(Response::new(states.boxed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn watch(health: &Health, service: &str) -> BoxStream<'static, i32> {
        let request = Request::new(HealthCheckRequest {
            service: service.into(),
        });
        let stream = HealthService::watch(health, request).await.unwrap().into_inner();
        stream.map(|state| state.unwrap().status).boxed()
    }

    #[tokio::test]
    async fn a_watcher_sees_every_turn_and_is_let_go_at_the_end() {
        let health = Health::new();
        let mut states = watch(&health, BILLING).await;
        assert_eq!(states.next().await, Some(ServingStatus::NotServing.into()));
        health.ready();
        assert_eq!(states.next().await, Some(ServingStatus::Serving.into()));
        health.close();
        assert_eq!(states.next().await, Some(ServingStatus::NotServing.into()));
        assert_eq!(states.next().await, None);
        assert!(!health.is_ready());
    }

    #[tokio::test]
    async fn an_unknown_service_is_an_open_stream_and_a_failed_check() {
        let health = Health::new();
        let mut states = watch(&health, "else").await;
        assert_eq!(states.next().await, Some(ServingStatus::ServiceUnknown.into()));
        let request = Request::new(HealthCheckRequest {
            service: "else".into(),
        });
        assert_eq!(
            health.check(request).await.unwrap_err().code(),
            tonic::Code::NotFound
        );
    }

    #[tokio::test]
    async fn the_process_lives_while_it_drains() {
        let health = Health::new();
        health.close();
        let request = Request::new(HealthCheckRequest {
            service: String::new(),
        });
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, i32::from(ServingStatus::Serving));
    }
}
