//! A shop to which anything is done.

use std::collections::BTreeMap;

use serde_json::Value;
use stripe_simulator::api;
use stripe_simulator::core::{Core, Decision, DunningEnd, Version};

use super::{Act, Step};
use crate::support::CARD;
use crate::told::{Told, number, text};

pub const DAY: i64 = 86_400;
const START: i64 = 1_767_225_600;
pub const TERMS: [&str; 3] = ["create_prorations", "always_invoice", "none"];
const BEHAVIORS: [&str; 4] = [
    "allow_incomplete",
    "default_incomplete",
    "error_if_incomplete",
    "pending_if_incomplete",
];
pub const CARDS: [&str; 8] = [
    "pm_card_visa",
    "pm_card_chargeCustomerFail",
    "pm_card_chargeCustomerFail",
    "pm_card_threeDSecure2Required",
    "pm_card_createDispute",
    "pm_card_pendingRefund",
    "pm_card_refundFail",
    "pm_usBankAccount_success",
];

/// What a dispute is while it can still be answered or decided.
const DISPUTED: [&str; 4] = [
    "needs_response",
    "under_review",
    "warning_needs_response",
    "warning_under_review",
];

pub struct World {
    pub core: Core,
    pub told: Told,
    pub prices: Vec<String>,
    pub once: String,
    /// What is sold at prices of the moment.
    pub product: String,
    configurations: [String; 2],
    /// Invoices whose money came by another way.
    otherwise: Vec<String>,
    /// How often each act was carried out.
    pub done: BTreeMap<String, usize>,
}

impl World {
    pub fn new(dunning_end: DunningEnd) -> World {
        let mut core = Core::new(23, START);
        core.settings_mut().dunning_end = dunning_end;
        let mut make = |path: &str, form: &str| {
            let made = api::call(&mut core, Version::default(), "POST", path, form);
            made.unwrap_or_else(|fault| panic!("{path} {form}: {fault:?}"))
        };
        let recurring = [
            (1000, "month"),
            (2000, "month"),
            (10_000, "year"),
            (500, "week"),
            (0, "month"),
        ];
        let (mut prices, mut offered) = (Vec::new(), String::new());
        let update = "features[subscription_update]";
        for (at, (amount, interval)) in recurring.into_iter().enumerate() {
            let form = format!(
                "currency=usd&unit_amount={amount}&recurring[interval]={interval}&product_data[name]=P{at}"
            );
            let price = make("/v1/prices", &form);
            let product = text(&price["product"]);
            prices.push(text(&price["id"]));
            offered += &format!(
                "&{update}[products][{at}][product]={product}&{update}[products][{at}][prices][0]={}",
                prices[at]
            );
        }
        let once = make(
            "/v1/prices",
            "currency=usd&unit_amount=1500&product_data[name]=Once",
        );
        let configuration = |terms: &str| {
            format!(
                "{update}[enabled]=true&{update}[default_allowed_updates][0]=price\
                 &{update}[default_allowed_updates][1]=quantity{offered}&features[subscription_cancel][enabled]=true\
                 &features[payment_method_update][enabled]=true&{terms}"
            )
        };
        let waits = format!(
            "{update}[proration_behavior]=create_prorations\
             &{update}[schedule_at_period_end][conditions][0][type]=decreasing_item_amount\
             &{update}[schedule_at_period_end][conditions][1][type]=shortening_interval"
        );
        let at_once = format!(
            "{update}[proration_behavior]=always_invoice&features[subscription_cancel][mode]=immediately\
             &features[subscription_cancel][proration_behavior]=create_prorations"
        );
        let configurations = [waits, at_once]
            .map(|terms| text(&make("/v1/billing_portal/configurations", &configuration(&terms))["id"]));
        for (price, key) in [(0, "seats"), (2, "support"), (2, "seats")] {
            let features = make(
                "/v1/entitlements/features",
                &format!("name=F&lookup_key={key}{price}"),
            );
            let price = make(&format!("/v1/prices/{}", prices[price]), "");
            let path = format!("/v1/products/{}/features", text(&price["product"]));
            make(&path, &format!("entitlement_feature={}", text(&features["id"])));
        }
        for card in [CARD, ""] {
            make("/v1/customers", card);
        }
        let mut world = World {
            core,
            told: Told::default(),
            prices,
            once: text(&once["id"]),
            product: text(&once["product"]),
            configurations,
            otherwise: Vec::new(),
            done: BTreeMap::new(),
        };
        world.told.read(&world.core);
        world
    }

