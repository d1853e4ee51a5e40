//! Where an issuer's keys are read.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// More than any set of public keys.
const MAX_SIZE: usize = 256 << 10;
const PATIENCE: Duration = Duration::from_secs(10);

/// A file or URL, and what is needed to read a URL.
#[derive(Clone, Debug)]
pub struct Source {
    pub place: Place,
    /// PEM: who signed the server's certificate, where the web's authorities did not.
    pub ca_file: Option<PathBuf>,
    /// A bearer token, read anew each time: Kubernetes gives its keys to service accounts only.
    pub token_file: Option<PathBuf>,
}

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    File(PathBuf),
    Url(Uri),
}

/// Text that is no place of keys.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("keys are read from a file or an https:// URL; http:// is for this machine only")]
pub struct InvalidSource;

impl Place {
    /// Reads a path, or a URL.
    ///
    /// # Errors
    /// It is a URL of another kind, or one that anybody on the way could answer.
    pub fn parse(text: &str) -> Result<Place, InvalidSource> {
        let Some((scheme, _)) = text.split_once("://") else {
            return Ok(Place::File(text.into()));
        };
        let url = url::Url::parse(text).map_err(|_| InvalidSource)?;
        let uri: Uri = text.parse().map_err(|_| InvalidSource)?;
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(InvalidSource),
        };
        let plain = url.username().is_empty() && url.password().is_none();
        match scheme {
            "https" if plain => Ok(Place::Url(uri)),
            "http" if plain && loopback => Ok(Place::Url(uri)),
            _ => Err(InvalidSource),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Url(uri) => uri.fmt(f),
        }
    }
}

impl Source {
    /// What is there now, or why it cannot be read.
    pub(super) async fn read(&self) -> Result<Bytes, String> {
        match &self.place {
            Place::File(path) => file(path).await,
            Place::Url(uri) => tokio::time::timeout(PATIENCE, self.fetch(uri))
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))),
        }
    }

    async fn fetch(&self, uri: &Uri) -> Result<Bytes, String> {
        let mut request = Request::get(uri).header(ACCEPT, "application/json, application/jwk-set+json");
        if let Some(path) = &self.token_file {
            let token = file(path).await?;
            let bearer = [b"Bearer ", token.trim_ascii()].concat();
            request = request.header(AUTHORIZATION, bearer);
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|_| "the token file holds no token")?;
        let builder = HttpsConnectorBuilder::new();
        let builder = match &self.ca_file {
            Some(path) => builder.with_tls_config(trusting(&file(path).await?)?),
            None => builder
                .with_provider_and_webpki_roots(default_provider())
                .map_err(|error| error.to_string())?,
        };
        let connector = builder.https_or_http().enable_http1().build();
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
        let response = client.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        })?;
        if response.status() != StatusCode::OK {
            return Err(format!("the answer is {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_SIZE).collect().await;
        body.map(|body| body.to_bytes())
            .map_err(|_| format!("the answer broke off or is longer than {MAX_SIZE} bytes"))
    }
}

async fn file(path: &Path) -> Result<Bytes, String> {
    let of = |error: std::io::Error| format!("{}: {error}", path.display());
    let about = tokio::fs::metadata(path).await.map_err(of)?;
    if !about.is_file() || about.len() > MAX_SIZE as u64 {
        return Err(format!(
            "{} is no file of at most {MAX_SIZE} bytes",
            path.display()
        ));
    }
    tokio::fs::read(path).await.map(Bytes::from).map_err(of)
}

fn trusting(pem: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate
            .map_err(|_| "the CA file is no PEM")
            .map(|it| roots.add(it))?;
        added.map_err(|error| format!("the CA file: {error}"))?;
    }
    if roots.is_empty() {
        return Err("the CA file holds no certificate".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_files_and_from_where_nobody_on_the_way_can_answer() {
        assert_eq!(
            Place::parse("/etc/tollgate/jwks.json"),
            Ok(Place::File("/etc/tollgate/jwks.json".into()))
        );
        for url in [
            "https://issuer.example/jwks",
            "http://127.0.0.1:8080/jwks",
            "http://[::1]/jwks",
            "http://localhost/jwks",
        ] {
            assert!(matches!(Place::parse(url), Ok(Place::Url(_))), "{url}");
        }
        for url in [
            "http://issuer.example/jwks",
            "http://127.0.0.1.issuer.example/jwks",
            "ftp://localhost/jwks",
            "https://user:password@issuer.example/",
            "https://",
        ] {
            assert_eq!(Place::parse(url), Err(InvalidSource), "{url}");
        }
    }
}
