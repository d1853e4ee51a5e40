//! A request's message must come: who opens a call and says no more does not keep it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::body::Body;

use super::proto::ErrorReason;
use super::status::Failure;

/// A request's body of which each part comes within so long after the one before, or it fails.
pub(super) struct Prompt {
    body: Body,
    patience: Duration,
    /// While one is waited for.
    late: Option<Pin<Box<Sleep>>>,
}

impl Prompt {
    pub fn body(body: Body, patience: Duration) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Prompt {
            body,
            patience,
            late: None,
        })
    }
}

impl HttpBody for Prompt {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.late = None;
            return Poll::Ready(frame);
        }
        let patience = this.patience;
        let late = this.late.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(late.as_mut().poll(cx));
        let text =
            format!("nothing more of the request came for {patience:?}: send it whole, and close the stream");
        Poll::Ready(Some(Err(Failure::new(ErrorReason::Deadline, text).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
