//! `explain`: why a customer has a feature or has it not.

use anyhow::Result;
use clap::Args;
use prost_types::Timestamp;

use super::call::{Connection, explain};
use crate::api::grpc::proto::ExplainEntitlementRequest;

/// `explain CUSTOMER FEATURE`
#[derive(Args)]
pub struct Explain {
    customer: String,
    feature: String,
    /// For which instant, as 2027-01-31T00:00:00Z: what was answered then, or what the clock alone will make of it. Without
    /// it now.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    #[command(flatten)]
    to: Connection,
}

impl Explain {
    /// Asks and prints a paragraph, then each rule, then each fact; `--json` has all of it.
    pub async fn run(self) -> Result<()> {
        let request = ExplainEntitlementRequest {
            customer: self.customer,
            feature: self.feature,
            at_time: self.at,
        };
        let answer = self.to.admin().await?.explain_entitlement(request).await;
        let answer = answer.map_err(|status| explain(&status))?.into_inner();
        let rules = answer.rules.iter().map(|rule| format!("- {rule}"));
        let facts = answer.facts.iter().map(ToString::to_string);
        let lines = std::iter::once(answer.summary.clone()).chain(rules).chain(facts);
        self.to.print("ExplainEntitlementResponse", &answer, lines)
    }
}
