//! What is sold, and what the customer portal offers.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::catalog::{Catalog, Plan, parse};
use tollgate_store::Store;
use tollgate_stripe::{CallError, Client, Price, PriceQuery};

use super::Report;
use crate::app;
use crate::config::Config;
use crate::setup;

/// The file if one is configured, else the active one.
pub async fn check(report: &mut Report<'_>, config: &Config, store: Option<&Store>, stripe: Option<&Client>) {
    let from_file = match &config.catalog {
        Some(file) => match app::read_catalog(file).await {
            Ok(yaml) => read(report, "catalog", &file.display().to_string(), &yaml),
            Err(error) => {
                report.fail(
                    "catalog",
                    format!("{error:#}"),
                    "name its file in TOLLGATE_CATALOG",
                );
                None
            }
        },
        None => None,
    };
    let active = match store {
        Some(store) => store.active().await.ok().flatten(),
        None => None,
    };
    let from_database = match (&active, store) {
        (Some(active), _) => {
            let name = format!("number {}", active.number);
            read(report, "active catalog", &name, &active.source)
        }
        (None, Some(_)) if config.catalog.is_some() => {
            report.ok("active catalog", "none yet; the first start applies the file");
            None
        }
        (None, Some(_)) => {
            report.fail(
                "active catalog",
                "there is none, so nobody gets anything",
                "run `tollgate catalog apply FILE`, or set TOLLGATE_CATALOG (`tollgate catalog init` drafts one)",
            );
            None
        }
        // No database, which was told.
        (None, None) => None,
    };
    let Some(stripe) = stripe else { return };
    let catalog = from_file.or(from_database);
    if let Some(catalog) = &catalog {
        prices(report, stripe, catalog).await;
    }
    portal(report, config, stripe, catalog.as_ref()).await;
}

fn read(report: &mut Report<'_>, check: &'static str, name: &str, yaml: &str) -> Option<Catalog> {
    match parse(yaml) {
        Ok(catalog) => {
            report.ok(check, format!("{name}: {} plans", catalog.plans.len()));
            Some(catalog)
        }
        Err(faults) => {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            let text = format!("{name}: {first}{}", more(faults.len()));
            report.fail(
                check,
                text,
                "`tollgate catalog check FILE` tells all; mend them and apply it again",
            );
            None
        }
    }
}

fn more(faults: usize) -> String {
    if faults > 1 {
        format!(", and {} more", faults - 1)
    } else {
        String::new()
    }
}

const PRICES: &str = "catalog prices";

