//! A log line says which trace it belongs to, if that is followed: so a trace finds its lines.

use std::fmt;

use tracing::{Event, Span, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::trace;

/// A format, and after it `trace_id` and `span_id`: the names that OpenTelemetry has for logs that are no OTLP
/// (opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context).
pub(super) struct Traced<F> {
    pub format: F,
    pub json: bool,
}

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(within) = trace::followed(&Span::current()) else {
            return self.format.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        let (line, trace, span) = (line.trim_end(), within.trace_id(), within.span_id());
        match line.strip_suffix('}') {
            Some(open) if self.json => {
                writeln!(writer, r#"{open},"trace_id":"{trace}","span_id":"{span}"}}"#)
            }
            _ => writeln!(writer, "{line} trace_id={trace} span_id={span}"),
        }
    }
}
