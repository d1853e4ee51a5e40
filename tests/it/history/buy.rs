//! What is done at Stripe to what there is, by the API, on the pages and by banks.

use serde_json::Value;
use stripe_simulator::core::Decision;

use super::act::{Act, Step};
use super::shop::{DAY, HOUR, RECURRING, Shop, id};

pub(super) const TERMS: [&str; 3] = ["create_prorations", "always_invoice", "none"];
const BEHAVIORS: [&str; 4] = [
    "allow_incomplete",
    "default_incomplete",
    "error_if_incomplete",
    "pending_if_incomplete",
];

/// Good, declined later, authenticated, disputed, and delayed ones that settle or fail.
const METHODS: [&str; 10] = [
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_chargeCustomerFail",
    "pm_card_chargeCustomerFail",
    "pm_card_threeDSecure2Required",
    "pm_card_createDispute",
    "pm_card_pendingRefund",
    "pm_usBankAccount_success",
    "pm_usBankAccount_success",
    "pm_usBankAccount_insufficientFunds",
];

const OURS: [&str; 3] = ["acme", "beta", "gamma"];
const KEYS: [&str; 4] = ["team_monthly", "team_yearly", "pro_monthly", "report"];

fn has_status(object: &Value, statuses: &[&str]) -> bool {
    statuses.iter().any(|status| object["status"] == *status)
}

