//! How callers are written down.
//!
//! ```text
//! web     = sha256:<64 hex digits>  checkout read watch
//! reports = jwt:system:serviceaccount:shop:reports  read
//! edge    = cert:edge.shop.svc  read watch  customers:acme- customers:beta-
//! old     = <64 hex digits>         # as sha256:, with the usual scopes
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tollgate_domain::id::CustomerId;

use super::scope::{Scope, Scopes};
use crate::feed::filter::Whom;

/// One caller: what proves it, what it may do, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: Arc<str>,
    pub proof: Proof,
    pub scopes: Scopes,
    /// Whom it may see.
    pub customers: Whom,
}

/// What proves a caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// A token with this SHA-256; the token itself is not known here.
    Token([u8; 32]),
    /// A JWT with this subject.
    Subject(String),
    /// A client certificate with this name.
    Certificate(String),
}

/// Text that describes no callers. It does not repeat the text, which may hold a token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}, caller {nth}: {rule}")]
pub struct InvalidCallers {
    line: usize,
    /// On the line, from 1.
    nth: usize,
    rule: String,
}

const FORM: &str = "a caller is `name = sha256:…`, `name = jwt:SUBJECT` or `name = cert:NAME`, then scopes and \
                    `customers:PREFIX`, separated by spaces; where … is 64 hex digits: printf %s \"$TOKEN\" | sha256sum";
const NAME: &str = "the name of a caller is of a-z A-Z 0-9 _ . - and at most 64 of them";

/// Reads a list of callers, separated by commas or the ends of lines.
///
/// # Errors
/// One of them is none, or two are proven by the same.
pub fn parse(text: &str) -> Result<Vec<Entry>, InvalidCallers> {
    let mut entries = vec![];
    let mut proofs = HashSet::new();
    for (line, content) in text.lines().enumerate() {
        let content = content.split('#').next().unwrap_or_default();
        for (nth, written) in content.split(',').enumerate() {
            if written.trim().is_empty() {
                continue;
            }
            let wrong = |rule| InvalidCallers {
                line: line + 1,
                nth: nth + 1,
                rule,
            };
            let entry = Entry::parse(written).map_err(wrong)?;
            if !proofs.insert(entry.proof.clone()) {
                return Err(wrong(
                    "an earlier caller has the same token, subject or certificate".to_owned(),
                ));
            }
            entries.push(entry);
        }
    }
    if entries.is_empty() {
        // A file that is being edited must not lock everybody out.
        return Err(InvalidCallers {
            line: 1,
            nth: 1,
            rule: "there is no caller at all".to_owned(),
        });
    }
    Ok(entries)
}

impl Entry {
    /// A caller's line, and the token that proves it: random bytes in words that a header and a shell can carry.
    ///
    /// # Errors
    /// The name, a scope or a prefix is none.
    pub fn with_token(
        name: &str,
        scopes: &[String],
        customers: &[String],
        random: [u8; 32],
    ) -> Result<(String, String), String> {
        let token = format!("tg_{}", URL_SAFE_NO_PAD.encode(random));
        let digest: String = Sha256::digest(&token)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut line = format!("{name} = sha256:{digest}");
        let usual: Vec<String> = Scopes::USUAL.iter().map(ToString::to_string).collect();
        for scope in if scopes.is_empty() { &usual } else { scopes } {
            line += &format!(" {scope}");
        }
        for prefix in customers {
            line += &format!(" customers:{prefix}");
        }
        Entry::parse(&line).map(|_| (token, line))
    }

    /// Who is not asked for a name.
    pub(super) fn unnamed(scopes: Scopes) -> Entry {
        Entry {
            name: "".into(),
            proof: Proof::Subject(String::new()),
            scopes,
            customers: Whom::All,
        }
    }

    fn parse(text: &str) -> Result<Entry, String> {
        let (name, rest) = text.split_once('=').ok_or(FORM)?;
        let name = name.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(NAME.to_owned());
        }
        let mut words = rest.split_whitespace();
        let proof = words.next().and_then(Proof::parse).ok_or(FORM)?;
        let (mut scopes, mut prefixes) = (vec![], vec![]);
        for word in words {
            match word.split_once(':') {
                None => scopes.push(scope(word)?),
                // Every beginning of a customer's id is itself one.
                Some(("customers", prefix)) if CustomerId::parse(prefix).is_ok() => {
                    prefixes.push(prefix.to_owned())
                }
                Some(_) => {
                    return Err(
                        "`customers:` wants the beginning of a customer's id, as customers:acme-".into(),
                    );
                }
            }
        }
        if scopes.is_empty() {
            scopes.extend(Scopes::USUAL);
        }
        Ok(Entry {
            name: name.into(),
            proof,
            scopes: scopes.into_iter().collect(),
            customers: if prefixes.is_empty() {
                Whom::All
            } else {
                Whom::prefixes(prefixes)
            },
        })
    }
}

