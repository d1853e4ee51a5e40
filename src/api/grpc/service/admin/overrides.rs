//! Features decided by hand.

use tollgate_domain::catalog::{Catalog, FeatureType, Value};
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::overrides::Override;
use tollgate_domain::schedule::Answer;
use tollgate_store::Decided;
use tonic::Request;

use super::{by, expiry, pages};
use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::convert;
use crate::api::grpc::proto::{
    self, Access, DeleteOverrideRequest, DeleteOverrideResponse, ErrorReason, ListOverridesRequest,
    ListOverridesResponse, SetOverrideRequest, SetOverrideResponse, r#override, set_override_request,
};
use crate::api::grpc::service::Service;
use crate::api::grpc::service::checkout::refused;
use crate::api::grpc::service::read::Read;
use crate::api::grpc::status::Failure;

/// Longer text is no entitlement, and every replica holds it in memory.
const MAX_TEXT: usize = 1_000;

pub(super) async fn set(
    service: &Service,
    request: Request<SetOverrideRequest>,
) -> Result<SetOverrideResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let mut need = service.need(request.metadata(), "", false)?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    let feature = convert::feature("feature", &asked.feature)?;
    let by = by(&caller, &asked.actor, &asked.note)?;
    let read = service.read(&[], need).await?;
    let (_, kind, _) = of_catalog(&read, &feature)?;
    let decision = Override {
        allow: match asked.access() {
            Access::Granted => Some(granted(kind, asked.value)?),
            Access::Denied if asked.value.is_none() => None,
            Access::Denied => return Err(Failure::field("value", "nothing is given where access is denied")),
            Access::Unspecified => {
                let rule = "must be ACCESS_GRANTED or ACCESS_DENIED";
                return Err(Failure::field("access", rule));
            }
        },
        expires_at: expiry(asked.expire_time.as_ref(), read.now)?,
        feature,
    };
    let number = service.commands.set_override(&customer, &decision, &by).await;
    need.at_least = service.revision(number.map_err(refused)?);
    let read = service.read(std::slice::from_ref(&customer), need).await?;
    let timeline = read.timeline(read.first(), &decision.feature)?;
    // What is stored, which a retry finds as it was.
    let stored = service.commands.overrides(Some(&customer), None, i64::MAX).await;
    let stored = stored.map_err(refused)?;
    let stored = stored
        .into_iter()
        .find(|it| it.decision.feature == decision.feature);
    Ok(SetOverrideResponse {
        entitlement: Some(convert::entitlement(&decision.feature, &timeline, read.now)),
        r#override: stored.map(told),
        revision: read.revision(),
        evaluate_time: Some(convert::time(read.now)),
    })
}

pub(super) async fn delete(
    service: &Service,
    request: Request<DeleteOverrideRequest>,
) -> Result<DeleteOverrideResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let mut need = service.need(request.metadata(), "", false)?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    let feature = convert::feature("feature", &asked.feature)?;
    let by = by(&caller, &asked.actor, &asked.note)?;
    let number = service.commands.delete_override(&customer, &feature, &by).await;
    need.at_least = service.revision(number.map_err(refused)?);
    let read = service.read(&[customer], need).await?;
    // A feature that the catalog has dropped has no answer.
    let timeline = read.timeline(read.first(), &feature).ok();
    Ok(DeleteOverrideResponse {
        entitlement: timeline.map(|timeline| convert::entitlement(&feature, &timeline, read.now)),
        revision: read.revision(),
        evaluate_time: Some(convert::time(read.now)),
    })
}

