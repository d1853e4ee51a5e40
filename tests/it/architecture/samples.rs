//! One violation per way around the rules, each of which must be refused for its reason, and the innocent
//! look-alikes, which must pass.

use super::tree::{Source, refusals_of};
use super::{MAX_LINES, check, document, manifests, tree};

/// Each row: a file, its text (`¶` ends a line), and what the refusal must say.
const REFUSED: &str = r#"
# The ways to name a walled library.
src/feed/a.rs | use sqlx::query; | a.rs:1: `sqlx::query`: `sqlx` may be named only in crates/store
src/feed/a.rs | use std::{fmt, sync::Arc};¶use {sqlx}; | a.rs:2: `sqlx`
src/feed/a.rs | fn f() {¶    sqlx::query("");¶} | a.rs:2: `sqlx::query`
src/feed/a.rs | fn f() { ::sqlx::query(""); } | `::sqlx::query`
src/feed/a.rs | fn f() { r#sqlx::query(""); } | `sqlx::query`
src/feed/a.rs | fn f() { println!("{}", sqlx::query("…")); } | `sqlx::query`
src/feed/a.rs | macro_rules! m { () => { use sqlx::query; } } | `sqlx::query`
src/feed/a.rs | use sqlx as db;¶fn f() { db::query(""); } | a.rs:2: `db::query`, which is `sqlx::query`
src/feed/a.rs | use sqlx::*; | `sqlx`
src/feed/a.rs | pub use sqlx::PgPool; | `sqlx::PgPool`
src/feed/a.rs | #[derive(sqlx::FromRow)] struct S; | `sqlx::FromRow`
src/feed/a.rs | #[serde(with = "prost_types::x")] struct S; | `prost_types::x`
src/feed/a.rs | struct S(pub ::sqlx::PgPool); | `::sqlx::PgPool`
src/feed/a.rs | fn f(_: impl Fn() -> sqlx::PgPool) {} | `sqlx::PgPool`
src/feed/a.rs | mod inner { mod deep { fn f() { sqlx::query(""); } } } | `sqlx::query`
src/feed/a.rs | extern crate sqlx as db; | `extern crate` is forbidden
src/feed/a.rs | #[path = "../pipeline/apply.rs"] mod a; | `#[path]` is forbidden
src/feed/a.rs | #[cfg_attr(unix, path = "b.rs")] mod a; | `#[path]` is forbidden
src/feed/a.rs | include!("b.rs"); | `std::include` may be named only in src/api/grpc/proto
src/feed/a.rs | std::include!("b.rs"); | `std::include`
src/commands/a.rs | use stripe_shared::Subscription; | only in crates/stripe
src/commands/a.rs | fn f() -> async_stripe::Id { todo() } | only in crates/stripe
src/api/webhook.rs | use tonic::Status; | only in src/api/grpc
src/api/ops.rs | fn f() { tonic_health::server::health_reporter(); } | only in src/api/grpc
src/feed/a.rs | use axum::Router; | only in src/api
src/feed/a.rs | use stripe_simulator::Clock; | the image is built without them
src/feed/a.rs | fn f() { metrics::counter!("tollgate_new_total").increment(1); } | `metrics` may be named only in src/telemetry
src/api/grpc/a.rs | use opentelemetry::Context; | only in src/telemetry
src/app.rs | fn f() { std::env::var("A"); } | only in src/config
src/app.rs | use std as s;¶fn f() { s::env::var("A"); } | which is `std::env::var`
src/app.rs | use std::*; | only in src/config
crates/domain/src/a.rs | use sqlx::PgPool; | only in crates/store
crates/stripe/src/a.rs | fn f() { std::env::var("A"); } | only in src/config
# The ways to name another module.
src/pipeline/a.rs | use crate::feed::Ring; | makes the edge pipeline → feed, but pipeline may name telemetry::metric, tele
src/feed/a.rs | fn f() { crate::pipeline::apply(); } | feed → pipeline
src/feed/a.rs | fn f() { m!(x, [crate::api::grpc::Y]); } | feed → api::grpc
src/feed/ring/slot.rs | use super::super::super::pipeline::apply; | feed → pipeline
src/feed/a.rs | mod b { use super::super::super::api::grpc; } | feed → api::grpc
src/feed/a.rs | use self::super::super::commands; | feed → commands
src/feed/a.rs | use crate as all;¶fn f() { all::pipeline::apply(); } | a.rs:2: `all::pipeline::apply`
src/feed/a.rs | use crate::*;¶fn f() { pipeline::apply(); } | a.rs:1: `crate` makes the edge feed → lib
src/feed/a.rs | use crate::{config::Settings, telemetry}; | feed → config
src/api/webhook.rs | use crate::{pipeline::{inbox::Inbox, apply}}; | api::webhook → pipeline, but
src/api/webhook.rs | use super::grpc::auth; | api::webhook → api::grpc
src/api/grpc/proto.rs | use super::status; | api::grpc::proto → api::grpc
src/commands/a.rs | use crate::pipeline::inbox::accept; | commands → pipeline::inbox
src/cli/a.rs | use tollgate::api::grpc::service; | cli → api::grpc, but cli may name app, config, demo, api::grp
src/main.rs | use tollgate::feed::Ring; | main → feed
src/main.rs | mod feed; | second copy
src/billing.rs |  | has no row in EDGES
src/bin/other.rs |  | has no row in EDGES
# The ways to let an outsider hold what is behind the wall.
crates/store/src/a.rs | pub use sqlx::PgPool; | re-exports what is behind the wall of `sqlx`
crates/store/src/a.rs | use sqlx as db;¶pub use db::PgPool; | re-exports
crates/store/src/a.rs | use sqlx::*; | name what you import
crates/store/src/a.rs | pub fn pool() -> sqlx::PgPool { loop {} } | `sqlx::PgPool` in a public signature
crates/store/src/a.rs | use sqlx::PgPool;¶pub struct S { pub pool: Box<PgPool> } | a.rs:2: `PgPool` in a pub
crates/store/src/a.rs | use sqlx::PgPool as P;¶pub struct S(pub P); | `P` in a public signature is `sqlx::PgPo
crates/store/src/a.rs | type P = Option<sqlx::PgPool>;¶pub fn f(_: P) {} | a.rs:2: `P` in a public signature
crates/store/src/a.rs | pub enum E { A { from: sqlx::Error } } | in a public signature
crates/store/src/a.rs | pub type P = sqlx::PgPool; | in a public signature
crates/store/src/a.rs | pub trait T { fn f(&self) -> sqlx::PgPool; } | in a public signature
crates/store/src/a.rs | pub trait T: sqlx::Decode {} | in a public signature
crates/store/src/a.rs | pub struct S; impl S { pub fn f<T: sqlx::Decode>(_: T) {} } | in a public signature
crates/store/src/a.rs | impl Deref for S { type Target = sqlx::PgPool; } | in a public signature
crates/store/src/a.rs | impl From<S> for sqlx::PgPool {} | in a public signature
crates/store/src/a.rs | mod a { pub fn f() -> sqlx::PgPool { loop {} } } | in a public signature
crates/stripe/src/a.rs | use stripe_core::Charge;¶pub fn f(_: &[Charge]) {} | is `stripe_core::Charge`
"#;

const INNOCENT: &str = r#"
src/feed/a.rs | /// Unlike [`sqlx::query`] and `crate::pipeline`.¶fn f() {}
src/feed/a.rs | #[doc = "sqlx::query"] fn f() { let _ = "sqlx::query and crate::pipeline::apply"; }
src/feed/a.rs | // sqlx::query¶/* crate::pipeline::apply */
src/feed/a.rs | mod sqlx { pub fn query() {} }¶fn f() { sqlx::query(); self::sqlx::query(); }
src/feed/a.rs | fn f(sqlx: u8, feed: u8) -> u8 { sqlx + feed }
src/feed/a.rs | use super::ring::Ring;¶fn f() { crate::feed::hub::run(); Vec::<u8>::new(); }
src/feed/a.rs | pub(in crate::feed) fn f<'a>(x: &'a u8) -> impl Sized + use<'a> { x }
src/feed/a.rs | use tollgate_domain::env;¶fn f() -> &'static str { env::x(); include_str!("a") }
src/feed/a.rs | fn f() -> &'static str { concat!(env!("A"), std::env!("B"), option_env!("C")) }
src/feed/a.rs | struct Sqlx; enum Axum { A } fn f() { Axum::A; hyper::x(); tonics::x(); stripes::x(); }
src/app.rs | use crate::{api::{grpc, webhook}, commands, config::Config, feed, pipeline::apply, telemetry};
src/config.rs | use crate::{api, feed::Settings};¶use std::env;
src/main.rs | use tollgate::{app, cli, config, demo};
src/lib.rs | pub mod app;¶pub mod feed;
src/api.rs | pub mod grpc;¶pub use self::grpc::Service;
src/api/grpc/watch.rs | use crate::feed::Ring;¶use super::proto::x;¶use tonic::Status;
src/api/grpc.rs | pub mod proto { tonic::include_proto!("tollgate.v1"); }
src/api/webhook.rs | use crate::pipeline::inbox::Inbox;¶use axum::Router;
src/api/ops.rs | use crate::api::grpc::health;
src/cli/get.rs | use crate::api::grpc::proto::Entitlement;¶use tonic::Request;
src/demo.rs | use stripe_simulator::Clock;¶use embedded_postgres::Postgres;
src/commands/a.rs | use tollgate_stripe as stripe;¶fn f() { stripe::shared(); }
build.rs | fn main() { std::env::var("OUT_DIR"); tonic_prost_build::configure(); }
crates/store/src/a.rs | use sqlx::PgPool;¶pub struct S { pool: PgPool, pub(crate) p: PgPool }
crates/store/src/a.rs | impl S { fn f() -> sqlx::PgPool {} pub(crate) fn g(_: sqlx::PgPool) {} pub fn h(&self) {} }
crates/store/src/a.rs | impl From<sqlx::Error> for E { fn from(_: sqlx::Error) -> E {} }
crates/store/src/a.rs | impl sqlx::Type<sqlx::Postgres> for E { fn info() -> sqlx::Info {} }
crates/store/src/a.rs | #[derive(sqlx::FromRow)] pub struct Row { #[sqlx(rename = "b")] pub a: i64 }
"#;

/// Several files and their texts in turn: a name is passed on, and the one who takes it is refused.
const PASSED_ON: &str = r#"
src/commands.rs | pub use crate::feed::Ring; | src/api/grpc.rs |  | src/commands.rs:1: `crate::feed::Ring` makes the edge commands → feed
src/api.rs | pub use crate::feed::Ring; | src/pipeline.rs | use crate::api::Ring; | src/pipeline.rs:1: `crate::api::Ring` makes the edge pipeline → feed
src/api.rs | pub use crate::feed::*; | src/feed.rs | pub struct Ring; | src/demo.rs | use crate::api::Ring; | src/demo.rs:1: `crate::api::Ring` makes the edge demo → feed
src/lib.rs | pub mod feed;¶pub use feed::Ring; | src/pipeline.rs | fn f() { crate::Ring::new(); } | src/pipeline.rs:1: `crate::Ring::new` makes the edge pipeline → feed
src/api/grpc.rs | pub use tonic as wire; | src/app.rs | fn f() { crate::api::grpc::wire::x(); } | src/app.rs:1: `crate::api::grpc::wire::x`, which is `tonic::x`
src/feed/a.rs | use super::*;¶fn f() { db::query(); } | src/feed.rs | use sqlx as db; | src/feed/a.rs:2: `db::query`, which is `sqlx::query`
crates/store/src/rows.rs | pub(crate) use sqlx::PgPool; | crates/store/src/lib.rs | use crate::rows::PgPool;¶pub fn f(_: PgPool) {} | crates/store/src/lib.rs:2: `PgPool` in a public signature is `sqlx::PgPool`
"#;

const MANIFESTS: &str = r#"
. | [dependencies]¶tollgate-store.workspace = true¶tonic = "1"¶[dev-dependencies]¶sqlx = "1" |
. | [dependencies]¶sqlx.workspace = true | only in crates/store
. | [workspace.dependencies]¶db = { package = "sqlx", version = "1" } | renamed dependency
crates/domain | [dependencies]¶tollgate-store.workspace = true | may depend on no crate
crates/domain | [dependencies]¶hyper.workspace = true | is pure
crates/domain | [target.'cfg(unix)'.dependencies]¶axum = "1" | only in src/api
crates/store | [dependencies]¶tollgate-domain.workspace = true¶sqlx.workspace = true |
crates/store | [dependencies]¶tollgate-stripe.workspace = true | may depend on tollgate_domain
crates/store | [build-dependencies]¶async-stripe-core.workspace = true | only in crates/stripe
crates/simulator | [dependencies]¶tollgate-domain.workspace = true | may depend on no crate
crates/other |  | not in MEMBERS
"#;

/// What the checks got wrong.
pub fn surprises() -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |about: &str, refusals: &[String], wanted: Option<&str>| {
        let right = wanted.map_or(refusals.is_empty(), |wanted| {
            refusals.iter().any(|r| r.contains(wanted))
        });
        if !right {
            wrong.push(format!(
                "{about}\n  wanted: {}\n  got: {refusals:?}",
                wanted.unwrap_or("no refusal")
            ));
        }
    };
    for row in rows(REFUSED) {
        expect(&row[1], &refusals(&row[..2]), Some(&row[2]));
    }
    for row in rows(INNOCENT) {
        expect(&row[1], &refusals(&row), None);
    }
    for row in rows(PASSED_ON) {
        let (wanted, files) = row.split_last().unwrap();
        expect(&row[3], &refusals(files), Some(wanted));
    }
    for row in rows(MANIFESTS) {
        let wanted = Some(row[2].as_str()).filter(|wanted| !wanted.is_empty());
        expect(&row[1], &manifests::refusals(&row[0], &row[1]), wanted);
    }
    for (path, text, wanted) in [
        (
            "src/feed/util.rs",
            String::new(),
            Some("the name `util` says nothing"),
        ),
        (
            "tests/it/common/mod.rs",
            String::new(),
            Some("the name `common` says nothing"),
        ),
        (
            "src/feed.rs",
            "pub(crate) mod helpers { fn f() {} }".to_owned(),
            Some("the name `helpers` says nothing"),
        ),
        (
            "src/feed.rs",
            "mod common;".to_owned(),
            Some("the name `common` says nothing"),
        ),
        ("src/feed.rs", "\n".repeat(MAX_LINES + 1), Some("501 lines")),
        (
            "src/feed.rs",
            format!(
                "mod utility;\n// mod util is refused\n{}",
                "\n".repeat(MAX_LINES - 2)
            ),
            None,
        ),
    ] {
        expect(
            path,
            &refusals_of(&Source {
                path: path.to_owned(),
                text,
            }),
            wanted,
        );
    }
    for (text, wanted) in [
        (
            "Read `src/gone.rs` first.",
            Some("ARCHITECTURE.md:1: `src/gone.rs` does not exist"),
        ),
        (
            "See `tests/it/architecture.rs::a_test_that_never_was`.",
            Some("has no test `a_test_that_never_was`"),
        ),
        (
            "See `tests/it::files_are_short_and_named_for_what_they_do`, `crates/`, `src/*.rs`, `a/b` and `x`.",
            None,
        ),
        ("```\nsrc/gone.rs `src/gone.rs`\n```", None),
    ] {
        expect(text, &document::missing(text, tree::root()), wanted);
    }
    let edges = [("feed", "tollgate_store"), ("app", "api::grpc"), ("main", "app")];
    let graph = document::mermaid(&edges.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    let wanted = "flowchart LR\n    app[\"app\"]\n    api_grpc[\"api::grpc\"]\n    feed[\"feed\"]\n    \
                  tollgate_store([tollgate_store])\n    app --> api_grpc\n    feed --> tollgate_store\n";
    expect("the graph", &[graph], Some(wanted));
    wrong
}

/// The cells of a table's rows.
fn rows(table: &str) -> Vec<Vec<String>> {
    let cell = |cell: &str| cell.strip_prefix(' ').unwrap_or(cell).replace('¶', "\n");
    let rows = table.lines().filter(|line| line.contains(" |"));
    rows.map(|line| line.split(" |").map(cell).collect()).collect()
}

/// The refusals of files: path and text in turn.
fn refusals(files: &[String]) -> Vec<String> {
    let source = |pair: &[String]| Source {
        path: pair[0].clone(),
        text: pair[1].clone(),
    };
    check::check(&files.chunks(2).map(source).collect::<Vec<_>>()).refusals
}
