//! What is counted: the table, the document made of it, and what Prometheus is shown.

use std::collections::BTreeMap;
use std::path::Path;

use http::StatusCode;
use serde_json::json;
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{GetEntitlementRequest, WatchEntitlementsRequest, WatchFilter};
use tollgate::telemetry::metric::{Kind, TABLE};

use crate::support::http::Http;
use crate::support::process::Process;
use crate::support::{self, CATALOG, SECRET, eventually, postgres};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_document_is_the_table() {
    let path = root().join("docs/metrics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, rendered()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == rendered(),
        "docs/metrics.md is not the table in src/telemetry/metric.rs; look at what changed, then run \
         `UPDATE_DOCS=1 cargo test -p tollgate --test it metrics`"
    );
}

fn rendered() -> String {
    let mut text = String::from(
        "<!-- Generated from src/telemetry/metric.rs: UPDATE_DOCS=1 cargo test -p tollgate --test it metrics -->\n\n\
         # Metrics\n\n\
         `/metrics` of the operations listener, in Prometheus' text format. No label names a customer or a caller.\n\
         Figures about the database are the same on every replica: take the maximum, not the sum.\n\n\
         | name | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in TABLE {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        text += &format!(
            "| `{}` | {kind} | {} | {} |\n",
            metric.name,
            labels.join(", "),
            metric.text()
        );
    }
    text
}

#[test]
fn names_say_their_unit_and_kind_as_prometheus_has_it() {
    for metric in TABLE {
        let name = metric.name;
        assert!(name.starts_with("tollgate_"), "{name}");
        assert_eq!(
            matches!(metric.kind, Kind::Counter),
            name.ends_with("_total"),
            "{name}"
        );
        let seconds = metric.unit == metrics::Unit::Seconds;
        assert_eq!(seconds, name.ends_with("_seconds"), "{name}");
        assert!(metric.text().ends_with('.'), "{name}");
        assert_eq!(
            TABLE.iter().filter(|other| other.name == name).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn every_row_of_the_table_is_counted_somewhere() {
    let table = std::fs::read_to_string(root().join("src/telemetry/metric.rs")).unwrap();
    let constants: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split_once(" = \"tollgate_")?.0.rsplit(' ').next())
        .collect();
    assert_eq!(constants.len(), TABLE.len());
    let mut sources = String::new();
    read(&root().join("src"), &mut sources);
    for constant in constants {
        assert!(sources.contains(&format!("metric::{constant}.")), "{constant}");
    }
}

fn read(folder: &Path, sources: &mut String) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else {
            *sources += &std::fs::read_to_string(&path).unwrap_or_default();
        }
    }
}

struct Place {
    process: Process,
    http: Http,
    _simulator: stripe_simulator::Running,
    _catalog: tempfile::NamedTempFile,
}

impl Place {
    async fn new() -> Place {
        let database = postgres::database().await;
        let simulator = support::simulator().await;
        let catalog = support::catalog(CATALOG);
        let config = support::config(&database, &simulator.base_url(), catalog.path());
        support::migrate(&config).await;
        let process = Process::serve(&database, &simulator.base_url(), catalog.path()).await;
        Place {
            process,
            http: Http::new(),
            _simulator: simulator,
            _catalog: catalog,
        }
    }

    /// All series and their values.
    async fn metrics(&self) -> (String, BTreeMap<String, f64>) {
        let page = self
            .http
            .get(&format!("http://{}/metrics", self.process.ops))
            .await
            .into_body();
        let series = page
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect();
        (page, series)
    }
}

/// A subscription of the plan `team`, of a customer that carries our mark.
fn events() -> Vec<bytes::Bytes> {
    let mark = json!({"tollgate_customer": "acme", "tollgate_deployment": "default"});
    let event = |id: &str, kind: &str, object: serde_json::Value| {
        json!({"id": id, "object": "event", "type": kind, "created": 1_700_000_000, "livemode": false,
            "data": {"object": object}})
    };
    let customer = json!({"id": "cus_1", "object": "customer", "metadata": mark});
    let price =
        json!({"id": "price_1", "object": "price", "product": "prod_1", "lookup_key": "team_monthly"});
    let subscription = json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active",
        "created": 1_700_000_000, "metadata": mark, "items": {"object": "list", "has_more": false, "data": [
            {"id": "si_1", "object": "subscription_item", "price": price, "quantity": 5,
                "current_period_start": 1_700_000_000, "current_period_end": 4_100_000_000_i64}]}});
    [
        event("evt_1", "customer.created", customer),
        event("evt_2", "customer.subscription.created", subscription),
        json!({"id": "evt_3", "object": "event", "type": "customer.created", "created": 1_700_000_000, "livemode": true,
            "data": {"object": {"id": "cus_2", "object": "customer"}}}),
    ]
    .map(|event| event.to_string().into())
    .into()
}

