//! Whom and what somebody watches.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::revision::{Revision, Token};

/// What of the feed concerns one watcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub whom: Whom,
    /// Empty: all.
    pub features: BTreeSet<FeatureId>,
}

/// Whose changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    Named(BTreeSet<CustomerId>),
    /// Whose id begins in one of these ways; none of them begins like another.
    Prefixes(BTreeSet<String>),
    All,
}

/// Somebody is asked for who is outside of what may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outside of what may be seen")]
pub struct Outside;

impl Whom {
    /// All whose id begins in one of these ways.
    pub fn prefixes(prefixes: impl IntoIterator<Item = String>) -> Whom {
        let mut all: BTreeSet<String> = prefixes.into_iter().collect();
        // In their order, those that begin like another come right after it.
        let mut shortest: Option<String> = None;
        all.retain(|prefix| {
            let covered = shortest
                .as_ref()
                .is_some_and(|it| prefix.starts_with(it.as_str()));
            if !covered {
                shortest = Some(prefix.clone());
            }
            !covered
        });
        Whom::Prefixes(all)
    }

    /// Whether the customer is one of them.
    pub fn has(&self, customer: &CustomerId) -> bool {
        match self {
            Whom::Named(names) => names.contains(customer),
            Whom::Prefixes(prefixes) => prefixes.iter().any(|it| customer.as_str().starts_with(it)),
            Whom::All => true,
        }
    }

    /// Those of them who are within a limit. Named ones must all be; of a prefix or of everybody some are enough.
    ///
    /// # Errors
    /// Somebody named is outside, or nobody is within.
    pub fn within(self, limit: &Whom) -> Result<Whom, Outside> {
        match (self, limit) {
            (whom, Whom::All) => Ok(whom),
            (Whom::Named(names), limit) if names.iter().all(|name| limit.has(name)) => Ok(Whom::Named(names)),
            (Whom::All, limit) => Ok(limit.clone()),
            (Whom::Prefixes(asked), Whom::Prefixes(limits)) => {
                let both = asked.iter().flat_map(|asked| {
                    limits.iter().filter_map(move |limit| {
                        let longer = std::cmp::max_by_key(asked, limit, |prefix| prefix.len());
                        (longer.starts_with(asked) && longer.starts_with(limit)).then(|| longer.clone())
                    })
                });
                match Whom::prefixes(both) {
                    Whom::Prefixes(none) if none.is_empty() => Err(Outside),
                    some => Ok(some),
                }
            }
            _ => Err(Outside),
        }
    }
}

impl Filter {
    /// Everything of everybody.
    pub fn everything() -> Filter {
        Filter {
            whom: Whom::All,
            features: BTreeSet::new(),
        }
    }

    /// Whether the customer is watched.
    pub fn lets_customer(&self, customer: &CustomerId) -> bool {
        self.whom.has(customer)
    }

    /// Whether the feature is watched.
    pub fn lets_feature(&self, feature: &FeatureId) -> bool {
        self.features.is_empty() || self.features.contains(feature)
    }

    /// A watch's token at a revision: only the same filter can resume there.
    pub fn token(&self, revision: Revision) -> Token {
        Token {
            revision,
            filter: self.hash(),
        }
    }

    /// Two filters that let through the same have the same hash; never 0, which is a read's.
    pub fn hash(&self) -> u64 {
        let mut digest = Sha256::new();
        let mut part = |text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        };
        match &self.whom {
            Whom::Named(names) => {
                part("named");
                part(&names.len().to_string());
                names.iter().for_each(|name| part(name.as_str()));
            }
            Whom::Prefixes(prefixes) => {
                part("prefixes");
                part(&prefixes.len().to_string());
                prefixes.iter().for_each(|prefix| part(prefix));
            }
            Whom::All => part("all"),
        }
        self.features.iter().for_each(|feature| part(feature.as_str()));
        let digest = digest.finalize();
        u64::from_be_bytes(std::array::from_fn(|i| digest[i])).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str], features: &[&str]) -> Filter {
        Filter {
            whom: Whom::Named(
                names
                    .iter()
                    .map(|name| CustomerId::parse(name).unwrap())
                    .collect(),
            ),
            features: features.iter().map(|it| FeatureId::parse(it).unwrap()).collect(),
        }
    }

    fn prefixes(prefixes: &[&str], features: &[&str]) -> Filter {
        Filter {
            whom: Whom::prefixes(prefixes.iter().map(ToString::to_string)),
            features: features.iter().map(|it| FeatureId::parse(it).unwrap()).collect(),
        }
    }

    #[test]
    fn what_is_asked_for_is_narrowed_to_the_limit_and_who_is_named_must_be_within_it() {
        let limit = prefixes(&["acme-", "beta-"], &[]).whom;
        let of = |names: &[&str]| prefixes(names, &[]).whom;
        for (asked, got) in [
            (Whom::All, Ok(of(&["acme-", "beta-"]))),
            (of(&["acme-1"]), Ok(of(&["acme-1"]))),
            (of(&["a"]), Ok(of(&["acme-"]))),
            (of(&["c"]), Err(Outside)),
            (
                named(&["acme-1", "beta-2"], &[]).whom,
                Ok(named(&["acme-1", "beta-2"], &[]).whom),
            ),
            (named(&["acme-1", "ceta-2"], &[]).whom, Err(Outside)),
        ] {
            assert_eq!(asked.clone().within(&limit), got, "{asked:?}");
            assert_eq!(asked.clone().within(&Whom::All), Ok(asked));
        }
        assert_eq!(of(&["acme-", "a", "acme-1", "b"]), of(&["b", "a"]));
    }

    #[test]
    fn the_hash_tells_filters_apart_and_not_the_order_in_which_they_were_written() {
        assert_eq!(
            named(&["a", "b"], &["x"]).hash(),
            named(&["b", "a", "a"], &["x"]).hash()
        );
        let all = [
            named(&["a", "b"], &["x"]),
            named(&["a"], &["b", "x"]),
            named(&["ab"], &["x"]),
            named(&["a", "b", "x"], &[]),
            prefixes(&["a"], &[]),
            prefixes(&["a", "x"], &[]),
            prefixes(&["a"], &["x"]),
            Filter::everything(),
        ];
        let hashes: BTreeSet<u64> = all.iter().map(Filter::hash).collect();
        assert_eq!(hashes.len(), all.len());
    }
}
