//! A small HTTP client: posts bodies, signed as Stripe signs them.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// One pool of connections.
#[derive(Clone)]
pub struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub fn new() -> Http {
        Http(Client::builder(TokioExecutor::new()).build_http())
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<String>, String> {
        let response = self
            .0
            .request(request)
            .await
            .map_err(|error| format!("{error:?}"))?;
        let (parts, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        Ok(Response::from_parts(
            parts,
            String::from_utf8_lossy(&body).into_owned(),
        ))
    }

    pub async fn get(&self, url: &str) -> Response<String> {
        self.send(Request::get(url).body(Full::default()).unwrap())
            .await
            .unwrap()
    }

    /// Posts an event as Stripe does; the answer's status, or what broke.
    pub async fn event(&self, url: &str, secret: &str, body: Bytes) -> Result<StatusCode, String> {
        self.signed(url, &signature(secret, &body), body)
            .await
            .map(|response| response.status())
    }

    pub async fn signed(&self, url: &str, signature: &str, body: Bytes) -> Result<Response<String>, String> {
        let request = Request::post(url)
            .header("content-type", "application/json")
            .header("stripe-signature", signature)
            .body(Full::new(body))
            .unwrap();
        self.send(request).await
    }
}

/// The header that Stripe would send now.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let now = super::real_time().as_secs();
    tollgate_stripe::signature::sign(secret, i64::try_from(now).unwrap(), body)
}
