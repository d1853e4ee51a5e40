//! Checkout sessions: made here, paid in `pay`.

mod enter;
mod pay;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::calendar::{DAY, MINUTE};
use super::discount::Purpose;
use super::{Answer, Core, Fault, Metadata, Price, Redeem, Row};

/// What a session sells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Payment,
    Subscription,
    /// Nothing: a payment method is saved for later.
    Setup,
}

impl Mode {
    /// Stripe's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Payment => "payment",
            Mode::Subscription => "subscription",
            Mode::Setup => "setup",
        }
    }
}

/// A checkout session to create.
#[derive(Clone, Debug, Default)]
pub struct NewSession {
    pub mode: Mode,
    /// `None`: in mode `subscription` one is created when it is paid.
    pub customer: Option<String>,
    pub customer_email: Option<String>,
    /// Price id and quantity.
    pub line_items: Vec<(String, u64)>,
    /// Of the line items whose quantity the person may change, by position: the least and the most.
    pub adjustable: BTreeMap<usize, (u64, u64)>,
    /// `{CHECKOUT_SESSION_ID}` in it is replaced by the session's id.
    pub success_url: Option<String>,
    pub cancel_url: Option<String>,
    pub client_reference_id: Option<String>,
    pub metadata: Metadata,
    pub subscription_metadata: Metadata,
    pub payment_intent_metadata: Metadata,
    pub setup_intent_metadata: Metadata,
    pub trial_days: Option<u32>,
    /// One at most.
    pub discount: Option<Redeem>,
    /// The page takes codes; not together with a discount.
    pub allow_promotion_codes: Option<bool>,
    /// Mode `subscription`: no card is asked for when nothing is due.
    pub method_if_required: bool,
    /// Unix seconds, 30 minutes to 24 hours from now, which is the default.
    pub expires_at: Option<i64>,
    /// `card`, `sepa_debit`, `us_bank_account`; empty: cards.
    pub payment_method_types: Vec<&'static str>,
}

impl NewSession {
    pub(crate) fn types(&self) -> Vec<&'static str> {
        if self.payment_method_types.is_empty() {
            vec!["card"]
        } else {
            self.payment_method_types.clone()
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    Open,
    Complete,
    Expired,
}

impl SessionStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            SessionStatus::Open => "open",
            SessionStatus::Complete => "complete",
            SessionStatus::Expired => "expired",
        }
    }
}

#[derive(Clone, Debug)]
pub struct LineItem {
    id: String,
    pub price: String,
    pub quantity: u64,
    adjustable: Option<(u64, u64)>,
    /// Before and of discounts.
    pub amount: i64,
    discount: i64,
}

#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    created: i64,
    pub expires_at: i64,
    pub new: NewSession,
    pub items: Vec<LineItem>,
    pub currency: String,
    /// What is due today, before and after discounts.
    pub subtotal: i64,
    pub total: i64,
    pub status: SessionStatus,
    /// Of `complete`: whether money was taken.
    paid: bool,
    /// What the person typed, where the integration gave none.
    typed_email: Option<String>,
    pub customer: Option<String>,
    pub payment_intent: Option<String>,
    pub subscription: Option<String>,
    invoice: Option<String>,
    /// Of mode `setup`, and of a first payment that is due later.
    setup_intent: Option<String>,
}

