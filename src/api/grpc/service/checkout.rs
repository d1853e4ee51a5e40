//! What Stripe must do: the commands do it, here it is translated.

use tollgate_domain::object::{PaymentStatus, SessionMode};
use tonic::Request;
use tracing::Instrument;

use super::Service;
use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::convert;
use crate::api::grpc::proto::{
    Checkout, CheckoutMode, CheckoutState, CreateCheckoutRequest, CreateCheckoutResponse,
    CreatePortalSessionRequest, CreatePortalSessionResponse, ErrorReason, GetCheckoutRequest,
    GetCheckoutResponse, OnExisting, PaymentState, line_item,
};
use crate::api::grpc::status::Failure;
use crate::commands::{self, CheckoutRequest, Item, PriceName, Refused};
use crate::telemetry::trace;

pub(super) async fn create(
    service: &Service,
    request: Request<CreateCheckoutRequest>,
) -> Result<CreateCheckoutResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let asked = request.into_inner();
    let items = asked.line_items.iter().enumerate().map(|(at, item)| {
        let price = match &item.price {
            Some(line_item::Price::PriceId(id)) => PriceName::Id(id.clone()),
            Some(line_item::Price::LookupKey(key)) => PriceName::LookupKey(key.clone()),
            None => {
                let rule = "is required: a price_id or a lookup_key";
                return Err(Failure::field(&format!("line_items[{at}].price"), rule));
            }
        };
        Ok(Item {
            price,
            quantity: item.quantity,
        })
    });
    let request = CheckoutRequest {
        customer: caller.customer("customer", &asked.customer)?,
        items: items.collect::<Result<_, _>>()?,
        mode: match CheckoutMode::try_from(asked.mode) {
            Ok(CheckoutMode::Unspecified) => None,
            Ok(CheckoutMode::Payment) => Some(SessionMode::Payment),
            Ok(CheckoutMode::Subscription) => Some(SessionMode::Subscription),
            Err(_) => return Err(Failure::field("mode", "no such mode")),
        },
        on_existing: match OnExisting::try_from(asked.on_existing) {
            Ok(OnExisting::Unspecified | OnExisting::ReturnOpen) => commands::OnExisting::ReturnOpen,
            Ok(OnExisting::Allow) => commands::OnExisting::Allow,
            Err(_) => return Err(Failure::field("on_existing", "no such choice")),
        },
        request_id: asked.request_id,
        success_url: asked.success_url,
        cancel_url: Some(asked.cancel_url).filter(|url| !url.is_empty()),
    };
    let checkout = service
        .commands
        .create_checkout(&request)
        .instrument(trace::child("create_checkout"))
        .await
        .map_err(refused)?;
    Ok(CreateCheckoutResponse {
        checkout: Some(of(checkout)),
    })
}

pub(super) async fn get(
    service: &Service,
    request: Request<GetCheckoutRequest>,
) -> Result<GetCheckoutResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let mut need = service.need(request.metadata(), "", false)?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    if asked.checkout.is_empty() || asked.checkout.len() > 255 {
        return Err(Failure::field(
            "checkout",
            "must be the id of a checkout, as in Checkout.id",
        ));
    }
    let outcome = service
        .commands
        .get_checkout(&customer, &asked.checkout)
        .instrument(trace::child("get_checkout"))
        .await
        .map_err(refused)?;
    need.at_least = service.revision(outcome.revision);
    let read = service.read(&[customer], need).await?;
    Ok(GetCheckoutResponse {
        checkout: Some(of(outcome.checkout)),
        entitlements: read.entitlements(read.first()),
        revision: read.revision(),
        evaluate_time: Some(convert::time(read.now)),
        fresh_time: read.view.fresh_at.map(convert::time),
    })
}

pub(super) async fn portal(
    service: &Service,
    request: Request<CreatePortalSessionRequest>,
) -> Result<CreatePortalSessionResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let asked = request.into_inner();
    let customer = caller.customer("customer", &asked.customer)?;
    let url = service
        .commands
        .create_portal_session(&customer, &asked.return_url)
        .instrument(trace::child("create_portal_session"))
        .await
        .map_err(refused)?;
    Ok(CreatePortalSessionResponse { url })
}

fn of(checkout: commands::Checkout) -> Checkout {
    let state = match checkout.state {
        commands::CheckoutState::Open => CheckoutState::Open,
        commands::CheckoutState::Processing => CheckoutState::Processing,
        commands::CheckoutState::Completed => CheckoutState::Completed,
        commands::CheckoutState::Expired => CheckoutState::Expired,
    };
    let payment_state = match checkout.payment {
        PaymentStatus::Paid => PaymentState::Paid,
        PaymentStatus::Unpaid => PaymentState::Unpaid,
        PaymentStatus::NoPaymentRequired => PaymentState::NotRequired,
        _ => PaymentState::Unspecified,
    };
    let mode = match checkout.mode {
        SessionMode::Payment => CheckoutMode::Payment,
        SessionMode::Subscription => CheckoutMode::Subscription,
        _ => CheckoutMode::Unspecified,
    };
    Checkout {
        id: checkout.id,
        customer: checkout.customer.to_string(),
        url: checkout.url.unwrap_or_default(),
        state: state.into(),
        payment_state: payment_state.into(),
        mode: mode.into(),
        expire_time: checkout.expires_at.map(convert::time),
    }
}

/// What a caller is told when a command was not done.
pub(super) fn refused(why: Refused) -> Failure {
    let text = why.to_string();
    let of = |reason| Failure::new(reason, &text);
    match why {
        Refused::Field { field, rule } => Failure::field(&field, rule),
        Refused::UnknownPrice { field, rule } => of(ErrorReason::UnknownPrice).and_field(&field, rule),
        Refused::PriceArchived { field } => {
            of(ErrorReason::PriceArchived).and_field(&field, "archived at Stripe")
        }
        Refused::RequestIdReused => of(ErrorReason::RequestIdReused),
        Refused::CheckoutExpired => of(ErrorReason::CheckoutExpired),
        Refused::AlreadySubscribed(plan) => of(ErrorReason::AlreadySubscribed).with("plan", plan.as_str()),
        Refused::RefusedByStripe {
            field: Some(field), ..
        } => of(ErrorReason::RefusedByStripe).and_field(&field, "refused by Stripe"),
        Refused::RefusedByStripe { field: None, .. } => of(ErrorReason::RefusedByStripe),
        Refused::InProgress => of(ErrorReason::CheckoutInProgress),
        Refused::UnknownCheckout => of(ErrorReason::UnknownCheckout),
        Refused::UnknownOverride => of(ErrorReason::UnknownOverride),
        Refused::AlreadyLinked => of(ErrorReason::AlreadyLinked),
        Refused::UnknownLink => of(ErrorReason::UnknownLink),
        Refused::UnknownCustomer => of(ErrorReason::UnknownCustomer),
        Refused::UnknownEvent => of(ErrorReason::UnknownEvent),
        Refused::NeverCheckedOut => of(ErrorReason::NeverCheckedOut),
        Refused::StripeUnavailable => of(ErrorReason::StripeUnavailable),
        Refused::StoreUnavailable | Refused::NotApplied | Refused::NotTakenOut => of(ErrorReason::NotCurrent),
        Refused::Internal(why) => {
            tracing::error!(why, "a command failed");
            Failure::new(
                ErrorReason::Internal,
                "a fault of the service; its operators see it in the log",
            )
        }
    }
}
