//! Who is meant.

use tonic::Request;

use crate::api::grpc::auth::caller::Caller;
use crate::api::grpc::proto::{FindCustomersRequest, FindCustomersResponse, FoundCustomer};
use crate::api::grpc::service::Service;
use crate::api::grpc::service::checkout::refused;
use crate::api::grpc::status::Failure;

const LONGEST: usize = 512;

pub(super) async fn find(
    service: &Service,
    request: Request<FindCustomersRequest>,
) -> Result<FindCustomersResponse, Failure> {
    let caller = Caller::of(request.extensions())?;
    let asked = request.into_inner();
    let query = asked.query.trim();
    if query.is_empty() || query.chars().count() > LONGEST || query.contains(char::is_control) {
        let rule = format!("must be 1 to {LONGEST} characters, in one line");
        return Err(Failure::field("query", rule));
    }
    let found = service.commands.find(query).await.map_err(refused)?;
    let mine = |customer: &str| caller.customer("customer", customer).is_ok();
    let customers = found.customers.into_iter().filter(|(id, _)| mine(id));
    Ok(FindCustomersResponse {
        customers: customers
            .map(|(customer, stripe_customers)| FoundCustomer {
                customer,
                stripe_customers,
            })
            .collect(),
        unlinked_stripe_customers: match caller.customer_or_all("customer", "") {
            Ok(_) => found.unlinked,
            Err(_) => vec![],
        },
    })
}