impl Row for Session {
    const NOUN: &'static str = "checkout.session";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owner(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    fn render(&self, core: &Core) -> Value {
        let payment_status = match (self.status, self.total) {
            (SessionStatus::Complete, 0) => "no_payment_required",
            (SessionStatus::Complete, _) if self.paid => "paid",
            _ => "unpaid",
        };
        let sets_up = self.new.mode == Mode::Setup;
        let url = (self.status == SessionStatus::Open).then(|| format!("{}/pay/{}", core.base_url, self.id));
        let customer = self.customer.as_deref().and_then(|id| core.customers.get(id));
        let email = customer.and_then(|it| it.email.as_ref()).or(self.email());
        let details = (customer.is_some() || email.is_some()).then(|| {
            json!({
                "address": null,
                "business_name": null,
                "email": email,
                "individual_name": null,
                "name": customer.and_then(|it| it.name.as_ref()),
                "phone": null,
                "tax_exempt": "none",
                "tax_ids": null,
            })
        });
        let creation = match self.new.mode {
            _ if self.new.customer.is_some() => None,
            Mode::Payment | Mode::Setup => Some("if_required"),
            Mode::Subscription => Some("always"),
        };
        let always = self.new.mode == Mode::Subscription && !self.new.method_if_required;
        let discounts: Vec<Value> = self.new.discount.iter().map(Redeem::of_session).collect();
        json!({
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": false },
            "after_expiration": null,
            "allow_promotion_codes": self.new.allow_promotion_codes,
            "allowed_payment_method_types": null,
            "amount_subtotal": (!sets_up).then_some(self.subtotal),
            "amount_total": (!sets_up).then_some(self.total),
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "billing_address_collection": null,
            "cancel_url": self.new.cancel_url,
            "client_reference_id": self.new.client_reference_id,
            "client_secret": null,
            "collected_information": null,
            "consent": null,
            "consent_collection": null,
            "created": self.created,
            "currency": (!sets_up).then_some(&self.currency),
            "currency_conversion": null,
            "custom_fields": [],
            "custom_text": {
                "after_submit": null,
                "shipping_address": null,
                "submit": null,
                "terms_of_service_acceptance": null,
            },
            "customer": self.customer,
            "customer_account": null,
            "customer_creation": creation,
            "customer_details": details,
            "customer_email": self.new.customer_email,
            "discounts": discounts,
            "expires_at": self.expires_at,
            "integration_identifier": null,
            "invoice": self.invoice,
            "invoice_creation": null,
            "livemode": false,
            "locale": null,
            "managed_payments": null,
            "metadata": self.new.metadata,
            "mode": self.new.mode.as_str(),
            "origin_context": null,
            "payment_intent": self.payment_intent,
            "payment_link": null,
            "payment_method_collection": if always { "always" } else { "if_required" },
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": self.new.types(),
            "payment_status": payment_status,
            "permissions": null,
            "phone_number_collection": { "enabled": false },
            "recovered_from": null,
            "saved_payment_method_options": null,
            "setup_intent": self.setup_intent.as_ref().filter(|_| sets_up),
            "shipping_address_collection": null,
            "shipping_cost": null,
            "shipping_options": [],
            "status": self.status.as_str(),
            "submit_type": null,
            "subscription": self.subscription,
            "success_url": self.new.success_url,
            "total_details": {
                "amount_discount": self.subtotal - self.total,
                "amount_shipping": 0,
                "amount_tax": 0,
            },
            "ui_mode": "hosted_page",
            "url": url,
            "wallet_options": null,
        })
    }
}

impl Session {
    /// Only by `expand` or by their own route, never in events.
    pub fn line_items(&self, core: &Core) -> Vec<Value> {
        self.items.iter().map(|item| item.render(core)).collect()
    }
}

impl LineItem {
    fn render(&self, core: &Core) -> Value {
        let price = core.prices.get(&self.price);
        json!({
            "id": self.id,
            "object": "item",
            "adjustable_quantity": self.adjustable.map(
                |(least, most)| json!({ "enabled": true, "maximum": most, "minimum": least }),
            ),
            "amount_discount": self.discount,
            "amount_subtotal": self.amount,
            "amount_tax": 0,
            "amount_total": self.amount - self.discount,
            "currency": price.map(|price| &price.currency),
            "description": price.and_then(|price| core.products.get(&price.product)).map(|it| &it.name),
            "metadata": {},
            "price": price.map(Price::to_json),
            "quantity": self.quantity,
        })
    }
}

impl Core {
    /// # Errors
    /// As Stripe refuses it: unknown or inactive price, mode and prices that do not go together, two currencies.
    pub fn create_checkout_session(&mut self, new: NewSession) -> Answer {
        if let Some(customer) = &new.customer {
            self.living_customer(customer)
                .map_err(|fault| fault.param("customer"))?;
        }
        let expires_at = new.expires_at.unwrap_or(self.now + DAY);
        if !(self.now + 30 * MINUTE..=self.now + DAY).contains(&expires_at) {
            let message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.";
            return Err(Fault::invalid(message).param("expires_at"));
        }
        let currency = self.check_line_items(&new)?;
        let mut items = Vec::new();
        for (at, (price, quantity)) in new.line_items.iter().enumerate() {
            let price = self.price(price)?;
            let amount = price.amount_for(*quantity);
            items.push(LineItem {
                id: String::new(),
                price: price.id.clone(),
                quantity: *quantity,
                adjustable: new.adjustable.get(&at).copied(),
                amount,
                discount: 0,
            });
        }
        let session = Session {
            id: String::new(),
            created: self.now,
            expires_at,
            items,
            currency,
            subtotal: 0,
            total: 0,
            status: SessionStatus::Open,
            paid: false,
            customer: new.customer.clone(),
            typed_email: None,
            payment_intent: None,
            subscription: None,
            invoice: None,
            setup_intent: None,
            new,
        };
        let mut session = self.add_up(session)?;
        if session.new.mode == Mode::Setup {
            session.setup_intent = Some(self.session_setup(&session)?);
        }
        for item in &mut session.items {
            item.id = self.ids.mint("li_");
        }
        session.id = self.ids.mint("cs_test_");
        let shown = session.render(self);
        self.wake(session.expires_at, &session.id);
        self.sessions.insert(session);
        Ok(shown)
    }

