//! What is sold, and how it is paid for.

use super::Act;
use super::world::{CARDS, DAY, World};
use crate::support::CARD;
use crate::told::{number, text};

impl World {
    /// What is sold ends, begins again, is found by another key, or was never sold. A product with a price stays.
    pub fn catalog(&mut self, act: Act, which: usize, price: &str, how: usize) -> Option<()> {
        match act {
            Act::CouponDelete => {
                let coupon = self.told.pick("coupon", which, |_| true)?;
                self.send("DELETE", &format!("/v1/coupons/{coupon}"), "")?;
            }
            Act::PriceSwitch => {
                let active = self.core.get(price)?["active"] == true;
                self.post(&format!("/v1/prices/{price}"), &format!("active={}", !active))?;
            }
            Act::LookupKey => {
                let form = format!(
                    "lookup_key=key{}&transfer_lookup_key={}",
                    which % 2,
                    !how.is_multiple_of(4)
                );
                self.post(&format!("/v1/prices/{price}"), &form)?;
            }
            Act::ProductDelete => {
                let product = text(&self.post("/v1/products", "name=Never%20sold")?["id"]);
                if how.is_multiple_of(2) {
                    let form = format!("product={product}&currency=usd&unit_amount={how}");
                    self.post("/v1/prices", &form)?;
                }
                let gone = self.send("DELETE", &format!("/v1/products/{product}"), "");
                assert_eq!(
                    gone.is_none(),
                    how.is_multiple_of(2),
                    "a product with a price stays"
                );
            }
            other => panic!("{other:?} is not done to what is sold"),
        }
        Some(())
    }

    /// By intents of either kind, and without invoice or session.
    pub fn pay_by(&mut self, act: Act, which: usize, customer: &str, how: &[usize; 5]) -> Option<()> {
        let [a, b, c, ..] = *how;
        let card = CARDS[a % CARDS.len()];
        match act {
            Act::Intent => {
                let form = format!(
                    "customer={customer}&currency=usd&amount={}&metadata[by]=hand&payment_method={card}&confirm={}",
                    100 + b * 10,
                    c.is_multiple_of(2)
                );
                let intent = self.post("/v1/payment_intents", &form)?;
                let path = format!("/v1/payment_intents/{}", text(&intent["id"]));
                match c % 4 {
                    1 => drop(self.post(&format!("{path}/confirm"), "")),
                    3 => drop(self.post(&format!("{path}/cancel"), "")),
                    _ => {}
                }
            }
            Act::SetupIntent => {
                let waits = |it: &serde_json::Value| it["status"] == "requires_payment_method";
                let intent = match self.told.pick("setup_intent", which, waits) {
                    Some(intent) => intent,
                    None => text(&self.post("/v1/setup_intents", &format!("customer={customer}"))?["id"]),
                };
                let action = if b.is_multiple_of(7) { "cancel" } else { "confirm" };
                let form = if action == "confirm" {
                    format!("payment_method={card}")
                } else {
                    String::new()
                };
                self.post(&format!("/v1/setup_intents/{intent}/{action}"), &form)?;
            }
            Act::SetUp => {
                let form = format!("mode=setup&customer={customer}&success_url=http://app.test/");
                let session = text(&self.post("/v1/checkout/sessions", &form)?["id"]);
                let shown = self.core.pay_session_with(&session, card).ok()?;
                if shown["status"] == "open" {
                    self.core
                        .authenticate_session(&session, b.is_multiple_of(2))
                        .ok()?;
                }
            }
            Act::Detach => {
                let method = self
                    .told
                    .pick("payment_method", which, |it| it["customer"].is_string())?;
                self.post(&format!("/v1/payment_methods/{method}/detach"), "")?;
            }
            other => panic!("{other:?} pays for nothing"),
        }
        Some(())
    }

    /// A customer whose time stands still, and goes on by itself.
    pub fn clock(&mut self, act: Act, which: usize, how: &[usize; 5]) -> Option<()> {
        let clocks = "/v1/test_helpers/test_clocks";
        if act == Act::Clock {
            let form = format!("frozen_time={}", self.core.now());
            let clock = text(&self.post(clocks, &form)?["id"]);
            self.post("/v1/customers", &format!("{CARD}&test_clock={clock}"))?;
            return Some(());
        }
        let clock = self.told.pick("test_helpers.test_clock", which, |_| true)?;
        let shown = self.send("GET", &format!("{clocks}/{clock}"), "")?;
        let form = format!(
            "frozen_time={}",
            number(&shown["frozen_time"]) + (1 + how[0] as i64) * DAY
        );
        self.post(&format!("{clocks}/{clock}/advance"), &form)?;
        self.core.advance(0);
        Some(())
    }
}
