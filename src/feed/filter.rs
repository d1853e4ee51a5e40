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
    /// Whose id begins so.
    Prefix(String),
    All,
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
        match &self.whom {
            Whom::Named(names) => names.contains(customer),
            Whom::Prefix(prefix) => customer.as_str().starts_with(prefix.as_str()),
            Whom::All => true,
        }
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
            Whom::Prefix(prefix) => {
                part("prefix");
                part(prefix);
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
            Filter {
                whom: Whom::Prefix("a".into()),
                features: BTreeSet::new(),
            },
            Filter::everything(),
        ];
        let hashes: BTreeSet<u64> = all.iter().map(Filter::hash).collect();
        assert_eq!(hashes.len(), all.len());
    }
}
