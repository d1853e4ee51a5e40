//! Who may call.

use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::proto::ErrorReason;
use super::status::Failure;

/// Everybody may ask whether the service lives and what it speaks: probes and tools have no token.
const OPEN: &[&str] = &[
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.",
    "/grpc.reflection.v1alpha.",
];

/// One caller and what proves it. Of the token only its SHA-256 is known here.
#[derive(Clone)]
pub struct Caller {
    name: String,
    token: [u8; 32],
}

/// Text that describes no caller; it does not repeat the text, which may be a token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a caller is name=sha256, where sha256 is 64 hex digits: printf %s \"$TOKEN\" | sha256sum; the name is of a-z A-Z 0-9 _ . -"
)]
pub struct InvalidCaller;

/// All who may call.
#[derive(Clone)]
pub struct Callers(Option<Vec<Caller>>);

impl Caller {
    /// Reads `name=sha256-of-token`.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Caller, InvalidCaller> {
        let (name, digest) = text.split_once('=').ok_or(InvalidCaller)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if name.is_empty() || !name.chars().all(plain) || digest.len() != 64 || !digest.is_ascii() {
            return Err(InvalidCaller);
        }
        let mut token = [0; 32];
        for (at, byte) in token.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digest[2 * at..2 * at + 2], 16).map_err(|_| InvalidCaller)?;
        }
        Ok(Caller {
            name: name.to_owned(),
            token,
        })
    }
}

impl Callers {
    /// Nobody is asked for a token.
    pub fn everybody() -> Callers {
        Callers(None)
    }

    /// Only these.
    pub fn only(callers: Vec<Caller>) -> Callers {
        Callers(Some(callers))
    }

    /// The name of who calls; empty where nobody is asked.
    ///
    /// # Errors
    /// There is no bearer token, or it is nobody's.
    pub(super) fn admit(&self, path: &str, headers: &HeaderMap) -> Result<&str, Failure> {
        let Some(callers) = &self.0 else { return Ok("") };
        if OPEN.iter().any(|open| path.starts_with(open)) {
            return Ok("");
        }
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().split_at_checked(7))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "))
            .map(|(_, token)| token.trim_ascii());
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            let text = "a token is required: send the metadata `authorization: Bearer <token>`";
            return Err(Failure::new(ErrorReason::TokenMissing, text).with("scheme", "Bearer"));
        };
        let digest = Sha256::digest(token);
        // Every caller is compared, each in constant time: how long it takes tells nothing.
        let mut found = None;
        for caller in callers {
            if bool::from(caller.token.ct_eq(&digest)) {
                found = Some(caller.name.as_str());
            }
        }
        found.ok_or_else(|| {
            Failure::new(
                ErrorReason::TokenRefused,
                "the token is none that this service accepts",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: &str = "/tollgate.v1.BillingService/GetEntitlement";

    fn callers() -> Callers {
        let digest: String = Sha256::digest("let-me-in")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Callers::only(vec![Caller::parse(&format!("web={digest}")).unwrap()])
    }

    fn with(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().unwrap())])
    }

    #[test]
    fn the_right_token_names_the_caller() {
        assert_eq!(callers().admit(METHOD, &with("Bearer let-me-in")).unwrap(), "web");
        assert_eq!(
            callers().admit(METHOD, &with("bearer  let-me-in")).unwrap(),
            "web"
        );
    }

    #[test]
    fn no_token_and_a_wrong_token_are_different_failures() {
        for missing in [HeaderMap::new(), with("Basic bGV0"), with("Bearer "), with("x")] {
            assert_eq!(
                callers().admit(METHOD, &missing).unwrap_err().reason(),
                ErrorReason::TokenMissing
            );
        }
        let refused = callers().admit(METHOD, &with("Bearer let-me-inn")).unwrap_err();
        assert_eq!(refused.reason(), ErrorReason::TokenRefused);
        assert!(!refused.message().contains("inn"));
    }

    #[test]
    fn health_and_reflection_need_no_token() {
        for path in [
            "/grpc.health.v1.Health/Check",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ] {
            assert!(callers().admit(path, &HeaderMap::new()).is_ok());
        }
        assert!(
            callers()
                .admit("/grpc.health.v2.Other/Check", &HeaderMap::new())
                .is_err()
        );
    }

    #[test]
    fn a_token_in_clear_is_no_caller() {
        for text in [
            "web",
            "web=secret",
            "=00",
            &format!("web={}", "é".repeat(32)),
            &format!("web={}", "g".repeat(64)),
        ] {
            assert_eq!(Caller::parse(text).err(), Some(InvalidCaller));
        }
    }
}
