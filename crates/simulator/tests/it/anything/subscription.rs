//! What is done to a subscription.

use super::Act;
use super::world::{DAY, TERMS, World};
use crate::told::{number, text};

impl World {
    /// What is done to a subscription.
    pub fn change(&mut self, act: Act, id: &str, price: &str, billed: &str, how: &[usize; 5]) -> Option<()> {
        let [_, b, c, ..] = *how;
        let path = format!("/v1/subscriptions/{id}");
        let shown = self.core.get(id)?;
        let items = shown["items"]["data"].as_array()?;
        let item = text(&items[c % items.len()]["id"]);
        let now = self.core.now();
        let quantity = b % 9;
        let form = match act {
            // It waits for its payment, and gets it at once or not.
            Act::Quantity if c.is_multiple_of(4) => {
                self.card(&text(&shown["customer"]), "pm_card_chargeCustomerFail")?;
                format!(
                    "items[0][id]={item}&items[0][quantity]={quantity}&proration_behavior=always_invoice\
                     &payment_behavior=pending_if_incomplete"
                )
            }
            Act::Quantity => format!("items[0][id]={item}&items[0][quantity]={quantity}&{billed}"),
            Act::Price => format!("items[0][id]={item}&items[0][price]={price}&{billed}"),
            Act::AddItem => {
                let item = self.price_or_data("items[0]", price, how[4]);
                format!("{item}&items[0][quantity]={quantity}&{billed}")
            }
            Act::AddOnce => format!("{}&{billed}", self.once_more(b)),
            Act::RemoveItem => format!("items[0][id]={item}&items[0][deleted]=true&{billed}"),
            Act::CycleNow => format!("billing_cycle_anchor=now&{billed}"),
            Act::Trial => format!("trial_end={}&{billed}", now + (1 + b as i64) * DAY),
            Act::EndTrial => format!("trial_end=now&{billed}"),
            Act::Collection if b.is_multiple_of(2) => {
                "collection_method=send_invoice&days_until_due=4".to_owned()
            }
            Act::Collection => "collection_method=charge_automatically".to_owned(),
            Act::CancelAtPeriodEnd => format!("cancel_at_period_end={}", b < 40),
            Act::CancelAt => format!("cancel_at={}", now + (1 + b as i64) * DAY),
            Act::Discount => match self.told.pick("coupon", b, |_| true) {
                Some(coupon) if c < 40 => format!("discounts[0][coupon]={coupon}"),
                _ => "discounts=".to_owned(),
            },
            Act::Pause => {
                let behavior = ["void", "keep_as_draft", "mark_uncollectible", ""][b % 4];
                let until = format!("&pause_collection[resumes_at]={}", now + (1 + c as i64) * DAY);
                match behavior {
                    "" => "pause_collection=".to_owned(),
                    it if c.is_multiple_of(2) => format!("pause_collection[behavior]={it}{until}"),
                    it => format!("pause_collection[behavior]={it}"),
                }
            }
            Act::Resume => {
                self.post(&format!("{path}/resume"), "")?;
                return Some(());
            }
            Act::Cancel => {
                let form = format!(
                    "prorate={}&invoice_now={}",
                    b.is_multiple_of(2),
                    c.is_multiple_of(2)
                );
                self.send("DELETE", &path, &form)?;
                return Some(());
            }
            Act::Schedule => return self.schedule(id, price, how),
            Act::ScheduleEnd => {
                let schedule = text(shown.get("schedule").filter(|it| it.is_string())?);
                let action = ["release", "cancel"][b % 2];
                self.post(&format!("/v1/subscription_schedules/{schedule}/{action}"), "")?;
                return Some(());
            }
            other => panic!("{other:?} is done to something else"),
        };
        let shown = self.post(&path, &form)?;
        if act == Act::Quantity && c.is_multiple_of(8) {
            let pay = format!("/v1/invoices/{}/pay", text(&shown["latest_invoice"]));
            self.post(&pay, "payment_method=pm_card_visa");
        }
        Some(())
    }

    /// As it is until its period ends or within it, then another price, then over or on its own.
    pub fn schedule(&mut self, id: &str, price: &str, how: &[usize; 5]) -> Option<()> {
        let made = self.post("/v1/subscription_schedules", &format!("from_subscription={id}"))?;
        let phase = &made["phases"][0];
        let (start, end) = (number(&phase["start_date"]), number(&phase["end_date"]));
        let end = if how[1].is_multiple_of(2) {
            end
        } else {
            (end - DAY).max(start + 1)
        };
        let item = &phase["items"][0];
        let form = format!(
            "phases[0][items][0][price]={}&phases[0][items][0][quantity]={}&phases[0][end_date]={end}\
             &phases[1][items][0][price]={price}&phases[1][proration_behavior]={}&end_behavior={}",
            text(&item["price"]),
            item["quantity"],
            TERMS[how[3] % 3],
            ["release", "cancel"][how[4] % 2]
        );
        self.post(
            &format!("/v1/subscription_schedules/{}", text(&made["id"])),
            &form,
        )?;
        Some(())
    }
}
