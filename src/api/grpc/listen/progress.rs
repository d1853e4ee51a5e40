//! Whether a connection gets on. A peer that says nothing, wants nothing or takes nothing is not kept for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// What every connection over HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// `Progress::greeted`, once it is known what the peer speaks.
const GREETED: usize = usize::MAX;

/// How long a connection may do nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until it is known what it speaks.
    pub greeting: Duration,
    /// Without a call.
    pub idle: Duration,
    /// While the peer takes no part of any answer though one waits for it.
    pub stall: Duration,
}

/// Why a connection is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Silent,
    Idle,
    Stalled,
}

impl Overdue {
    /// As the metric has it.
    pub fn word(self) -> &'static str {
        match self {
            Overdue::Silent => "silent",
            Overdue::Idle => "idle",
            Overdue::Stalled => "stalled",
        }
    }
}

/// What one connection does; its calls tell.
pub(super) struct Progress {
    begun: Instant,
    /// How many bytes of the preface have come, or [`GREETED`].
    greeted: AtomicUsize,
    /// Calls whose answer has not ended.
    open: AtomicUsize,
    /// Those of them with something for the peer that it has not taken.
    stuck: AtomicUsize,
    /// When something last happened, in microseconds from the begin on.
    last: AtomicU64,
}

impl Progress {
    pub fn new() -> Progress {
        Progress {
            begun: Instant::now(),
            greeted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            stuck: AtomicUsize::new(0),
            last: AtomicU64::new(0),
        }
    }

    /// The peer sent this. What is no preface is another protocol, which has a limit of its own for its first request.
    pub fn read(&self, bytes: &[u8]) {
        let so_far = self.greeted.load(Ordering::Relaxed);
        if so_far == GREETED {
            return;
        }
        let rest = &PREFACE[so_far..];
        let more = bytes.len().min(rest.len());
        let still = bytes[..more] == rest[..more] && more < rest.len();
        let greeted = if still { so_far + more } else { GREETED };
        self.greeted.store(greeted, Ordering::Relaxed);
    }

    /// Something happened.
    pub fn note(&self) {
        let passed = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(passed, Ordering::Relaxed);
    }

    /// A call begins.
    pub fn call(self: &Arc<Progress>) -> Call {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.note();
        Call {
            progress: self.clone(),
            stuck: false,
        }
    }

    /// Returns when the connection need not be kept any longer.
    pub async fn overdue(&self, limits: Limits) -> Overdue {
        // What is to be looked at may change meanwhile, and no limit is to begin late for that.
        let look_every = limits.stall.min(limits.idle);
        loop {
            let last = self.begun + Duration::from_micros(self.last.load(Ordering::Relaxed));
            let (end, overdue) = if self.greeted.load(Ordering::Relaxed) != GREETED {
                (self.begun + limits.greeting, Overdue::Silent)
            } else if self.open.load(Ordering::Relaxed) == 0 {
                (last + limits.idle, Overdue::Idle)
            } else if self.stuck.load(Ordering::Relaxed) > 0 {
                (last + limits.stall, Overdue::Stalled)
            } else {
                sleep_until(Instant::now() + look_every).await;
                continue;
            };
            let now = Instant::now();
            if end <= now {
                return overdue;
            }
            sleep_until(end.min(now + look_every)).await;
        }
    }
}

/// One call, until its answer has been handed over whole.
pub(super) struct Call {
    progress: Arc<Progress>,
    stuck: bool,
}

impl Call {
    /// There is something for the peer, or not.
    fn set_stuck(&mut self, stuck: bool) {
        if self.stuck != stuck {
            self.stuck = stuck;
            match stuck {
                true => self.progress.stuck.fetch_add(1, Ordering::Relaxed),
                false => self.progress.stuck.fetch_sub(1, Ordering::Relaxed),
            };
        }
    }

