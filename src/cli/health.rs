//! `health`: what a probe is told, for who has no probe at hand.

use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::call::{Usage, not_plaintext};

/// `health`
#[derive(Args)]
pub struct Health {
    /// The operations listener, or the gRPC one without TLS.
    #[arg(long, default_value = "http://127.0.0.1:9090", value_name = "URL")]
    address: String,
    /// `tollgate.v1.BillingService`: caught up and not draining; empty: alive.
    #[arg(long, default_value = "tollgate.v1.BillingService")]
    service: String,
}

impl Health {
    /// Prints the status; whether it is `SERVING`.
    pub async fn run(&self) -> Result<bool> {
        let endpoint = Endpoint::from_shared(self.address.clone())
            .map_err(|_| Usage(format!("{} is no address; write http://host:port", self.address)))?
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(5));
        let channel = endpoint.connect().await.map_err(|_| {
            anyhow!(
                "nobody answers at {}: start `tollgate serve`, or give --address",
                self.address
            )
        })?;
        let request = HealthCheckRequest {
            service: self.service.clone(),
        };
        let status = match HealthClient::new(channel).check(request).await {
            Ok(answer) => answer.into_inner().status(),
            Err(status) if status.code() == Code::NotFound => ServingStatus::ServiceUnknown,
            Err(status) => {
                let other = not_plaintext(&self.address, &status);
                return Err(other.unwrap_or_else(|| anyhow!("{}", status.message())));
            }
        };
        println!("{}", status.as_str_name());
        Ok(status == ServingStatus::Serving)
    }
}
