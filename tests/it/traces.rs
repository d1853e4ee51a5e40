//! What a collector sees: a caller's trace through to Stripe, and from a webhook to the watch.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use rustix::process::Signal;
use stripe_simulator::core::{Interval, NewPrice};
use tollgate::api::grpc::proto::billing_service_client::BillingServiceClient;
use tollgate::api::grpc::proto::line_item::Price;
use tollgate::api::grpc::proto::watch_entitlements_response::Event;
use tollgate::api::grpc::proto::{
    CreateCheckoutRequest, GetEntitlementRequest, LineItem, WatchEntitlementsRequest, WatchFilter,
};
use tonic::Request;
use tonic::transport::Channel;

use crate::support::collector::{Collector, attributes};
use crate::support::process::Process;
use crate::support::{self, CATALOG, SECRET, eventually, postgres};

struct Place {
    process: Process,
    simulator: stripe_simulator::Running,
    client: BillingServiceClient<Channel>,
    _catalog: tempfile::NamedTempFile,
}

impl Place {
    async fn new(endpoint: &str, ratio: &str, export_every_ms: &str) -> Place {
        Place::logging("human", endpoint, ratio, export_every_ms).await
    }

    async fn logging(format: &str, endpoint: &str, ratio: &str, export_every_ms: &str) -> Place {
        let database = postgres::database().await;
        let simulator = support::simulator().await;
        simulator.with(|stripe| {
            let product = stripe.create_product("Team").unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned();
            let price = NewPrice {
                product,
                currency: "eur".into(),
                unit_amount: 2_000,
                recurring: Some((Interval::Month, 1)),
                lookup_key: Some("team_monthly".into()),
                ..NewPrice::default()
            };
            stripe.create_price(price).unwrap();
        });
        let catalog = support::catalog(CATALOG);
        let config = support::config(&database, &simulator.base_url(), catalog.path());
        support::migrate(&config).await;
        let mut command = Process::command(&database, &simulator.base_url(), catalog.path());
        command
            .arg("--insecure-no-auth")
            .env("TOLLGATE_LOG_FORMAT", format)
            .env("TOLLGATE_OTLP_ENDPOINT", endpoint)
            .env("TOLLGATE_TRACE_SAMPLE_RATIO", ratio)
            .env("OTEL_BSP_SCHEDULE_DELAY", export_every_ms);
        let process = Process::start(command).await;
        simulator.set_webhook(&process.webhook_url(), SECRET);
        let client = BillingServiceClient::connect(format!("http://{}", process.grpc))
            .await
            .unwrap();
        Place {
            process,
            simulator,
            client,
            _catalog: catalog,
        }
    }

    async fn get(&self, traceparent: &str) {
        let mut request = Request::new(GetEntitlementRequest {
            customer: "acme".into(),
            feature: "sso".into(),
            ..GetEntitlementRequest::default()
        });
        request
            .metadata_mut()
            .insert("traceparent", traceparent.parse().unwrap());
        self.client.clone().get_entitlement(request).await.unwrap();
    }

