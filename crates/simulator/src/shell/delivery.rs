//! Webhooks: signed, and again until they are taken or given up. Each endpoint has a courier of its own, which goes
//! through the event log; docs.stripe.com/webhooks tells how Stripe does it.

mod post;
mod queue;

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::adversity::Leaving;
use super::world::{Shared, World};
use post::{Http, client, post};
use queue::{Due, Waiting};
pub use queue::{Queue, Redelivery};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Starts a courier for every endpoint, as they appear; never returns.
pub async fn deliver_all(shared: Shared) {
    let http = client();
    let mut couriers = JoinSet::new();
    let mut known: HashSet<String> = HashSet::new();
    let mut changed = shared.changed();
    loop {
        changed.borrow_and_update();
        let endpoints: Vec<(String, usize)> = shared.read(|world| {
            let all = world.core.webhook_endpoints();
            all.map(|endpoint| (endpoint.id.clone(), endpoint.from)).collect()
        });
        for (id, from) in endpoints {
            if known.insert(id.clone()) {
                let courier = Courier {
                    endpoint: id,
                    read: from,
                    queue: Queue::default(),
                };
                couriers.spawn(courier.deliver(shared.clone(), http.clone()));
            }
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

struct Courier {
    endpoint: String,
    /// The log was read up to here.
    read: usize,
    queue: Queue,
}

/// What is to be done next for an endpoint.
enum Next {
    Send(Sending),
    /// Until something changes, or so many seconds of the simulator's time have passed.
    Wait(Option<i64>),
    Stop,
}

struct Sending {
    waiting: Waiting,
    /// When it was sent, in the simulator's time.
    at: i64,
    /// The event's id.
    event: String,
    url: String,
    secrets: Vec<String>,
    body: Bytes,
    redelivery: Redelivery,
}

impl Courier {
    async fn deliver(mut self, shared: Shared, http: Http) {
        let mut changed = shared.changed();
        let mut pause = FIRST_PAUSE;
        loop {
            changed.borrow_and_update();
            match shared.quietly(|world| self.next(world)) {
                Next::Stop => return,
                Next::Wait(None) => {
                    if changed.changed().await.is_err() {
                        return;
                    }
                }
                Next::Wait(Some(seconds)) => {
                    let span = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
                    if let Ok(Err(_)) = timeout(span, changed.changed()).await {
                        return;
                    }
                }
                Next::Send(sending) => {
                    let taken = post(&http, &sending.url, &sending.secrets, sending.body.clone()).await;
                    let Err(error) = taken else {
                        shared.quietly(|world| world.core.acknowledge(&sending.event, &self.endpoint));
                        self.queue.done(&sending.waiting);
                        pause = FIRST_PAUSE;
                        continue;
                    };
                    tracing::info!(event = sending.event, %error, "not delivered");
                    if sending.redelivery != Redelivery::Fast {
                        shared.quietly(|world| world.core.delivery_failed(&self.endpoint));
                    }
                    self.queue
                        .failed(&sending.waiting, sending.redelivery, sending.at);
                    if sending.redelivery == Redelivery::Fast {
                        wait(&shared, &self.endpoint, &sending.url, pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
        }
    }

    fn next(&mut self, world: &mut World) -> Next {
        let core = &world.core;
        let Some(endpoint) = core.webhook_endpoints().find(|it| it.id == self.endpoint) else {
            return Next::Stop;
        };
        if world.held {
            return Next::Wait(None);
        }
        let now = core.now();
        for event in core.events(self.read) {
            if event.wanted_by.contains(&self.endpoint) {
                let leaving = Leaving {
                    event,
                    at: self.read,
                    endpoint,
                };
                world
                    .deliveries
                    .enqueue(leaving, &mut self.queue, now, world.dice);
            }
            self.read += 1;
        }
        loop {
            let waiting = match self.queue.due(now) {
                Due::Now(waiting) => waiting,
                Due::In(seconds) => return Next::Wait(Some(seconds)),
                Due::Nothing => return Next::Wait(None),
            };
            let event = core.events(waiting.event).first().filter(|_| !endpoint.disabled);
            let Some(event) = event else {
                self.queue.done(&waiting);
                continue;
            };
            let shown = if endpoint.destination.is_some() {
                event.to_thin()
            } else {
                core.shown_event(event, endpoint.api_version.unwrap_or(core.settings().api_version))
            };
            let body = serde_json::to_vec_pretty(&shown).unwrap_or_default();
            return Next::Send(Sending {
                waiting,
                at: now,
                event: event.id.clone(),
                url: endpoint.url.clone(),
                secrets: core.webhook_secrets(&self.endpoint),
                body: body.into(),
                redelivery: world.redelivery,
            });
        }
    }
}

/// Until it is time to try again, or the endpoint has moved.
async fn wait(shared: &Shared, endpoint: &str, url: &str, pause: Duration) {
    let mut changed = shared.changed();
    let moved = async {
        loop {
            let same = shared.read(|world| {
                world
                    .core
                    .webhook_endpoints()
                    .any(|it| it.id == endpoint && it.url == url && !it.disabled)
            });
            if !same || changed.changed().await.is_err() {
                return;
            }
        }
    };
    let _ = timeout(pause, moved).await;
}