#[tokio::test]
async fn what_happened_is_in_the_metrics_and_each_of_them_is_explained() {
    let place = Place::new().await;
    let url = format!("http://{}", place.process.grpc);
    let mut client = BillingServiceClient::connect(url).await.unwrap();
    let filter = WatchFilter {
        all_customers: true,
        ..WatchFilter::default()
    };
    let watch = WatchEntitlementsRequest {
        filter: Some(filter),
        ..Default::default()
    };
    let mut watch = client.watch_entitlements(watch).await.unwrap().into_inner();
    let mut next = async || watch.message().await.unwrap().unwrap().event.unwrap();
    while !matches!(next().await, Event::Checkpoint(_)) {}
    for body in events() {
        let status = place.http.event(&place.process.webhook_url(), SECRET, body).await;
        assert_eq!(status, Ok(StatusCode::OK));
    }
    while !matches!(next().await, Event::CustomerEntitlements(_)) {}
    for (feature, found) in [("sso", true), ("nonesuch", false)] {
        let request = GetEntitlementRequest {
            customer: "acme".into(),
            feature: feature.into(),
            ..GetEntitlementRequest::default()
        };
        assert_eq!(client.get_entitlement(request).await.is_ok(), found);
    }

    let expected = [
        (
            "tollgate_grpc_requests_total{method=\"GetEntitlement\",code=\"OK\"}",
            1.0,
        ),
        (
            "tollgate_grpc_requests_total{method=\"GetEntitlement\",code=\"NOT_FOUND\"}",
            1.0,
        ),
        (
            "tollgate_grpc_request_duration_seconds_count{method=\"GetEntitlement\"}",
            2.0,
        ),
        ("tollgate_grpc_connections", 1.0),
        ("tollgate_watch_streams", 1.0),
        ("tollgate_watch_lag_revisions", 0.0),
        ("tollgate_webhook_to_watch_seconds_count", 1.0),
        ("tollgate_webhook_requests_total{outcome=\"stored\"}", 3.0),
        ("tollgate_webhook_request_duration_seconds_count", 3.0),
        ("tollgate_routed_total{outcome=\"customer\"}", 2.0),
        ("tollgate_events_foreign_total{why=\"livemode\"}", 1.0),
        ("tollgate_apply_total{outcome=\"applied\"}", 1.0),
        ("tollgate_inbox_observations{state=\"parked\"}", 0.0),
        ("tollgate_apply_dirty_customers{why=\"learned\"}", 0.0),
        ("tollgate_feed_head_revision", 2.0),
        ("tollgate_feed_revision", 2.0),
        ("tollgate_feed_lag_revisions", 0.0),
        ("tollgate_ready", 1.0),
        ("tollgate_database_up", 1.0),
    ];
    let page = eventually("everything is counted", async || {
        let (page, series) = place.metrics().await;
        let wrong = expected
            .iter()
            .find(|(name, value)| series.get(*name) != Some(value));
        if let Some((name, _)) = wrong {
            println!("{name}: {:?}", series.get(*name));
        }
        wrong.is_none().then_some(page)
    })
    .await;
    let (_, series) = place.metrics().await;
    let version = format!("tollgate_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(series[&version], 1.0);
    // 5 s would be the next checkpoint.
    assert!(series["tollgate_webhook_to_watch_seconds_sum"] < 5.0, "{page}");
    assert!(series["tollgate_feed_staleness_seconds"] < 5.0, "{page}");
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let metric = TABLE.iter().find(|metric| metric.name == name).expect(name);
        let declared = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        assert_eq!(kind, declared, "{name}");
        assert!(
            page.contains(&format!("# HELP {name} {}", metric.text())),
            "{name}"
        );
    }
}
