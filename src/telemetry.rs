//! What this process tells of itself: logs, spans ([`trace`]) and metrics ([`metric`]).
//!
//! Nothing that is told names a person or holds a secret: no e-mail, name, address, body, token, or query of a URL.

mod line;
pub mod metric;
mod otlp;
pub mod trace;

use std::io::IsTerminal;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Format;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use line::Traced;
use metric::{Kind, Metric};

/// Where spans go.
#[derive(Clone, Debug)]
pub struct Collector {
    /// `http://host:4317`.
    pub endpoint: String,
    /// Of the traces that begin here.
    pub ratio: f64,
}

/// Begins to tell, once for a process: a second call changes nothing. With a collector it must be called in a runtime.
///
/// # Errors
/// The collector's address is none.
pub fn begin<W>(filter: &str, json: bool, writer: W, collector: Option<&Collector>) -> Result<(), String>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter)
        .map_err(|_| "TOLLGATE_LOG is no filter: write info, or tollgate=debug,warn".to_owned())?;
    // Spans are the collector's; a log line has what it says in itself.
    let quiet = format!("{}=off", trace::TARGET).parse().expect("a directive");
    let colored = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colored);
    let lines = if json {
        let lines = lines.json();
        lines.map_event_format(|format| Traced { format, json }).boxed()
    } else {
        // It is not asked of what the line is put together in.
        let format = |format: Format| Traced {
            format: format.with_ansi(colored),
            json,
        };
        lines.map_event_format(format).boxed()
    };
    // The collector's layer counts.
    let _ = metrics();
    let spans = collector
        .map(|collector| otlp::layer(&collector.endpoint))
        .transpose()
        .map_err(|error| format!("TOLLGATE_OTLP_ENDPOINT: {error}"))?;
    let begun = tracing_subscriber::registry()
        .with(lines.with_filter(filter.add_directive(quiet)))
        .with(spans)
        .try_init();
    if let (Ok(()), Some(collector)) = (begun, collector) {
        trace::turn_on(collector.ratio);
    }
    Ok(())
}

/// Gives the collector what is left, for a few seconds at most.
pub async fn flush() {
    otlp::flush().await;
}

/// All that was counted.
#[derive(Clone)]
pub struct Recorded(PrometheusHandle);

impl Recorded {
    /// What `/metrics` prints.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// To be called now and then, or what histograms were given is kept one by one.
    pub fn run_upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// Begins to count. One recorder serves all services of a process.
pub fn metrics() -> Recorded {
    static HANDLE: std::sync::OnceLock<Recorded> = std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let mut builder = PrometheusBuilder::new();
            for Metric { name, kind, .. } in metric::TABLE {
                if let Kind::Histogram(buckets) = kind {
                    builder = builder
                        .set_buckets_for_metric(Matcher::Full((*name).into()), buckets)
                        .expect("there are buckets");
                }
            }
            let recorder = builder.build_recorder();
            let handle = Recorded(recorder.handle());
            // Somebody else's recorder stays; then ours shows nothing.
            let _ = metrics::set_global_recorder(recorder);
            for metric in metric::TABLE {
                let (name, unit, text) = (metric.name, metric.unit, metric.text());
                match metric.kind {
                    Kind::Counter => metrics::describe_counter!(name, unit, text),
                    Kind::Gauge => metrics::describe_gauge!(name, unit, text),
                    Kind::Histogram(_) => metrics::describe_histogram!(name, unit, text),
                }
            }
            metric::begin_at_zero();
            metric::BUILD_INFO.set([env!("CARGO_PKG_VERSION")], true);
            handle
        })
        .clone()
}