    pub fn log(&self) -> Vec<Value> {
        self.core.events(0).iter().map(|event| event.to_json()).collect()
    }

    /// Refusals are fine: Stripe refuses too.
    pub fn send(&mut self, method: &str, path: &str, form: &str) -> Option<Value> {
        api::call(&mut self.core, Version::default(), method, path, form).ok()
    }

    pub fn post(&mut self, path: &str, form: &str) -> Option<Value> {
        self.send("POST", path, form)
    }

    pub fn step(&mut self, step: &Step) {
        if self.take(step).is_some() {
            *self.done.entry(format!("{:?}", step.act)).or_default() += 1;
        }
        self.told.read(&self.core);
    }

    pub fn check(&mut self) {
        self.told.events_tell_all(&self.core);
        self.told.invoices_add_up();
        self.told.charges_add_up(&self.otherwise);
        self.told.balances_add_up(&mut self.core);
        self.told.invoice_items_are_billed_once(&self.core);
        self.told.entitlements_follow(&mut self.core);
    }

    /// `None`: there is nothing to do it to, or it was refused.
    fn take(&mut self, Step { act, which, how }: &Step) -> Option<()> {
        let (which, [a, b, c, d, e]) = (*which, *how);
        let pick = |it: &World, kind: &str, statuses: &[&str]| {
            let fits = |object: &Value| statuses.iter().any(|status| object["status"] == *status);
            it.told
                .pick(kind, which, |object| statuses.is_empty() || fits(object))
        };
        let (terms, behavior) = (TERMS[d % 3], BEHAVIORS[e % 4]);
        let billed = format!("proration_behavior={terms}&payment_behavior={behavior}");
        let price = self.prices[a % self.prices.len()].clone();
        let customer = self.told.pick("customer", which, |it| {
            self.core.get(&text(&it["id"])).unwrap()["deleted"] != true
        })?;
        match act {
            Act::Advance => {
                let unit = [DAY / 24, DAY / 2, DAY][c % 3];
                self.core.advance((a as i64 + 1) * unit);
            }
            Act::Customer if b < 40 => drop(self.post("/v1/customers", CARD)?),
            // Whose trial ends in a pause, unless they get a card.
            Act::Customer => {
                let customer = text(&self.post("/v1/customers", "")?["id"]);
                let form = format!(
                    "customer={customer}&items[0][price]={price}&trial_period_days=3\
                     &trial_settings[end_behavior][missing_payment_method]=pause"
                );
                self.post("/v1/subscriptions", &form)?;
            }
            Act::Card => self.card(&customer, CARDS[a % 8])?,
            Act::Balance => {
                let form = format!("amount={}&currency=usd", (a as i64 - 30) * 50);
                self.post(&format!("/v1/customers/{customer}/balance_transactions"), &form)?;
            }
            Act::DeleteCustomer if a > 20 => return None,
            Act::DeleteCustomer => drop(self.send("DELETE", &format!("/v1/customers/{customer}"), "")?),
            Act::Coupon => {
                let off = if a.is_multiple_of(2) {
                    format!("percent_off={}", 5 + b % 96)
                } else {
                    format!("amount_off={}&currency=usd", 1 + b * 40)
                };
                let duration = ["forever", "once", "repeating&duration_in_months=2"][c % 3];
                let made = self.post("/v1/coupons", &format!("{off}&duration={duration}"))?;
                let form = format!("promotion[type]=coupon&promotion[coupon]={}", text(&made["id"]));
                self.post("/v1/promotion_codes", &form)?;
            }
            Act::CouponDelete | Act::LookupKey | Act::PriceSwitch | Act::ProductDelete => {
                self.catalog(*act, which, &price, a)?;
            }
            Act::Clock | Act::ClockAdvance => self.clock(*act, which, how)?,
            Act::Detach | Act::Intent | Act::SetUp | Act::SetupIntent => {
                self.pay_by(*act, which, &customer, how)?
            }
            Act::Subscribe => {
                let item = self.price_or_data("items[0]", &price, e);
                let mut form = format!("customer={customer}&{item}&items[0][quantity]={}&{billed}", b % 5);
                if d.is_multiple_of(5) {
                    form += &format!("&items[1][price]={}", self.prices[(a + 1) % self.prices.len()]);
                }
                if c.is_multiple_of(3) {
                    form += &format!(
                        "&trial_period_days={}&trial_settings[end_behavior][missing_payment_method]={}",
                        1 + b % 20,
                        ["pause", "cancel", "pause", "create_invoice"][a % 4]
                    );
                } else if c % 3 == 1 && d.is_multiple_of(2) {
                    let anchor = self.core.now() + (1 + b as i64 % 6) * DAY;
                    form += &format!("&billing_cycle_anchor={anchor}");
                }
                if a.is_multiple_of(5) {
                    form += "&billing_mode[type]=classic";
                }
                if e.is_multiple_of(3) {
                    form += &format!("&{}", self.once_more(e));
                }
                if b.is_multiple_of(4) {
                    form += "&collection_method=send_invoice&days_until_due=5";
                }
                if let (true, Some(coupon)) = (a.is_multiple_of(3), pick(self, "coupon", &[])) {
                    form += &format!("&discounts[0][coupon]={coupon}");
                }
                self.post("/v1/subscriptions", &form)?;
            }
            Act::Buy | Act::BuyOnce => self.buy(&customer, *act == Act::Buy, &price, how)?,
            Act::Invoice | Act::Pay => {
                let invoice = pick(self, "invoice", &["draft", "open", "uncollectible"])?;
                let (action, form) = match (act, a % 6) {
                    (Act::Pay, 0) => ("/pay", "paid_out_of_band=true"),
                    (Act::Pay, 1 | 2) => ("/pay", ""),
                    (Act::Pay, 3) => ("/pay", "payment_method=pm_usBankAccount_success"),
                    (Act::Pay, _) => ("/pay", "payment_method=pm_card_visa"),
                    (_, 0) => ("/void", ""),
                    (_, 1) => ("/mark_uncollectible", ""),
                    (_, 2) => ("/send", ""),
                    (_, 3) => ("", "auto_advance=false"),
                    _ => ("/finalize", "auto_advance=true"),
                };
                let shown = self.post(&format!("/v1/invoices/{invoice}{action}"), form)?;
                if form.starts_with("paid_out") && number(&shown["amount_paid"]) > 0 {
                    self.otherwise.push(invoice);
                }
            }
            Act::Refund => {
                let charge = pick(self, "charge", &["succeeded"])?;
                let amount = if a.is_multiple_of(2) {
                    String::new()
                } else {
                    format!("&amount={}", 1 + b * 20)
                };
                self.post("/v1/refunds", &format!("charge={charge}{amount}"))?;
            }
            Act::FailRefund => {
                let refund = pick(self, "refund", &["pending", "succeeded"])?;
                if a.is_multiple_of(2) {
                    self.post(&format!("/v1/refunds/{refund}/cancel"), "")?;
                } else {
                    self.core.fail_refund(&refund).ok()?;
                }
            }
            Act::Dispute => {
                let charge = pick(self, "charge", &["succeeded"])?;
                let dispute = self
                    .core
                    .dispute(&charge, "fraudulent", a.is_multiple_of(2))
                    .ok()?;
                if b.is_multiple_of(2) {
                    let decision = if a.is_multiple_of(2) {
                        Decision::Escalated
                    } else {
                        Decision::Won
                    };
                    self.core.decide_dispute(&text(&dispute["id"]), decision).ok()?;
                }
            }
            Act::DecideDispute => {
                let dispute = pick(self, "dispute", &DISPUTED)?;
                if a.is_multiple_of(3) {
                    let form = "evidence[uncategorized_text]=It%20was%20them&submit=true";
                    self.post(&format!("/v1/disputes/{dispute}"), form)?;
                } else {
                    let decisions = [
                        Decision::Won,
                        Decision::Won,
                        Decision::Lost,
                        Decision::Escalated,
                        Decision::Closed,
                    ];
                    self.core.decide_dispute(&dispute, decisions[b % 5]).ok()?;
                }
            }
            Act::Charge
            | Act::ChargeChange
            | Act::ChargeDelete
            | Act::Draft
            | Act::DraftDelete
            | Act::DraftDiscount => self.by_hand(*act, which, &customer, how)?,
            Act::ScheduleNew => self.schedule_new(&customer, &price, how)?,
            Act::PortalCancel | Act::PortalCard | Act::PortalChange | Act::PortalResume => {
                self.on_portal(*act, &customer, &price, how)?;
            }
            _ => {
                let statuses: &[&str] = match act {
                    Act::Resume => &["paused"],
                    Act::EndTrial => &["trialing"],
                    _ => &["active", "past_due", "trialing", "incomplete", "unpaid", "paused"],
                };
                let subscription = pick(self, "subscription", statuses)?;
                self.change(*act, &subscription, &price, &billed, how)?;
            }
        }
        Some(())
    }

