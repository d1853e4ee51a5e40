//! What a person should look at.

use tollgate_store::{Oddity, OddityKind};
use tonic::Request;

use super::pages;
use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::convert;
use crate::api::grpc::proto::{self, ListOdditiesRequest, ListOdditiesResponse};
use crate::api::grpc::service::Service;
use crate::api::grpc::service::checkout::refused;
use crate::api::grpc::status::Failure;
use crate::commands::suggested;

pub(super) async fn list(
    service: &Service,
    request: Request<ListOdditiesRequest>,
) -> Result<ListOdditiesResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let asked = request.into_inner();
    let told = asked.kind();
    let kind = kind(told).ok_or_else(|| Failure::field("kind", "must be said"))?;
    caller.customer_or_all("customer", "")?;
    let size = pages::size(asked.page_size)?;
    let token = asked.page_token.as_str();
    if kind.is_numbered() && !token.is_empty() && token.parse::<i64>().is_err() || token.contains('\0') {
        return Err(pages::no_token());
    }
    let found = service.commands.oddities(kind, token, size + 1).await;
    let mut found = found.map_err(refused)?;
    let next_page_token = pages::cut(&mut found, size, |last| last.place.clone());
    Ok(ListOdditiesResponse {
        oddities: found.into_iter().map(|it| oddity(told, it)).collect(),
        next_page_token,
    })
}

fn kind(of: proto::OddityKind) -> Option<OddityKind> {
    use proto::OddityKind as Told;
    Some(match of {
        Told::Unspecified => return None,
        Told::WaitingEvent => OddityKind::WaitingEvent,
        Told::UnlinkedPayer => OddityKind::UnlinkedPayer,
        Told::ParkedEvent => OddityKind::ParkedEvent,
        Told::ParkedFetch => OddityKind::ParkedFetch,
        Told::UnmatchedPrice => OddityKind::UnmatchedPrice,
        Told::DoubleSubscription => OddityKind::DoubleSubscription,
        Told::PastDue => OddityKind::PastDue,
        Told::Unconfirmed => OddityKind::Unconfirmed,
    })
}

fn oddity(kind: proto::OddityKind, of: Oddity) -> proto::Oddity {
    let suggested_customer = of.session.as_deref().and_then(suggested);
    proto::Oddity {
        kind: kind.into(),
        customer: of.customer,
        stripe_object: of.object,
        related_objects: of.objects,
        subject: of.subject,
        event: of.event,
        event_type: of.event_type,
        since_time: of.since.map(convert::time),
        attempts: of.attempts,
        error: of.error,
        suggested_customer: suggested_customer.map(|it| it.to_string()).unwrap_or_default(),
    }
}
