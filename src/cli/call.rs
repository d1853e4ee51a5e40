//! What the commands that call a running service share: where it is, what is printed, what an error says.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::codec::CompressionEncoding::Gzip;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::api::grpc::proto::DESCRIPTORS;
use crate::api::grpc::proto::billing_admin_service_client::BillingAdminServiceClient;
use crate::api::grpc::proto::billing_service_client::BillingServiceClient;

/// The command line asks for what cannot be; the text says what would do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Which service to call, and as whom.
#[derive(Args)]
pub struct Connection {
    /// Where the service listens for gRPC.
    #[arg(
        long,
        env = "TOLLGATE_ADDRESS",
        default_value = "http://127.0.0.1:50051",
        value_name = "URL"
    )]
    address: String,
    /// The caller's token, if the service asks for one.
    #[arg(long, env = "TOLLGATE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// PEM: who signed the service's certificate, where the system does not know.
    #[arg(long, env = "TOLLGATE_CALL_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The name that the service's certificate is for, where the address has another, as through a port-forward.
    #[arg(long, env = "TOLLGATE_CALL_NAME", value_name = "HOST")]
    tls_name: Option<String>,
    /// PEM: a client certificate, which may take the place of a token.
    #[arg(long, env = "TOLLGATE_CALL_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM: the client certificate's key.
    #[arg(long, env = "TOLLGATE_CALL_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Print the whole answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Adds the caller's token to each call.
#[derive(Clone)]
pub struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// What the token is sent along on.
type Tokened = InterceptedService<Channel, Token>;

/// A client of applications' methods.
pub type Client = BillingServiceClient<Tokened>;

/// A client of people's methods.
pub type AdminClient = BillingAdminServiceClient<Tokened>;

impl Connection {
    /// A client of the service that was named.
    ///
    /// # Errors
    /// The address is none, or nobody answers there.
    pub async fn client(&self) -> Result<Client> {
        Ok(BillingServiceClient::new(self.connect().await?).accept_compressed(Gzip))
    }

    /// The same, for what people do by hand.
    ///
    /// # Errors
    /// As for `client`.
    pub async fn admin(&self) -> Result<AdminClient> {
        Ok(BillingAdminServiceClient::new(self.connect().await?).accept_compressed(Gzip))
    }

