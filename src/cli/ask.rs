//! `get` and `check`: one question, one answer.

use anyhow::Result;
use clap::Args;

use super::call::{Connection, explain};
use crate::api::grpc::proto::{CheckEntitlementRequest, GetEntitlementRequest, ListEntitlementsRequest};

/// `get CUSTOMER [FEATURE]`
#[derive(Args)]
pub struct Get {
    customer: String,
    /// Without it: every feature of the catalog.
    feature: Option<String>,
    /// Answer with this revision or a later one.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "REVISION")]
    at_least_revision: String,
    /// Answer with what the database holds now.
    #[arg(long)]
    fully_current: bool,
    #[command(flatten)]
    to: Connection,
}

impl Get {
    /// Asks and prints.
    pub async fn run(self) -> Result<()> {
        let mut client = self.to.client().await?;
        let (customer, at_least_revision, fully_current) =
            (self.customer, self.at_least_revision, self.fully_current);
        if let Some(feature) = self.feature {
            let request = GetEntitlementRequest {
                customer,
                feature,
                at_least_revision,
                fully_current,
            };
            let answer = client
                .get_entitlement(request)
                .await
                .map_err(|status| explain(&status))?
                .into_inner();
            let line = answer.entitlement.as_ref().map(ToString::to_string);
            self.to.print("GetEntitlementResponse", &answer, line)
        } else {
            let request = ListEntitlementsRequest {
                customer,
                at_least_revision,
                fully_current,
            };
            let answer = client
                .list_entitlements(request)
                .await
                .map_err(|status| explain(&status))?
                .into_inner();
            let lines = answer.entitlements.iter().map(ToString::to_string);
            self.to.print("ListEntitlementsResponse", &answer, lines)
        }
    }
}

/// `check CUSTOMER FEATURE [AMOUNT]`
#[derive(Args)]
pub struct Check {
    customer: String,
    feature: String,
    /// How much of a limit is wanted in all, what is in use already included.
    #[arg(default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    amount: i64,
    #[command(flatten)]
    to: Connection,
}

impl Check {
    /// Asks, prints and says whether it is allowed.
    pub async fn run(self) -> Result<bool> {
        let request = CheckEntitlementRequest {
            customer: self.customer,
            feature: self.feature,
            required_amount: self.amount,
            ..CheckEntitlementRequest::default()
        };
        let mut client = self.to.client().await?;
        let answer = client
            .check_entitlement(request)
            .await
            .map_err(|status| explain(&status))?
            .into_inner();
        let word = if answer.allowed { "yes" } else { "no" };
        let line = answer
            .entitlement
            .as_ref()
            .map(|entitlement| format!("{word}: {entitlement}"));
        self.to.print("CheckEntitlementResponse", &answer, line)?;
        Ok(answer.allowed)
    }
}
