//! What the customer portal offers.

use anyhow::{Context, Result};
use tollgate_domain::catalog::Catalog;
use tollgate_stripe::{CallError, Client, Offer, Sold};

use super::Done;

/// Stripe's limit.
const MAX_PRODUCTS: usize = 10;

pub(super) async fn set(
    done: &mut Done,
    stripe: &Client,
    deployment: &str,
    catalog: Option<&Catalog>,
    dry: bool,
) -> Result<()> {
    let all = stripe
        .portal_configurations()
        .await
        .context("the portal's configurations cannot be read")?;
    let found = all.iter().find(|it| it.deployment.as_deref() == Some(deployment));
    let offers = match catalog {
        None => {
            done.note(
                "no catalog is known, so the portal offers no change of the plan: set TOLLGATE_CATALOG"
                    .to_owned(),
            );
            vec![]
        }
        Some(catalog) => {
            let (offers, left_out) = offers(stripe, catalog)
                .await
                .context("the prices cannot be read")?;
            for price in left_out {
                done.note(format!("the portal cannot offer {price}: Stripe allows {MAX_PRODUCTS} products, and one price of each interval"));
            }
            offers
        }
    };
    let id = match found {
        Some(found) if found.is_as_wanted(&offers) => {
            done.note(format!(
                "the portal configuration {} is as it should be",
                found.id
            ));
            return Ok(());
        }
        Some(found) => {
            done.change(
                dry,
                "changed",
                "would change",
                &format!("the portal configuration {}", found.id),
            );
            Some(found.id.as_str())
        }
        None => {
            done.change(dry, "created", "would create", "a portal configuration");
            None
        }
    };
    done.note(format!(
        "  cards, invoices, cancelling at the period's end, changing between {} products",
        offers.len()
    ));
    if !dry {
        stripe
            .save_portal(id, deployment, &offers)
            .await
            .context("the portal configuration cannot be written")?;
    }
    Ok(())
}

/// The recurring prices of the catalog's plans by product, and the ids of those that Stripe would not take.
///
/// # Errors
/// Stripe does not tell what is sold.
pub async fn offers(stripe: &Client, catalog: &Catalog) -> Result<(Vec<Offer>, Vec<String>), CallError> {
    let mut sold = stripe.active_prices().await?;
    sold.retain(|it| it.price.recurring && catalog.plan_of(&it.price.price).is_some());
    Ok(grouped(sold))
}

/// In an order of their own, so that the same prices are the same offers.
fn grouped(mut sold: Vec<Sold>) -> (Vec<Offer>, Vec<String>) {
    sold.sort_by(|a, b| a.price.price.id.cmp(&b.price.price.id));
    sold.sort_by(|a, b| a.price.price.product.cmp(&b.price.price.product));
    let (mut offers, mut left_out) = (Vec::<Offer>::new(), vec![]);
    let mut intervals = vec![];
    for Sold { price, interval } in sold {
        let price = price.price;
        if offers.last().is_none_or(|it| it.product != price.product) {
            if offers.len() == MAX_PRODUCTS {
                left_out.push(price.id);
                continue;
            }
            intervals.clear();
            offers.push(Offer {
                product: price.product,
                prices: vec![],
            });
        }
        if intervals.contains(&interval) {
            left_out.push(price.id);
        } else if let Some(offer) = offers.last_mut() {
            intervals.push(interval);
            offer.prices.push(price.id);
        }
    }
    (offers, left_out)
}

#[cfg(test)]
mod tests {
    use tollgate_domain::object::PriceRef;
    use tollgate_stripe::Price;

    use super::*;

    fn sold(product: &str, id: &str, interval: &str) -> Sold {
        Sold {
            price: Price {
                price: PriceRef {
                    id: id.into(),
                    product: product.into(),
                    lookup_key: None,
                },
                recurring: true,
                active: true,
                unit_amount: Some(1),
                currency: "eur".into(),
            },
            interval: Some(interval.into()),
        }
    }

    #[test]
    fn a_product_has_one_price_of_each_interval_and_there_are_ten_products() {
        let mut all = vec![
            sold("prod_b", "price_3", "1 month"),
            sold("prod_a", "price_2", "1 year"),
            sold("prod_a", "price_4", "1 month"),
            sold("prod_a", "price_1", "1 month"),
        ];
        let (offers, left_out) = grouped(all.clone());
        assert_eq!(offers[0].prices, ["price_1", "price_2"]);
        assert_eq!((offers.len(), left_out), (2, vec!["price_4".to_owned()]));
        all.reverse();
        assert_eq!(grouped(all).0, offers, "in whatever order Stripe lists them");
        let many = (0..11).map(|n| sold(&format!("prod_{n:02}"), "price_1", "1 month"));
        let (offers, left_out) = grouped(many.collect());
        assert_eq!((offers.len(), left_out.len()), (10, 1));
    }
}