fn scope(word: &str) -> Result<Scope, String> {
    let known = Scope::ALL.iter().find(|scope| scope.word() == word);
    known.copied().ok_or_else(|| {
        let all = Scope::ALL.map(Scope::word).join(", ");
        // The word itself may be a token in the wrong place.
        format!("a word after the proof is no scope; the scopes are {all}")
    })
}

impl Proof {
    fn parse(word: &str) -> Option<Proof> {
        let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        match word.split_once(':') {
            Some(("jwt", subject)) => named(subject).map(Proof::Subject),
            Some(("cert", name)) => named(name).map(Proof::Certificate),
            Some(("sha256", digest)) => digest_of(digest).map(Proof::Token),
            Some(_) => None,
            None => digest_of(word).map(Proof::Token),
        }
    }
}

fn digest_of(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

    #[test]
    fn every_form_of_a_caller_is_read() {
        let text = format!(
            "# who may call, and what\n\n web = sha256:{HEX} checkout  read\nreports=jwt:system:serviceaccount:shop:reports \
             operator,edge = cert:spiffe://x/edge customers:acme- customers:beta- # with a comment, and a comma"
        );
        let callers = parse(&text).unwrap();
        let names: Vec<&str> = callers.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["web", "reports", "edge"]);
        assert!(matches!(&callers[0].proof, Proof::Token(digest) if digest[1] == 0x11 && digest[31] == 0xff));
        assert_eq!(
            callers[0].scopes,
            [Scope::Checkout, Scope::Read].into_iter().collect()
        );
        assert_eq!(callers[0].customers, Whom::All);
        assert_eq!(
            callers[1].proof,
            Proof::Subject("system:serviceaccount:shop:reports".into())
        );
        assert_eq!(callers[1].scopes, [Scope::Operator].into_iter().collect());
        assert_eq!(callers[2].proof, Proof::Certificate("spiffe://x/edge".into()));
        assert_eq!(callers[2].scopes, Scopes::USUAL.iter().copied().collect());
        assert_eq!(
            callers[2].customers,
            Whom::prefixes(["acme-".into(), "beta-".into()])
        );
        assert_eq!(parse(&format!("old={HEX}")).unwrap()[0].proof, callers[0].proof);
    }

    #[test]
    fn a_new_token_goes_with_its_line_and_bad_words_make_none() {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (token, line) = Entry::with_token("web", &words(&["read"]), &words(&["acme-"]), [7; 32]).unwrap();
        assert!(token.starts_with("tg_") && token.len() == 46);
        let entry = &parse(&line).unwrap()[0];
        assert_eq!(entry.proof, Proof::Token(Sha256::digest(&token).into()));
        assert_eq!(entry.customers, Whom::prefixes(["acme-".into()]));
        let (_, usual) = Entry::with_token("web", &[], &[], [7; 32]).unwrap();
        assert!(usual.ends_with(" checkout read watch"));
        for (name, scope, prefix) in [
            ("we b", "read", "a"),
            ("#web", "read", "a"),
            ("", "read", "a"),
            ("web", "write", "a"),
            ("web", "#read", "a"),
            ("web", "read", "-"),
            ("web", "read", "a,b=00"),
        ] {
            let made = Entry::with_token(name, &words(&[scope]), &words(&[prefix]), [7; 32]);
            assert!(made.is_err(), "{name} {scope} {prefix}");
        }
    }

    #[test]
    fn what_is_no_caller_is_named_by_its_place_and_never_repeated() {
        for (text, place) in [
            ("tg_hidden".to_owned(), "line 1, caller 1"),
            ("web=tg_hidden".to_owned(), "line 1, caller 1"),
            (format!("\nweb={HEX},=00"), "line 2, caller 2"),
            (format!("tg_hidden/={HEX}"), "line 1"),
            (format!("web={}", "é".repeat(32)), "line 1"),
            (format!("web={}", "g".repeat(64)), "line 1"),
            (format!("web=md5:{HEX}"), "line 1"),
            (format!("web={HEX} read tg_hidden"), "line 1"),
            (format!("web={HEX} customers:"), "line 1"),
            (format!("web={HEX} customers:-x"), "line 1"),
            (format!("web={HEX} customer:tg_hidden"), "line 1"),
            ("web=jwt:".to_owned(), "line 1"),
            ("web=cert:".to_owned(), "line 1"),
            (
                format!("web={HEX}\nother=sha256:{}", HEX.to_lowercase()),
                "line 2",
            ),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(
                error.starts_with(place) && !error.contains("hidden"),
                "{text}: {error}"
            );
        }
    }
}
