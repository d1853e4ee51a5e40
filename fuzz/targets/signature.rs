//! The `Stripe-Signature` header: only who knows a secret is let in, and whoever signed properly is.
//!
//! An input is the header in the first line, then the clock's offset from the signature in seconds, then the body.
//! In the header, `{a}` `{b}` stand for the right MAC with one of our secrets and `{x}` for one with another secret:
//! no fuzzer finds a MAC by itself.
#![no_main]

use hmac::{Hmac, Mac};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;
use tollgate_domain::time::Span;
use tollgate_stripe::signature::{Secrets, SignatureError, sign, verify};

const A: &str = "whsec_zA9qLm3";
const B: &str = "whsec_kT7vRw8";
const OTHER: &str = "whsec_nobodys";
const TOLERANCE: i64 = 300;

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let (Some(template), Some(offset), Some(body)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let body = body.as_bytes();
    let signed_at = time_of(template).unwrap_or("");
    let header = [("{a}", A), ("{b}", B), ("{x}", OTHER)]
        .iter()
        .fold(template.to_owned(), |header, (mark, secret)| {
            header.replace(mark, &mac(secret, signed_at, body))
        });
    let seconds = signed_at.parse::<i64>().ok();
    let now = seconds
        .unwrap_or(0)
        .saturating_add(offset.parse::<i64>().unwrap_or(0));

    let ours = secrets(&[A, B]);
    let span = Span::seconds(TOLERANCE);
    let result = verify(Some(&header), body, &ours, now, span);
    if let Err(error) = result {
        let text = format!("{error} {error:?} {ours:?}");
        assert!(!text.contains(A) && !text.contains(B), "{text}");
    }

    // What is let in carries a MAC made with one of our secrets over this body and this time, and is fresh.
    let carries = |secret: &str| {
        header
            .to_ascii_lowercase()
            .contains(&mac(secret, time_of(&header).unwrap_or(""), body))
    };
    match result {
        Ok(()) => {
            assert!(carries(A) || carries(B), "let in without a signature: {header:?}");
            assert!(
                now.abs_diff(seconds.unwrap()) <= TOLERANCE.unsigned_abs(),
                "let in at {now}: {header:?}"
            );
            let altered = [body, b"x"].concat();
            assert!(
                verify(Some(&header), &altered, &ours, now, span).is_err(),
                "another body was let in"
            );
            let later = verify(
                Some(&header),
                body,
                &ours,
                seconds.unwrap().saturating_add(TOLERANCE + 1),
                span,
            );
            if seconds.unwrap() < i64::MAX - TOLERANCE {
                assert_eq!(later, Err(SignatureError::OutsideTolerance));
            }
            assert!(verify(Some(&header), body, &ours, now, Span::seconds(-1)).is_err());
        }
        // The MAC is judged before the time, so that an old signature tells nothing about a secret.
        Err(SignatureError::OutsideTolerance) => assert!(carries(A) || carries(B)),
        Err(_) => {}
    }
    if !carries(OTHER) {
        assert!(
            verify(Some(&header), body, &secrets(&[OTHER]), now, span).is_err(),
            "another's secret was taken"
        );
    }
    assert_eq!(
        result,
        verify(Some(&header), body, &secrets(&[B, A]), now, span),
        "the order of secrets matters"
    );
    // What else is in the header cannot take a good signature's effect away.
    if result.is_ok() {
        let noise = format!("{header},v1=00,v0={},unknown", mac(OTHER, signed_at, body));
        assert_eq!(verify(Some(&noise), body, &ours, now, span), Ok(()));
    }
    // What Stripe would send is always let in at its own time.
    let stamp = seconds.unwrap_or(now);
    assert_eq!(
        verify(Some(&sign(B, stamp, body)), body, &ours, stamp, span),
        Ok(())
    );
});

fn secrets(all: &[&str]) -> Secrets {
    Secrets::new(all.iter().map(|&secret| secret.to_owned()).collect()).unwrap()
}

/// The first `t`.
fn time_of(header: &str) -> Option<&str> {
    let mut parts = header.split(',').filter_map(|part| part.split_once('='));
    parts.find(|(name, _)| name.trim() == "t").map(|(_, value)| value)
}

fn mac(secret: &str, signed_at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{signed_at}.").as_bytes());
    mac.update(body);
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
