//! Makes the answer: fold, match, tick, project, and one append.

use anyhow::Result;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tollgate_domain::catalog::Catalog;
use tollgate_domain::facts::{Facts, Learned, Observation, Urgency, Want, fold, tick};
use tollgate_domain::schedule::project;
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Append, Appended, Loaded, Observed, StoreError};
use tollgate_stripe::{event_object, object};

use super::wake::station;
use super::{Context, backoff, catalog};

/// An observation that failed so often is parked.
const ATTEMPTS: i32 = 8;

pub async fn run(context: Context, stop: CancellationToken) -> Result<()> {
    let Context { clock, settings, wakes, .. } = context.clone();
    let active = Mutex::new(catalog::Active::default());
    station("apply", &wakes.apply, &clock, settings.idle, &stop, || round(&context, &active)).await;
    Ok(())
}

async fn round(context: &Context, active: &Mutex<catalog::Active>) -> Result<bool, StoreError> {
    // Without a catalog nothing can be projected; what came stays where it is.
    let Some((activation, catalog)) = active.lock().await.read(&context.store).await? else { return Ok(false) };
    let now = context.clock.now();
    let loaded = context.store.dirty(context.settings.batch, now).await?;
    if loaded.is_empty() {
        return Ok(false);
    }
    let rules = Rules { catalog: &catalog, activation, confirm_after: context.settings.confirm_after };
    let batch: Vec<Append> = loaded.into_iter().map(|loaded| rules.apply(loaded, now)).collect();
    let wanted = batch.iter().any(|append| !append.wants.is_empty());
    let appended = context.store.append(batch).await?;
    for outcome in &appended {
        let outcome = match outcome {
            Appended::Revision(_) => "revision",
            Appended::Unchanged => "unchanged",
            Appended::Stale => "stale",
        };
        metrics::counter!("tollgate_appends_total", "outcome" => outcome).increment(1);
    }
    if appended.iter().any(|outcome| matches!(outcome, Appended::Revision(_))) {
        // Only a hint: who polls sees it all the same.
        let _ = context.store.notify_feed().await;
    }
    if wanted {
        context.wakes.settle.notify_one();
    }
    Ok(true)
}

struct Rules<'a> {
    catalog: &'a Catalog,
    activation: i64,
    confirm_after: Span,
}

impl Rules<'_> {
    /// Pure: the whole of what one round makes of one customer.
    fn apply(&self, loaded: Loaded, clock: Timestamp) -> Append {
        let now = clock.max(loaded.as_of);
        let Loaded { customer, marks, facts, facts_version, schedule, overrides, observed, .. } = loaded;
        let traceparent = observed.iter().rev().find_map(|observed| observed.traceparent.clone());
        let mut learned = Learning { facts, wants: vec![], applied: vec![], failed: vec![] };
        for observed in observed {
            learned.learn(observed, now);
        }
        let Learning { facts, mut wants, applied, failed } = learned;
        let ticked = tick(facts.matched_with(self.catalog), self.catalog, now);
        wants.extend(ticked.wants);
        let next = project(&ticked.facts, &overrides, self.catalog).trimmed(now);
        let retry = failed.iter().filter_map(|(_, _, at)| *at).min();
        let due_at = [ticked.next, next.next_change(now), retry].into_iter().flatten().min();
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
            facts: ticked.facts,
            schedule: changed.then_some(next),
            activation: self.activation,
            as_of: now,
            due_at,
            applied,
            failed,
            wants: wants.into_iter().map(|want| (due(&want), want)).map(|(at, want)| (want, at)).collect(),
            traceparent,
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
    fn learn(&mut self, observed: Observed, now: Timestamp) {
        let Observed { seq, learned, body, attempts, .. } = observed;
        let read = match learned {
            Learned::Event { .. } => event_object(&body),
            Learned::Fetch { .. } => object(&body),
        };
        match read {
            Ok(Some(object)) => {
                let facts = std::mem::take(&mut self.facts);
                let (facts, wants) = fold(facts, Observation { seq, object, learned });
                self.facts = facts;
                self.wants.extend(wants);
                self.applied.push(seq);
            }
            // A thin event: it only says that something happened.
            Ok(None) => {
                if let Ok(head) = tollgate_stripe::envelope(&body)
                    && let Some((kind, id)) = head.object_kind.and_then(|kind| tollgate_domain::object::Kind::parse(&kind)).zip(head.object_id)
                {
                    self.wants.push(Want::now(kind, &id));
                }
                self.applied.push(seq);
            }
            Err(error) => {
                let retry_at = (attempts + 1 < ATTEMPTS).then(|| now + backoff(attempts));
                self.failed.push((seq, error.to_string(), retry_at));
            }
        }
    }
}
