//! `checkout`: a page on which a customer can buy.

use anyhow::Result;
use clap::Args;

use super::call::{Connection, Usage, explain};
use crate::api::grpc::proto::line_item::Price;
use crate::api::grpc::proto::{CreateCheckoutRequest, GetCheckoutRequest, LineItem};

/// `checkout CUSTOMER PRICE… --request-id ID --success-url URL`, or `checkout CUSTOMER --status ID`
#[derive(Args)]
pub struct Checkout {
    customer: String,
    /// A price's id (price_…) or lookup key, with `:QUANTITY` if it is not 1.
    #[arg(required_unless_present = "status", value_name = "PRICE[:QUANTITY]")]
    prices: Vec<String>,
    /// Your name for this purchase, as an order id: with the same one nobody pays twice.
    #[arg(
        long,
        required_unless_present = "status",
        default_value = "",
        hide_default_value = true
    )]
    request_id: String,
    /// Where the browser goes afterwards; {CHECKOUT_SESSION_ID} in it is replaced.
    #[arg(
        long,
        required_unless_present = "status",
        default_value = "",
        hide_default_value = true
    )]
    success_url: String,
    /// Where the browser goes if the customer turns back.
    #[arg(long, default_value = "", hide_default_value = true)]
    cancel_url: String,
    /// What became of an earlier checkout (cs_…) of this customer.
    #[arg(long, value_name = "CHECKOUT", conflicts_with_all = ["prices", "request_id", "success_url", "cancel_url"])]
    status: Option<String>,
    #[command(flatten)]
    to: Connection,
}

impl Checkout {
    /// Opens one or asks for one, and prints.
    pub async fn run(self) -> Result<()> {
        if let Some(checkout) = self.status {
            let request = GetCheckoutRequest {
                customer: self.customer,
                checkout,
            };
            let mut client = self.to.client().await?;
            let answer = client
                .get_checkout(request)
                .await
                .map_err(|status| explain(&status))?
                .into_inner();
            let lines = answer.checkout.iter().map(ToString::to_string);
            let lines = lines.chain(answer.entitlements.iter().map(ToString::to_string));
            return self.to.print("GetCheckoutResponse", &answer, lines);
        }
        let request = CreateCheckoutRequest {
            customer: self.customer,
            request_id: self.request_id,
            line_items: self
                .prices
                .iter()
                .map(|text| line_item(text))
                .collect::<Result<_>>()?,
            success_url: self.success_url,
            cancel_url: self.cancel_url,
            ..CreateCheckoutRequest::default()
        };
        let mut client = self.to.client().await?;
        let answer = client
            .create_checkout(request)
            .await
            .map_err(|status| explain(&status))?
            .into_inner();
        let line = answer.checkout.as_ref().map(ToString::to_string);
        self.to.print("CreateCheckoutResponse", &answer, line)
    }
}

fn line_item(text: &str) -> Result<LineItem> {
    let (price, quantity) = match text.rsplit_once(':') {
        None => (text, None),
        Some((price, quantity)) => {
            let wrong = |_| {
                Usage(format!(
                    "{text}: write PRICE or PRICE:QUANTITY, as in team_monthly:5"
                ))
            };
            (price, Some(quantity.parse::<u32>().map_err(wrong)?))
        }
    };
    let price = if price.starts_with("price_") {
        Price::PriceId(price.to_owned())
    } else {
        Price::LookupKey(price.to_owned())
    };
    Ok(LineItem {
        price: Some(price),
        quantity: quantity.map(i64::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_an_id_or_a_lookup_key_with_or_without_a_quantity() {
        let item = line_item("price_1Nabc").unwrap();
        assert_eq!(
            (item.price, item.quantity),
            (Some(Price::PriceId("price_1Nabc".into())), None)
        );
        let item = line_item("team_monthly:5").unwrap();
        assert_eq!(
            (item.price, item.quantity),
            (Some(Price::LookupKey("team_monthly".into())), Some(5))
        );
        assert!(line_item("team_monthly:many").unwrap_err().is::<Usage>());
    }
}
