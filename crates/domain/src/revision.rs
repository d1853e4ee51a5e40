//! Positions in the feed, and the opaque text in which callers carry them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A position on one branch of the feed: revisions are dense within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision {
    /// The epoch's random id: another branch's number never compares with ours.
    pub epoch: i64,
    pub number: i64,
}

/// Text that is no revision of ours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a revision that this service gave out; pass one back exactly as it was received, or none")]
pub struct InvalidRevision;

const VERSION: u8 = 1;

/// What a caller holds: the position and, for a watch, which filter it belongs to (0: a read's).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub revision: Revision,
    pub filter: u64,
}

impl Token {
    /// A read's token.
    pub fn read(revision: Revision) -> Token {
        Token { revision, filter: 0 }
    }

    /// The opaque text.
    pub fn encode(self) -> String {
        let mut bytes = Vec::with_capacity(29);
        bytes.push(VERSION);
        bytes.extend(self.revision.epoch.to_be_bytes());
        bytes.extend(self.revision.number.to_be_bytes());
        bytes.extend(self.filter.to_be_bytes());
        let check = checksum(&bytes);
        bytes.extend(check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the text back; whatever was altered is refused.
    pub fn decode(text: &str) -> Result<Token, InvalidRevision> {
        if text.len() > 64 {
            return Err(InvalidRevision);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidRevision)?;
        let bytes: [u8; 29] = bytes.try_into().map_err(|_| InvalidRevision)?;
        if bytes[0] != VERSION || bytes[25..] != checksum(&bytes[..25]) {
            return Err(InvalidRevision);
        }
        let word = |at: usize| -> [u8; 8] { std::array::from_fn(|i| bytes[at + i]) };
        let number = i64::from_be_bytes(word(9));
        if number < 0 {
            return Err(InvalidRevision);
        }
        Ok(Token {
            revision: Revision {
                epoch: i64::from_be_bytes(word(1)),
                number,
            },
            filter: u64::from_be_bytes(word(17)),
        })
    }
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let digest = Sha256::digest(bytes);
    std::array::from_fn(|i| digest[i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_comes_back_as_it_went(epoch: i64, number in 0..i64::MAX, filter: u64) {
            let token = Token { revision: Revision { epoch, number }, filter };
            prop_assert_eq!(Token::decode(&token.encode()), Ok(token));
        }

        #[test]
        fn any_text_is_refused_without_panic(text in ".{0,80}") {
            prop_assert_eq!(Token::decode(&text), Err(InvalidRevision));
        }

        #[test]
        fn one_altered_letter_is_refused(epoch: i64, number in 0..i64::MAX, at in 0usize..38) {
            let text = Token::read(Revision { epoch, number }).encode();
            let mut altered = text.into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            prop_assert_eq!(Token::decode(std::str::from_utf8(&altered).unwrap()), Err(InvalidRevision));
        }
    }
}
