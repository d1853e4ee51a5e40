//! `BillingAdminService`: why an answer is what it is, what people decide by hand, and what they did.

mod events;
mod explain;
mod find;
mod links;
mod oddities;
mod overrides;
mod pages;

use tollgate_domain::time::Timestamp;
use tollgate_store::{AuditEntry, By};
use tonic::{Request, Response, Status};

use super::{Service, respond};
use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::convert;
use crate::api::grpc::proto::billing_admin_service_server::BillingAdminService;
use crate::api::grpc::proto::{
    self, AuditAction, DeleteOverrideRequest, DeleteOverrideResponse, EraseCustomerRequest,
    EraseCustomerResponse, ExplainEntitlementRequest, ExplainEntitlementResponse, FindCustomersRequest,
    FindCustomersResponse, GetEventRequest, GetEventResponse, LinkCustomerRequest, LinkCustomerResponse,
    ListAuditEntriesRequest, ListAuditEntriesResponse, ListEventsRequest, ListEventsResponse,
    ListOdditiesRequest, ListOdditiesResponse, ListOverridesRequest, ListOverridesResponse,
    ReplayEventsRequest, ReplayEventsResponse, SetOverrideRequest, SetOverrideResponse,
    UnlinkCustomerRequest, UnlinkCustomerResponse,
};
use crate::api::grpc::status::Failure;

#[tonic::async_trait]
impl BillingAdminService for Service {
    async fn explain_entitlement(
        &self,
        request: Request<ExplainEntitlementRequest>,
    ) -> Result<Response<ExplainEntitlementResponse>, Status> {
        respond(explain::explain(self, request).await)
    }

    async fn set_override(
        &self,
        request: Request<SetOverrideRequest>,
    ) -> Result<Response<SetOverrideResponse>, Status> {
        respond(overrides::set(self, request).await)
    }

    async fn delete_override(
        &self,
        request: Request<DeleteOverrideRequest>,
    ) -> Result<Response<DeleteOverrideResponse>, Status> {
        respond(overrides::delete(self, request).await)
    }

    async fn list_overrides(
        &self,
        request: Request<ListOverridesRequest>,
    ) -> Result<Response<ListOverridesResponse>, Status> {
        respond(overrides::list(self, request).await)
    }

    async fn list_audit_entries(
        &self,
        request: Request<ListAuditEntriesRequest>,
    ) -> Result<Response<ListAuditEntriesResponse>, Status> {
        respond(audit(self, request).await)
    }

    async fn link_customer(
        &self,
        request: Request<LinkCustomerRequest>,
    ) -> Result<Response<LinkCustomerResponse>, Status> {
        respond(links::link(self, request).await)
    }

    async fn unlink_customer(
        &self,
        request: Request<UnlinkCustomerRequest>,
    ) -> Result<Response<UnlinkCustomerResponse>, Status> {
        respond(links::unlink(self, request).await)
    }

    async fn erase_customer(
        &self,
        request: Request<EraseCustomerRequest>,
    ) -> Result<Response<EraseCustomerResponse>, Status> {
        respond(links::erase(self, request).await)
    }

    async fn find_customers(
        &self,
        request: Request<FindCustomersRequest>,
    ) -> Result<Response<FindCustomersResponse>, Status> {
        respond(find::find(self, request).await)
    }

    async fn list_oddities(
        &self,
        request: Request<ListOdditiesRequest>,
    ) -> Result<Response<ListOdditiesResponse>, Status> {
        respond(oddities::list(self, request).await)
    }

    async fn list_events(
        &self,
        request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        respond(events::list(self, request).await)
    }

    async fn get_event(
        &self,
        request: Request<GetEventRequest>,
    ) -> Result<Response<GetEventResponse>, Status> {
        respond(events::get(self, request).await)
    }

    async fn replay_events(
        &self,
        request: Request<ReplayEventsRequest>,
    ) -> Result<Response<ReplayEventsResponse>, Status> {
        respond(events::replay(self, request).await)
    }
}

async fn audit(
    service: &Service,
    request: Request<ListAuditEntriesRequest>,
) -> Result<ListAuditEntriesResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let asked = request.into_inner();
    let customer = caller.customer_or_all("customer", &asked.customer)?;
    let size = pages::size(asked.page_size)?;
    let before = match asked.page_token.as_str() {
        "" => None,
        token => Some(token.parse().map_err(|_| pages::no_token())?),
    };
    let entries = service.commands.audit(customer.as_ref(), before, size + 1).await;
    let mut entries = entries.map_err(super::checkout::refused)?;
    let next_page_token = pages::cut(&mut entries, size, |last| last.seq.to_string());
    Ok(ListAuditEntriesResponse {
        entries: entries.into_iter().map(entry).collect(),
        next_page_token,
    })
}

fn entry(entry: AuditEntry) -> proto::AuditEntry {
    let action = match entry.action.as_str() {
        "override_set" => AuditAction::OverrideSet,
        "override_deleted" => AuditAction::OverrideDeleted,
        "customer_linked" => AuditAction::CustomerLinked,
        "customer_unlinked" => AuditAction::CustomerUnlinked,
        "customer_erased" => AuditAction::CustomerErased,
        "catalog_confirmed" => AuditAction::CatalogConfirmed,
        "events_replayed" => AuditAction::EventsReplayed,
        _ => AuditAction::Unspecified,
    };
    let json = |value: Option<serde_json::Value>| value.map(|it| it.to_string()).unwrap_or_default();
    proto::AuditEntry {
        number: entry.seq,
        time: Some(convert::time(entry.at)),
        actor: entry.by.actor,
        caller: entry.by.caller,
        action: action.into(),
        customer: entry.customer.unwrap_or_default(),
        feature: entry.feature.unwrap_or_default(),
        note: entry.by.note,
        before: json(entry.before),
        after: json(entry.after),
    }
}

/// Who does something by hand, as the request and its credential say.
fn by(caller: &Caller, actor: &str, note: &str) -> Result<By, Failure> {
    let checked = |field: &str, text: &str, most: usize| {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > most || text.contains(char::is_control) {
            let rule = format!("must be 1 to {most} characters, in one line");
            return Err(Failure::field(field, rule));
        }
        Ok(text.to_owned())
    };
    Ok(By {
        actor: checked("actor", actor, 200)?,
        caller: caller.name().map(|name| name.to_string()).unwrap_or_default(),
        note: checked("note", note, 1_000)?,
    })
}

/// In the future, or it would decide nothing.
fn expiry(at: Option<&prost_types::Timestamp>, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let Some(at) = at else { return Ok(None) };
    let at = convert::instant("expire_time", at)?;
    if at <= now {
        return Err(Failure::field("expire_time", "must be in the future"));
    }
    Ok(Some(at))
}
