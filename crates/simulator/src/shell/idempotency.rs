//! Idempotency keys, as Stripe keeps them: the first answer is repeated for 24 hours of the simulator's time.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::core::Fault;
use crate::core::calendar::DAY;

/// An answer as it went out.
#[derive(Clone)]
pub struct Kept {
    pub status: u16,
    pub body: Bytes,
    pub request: String,
}

/// What a key means for a request.
pub enum Begun {
    /// Nobody used it: go on, then `finish`.
    New,
    /// This was the answer.
    Replay(Kept),
}

#[derive(Default)]
pub struct Keys {
    known: HashMap<String, Entry>,
    /// In order of first use.
    by_age: VecDeque<(i64, String)>,
}

struct Entry {
    fingerprint: [u8; 32],
    /// `None`: the first request is still being worked on.
    kept: Option<Kept>,
}

impl Keys {
    /// # Errors
    /// Used for another request, or by one that is still being worked on.
    pub fn begin(&mut self, key: &str, request: &[&[u8]], now: i64) -> Result<Begun, Fault> {
        while self.by_age.front().is_some_and(|(at, _)| at + DAY <= now) {
            if let Some((_, old)) = self.by_age.pop_front() {
                self.known.remove(&old);
            }
        }
        let mut hash = Sha256::new();
        for part in request {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let fingerprint = hash.finalize().into();
        let Some(entry) = self.known.get(key) else {
            self.known.insert(
                key.to_owned(),
                Entry {
                    fingerprint,
                    kept: None,
                },
            );
            self.by_age.push_back((now, key.to_owned()));
            return Ok(Begun::New);
        };
        if entry.fingerprint != fingerprint {
            let message = format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. \
                 Try using a key other than '{key}' if you meant to execute a different request."
            );
            return Err(Fault::other(400, "idempotency_error", message).early());
        }
        match &entry.kept {
            Some(kept) => Ok(Begun::Replay(kept.clone())),
            None => {
                let message = format!(
                    "There is currently another in-progress request using this Idempotent Key (that probably means \
                     you submitted twice, and the other request is still going through): {key}. Please try again \
                     later."
                );
                let fault = Fault::other(409, "invalid_request_error", message).early();
                Err(fault.code("idempotency_key_in_use"))
            }
        }
    }

    /// `None`: nothing is kept and the key is free again.
    pub fn finish(&mut self, key: &str, kept: Option<Kept>) {
        match kept {
            Some(kept) => {
                if let Some(entry) = self.known.get_mut(key) {
                    entry.kept = Some(kept);
                }
            }
            None => {
                self.known.remove(key);
                self.by_age.retain(|(_, known)| known != key);
            }
        }
    }
}
