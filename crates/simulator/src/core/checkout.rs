//! Checkout sessions: made here, paid in `pay`.

mod create;
mod enter;
mod pay;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Core, Fault, Metadata, MissingPaymentMethod, Price, Redeem, Row};

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
    pub subscription_description: Option<String>,
    pub payment_intent_metadata: Metadata,
    pub setup_intent_metadata: Metadata,
    pub trial_days: Option<u32>,
    /// Unix seconds; instead of `trial_days`.
    pub trial_end: Option<i64>,
    pub missing_payment_method: MissingPaymentMethod,
    /// Mode `payment`: a customer is made of whoever pays.
    pub always_customer: bool,
    pub payment_intent_description: Option<String>,
    /// `on_session` or `off_session`: the card is kept for later payments.
    pub setup_future_usage: Option<&'static str>,
    /// Fields that are only kept and shown, such as `locale`, in Stripe's shape.
    pub shown: Map<String, Value>,
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
    pub(crate) fn has_trial(&self) -> bool {
        self.trial_days.is_some() || self.trial_end.is_some()
    }

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
            Mode::Payment if self.new.always_customer => Some("always"),
            Mode::Payment | Mode::Setup => Some("if_required"),
            Mode::Subscription => Some("always"),
        };
        let always = self.new.mode == Mode::Subscription && !self.new.method_if_required;
        let discounts: Vec<Value> = self.new.discount.iter().map(Redeem::of_session).collect();
        let mut session = json!({
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
        });
        for (name, value) in &self.new.shown {
            session[name] = value.clone();
        }
        session
    }
}

impl Session {
    /// What `total_details` is made of; only by `expand`.
    pub fn breakdown(&self, core: &Core) -> Value {
        let discount = core
            .discount_of_session(self)
            .map(|discount| json!({ "amount": self.subtotal - self.total, "discount": discount }));
        json!({ "discounts": discount.into_iter().collect::<Vec<_>>(), "taxes": [] })
    }

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
        self.sessions.find(id)
    }
}
