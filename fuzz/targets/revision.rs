//! The text in which callers carry a position: a token comes back as it went, and nothing else is read as one.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use tollgate_domain::revision::{InvalidRevision, Revision, Token};

fuzz_target!(|data: &[u8]| {
    match std::str::from_utf8(data) {
        Ok(text) => check(text, None),
        Err(_) => check(&URL_SAFE_NO_PAD.encode(data), None),
    }
    let Some(payload) = data.first_chunk::<25>() else {
        return;
    };
    // A mutated text hardly ever has the right checksum: give it one, so that what is behind it is tried too.
    let mut bytes = payload.to_vec();
    bytes.extend(&Sha256::digest(payload)[..4]);
    let whole = URL_SAFE_NO_PAD.encode(&bytes);
    let word = |at: usize| payload[at..at + 8].try_into().unwrap();
    let token = Token {
        revision: Revision {
            epoch: i64::from_be_bytes(word(1)),
            number: i64::from_be_bytes(word(9)),
        },
        filter: u64::from_be_bytes(word(17)),
    };
    let good = payload[0] == 1 && token.revision.number >= 0;
    check(&whole, good.then_some(token));
    if good {
        assert_eq!(token.encode(), whole, "there is one text for a token");
    }
    // One bit of the checksum is another: never read, whatever the rest.
    let flip = data.get(25).copied().unwrap_or(0);
    bytes[25 + usize::from(flip % 4)] ^= 1 << (flip / 4 % 8);
    assert_eq!(
        Token::decode(&URL_SAFE_NO_PAD.encode(&bytes)),
        Err(InvalidRevision)
    );
    // Neither is what has more behind it, nor padding.
    for more in ["A", "=", "\n", " "] {
        assert_eq!(Token::decode(&format!("{whole}{more}")), Err(InvalidRevision));
    }
});

/// Whatever is read is written back as exactly the same text: no token has a second text.
fn check(text: &str, expected: Option<Token>) {
    let read = Token::decode(text);
    if let Ok(token) = read {
        assert_eq!(token.encode(), text);
        assert!(token.revision.number >= 0, "the feed counts from 0");
    }
    if let Some(token) = expected {
        assert_eq!(read, Ok(token));
    }
}
