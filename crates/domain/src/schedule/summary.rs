//! What another catalog makes of many customers.

use std::collections::BTreeMap;

use super::{Difference, Effect};
use crate::id::{CustomerId, FeatureId};

/// Customers that are named for each feature and effect.
const EXAMPLES: usize = 3;

/// Counts of differences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub customers: u64,
    /// Of them, who have something beyond the defaults, or would lose something.
    pub touched: u64,
    /// Of those, who would lose something: a feature, or some of it.
    pub losing: u64,
    pub features: BTreeMap<(FeatureId, Effect), Affected>,
}

/// Whom it befalls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    pub count: u64,
    /// The first few.
    pub examples: Vec<CustomerId>,
}

impl Summary {
    /// One customer more; `has`: something beyond the defaults, before or after.
    pub fn add(&mut self, customer: &CustomerId, found: &[Difference], has: bool) {
        let loses = found.iter().any(|it| it.effect == Effect::Loses);
        self.customers += 1;
        self.touched += u64::from(has || loses);
        self.losing += u64::from(loses);
        for difference in found {
            let key = (difference.feature.clone(), difference.effect);
            let affected = self.features.entry(key).or_default();
            affected.count += 1;
            if affected.examples.len() < EXAMPLES {
                affected.examples.push(customer.clone());
            }
        }
    }
}
