//! The caller's own deadline: `grpc-timeout` ends a call with `DEADLINE_EXCEEDED`, also in the midst of a stream.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use hyper::body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tonic::Status;
use tonic::body::Body;

use super::proto::ErrorReason;
use super::status::Failure;

const HEADER: &str = "grpc-timeout";

/// How long the caller waits; `None`: for ever.
///
/// # Errors
/// The header is not what the gRPC protocol says.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(parse);
    parsed
        .map(Some)
        .ok_or_else(|| Failure::field(HEADER, "at most 8 digits and one of H M S m u n"))
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3_600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// The answer if it comes in time, else the failure; what comes after its head is bounded too.
pub(super) async fn within(
    limit: Option<Duration>,
    answer: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    let Some(limit) = limit else { return answer.await };
    let end = Instant::now() + limit;
    match timeout_at(end, answer).await {
        Ok(response) => response.map(|body| {
            Body::new(Bounded {
                body,
                end: Some(Box::pin(sleep_until(end))),
            })
        }),
        Err(_) => exceeded().into_http(),
    }
}

fn exceeded() -> Status {
    Failure::new(ErrorReason::Deadline, "the call's deadline has passed").into()
}

struct Bounded {
    body: Body,
    /// `None` once it has come.
    end: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(end) = &mut this.end else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        std::task::ready!(end.as_mut().poll(cx));
        this.end = None;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(
            exceeded()
                .add_header(&mut trailers)
                .map(|()| Frame::trailers(trailers)),
        ))
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_none() || self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[test]
    fn the_header_is_read_as_the_protocol_says() {
        assert_eq!(parse("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        assert_eq!(parse("20u"), Some(Duration::from_micros(20)));
        for bad in ["", "S", "5", "5s", "-5S", "123456789S", "5é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_late_is_a_failure_in_its_head() {
        let response = within(Some(Duration::from_secs(1)), std::future::pending()).await;
        assert_eq!(response.headers()["grpc-status"], "4");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_late_ends_with_the_failure_in_its_trailers() {
        struct Silent;
        impl HttpBody for Silent {
            type Data = Bytes;
            type Error = Status;
            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
                Poll::Pending
            }
        }
        let answer = async { Response::new(Body::new(Silent)) };
        let mut body = within(Some(Duration::from_secs(1)), answer).await.into_body();
        let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "4");
        assert!(body.frame().await.is_none());
    }
}
