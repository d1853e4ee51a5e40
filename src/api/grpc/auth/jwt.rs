//! JSON Web Tokens of an issuer that publishes its keys, as Kubernetes does for service accounts.
//!
//! `keys` are the issuer's, read by `source`; `crypto` verifies signatures. A key says by itself which algorithms it is
//! for: what a token's header claims is only compared with that.

mod crypto;
mod keys;
mod source;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jsonwebtoken::errors::ErrorKind;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{expired, refused};
use crate::api::grpc::status::Failure;
use crate::telemetry::metric;
use keys::Keys;
pub use source::{InvalidSource, Place, Source};

/// By how many seconds clocks may differ.
const LEEWAY: u64 = 10;

/// Whose tokens are good, and for whom they must be made.
#[derive(Clone, Debug)]
pub struct Settings {
    pub source: Source,
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be or hold.
    pub audience: String,
    pub pace: Pace,
}

/// When the keys are read again.
#[derive(Clone, Debug)]
pub struct Pace {
    /// A file is looked at so often.
    pub look: Duration,
    /// A URL is asked so often.
    pub ask: Duration,
    /// And so long after the last time at the earliest, when a token names an unknown key or the last time failed.
    pub pause: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            look: Duration::from_secs(5),
            ask: Duration::from_secs(600),
            pause: Duration::from_secs(30),
        }
    }
}

/// Verifies tokens. Clones share the keys.
#[derive(Clone)]
pub struct Jwt(Arc<Inner>);

struct Inner {
    settings: Settings,
    keys: ArcSwap<Keys>,
    /// What `keys` were read from.
    text: Mutex<Bytes>,
    unknown_key: Notify,
}

/// The keys cannot be had; those from before go on.
#[derive(Debug, thiserror::Error)]
#[error("the keys at {place} cannot be used: {why}")]
pub struct NoKeys {
    place: String,
    why: String,
}

/// What a good token says.
pub(super) struct Verified {
    pub subject: String,
    /// In unix seconds, the leeway included.
    pub expires: i64,
}

/// As they come: their form is the validation's to judge, which says more of what is wrong.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    exp: Value,
}

impl Jwt {
    /// Without keys; [`Jwt::refresh`] reads them.
    pub fn new(settings: Settings) -> Jwt {
        crypto::install();
        Jwt(Arc::new(Inner {
            settings,
            keys: ArcSwap::default(),
            text: Mutex::default(),
            unknown_key: Notify::new(),
        }))
    }

    /// Reads the keys again; whether they have changed.
    ///
    /// # Errors
    /// They cannot be read, or are none; those from before go on.
    pub async fn refresh(&self) -> Result<bool, NoKeys> {
        let inner = &*self.0;
        let settings = &inner.settings;
        let failed = |why| NoKeys {
            place: settings.source.place.to_string(),
            why,
        };
        let text = settings.source.read().await.map_err(failed)?;
        let known = || inner.text.lock().unwrap_or_else(PoisonError::into_inner);
        if *known() == text {
            return Ok(false);
        }
        let keys = Keys::parse(&text, &settings.issuer, &settings.audience).map_err(failed)?;
        inner.keys.store(Arc::new(keys));
        *known() = text;
        Ok(true)
    }

    /// Keeps the keys up with the issuer's until `stop`.
    pub async fn follow(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.keep_up()).await;
    }

    async fn keep_up(&self) {
        let Settings { source, pace, .. } = &self.0.settings;
        let mut at = Instant::now();
        if self.0.keys.load().is_empty() {
            self.0.unknown_key.notify_one();
        }
        let mut failure = String::new();
        loop {
            match &source.place {
                Place::File(_) => sleep_until(at + pace.look).await,
                Place::Url(_) => tokio::select! {
                    () = sleep_until(at + pace.ask) => {}
                    () = self.0.unknown_key.notified() => sleep_until(at + pace.pause).await,
                },
            }
            at = Instant::now();
            let refreshed = self.refresh().await;
            match refreshed {
                Ok(false) => failure.clear(),
                Ok(true) => {
                    metric::SECRET_RELOADS.count(["jwt_jwks", "taken"]);
                    tracing::info!(place = %source.place, "the keys for JWTs were replaced");
                }
                Err(error) => {
                    // A file that stays bad is said once.
                    let text = error.to_string();
                    if text != failure {
                        metric::SECRET_RELOADS.count(["jwt_jwks", "failed"]);
                        tracing::error!(error = text, "the keys for JWTs stay as they are");
                        failure = text;
                    }
                    self.0.unknown_key.notify_one();
                }
            }
        }
    }

    /// Whom a token is about, if the issuer made it for us and it holds now.
    ///
    /// # Errors
    /// Anything else; the text says what, and nothing of the token.
    pub(super) fn verify(&self, token: &[u8]) -> Result<Verified, Failure> {
        let settings = &self.0.settings;
        let unreadable = "the token has the three parts of a JWT, but cannot be read as one; or it is no JWT, and none \
                          that this service accepts";
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused(unreadable))?;
        let keys = self.0.keys.load();
        let Some(key) = keys.find(header.kid.as_deref()) else {
            self.0.unknown_key.notify_one();
            return Err(refused(
                "the token is signed with a key that its issuer does not publish, or not yet: if it is fresh, try again \
                 in half a minute",
            ));
        };
        let verified = jsonwebtoken::decode::<Claims>(token, &key.key, &key.validation);
        let claims = verified.map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => expired(),
            ErrorKind::ImmatureSignature => {
                refused("the token is not valid yet: compare the issuer's clock with ours")
            }
            ErrorKind::InvalidIssuer => {
                refused(&format!("the token is not of the issuer {}", settings.issuer))
            }
            ErrorKind::InvalidAudience => refused(&format!(
                "the token is for another audience: ask its issuer for one with the audience {}",
                settings.audience
            )),
            ErrorKind::MissingRequiredClaim(claim) => refused(&format!(
                "the token lacks the claim `{claim}`, or has it in the wrong form"
            )),
            ErrorKind::InvalidAlgorithm => refused(
                "the token is signed in another way than its key is for; none and HS… are never accepted",
            ),
            ErrorKind::InvalidSignature => refused("the token's signature is wrong"),
            _ => refused(unreadable),
        })?;
        let (Some(subject), Some(end)) = (claims.claims.sub.as_str(), claims.claims.exp.as_f64()) else {
            return Err(refused(unreadable));
        };
        #[allow(
            clippy::cast_possible_truncation,
            reason = "it saturates, and what is so far away is never"
        )]
        let end = end as i64;
        Ok(Verified {
            subject: subject.to_owned(),
            expires: end.saturating_add_unsigned(LEEWAY),
        })
    }
}

#[cfg(test)]
mod tests;
