//! What is charged and invoiced by hand, and what is sold at a price of the moment.

use serde_json::Value;

use super::Act;
use super::world::{DAY, TERMS, World};
use crate::told::text;

impl World {
    /// `which`: of the drafts or invoice items there are.
    pub fn by_hand(&mut self, act: Act, which: usize, customer: &str, how: &[usize; 5]) -> Option<()> {
        let [a, b, c, d, e] = *how;
        let item = |it: &World| it.told.pick("invoiceitem", which, |_| true);
        let draft = |it: &World| it.told.pick("invoice", which, |it| it["status"] == "draft");
        match act {
            Act::Charge => {
                let goes = match c % 3 {
                    0 => format!("&invoice={}", self.draft_of(customer, which)?),
                    1 => match self.subscription_of(customer, which) {
                        Some(subscription) => format!("&subscription={subscription}"),
                        None => String::new(),
                    },
                    _ => String::new(),
                };
                let charge = self.charge(b, d);
                self.post("/v1/invoiceitems", &format!("customer={customer}&{charge}{goes}"))?;
            }
            Act::ChargeChange => {
                let form = match a % 4 {
                    0 => format!("amount={}", (b as i64 - 20) * 30),
                    1 => format!("quantity={}", b % 5),
                    2 => format!("description=Hours&discountable={}", b.is_multiple_of(2)),
                    _ => self.charge(b, 2),
                };
                self.post(&format!("/v1/invoiceitems/{}", item(self)?), &form)?;
            }
            Act::ChargeDelete => {
                self.send("DELETE", &format!("/v1/invoiceitems/{}", item(self)?), "")?;
            }
            Act::Draft => {
                let takes = ["include", "exclude"][usize::from(a.is_multiple_of(4))];
                let mut form = format!(
                    "customer={customer}&pending_invoice_items_behavior={takes}&auto_advance={}",
                    b.is_multiple_of(2)
                );
                if c.is_multiple_of(3) {
                    form += "&collection_method=send_invoice&days_until_due=3";
                }
                if let (true, Some(subscription)) =
                    (d.is_multiple_of(5), self.subscription_of(customer, which))
                {
                    form = format!("customer={customer}&subscription={subscription}");
                }
                form += &self.discounts(e);
                let draft = text(&self.post("/v1/invoices", &form)?["id"]);
                // Most have something on them.
                if d % 3 > 0 {
                    let charge = self.charge(b, d);
                    self.post(
                        "/v1/invoiceitems",
                        &format!("customer={customer}&invoice={draft}&{charge}"),
                    );
                }
            }
            Act::DraftDelete => {
                self.send("DELETE", &format!("/v1/invoices/{}", draft(self)?), "")?;
            }
            Act::DraftDiscount => {
                let discounts = self.discounts(e);
                let form = discounts.strip_prefix('&').unwrap_or("discounts=");
                self.post(&format!("/v1/invoices/{}", draft(self)?), form)?;
            }
            other => panic!("{other:?} is not done by hand"),
        }
        Some(())
    }

    fn draft_of(&self, customer: &str, which: usize) -> Option<String> {
        let fits = |it: &Value| it["status"] == "draft" && it["customer"] == customer;
        self.told.pick("invoice", which, fits)
    }

    fn subscription_of(&self, customer: &str, which: usize) -> Option<String> {
        let fits = |it: &Value| it["status"] != "canceled" && it["customer"] == customer;
        self.told.pick("subscription", which, fits)
    }

    /// Something to pay once, or a credit: a bare amount, or a price that there is or that is made for it.
    fn charge(&self, much: usize, what: usize) -> String {
        let product = &self.product;
        let data = format!("price_data[currency]=usd&price_data[product]={product}");
        let (amount, quantity) = ((much as i64 - 20) * 25, much % 4);
        match what % 4 {
            0 => format!("amount={amount}&currency=usd"),
            1 => format!("pricing[price]={}&quantity={quantity}", self.once),
            2 => format!("{data}&price_data[unit_amount]={}&quantity={quantity}", much * 10),
            _ => format!(
                "unit_amount_decimal={amount}&currency=usd&quantity={quantity}&discountable={}",
                much.is_multiple_of(2)
            ),
        }
    }

    /// None, a coupon, a promotion code, or two of them; maybe one that a subscription has.
    fn discounts(&self, which: usize) -> String {
        let one = |at: usize, kind: &str, name: &str| {
            let found = self.told.pick(kind, which + at, |_| true);
            found.map_or_else(String::new, |id| format!("&discounts[{at}][{name}]={id}"))
        };
        match which % 5 {
            0 => one(0, "coupon", "coupon"),
            1 => one(0, "promotion_code", "promotion_code"),
            2 => format!("{}{}", one(0, "coupon", "coupon"), one(1, "coupon", "coupon")),
            3 => one(0, "discount", "discount"),
            _ => String::new(),
        }
    }

    /// An item of a subscription at a price that there is or, now and then, at one that is made for it.
    pub fn price_or_data(&self, item: &str, price: &str, which: usize) -> String {
        if which % 5 != 4 {
            return format!("{item}[price]={price}");
        }
        let data = format!("{item}[price_data]");
        let (product, interval) = (&self.product, ["week", "month", "year"][which % 3]);
        format!(
            "{data}[currency]=usd&{data}[product]={product}&{data}[unit_amount]={}&{data}[recurring][interval]={interval}",
            which * 30
        )
    }

    /// Prices to pay once with a subscription's next invoice.
    pub fn once_more(&self, which: usize) -> String {
        let (first, second) = ("add_invoice_items[0]", "add_invoice_items[1]");
        let (once, product, quantity) = (&self.once, &self.product, which % 3);
        let mut form = format!("{first}[price]={once}&{first}[quantity]={quantity}");
        if which.is_multiple_of(2) {
            let data = format!("{second}[price_data]");
            form += &format!(
                "&{data}[currency]=usd&{data}[product]={product}&{data}[unit_amount]={}",
                which * 7
            );
        }
        form
    }

    /// A subscription that is not there yet: now or in some days, one price and then another.
    pub fn schedule_new(&mut self, customer: &str, price: &str, how: &[usize; 5]) -> Option<()> {
        let [a, b, c, d, e] = *how;
        let start = match b % 3 {
            0 => "now".to_owned(),
            _ => (self.core.now() + (1 + b as i64 % 9) * DAY).to_string(),
        };
        let later = self.price_or_data("phases[1][items][0]", &self.prices[c % self.prices.len()], d);
        let form = format!(
            "customer={customer}&start_date={start}&end_behavior={}&phases[0][items][0][price]={price}\
             &phases[0][items][0][quantity]={}&phases[0][duration][interval]={}&{later}\
             &phases[1][proration_behavior]={}",
            ["release", "cancel"][a % 2],
            b % 4,
            ["day", "week", "month"][e % 3],
            TERMS[d % 3]
        );
        let made = self.post("/v1/subscription_schedules", &form)?;
        // Some are called off before they begin.
        if made["status"] == "not_started" && e.is_multiple_of(4) {
            let path = format!("/v1/subscription_schedules/{}/cancel", text(&made["id"]));
            self.post(&path, "")?;
        }
        Some(())
    }
}
