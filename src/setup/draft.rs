//! A first catalog, from what the account sells.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_stripe::{CallError, Client, Product, ProductFeature, Sold};

/// A product with what is known of it.
struct Offered {
    product: Product,
    prices: Vec<Sold>,
    features: Vec<ProductFeature>,
}

/// The YAML. It is a catalog as it stands, and says what to change.
///
/// # Errors
/// Stripe does not tell what is sold.
pub async fn draft(stripe: &Client) -> Result<String, CallError> {
    let mut prices = BTreeMap::<String, Vec<Sold>>::new();
    for sold in stripe.active_prices().await? {
        prices
            .entry(sold.price.price.product.clone())
            .or_default()
            .push(sold);
    }
    let mut offered = vec![];
    for product in stripe.active_products().await? {
        if let Some(prices) = prices.remove(&product.id) {
            let features = stripe.product_features(&product.id).await?;
            offered.push(Offered {
                product,
                prices,
                features,
            });
        }
    }
    // Stripe lists the newest first; people begin with the oldest.
    offered.reverse();
    Ok(written(&offered))
}

const HEAD: &str = "\
# Drafted by `tollgate catalog init` from what the Stripe account sells. To do:
#  - name features as your code asks for them, and say what each plan grants of them;
#  - a number of seats or calls is {type: limit, combine: sum}, and a plan grants 5, unlimited or {per_unit: 1} of it;
#  - levels are {type: enum, order: [low, high]};
#  - `defaults:` is what a customer without any plan has.
# Then `tollgate catalog check FILE`.
";

fn written(offered: &[Offered]) -> String {
    let mut features = BTreeMap::<String, String>::new();
    let mut plans = String::new();
    let mut taken = BTreeSet::new();
    for Offered {
        product,
        prices,
        features: theirs,
    } in offered
    {
        let plan = unique(&identifier(&product.name, "plan"), &mut taken);
        let mut grants = vec![];
        for feature in theirs {
            let id = identifier(&feature.lookup_key, "feature");
            if !grants.contains(&id) {
                features.entry(id.clone()).or_insert(feature.name.clone());
                grants.push(id);
            }
        }
        if grants.is_empty() {
            // As good as its plan's, which nobody else has.
            features.entry(plan.clone()).or_insert(product.name.clone());
            grants.push(plan.clone());
        }
        let grants: Vec<String> = grants.iter().map(|id| format!("{id}: true")).collect();
        plans += &format!("  {plan}:  # {}\n", comment(&product.name));
        plans += &format!("    match: {}\n", matching(prices));
        plans += &format!("    grants: {{{}}}\n", grants.join(", "));
        for sold in prices {
            plans += &format!("    # {}\n", described(sold));
        }
        if prices.iter().any(|it| it.price.recurring) {
            plans += "    grace: 14d  # access after a failed renewal\n";
        }
        if prices.iter().any(|it| !it.price.recurring) {
            plans += "    # duration: 30d  # of a one-time purchase; without it, for ever\n";
        }
    }
    if plans.is_empty() {
        return format!(
            "{HEAD}# The account has no active product with an active price yet: make one, then run this again.\n\
             features: {{}}\nplans: {{}}\n"
        );
    }
    let features: String = features
        .iter()
        .map(|(id, name)| format!("  {id}: {{type: boolean}}  # {}\n", comment(name)))
        .collect();
    format!("{HEAD}features:\n{features}plans:\n{plans}")
}

/// By lookup keys, which may move to another price; where there are none, by ids.
fn matching(prices: &[Sold]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let keys: Vec<String> = prices
        .iter()
        .filter_map(|it| it.price.price.lookup_key.as_deref())
        .map(quoted)
        .collect();
    let ids: Vec<String> = prices
        .iter()
        .filter(|it| it.price.price.lookup_key.is_none())
        .map(|it| quoted(&it.price.price.id))
        .collect();
    let part = |name: &str, values: Vec<String>| {
        (!values.is_empty()).then(|| format!("{name}: [{}]", values.join(", ")))
    };
    let parts: Vec<String> = [part("lookup_key", keys), part("price", ids)]
        .into_iter()
        .flatten()
        .collect();
    format!("{{{}}}", parts.join(", "))
}