    /// Opens a checkout, and returns its id.
    async fn checkout(&self, traceparent: &str) -> String {
        let mut request = Request::new(CreateCheckoutRequest {
            customer: "acme".into(),
            request_id: "order-1".into(),
            line_items: vec![LineItem {
                price: Some(Price::LookupKey("team_monthly".into())),
                quantity: Some(5),
            }],
            success_url: "https://shop.example/thanks?secret=planted".into(),
            ..CreateCheckoutRequest::default()
        });
        request
            .metadata_mut()
            .insert("traceparent", traceparent.parse().unwrap());
        let checkout = self.client.clone().create_checkout(request).await.unwrap();
        checkout.into_inner().checkout.unwrap().id
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn traceparent(trace: &str, sampled: bool) -> String {
    format!("00-{trace}-00f067aa0ba902b7-0{}", u8::from(sampled))
}

const FOLLOWED: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const UNFOLLOWED: &str = "11111111111111111111111111111111";

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_trace_goes_on_through_the_call_and_its_command_to_stripe() {
    let (collector, endpoint) = Collector::start().await;
    // Nothing that begins here is followed.
    let place = Place::new(&endpoint, "0", "50").await;
    place.get(&traceparent(UNFOLLOWED, false)).await;
    place.get("not a context").await;
    place.get(&traceparent(FOLLOWED, true)).await;
    place.checkout(&traceparent(FOLLOWED, true)).await;

    let spans = eventually("the call's span", async || {
        let spans = collector.spans();
        // A span is given away when it ends: the parent last.
        let called = |span: &Span| span.name == "tollgate.v1.BillingService/CreateCheckout";
        spans.iter().any(called).then_some(spans)
    })
    .await;
    assert!(
        spans.iter().all(|span| hex(&span.trace_id) == FOLLOWED),
        "{spans:#?}"
    );
    let named = |name: &str| {
        let mut found = spans.iter().filter(|span| span.name == name);
        let span = found.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
        assert!(found.next().is_none(), "one {name}");
        (span, attributes(&span.attributes))
    };
    let (get, about) = named("tollgate.v1.BillingService/GetEntitlement");
    assert_eq!(hex(&get.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(get.kind(), SpanKind::Server);
    let expected = [
        ("rpc.system", "grpc"),
        ("rpc.service", "tollgate.v1.BillingService"),
        ("rpc.method", "GetEntitlement"),
        ("rpc.grpc.status_code", "0"),
    ];
    for (key, value) in expected {
        assert_eq!(about.get(key).map(String::as_str), Some(value), "{about:?}");
    }
    let (call, _) = named("tollgate.v1.BillingService/CreateCheckout");
    let (command, _) = named("create_checkout");
    assert_eq!(command.parent_span_id, call.span_id);
    let (stripe, about) = named("POST /v1/checkout/sessions");
    assert_eq!(stripe.parent_span_id, command.span_id);
    assert_eq!(stripe.kind(), SpanKind::Client);
    assert_eq!(about["http.response.status_code"], "200");
    assert!(about["stripe.request_id"].starts_with("req_"), "{about:?}");
    assert!(collector.services().iter().all(|service| service == "tollgate"));
    for planted in ["acme", "planted", "cus_"] {
        assert!(!format!("{spans:?}").contains(planted), "{planted} in {spans:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_watch_frame_links_lead_to_the_webhook_that_caused_it() {
    let (collector, endpoint) = Collector::start().await;
    let place = Place::new(&endpoint, "1", "50").await;
    let filter = WatchFilter {
        all_customers: true,
        ..WatchFilter::default()
    };
    let watch = WatchEntitlementsRequest {
        filter: Some(filter),
        ..Default::default()
    };
    let mut watch = place
        .client
        .clone()
        .watch_entitlements(watch)
        .await
        .unwrap()
        .into_inner();
    let mut next = async || watch.message().await.unwrap().unwrap().event.unwrap();
    while !matches!(next().await, Event::Checkpoint(_)) {}
    let checkout = place.checkout(&traceparent(FOLLOWED, true)).await;
    place
        .simulator
        .with(|stripe| stripe.pay_session(&checkout))
        .unwrap();
    while !matches!(next().await, Event::CustomerEntitlements(_)) {}

    // Links are followed as a person at the collector would.
    let (frame, chain) = eventually("a chain of links", async || {
        let spans = collector.spans();
        let frame = collector.named("watch frame")?;
        let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|span| (&*span.span_id, span)).collect();
        let mut chain = vec![];
        let mut open = vec![&frame];
        while let Some(span) = open.pop() {
            chain.push(span.name.clone());
            open.extend(
                span.links
                    .iter()
                    .filter_map(|link| by_id.get(&*link.span_id).copied()),
            );
        }
        chain
            .iter()
            .any(|name| name == "POST /webhooks/stripe")
            .then_some((frame.clone(), chain))
    })
    .await;
    assert_eq!(chain[..2], ["watch frame", "apply"], "{chain:?}");
    // And it is the webhook's own trace, so that the way is one picture.
    let spans = collector.spans();
    let in_trace = spans.iter().filter(|span| span.trace_id == frame.trace_id);
    let names: Vec<&str> = in_trace.map(|span| span.name.as_str()).collect();
    for name in ["POST /webhooks/stripe", "route", "apply", "watch frame"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!format!("{spans:?}").contains("acme"), "no span names a customer");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_given_away_at_the_end() {
    let (collector, endpoint) = Collector::start().await;
    // By itself only after an hour.
    let mut place = Place::new(&endpoint, "0", "3600000").await;
    place.get(&traceparent(FOLLOWED, true)).await;
    assert_eq!(collector.spans().len(), 0);
    place.process.signal(Signal::TERM);
    assert!(place.process.ended().await.success());
    assert!(
        collector
            .named("tollgate.v1.BillingService/GetEntitlement")
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut place = Place::new(&format!("http://{nobody}"), "1", "50").await;
    let http = support::http::Http::new();
    eventually("spans are counted as lost", async || {
        place.get(&traceparent(FOLLOWED, true)).await;
        let page = http.get(&format!("http://{}/metrics", place.process.ops)).await;
        page.body()
            .contains("tollgate_trace_spans_total{outcome=\"lost\"}")
            .then_some(())
    })
    .await;
    place.process.signal(Signal::TERM);
    assert!(place.process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_within_a_trace_names_it_and_others_name_none() {
    let (_collector, endpoint) = Collector::start().await;
    for format in ["human", "json"] {
        let place = Place::logging(format, &endpoint, "0", "50").await;
        place.checkout(&traceparent(FOLLOWED, true)).await;
        let log = std::fs::read_to_string(&place.process.log).unwrap();
        let (within, outside): (Vec<&str>, Vec<&str>) =
            log.lines().partition(|line| line.contains("trace_id"));
        assert!(
            !outside.is_empty() && outside.iter().all(|line| !line.contains(FOLLOWED)),
            "{log}"
        );
        assert!(within.iter().any(|line| line.contains("asked Stripe")), "{log}");
        for line in within {
            if format == "json" {
                let read: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(read["trace_id"], FOLLOWED, "{line}");
                assert_eq!(read["span_id"].as_str().unwrap().len(), 16, "{line}");
            } else {
                assert!(line.contains(&format!(" trace_id={FOLLOWED} span_id=")), "{line}");
            }
        }
    }
}
