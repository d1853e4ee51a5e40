//! Who is at the other end of a connection, as its certificate says.

use rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// What a verified certificate says.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its URIs, then its DNS names; the common name where it has neither.
    pub names: Vec<String>,
    /// In unix seconds.
    pub expires: i64,
    /// Once nobody vouches for it any more: its authority was taken from those that are trusted.
    pub withdrawn: CancellationToken,
}

impl Peer {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Peer, &'static str> {
        let parsed = Certificate::from_der(certificate).map_err(|_| "the certificate cannot be read")?;
        let certificate = parsed.tbs_certificate();
        let alternative = certificate.get_extension::<SubjectAltName>();
        let alternative = alternative.map_err(|_| "the certificate's alternative names cannot be read")?;
        let alternative = alternative.map_or(vec![], |(_, names)| names.0);
        let uris = alternative.iter().filter_map(|name| match name {
            GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
            _ => None,
        });
        let hosts = alternative.iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.to_string()),
            _ => None,
        });
        let mut names: Vec<String> = uris.chain(hosts).collect();
        if names.is_empty() {
            let common = certificate.subject().common_name().ok().flatten();
            names.extend(common.map(|name| name.value().into_owned()));
        }
        let expires = certificate.validity().not_after.to_unix_duration().as_secs();
        Ok(Peer {
            names,
            expires: i64::try_from(expires).unwrap_or(i64::MAX),
            withdrawn: CancellationToken::new(),
        })
    }
}
