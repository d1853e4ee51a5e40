//! What a catalog would give and take, against the live data, without writing anything.

use std::collections::BTreeMap;

use tollgate_domain::catalog::Catalog;
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::schedule::{Answers, Difference, Effect, Reason, Schedule, differences};
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Loaded, Store, StoreError};

use crate::pipeline::apply::Rules;

/// Customers that are read at a time.
const PAGE: i64 = 500;

/// Customers that are named for each feature and effect.
const EXAMPLES: usize = 3;

/// What it comes to.
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
    pub examples: Vec<CustomerId>,
}

/// Projects all customers with another catalog, by name, and tells `each` what would be different. What they have now is
/// their row over the defaults of the `active` catalog. Reads only, a page at a time.
///
/// # Errors
/// The database is not available, or what `each` says.
pub async fn dry_run<E: From<StoreError>>(
    store: &Store,
    active: Option<&Catalog>,
    catalog: &Catalog,
    now: Timestamp,
    mut each: impl FnMut(&CustomerId, &Difference) -> Result<(), E>,
) -> Result<Summary, E> {
    let rules = Rules {
        catalog,
        activation: i64::MAX,
        confirm_after: Span::ZERO,
    };
    let mut summary = Summary::default();
    let mut after = String::new();
    loop {
        let (page, last) = store.customers_page(&after, PAGE).await?;
        let Some(last) = last else {
            return Ok(summary);
        };
        after = last;
        for loaded in page {
            let before = loaded.schedule.clone();
            let (customer, found, has) = compare(&rules, loaded, active, now);
            for difference in &found {
                each(&customer, difference)?;
            }
            summary.add(&customer, &found, has || grants(&before, now));
        }
    }
}

/// The customer, what would be different, and whether it would have something of its own.
fn compare(
    rules: &Rules<'_>,
    loaded: Loaded,
    active: Option<&Catalog>,
    now: Timestamp,
) -> (CustomerId, Vec<Difference>, bool) {
    let before = loaded.schedule.clone();
    let made = rules.apply(loaded, now);
    let after = made.schedule.as_ref().unwrap_or(&before);
    let old = Answers {
        schedule: &before,
        catalog: active,
    };
    let new = Answers {
        schedule: after,
        catalog: Some(rules.catalog),
    };
    let found = differences(old, new, made.as_of);
    let has = grants(after, made.as_of);
    (made.customer, found, has)
}

fn grants(schedule: &Schedule, now: Timestamp) -> bool {
    let own = |reason: Reason| reason.granted() && reason != Reason::Default;
    schedule.0.values().any(|timeline| own(timeline.eval(now).reason))
}

impl Summary {
    fn add(&mut self, customer: &CustomerId, found: &[Difference], has: bool) {
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
