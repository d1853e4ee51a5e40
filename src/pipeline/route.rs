//! Says whose an event is: by what is known of any id it names, by what we wrote on the object, else by asking Stripe.
//!
//! Who has to be asked about is asked about beside the round, so that a slow Stripe holds up nobody else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tollgate_domain::id::CustomerId;
use tollgate_store::{Routing, StoreError};
use tollgate_stripe::{CallError, object};

use super::wake::{reap, station};
use super::whose::{self, About, Question};
use super::{Context, backoff};

/// Shorter than the store's lease, so that nobody asks the same meanwhile.
const PATIENCE: Duration = Duration::from_secs(8);

/// A dispute leads to its charge, and that to its customer.
const STEPS: usize = 3;

/// An event, and how often it was tried.
struct Event {
    seq: i64,
    attempts: i32,
    about: About,
}

pub async fn run(context: Context, stop: CancellationToken) -> Result<()> {
    let Context {
        clock,
        settings,
        wakes,
        ..
    } = context.clone();
    let places = Arc::new(Semaphore::new(settings.fetches));
    let asking = Mutex::new(JoinSet::new());
    let round = || round(&context, &places, &asking);
    station("route", &wakes.route, &clock, settings.idle, &stop, round).await;
    Ok(())
}

async fn round(
    context: &Context,
    places: &Arc<Semaphore>,
    asking: &Mutex<JoinSet<()>>,
) -> Result<bool, StoreError> {
    let mut asking = asking.lock().await;
    reap("route", &mut asking);
    let events = context
        .store
        .unrouted(context.settings.batch, context.clock.now())
        .await?;
    if events.is_empty() {
        return Ok(false);
    }
    let read = |event: &tollgate_store::Unrouted| Event {
        seq: event.seq,
        attempts: event.attempts,
        about: whose::read(event, &context.settings),
    };
    let events: Vec<Event> = events.iter().map(read).collect();
    let ids: Vec<String> = events.iter().flat_map(|event| event.about.ids()).collect();
    let mut links = context.store.links(&ids).await?;
    let (routed, open) = decide(context, events, &mut links);
    if !routed.is_empty() {
        write(context, &routed).await?;
    }
    for (question, events) in by_question(open) {
        let (context, places) = (context.clone(), places.clone());
        asking.spawn(async move { ask(&context, &places, question, events).await });
    }
    Ok(true)
}

/// What can be said at once. One event of a batch may say whose another is, in any order.
fn decide(
    context: &Context,
    mut open: Vec<Event>,
    links: &mut HashMap<String, CustomerId>,
) -> (Vec<(i64, Routing)>, Vec<Event>) {
    let mut routed = vec![];
    loop {
        let before = open.len();
        open.retain(|event| {
            let routing = match &event.about {
                About::Settled(routing) => routing.clone(),
                about => match about.owner(links, &context.settings) {
                    Some(customer) => {
                        let ids = about.ids();
                        for id in &ids {
                            links.entry(id.clone()).or_insert_with(|| customer.clone());
                        }
                        Routing::Customer { customer, ids }
                    }
                    None => return true,
                },
            };
            routed.push((event.seq, routing));
            false
        });
        if open.len() == before {
            return (routed, open);
        }
    }
}

/// One request answers for all events of the same Stripe customer. Nobody to ask about: they wait.
fn by_question(events: Vec<Event>) -> BTreeMap<Option<Question>, Vec<Event>> {
    let mut by = BTreeMap::<_, Vec<Event>>::new();
    for event in events {
        by.entry(event.about.question()).or_default().push(event);
    }
    by
}

/// What Stripe said.
#[derive(Debug)]
enum Found {
    Customer(CustomerId),
    Nobody,
    Foreign,
}

async fn ask(context: &Context, places: &Semaphore, question: Option<Question>, events: Vec<Event>) {
    // Gathered outside: what was found before the patience ended is waited on too.
    let mut more = vec![];
    let found = tokio::time::timeout(PATIENCE, async {
        let _place = places.acquire().await;
        find(context, question, &mut more).await
    })
    .await;
    let found = match found {
        Ok(Err(Trouble::Store(error))) => {
            tracing::warn!(%error, "whose some events are could not be found out; their lease runs out");
            return;
        }
        Ok(Err(Trouble::Stripe(error))) => Err(error.to_string()),
        Ok(Ok(found)) => Ok(found),
        Err(_) => Err("Stripe did not answer in time".to_owned()),
    };
    let routed: Vec<(i64, Routing)> = events
        .iter()
        .map(|event| {
            let ids = || [event.about.ids(), more.clone()].concat();
            let routing = match &found {
                Ok(Found::Customer(customer)) => Routing::Customer {
                    customer: customer.clone(),
                    ids: ids(),
                },
                Ok(Found::Nobody) => Routing::Waiting { on: ids() },
                Ok(Found::Foreign) => Routing::Ignored {
                    why: "of another deployment".into(),
                },
                Err(error) => Routing::Retry {
                    error: error.clone(),
                    at: context.clock.now() + backoff(event.attempts),
                },
            };
            (event.seq, routing)
        })
        .collect();
    if let Err(error) = write(context, &routed).await {
        tracing::warn!(%error, "whose some events are could not be written; their lease runs out");
    }
}

enum Trouble {
    Store(StoreError),
    Stripe(CallError),
}

/// Asks from object to object until one is somebody's. Absence says nothing.
async fn find(
    context: &Context,
    question: Option<Question>,
    more: &mut Vec<String>,
) -> Result<Found, Trouble> {
    let mut next = question;
    for _ in 0..STEPS {
        let Some((kind, id)) = next.take() else { break };
        context.budget.take().await;
        let fetched = match context.stripe.fetch(kind, &id).await {
            Ok(fetched) => fetched,
            Err(CallError::NotFound) => break,
            Err(error) => return Err(Trouble::Stripe(error)),
        };
        let Ok(Some(found)) = object(&fetched.body) else {
            break;
        };
        if whose::is_foreign(&found, &context.settings) {
            return Ok(Found::Foreign);
        }
        more.extend(whose::ids(&found));
        let links = context.store.links(more).await.map_err(Trouble::Store)?;
        if let Some(customer) = whose::owner(&found, &links, &context.settings) {
            return Ok(Found::Customer(customer));
        }
        next = whose::question(&found);
    }
    Ok(Found::Nobody)
}

async fn write(context: &Context, routed: &[(i64, Routing)]) -> Result<(), StoreError> {
    context.store.route(routed).await?;
    for (_, routing) in routed {
        let outcome = match routing {
            Routing::Customer { .. } => "customer",
            Routing::Ignored { .. } => "ignored",
            Routing::Waiting { .. } => "waiting",
            Routing::Retry { .. } => "retry",
            Routing::Parked { .. } => "parked",
        };
        metrics::counter!("tollgate_events_routed_total", "outcome" => outcome).increment(1);
    }
    context.wakes.apply.notify_one();
    // Some may have waited for these ids.
    context.wakes.route.notify_one();
    Ok(())
}