    /// With its amounts and discount as its items and what is redeemed make them.
    ///
    /// # Errors
    /// The discount may not be redeemed for it.
    pub(super) fn add_up(&self, mut session: Session) -> Result<Session, Fault> {
        let today = |item: &LineItem| {
            let price = self.prices.get(&item.price)?;
            let waits = session.new.trial_days.is_some() && price.recurring.is_some();
            Some((price.product.as_str(), if waits { 0 } else { item.amount }))
        };
        let amounts: Vec<(&str, i64)> = session.items.iter().filter_map(today).collect();
        session.subtotal = amounts.iter().map(|(_, amount)| amount).sum();
        session.total = session.subtotal;
        for item in &mut session.items {
            item.discount = 0;
        }
        let Some(redeem) = &session.new.discount else {
            return Ok(session);
        };
        let purpose = Purpose {
            customer: session.customer.as_deref(),
            currency: &session.currency,
            amount: session.subtotal,
        };
        let coupon = self.check_redeem(redeem, &purpose, "discounts[0]")?;
        let off = self.take_off(&[&coupon], &amounts).concat();
        session.total -= off.iter().sum::<i64>();
        for (item, off) in session.items.iter_mut().zip(off) {
            item.discount = off;
        }
        Ok(session)
    }

    /// The person types a promotion code on the page; an empty one takes it away again.
    ///
    /// # Errors
    /// The session is not open, or takes no codes; no such code, or not for this session.
    pub fn enter_promotion_code(&mut self, id: &str, typed: &str) -> Answer {
        let mut session = self.open_session(id)?;
        let refuse = |message: &str| Err(Fault::invalid(message).param("promotion_code"));
        if session.new.allow_promotion_codes != Some(true) {
            return refuse("This Checkout Session takes no promotion codes.");
        }
        let typed = typed.trim();
        session.new.discount = if typed.is_empty() {
            None
        } else {
            match self.promotion_code_typed(typed, session.customer.as_deref()) {
                Some(code) => Some(Redeem::PromotionCode(code.id.clone())),
                None => return refuse("This code is invalid."),
            }
        };
        let session = self.add_up(session)?;
        let shown = session.render(self);
        if let Some(row) = self.sessions.get_mut(id) {
            *row = session;
        }
        Ok(shown)
    }

    /// The currency of all of them.
    fn check_line_items(&self, new: &NewSession) -> Result<String, Fault> {
        if new.mode == Mode::Setup {
            if new.line_items.is_empty() {
                return Ok("usd".to_owned());
            }
            let message = "You can not pass `line_items` in `setup` mode.";
            return Err(Fault::invalid(message).param("line_items"));
        }
        if new.line_items.is_empty() {
            let mode = new.mode.as_str();
            let message = format!("You must provide `line_items` when using `{mode}` mode.");
            return Err(Fault::invalid(message)
                .code("parameter_missing")
                .param("line_items"));
        }
        let mut currency: Option<&str> = None;
        let mut recurring = false;
        for (at, (id, quantity)) in new.line_items.iter().enumerate() {
            let param = format!("line_items[{at}][price]");
            let price = self.price(id).map_err(|fault| fault.param(param.clone()))?;
            let refuse = |message: &str| Err(Fault::invalid(message).param(param.clone()));
            if !price.active {
                return refuse(&format!(
                    "The price specified is inactive. This field only accepts active prices. ({id})"
                ));
            }
            if price.recurring.is_some() && new.mode == Mode::Payment {
                return refuse(
                    "You specified `payment` mode but passed a recurring price. Either switch to `subscription` \
                     mode or use only one-time prices.",
                );
            }
            if currency.is_some_and(|it| it != price.currency) {
                return refuse("All prices on a Checkout session must be in the same currency.");
            }
            if !(1..=999_999).contains(quantity) {
                let message = "This value must be between 1 and 999999.";
                return Err(Fault::invalid(message).param(format!("line_items[{at}][quantity]")));
            }
            recurring |= price.recurring.is_some();
            currency = Some(&price.currency);
        }
        if new.mode == Mode::Subscription && !recurring {
            let message =
                "You must provide at least one recurring price in `subscription` mode when using prices.";
            return Err(Fault::invalid(message).param("line_items"));
        }
        Ok(currency.unwrap_or("usd").to_owned())
    }

    /// Where the browser goes after success, with the session's id filled in.
    ///
    /// # Errors
    /// No such session.
    pub fn success_url(&self, id: &str) -> Result<Option<String>, Fault> {
        let session = self.session(id)?;
        let url = session.new.success_url.as_ref();
        Ok(url.map(|url| url.replace("{CHECKOUT_SESSION_ID}", id)))
    }

    pub(crate) fn session(&self, id: &str) -> Result<&Session, Fault> {
        self.sessions
            .get(id)
            .ok_or_else(|| Fault::missing("checkout.session", id))
    }
}
