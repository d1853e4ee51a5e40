//! `explain`: why a customer has a feature or has it not.

use anyhow::Result;
use clap::Args;

use super::call::{Connection, explain};
use crate::api::grpc::proto::ExplainEntitlementRequest;

/// `explain CUSTOMER FEATURE`
#[derive(Args)]
pub struct Explain {
    customer: String,
    feature: String,
    #[command(flatten)]
    to: Connection,
}

impl Explain {
    /// Asks and prints a paragraph, then each fact; `--json` has all of it.
    pub async fn run(self) -> Result<()> {
        let request = ExplainEntitlementRequest {
            customer: self.customer,
            feature: self.feature,
        };
        let answer = self.to.admin().await?.explain_entitlement(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        let facts = answer.facts.iter().map(ToString::to_string);
        let lines = std::iter::once(answer.summary.clone()).chain(facts);
        self.to.print("ExplainEntitlementResponse", &answer, lines)
    }
}
