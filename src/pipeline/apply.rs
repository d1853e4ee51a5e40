//! Makes the answer: fold, match, tick, project, and one append.

use anyhow::Result;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tollgate_domain::catalog::Catalog;
use tollgate_domain::facts::{Facts, Learned, Observation, Urgency, Want, fold, tick};
use tollgate_domain::object::Kind;
use tollgate_domain::schedule::project;
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Append, Appended, Cause, Loaded, Observed, StoreError};
use tollgate_stripe::{envelope, event_object, object};

use super::wake::station;
use super::{Context, backoff, catalog};
use crate::telemetry::metric::{self, PLAIN};
use crate::telemetry::trace;

/// An observation that failed so often is parked.
const ATTEMPTS: i32 = 8;

pub(super) async fn run(context: Context, stop: CancellationToken) -> Result<()> {
    let Context {
        clock,
        settings,
        wakes,
        ..
    } = context.clone();
    let active = Mutex::new(catalog::Active::default());
    station("apply", &wakes.apply, &clock, settings.idle, &stop, || {
        round(&context, &active)
    })
    .await;
    Ok(())
}

async fn round(context: &Context, active: &Mutex<catalog::Active>) -> Result<bool, StoreError> {
    // Without a catalog nothing can be projected; what came stays where it is.
    let mut active = active.lock().await;
    let Some((activation, catalog)) = active.read(&context.store).await? else {
        return Ok(false);
    };
    let now = context.clock.now();
    let loaded = context.store.dirty(context.settings.batch, now).await?;
    if loaded.is_empty() {
        active.end(&context.store).await?;
        return Ok(false);
    }
    // Else more customers may wait to follow: they come last.
    let all = loaded.len() < usize::try_from(context.settings.batch).unwrap_or(usize::MAX);
    let rules = Rules {
        catalog: &catalog,
        activation,
        confirm_after: context.settings.confirm_after,
    };
    // Until the answer is written.
    let mut spans = vec![];
    let apply = |loaded: Loaded| {
        let causes = loaded.observed.iter();
        let span = trace::caused("apply", causes.filter_map(|it| it.cause.traceparent.as_deref()));
        let mut append = rules.apply(loaded, now);
        append.cause.traceparent = trace::context(&span, append.cause.traceparent.take());
        spans.push(span);
        append
    };
    let batch: Vec<Append> = loaded.into_iter().map(apply).collect();
    metric::APPLY_BATCH.record(PLAIN, batch.len());
    for (.., retry_at) in batch.iter().flat_map(|append| &append.failed) {
        metric::APPLY_FAILURES.count([if retry_at.is_some() { "retry" } else { "parked" }]);
    }
    let wanted = batch.iter().any(|append| !append.wants.is_empty());
    let appended = each_alone_if_refused(batch, |batch| context.store.append(batch)).await?;
    for outcome in &appended {
        let outcome = match outcome {
            Appended::Revision(_) => "applied",
            Appended::Unchanged => "unchanged",
            Appended::Stale => "stale",
        };
        metric::APPLIED.count([outcome]);
    }
    if appended
        .iter()
        .any(|outcome| matches!(outcome, Appended::Revision(_)))
    {
        // Only a hint: who polls sees it all the same.
        let _ = context.store.notify_feed().await;
    }
    if wanted {
        context.wakes.settle.notify_one();
    }
    if all {
        active.end(&context.store).await?;
    }
    Ok(true)
}