pub(super) async fn list(
    service: &Service,
    request: Request<ListOverridesRequest>,
) -> Result<ListOverridesResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let asked = request.into_inner();
    let customer = caller.customer_or_all("customer", &asked.customer)?;
    let size = pages::size(asked.page_size)?;
    let after = match asked.page_token.as_str() {
        "" => None,
        token => Some(position(token).ok_or_else(pages::no_token)?),
    };
    let after = after.as_ref().map(|(customer, feature)| (customer, feature));
    let overrides = service
        .commands
        .overrides(customer.as_ref(), after, size + 1)
        .await;
    let mut overrides = overrides.map_err(refused)?;
    let token = |last: &Decided| format!("{}/{}", last.customer, last.decision.feature);
    let next_page_token = pages::cut(&mut overrides, size, token);
    Ok(ListOverridesResponse {
        overrides: overrides.into_iter().map(told).collect(),
        next_page_token,
    })
}

/// The active catalog, the feature's type in it, and what everybody has of it.
pub(super) fn of_catalog<'a>(
    read: &'a Read,
    feature: &FeatureId,
) -> Result<(&'a Catalog, &'a FeatureType, Answer), Failure> {
    let of = || {
        let catalog = &read.view.defaults.as_ref()?.catalog;
        Some((
            &**catalog,
            catalog.features.get(feature)?,
            catalog.default_answer(feature)?,
        ))
    };
    of().ok_or_else(|| {
        let text = format!("the active catalog has no feature `{feature}`");
        Failure::new(ErrorReason::UnknownFeature, text).with("feature", feature.as_str())
    })
}

/// After which override a page begins.
fn position(token: &str) -> Option<(CustomerId, FeatureId)> {
    let (customer, feature) = token.split_once('/')?;
    Some((CustomerId::parse(customer).ok()?, FeatureId::parse(feature).ok()?))
}

/// The value of a feature that is granted by hand.
fn granted(kind: &FeatureType, asked: Option<set_override_request::Value>) -> Result<Value, Failure> {
    use set_override_request::Value as Asked;
    let value = match (kind, asked) {
        (FeatureType::Boolean, None) => Value::Enabled(true),
        (_, Some(Asked::Enabled(enabled))) => Value::Enabled(enabled),
        (_, Some(Asked::Limit(limit))) if limit.unlimited => Value::Limit(None),
        (_, Some(Asked::Limit(limit))) => Value::Limit(Some(u64::try_from(limit.amount).unwrap_or(0))),
        (_, Some(Asked::Option(option))) => Value::Option(option),
        (_, Some(Asked::Text(text))) => Value::Text(text.chars().take(MAX_TEXT + 1).collect()),
        (_, None) => return Err(Failure::field("value", rule(kind))),
    };
    let too_long =
        matches!(&value, Value::Text(text) if text.chars().count() > MAX_TEXT || text.contains('\0'));
    if too_long || !kind.takes(&value) {
        return Err(Failure::field("value", rule(kind)));
    }
    Ok(value)
}

fn rule(kind: &FeatureType) -> String {
    match kind {
        FeatureType::Boolean => "must be `enabled: true`, or none: the feature is a boolean".to_owned(),
        FeatureType::Limit { .. } => {
            "must be a `limit` of at least 1, or unlimited: the feature is a limit".to_owned()
        }
        FeatureType::Enum { order } => {
            format!("must be an `option` of the feature's: {}", order.join(", "))
        }
        FeatureType::String => format!("must be a `text` of 1 to {MAX_TEXT} characters"),
    }
}

/// An override as callers see it.
pub(super) fn told(decided: Decided) -> proto::Override {
    let Decided {
        customer,
        decision,
        actor,
        note,
        set_at,
    } = decided;
    use r#override::Value as Told;
    let access = if decision.allow.is_some() {
        Access::Granted
    } else {
        Access::Denied
    };
    proto::Override {
        customer: customer.to_string(),
        feature: decision.feature.to_string(),
        access: access.into(),
        value: decision.allow.map(|value| match value {
            Value::Enabled(enabled) => Told::Enabled(enabled),
            Value::Limit(amount) => Told::Limit(convert::limit(amount)),
            Value::Option(option) => Told::Option(option),
            Value::Text(text) => Told::Text(text),
        }),
        expire_time: decision.expires_at.map(convert::time),
        actor,
        note,
        set_time: Some(convert::time(set_at)),
    }
}
