//! What operators' machines ask: metrics and health, plain and without authentication. Never public.

use axum::Router;
use axum::routing::get;

use super::grpc::health::Health;

/// `/metrics` for Prometheus as `render` makes it, and `grpc.health.v1`.
pub fn router(render: impl Fn() -> String + Clone + Send + Sync + 'static, health: &Health) -> Router {
    health.router().route("/metrics", get(async move || render()))
}
