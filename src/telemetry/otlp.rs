//! Spans to a collector, over OTLP/gRPC. One that is away costs spans, never calls.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter as Export};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::DynFilterFn;
use tracing_subscriber::registry::LookupSpan;

use super::metric::{self, Counting};
use super::trace::{ROOT, TARGET};

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// For one batch of spans, and for the last of them at the end.
const PATIENCE: Duration = Duration::from_secs(3);

/// What goes to the collector: spans that begin a trace, and those within one. Must be called in a runtime.
pub(super) fn layer<S>(endpoint: &str) -> Result<impl Layer<S>, String>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| error.to_string())?;
    let resource = Resource::builder()
        .with_service_name("tollgate")
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(Counted {
            exporter,
            exported: metric::TRACE_SPANS.of(["exported"]),
            lost: metric::TRACE_SPANS.of(["lost"]),
        })
        // Whether a trace is followed was decided before its first span was made.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource)
        .build();
    let tracer = provider.tracer("tollgate");
    let _ = PROVIDER.set(provider);
    let ours = DynFilterFn::new(|about, within| match about.target() {
        ROOT => true,
        TARGET => within.lookup_current().is_some(),
        _ => false,
    });
    let ours = ours
        .with_callsite_filter(|about| match about.target() {
            ROOT | TARGET => tracing::subscriber::Interest::sometimes(),
            _ => tracing::subscriber::Interest::never(),
        })
        .with_max_level_hint(tracing::Level::INFO);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(ours);
    Ok(layer)
}

/// Gives away what is left, for a few seconds at most. There are no spans after it.
pub(super) async fn flush() {
    let Some(provider) = PROVIDER.get() else { return };
    let last = tokio::task::spawn_blocking(|| provider.shutdown_with_timeout(PATIENCE));
    if !matches!(tokio::time::timeout(PATIENCE, last).await, Ok(Ok(Ok(())))) {
        tracing::warn!("the last spans could not be given to the collector");
    }
}

/// Says what became of the spans, and once that they are lost: the log need not be full of it.
#[derive(Debug)]
struct Counted {
    exporter: SpanExporter,
    exported: Counting,
    lost: Counting,
}

impl Export for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        static LOST: std::sync::Once = std::sync::Once::new();
        let spans = batch.len();
        let outcome = self.exporter.export(batch).await;
        match &outcome {
            Ok(()) => self.exported.add(spans),
            Err(_) => {
                self.lost.add(spans);
                LOST.call_once(|| {
                    tracing::warn!(
                        spans,
                        "the collector does not take spans; tollgate_trace_spans_total counts what is lost"
                    );
                });
            }
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
