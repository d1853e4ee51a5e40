//! What customers may use: every method reads one view, at one revision and one instant.

use std::sync::Arc;

use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::revision::{Revision, Token};
use tollgate_domain::schedule::Timeline;
use tollgate_domain::time::Timestamp;
use tonic::{Request, metadata::MetadataMap};

use super::{Service, unanswerable};
use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::proto::{
    BatchGetEntitlementsRequest, BatchGetEntitlementsResponse, CheckEntitlementRequest,
    CheckEntitlementResponse, Entitlement, EntitlementError, EntitlementKey, EntitlementResult, ErrorReason,
    GetEntitlementRequest, GetEntitlementResponse, ListEntitlementsRequest, ListEntitlementsResponse,
    entitlement_result,
};
use crate::api::grpc::status::Failure;
use crate::api::grpc::{convert, deadline};
use crate::feed::state::Row;
use crate::feed::view::{Need, View};

/// Pairs in one call.
const MAX_KEYS: usize = 1_000;

pub(super) async fn get(
    service: &Service,
    request: Request<GetEntitlementRequest>,
) -> Result<GetEntitlementResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let need = service.need(
        request.metadata(),
        &request.get_ref().at_least_revision,
        request.get_ref().fully_current,
    )?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    let feature = convert::feature("feature", &asked.feature)?;
    let read = service.read(&[customer], need).await?;
    let timeline = read.timeline(read.first(), &feature)?;
    Ok(GetEntitlementResponse {
        entitlement: Some(convert::entitlement(&feature, &timeline, read.now)),
        revision: read.revision(),
        evaluate_time: Some(convert::time(read.now)),
        fresh_time: read.view.fresh_at.map(convert::time),
        revision_lost: read.view.revision_lost,
    })
}

pub(super) async fn check(
    service: &Service,
    request: Request<CheckEntitlementRequest>,
) -> Result<CheckEntitlementResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let need = service.need(
        request.metadata(),
        &request.get_ref().at_least_revision,
        request.get_ref().fully_current,
    )?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    let feature = convert::feature("feature", &asked.feature)?;
    let required = u64::try_from(asked.required_amount)
        .map_err(|_| Failure::field("required_amount", "must be at least 0"))?;
    let read = service.read(&[customer], need).await?;
    let timeline = read.timeline(read.first(), &feature)?;
    Ok(CheckEntitlementResponse {
        allowed: convert::allows(timeline.eval(read.now), required),
        entitlement: Some(convert::entitlement(&feature, &timeline, read.now)),
        revision: read.revision(),
        evaluate_time: Some(convert::time(read.now)),
        fresh_time: read.view.fresh_at.map(convert::time),
        revision_lost: read.view.revision_lost,
    })
}

pub(super) async fn list(
    service: &Service,
    request: Request<ListEntitlementsRequest>,
) -> Result<ListEntitlementsResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let need = service.need(
        request.metadata(),
        &request.get_ref().at_least_revision,
        request.get_ref().fully_current,
    )?;
    let customer = caller.customer("customer", &request.get_ref().customer)?;
    let read = service.read(&[customer], need).await?;
    Ok(ListEntitlementsResponse {
        entitlements: read.entitlements(read.first()),
        revision: read.revision(),
        evaluate_time: Some(convert::time(read.now)),
        fresh_time: read.view.fresh_at.map(convert::time),
        revision_lost: read.view.revision_lost,
    })
}

