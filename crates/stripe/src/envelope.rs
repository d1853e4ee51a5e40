//! What every event has, whatever its API version, and whether or not this version knows its type.

use serde_json::Value;
use tollgate_domain::time::Timestamp;

use crate::json::{id, instant, text};

/// The outside of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// `evt_…`; the key by which duplicates are known.
    pub id: String,
    /// Such as `invoice.paid`; empty where the event has none.
    pub event_type: String,
    /// Whole seconds in snapshot events; 1970 where the event has none.
    pub created: Timestamp,
    pub livemode: Option<bool>,
    /// The connected account (`acct_…`); a thin event's `context`.
    pub account: Option<String>,
    /// Thin events have none.
    pub api_version: Option<String>,
    /// Stripe's word for the object that the event is about, such as `subscription`.
    pub object_kind: Option<String>,
    /// Its id; previews, such as an upcoming invoice, have none.
    pub object_id: Option<String>,
    /// The event names its object but does not carry it: the object must be fetched.
    pub thin: bool,
}

/// Not an event, or not an object of Stripe's. The text says why and quotes nothing of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub(crate) String);

/// Reads the outside of a snapshot event of any API version or of a thin event. Only what is not a JSON object, or has
/// no id, is refused.
pub fn envelope(body: &[u8]) -> Result<Envelope, Unreadable> {
    let event = parse(body)?;
    let thin = is_thin(&event);
    let object = &event["data"]["object"];
    let related = &event["related_object"];
    Ok(Envelope {
        id: text(&event["id"]).ok_or_else(|| Unreadable("the event has no id".into()))?,
        event_type: text(&event["type"]).unwrap_or_default(),
        created: instant(&event["created"]).unwrap_or_default(),
        livemode: event["livemode"].as_bool(),
        account: text(&event["account"]).or_else(|| text(&event["context"])),
        api_version: text(&event["api_version"]),
        object_kind: if thin {
            text(&related["type"])
        } else {
            text(&object["object"])
        },
        object_id: if thin { id(related) } else { id(object) },
        thin,
    })
}

/// Whether the object must be fetched. Some libraries' thin events call themselves `event`.
pub(crate) fn is_thin(event: &Value) -> bool {
    event["object"] == "v2.core.event" || !event["data"]["object"].is_object()
}

/// A JSON object, with nothing after it.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Unreadable> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Unreadable("the body is JSON, but not an object".into())),
        Err(error) => Err(Unreadable(format!(
            "the body is not JSON (line {} column {})",
            error.line(),
            error.column()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(event: Value) -> Envelope {
        envelope(event.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn snapshot_events_carry_their_object() {
        let envelope = read(json!({
            "id": "evt_1", "object": "event", "type": "customer.subscription.updated", "created": 1_700_000_000,
            "livemode": false, "account": "acct_1", "api_version": "2019-03-14",
            "data": {"object": {"id": "sub_1", "object": "subscription"}},
        }));
        assert_eq!(
            envelope,
            Envelope {
                id: "evt_1".into(),
                event_type: "customer.subscription.updated".into(),
                created: Timestamp::from_unix(1_700_000_000),
                livemode: Some(false),
                account: Some("acct_1".into()),
                api_version: Some("2019-03-14".into()),
                object_kind: Some("subscription".into()),
                object_id: Some("sub_1".into()),
                thin: false,
            }
        );
    }

    #[test]
    fn thin_events_name_it() {
        let envelope = read(json!({
            "id": "evt_2", "object": "v2.core.event", "type": "v1.customer.subscription.updated",
            "created": "2024-09-26T17:46:22.134Z", "context": "acct_1", "data": {"reason": {}},
            "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
        }));
        assert!(envelope.thin);
        assert_eq!(envelope.created, Timestamp(1_727_372_782_134_000));
        assert_eq!(envelope.account.as_deref(), Some("acct_1"));
        assert_eq!(envelope.object_kind.as_deref(), Some("subscription"));
        assert_eq!(envelope.object_id.as_deref(), Some("sub_1"));
    }

    #[test]
    fn unknown_and_wrongly_typed_fields_degrade() {
        let envelope = read(json!({"id": "evt_3", "type": 7, "created": {}, "livemode": "no", "data": []}));
        assert_eq!(
            (envelope.event_type.as_str(), envelope.created),
            ("", Timestamp(0))
        );
        assert_eq!((envelope.livemode, envelope.object_kind), (None, None));
        let preview = read(json!({"id": "evt_4", "data": {"object": {"object": "invoice"}}}));
        assert_eq!(
            (preview.object_kind.as_deref(), preview.object_id),
            (Some("invoice"), None)
        );
    }

    #[test]
    fn what_is_not_an_event_is_unreadable_and_not_quoted() {
        let deep = "[".repeat(100_000);
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"\"evt\"",
            b"{}",
            b"secret",
            br#"{"id":""}"#,
            br#"{"id":7}"#,
            b"{\"id\":\"a\"}[",
            br#"{"id":"a\u0000"}"#,
            b"{\"id\":\"\xff\"}",
            deep.as_bytes(),
            br#"{"id":"evt_1","created":1e999}"#,
        ] {
            let error = envelope(body).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