    /// Its answer, from now on the peer's to take.
    pub fn answer<B>(mut self, body: B) -> Answer<B> {
        self.set_stuck(true);
        Answer { body, call: self }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.set_stuck(false);
        self.progress.open.fetch_sub(1, Ordering::Relaxed);
        self.progress.note();
    }
}

/// The body of an answer. hyper asks for the next frame when there is room for it: whoever was given one and does not ask
/// again waits for the peer.
pub(super) struct Answer<B> {
    body: B,
    call: Call,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.call.progress.note();
        self.call.set_stuck(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use http_body_util::{BodyExt, StreamBody};

    const LIMITS: Limits = Limits {
        greeting: Duration::from_secs(1),
        idle: Duration::from_secs(100),
        stall: Duration::from_secs(10),
    };

    async fn greeted() -> (Arc<Progress>, Instant) {
        let progress = Arc::new(Progress::new());
        progress.read(b"GET");
        (progress, Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_preface_that_is_cut_short_is_no_greeting_however_it_is_cut() {
        for length in 0..PREFACE.len() {
            let progress = Progress::new();
            for byte in &PREFACE[..length] {
                progress.read(&[*byte]);
            }
            let begun = Instant::now();
            assert_eq!(progress.overdue(LIMITS).await, Overdue::Silent);
            assert_eq!(begun.elapsed(), LIMITS.greeting);
        }
        for whole in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0"[..], b"POST", b"PR0"] {
            let progress = Progress::new();
            progress.read(whole);
            assert_eq!(progress.overdue(LIMITS).await, Overdue::Idle);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_greeting_that_comes_while_one_waits_for_it_has_the_time_of_an_idle_connection() {
        let limits = Limits {
            greeting: Duration::from_secs(20),
            idle: Duration::from_secs(1),
            ..LIMITS
        };
        let (progress, begun) = (Progress::new(), Instant::now());
        let greeting = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            progress.read(PREFACE);
        };
        assert_eq!(tokio::join!(progress.overdue(limits), greeting).0, Overdue::Idle);
        assert_eq!(begun.elapsed(), limits.idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_call_is_idle_from_the_end_of_the_last_one_on() {
        let (progress, begun) = greeted().await;
        let call = progress.call();
        let waiting = progress.overdue(LIMITS);
        let ending = async {
            tokio::time::sleep(Duration::from_secs(500)).await;
            drop(call);
        };
        assert_eq!(tokio::join!(waiting, ending).0, Overdue::Idle);
        assert_eq!(begun.elapsed(), Duration::from_secs(600));
    }

    #[tokio::test(start_paused = true)]
    async fn only_an_answer_that_the_peer_does_not_take_is_stalled() {
        let (progress, _) = greeted().await;
        let frames = stream::iter(1..=2)
            .map(|n: u8| Ok::<_, std::convert::Infallible>(Frame::data(bytes::Bytes::from(vec![n]))))
            .chain(stream::pending());
        let mut answer = progress.call().answer(StreamBody::new(Box::pin(frames)));
        answer.frame().await.unwrap().unwrap();
        answer.frame().await.unwrap().unwrap();
        {
            // It waits for us.
            let quiet = tokio::time::timeout(Duration::from_secs(50), answer.frame());
            assert!(quiet.await.is_err());
            let kept = tokio::time::timeout(Duration::from_secs(500), progress.overdue(LIMITS));
            assert!(kept.await.is_err());
        }
        let untaken = progress.call().answer(StreamBody::new(stream::pending::<
            Result<Frame<bytes::Bytes>, std::convert::Infallible>,
        >()));
        let begun = Instant::now();
        assert_eq!(progress.overdue(LIMITS).await, Overdue::Stalled);
        assert_eq!(begun.elapsed(), LIMITS.stall);
        drop((answer, untaken));
        assert_eq!(progress.overdue(LIMITS).await, Overdue::Idle);
    }

    use futures::StreamExt;
}
