//! Why a customer has a feature or has it not.

use tollgate_domain::catalog::FeatureType;
use tollgate_domain::facts::Facts;
use tollgate_domain::schedule::{Answer, Contribution, Reason, Schedule, Timeline, contributions};
use tollgate_domain::time::Timestamp;
use tollgate_store::Decided;
use tonic::Request;

use super::overrides;
use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::convert;
use crate::api::grpc::proto::{
    self, Entitlement, ExplainEntitlementRequest, ExplainEntitlementResponse, Fact,
};
use crate::api::grpc::service::Service;
use crate::api::grpc::service::checkout::refused;
use crate::api::grpc::status::Failure;

pub(super) async fn explain(
    service: &Service,
    request: Request<ExplainEntitlementRequest>,
) -> Result<ExplainEntitlementResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let need = service.need(request.metadata(), "", false)?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    let feature = convert::feature("feature", &asked.feature)?;
    let read = service.read(&[], need).await?;
    let (catalog, kind, default) = overrides::of_catalog(&read, &feature)?;
    let explained = service.commands.explain(&customer).await.map_err(refused)?;
    let (row, activation) = (explained.row, explained.activation);
    let (facts, schedule, pending) = row.map_or((Facts::default(), Schedule::default(), false), |row| {
        (row.facts, row.schedule, row.dirty || row.activation < activation)
    });
    let timeline = schedule.0.get(&feature).cloned();
    let timeline = timeline.unwrap_or_else(|| Timeline::always(default.clone()));
    let entitlement = convert::entitlement(&feature, &timeline, read.now);
    let made_of = contributions(&facts, catalog, &feature, read.now);
    let by_hand = explained
        .overrides
        .into_iter()
        .find(|it| it.decision.feature == feature);
    let last_event = |seq: i64| explained.events.get(&seq).cloned().unwrap_or_default();
    let mut known: Vec<Fact> = facts
        .objects
        .iter()
        .map(|(id, known)| Fact {
            stripe_object: id.clone(),
            kind: known.object.kind().as_str().to_owned(),
            as_of_time: Some(convert::time(known.to)),
            confirmed: known.confirmed,
            last_event: last_event(known.last_seq),
        })
        .collect();
    known.sort_by(|a, b| (&a.kind, &a.stripe_object).cmp(&(&b.kind, &b.stripe_object)));
    let told = Told {
        customer: customer.as_str(),
        entitlement: &entitlement,
        made_of: &made_of,
        by_hand: by_hand.as_ref(),
        kind,
        facts: &known,
        pending,
        now: read.now,
    };
    Ok(ExplainEntitlementResponse {
        summary: told.summary(),
        contributions: made_of.iter().map(|it| contribution(kind, it)).collect(),
        r#override: by_hand.map(overrides::told),
        catalog_default: Some(convert::answer(&default)),
        facts: known,
        pending,
        evaluate_time: Some(convert::time(read.now)),
        entitlement: Some(entitlement),
    })
}

fn contribution(kind: &FeatureType, it: &Contribution) -> proto::Contribution {
    let answer = |reason: Reason| Answer {
        reason,
        value: if reason.granted() {
            it.value.clone()
        } else {
            kind.nothing()
        },
        plans: vec![it.plan.clone()],
    };
    let then: Vec<(Timestamp, Answer)> = it
        .then
        .iter()
        .map(|(at, reason)| (*at, answer(*reason)))
        .collect();
    proto::Contribution {
        plan: it.plan.to_string(),
        stripe_object: it.object.clone(),
        quantity: i64::try_from(it.quantity).unwrap_or(i64::MAX),
        answer: Some(convert::answer(&answer(it.reason))),
        scheduled_changes: convert::changes(&then),
    }
}

/// What the summary tells.
struct Told<'a> {
    customer: &'a str,
    entitlement: &'a Entitlement,
    made_of: &'a [Contribution],
    by_hand: Option<&'a Decided>,
    kind: &'a FeatureType,
    facts: &'a [Fact],
    pending: bool,
    now: Timestamp,
}

impl Told<'_> {
    fn summary(&self) -> String {
        let mut text = vec![format!("{}: {}.", self.customer, self.entitlement)];
        let alive = self
            .by_hand
            .filter(|it| it.decision.expires_at.is_none_or(|end| self.now < end));
        if let Some(decided) = alive {
            let Decided { actor, note, .. } = decided;
            let fits = decided
                .decision
                .allow
                .as_ref()
                .is_none_or(|value| self.kind.takes(value));
            text.push(if fits {
                format!("It was decided by hand, by {actor}: {note}. What follows does not count meanwhile.")
            } else {
                format!("What was decided by hand, by {actor}, is no value of the feature any more and does not count.")
            });
        }
        let (counts, not): (Vec<_>, Vec<_>) = self.made_of.iter().partition(|it| it.reason.granted());
        // A paid period whose turn has not come.
        let not: Vec<_> = not.into_iter().filter(|it| it.reason != Reason::NoPlan).collect();
        if !counts.is_empty() {
            text.push(format!("It is given by {}.", listed(&counts)));
        }
        if !not.is_empty() {
            text.push(format!("Not counted: {}.", listed(&not)));
        }
        if self.made_of.is_empty() {
            text.push("No subscription or purchase that is known gives it.".to_owned());
        }
        let unsure: Vec<&str> = self
            .facts
            .iter()
            .filter(|fact| !fact.confirmed)
            .map(|fact| fact.stripe_object.as_str())
            .collect();
        match (self.facts.is_empty(), unsure.is_empty()) {
            (true, _) => text.push("Nothing of this customer was ever heard from Stripe.".to_owned()),
            (false, true) => text.push("Stripe was asked about everything that it rests on.".to_owned()),
            (false, false) => text.push(format!(
                "Known by events only, Stripe will be asked: {}.",
                unsure.join(", ")
            )),
        }
        if self.pending {
            text.push("Something newer is being applied; ask again in a moment.".to_owned());
        }
        text.join(" ")
    }
}

fn listed(all: &[&Contribution]) -> String {
    let each = |it: &&Contribution| {
        let reason = convert::word(it.reason);
        format!(
            "plan {} × {} through {} ({reason})",
            it.plan, it.quantity, it.object
        )
    };
    all.iter().map(each).collect::<Vec<_>>().join(", ")
}
