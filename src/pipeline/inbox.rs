//! Group commit: who comes while a commit is in flight shares the next one.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tollgate_store::{Accepted, NewEvent, Store, StoreError};
use tollgate_stripe::Envelope;

use crate::telemetry::metric::{self, PLAIN};

/// What may wait for the next commit; beyond it callers wait for a place.
const QUEUE: usize = 1_024;

/// In one commit.
const BATCH: usize = 128;

/// So many commits at a time.
const COMMITTERS: usize = 2;

/// In bytes, of ids that are looked up. No id of Stripe's is so long, and what is indexed must not be: one row would fail its
/// whole batch.
pub const MAX_ID: usize = 255;

type Entry = (NewEvent, oneshot::Sender<Result<Accepted, StoreError>>);

/// Takes events and keeps them.
#[derive(Clone)]
pub struct Inbox(mpsc::Sender<Entry>);

impl Inbox {
    /// `stored` is called after each commit.
    pub fn new(store: Store, stored: impl Fn() + Clone + Send + Sync + 'static) -> Inbox {
        let (inbox, queue) = mpsc::channel(QUEUE);
        let queue = Arc::new(tokio::sync::Mutex::new(queue));
        for _ in 0..COMMITTERS {
            tokio::spawn(commit(store.clone(), queue.clone(), stored.clone()));
        }
        Inbox(inbox)
    }

    /// Returns after the durable commit.
    ///
    /// # Errors
    /// `Unavailable`: it is not kept, and should be sent again. `Invalid`: this event can never be kept.
    pub async fn accept(&self, event: NewEvent) -> Result<Accepted, StoreError> {
        let closed = || StoreError::Unavailable("the inbox is closed".into());
        let (answer, answered) = oneshot::channel();
        self.0.send((event, answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

/// What is kept of an event of Stripe's. `None`: its id is longer than [`MAX_ID`].
pub fn new_event(head: Envelope, body: Bytes, traceparent: Option<String>) -> Option<NewEvent> {
    (head.id.len() <= MAX_ID).then(|| NewEvent {
        id: head.id,
        event_type: head.event_type,
        created: head.created,
        livemode: head.livemode,
        account: head.account,
        object_kind: head.object_kind,
        object_id: head.object_id.filter(|id| id.len() <= MAX_ID),
        body,
        traceparent,
    })
}

/// Ends when every [`Inbox`] is gone.
async fn commit(store: Store, queue: Arc<tokio::sync::Mutex<mpsc::Receiver<Entry>>>, stored: impl Fn()) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        if queue.lock().await.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        let (events, answers): (Vec<NewEvent>, Vec<_>) = batch.drain(..).unzip();
        metric::INBOX_BATCH.record(PLAIN, events.len());
        let outcome = store.accept(&events).await;
        match outcome {
            Ok(accepted) => {
                stored();
                for (answer, accepted) in answers.into_iter().zip(accepted) {
                    // Who has gone away will send it again.
                    let _ = answer.send(Ok(accepted));
                }
            }
            // One of them is bad: each by itself, so that only that one fails.
            Err(StoreError::Invalid(_)) if events.len() > 1 => {
                for (event, answer) in events.iter().zip(answers) {
                    let alone = store.accept(std::slice::from_ref(event)).await;
                    let _ = answer.send(alone.and_then(|accepted| {
                        accepted
                            .first()
                            .copied()
                            .ok_or_else(|| StoreError::Other("no answer for an event".into()))
                    }));
                }
                stored();
            }
            Err(error) => {
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}
