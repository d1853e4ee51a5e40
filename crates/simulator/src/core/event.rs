//! The event log.

use std::sync::Arc;

use serde_json::{Value, json};

use super::rendered::Rendered;
use super::{Core, Row, Version};

/// One event, with its object as it was at that instant.
#[derive(Debug)]
pub struct Event {
    pub id: String,
    pub kind: &'static str,
    pub created: i64,
    /// The account's when it happened.
    api_version: Version,
    /// As each version that was wanted then shows it: the content of an event never changes
    /// (docs.stripe.com/api/events/object, `data`).
    shown: Vec<(Version, Data)>,
    /// The endpoints that it goes to.
    pub wanted_by: Vec<String>,
    cause: Option<Cause>,
}

/// What changed, as one version shows it.
#[derive(Debug)]
struct Data {
    /// As JSON, both: there are many events, and as a tree each would take five times as much. Events that happen
    /// together, such as `invoice.paid` and `invoice.payment_succeeded`, have one text.
    object: Arc<str>,
    previous_attributes: Option<Box<str>>,
}

impl Data {
    /// `last`: the one of the event before.
    fn new(object: &Rendered, previous_attributes: Option<&Rendered>, last: Option<&Data>) -> Data {
        let text = |it: &Rendered| {
            let mut text = String::with_capacity(4096);
            it.write(&mut text);
            text
        };
        let object = text(object);
        let same = last.map(|it| &it.object).filter(|it| ***it == *object);
        Data {
            object: same.map_or_else(|| object.as_str().into(), Arc::clone),
            previous_attributes: previous_attributes.map(|it| text(it).into()),
        }
    }

    fn to_json(&self) -> Value {
        // Written by us, so it can be read.
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let mut data = json!({ "object": read(&self.object) });
        if let Some(previous) = &self.previous_attributes {
            data["previous_attributes"] = read(previous);
        }
        data
    }
}

/// The API request that something was a consequence of.
#[derive(Clone, Debug)]
pub struct Cause {
    /// `req_…`
    pub request: String,
    pub idempotency_key: Option<String>,
}

impl Row for Event {
    const NOUN: &'static str = "event";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, core: &Core) -> Value {
        core.shown_event(self, self.api_version)
    }
}

impl Event {
    /// Whether it is of this type; `customer.*` is every type that begins so.
    pub(crate) fn is_of(&self, kind: &str) -> bool {
        kind.strip_suffix('*')
            .map_or(self.kind == kind, |prefix| self.kind.starts_with(prefix))
    }

    /// As a GET showed it before anybody had it.
    pub fn to_json(&self) -> Value {
        self.in_version(self.api_version)
    }

    fn data_in(&self, version: Version) -> Option<&Data> {
        self.shown
            .iter()
            .find(|(it, _)| *it == version)
            .map(|(_, data)| data)
    }

    /// As an endpoint of this version gets it. One that came later gets the account's.
    pub fn in_version(&self, version: Version) -> Value {
        let known = self.data_in(version).map(|data| (version, data));
        let known = known.or_else(|| Some((self.api_version, self.data_in(self.api_version)?)));
        let (version, data) = known.map_or_else(
            || (self.api_version, json!({})),
            |(version, data)| (version, data.to_json()),
        );
        let request = self.cause.as_ref().map_or_else(
            || json!({ "id": null, "idempotency_key": null }),
            |cause| json!({ "id": cause.request, "idempotency_key": cause.idempotency_key }),
        );
        json!({
            "id": self.id,
            "object": "event",
            "api_version": version.as_str(),
            "created": self.created,
            "data": data,
            "livemode": false,
            "pending_webhooks": self.wanted_by.len(),
            "request": request,
            "type": self.kind,
        })
    }
}

impl Core {
    /// Every event so far from the `from`-th on, oldest first.
    pub fn events(&self, from: usize) -> &[Arc<Event>] {
        self.events.get(from..).unwrap_or_default()
    }

    /// An event by its id.
    pub fn event(&self, id: &str) -> Option<&Arc<Event>> {
        self.event_index.get(id).map(|&at| &self.events[at])
    }

    pub(crate) fn event_position(&self, id: &str) -> Option<usize> {
        self.event_index.get(id).copied()
    }

    /// Names the request that what follows is a consequence of; `None`: the clock.
    pub fn set_cause(&mut self, cause: Option<Cause>) {
        self.cause = cause;
    }

    pub(crate) fn emit(&mut self, kind: &'static str, object: impl Into<Rendered>) {
        self.push_event(kind, None, &object.into());
    }

    /// An `…updated` event, unless nothing changed.
    pub(crate) fn emit_change(
        &mut self,
        kind: &'static str,
        before: impl Into<Rendered>,
        after: impl Into<Rendered>,
    ) {
        let (before, after) = (before.into(), after.into());
        if before != after {
            self.push_event(kind, Some(&before), &after);
        }
    }

    pub(super) fn push_event(&mut self, kind: &'static str, before: Option<&Rendered>, object: &Rendered) {
        let of = object.text("id").unwrap_or_default().to_owned();
        let id = self.ids.mint("evt_");
        let wanting = self.endpoints.all().filter(|endpoint| endpoint.wants(kind));
        let wanting: Vec<_> = wanting.collect();
        let wanted_by: Vec<String> = wanting.iter().map(|endpoint| endpoint.id.clone()).collect();
        let mut versions = vec![self.settings.api_version];
        versions.extend(wanting.iter().filter_map(|endpoint| endpoint.api_version));
        versions.sort_unstable();
        versions.dedup();
        let shown = versions.into_iter().map(|version| {
            let now = self.shown(version, object);
            let previous = before.and_then(|it| self.shown(version, it).difference(&now));
            let last = self.events.last().and_then(|it| it.data_in(version));
            (version, Data::new(&now, previous.as_ref(), last))
        });
        let shown = shown.collect();
        let created = self.event_created();
        if !wanted_by.is_empty() {
            self.undelivered.insert(id.clone(), wanted_by.clone());
        }
        self.event_index.insert(id.clone(), self.events.len());
        self.events.push(Arc::new(Event {
            id,
            kind,
            created,
            api_version: self.settings.api_version,
            shown,
            wanted_by,
            cause: self.cause.clone(),
        }));
        if kind.starts_with("customer.subscription.") {
            self.refresh_entitlements(&of);
        }
    }
}