impl Shop {
    /// `None`: there is nothing to do it to, or it was refused.
    pub(super) fn take(&mut self, Step { act, which, how }: &Step) -> Option<()> {
        let (which, [a, b, c, d, e]) = (*which, *how);
        let customer = self.pick("customer", which / 4, |it| it["deleted"] != true)?;
        let with = |it: &Shop, kind: &str, statuses: &[&str]| {
            it.pick(kind, which, |object| has_status(object, statuses))
        };
        match act {
            Act::Advance => {
                let span = [
                    1 + a as i64 % 8,
                    a as i64 * 120,
                    a as i64 * HOUR,
                    a as i64 * DAY / 2,
                    30 * DAY,
                ];
                self.core.advance(span[c % 5]);
            }
            Act::Customer => drop(self.customer(OURS[a % 3], b % 3 > 0, c % 3 > 0)?),
            Act::DeleteCustomer => drop(self.send("DELETE", &format!("/v1/customers/{customer}"), "")?),
            Act::Link => {
                let unknown = self.pick("customer", which, |it| !self.owners.contains_key(&id(it)))?;
                let ours = OURS[a % 3].to_owned();
                self.owners.insert(unknown.clone(), ours.clone());
                self.links.push((unknown, ours));
            }
            Act::Card => self.card(&customer, METHODS[a % METHODS.len()])?,
            Act::MoveKey => {
                let (at, key) = (a % KEYS.len(), KEYS[a % KEYS.len()]);
                let at = if at == 3 { RECURRING } else { at };
                let moved = format!("lookup_key={key}&transfer_lookup_key=true");
                if b % 4 == 0 {
                    // To a price that has been there, and had another or none.
                    let other = self.prices[c % RECURRING].clone();
                    self.post(&format!("/v1/prices/{other}"), &moved)?;
                    self.rekeyed = true;
                } else {
                    let old = self.core.get(&self.prices[at])?;
                    let every = match old["recurring"]["interval"].as_str() {
                        Some(interval) => format!("&recurring[interval]={interval}"),
                        None => String::new(),
                    };
                    let product = old["product"].as_str()?;
                    let amount = 100 + 100 * d;
                    let form = format!("currency=usd&product={product}&unit_amount={amount}&{moved}{every}");
                    self.prices[at] = id(&self.post("/v1/prices", &form)?);
                }
            }
            Act::Archive => {
                let price = self.prices[a % self.prices.len()].clone();
                self.post(&format!("/v1/prices/{price}"), &format!("active={}", b % 3 == 0))?;
            }
            Act::Subscribe => self.subscribe(&customer, how)?,
            Act::Buy | Act::BuyOnce => self.buy(&customer, *act == Act::Buy, how)?,
            Act::Session => {
                let session = with(self, "checkout.session", &["open"])?;
                self.go_through(&session, a, b)?;
            }
            Act::SellByInvoice => self.sell_by_invoice(&customer, how)?,
            Act::Invoice | Act::Pay => {
                let invoice = with(self, "invoice", &["draft", "open", "uncollectible"])?;
                let (action, form) = match (act, a % 5) {
                    (Act::Pay, 0) => ("/pay", "paid_out_of_band=true"),
                    (Act::Pay, 1) => ("/pay", ""),
                    (Act::Pay, _) => ("/pay", "payment_method=pm_card_visa"),
                    (_, 0) => ("/void", ""),
                    (_, 1) => ("/mark_uncollectible", ""),
                    (_, 2) => ("", "auto_advance=false"),
                    _ => ("/finalize", "auto_advance=true"),
                };
                self.post(&format!("/v1/invoices/{invoice}{action}"), form)?;
            }
            Act::Refund => {
                let charge = with(self, "charge", &["succeeded"])?;
                let amount = if b % 3 > 0 {
                    String::new()
                } else {
                    format!("&amount={}", 1 + c * 20)
                };
                self.post("/v1/refunds", &format!("charge={charge}{amount}"))?;
            }
            Act::FailRefund => {
                let refund = with(self, "refund", &["pending", "succeeded"])?;
                self.core.fail_refund(&refund).ok()?;
            }
            Act::Dispute => {
                let charge = with(self, "charge", &["succeeded"])?;
                self.core.dispute(&charge, "fraudulent", b % 3 == 0).ok()?;
            }
            Act::DecideDispute => {
                let open = [
                    "needs_response",
                    "under_review",
                    "warning_needs_response",
                    "warning_under_review",
                ];
                let dispute = with(self, "dispute", &open)?;
                let decisions = [
                    Decision::Won,
                    Decision::Lost,
                    Decision::Escalated,
                    Decision::Closed,
                    Decision::Won,
                ];
                self.core.decide_dispute(&dispute, decisions[b % 5]).ok()?;
            }
            _ => {
                let statuses: &[&str] = match act {
                    Act::Resume => &["paused"],
                    Act::EndTrial => &["trialing"],
                    _ => &["active", "past_due", "trialing", "incomplete", "unpaid", "paused"],
                };
                let subscription = with(self, "subscription", statuses)?;
                let billed = format!(
                    "proration_behavior={}&payment_behavior={}",
                    TERMS[d % 3],
                    BEHAVIORS[e % 4]
                );
                self.change(*act, &subscription, &billed, how)?;
            }
        }
        Some(())
    }

    fn subscribe(&mut self, customer: &str, how: &[usize; 5]) -> Option<()> {
        let [a, b, c, d, e] = *how;
        // Whose trial ends in a pause, unless they get a card.
        let bare = c % 6 == 0;
        let customer = if bare {
            &self.customer(OURS[a % 3], true, false)?
        } else {
            customer
        };
        let price = &self.prices[a % RECURRING];
        let mut form = format!(
            "customer={customer}&items[0][price]={price}&items[0][quantity]={}&payment_behavior={}",
            1 + b % 5,
            BEHAVIORS[e % 3]
        );
        if d % 3 == 0 {
            form += &format!("&items[1][price]={}", self.prices[(a + 1) % RECURRING]);
        }
        if c % 3 == 0 {
            form += &format!(
                "&trial_period_days={}&trial_settings[end_behavior][missing_payment_method]={}",
                1 + b % 20,
                ["pause", "pause", "cancel", "create_invoice"][a % 4]
            );
        }
        match b % 8 {
            0 | 1 => form += "&collection_method=send_invoice&days_until_due=5",
            2 => form += &format!("&add_invoice_items[0][price]={}", self.prices[RECURRING]),
            _ => {}
        }
        if e % 6 == 0 {
            form += &self.coupon(a)?;
        }
        let made = self.post("/v1/subscriptions", &form)?;
        self.know(&made);
        Some(())
    }

