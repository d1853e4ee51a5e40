//! `List`, the youngest method of `grpc.health.v1`, which the library does not have yet.
//! docs: grpc.io/docs/guides/health-checking

use std::collections::HashMap;
use std::future::ready;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codec::EnabledCompressionEncodings;
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckResponse;
use tonic_prost::ProstCodec;

use super::{BILLING, Health, status};

/// In a request's path.
pub const PATH: &str = "/grpc.health.v1.Health/List";

#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListRequest {}

#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListResponse {
    /// By service.
    #[prost(map = "string, message", tag = "1")]
    pub statuses: HashMap<String, HealthCheckResponse>,
}

/// Adds the method to a router that has the others.
pub fn add(router: Router, health: &Health) -> Router {
    let health = health.clone();
    let answer = async move |request: http::Request<Body>| {
        let mut gzip = EnabledCompressionEncodings::default();
        gzip.enable(Gzip);
        let list =
            tower::service_fn(move |_: Request<HealthListRequest>| ready(Ok::<_, Status>(all(&health))));
        Grpc::new(ProstCodec::<HealthListResponse, HealthListRequest>::default())
            .apply_compression_config(gzip, gzip)
            .unary(list, request)
            .await
    };
    router.route(PATH, post(answer))
}

fn all(health: &Health) -> Response<HealthListResponse> {
    let now = *health.0.borrow();
    let statuses = ["", BILLING].map(|service| {
        let status = status(service, now).into();
        (service.to_owned(), HealthCheckResponse { status })
    });
    Response::new(HealthListResponse {
        statuses: statuses.into(),
    })
}
