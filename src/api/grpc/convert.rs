//! From the words of the domain to those of the contract, and back.

use std::collections::BTreeSet;

use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::schedule::{Answer, Reason, Schedule, Timeline};
use tollgate_domain::time::{Span, Timestamp};
use tollgate_domain::{catalog, revision};

use super::proto;
use super::proto::{answer, entitlement};
use super::status::Failure;
use crate::feed::filter::{Filter, Whom};
use crate::feed::state::Defaults;

/// So many names a watch may give.
const MAX_NAMED: usize = 1_000;

/// What holds for one feature at `now`, and what the clock will make of it.
pub(super) fn entitlement(feature: &FeatureId, timeline: &Timeline, now: Timestamp) -> proto::Entitlement {
    let answer = answer(timeline.eval(now));
    let scheduled_changes = changes(timeline.after(now));
    proto::Entitlement {
        feature: feature.to_string(),
        access: answer.access,
        reason: answer.reason,
        value: answer.value.map(|value| match value {
            answer::Value::Enabled(enabled) => entitlement::Value::Enabled(enabled),
            answer::Value::Limit(limit) => entitlement::Value::Limit(limit),
            answer::Value::Option(option) => entitlement::Value::Option(option),
            answer::Value::Text(text) => entitlement::Value::Text(text),
        }),
        plans: answer.plans,
        next_change_time: scheduled_changes.first().and_then(|change| change.time),
        scheduled_changes,
    }
}

/// Whether an answer allows so much.
pub(super) fn allows(answer: &Answer, required: u64) -> bool {
    answer.reason.granted()
        && match answer.value {
            catalog::Value::Limit(amount) => amount.is_none_or(|amount| amount >= required),
            _ => true,
        }
}

/// One customer's set, as far as the filter lets it through.
pub(super) fn customer_entitlements(
    customer: &CustomerId,
    schedule: &Schedule,
    filter: &Filter,
) -> proto::CustomerEntitlements {
    let features = schedule
        .0
        .iter()
        .filter(|(feature, _)| filter.lets_feature(feature));
    proto::CustomerEntitlements {
        customer: customer.to_string(),
        features: features
            .map(|(feature, timeline)| feature_schedule(feature, timeline))
            .collect(),
    }
}

/// What whom nothing touches has, as far as the filter lets it through.
pub(super) fn defaults(defaults: &Defaults, filter: &Filter) -> proto::Defaults {
    let features = defaults
        .catalog
        .features
        .keys()
        .filter(|feature| filter.lets_feature(feature));
    let features = features.filter_map(|feature| Some((feature, defaults.catalog.default_answer(feature)?)));
    proto::Defaults {
        features: features
            .map(|(feature, answer)| feature_schedule(feature, &Timeline::always(answer)))
            .collect(),
    }
}

fn feature_schedule(feature: &FeatureId, timeline: &Timeline) -> proto::FeatureSchedule {
    proto::FeatureSchedule {
        feature: feature.to_string(),
        first: Some(answer(&timeline.first)),
        changes: changes(&timeline.then),
    }
}

/// What the clock alone will change.
pub(super) fn changes(of: &[(Timestamp, Answer)]) -> Vec<proto::ScheduledChange> {
    let change = |(at, then): &(Timestamp, Answer)| proto::ScheduledChange {
        time: Some(time(*at)),
        answer: Some(answer(then)),
    };
    of.iter().map(change).collect()
}

/// What holds.
pub(super) fn answer(answer: &Answer) -> proto::Answer {
    let access = if answer.reason.granted() {
        proto::Access::Granted
    } else {
        proto::Access::Denied
    };
    let mut plans: Vec<String> = answer.plans.iter().map(ToString::to_string).collect();
    plans.sort_unstable();
    proto::Answer {
        access: access.into(),
        reason: reason(answer.reason).into(),
        value: value(&answer.value),
        plans,
    }
}