fn described(sold: &Sold) -> String {
    let price = &sold.price;
    let name = price.price.lookup_key.as_ref().unwrap_or(&price.price.id);
    let amount = price
        .unit_amount
        .map_or("by tiers".to_owned(), |amount| amount.to_string());
    let often = sold
        .interval
        .as_ref()
        .map_or("once".to_owned(), |interval| format!("every {interval}"));
    comment(&format!(
        "{name}: {amount} {} (smallest unit) {often}",
        price.currency
    ))
}

/// What the catalog takes for a name: `[a-z][a-z0-9_]{0,62}`.
fn identifier(name: &str, fallback: &str) -> String {
    let mut id = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('_') {
            id.push('_');
        }
    }
    // Some of YAML's readers take these for no text.
    let special = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if special.contains(&id.as_str()) || !id.starts_with(|c: char| c.is_ascii_lowercase()) {
        id = format!("{fallback}_{id}");
    }
    id.truncate(50);
    id.trim_end_matches('_').to_owned()
}

fn unique(id: &str, taken: &mut BTreeSet<String>) -> String {
    let mut candidate = id.to_owned();
    let mut n = 2;
    while !taken.insert(candidate.clone()) {
        candidate = format!("{id}_{n}");
        n += 1;
    }
    candidate
}

/// On one line.
fn comment(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use tollgate_domain::catalog::parse;
    use tollgate_domain::object::PriceRef;
    use tollgate_stripe::Price;

    use super::*;

    fn offered(name: &str, key: Option<&str>, interval: Option<&str>, features: &[&str]) -> Offered {
        let product = Product {
            id: format!("prod_{name}"),
            name: name.to_owned(),
            active: true,
        };
        let price = Price {
            price: PriceRef {
                id: format!("price_{}", name.len()),
                product: product.id.clone(),
                lookup_key: key.map(str::to_owned),
            },
            recurring: interval.is_some(),
            active: true,
            unit_amount: Some(1_200),
            currency: "eur".into(),
        };
        let feature = |key: &&str| ProductFeature {
            lookup_key: (*key).to_owned(),
            name: format!("The {key}"),
        };
        Offered {
            product,
            prices: vec![Sold {
                price,
                interval: interval.map(str::to_owned),
            }],
            features: features.iter().map(feature).collect(),
        }
    }

    #[test]
    fn a_draft_is_a_catalog_whatever_things_are_called() {
        let yaml = written(&[
            offered(
                "Team",
                Some("team_monthly"),
                Some("1 month"),
                &["sso", "Audit Log"],
            ),
            offered("Team", Some("team \"2\": #'{"), Some("1 year"), &["sso"]),
            offered("50 credits\n- evil: true", None, None, &[]),
            offered("数据", None, Some("1 month"), &[]),
            offered("No", None, None, &["true"]),
            offered(&"long ".repeat(60), None, None, &[]),
            offered("", None, None, &[]),
        ]);
        let catalog = parse(&yaml).unwrap_or_else(|faults| panic!("{faults:?}\n{yaml}"));
        assert_eq!(catalog.plans.len(), 7, "{yaml}");
        let team = catalog
            .plans
            .iter()
            .find(|(id, _)| id.as_str() == "team")
            .unwrap()
            .1;
        assert_eq!(team.matches.lookup_key, ["team_monthly"]);
        let granted: Vec<&str> = team.grants.keys().map(|id| id.as_str()).collect();
        assert_eq!(granted, ["audit_log", "sso"]);
        let credits = catalog
            .plans
            .iter()
            .find(|(id, _)| id.as_str().contains("credits"));
        let (id, plan) = credits.unwrap();
        assert_eq!((plan.matches.price.len(), plan.grants.len()), (1, 1), "{id:?}");
    }

    #[test]
    fn an_account_that_sells_nothing_gives_an_empty_catalog_that_says_so() {
        let yaml = written(&[]);
        assert!(parse(&yaml).is_ok(), "{yaml}");
        assert!(yaml.contains("no active product"));
    }
}
