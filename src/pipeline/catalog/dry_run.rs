//! What a catalog would give and take, against the live data, without writing anything.

use tollgate_domain::catalog::Catalog;
use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::{Answers, Difference, Reason, Schedule, Summary, differences};
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::{Loaded, Store, StoreError};

use crate::pipeline::apply::Rules;

/// Customers that are read at a time.
const PAGE: i64 = 500;

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
