//! Why a customer has a feature or has it not.

mod served;
mod told;

use tollgate_domain::catalog::FeatureType;
use tollgate_domain::facts::Facts;
use tollgate_domain::schedule::{Answer, Contribution, Reason, Schedule, Timeline, contributions};
use tollgate_domain::time::Timestamp;
use tonic::Request;

use told::Told;

use super::overrides;
use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::convert;
use crate::api::grpc::proto::{self, ExplainEntitlementRequest, ExplainEntitlementResponse, Fact};
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
    let at = asked
        .at_time
        .as_ref()
        .map(|at| convert::instant("at_time", at))
        .transpose()?;
    let at = at.unwrap_or(read.now);
    if at < read.now {
        return served::explain(service, &customer, &feature, at).await;
    }
    let (catalog, kind, default) = overrides::of_catalog(&read, &feature)?;
    let explained = service.commands.explain(&customer).await.map_err(refused)?;
    let (row, activation, since) = (explained.row, explained.activation, explained.since);
    let (facts, schedule, pending) = row.map_or((Facts::default(), Schedule::default(), false), |row| {
        (row.facts, row.schedule, row.dirty || row.activation < activation)
    });
    let timeline = schedule.0.get(&feature).cloned();
    let timeline = timeline.unwrap_or_else(|| Timeline::always(default.clone()));
    let entitlement = convert::entitlement(&feature, &timeline, at);
    let made_of = contributions(&facts, catalog, &feature, at);
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
        default: &default,
        at,
        foretold: at > read.now,
    };
    Ok(ExplainEntitlementResponse {
        summary: told.summary(),
        rules: told.rules(),
        contributions: made_of.iter().map(|it| contribution(kind, it)).collect(),
        r#override: by_hand.map(overrides::told),
        catalog_default: Some(convert::answer(&default)),
        facts: known,
        pending,
        evaluate_time: Some(convert::time(at)),
        served_since_time: since.map(convert::time),
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
