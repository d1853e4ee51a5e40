//! Says whose an event is: by what is known of any id it names, by what we wrote on the object, else by asking Stripe.
//!
//! Who has to be asked about is asked about beside the round, so that a slow Stripe holds up nobody else. For whom there is no
//! place to ask is put into a queue, of which no more is taken than there are places: what needs no question passes it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tollgate_domain::id::CustomerId;
use tollgate_domain::time::Timestamp;
use tollgate_store::{Routing, StoreError};
use tollgate_stripe::{CallError, Priority, object};
use tracing::{Instrument, Span};

use super::wake::{reap, station};
use super::whose::{self, About, Question};
use super::{Context, Settings, backoff};
use crate::telemetry::{metric, trace};

/// Shorter than the store's lease, so that nobody asks the same meanwhile. Nobody waits for a place with it.
const PATIENCE: Duration = Duration::from_secs(8);

/// A dispute leads to its charge, and that to its customer.
const STEPS: usize = 3;

/// An event, and how often it was tried.
struct Event {
    seq: i64,
    attempts: i32,
    about: About,
    /// None unless what brought it is followed.
    span: Span,
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
    let mut free = vec![];
    while let Ok(place) = places.clone().try_acquire_owned() {
        free.push(place);
    }
    let again = i64::try_from(free.len()).unwrap_or(i64::MAX);
    let events = context
        .store
        .unrouted(context.settings.batch, again, context.clock.now())
        .await?;
    if events.is_empty() {
        return Ok(false);
    }
    let read = |event: &tollgate_store::Unrouted| Event {
        seq: event.seq,
        attempts: event.attempts,
        about: whose::read(event, &context.settings),
        span: trace::caused("route", event.traceparent.as_deref()),
    };
    let events: Vec<Event> = events.iter().map(read).collect();
    // Until what was found out is written.
    let _spans: Vec<Span> = events.iter().map(|event| event.span.clone()).collect();
    let ids: Vec<String> = events.iter().flat_map(|event| event.about.ids()).collect();
    let mut links = context.store.links(&ids).await?;
    let disowned = context.store.disowned(&ids).await?;
    let at = context.clock.now();
    let (mut routed, open) = decide(&context.settings, events, &mut links, &disowned, at);
    let (asked, queued) = places_for(by_question(open, &mut routed), free);
    routed.extend(queued.iter().map(|event| (event.seq, Routing::Queued { at })));
    if !routed.is_empty() {
        write(context, &routed).await?;
    }
    for (question, events, place) in asked {
        let context = context.clone();
        // All of them ask the same; it is seen in the trace of the first that is followed.
        let followed = events.iter().find(|event| !event.span.is_none());
        let span = followed.map_or_else(Span::none, |event| event.span.clone());
        let asked = async move {
            ask(&context, question, events).await;
            drop(place);
            context.wakes.route.notify_one();
        };
        asking.spawn(asked.instrument(span));
    }
    Ok(true)
}

