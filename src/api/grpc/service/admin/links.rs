//! Whose Stripe's objects are, and who is forgotten.

use tonic::Request;

use super::by;
use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::proto::{
    EraseCustomerRequest, EraseCustomerResponse, LinkCustomerRequest, LinkCustomerResponse,
    UnlinkCustomerRequest, UnlinkCustomerResponse,
};
use crate::api::grpc::service::Service;
use crate::api::grpc::service::checkout::refused;
use crate::api::grpc::status::Failure;

pub(super) async fn link(
    service: &Service,
    request: Request<LinkCustomerRequest>,
) -> Result<LinkCustomerResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let mut need = service.need(request.metadata(), "", false)?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    let by = by(&caller, &asked.actor, &asked.note)?;
    let number = service.commands.link(&customer, &asked.stripe_object, &by).await;
    need.at_least = service.revision(number.map_err(refused)?);
    let revision = service.read(&[customer], need).await?.revision();
    Ok(LinkCustomerResponse { revision })
}

pub(super) async fn unlink(
    service: &Service,
    request: Request<UnlinkCustomerRequest>,
) -> Result<UnlinkCustomerResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let mut need = service.need(request.metadata(), "", false)?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    let by = by(&caller, &asked.actor, &asked.note)?;
    let number = service
        .commands
        .unlink(&customer, &asked.stripe_object, &by)
        .await;
    need.at_least = service.revision(number.map_err(refused)?);
    let revision = service.read(&[customer], need).await?.revision();
    Ok(UnlinkCustomerResponse { revision })
}

pub(super) async fn erase(
    service: &Service,
    request: Request<EraseCustomerRequest>,
) -> Result<EraseCustomerResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let mut need = service.need(request.metadata(), "", false)?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    let by = by(&caller, &asked.actor, &asked.note)?;
    let number = service.commands.erase(&customer, &by).await;
    need.at_least = service.revision(number.map_err(refused)?);
    let revision = service.read(&[customer], need).await?.revision();
    Ok(EraseCustomerResponse { revision })
}
