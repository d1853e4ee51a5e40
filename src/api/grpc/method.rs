//! The methods that there are, what is counted of each, and its spans.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use http::HeaderMap;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;
use tracing::Span;

use super::{health, proto};
use crate::telemetry::metric::{self, Counting, Measuring};
use crate::telemetry::trace;

/// All of them, by path. Whatever else is asked for is one: anybody could invent names without end.
pub(super) struct Methods {
    known: HashMap<String, Method>,
    unknown: Method,
}

pub(super) struct Method {
    /// `tollgate.v1.BillingService`
    service: String,
    name: String,
    /// `tollgate.v1.BillingService/GetEntitlement`
    full: String,
    /// In metrics: our own methods need no service.
    label: String,
    answers: [OnceLock<Counting>; CODES.len()],
    /// Of those that answer once.
    duration: Option<Measuring>,
}

/// As the contract writes them, by their numbers.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Methods {
    pub fn new() -> Methods {
        let described = [
            proto::DESCRIPTORS,
            &health::list::described(),
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let mut known = HashMap::new();
        for bytes in described {
            let set = FileDescriptorSet::decode(bytes).expect("the build wrote the descriptors");
            for file in set.file {
                for service in file.service {
                    let within = format!(
                        "{}.{}",
                        file.package.as_deref().unwrap_or_default(),
                        service.name()
                    );
                    for method in service.method {
                        let once = !method.client_streaming() && !method.server_streaming();
                        let path = format!("/{within}/{}", method.name());
                        known.insert(path, Method::new(&within, method.name(), once));
                    }
                }
            }
        }
        Methods {
            known,
            unknown: Method::new("", "-", false),
        }
    }

    pub fn of(&self, path: &str) -> &Method {
        self.known.get(path).unwrap_or(&self.unknown)
    }
}

impl Method {
    fn new(service: &str, name: &str, once: bool) -> Method {
        let label = match service {
            "" => name.to_owned(),
            service if service.starts_with("tollgate.v1.") => name.to_owned(),
            service => format!("{service}/{name}"),
        };
        Method {
            service: service.to_owned(),
            name: name.to_owned(),
            full: format!("{service}/{name}"),
            answers: [const { OnceLock::new() }; CODES.len()],
            duration: once.then(|| metric::GRPC_DURATION.of([label.clone()])),
            label,
        }
    }

    /// That of one call; none if it is not followed.
    pub fn span(&self, headers: Option<&HeaderMap>) -> Span {
        let came_with = headers.and_then(|headers| headers.get("traceparent")?.to_str().ok());
        let span = trace::incoming(&self.full, came_with);
        if !span.is_none() {
            span.record("rpc.system", "grpc");
            span.record("rpc.service", self.service.as_str());
            span.record("rpc.method", self.name.as_str());
        }
        span
    }

    /// One call that runs. If it is dropped before it is answered, its caller has gone: that counts too, or an overload
    /// would not be seen.
    pub fn unanswered(&self, begun: Instant) -> Unanswered<'_> {
        Unanswered {
            method: self,
            begun,
            over: false,
        }
    }

    fn answered(&self, code: Code, took: Duration, span: &Span) {
        let number = code as usize;
        let counting = self.answers[number].get_or_init(|| {
            let label = self.label.clone();
            metric::GRPC_REQUESTS.of([label, CODES[number].to_owned()])
        });
        counting.count();
        if let Some(duration) = &self.duration {
            duration.record(took);
        }
        if !span.is_none() {
            span.record("rpc.grpc.status_code", number as i64);
            // What only says that the caller is wrong is no fault of ours.
            let fault = [
                Code::Unknown,
                Code::DeadlineExceeded,
                Code::Unimplemented,
                Code::Internal,
                Code::Unavailable,
                Code::DataLoss,
            ];
            if fault.contains(&code) {
                span.record("otel.status_code", "ERROR");
            }
        }
    }
}

/// A call without an answer yet.
pub struct Unanswered<'a> {
    method: &'a Method,
    begun: Instant,
    over: bool,
}

impl Unanswered<'_> {
    /// It was answered.
    pub fn answered(&mut self, code: Code, span: &Span) {
        self.over = true;
        self.method.answered(code, self.begun.elapsed(), span);
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.answered(Code::Cancelled, &Span::none());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_described_has_no_name() {
        let methods = Methods::new();
        let label = |path| methods.of(path).label.as_str();
        assert_eq!(
            label("/tollgate.v1.BillingService/GetEntitlement"),
            "GetEntitlement"
        );
        assert_eq!(
            label("/grpc.health.v1.Health/Check"),
            "grpc.health.v1.Health/Check"
        );
        assert_eq!(label("/tollgate.v1.BillingService/Invented"), "-");
        let once = |path| methods.of(path).duration.is_some();
        assert!(once("/tollgate.v1.BillingService/GetEntitlement"));
        assert!(!once("/tollgate.v1.BillingService/WatchEntitlements"));
    }

    #[test]
    fn codes_are_named_by_their_numbers() {
        assert_eq!(CODES[Code::Unauthenticated as usize], "UNAUTHENTICATED");
        assert_eq!(CODES[Code::NotFound as usize], "NOT_FOUND");
    }
}