/// Appends a batch. If the database refuses the data of it, then each by itself, so that only the bad one fails: it stays
/// dirty, and its lease keeps it away for a while.
async fn each_alone_if_refused<F>(
    batch: Vec<Append>,
    append: impl Fn(Vec<Append>) -> F,
) -> Result<Vec<Appended>, StoreError>
where
    F: Future<Output = Result<Vec<Appended>, StoreError>>,
{
    match append(batch.clone()).await {
        Err(StoreError::Invalid(_)) if batch.len() > 1 => {}
        outcome => return outcome,
    }
    let mut appended = vec![];
    for one in batch {
        match append(vec![one]).await {
            Ok(outcome) => appended.extend(outcome),
            Err(error @ StoreError::Invalid(_)) => {
                tracing::error!(%error, "a customer's answer is refused; the others of its batch are not");
                metric::APPLIED.count(["failed"]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(appended)
}

/// By which an answer is made.
pub struct Rules<'a> {
    pub catalog: &'a Catalog,
    /// The number of the catalog's activation.
    pub activation: i64,
    /// How long an object must be quiet before it is fetched to confirm it.
    pub confirm_after: Span,
}

impl Rules<'_> {
    /// Pure: the whole of what one round makes of one customer.
    pub fn apply(&self, loaded: Loaded, clock: Timestamp) -> Append {
        let now = clock.max(loaded.as_of);
        let Loaded {
            customer,
            marks,
            facts,
            facts_version,
            schedule,
            overrides,
            observed,
            ..
        } = loaded;
        let causes = || observed.iter().map(|observed| &observed.cause);
        let cause = Cause {
            traceparent: causes().rev().find_map(|cause| cause.traceparent.clone()),
            accepted_at: causes().filter_map(|cause| cause.accepted_at).max(),
        };
        let mut learned = Learning {
            facts,
            wants: vec![],
            applied: vec![],
            failed: vec![],
        };
        for observed in observed {
            learned.learn(observed, self.catalog, now);
        }
        let Learning {
            facts,
            mut wants,
            applied,
            failed,
        } = learned;
        let ticked = tick(facts.matched_with(self.catalog), self.catalog, now);
        wants.extend(ticked.wants);
        let next = project(&ticked.facts, &overrides, self.catalog).trimmed(now);
        let retry = failed.iter().filter_map(|(_, _, at)| *at).min();
        let due_at = [ticked.next, next.next_change(now), retry]
            .into_iter()
            .flatten()
            .min();
        // The row's flip that has come is a difference, so what is kept is compared as it is kept.
        let changed = next != schedule;
        let due = |want: &Want| match want.urgency {
            Urgency::Now => now,
            Urgency::Confirm => now + self.confirm_after,
        };
        Append {
            customer,
            marks,
            facts_version,
            facts: ticked.facts.noted(self.catalog),
            schedule: changed.then_some(next),
            activation: self.activation,
            as_of: now,
            due_at,
            applied,
            failed,
            wants: wants
                .into_iter()
                .map(|want| (due(&want), want))
                .map(|(at, want)| (want, at))
                .collect(),
            cause,
        }
    }
}

struct Learning {
    facts: Facts,
    wants: Vec<Want>,
    applied: Vec<i64>,
    failed: Vec<(i64, String, Option<Timestamp>)>,
}

impl Learning {
    fn learn(&mut self, observed: Observed, catalog: &Catalog, now: Timestamp) {
        let Observed {
            seq,
            learned,
            body,
            attempts,
            ..
        } = observed;
        let read = match learned {
            Learned::Event { .. } => event_object(&body),
            Learned::Fetch { .. } => object(&body),
        };
        match read {
            Ok(Some(object)) => {
                let facts = std::mem::take(&mut self.facts).matched_by(&object, catalog);
                let (facts, wants) = fold(facts, Observation { seq, object, learned });
                self.facts = facts;
                self.wants.extend(wants);
                self.applied.push(seq);
            }
            // A thin event: it only says that something happened.
            Ok(None) => {
                self.wants.extend(named(&body));
                self.applied.push(seq);
            }
            Err(error) => {
                let retry_at = (attempts + 1 < ATTEMPTS).then(|| now + backoff(attempts));
                self.failed.push((seq, error.to_string(), retry_at));
                // What an event cannot say, Stripe can. An answer that cannot be read is not asked for again.
                if attempts == 0 && matches!(learned, Learned::Event { .. }) {
                    self.wants.extend(named(&body));
                }
            }
        }
    }
}

/// The object that an event names.
fn named(event: &[u8]) -> Option<Want> {
    let head = envelope(event).ok()?;
    Some(Want::now(
        Kind::parse(head.object_kind.as_deref()?)?,
        head.object_id.as_deref()?,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tollgate_domain::catalog::parse;
    use tollgate_domain::id::CustomerId;
    use tollgate_domain::schedule::Schedule;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

    fn loaded(observed: Vec<Observed>) -> Loaded {
        Loaded {
            customer: CustomerId::parse("acme").unwrap(),
            marks: 3,
            facts: Facts::default(),
            facts_version: 1,
            schedule: Schedule::default(),
            activation: 0,
            as_of: Timestamp(0),
            overrides: vec![],
            observed,
        }
    }

    fn event(seq: i64, body: &Value) -> Observed {
        Observed {
            seq,
            learned: Learned::Event { created: NOW },
            body: body.to_string().into(),
            attempts: 0,
            cause: Cause::default(),
        }
    }

    fn subscription(id: &str, end: i64) -> Value {
        let item = json!({"id": "si_1", "quantity": 1, "current_period_start": 1_690_000_000, "current_period_end": end,
            "price": {"id": "price_1", "product": "prod_1"}});
        let object = json!({"id": id, "object": "subscription", "customer": "cus_1", "status": "active",
            "created": 1_690_000_000, "cancel_at_period_end": true, "collection_method": "charge_automatically",
            "items": {"object": "list", "has_more": false, "data": [item]}});
        json!({"id": format!("evt_{id}"), "type": "customer.subscription.updated", "data": {"object": object}})
    }

    fn apply(loaded: Loaded, now: Timestamp) -> Append {
        let yaml = "features: {sso: {type: boolean}}\nplans: {team: {match: {price: price_1}, grants: {sso: true}}}\n";
        let catalog = parse(yaml).unwrap();
        Rules {
            catalog: &catalog,
            activation: 1,
            confirm_after: Span::seconds(10),
        }
        .apply(loaded, now)
    }

    #[test]
    fn what_cannot_be_read_is_fetched_and_blocks_nothing() {
        let broken = json!({"id": "evt_1", "type": "customer.subscription.updated",
            "data": {"object": {"id": "sub_1", "object": "subscription"}}});
        let made = apply(
            loaded(vec![
                event(1, &broken),
                event(2, &subscription("sub_2", 1_800_000_000)),
            ]),
            NOW,
        );
        assert_eq!(made.applied, [2]);
        assert!(made.schedule.is_some());
        assert_eq!(
            (made.failed.len(), made.failed[0].0, made.failed[0].2),
            (1, 1, Some(NOW + backoff(0)))
        );
        assert!(
            made.wants
                .contains(&(Want::now(Kind::Subscription, "sub_1"), NOW))
        );
        assert_eq!(made.due_at, Some(NOW + backoff(0)), "the retry is not forgotten");
        let last = Observed {
            attempts: ATTEMPTS - 1,
            ..event(1, &broken)
        };
        assert_eq!(apply(loaded(vec![last]), NOW).failed[0].2, None, "parked at last");
    }

    #[test]
    fn a_flip_that_has_come_is_one_revision_and_then_none() {
        let end = Timestamp::from_unix(1_700_086_400);
        let first = apply(loaded(vec![event(1, &subscription("sub_1", end.unix()))]), NOW);
        let kept = first.schedule.unwrap();
        let again = |schedule: Schedule, facts: Facts, now| {
            apply(
                Loaded {
                    schedule,
                    facts,
                    ..loaded(vec![])
                },
                now,
            )
        };
        assert_eq!(
            again(kept.clone(), first.facts.clone(), NOW + Span::hours(1)).schedule,
            None
        );
        let after = end + Span::hours(1);
        let flipped = again(kept, first.facts.clone(), after)
            .schedule
            .expect("the flip");
        assert_eq!(again(flipped, first.facts, after + Span::hours(1)).schedule, None);
    }

    #[tokio::test]
    async fn one_customer_whose_answer_is_refused_does_not_stop_the_others() {
        let named = |name: &str| {
            let loaded = loaded(vec![]);
            let customer = CustomerId::parse(name).unwrap();
            apply(Loaded { customer, ..loaded }, NOW)
        };
        let append = async |batch: Vec<Append>| {
            if batch.iter().any(|append| append.customer.as_str() == "bad") {
                return Err(StoreError::Invalid("22003".into()));
            }
            Ok(vec![Appended::Unchanged; batch.len()])
        };
        let batch = vec![named("acme"), named("bad"), named("other")];
        let appended = each_alone_if_refused(batch, append).await.unwrap();
        assert_eq!(appended, [Appended::Unchanged, Appended::Unchanged]);
        let away = async |_| Err(StoreError::Unavailable("away".into()));
        let batch = vec![named("acme"), named("other")];
        assert!(
            each_alone_if_refused(batch, away)
                .await
                .unwrap_err()
                .is_unavailable()
        );
    }

    #[test]
    fn time_does_not_run_backwards_for_a_customer() {
        let later = NOW + Span::hours(1);
        assert_eq!(
            apply(
                Loaded {
                    as_of: later,
                    ..loaded(vec![])
                },
                NOW
            )
            .as_of,
            later
        );
    }
}
