//! Stripe's events one by one.

use serde_json::json;
use tollgate_store::{EventFilter, StoredEvent};
use tonic::Request;

use super::{by, pages};
use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::convert;
use crate::api::grpc::proto::{
    self, EventState, GetEventRequest, GetEventResponse, ListEventsRequest, ListEventsResponse,
    ReplayEventsRequest, ReplayEventsResponse,
};
use crate::api::grpc::service::Service;
use crate::api::grpc::service::checkout::refused;
use crate::api::grpc::status::Failure;

/// Of a filter.
const MOST_IDS: usize = 1_000;

pub(super) async fn list(
    service: &Service,
    request: Request<ListEventsRequest>,
) -> Result<ListEventsResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let asked = request.into_inner();
    let filter = filter(&caller, asked.filter.unwrap_or_default())?;
    let size = pages::size(asked.page_size)?;
    let before = match asked.page_token.as_str() {
        "" => None,
        token => Some(token.parse().map_err(|_| pages::no_token())?),
    };
    let events = service.commands.events(&filter, before, size + 1).await;
    let mut events = events.map_err(refused)?;
    let next_page_token = pages::cut(&mut events, size, |last| last.seq.to_string());
    Ok(ListEventsResponse {
        events: events.into_iter().map(told).collect(),
        next_page_token,
    })
}

pub(super) async fn get(
    service: &Service,
    request: Request<GetEventRequest>,
) -> Result<GetEventResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let id = request.into_inner().event;
    if id.is_empty() {
        return Err(Failure::field("event", "must be an id of Stripe's, as `evt_…`"));
    }
    caller.customer_or_all("customer", "")?;
    plain("event", &id)?;
    let (event, body) = service.commands.event(&id).await.map_err(refused)?;
    Ok(GetEventResponse {
        event: Some(told(event)),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

pub(super) async fn replay(
    service: &Service,
    request: Request<ReplayEventsRequest>,
) -> Result<ReplayEventsResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let asked = request.into_inner();
    let by = by(&caller, &asked.actor, &asked.note)?;
    caller.customer_or_all("customer", "")?;
    let filter = filter(&caller, asked.filter.unwrap_or_default())?;
    let replayed = service
        .commands
        .replay(&filter, &written_down(&filter), asked.dry_run, &by)
        .await;
    let replayed = replayed.map_err(refused)?;
    Ok(ReplayEventsResponse {
        replayed: i32::try_from(replayed.events).unwrap_or(i32::MAX),
        without_body: i32::try_from(replayed.without_body).unwrap_or(i32::MAX),
    })
}

fn filter(caller: &Caller, asked: proto::EventFilter) -> Result<EventFilter, Failure> {
    if asked.events.len() > MOST_IDS {
        return Err(Failure::field(
            "filter.events",
            format!("must be {MOST_IDS} at most"),
        ));
    }
    for text in asked.events.iter().chain([&asked.stripe_object, &asked.r#type]) {
        plain("filter", text)?;
    }
    let instant = |field, at: Option<prost_types::Timestamp>| {
        at.as_ref().map(|at| convert::instant(field, at)).transpose()
    };
    let state = asked.state();
    Ok(EventFilter {
        customer: caller.customer_or_all("filter.customer", &asked.customer)?,
        state: word(state).to_owned(),
        from: instant("filter.from_time", asked.from_time)?,
        until: instant("filter.until_time", asked.until_time)?,
        events: asked.events,
        object: asked.stripe_object,
        event_type: asked.r#type,
    })
}

/// Postgres holds no NUL in text.
fn plain(field: &str, text: &str) -> Result<(), Failure> {
    if text.chars().any(char::is_control) {
        return Err(Failure::field(field, "must be an id or a type of Stripe's"));
    }
    Ok(())
}

fn written_down(filter: &EventFilter) -> serde_json::Value {
    json!({
        "events": filter.events,
        "customer": filter.customer,
        "stripe_object": filter.object,
        "type": filter.event_type,
        "state": filter.state,
        "from": filter.from.map(|at| at.0),
        "until": filter.until.map(|at| at.0),
    })
}

const STATES: [(EventState, &str); 6] = [
    (EventState::Received, "received"),
    (EventState::Routed, "routed"),
    (EventState::Applied, "applied"),
    (EventState::Ignored, "ignored"),
    (EventState::Waiting, "waiting"),
    (EventState::Parked, "parked"),
];

fn word(state: EventState) -> &'static str {
    let found = STATES.iter().find(|(told, _)| *told == state);
    found.map_or("", |(_, word)| word)
}

fn told(event: StoredEvent) -> proto::Event {
    let state = STATES.iter().find(|(_, word)| *word == event.state);
    proto::Event {
        id: event.id,
        r#type: event.event_type,
        stripe_object: event.object,
        customer: event.customer,
        state: state.map_or(EventState::Unspecified, |(told, _)| *told).into(),
        detail: event.detail,
        attempts: event.attempts,
        create_time: Some(convert::time(event.created)),
        receive_time: Some(convert::time(event.received)),
        has_body: event.has_body,
    }
}