fn value(value: &catalog::Value) -> Option<answer::Value> {
    Some(match value {
        catalog::Value::Enabled(enabled) => answer::Value::Enabled(*enabled),
        catalog::Value::Limit(amount) => answer::Value::Limit(limit(*amount)),
        catalog::Value::Option(word) | catalog::Value::Text(word) if word.is_empty() => return None,
        catalog::Value::Option(option) => answer::Value::Option(option.clone()),
        catalog::Value::Text(text) => answer::Value::Text(text.clone()),
    })
}

/// A reason as people read it.
pub(super) fn word(of: Reason) -> String {
    proto::text::words(reason(of).as_str_name(), "REASON_")
}

/// So much; `None`: unlimited.
pub(super) fn limit(amount: Option<u64>) -> proto::Limit {
    proto::Limit {
        amount: i64::try_from(amount.unwrap_or(0)).unwrap_or(i64::MAX),
        unlimited: amount.is_none(),
    }
}

fn reason(reason: Reason) -> proto::Reason {
    match reason {
        Reason::NoPlan => proto::Reason::NoPlan,
        Reason::Unconfirmed => proto::Reason::Unconfirmed,
        Reason::Expired => proto::Reason::Expired,
        Reason::Refunded => proto::Reason::Refunded,
        Reason::Disputed => proto::Reason::Disputed,
        Reason::Canceled => proto::Reason::Canceled,
        Reason::Incomplete => proto::Reason::Incomplete,
        Reason::Paused => proto::Reason::Paused,
        Reason::PaymentFailed => proto::Reason::PaymentFailed,
        Reason::PaymentPending => proto::Reason::PaymentPending,
        Reason::OverrideDenied => proto::Reason::OverrideDenied,
        Reason::Default => proto::Reason::Default,
        Reason::PaidThrough => proto::Reason::PaidThrough,
        Reason::InGrace => proto::Reason::InGrace,
        Reason::Processing => proto::Reason::Processing,
        Reason::Trialing => proto::Reason::Trialing,
        Reason::Purchased => proto::Reason::Purchased,
        Reason::Active => proto::Reason::Active,
        Reason::OverrideAllowed => proto::Reason::OverrideAllowed,
    }
}

/// An instant.
pub(super) fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.unix(),
        nanos: i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

/// A span of time.
pub(super) fn duration(span: Span) -> prost_types::Duration {
    prost_types::Duration {
        seconds: span.0 / 1_000_000,
        nanos: i32::try_from(span.0 % 1_000_000 * 1_000).unwrap_or(0),
    }
}

/// An instant that a request names.
pub(super) fn instant(field: &str, at: &prost_types::Timestamp) -> Result<Timestamp, Failure> {
    // Of the years that a Timestamp may have.
    let known =
        (-62_135_596_800..=253_402_300_799).contains(&at.seconds) && (0..1_000_000_000).contains(&at.nanos);
    if !known {
        return Err(Failure::field(field, "is no time"));
    }
    Ok(Timestamp(at.seconds * 1_000_000 + i64::from(at.nanos / 1_000)))
}

/// A customer that a request names.
pub(super) fn customer(field: &str, text: &str) -> Result<CustomerId, Failure> {
    CustomerId::parse(text).map_err(|rule| Failure::field(field, rule.to_string()))
}

/// A feature that a request names.
pub(super) fn feature(field: &str, text: &str) -> Result<FeatureId, Failure> {
    FeatureId::parse(text).map_err(|rule| Failure::field(field, rule.to_string()))
}

/// A revision that a request gives; empty: none.
pub(super) fn token(field: &str, text: &str) -> Result<Option<revision::Token>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let refused = |rule: revision::InvalidRevision| {
        let rule = rule.to_string();
        Failure::new(proto::ErrorReason::InvalidRevision, format!("{field}: {rule}")).and_field(field, rule)
    };
    revision::Token::decode(text).map(Some).map_err(refused)
}