/// What can be said at once. One event of a batch may say whose another is, in any order.
fn decide(
    settings: &Settings,
    mut open: Vec<Event>,
    links: &mut HashMap<String, CustomerId>,
    disowned: &HashMap<String, bool>,
    now: Timestamp,
) -> (Vec<(i64, Routing)>, Vec<Event>) {
    let mut routed = vec![];
    loop {
        let before = open.len();
        open.retain(|event| {
            let routing = match &event.about {
                About::Settled(routing) => routing.clone(),
                About::Unjudged(error) => Routing::Retry {
                    error: error.clone(),
                    at: now + backoff(event.attempts),
                },
                // One that comes later may say whose it is: then what waits is woken.
                about if whose::disowned(&about.ids(), links, disowned).is_some() => {
                    let on = about.ids();
                    match whose::disowned(&on, links, disowned) {
                        Some(true) => Routing::Ignored {
                            why: whose::ERASED.into(),
                        },
                        _ => Routing::Waiting { on },
                    }
                }
                about => match about.owner(links, settings) {
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

/// One request answers for all events of the same Stripe customer; who came first is first. Nobody to ask about: they wait.
fn by_question(events: Vec<Event>, routed: &mut Vec<(i64, Routing)>) -> Vec<(Question, Vec<Event>)> {
    let mut by = Vec::<(Question, Vec<Event>)>::new();
    for event in events {
        let Some(question) = event.about.question() else {
            let on = event.about.ids();
            routed.push((event.seq, Routing::Waiting { on }));
            continue;
        };
        match by.iter_mut().find(|(other, _)| *other == question) {
            Some((_, events)) => events.push(event),
            None => by.push((question, vec![event])),
        }
    }
    by
}

type Asked<Place> = (Question, Vec<Event>, Place);

/// A place for each question as long as there are any, and the events of the others.
fn places_for<Place>(
    questions: Vec<(Question, Vec<Event>)>,
    free: Vec<Place>,
) -> (Vec<Asked<Place>>, Vec<Event>) {
    let (mut asked, mut queued, mut free) = (vec![], vec![], free.into_iter());
    for (question, events) in questions {
        match free.next() {
            Some(place) => asked.push((question, events, place)),
            None => queued.extend(events),
        }
    }
    (asked, queued)
}

/// What Stripe said.
#[derive(Debug)]
enum Found {
    Customer(CustomerId),
    Nobody,
    Foreign,
    Erased,
}

async fn ask(context: &Context, question: Question, events: Vec<Event>) {
    // Gathered outside: what was found before the patience ended is waited on too.
    let mut more = vec![];
    let found = tokio::time::timeout(PATIENCE, find(context, question, &mut more)).await;
    let found = match found {
        Ok(Err(Trouble::Store(error))) => {
            tracing::warn!(%error, "whose some events are could not be found out; their lease runs out");
            return;
        }
        // Nothing was asked: the next turn may come at once.
        Ok(Err(Trouble::Stripe(error))) => Err((error.to_string(), matches!(error, CallError::NotSent(_)))),
        Ok(Ok(found)) => Ok(found),
        Err(_) => Err(("Stripe did not answer in time".to_owned(), false)),
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
                    why: whose::OTHER_DEPLOYMENT.into(),
                },
                Ok(Found::Erased) => Routing::Ignored {
                    why: whose::ERASED.into(),
                },
                Err((error, not_asked)) => Routing::Retry {
                    error: error.clone(),
                    at: context.clock.now() + backoff(if *not_asked { 0 } else { event.attempts }),
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
async fn find(context: &Context, question: Question, more: &mut Vec<String>) -> Result<Found, Trouble> {
    let stripe = context.stripe.with_priority(Priority::Route);
    let mut next = Some(question);
    for _ in 0..STEPS {
        let Some((kind, id)) = next.take() else { break };
        let fetched = match stripe.fetch(kind, &id).await {
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
        let disowned = context.store.disowned(more).await.map_err(Trouble::Store)?;
        match whose::disowned(more, &links, &disowned) {
            Some(true) => return Ok(Found::Erased),
            Some(false) => return Ok(Found::Nobody),
            None => {}
        }
        if let Some(customer) = whose::owner(&found, &links, &context.settings) {
            return Ok(Found::Customer(customer));
        }
        next = whose::question(&found);
    }
    Ok(Found::Nobody)
}

async fn write(context: &Context, routed: &[(i64, Routing)]) -> Result<(), StoreError> {
    // To begin to wait excludes all who link; so those are written by themselves.
    let (waiting, known): (Vec<_>, Vec<_>) = routed
        .iter()
        .cloned()
        .partition(|(_, routing)| matches!(routing, Routing::Waiting { .. }));
    for some in [known, waiting] {
        if !some.is_empty() {
            context.store.route(&some).await?;
        }
    }
    for (_, routing) in routed {
        let outcome = match routing {
            Routing::Customer { .. } => "customer",
            Routing::Ignored { why } => {
                if let Some(why) = whose::foreign(why) {
                    metric::EVENTS_FOREIGN.count([why]);
                }
                "ignored"
            }
            Routing::Waiting { .. } => "waiting",
            Routing::Retry { .. } => "retry",
            Routing::Queued { .. } => "queued",
            Routing::Parked { .. } => "parked",
        };
        metric::ROUTED.count([outcome]);
    }
    context.wakes.apply.notify_one();
    // Some may have waited for these ids.
    context.wakes.route.notify_one();
    Ok(())
}

#[cfg(test)]
mod tests {
    use tollgate_domain::object::Kind;

    use super::*;

    fn about(seq: i64, customer: &str) -> Event {
        let about = About::Named(Kind::Customer, customer.into());
        Event {
            seq,
            attempts: 0,
            about,
            span: Span::none(),
        }
    }

    #[test]
    fn who_came_first_is_asked_about_and_for_whom_there_is_no_place_is_queued() {
        let events = vec![
            about(1, "cus_9"),
            about(2, "cus_1"),
            about(3, "cus_5"),
            about(4, "cus_9"),
        ];
        let mut routed = vec![];
        let (asked, queued) = places_for(by_question(events, &mut routed), vec![(), ()]);
        let seqs = |events: &[Event]| events.iter().map(|event| event.seq).collect::<Vec<_>>();
        assert_eq!(
            asked
                .iter()
                .map(|(_, events, ())| seqs(events))
                .collect::<Vec<_>>(),
            [vec![1, 4], vec![2]]
        );
        assert_eq!((seqs(&queued), routed), (vec![3], vec![]));
    }

    #[test]
    fn whom_nobody_can_be_asked_about_needs_no_place_and_waits() {
        let body = r#"{"id": "evt_1", "type": "customer.updated", "data": {"object": {"id": "cus_1", "object": "customer"}}}"#;
        let object = tollgate_stripe::event_object(body.as_bytes()).unwrap().unwrap();
        let event = Event {
            seq: 1,
            attempts: 0,
            about: About::Object(Box::new(object)),
            span: Span::none(),
        };
        let mut routed = vec![];
        assert!(by_question(vec![event], &mut routed).is_empty());
        assert_eq!(
            routed,
            [(
                1,
                Routing::Waiting {
                    on: vec!["cus_1".into()]
                }
            )]
        );
    }
}