    /// Attached, and the customer's default from now on.
    pub fn card(&mut self, customer: &str, card: &str) -> Option<()> {
        let form = format!("customer={customer}");
        let method = text(&self.post(&format!("/v1/payment_methods/{card}/attach"), &form)?["id"]);
        let form = format!("invoice_settings[default_payment_method]={method}");
        self.post(&format!("/v1/customers/{customer}"), &form)?;
        Some(())
    }

    fn buy(&mut self, customer: &str, subscribes: bool, price: &str, how: &[usize; 5]) -> Option<()> {
        let (mode, price) = if subscribes {
            ("subscription", price)
        } else {
            ("payment", &*self.once.clone())
        };
        let mut form = format!(
            "mode={mode}&line_items[0][price]={price}&line_items[0][quantity]={}&success_url=http://app.test/",
            1 + how[1] % 3
        );
        if !how[2].is_multiple_of(4) {
            form += &format!("&customer={customer}");
        }
        if let (0, Some(code)) = (how[3] % 3, self.told.pick("promotion_code", how[3], |_| true)) {
            form += &format!("&discounts[0][promotion_code]={code}");
        }
        let session = text(&self.post("/v1/checkout/sessions", &form)?["id"]);
        match how[4] % 6 {
            0 => drop(self.core.decline_session(&session).ok()?),
            1 => drop(self.core.expire_session(&session).ok()?),
            2 => {
                self.core
                    .pay_session_with(&session, "pm_card_threeDSecure2Required")
                    .ok()?;
                self.core
                    .authenticate_session(&session, how[0].is_multiple_of(2))
                    .ok()?;
            }
            3 => drop(
                self.core
                    .pay_session_with(&session, "pm_usBankAccount_success")
                    .ok()?,
            ),
            4 => drop(
                self.core
                    .pay_session_with(&session, "pm_card_pendingRefund")
                    .ok()?,
            ),
            _ => drop(self.core.pay_session(&session).ok()?),
        }
        Some(())
    }

    fn on_portal(&mut self, act: Act, customer: &str, price: &str, how: &[usize; 5]) -> Option<()> {
        let configuration = &self.configurations[how[4] % 2];
        let form = format!("customer={customer}&configuration={configuration}");
        let portal = text(&self.post("/v1/billing_portal/sessions", &form)?["id"]);
        let all = self.send("GET", "/v1/subscriptions", &format!("customer={customer}"))?;
        let all = all["data"].as_array()?;
        let subscription = text(&all.get(how[2] % all.len().max(1))?["id"]);
        let core = &mut self.core;
        let done = match act {
            Act::PortalCancel => core.portal_cancel(&portal, &subscription, None, None),
            Act::PortalCard => core.portal_set_card(&portal, CARDS[how[0] % 8]),
            Act::PortalResume => core.portal_resume(&portal, &subscription),
            _ => {
                let quantity = (how[1].is_multiple_of(3)).then_some(1 + how[1] as u64 % 7);
                core.portal_change(&portal, &subscription, Some(price), quantity)
            }
        };
        done.ok().map(drop)
    }
}