pub(super) async fn batch(
    service: &Service,
    request: Request<BatchGetEntitlementsRequest>,
) -> Result<BatchGetEntitlementsResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let need = service.need(
        request.metadata(),
        &request.get_ref().at_least_revision,
        request.get_ref().fully_current,
    )?;
    let keys = request.into_inner().keys;
    if !(1..=MAX_KEYS).contains(&keys.len()) {
        return Err(Failure::field("keys", format!("must be 1 to {MAX_KEYS} pairs")));
    }
    let parsed: Vec<Result<(CustomerId, FeatureId), Failure>> =
        keys.iter().map(|key| parse(&caller, key)).collect();
    let mut customers: Vec<CustomerId> = parsed
        .iter()
        .flatten()
        .map(|(customer, _)| customer.clone())
        .collect();
    customers.sort_unstable();
    customers.dedup();
    let read = service.read(&customers, need).await?;
    let answer = |pair: Result<(CustomerId, FeatureId), Failure>| {
        let (customer, feature) = pair?;
        let row = customers
            .binary_search(&customer)
            .ok()
            .and_then(|at| read.view.rows[at].as_ref());
        let timeline = read.timeline(row, &feature)?;
        Ok(convert::entitlement(&feature, &timeline, read.now))
    };
    let results = keys.into_iter().zip(parsed).map(|(key, pair)| EntitlementResult {
        customer: key.customer,
        feature: key.feature,
        result: Some(match answer(pair) {
            Ok(entitlement) => entitlement_result::Result::Entitlement(entitlement),
            Err(failure) => entitlement_result::Result::Error(item_error(&failure)),
        }),
    });
    Ok(BatchGetEntitlementsResponse {
        results: results.collect(),
        revision: read.revision(),
        evaluate_time: Some(convert::time(read.now)),
        fresh_time: read.view.fresh_at.map(convert::time),
        revision_lost: read.view.revision_lost,
    })
}

fn parse(caller: &Caller, key: &EntitlementKey) -> Result<(CustomerId, FeatureId), Failure> {
    Ok((
        caller.customer("customer", &key.customer)?,
        convert::feature("feature", &key.feature)?,
    ))
}

fn item_error(failure: &Failure) -> EntitlementError {
    EntitlementError {
        reason: failure.reason().into(),
        message: failure.message().to_owned(),
    }
}

/// A view and the instant for which it is read.
pub(super) struct Read {
    pub view: View,
    pub now: Timestamp,
}

impl Read {
    /// The row of the first customer asked for.
    pub fn first(&self) -> Option<&Arc<Row>> {
        self.view.rows.first()?.as_ref()
    }

    /// What it was read at, for the caller.
    pub fn revision(&self) -> String {
        Token::read(self.view.revision).encode()
    }

    /// All of a customer's answers, by feature.
    pub fn entitlements(&self, row: Option<&Arc<Row>>) -> Vec<Entitlement> {
        let features = self.view.features(row).into_iter();
        let answers = features.filter_map(|feature| {
            let timeline = self.view.timeline(row, feature)?;
            Some(convert::entitlement(feature, &timeline, self.now))
        });
        answers.collect()
    }

    pub(super) fn timeline(&self, row: Option<&Arc<Row>>, feature: &FeatureId) -> Result<Timeline, Failure> {
        self.view.timeline(row, feature).ok_or_else(|| {
            let text = match self.view.defaults {
                Some(_) => format!("the catalog has no feature `{feature}`"),
                None => format!("there is no feature `{feature}`: no catalog was applied yet"),
            };
            Failure::new(ErrorReason::UnknownFeature, text).with("feature", feature.as_str())
        })
    }
}

impl Service {
    /// How current an answer must be.
    pub(super) fn need(
        &self,
        metadata: &MetadataMap,
        at_least_revision: &str,
        fully_current: bool,
    ) -> Result<Need, Failure> {
        let at_least = convert::token("at_least_revision", at_least_revision)?.map(|token| token.revision);
        let left = deadline::of(metadata.as_ref())?;
        // Of a short deadline half is kept for reading through.
        let patience = left.map_or(self.patience, |left| self.patience.min(left / 2));
        Ok(Need {
            at_least,
            fully_current,
            patience,
        })
    }

    /// What a command says by its number. It reads the database's branch, of which memory may not know yet: then the
    /// database's head is asked for.
    pub(super) fn revision(&self, number: i64) -> Option<Revision> {
        let epoch = self.feed.read()?.head().epoch;
        Some(Revision { epoch, number })
    }

    pub(super) async fn read(&self, customers: &[CustomerId], need: Need) -> Result<Read, Failure> {
        let view = self.feed.view(customers, need).await.map_err(unanswerable)?;
        Ok(Read {
            view,
            now: self.clock.now(),
        })
    }
}
