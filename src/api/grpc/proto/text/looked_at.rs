//! What support looks at, one line each.

use std::fmt::{self, Display, Formatter};

use crate::api::grpc::proto::{Event, EventState, Oddity, OddityKind};

impl Display for Oddity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = self.kind().as_str_name();
        let kind = kind.trim_start_matches("ODDITY_KIND_");
        f.write_str(&kind.to_lowercase().replace('_', " "))?;
        if let Some(since) = self.since_time {
            write!(f, " since {since}")?;
        }
        let event = match (&*self.event, &*self.event_type) {
            ("", _) => String::new(),
            (id, event_type) => format!("{id} ({event_type})"),
        };
        let related = self.related_objects.join(" ");
        let suggested = self.suggested_customer.clone();
        let tried = match (self.attempts, &*self.error) {
            (0, error) => error.to_owned(),
            (attempts, error) => format!("{error} ({attempts} attempts)"),
        };
        let related_is = match self.kind() {
            OddityKind::WaitingEvent => "waits for any of",
            OddityKind::UnmatchedPrice | OddityKind::DoubleSubscription => "paid for by",
            _ => "with",
        };
        for (what, text) in [
            ("customer", &self.customer),
            ("", &self.subject),
            ("", &event),
            ("about", &self.stripe_object),
            (related_is, &related),
            ("perhaps", &suggested),
            ("error", &tried),
        ] {
            match (what, text.as_str()) {
                (_, "") => {}
                ("", text) => write!(f, " {text}")?,
                (what, text) => write!(f, " {what} {text}")?,
            }
        }
        Ok(())
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(time) = self.receive_time {
            write!(f, "{time} ")?;
        }
        let state = match self.state() {
            EventState::Unspecified => "unknown".to_owned(),
            state => state
                .as_str_name()
                .trim_start_matches("EVENT_STATE_")
                .to_lowercase(),
        };
        write!(f, "{} {} {} {state}", self.id, self.r#type, self.stripe_object)?;
        if !self.customer.is_empty() {
            write!(f, " of {}", self.customer)?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if !self.has_body {
            f.write_str(" (body not kept)")?;
        }
        Ok(())
    }
}