    /// Everything off now, or something.
    pub(super) fn coupon(&mut self, how: usize) -> Option<String> {
        let (off, duration) = (["100", "40"][how % 2], ["once", "forever"][how / 2 % 2]);
        let form = format!("percent_off={off}&duration={duration}");
        Some(format!(
            "&discounts[0][coupon]={}",
            id(&self.post("/v1/coupons", &form)?)
        ))
    }

    fn buy(&mut self, customer: &str, subscribes: bool, how: &[usize; 5]) -> Option<()> {
        let [a, b, c, d, e] = *how;
        let (mode, price) = if subscribes {
            ("subscription", a % RECURRING)
        } else {
            ("payment", RECURRING + a % 2)
        };
        let mut form = format!(
            "mode={mode}&line_items[0][price]={}&line_items[0][quantity]={}&success_url=http://app.test/\
             &payment_method_types[0]=card&payment_method_types[1]=us_bank_account",
            self.prices[price],
            1 + b % 3
        );
        if subscribes && d % 3 == 0 {
            form += &format!(
                "&line_items[1][price]={}&line_items[1][quantity]=1",
                self.prices[RECURRING]
            );
        }
        let guest = (c % 5 == 0).then(|| OURS[b % 3]);
        form += &match guest {
            Some(ours) => {
                format!("&metadata[tollgate_customer]={ours}&metadata[tollgate_deployment]=default")
            }
            None => format!("&customer={customer}"),
        };
        if !subscribes && d % 4 == 0 {
            form += "&invoice_creation[enabled]=true";
        }
        if e % 7 == 0 {
            form += &self.coupon(a)?;
        }
        let session = self.post("/v1/checkout/sessions", &form)?;
        // No event tells of one that is open.
        self.know(&session);
        let session = id(&session);
        if let Some(ours) = guest {
            self.owners.insert(session.clone(), ours.to_owned());
        }
        self.go_through(&session, d, e);
        Some(())
    }

    /// What somebody does on its page, or does not.
    fn go_through(&mut self, session: &str, a: usize, b: usize) -> Option<()> {
        let with = |it: &mut Shop, method: &str| it.core.pay_session_with(session, method).ok();
        match a % 9 {
            0 => drop(self.core.decline_session(session).ok()?),
            1 => drop(self.core.expire_session(session).ok()?),
            2 => {
                with(self, "pm_card_threeDSecure2Required")?;
                self.core
                    .authenticate_session(session, b.is_multiple_of(2))
                    .ok()?;
            }
            3 => drop(with(self, "pm_usBankAccount_success")?),
            4 => drop(with(self, "pm_usBankAccount_insufficientFunds")?),
            5 => {}
            _ => drop(self.core.pay_session(session).ok()?),
        }
        Some(())
    }

    /// A plan sold without a session: an invoice by hand, sent or charged.
    fn sell_by_invoice(&mut self, customer: &str, how: &[usize; 5]) -> Option<()> {
        let [a, b, c, d, _] = *how;
        let collected = ["charge_automatically", "send_invoice&days_until_due=3"][a % 2];
        let form = format!(
            "customer={customer}&collection_method={collected}&auto_advance={}",
            c % 2 == 0
        );
        let draft = id(&self.post("/v1/invoices", &form)?);
        let price = &self.prices[RECURRING + b % 2];
        let form = format!(
            "customer={customer}&invoice={draft}&pricing[price]={price}&quantity={}",
            1 + d % 2
        );
        self.post("/v1/invoiceitems", &form)?;
        match d % 4 {
            0 => drop(self.send("DELETE", &format!("/v1/invoices/{draft}"), "")?),
            1 => {}
            2 => drop(self.post(&format!("/v1/invoices/{draft}/finalize"), "")?),
            _ => drop(self.post(
                &format!("/v1/invoices/{draft}/pay"),
                "payment_method=pm_card_visa",
            )?),
        }
        Some(())
    }
}
