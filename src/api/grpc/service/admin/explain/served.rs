//! What was answered at an instant that is over.

use tollgate_domain::catalog;
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::schedule::Timeline;
use tollgate_domain::time::Timestamp;
use tollgate_store::Served;

use super::refused;
use crate::api::grpc::convert;
use crate::api::grpc::proto::{ErrorReason, ExplainEntitlementResponse};
use crate::api::grpc::service::Service;
use crate::api::grpc::status::Failure;

pub(super) async fn explain(
    service: &Service,
    customer: &CustomerId,
    feature: &FeatureId,
    at: Timestamp,
) -> Result<ExplainEntitlementResponse, Failure> {
    let (catalog, schedule) = match service.commands.served(customer, at).await.map_err(refused)? {
        Served::At { catalog, schedule } => (catalog, schedule),
        Served::Before(since) => {
            let since = convert::time(since).to_string();
            let text = format!("what was answered then is not kept: it is kept since {since}");
            return Err(Failure::new(ErrorReason::NotRetained, text).with("since", since));
        }
    };
    // Of a version that this binary cannot read nothing is said.
    let catalog = catalog.and_then(|yaml| catalog::parse(&yaml).ok());
    let default = catalog.and_then(|catalog| catalog.default_answer(feature));
    let since = schedule.as_ref().map(|(_, since)| *since);
    let kept = schedule.and_then(|(mut schedule, _)| schedule.0.remove(feature));
    let timeline = kept.or(default.clone().map(Timeline::always)).ok_or_else(|| {
        let text = format!("the catalog of then had no feature `{feature}`");
        Failure::new(ErrorReason::UnknownFeature, text).with("feature", feature.as_str())
    })?;
    let entitlement = convert::entitlement(feature, &timeline, at);
    let heard = match since {
        Some(since) => format!("The service answered so since {}.", convert::time(since)),
        None => "Nothing had been heard of the customer.".to_owned(),
    };
    let summary = format!("At {} {customer} had {entitlement}. {heard}", convert::time(at));
    Ok(ExplainEntitlementResponse {
        summary,
        catalog_default: default.as_ref().map(convert::answer),
        evaluate_time: Some(convert::time(at)),
        served_since_time: since.map(convert::time),
        entitlement: Some(entitlement),
        ..ExplainEntitlementResponse::default()
    })
}
