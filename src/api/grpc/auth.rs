//! Who may call: [`entry`] is how callers are written down, [`scope`] what each may do, [`jwt`] tokens of an issuer,
//! [`caller`] who was let in.

pub mod caller;
pub mod entry;
pub mod jwt;
pub mod scope;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::listen::peer::Peer;
use super::proto::ErrorReason;
use super::status::Failure;
use caller::{Caller, Listed};
use entry::{Entry, Proof};
use jwt::Jwt;
use scope::{OPEN, RPCS, Scope};

/// All who may call. Clones share the list, which can be replaced while calls come in.
#[derive(Clone)]
pub struct Callers(Arc<Who>);

enum Who {
    Everybody(Caller),
    Listed {
        list: ArcSwap<Vec<Arc<Listed>>>,
        jwt: Option<Jwt>,
        /// Real time in unix seconds: tokens and certificates expire by it, whoever steers our clock.
        unix_now: fn() -> i64,
    },
}

impl Callers {
    /// Nobody is asked for a token.
    pub fn everybody() -> Callers {
        Callers(Arc::new(Who::Everybody(Caller::unnamed(Scope::ALL))))
    }

    /// Only these; the subjects among them by tokens that `jwt` verifies.
    pub fn only(callers: Vec<Entry>, jwt: Option<Jwt>, unix_now: fn() -> i64) -> Callers {
        let who = Callers(Arc::new(Who::Listed {
            list: ArcSwap::default(),
            jwt,
            unix_now,
        }));
        who.replace(callers);
        who
    }

    /// Only these from now on. Who is not among them as before loses its open streams. Where nobody is asked, it stays so.
    pub fn replace(&self, callers: Vec<Entry>) {
        let Who::Listed { list, .. } = &*self.0 else {
            return;
        };
        let before = list.load_full();
        let listed = callers.into_iter().map(|entry| {
            let same = before.iter().find(|listed| listed.entry == entry);
            same.cloned().unwrap_or_else(|| {
                let withdrawn = CancellationToken::new();
                Arc::new(Listed { entry, withdrawn })
            })
        });
        let after: Vec<Arc<Listed>> = listed.collect();
        list.store(Arc::new(after.clone()));
        for old in before.iter() {
            if !after.iter().any(|new| Arc::ptr_eq(old, new)) {
                old.withdrawn.cancel();
            }
        }
    }

    /// Who calls, if it may call this method.
    ///
    /// # Errors
    /// There is no such method; the caller proves nothing, or nobody, or is not allowed to call it.
    pub(super) fn admit(
        &self,
        path: &str,
        headers: &HeaderMap,
        peer: Option<&Peer>,
    ) -> Result<Caller, Failure> {
        if OPEN.iter().any(|open| path.starts_with(open)) {
            // Who can say its name is no guest; who cannot is not refused.
            return Ok(self
                .identify(headers, peer)
                .unwrap_or_else(|_| Caller::unnamed([])));
        }
        let rpc = RPCS.iter().find(|rpc| rpc.path == path).ok_or_else(|| {
            Failure::new(
                ErrorReason::UnknownMethod,
                "this version of the service has no such method",
            )
        })?;
        let caller = self.identify(headers, peer)?;
        if caller.scopes().has(rpc.scope) {
            return Ok(caller);
        }
        let (scope, method) = (rpc.scope, path.rsplit('/').next().unwrap_or_default());
        let text = format!(
            "caller `{}` lacks the scope `{scope}`, which {method} needs: add it to the caller's line in the list of callers",
            caller.name().map_or("", |name| name)
        );
        Err(Failure::new(ErrorReason::ScopeMissing, text).with("scope", scope.word()))
    }

    /// Who calls. Whatever proves it, it ends with the connection when whoever signed the client certificate is not trusted
    /// any more.
    fn identify(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<Caller, Failure> {
        let caller = match &*self.0 {
            Who::Everybody(caller) => caller.clone(),
            Who::Listed { list, jwt, unix_now } => {
                let door = Asked {
                    list: &list.load(),
                    jwt: jwt.as_ref(),
                    unix_now: unix_now(),
                };
                match headers.get(header::AUTHORIZATION) {
                    Some(value) => door.by_token(value.as_bytes())?,
                    None => door.by_certificate(peer)?,
                }
            }
        };
        Ok(match peer {
            Some(peer) => caller.ends_with(&peer.withdrawn),
            None => caller,
        })
    }
}

/// What one request is compared with.
struct Asked<'a> {
    list: &'a [Arc<Listed>],
    jwt: Option<&'a Jwt>,
    unix_now: i64,
}