async fn prices(report: &mut Report<'_>, stripe: &Client, catalog: &Catalog) {
    let all = |names: fn(&Plan) -> &Vec<String>| -> Vec<String> {
        let names: BTreeSet<_> = catalog.plans.values().flat_map(names).cloned().collect();
        names.into_iter().collect()
    };
    let (keys, ids) = (all(|it| &it.matches.lookup_key), all(|it| &it.matches.price));
    let asked = async {
        let mut found = stripe.prices(&PriceQuery::LookupKeys(keys.clone())).await?;
        found.extend(stripe.prices(&PriceQuery::Ids(ids.clone())).await?);
        Ok::<_, CallError>(found)
    };
    let found = match asked.await {
        Ok(found) => found,
        Err(error) => {
            report.fail(
                PRICES,
                error.to_string(),
                "mend what is told of the key above, then try again",
            );
            return;
        }
    };
    let mut wrong = false;
    for (id, plan) in &catalog.plans {
        for problem in problems(plan, &found) {
            wrong = true;
            problem.tell(report, id.as_str());
        }
        for product in &plan.matches.product {
            wrong |= !self::product(report, stripe, id.as_str(), product).await;
        }
    }
    if !wrong {
        report.ok(
            PRICES,
            format!("{} lookup keys and {} ids are on sale", keys.len(), ids.len()),
        );
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Problem {
    Unknown(String),
    /// And whether the plan can still be bought.
    Archived(String, bool),
    Currencies(BTreeSet<String>),
    DurationOfRecurring,
}

impl Problem {
    fn tell(self, report: &mut Report<'_>, plan: &str) {
        match self {
            Problem::Unknown(name) => report.fail(
                PRICES,
                format!("plan {plan}: Stripe has no price `{name}`"),
                "give a price this lookup key in the dashboard, or mend the catalog; `tollgate catalog init` shows what \
                 there is",
            ),
            Problem::Archived(name, false) => report.fail(
                PRICES,
                format!("plan {plan}: the price `{name}` is archived, so nobody can buy the plan"),
                "activate the price in the dashboard, or name a new one in the catalog beside it",
            ),
            Problem::Archived(name, true) => report.warn(
                PRICES,
                format!("plan {plan}: the price `{name}` is archived"),
                "leave it in the catalog as long as somebody pays it; nobody can buy it any more",
            ),
            Problem::Currencies(currencies) => {
                let currencies: Vec<_> = currencies.into_iter().collect();
                report.warn(
                    PRICES,
                    format!("plan {plan}: sold in {}", currencies.join(" and ")),
                    "one checkout cannot mix them; if that is meant, all is well",
                );
            }
            Problem::DurationOfRecurring => report.warn(
                PRICES,
                format!("plan {plan}: has a duration and only recurring prices"),
                "a duration is for one-time prices: take it away, or name a one-time price",
            ),
        }
    }
}

fn problems(plan: &Plan, found: &[Price]) -> Vec<Problem> {
    let by: BTreeMap<&str, &Price> = found
        .iter()
        .flat_map(|it| {
            [
                Some((it.price.id.as_str(), it)),
                it.price.lookup_key.as_deref().map(|key| (key, it)),
            ]
        })
        .flatten()
        .collect();
    let names = || plan.matches.lookup_key.iter().chain(&plan.matches.price);
    let prices: Vec<&Price> = names()
        .filter_map(|name| by.get(name.as_str()).copied())
        .collect();
    let on_sale = !plan.matches.product.is_empty() || prices.iter().any(|it| it.active);
    let mut problems = vec![];
    for name in names() {
        match by.get(name.as_str()) {
            None => problems.push(Problem::Unknown(name.clone())),
            Some(price) if !price.active => problems.push(Problem::Archived(name.clone(), on_sale)),
            Some(_) => {}
        }
    }
    let currencies: BTreeSet<String> = prices.iter().map(|it| it.currency.clone()).collect();
    if currencies.len() > 1 {
        problems.push(Problem::Currencies(currencies));
    }
    let once = prices.iter().any(|it| !it.recurring) || !plan.matches.product.is_empty();
    if plan.duration.is_some() && !once && !prices.is_empty() {
        problems.push(Problem::DurationOfRecurring);
    }
    problems
}

/// Whether it is sold.
async fn product(report: &mut Report<'_>, stripe: &Client, plan: &str, id: &str) -> bool {
    let (text, mend) = match stripe.product(id).await {
        Ok(Some(product)) if product.active => return true,
        Ok(Some(_)) => (
            format!("plan {plan}: the product `{id}` is archived"),
            "activate the product in the dashboard, or name another one in the catalog",
        ),
        Ok(None) => (
            format!("plan {plan}: Stripe has no product `{id}`"),
            "name a product of this account and mode in the catalog",
        ),
        Err(CallError::Forbidden { .. }) => {
            let mend = "give `doctor` a key with Products: Read";
            report.warn(
                PRICES,
                format!("plan {plan}: the key may not see the product `{id}`"),
                mend,
            );
            return false;
        }
        Err(error) => (format!("plan {plan}: {error}"), "try again"),
    };
    report.fail(PRICES, text, mend);
    false
}

async fn portal(report: &mut Report<'_>, config: &Config, stripe: &Client, catalog: Option<&Catalog>) {
    const CHECK: &str = "customer portal";
    const SETUP: &str = "run `tollgate stripe setup`";
    let all = match stripe.portal_configurations().await {
        Ok(all) => all,
        Err(CallError::Forbidden { .. }) => {
            let mend = "give the key Customer portal: Read, or look in the dashboard";
            report.warn(CHECK, "the key may not see its configurations", mend);
            return;
        }
        Err(error) => {
            report.fail(CHECK, error.to_string(), "try again");
            return;
        }
    };
    let ours = all
        .iter()
        .find(|it| it.active && it.deployment.as_ref() == Some(&config.deployment));
    let offers = match catalog {
        Some(catalog) => setup::offers(stripe, catalog).await.ok(),
        None => None,
    };
    match (ours, offers) {
        (Some(ours), Some((offers, _))) if !ours.is_as_wanted(&offers) => report.warn(
            CHECK,
            format!("{} does not offer what the catalog sells", ours.id),
            SETUP,
        ),
        (Some(ours), _) => report.ok(CHECK, format!("{} is used", ours.id)),
        (None, _) if all.iter().any(|it| it.is_default && it.active) => {
            report.warn(CHECK, "Stripe's default configuration is used", SETUP);
        }
        (None, _) => report.fail(
            CHECK,
            "there is no configuration, so the portal cannot be opened",
            SETUP,
        ),
    }
}
