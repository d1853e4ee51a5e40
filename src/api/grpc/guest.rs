//! Calls of who need not say who they are: so many at a time on one connection, and so many streams in all.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;

use super::auth::scope::{OPEN, UNARY};
use super::listen::Guests;
use super::proto::ErrorReason;
use super::status::Failure;

/// When to come back: others leave when they like.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Streams of all connections.
#[derive(Clone)]
pub(super) struct Lobby(Arc<Semaphore>);

/// What one call holds until its answer has ended.
pub(super) struct Place(#[expect(dead_code, reason = "held")] [Option<OwnedSemaphorePermit>; 2]);

impl Lobby {
    pub fn new(max_streams: usize) -> Lobby {
        Lobby(Arc::new(Semaphore::new(max_streams)))
    }

    /// `None`: the method is not open to everybody.
    ///
    /// # Errors
    /// There are as many as may be.
    pub fn admit(&self, path: &str, extensions: &Extensions) -> Result<Option<Place>, Failure> {
        if !OPEN.iter().any(|open| path.starts_with(open)) {
            return Ok(None);
        }
        let on_connection = extensions.get::<Guests>().map(|guests| {
            take(
                &guests.0,
                "as many calls without a token are open on this connection as may be",
            )
        });
        // Who asks once goes again; probes must not wait for others' streams.
        let in_all = (!UNARY.contains(&path)).then(|| {
            take(
                &self.0,
                "as many streams without a token are open at this replica as may be",
            )
        });
        Ok(Some(Place([on_connection.transpose()?, in_all.transpose()?])))
    }
}

fn take(places: &Arc<Semaphore>, full: &str) -> Result<OwnedSemaphorePermit, Failure> {
    let place = places.clone().try_acquire_owned();
    place.map_err(|_| Failure::new(ErrorReason::Limit, full).retry_after(RETRY_AFTER))
}

impl Place {
    /// Kept as long as the answer.
    pub fn keep(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| Body::new(Kept { body, _place: self }))
    }
}

struct Kept {
    body: Body,
    _place: Place,
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