impl Asked<'_> {
    fn by_token(&self, authorization: &[u8]) -> Result<Caller, Failure> {
        let bearer = authorization.split_at_checked(7);
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
        let token = bearer.map_or(&b""[..], |(_, token)| token.trim_ascii());
        if token.is_empty() {
            return Err(missing(
                "the metadata `authorization` must be `Bearer`, a space and a token",
            ));
        }
        if !token.iter().all(u8::is_ascii_graphic) {
            return Err(refused(
                "a token is one word of printable characters without spaces: send it as it was given out",
            ));
        }
        let digest = Sha256::digest(token);
        // Every caller is compared, each in constant time: how long it takes tells nothing.
        let mut found = None;
        for listed in self.list {
            if let Proof::Token(known) = &listed.entry.proof
                && bool::from(known.ct_eq(&digest))
            {
                found = Some(listed);
            }
        }
        if let Some(listed) = found {
            return Ok(Caller::new(listed.clone(), None));
        }
        let is_jwt = token.iter().filter(|byte| **byte == b'.').count() == 2;
        match self.jwt {
            Some(jwt) if is_jwt => {
                let verified = jwt.verify(token)?;
                let by_subject =
                    |entry: &Entry| matches!(&entry.proof, Proof::Subject(it) if *it == verified.subject);
                let listed = self.find(by_subject).ok_or_else(|| {
                    refused(&format!(
                        "the token is good, but its subject is no caller here: add `name = jwt:{}` to the list of callers",
                        verified.subject
                    ))
                })?;
                self.until(listed, verified.expires)
            }
            None if is_jwt => Err(refused(
                "the token is none that this service accepts; it looks like a JWT, and no issuer of those is set up \
                 (TOLLGATE_JWT_JWKS)",
            )),
            _ => Err(refused(
                "the token is none that this service accepts: `tollgate token create` makes one, and the line for the \
                 list of callers",
            )),
        }
    }

    fn by_certificate(&self, peer: Option<&Peer>) -> Result<Caller, Failure> {
        let Some(peer) = peer else {
            return Err(missing(
                "a token is required: send the metadata `authorization: Bearer <token>`",
            ));
        };
        if peer.withdrawn.is_cancelled() {
            return Err(refused(
                "who signed the client certificate is not trusted here any more: connect again with another, or send a token",
            ));
        }
        let by_name =
            |entry: &Entry| matches!(&entry.proof, Proof::Certificate(it) if peer.names.contains(it));
        let listed = self.find(by_name).ok_or_else(|| {
            refused(&format!(
                "the client certificate is good, but none of its names is a caller here: add `name = cert:{}` to the list \
                 of callers, or send a token",
                peer.names.first().map_or("…", String::as_str)
            ))
        })?;
        self.until(listed, peer.expires)
    }

    fn find(&self, is: impl Fn(&Entry) -> bool) -> Option<&Arc<Listed>> {
        self.list.iter().find(|listed| is(&listed.entry))
    }

    fn until(&self, listed: &Arc<Listed>, expires: i64) -> Result<Caller, Failure> {
        match u64::try_from(expires.saturating_sub(self.unix_now)) {
            Ok(left @ 1..) => {
                let expires = Instant::now().checked_add(Duration::from_secs(left));
                Ok(Caller::new(listed.clone(), expires))
            }
            _ => Err(expired()),
        }
    }
}

fn missing(text: &str) -> Failure {
    Failure::new(ErrorReason::TokenMissing, text).with("scheme", "Bearer")
}

fn refused(text: &str) -> Failure {
    Failure::new(ErrorReason::TokenRefused, text)
}

fn expired() -> Failure {
    Failure::new(
        ErrorReason::TokenExpired,
        "the token or certificate has expired: get a fresh one and call again",
    )
}

#[cfg(test)]
mod tests;