/// Whom and what a request wants to watch.
pub(super) fn filter(filter: Option<proto::WatchFilter>) -> Result<Filter, Failure> {
    let filter = filter.ok_or_else(|| Failure::field("filter", "is required: whom to watch"))?;
    let named = !filter.customers.is_empty();
    let prefixed = !filter.customer_prefix.is_empty();
    if [named, prefixed, filter.all_customers]
        .iter()
        .filter(|set| **set)
        .count()
        != 1
    {
        return Err(Failure::field(
            "filter",
            "exactly one of `customers`, `customer_prefix` and `all_customers` must be set",
        ));
    }
    if filter.customers.len() > MAX_NAMED {
        return Err(Failure::field(
            "filter.customers",
            format!("at most {MAX_NAMED}: watch a prefix, or everybody"),
        ));
    }
    let whom = if named {
        let names = filter.customers.iter().enumerate();
        let names = names.map(|(at, name)| customer(&format!("filter.customers[{at}]"), name));
        Whom::Named(names.collect::<Result<_, _>>()?)
    } else if prefixed {
        // Every beginning of a customer's id is itself one.
        customer("filter.customer_prefix", &filter.customer_prefix)?;
        Whom::prefixes([filter.customer_prefix])
    } else {
        Whom::All
    };
    let features = filter.features.iter().enumerate();
    let features = features.map(|(at, name)| feature(&format!("filter.features[{at}]"), name));
    Ok(Filter {
        whom,
        features: features.collect::<Result<BTreeSet<_>, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(reason: Reason, amount: Option<u64>) -> Answer {
        Answer {
            reason,
            value: catalog::Value::Limit(amount),
            plans: vec![],
        }
    }

    #[test]
    fn an_entitlement_is_the_schedule_read_at_an_instant() {
        let mut timeline = Timeline::always(seats(Reason::InGrace, Some(5)));
        timeline
            .then
            .push((Timestamp(1_500_000), seats(Reason::PaymentFailed, Some(0))));
        let feature = FeatureId::parse("seats").unwrap();
        let before = entitlement(&feature, &timeline, Timestamp(1_499_999));
        assert_eq!(
            (before.access(), before.reason()),
            (proto::Access::Granted, proto::Reason::InGrace)
        );
        let end = prost_types::Timestamp {
            seconds: 1,
            nanos: 500_000_000,
        };
        assert_eq!(before.next_change_time, Some(end));
        assert_eq!(before.scheduled_changes[0].time, Some(end));
        let after = entitlement(&feature, &timeline, Timestamp(1_500_000));
        assert_eq!(
            (after.access(), after.reason()),
            (proto::Access::Denied, proto::Reason::PaymentFailed)
        );
        assert_eq!((after.next_change_time, after.scheduled_changes.len()), (None, 0));
    }

    #[test]
    fn so_much_is_allowed_as_the_limit_says_and_unlimited_is_more_than_any() {
        assert!(allows(&seats(Reason::Active, Some(5)), 5));
        assert!(!allows(&seats(Reason::Active, Some(5)), 6));
        assert!(allows(&seats(Reason::Active, None), u64::MAX));
        assert!(!allows(&seats(Reason::NoPlan, Some(0)), 0));
    }

    #[test]
    fn a_filter_names_exactly_one_kind_of_whom() {
        let everybody = proto::WatchFilter {
            all_customers: true,
            ..Default::default()
        };
        assert_eq!(filter(Some(everybody.clone())).unwrap(), Filter::everything());
        let both = proto::WatchFilter {
            customer_prefix: "a".into(),
            ..everybody.clone()
        };
        for bad in [None, Some(proto::WatchFilter::default()), Some(both)] {
            assert_eq!(
                filter(bad).unwrap_err().reason(),
                proto::ErrorReason::InvalidField
            );
        }
        let unknown = proto::WatchFilter {
            features: vec!["SSO".into()],
            ..everybody
        };
        assert!(
            filter(Some(unknown))
                .unwrap_err()
                .message()
                .starts_with("filter.features[0]: ")
        );
    }
}
