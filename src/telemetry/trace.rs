//! Spans: who begins one, and how its context travels.
//!
//! Whether a trace is followed is decided once, where it begins: by the caller's `traceparent`, else by the share of calls
//! that is sampled. Only then is there a span; without one nothing below is made either. So a call that is not followed
//! costs a comparison. Through the database a context travels as plain `traceparent` text
//! (<https://www.w3.org/TR/trace-context/>).
//!
//! `crates/stripe` makes spans of its own, by the same [`TARGET`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Of all spans that go to the collector. What is not a child of one of ours is not made: see `otlp`.
pub const TARGET: &str = "tollgate::trace";

/// Of spans that begin here; they need no parent.
pub const ROOT: &str = "tollgate::trace::root";

static ON: AtomicBool = AtomicBool::new(false);

/// Of 2⁶⁴.
static SHARE: AtomicU64 = AtomicU64::new(0);

/// From now on this share of what begins here is followed; what a caller follows always is.
pub(super) fn turn_on(ratio: f64) {
    // Saturates.
    SHARE.store((ratio * u64::MAX as f64) as u64, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
}

/// The span of something that comes from outside; none if it is not followed.
pub fn incoming(name: &str, traceparent: Option<&str>) -> Span {
    if !ON.load(Ordering::Relaxed) {
        return Span::none();
    }
    let parent = traceparent.and_then(parse);
    let followed = match &parent {
        Some(parent) => parent.is_sampled(),
        None => chosen(),
    };
    if !followed {
        return Span::none();
    }
    let span = tracing::info_span!(target: ROOT, parent: None, "incoming", otel.name = name, otel.kind = "server",
        otel.status_code = tracing::field::Empty, rpc.system = tracing::field::Empty, rpc.service = tracing::field::Empty,
        rpc.method = tracing::field::Empty, rpc.grpc.status_code = tracing::field::Empty,
        http.request.method = tracing::field::Empty, http.route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty);
    if let Some(parent) = parent {
        // Refused only when the span is not one of the collector's.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    span
}

/// A span of what is done for the current one; none without that.
pub fn child(name: &'static str) -> Span {
    tracing::info_span!(target: TARGET, "child", otel.name = name)
}

/// A span of what rows caused later on: linked to all causes that are followed and in the trace of the last of them; none
/// if none is.
pub fn caused<'a>(name: &'static str, causes: impl IntoIterator<Item = &'a str>) -> Span {
    if !ON.load(Ordering::Relaxed) {
        return Span::none();
    }
    let causes = causes.into_iter().filter_map(parse);
    let causes: Vec<SpanContext> = causes.filter(SpanContext::is_sampled).collect();
    let Some(last) = causes.last() else {
        return Span::none();
    };
    let span =
        tracing::info_span!(target: ROOT, parent: None, "caused", otel.name = name, otel.kind = "consumer");
    let _ = span.set_parent(Context::new().with_remote_span_context(last.clone()));
    causes.into_iter().for_each(|cause| span.add_link(cause));
    span
}

/// A span's context as text for a row; if there is no span, the context that came with what is written.
pub fn context(span: &Span, came_with: Option<String>) -> Option<String> {
    let Some(context) = followed(span) else {
        return came_with;
    };
    Some(format!(
        "00-{}-{}-{:02x}",
        context.trace_id(),
        context.span_id(),
        context.trace_flags().to_u8()
    ))
}

/// The context of a span that goes to the collector.
pub(super) fn followed(span: &Span) -> Option<SpanContext> {
    if span.is_none() || span.is_disabled() {
        return None;
    }
    let within = span.context();
    let context = within.span().span_context().clone();
    context.is_valid().then_some(context)
}

/// The current span's context as text for a row.
pub fn here() -> Option<String> {
    context(&Span::current(), None)
}

/// Spread evenly over what begins one after another: it needs no random numbers, and no share is 0 for long.
fn chosen() -> bool {
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let share = SHARE.load(Ordering::Relaxed);
    share == u64::MAX || BEGUN.fetch_add(1, Ordering::Relaxed).wrapping_mul(GOLDEN) < share
}

/// `None`: it is no context that can be followed.
fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, digits| {
        text.len() == digits && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    };
    // Of a later version only the first four parts are known.
    if !hex(version, 2) || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    if !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        flags,
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_as_the_standard_says() {
        let context = parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        assert!(context.is_sampled() && context.is_remote());
        let unsampled = parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02").unwrap();
        assert!(!unsampled.is_sampled());
        assert!(parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes").is_some());
    }

    #[test]
    fn what_is_no_context_is_none() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-é-00f067aa0ba902b7-01",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn while_nothing_is_collected_there_is_no_span_and_a_context_goes_on_as_it_came() {
        let came = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let span = incoming("x", Some(came));
        assert!(span.is_none());
        assert_eq!(context(&span, Some(came.into())).as_deref(), Some(came));
    }
}
