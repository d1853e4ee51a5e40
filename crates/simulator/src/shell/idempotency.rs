//! Idempotency keys, as Stripe keeps them (docs.stripe.com/api/idempotent_requests): the first answer is repeated for 24
//! hours of the simulator's time.

use std::collections::{HashMap, VecDeque};

use sha2::{Digest, Sha256};

use super::reply::Kept;
use crate::core::Fault;
use crate::core::calendar::DAY;

/// What a key means for a request.
pub enum Begun {
    /// Nobody used it: go on, then `finish`.
    New,
    /// This was the answer.
    Replay(Kept),
}

#[derive(Default)]
pub struct Keys {
    /// By account and key: another account's are its own.
    known: HashMap<(String, String), Entry>,
    /// In order of first use.
    by_age: VecDeque<(i64, (String, String))>,
}

struct Entry {
    path: String,
    fingerprint: [u8; 32],
    /// `None`: the first request is still being worked on.
    kept: Option<Kept>,
}

impl Keys {
    /// `form`: the parameters; their order does not matter.
    ///
    /// # Errors
    /// Used for another request, or by one that is still being worked on.
    pub fn begin(
        &mut self,
        account: &str,
        key: &str,
        path: &str,
        form: &str,
        now: i64,
    ) -> Result<Begun, Fault> {
        while self.by_age.front().is_some_and(|(at, _)| at + DAY <= now) {
            if let Some((_, old)) = self.by_age.pop_front() {
                self.known.remove(&old);
            }
        }
        let fingerprint = fingerprint(form);
        let name = (account.to_owned(), key.to_owned());
        let Some(entry) = self.known.get(&name) else {
            let entry = Entry {
                path: path.to_owned(),
                fingerprint,
                kept: None,
            };
            self.known.insert(name.clone(), entry);
            self.by_age.push_back((now, name));
            return Ok(Begun::New);
        };
        let other = if entry.path != path {
            format!(
                "for the same endpoint they were first used for ('{}')",
                entry.path
            )
        } else if entry.fingerprint != fingerprint {
            "with the same parameters they were first used with".to_owned()
        } else {
            String::new()
        };
        if !other.is_empty() {
            let message = format!(
                "Keys for idempotent requests can only be used {other}. Try using a key other than '{key}' if you meant \
                 to execute a different request."
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
    pub fn finish(&mut self, account: &str, key: &str, kept: Option<Kept>) {
        let name = (account.to_owned(), key.to_owned());
        match kept {
            Some(kept) => {
                if let Some(entry) = self.known.get_mut(&name) {
                    entry.kept = Some(kept);
                }
            }
            None => {
                self.known.remove(&name);
                self.by_age.retain(|(_, known)| *known != name);
            }
        }
    }
}

fn fingerprint(form: &str) -> [u8; 32] {
    let mut parts: Vec<&str> = form.split('&').collect();
    parts.sort_unstable();
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
