//! TLS of a listener, from files that may change while it runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_util::sync::CancellationToken;

use super::peer::Peer;
use crate::telemetry::metric::{self, PLAIN};

/// The files, in PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// The server's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Whose client certificates are good; `None`: nobody is asked for one.
    pub clients: Option<Clients>,
}

/// Client certificates.
#[derive(Clone, Debug)]
pub struct Clients {
    pub ca: PathBuf,
    /// A connection without one is refused; else it may send tokens.
    pub required: bool,
}

/// Files that cannot be used; those from before go on.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct BadFile {
    file: String,
    why: String,
}

/// What connections are offered. Clones share it; one that is open keeps what it began with.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: Files,
    config: ArcSwap<ServerConfig>,
    /// What `config` was made of.
    contents: Mutex<Contents>,
}

#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    ca: Option<Vec<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.files.fmt(f)
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be read or used, or the key is not the certificate's.
    pub fn load(files: Files) -> Result<Tls, BadFile> {
        let contents = files.read()?;
        let config = files.config(&contents)?;
        Ok(Tls(Arc::new(Inner {
            files,
            config: ArcSwap::new(config),
            contents: Mutex::new(contents),
        })))
    }

    /// Reads the files again; whether they have changed. New connections are offered what they hold now.
    ///
    /// # Errors
    /// As for [`Tls::load`]; what was loaded before goes on.
    pub fn reload(&self) -> Result<bool, BadFile> {
        let inner = &*self.0;
        let contents = inner.files.read()?;
        let mut known = inner.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == contents {
            return Ok(false);
        }
        inner.config.store(inner.files.config(&contents)?);
        *known = contents;
        Ok(true)
    }

    /// Looks at the files every few seconds until `stop`.
    pub async fn follow(self, every: Duration, stop: CancellationToken) {
        let mut failure = String::new();
        while stop
            .run_until_cancelled(tokio::time::sleep(every))
            .await
            .is_some()
        {
            let tls = self.clone();
            let Ok(reloaded) = tokio::task::spawn_blocking(move || tls.reload()).await else {
                continue;
            };
            match reloaded {
                Ok(false) => failure.clear(),
                Ok(true) => {
                    metric::SECRET_RELOADS.count(["tls", "taken"]);
                    tracing::info!("new connections get the new certificate");
                }
                // A file that stays bad is said once; the two may be written one after the other.
                Err(error) if error.to_string() == failure => {}
                Err(error) => {
                    failure = error.to_string();
                    metric::SECRET_RELOADS.count(["tls", "failed"]);
                    tracing::error!(error = failure, "the certificate and its key stay as they are");
                }
            }
        }
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.0.config.load_full()
    }
}

impl Files {
    fn read(&self) -> Result<Contents, BadFile> {
        let read = |path: &Path| std::fs::read(path).map_err(|error| bad(path, error));
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            ca: self
                .clients
                .as_ref()
                .map(|clients| read(&clients.ca))
                .transpose()?,
        })
    }

    fn config(&self, contents: &Contents) -> Result<Arc<ServerConfig>, BadFile> {
        let provider = Arc::new(default_provider());
        let chain = certificates(&self.certificate, &contents.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|_| bad(&self.key, "it holds no private key in PEM"))?;
        let expires = Peer::of(&chain[0])
            .map_err(|why| bad(&self.certificate, why))?
            .expires;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(&self.certificate, error))?;
        let builder = match (&self.clients, &contents.ca) {
            (Some(clients), Some(pem)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(&clients.ca, pem)? {
                    roots.add(certificate).map_err(|error| bad(&clients.ca, error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if clients.required {
                    verifier
                } else {
                    verifier.allow_unauthenticated()
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| bad(&clients.ca, error))?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            bad(
                &self.certificate,
                format!("it does not go with the key {}: {error}", self.key.display()),
            )
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        metric::CERTIFICATE_EXPIRY.set(PLAIN, expires);
        Ok(Arc::new(config))
    }
}

/// At least one.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadFile> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(bad(path, "it holds no certificate in PEM")),
    }
}

fn bad(path: &Path, why: impl fmt::Display) -> BadFile {
    BadFile {
        file: path.display().to_string(),
        why: why.to_string(),
    }
}
