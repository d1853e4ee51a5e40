//! One delivery: a signed POST, and whether it was taken.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::Sha256;
use tokio::time::timeout;

use crate::shell::clock::unix_micros;

const DEADLINE: Duration = Duration::from_secs(10);

pub type Http = Client<HttpConnector, Full<Bytes>>;

pub fn client() -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// # Errors
/// Anything but a 2xx, in time.
pub async fn post(http: &Http, url: &str, secrets: &[String], body: Bytes) -> Result<()> {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, "Stripe/1.0 (simulator)")
        .header(
            "stripe-signature",
            sign(secrets, unix_micros() / 1_000_000, &body),
        )
        .body(Full::new(body))?;
    let exchange = async {
        let response = http.request(request).await.context("cannot reach the endpoint")?;
        let status = response.status();
        response.into_body().collect().await?;
        ensure!(status.is_success(), "answered {status}");
        Ok(())
    };
    timeout(DEADLINE, exchange).await.context("no answer in time")?
}

/// The `Stripe-Signature` header: a signature with each secret that is valid (docs.stripe.com/webhooks/signature). `t` is
/// real time, which receivers compare with their own.
fn sign(secrets: &[String], t: i64, body: &[u8]) -> String {
    let mut header = format!("t={t}");
    for secret in secrets {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!("any length"));
        mac.update(format!("{t}.").as_bytes());
        mac.update(body);
        header.push_str(",v1=");
        for byte in mac.finalize().into_bytes() {
            header.push_str(&format!("{byte:02x}"));
        }
    }
    header
}
