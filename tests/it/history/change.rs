//! What is done to a subscription, and to the card that pays it.

use super::act::Act;
use super::buy::TERMS;
use super::shop::{DAY, RECURRING, Shop, id};

impl Shop {
    pub(super) fn change(
        &mut self,
        act: Act,
        subscription: &str,
        billed: &str,
        how: &[usize; 5],
    ) -> Option<()> {
        let [a, b, c, ..] = *how;
        let path = format!("/v1/subscriptions/{subscription}");
        let shown = self.core.get(subscription)?;
        let items = shown["items"]["data"].as_array()?;
        let item = id(&items[c % items.len()]);
        let (now, price) = (self.core.now(), self.prices[a % RECURRING].clone());
        let in_days = |days: usize| now + (1 + days as i64) * DAY / 2;
        let form = match act {
            // It waits for its payment, and may get it later.
            Act::Quantity if c % 3 == 0 => {
                self.card(shown["customer"].as_str()?, "pm_card_chargeCustomerFail")?;
                format!(
                    "items[0][id]={item}&items[0][quantity]={}&proration_behavior=always_invoice\
                     &payment_behavior=pending_if_incomplete",
                    2 + b % 9
                )
            }
            Act::Quantity => format!("items[0][id]={item}&items[0][quantity]={}&{billed}", 1 + b % 9),
            Act::Price => format!("items[0][id]={item}&items[0][price]={price}&{billed}"),
            Act::Outside => format!("items[0][id]={item}&items[0][price]={}&{billed}", self.prices[5]),
            Act::AddItem => format!(
                "items[0][price]={price}&items[0][quantity]={}&{billed}",
                1 + b % 3
            ),
            Act::RemoveItem => format!("items[0][id]={item}&items[0][deleted]=true&{billed}"),
            Act::CycleNow => format!("billing_cycle_anchor=now&{billed}"),
            Act::Trial => format!("trial_end={}&{billed}", in_days(b)),
            Act::EndTrial => format!("trial_end=now&{billed}"),
            Act::CancelAtPeriodEnd => format!("cancel_at_period_end={}", b < 40),
            Act::CancelAt if b > 50 => "cancel_at=".to_owned(),
            Act::CancelAt => format!("cancel_at={}", in_days(b)),
            Act::Discount if c > 40 => "discounts=".to_owned(),
            Act::Discount => self.coupon(b)?.trim_start_matches('&').to_owned(),
            Act::Pause => match ["void", "keep_as_draft", "mark_uncollectible", ""][b % 4] {
                "" => "pause_collection=".to_owned(),
                it if c % 2 == 0 => format!("pause_collection[behavior]={it}"),
                it => format!(
                    "pause_collection[behavior]={it}&pause_collection[resumes_at]={}",
                    in_days(c)
                ),
            },
            Act::Resume => {
                self.post(&format!("{path}/resume"), "")?;
                return Some(());
            }
            Act::Cancel => {
                let form = format!("prorate={}&invoice_now={}", b % 2 == 0, c % 2 == 0);
                self.send("DELETE", &path, &form)?;
                return Some(());
            }
            Act::Schedule => return self.schedule(subscription, &price, how),
            Act::ScheduleEnd => {
                let schedule = shown["schedule"].as_str()?;
                let action = ["release", "cancel"][b % 2];
                self.post(&format!("/v1/subscription_schedules/{schedule}/{action}"), "")?;
                return Some(());
            }
            other => panic!("{other:?} is done to something else"),
        };
        let shown = self.post(&path, &form)?;
        if act == Act::Quantity && c % 6 == 0 {
            let pay = format!("/v1/invoices/{}/pay", shown["latest_invoice"].as_str()?);
            self.post(&pay, "payment_method=pm_card_visa");
        }
        Some(())
    }

    /// Attached, and the customer's default from now on.
    pub(super) fn card(&mut self, customer: &str, method: &str) -> Option<()> {
        let path = format!("/v1/payment_methods/{method}/attach");
        let method = id(&self.post(&path, &format!("customer={customer}"))?);
        let form = format!("invoice_settings[default_payment_method]={method}");
        self.post(&format!("/v1/customers/{customer}"), &form)?;
        Some(())
    }

    /// As it is until its period ends, then another price, then over or on its own.
    fn schedule(&mut self, subscription: &str, price: &str, how: &[usize; 5]) -> Option<()> {
        let form = format!("from_subscription={subscription}");
        let made = self.post("/v1/subscription_schedules", &form)?;
        let phase = &made["phases"][0];
        let (item, end) = (&phase["items"][0], &phase["end_date"]);
        let form = format!(
            "phases[0][items][0][price]={}&phases[0][items][0][quantity]={}&phases[0][end_date]={end}\
             &phases[1][items][0][price]={price}&phases[1][proration_behavior]={}&end_behavior={}",
            item["price"].as_str()?,
            item["quantity"],
            TERMS[how[3] % 3],
            ["release", "cancel"][how[4] % 2]
        );
        self.post(&format!("/v1/subscription_schedules/{}", id(&made)), &form)?;
        Some(())
    }
}
