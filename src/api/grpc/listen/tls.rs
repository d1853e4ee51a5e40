//! TLS of a listener, from files that may change while it runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;
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
    pub which: Which,
    file: String,
    why: String,
}

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Certificate,
    Key,
    ClientCa,
}

/// What connections are offered. Clones share it; one that is open keeps what it began with.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: Files,
    config: ArcSwap<ServerConfig>,
    /// Who vouches for client certificates; as in `config`, never before it.
    vouching: watch::Sender<Vouching>,
    /// What `config` was made of.
    contents: Mutex<Contents>,
}

#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    ca: Option<Vec<u8>>,
}

/// `None`: nobody is asked for a certificate.
type Vouching = Option<Arc<dyn ClientCertVerifier>>;

/// Tells one connection when its client certificate is good no more.
pub(super) struct Trust(watch::Receiver<Vouching>);

impl Trust {
    /// Returns when nobody vouches for it any more. `chain` begins with the client's own.
    pub async fn withdrawn(mut self, chain: &[CertificateDer<'_>]) {
        let [own, between @ ..] = chain else {
            return std::future::pending().await;
        };
        while self.0.changed().await.is_ok() {
            let vouching = self.0.borrow_and_update().clone();
            let good = vouching.is_none_or(|by| by.verify_client_cert(own, between, UnixTime::now()).is_ok());
            if !good {
                return;
            }
        }
        std::future::pending().await
    }
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
        let (config, vouching) = files.config(&contents)?;
        Ok(Tls(Arc::new(Inner {
            files,
            config: ArcSwap::new(config),
            vouching: watch::Sender::new(vouching),
            contents: Mutex::new(contents),
        })))
    }

    /// Reads the files again; whether they have changed. New connections are offered what they hold now; open ones end if nobody
    /// vouches for their client certificate any more.
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
        let (config, vouching) = inner.files.config(&contents)?;
        inner.config.store(config);
        if known.ca != contents.ca {
            inner.vouching.send_replace(vouching);
        }
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

    /// For one connection. Whatever changes after this is told by the second.
    pub(super) fn offer(&self) -> (Arc<ServerConfig>, Trust) {
        let trust = Trust(self.0.vouching.subscribe());
        (self.0.config.load_full(), trust)
    }
}

impl Files {
    fn read(&self) -> Result<Contents, BadFile> {
        let read = |which, path: &Path| std::fs::read(path).map_err(|error| bad(which, path, error));
        Ok(Contents {
            certificate: read(Which::Certificate, &self.certificate)?,
            key: read(Which::Key, &self.key)?,
            ca: self
                .clients
                .as_ref()
                .map(|clients| read(Which::ClientCa, &clients.ca))
                .transpose()?,
        })
    }

    fn config(&self, contents: &Contents) -> Result<(Arc<ServerConfig>, Vouching), BadFile> {
        let provider = Arc::new(default_provider());
        let chain = certificates(Which::Certificate, &self.certificate, &contents.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|_| bad(Which::Key, &self.key, "it holds no private key in PEM"))?;
        let expires = Peer::of(&chain[0])
            .map_err(|why| bad(Which::Certificate, &self.certificate, why))?
            .expires;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(Which::Certificate, &self.certificate, error))?;
        let bad_ca = |path, error: &dyn fmt::Display| bad(Which::ClientCa, path, error);
        let vouching: Vouching = match (&self.clients, &contents.ca) {
            (Some(clients), Some(pem)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(Which::ClientCa, &clients.ca, pem)? {
                    roots
                        .add(certificate)
                        .map_err(|error| bad_ca(&clients.ca, &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if clients.required {
                    verifier
                } else {
                    verifier.allow_unauthenticated()
                };
                Some(verifier.build().map_err(|error| bad_ca(&clients.ca, &error))?)
            }
            _ => None,
        };
        let builder = match &vouching {
            Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            bad(
                Which::Certificate,
                &self.certificate,
                format!("it does not go with the key {}: {error}", self.key.display()),
            )
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        metric::CERTIFICATE_EXPIRY.set(PLAIN, expires);
        Ok((Arc::new(config), vouching))
    }
}

/// At least one.
fn certificates(which: Which, path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadFile> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(bad(which, path, "it holds no certificate in PEM")),
    }
}

fn bad(which: Which, path: &Path, why: impl fmt::Display) -> BadFile {
    BadFile {
        which,
        file: path.display().to_string(),
        why: why.to_string(),
    }
}
