//! Stripe's webhook signatures: HMAC-SHA256 over `t.body`, <https://docs.stripe.com/webhooks#verify-manually>.
//!
//! Not async-stripe's verifier: it knows one secret at a time and parses the event as well.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tollgate_domain::time::Span;

/// The signing secrets (`whsec_…`) of every webhook endpoint that points here; while one is rolled, both.
#[derive(Clone)]
pub struct Secrets(Vec<String>);

/// There is no secret, or one is empty: anybody could sign with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook signing secret is empty: set the whsec_… that Stripe shows for the endpoint")]
pub struct EmptySecret;

/// Why a request is not proven to come from Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No `Stripe-Signature` header, or an empty one.
    #[error("not signed")]
    Missing,
    /// The header has no readable `t` or no `v1`.
    #[error("the signature header cannot be read")]
    Malformed,
    /// No `v1` was made with one of the secrets over this body.
    #[error("no signature matches")]
    Mismatch,
    /// Signed too long ago, or too far in the future.
    #[error("the signature's time is outside the tolerance")]
    OutsideTolerance,
}

impl Secrets {
    /// Refuses an empty list and an empty secret.
    pub fn new(secrets: Vec<String>) -> Result<Secrets, EmptySecret> {
        if secrets.is_empty() || secrets.iter().any(|secret| secret.trim().is_empty()) {
            return Err(EmptySecret);
        }
        Ok(Secrets(secrets))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// Whether any `v1` of the `Stripe-Signature` header was made over `body` with any of the secrets, at most `tolerance`
/// before or after `unix_now`. Other schemes are ignored. `unix_now` is real time, never a simulated one. A tolerance
/// below one second refuses nearly everything; it never switches the check off.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    secrets: &Secrets,
    unix_now: i64,
    tolerance: Span,
) -> Result<(), SignatureError> {
    let header = header
        .filter(|header| !header.is_empty())
        .ok_or(SignatureError::Missing)?;
    let (mut signed_at, mut signatures) = (None, vec![]);
    for (scheme, value) in header.split(',').filter_map(|part| part.split_once('=')) {
        match scheme.trim() {
            "t" => signed_at = signed_at.or(Some(value)),
            "v1" => signatures.push(value),
            _ => {}
        }
    }
    let signed_at = signed_at.ok_or(SignatureError::Malformed)?;
    let seconds: i64 = signed_at.parse().map_err(|_| SignatureError::Malformed)?;
    if signatures.is_empty() {
        return Err(SignatureError::Malformed);
    }
    let signatures: Vec<[u8; 32]> = signatures.into_iter().filter_map(from_hex).collect();
    // Every pair is compared, so that the time taken tells nothing.
    let matches = secrets.0.iter().fold(subtle::Choice::from(0), |found, secret| {
        let expected = mac(secret, signed_at, body);
        signatures
            .iter()
            .fold(found, |found, signature| found | signature[..].ct_eq(&expected))
    });
    if !bool::from(matches) {
        return Err(SignatureError::Mismatch);
    }
    let far = u64::try_from(tolerance.0).is_err()
        || unix_now.abs_diff(seconds).saturating_mul(1_000_000) > tolerance.0.unsigned_abs();
    if far {
        Err(SignatureError::OutsideTolerance)
    } else {
        Ok(())
    }
}

/// The `Stripe-Signature` header that Stripe would send for `body` at `t` (unix seconds); for tests and simulators.
pub fn sign(secret: &str, t: i64, body: &[u8]) -> String {
    let hex: String = mac(secret, &t.to_string(), body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={t},v1={hex}")
}

fn mac(secret: &str, signed_at: &str, body: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(signed_at.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let text = text.trim().as_bytes();
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks(2)) {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;

    fn check(header: Option<&str>, secrets: &[&str]) -> Result<(), SignatureError> {
        let secrets = Secrets::new(secrets.iter().map(|&s| s.to_owned()).collect()).unwrap();
        verify(header, BODY, &secrets, NOW, Span::seconds(300))
    }

    #[test]
    fn the_mac_is_the_one_of_rfc_4231() {
        // Case 2, whose data holds no dot: compared through the same primitive.
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        let expected = from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843").unwrap();
        assert_eq!(mac.finalize().into_bytes()[..], expected);
    }

    #[test]
    fn any_v1_made_with_any_secret_is_accepted() {
        let one = sign("whsec_old", NOW, BODY);
        let v1 = one.split_once(',').unwrap().1;
        for header in [
            one.clone(),
            format!("t={NOW},v1=potato,{v1}"),
            format!("{v1},t={NOW}"),
            format!("t={NOW},v0=00,{v1},v1={}", "0".repeat(64)),
            one.replace("v1=", "v1= "),
        ] {
            assert_eq!(
                check(Some(&header), &["whsec_new", "whsec_old"]),
                Ok(()),
                "{header}"
            );
        }
        assert_eq!(check(Some(&one), &["whsec_new"]), Err(SignatureError::Mismatch));
    }

    #[test]
    fn what_is_not_signed_or_not_readable_is_refused() {
        let v1 = sign("s", NOW, BODY).split_once(',').unwrap().1.to_owned();
        let v0 = format!("t={NOW},{}", v1.replace("v1", "v0"));
        assert_eq!(check(None, &["s"]), Err(SignatureError::Missing));
        assert_eq!(check(Some(""), &["s"]), Err(SignatureError::Missing));
        for header in [
            "bad_header",
            "t",
            ",,",
            "t=,v1=",
            "v1,t=1",
            "t,v1=,v0",
            "=",
            &v1,
            &v0,
            &format!("t=soon,{v1}"),
        ] {
            assert_eq!(
                check(Some(header), &["s"]),
                Err(SignatureError::Malformed),
                "{header}"
            );
        }
        for header in ["t=1700000000,v1=", "t=1700000000,v1=6465616462656566"] {
            assert_eq!(
                check(Some(header), &["s"]),
                Err(SignatureError::Mismatch),
                "{header}"
            );
        }
    }

    #[test]
    fn another_time_in_the_header_breaks_the_signature() {
        let header = sign("s", NOW - 1_000, BODY).replace(&format!("t={}", NOW - 1_000), &format!("t={NOW}"));
        assert_eq!(check(Some(&header), &["s"]), Err(SignatureError::Mismatch));
    }

    #[test]
    fn the_tolerance_counts_both_ways_and_is_never_off() {
        let secrets = Secrets::new(vec!["s".into()]).unwrap();
        let at = |t: i64, tolerance| verify(Some(&sign("s", t, BODY)), BODY, &secrets, NOW, tolerance);
        for t in [NOW - 300, NOW, NOW + 300] {
            assert_eq!(at(t, Span::seconds(300)), Ok(()), "{t}");
        }
        for t in [NOW - 301, NOW + 301, i64::MIN, i64::MAX, 0] {
            assert_eq!(
                at(t, Span::seconds(300)),
                Err(SignatureError::OutsideTolerance),
                "{t}"
            );
        }
        assert_eq!(at(NOW - 1, Span::ZERO), Err(SignatureError::OutsideTolerance));
        assert_eq!(at(NOW, Span::seconds(-1)), Err(SignatureError::OutsideTolerance));
    }

    #[test]
    fn empty_secrets_are_refused_and_none_is_shown() {
        for secrets in [vec![], vec![String::new()], vec!["whsec_1".into(), " ".into()]] {
            assert_eq!(Secrets::new(secrets).unwrap_err(), EmptySecret);
        }
        assert_eq!(
            format!("{:?}", Secrets::new(vec!["whsec_1".into()]).unwrap()),
            "Secrets(1)"
        );
    }
}
