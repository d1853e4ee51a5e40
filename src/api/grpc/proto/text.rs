//! The answers as people read them: one line each.

mod looked_at;

use std::fmt::{self, Display, Formatter};

use super::{
    Access, Answer, AuditAction, AuditEntry, Checkout, CheckoutState, CloseReason, CustomerEntitlements,
    Entitlement, Fact, FeatureSchedule, Override, PaymentState, Reason, ScheduledChange, Start,
    WatchEntitlementsResponse, answer, entitlement, r#override, watch_entitlements_response::Event,
};

impl Entitlement {
    /// The answer without the feature's name.
    fn answer(&self) -> Answer {
        use answer::Value;
        Answer {
            access: self.access,
            reason: self.reason,
            value: self.value.clone().map(|value| match value {
                entitlement::Value::Enabled(enabled) => Value::Enabled(enabled),
                entitlement::Value::Limit(limit) => Value::Limit(limit),
                entitlement::Value::Option(option) => Value::Option(option),
                entitlement::Value::Text(text) => Value::Text(text),
            }),
            plans: self.plans.clone(),
        }
    }
}

impl Display for Entitlement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        line(f, &self.feature, &self.answer(), &self.scheduled_changes)
    }
}

impl Display for FeatureSchedule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        line(
            f,
            &self.feature,
            &self.first.clone().unwrap_or_default(),
            &self.changes,
        )
    }
}

fn line(f: &mut Formatter<'_>, feature: &str, now: &Answer, changes: &[ScheduledChange]) -> fmt::Result {
    write!(f, "{feature} {now}")?;
    for change in changes {
        let time = change.time.map(|time| time.to_string()).unwrap_or_default();
        write!(f, "; from {time} {}", change.answer.clone().unwrap_or_default())?;
    }
    Ok(())
}

impl Display for Override {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        use answer::Value;
        let value = self.value.clone().map(|value| match value {
            r#override::Value::Enabled(enabled) => Value::Enabled(enabled),
            r#override::Value::Limit(limit) => Value::Limit(limit),
            r#override::Value::Option(option) => Value::Option(option),
            r#override::Value::Text(text) => Value::Text(text),
        });
        write!(f, "{}: {} ", self.customer, self.feature)?;
        access(f, self.access(), value.as_ref())?;
        if let Some(time) = &self.expire_time {
            write!(f, " until {time}")?;
        }
        let time = self.set_time.map(|time| time.to_string()).unwrap_or_default();
        write!(f, ", by {} at {time}: {}", self.actor, self.note)
    }
}

impl Display for AuditEntry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let time = self.time.map(|time| time.to_string()).unwrap_or_default();
        let action = words(AuditAction::as_str_name(&self.action()), "AUDIT_ACTION_");
        write!(f, "{time} {action}")?;
        // Of what is about no customer, or no feature, neither is told.
        let about = [&self.customer, &self.feature]
            .into_iter()
            .filter(|it| !it.is_empty());
        for (n, it) in about.enumerate() {
            write!(f, "{} {it}", if n == 0 { ":" } else { "" })?;
        }
        write!(f, ", by {}", self.actor)?;
        if !self.caller.is_empty() {
            write!(f, " through {}", self.caller)?;
        }
        write!(f, ": {}", self.note)
    }
}

impl Display for Fact {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let time = self.as_of_time.map(|time| time.to_string()).unwrap_or_default();
        let sure = if self.confirmed {
            "confirmed"
        } else {
            "not confirmed yet"
        };
        write!(f, "{} {}: as of {time}, {sure}", self.kind, self.stripe_object)?;
        if !self.last_event.is_empty() {
            write!(f, ", last event {}", self.last_event)?;
        }
        Ok(())
    }
}

fn access(f: &mut Formatter<'_>, access: Access, value: Option<&answer::Value>) -> fmt::Result {
    use answer::Value;
    let granted = access == Access::Granted;
    f.write_str(if granted { "granted" } else { "denied" })?;
    match value {
        Some(Value::Limit(limit)) if limit.unlimited => f.write_str(" unlimited"),
        Some(Value::Limit(limit)) if granted => write!(f, " {}", limit.amount),
        Some(Value::Option(option)) if granted => write!(f, " {option}"),
        Some(Value::Text(text)) if granted => write!(f, " {text:?}"),
        _ => Ok(()),
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        access(f, self.access(), self.value.as_ref())?;
        write!(f, " ({}", words(Reason::as_str_name(&self.reason()), "REASON_"))?;
        match self.plans.as_slice() {
            [] => {}
            [plan] => write!(f, ", plan {plan}")?,
            plans => write!(f, ", plans {}", plans.join(" + "))?,
        }
        f.write_str(")")
    }
}

impl Display for CustomerEntitlements {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.customer,
            set(&self.features, "nothing but the defaults")
        )
    }
}

impl Display for Checkout {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let state = words(CheckoutState::as_str_name(&self.state()), "CHECKOUT_STATE_");
        let payment = words(PaymentState::as_str_name(&self.payment_state()), "PAYMENT_STATE_");
        write!(f, "{} of {}: {state}, payment {payment}", self.id, self.customer)?;
        if !self.url.is_empty() {
            write!(f, ", to pay at {}", self.url)?;
        }
        Ok(())
    }
}

impl Display for WatchEntitlementsResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.event {
            Some(Event::Opened(opened)) => {
                write!(
                    f,
                    "opened: {}",
                    words(Start::as_str_name(&opened.start()), "START_")
                )?;
                if !opened.unknown_features.is_empty() {
                    write!(f, ", no such feature yet: {}", opened.unknown_features.join(", "))?;
                }
                Ok(())
            }
            Some(Event::CustomerEntitlements(set)) => set.fmt(f),
            Some(Event::Defaults(defaults)) => write!(f, "defaults: {}", set(&defaults.features, "none")),
            Some(Event::Checkpoint(_)) => write!(f, "checkpoint: complete at {}", self.revision),
            Some(Event::Closing(closing)) => {
                let reason = words(CloseReason::as_str_name(&closing.reason()), "CLOSE_REASON_");
                write!(f, "closing: {reason}")
            }
            None => f.write_str("a frame of a kind that this version does not know"),
        }
    }
}

fn set(features: &[FeatureSchedule], empty: &str) -> String {
    if features.is_empty() {
        return empty.to_owned();
    }
    features
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" | ")
}

/// `REASON_IN_GRACE` as `in grace`.
pub(in crate::api::grpc) fn words(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .to_lowercase()
        .replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::super::Limit;
    use super::*;

    #[test]
    fn an_answer_is_one_line_with_its_reason_and_its_future() {
        let later = Answer {
            access: Access::Denied.into(),
            reason: Reason::Canceled.into(),
            ..Answer::default()
        };
        let now = Entitlement {
            feature: "seats".into(),
            access: Access::Granted.into(),
            reason: Reason::InGrace.into(),
            value: Some(entitlement::Value::Limit(Limit {
                amount: 5,
                unlimited: false,
            })),
            plans: vec!["team".into()],
            scheduled_changes: vec![ScheduledChange {
                time: Some(prost_types::Timestamp {
                    seconds: 1_800_000_000,
                    nanos: 0,
                }),
                answer: Some(later),
            }],
            ..Entitlement::default()
        };
        assert_eq!(
            now.to_string(),
            "seats granted 5 (in grace, plan team); from 2027-01-15T08:00:00Z denied (canceled)"
        );
    }
}