    async fn connect(&self) -> Result<Tokened> {
        let address = if self.address.contains("://") {
            self.address.clone()
        } else {
            format!("http://{}", self.address)
        };
        let wrong = || {
            Usage(format!(
                "{address} is no address; write http://host:port or https://host:port"
            ))
        };
        let endpoint = Endpoint::from_shared(address.clone()).map_err(|_| wrong())?;
        let endpoint = match endpoint.uri().scheme_str() {
            Some("https") => endpoint
                .tls_config(self.tls()?)
                .map_err(|error| Connection::bad_tls(&error))?,
            Some("http") if self.tls_ca.is_none() && self.tls_cert.is_none() => endpoint,
            Some("http") => {
                return Err(Usage(format!("{address}: TLS is spoken to https://host:port only")).into());
            }
            _ => return Err(wrong().into()),
        };
        let endpoint = endpoint
            .connect_timeout(Duration::from_secs(5))
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_while_idle(true);
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| Connection::unreached(&address, &error))?;
        // Only the first call shows whether the other end speaks the same.
        let mut probe = HealthClient::new(channel.clone());
        let asked = probe.check(HealthCheckRequest::default());
        // One that stays silent is left to the call's own deadline.
        if let Ok(Err(status)) = tokio::time::timeout(Duration::from_secs(5), asked).await
            && let Some(why) = not_plaintext(&address, &status)
        {
            return Err(why);
        }
        let token = self
            .token
            .as_deref()
            .filter(|token| !token.is_empty())
            .map(|token| {
                let value = MetadataValue::try_from(format!("Bearer {token}"));
                value.map_err(|_| Usage("the token has characters that a header cannot carry".into()))
            });
        Ok(InterceptedService::new(channel, Token(token.transpose()?)))
    }

    fn tls(&self) -> Result<ClientTlsConfig> {
        let read = |file: &PathBuf| {
            std::fs::read(file).map_err(|error| Usage(format!("{} cannot be read: {error}", file.display())))
        };
        let mut tls = ClientTlsConfig::new();
        tls = match &self.tls_ca {
            Some(ca) => tls.ca_certificate(Certificate::from_pem(read(ca)?)),
            None => tls.with_native_roots(),
        };
        if let Some(name) = &self.tls_name {
            tls = tls.domain_name(name);
        }
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        Ok(tls)
    }

    fn bad_tls(error: &tonic::transport::Error) -> Usage {
        let cause = cause_of(error);
        if cause.contains("no native certs") {
            return Usage("this machine knows no authorities (the image has none): give --tls-ca".into());
        }
        Usage(format!(
            "--tls-ca, --tls-cert or --tls-key cannot be used: {cause}"
        ))
    }

    fn unreached(address: &str, error: &tonic::transport::Error) -> anyhow::Error {
        let cause = cause_of(error);
        if let Some(place) = address.strip_prefix("https://")
            && cause.contains("InvalidContentType")
        {
            return anyhow!("{address} answers, but not in TLS: write http://{place}");
        }
        if cause.contains("certificate") || cause.contains("alert") {
            return anyhow!(
                "{address} answers, but no trust was agreed on: {cause}; mend --tls-ca, --tls-cert and --tls-key"
            );
        }
        anyhow!(
            "nobody answers at {address}: start `tollgate dev` or `tollgate serve`, or give --address ({cause})"
        )
    }

    /// Prints an answer: whole as JSON, or what people read of it, line by line. `name` is the message's in the proto.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn print(
        &self,
        name: &str,
        answer: &impl Message,
        lines: impl IntoIterator<Item = String>,
    ) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", json(name, answer)?)?;
        } else {
            for line in lines {
                writeln!(out, "{line}")?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

/// Whether a first call failed because the other end speaks something else, as TLS; what to do then.
pub fn not_plaintext(address: &str, status: &Status) -> Option<anyhow::Error> {
    let place = address.strip_prefix("http://")?;
    let transport = std::error::Error::source(status)?.downcast_ref::<tonic::transport::Error>()?;
    Some(anyhow!(
        "{address} answers, but not gRPC in plaintext ({}): if it has TLS, write https://{place}",
        cause_of(transport)
    ))
}

/// The last of what led to an error, which is the one that says something.
fn cause_of(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn json(name: &str, answer: &impl Message) -> Result<String> {
    let pool = DescriptorPool::decode(DESCRIPTORS)?;
    let message = pool
        .get_message_by_name(&format!("tollgate.v1.{name}"))
        .with_context(|| format!("no message {name}"))?;
    Ok(serde_json::to_string(&DynamicMessage::decode(
        message,
        answer.encode_to_vec().as_slice(),
    )?)?)
}

/// What a refused call says to people: the service's sentence, its reason, and what to do where that is known.
pub fn explain(status: &Status) -> anyhow::Error {
    let details = status.get_error_details();
    let reason = details
        .error_info()
        .map_or(format!("{:?}", status.code()), |info| info.reason.clone());
    let hint = match status.code() {
        Code::Unauthenticated => "; give --token or set TOLLGATE_TOKEN",
        Code::Unavailable => "; it is safe to try again",
        _ => "",
    };
    anyhow!("{} ({reason}){hint}", status.message())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::grpc::proto::{Access, Entitlement, GetEntitlementResponse};

    #[test]
    fn json_is_as_the_proto_language_defines_it() {
        let entitlement = Entitlement {
            feature: "sso".into(),
            access: Access::Granted.into(),
            ..Entitlement::default()
        };
        let answer = GetEntitlementResponse {
            entitlement: Some(entitlement),
            evaluate_time: Some(prost_types::Timestamp {
                seconds: 1_800_000_000,
                nanos: 0,
            }),
            ..GetEntitlementResponse::default()
        };
        let text = json("GetEntitlementResponse", &answer).unwrap();
        assert_eq!(
            text,
            r#"{"entitlement":{"feature":"sso","access":"ACCESS_GRANTED"},"evaluateTime":"2027-01-15T08:00:00Z"}"#
        );
    }
}
