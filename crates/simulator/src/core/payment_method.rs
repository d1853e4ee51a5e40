//! Payment methods: what a customer pays with. `sandbox` says what each of Stripe's test methods does.

mod decline;
mod sandbox;

use serde_json::{Value, json};

use super::rendered::{Rendered, rendered};
use super::{Answer, Core, Fault, Metadata, MetadataChange, Outcome, Row};

pub use decline::Decline;
pub(crate) use decline::{
    AUTHENTICATION_FAILED, AUTHENTICATION_REQUIRED, GENERIC, SETUP_AUTHENTICATION_FAILED, last_error,
};
pub(crate) use sandbox::{Authentication, Claim, Kind, RefundOutcome, Sandbox};

#[derive(Clone, Debug)]
pub struct PaymentMethod {
    pub id: String,
    created: i64,
    pub customer: Option<String>,
    pub does: &'static Sandbox,
    billing: Billing,
    /// Month and year; of cards.
    pub expires: (u32, u32),
    metadata: Metadata,
    /// It was a customer's, or was used without one: it cannot become a customer's any more.
    pub spent: bool,
    /// The person authenticated for payments without them.
    pub set_up: bool,
}

/// `billing_details`.
#[derive(Clone, Debug, Default)]
pub struct Billing {
    pub email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
}

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct PaymentMethodChange {
    pub billing: Billing,
    pub exp_month: Option<u32>,
    pub exp_year: Option<u32>,
    pub metadata: MetadataChange,
}

impl Row for PaymentMethod {
    const NOUN: &'static str = "PaymentMethod";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owner(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    fn render(&self, _: &Core) -> Value {
        self.to_json()
    }
}

impl PaymentMethod {
    pub fn to_json(&self) -> Value {
        let kind = self.does.kind.as_str();
        let mut shown = json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": {
                "address":
                    { "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null },
                "email": self.billing.email,
                "name": self.billing.name,
                "phone": self.billing.phone,
                "tax_id": null,
            },
            "created": self.created,
            "customer": self.customer,
            "customer_account": null,
            "livemode": false,
            "metadata": self.metadata,
            "type": kind,
        });
        shown[kind] = self.details();
        shown
    }

    fn details(&self) -> Value {
        let (last4, fingerprint) = (self.does.last4(), self.does.fingerprint());
        match self.does.kind {
            Kind::Card(brand, funding) => json!({
                "brand": brand,
                "checks":
                    { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
                "country": "US",
                "display_brand": brand,
                "exp_month": self.expires.0,
                "exp_year": self.expires.1,
                "fingerprint": fingerprint,
                "funding": funding,
                "generated_from": null,
                "last4": last4,
                "networks": { "available": [brand], "preferred": null },
                "regulated_status": "unregulated",
                "three_d_secure_usage": { "supported": true },
                "wallet": null,
            }),
            Kind::SepaDebit => json!({
                "bank_code": "37040044",
                "branch_code": "",
                "country": "DE",
                "fingerprint": fingerprint,
                "generated_from": { "charge": null, "setup_attempt": null },
                "last4": last4,
            }),
            Kind::UsBankAccount => json!({
                "account_holder_type": "individual",
                "account_type": "checking",
                "bank_name": "STRIPE TEST BANK",
                "financial_connections_account": null,
                "fingerprint": fingerprint,
                "last4": last4,
                "networks": { "preferred": "ach", "supported": ["ach"] },
                "routing_number": "110000000",
                "status_details": {},
            }),
        }
    }
}

/// A charge's `payment_method_details`.
pub fn charge_details(does: &Sandbox, expires: (u32, u32), authorized: Option<i64>) -> Rendered {
    match does.kind {
        Kind::Card(brand, funding) => rendered!({
            "card": {
                "amount_authorized": authorized, "authorization_code": null, "brand": brand, "checks": null,
                "country": "US", "electronic_commerce_indicator": null, "exp_month": expires.0,
                "exp_year": expires.1, "fingerprint": does.fingerprint(), "funding": funding, "installments": null,
                "last4": does.last4(), "mandate": null, "network": brand, "network_transaction_id": null,
                "regulated_status": "unregulated", "three_d_secure": null, "transaction_link_id": null,
                "wallet": null,
            },
            "type": "card",
        }),
        Kind::SepaDebit => rendered!({
            "sepa_debit": {
                "bank_code": "37040044", "branch_code": null, "country": "DE", "fingerprint": does.fingerprint(),
                "last4": does.last4(), "mandate": null,
            },
            "type": "sepa_debit",
        }),
        Kind::UsBankAccount => rendered!({
            "type": "us_bank_account",
            "us_bank_account": {
                "account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK",
                "fingerprint": does.fingerprint(), "last4": does.last4(), "mandate": null, "payment_reference": null,
                "routing_number": "110000000",
            },
        }),
    }
}

impl Core {
    /// One that belongs to nobody yet. `of`: a name or a number of one of Stripe's test methods.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn create_payment_method(&mut self, of: &str, billing: Billing, metadata: Metadata) -> Answer {
        let does = Sandbox::find(of)?;
        let id = self.new_method(does, billing, metadata);
        self.method(&id).map(PaymentMethod::to_json)
    }

    fn new_method(&mut self, does: &'static Sandbox, billing: Billing, metadata: Metadata) -> String {
        let id = self.ids.mint("pm_");
        self.methods.insert(PaymentMethod {
            id: id.clone(),
            created: self.now,
            customer: None,
            does,
            billing,
            expires: (12, 2099),
            metadata,
            spent: false,
            set_up: false,
        });
        id
    }

    /// One that exists, or a new one by the name of a test method, as everywhere a request names one.
    ///
    /// # Errors
    /// Neither.
    pub(crate) fn method_named(&mut self, name: &str) -> Result<String, Fault> {
        if self.methods.get(name).is_some() {
            return Ok(name.to_owned());
        }
        let does = Sandbox::find(name)?;
        Ok(self.new_method(does, Billing::default(), Metadata::new()))
    }

    /// # Errors
    /// No such method or customer; it was a customer's already; the bank refuses to have it saved.
    pub fn attach_payment_method(&mut self, id: &str, customer: &str) -> Answer {
        let id = &self.method_named(id)?;
        self.living_customer(customer)
            .map_err(|fault| fault.param("customer"))?;
        let method = self.method(id)?;
        if method.customer.as_deref() == Some(customer) {
            return Ok(method.to_json());
        }
        self.attachable(id)?;
        self.give_method(id, customer);
        self.method(id).map(PaymentMethod::to_json)
    }

    /// The person authenticated: it can be used without them.
    pub(crate) fn set_up(&mut self, id: &str) {
        if let Some(method) = self.methods.get_mut(id) {
            method.set_up = true;
        }
    }

    pub(crate) fn give_method(&mut self, id: &str, customer: &str) {
        let Some(method) = self.methods.get_mut(id) else {
            return;
        };
        method.customer = Some(customer.to_owned());
        method.spent = true;
        let shown = method.to_json();
        self.methods.own(id, customer);
        self.emit("payment_method.attached", shown);
    }

    /// One that exists, or a new one by the name of a test method, that can become a customer's.
    ///
    /// # Errors
    /// No such method; it was somebody's already; the bank refuses to have it saved.
    pub(crate) fn attachable(&mut self, name: &str) -> Result<String, Fault> {
        let id = self.method_named(name)?;
        let method = self.method(&id)?;
        if method.customer.is_some() {
            let message = "The payment method you provided has already been attached to a customer.";
            return Err(Fault::invalid(message));
        }
        if method.spent {
            let message = "This PaymentMethod was previously used without being attached to a Customer or was \
                           detached from a Customer, and may not be used again.";
            return Err(Fault::invalid(message));
        }
        if let (false, Err(decline)) = (method.does.attaches, method.does.result) {
            return Err(decline.into());
        }
        Ok(id)
    }

    /// Whoever had it as the default has none then.
    ///
    /// # Errors
    /// No such method, or nobody's.
    pub fn detach_payment_method(&mut self, id: &str) -> Answer {
        let method = self.method(id)?;
        let before = method.to_json();
        let Some(customer) = method.customer.clone() else {
            let message =
                "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(Fault::invalid(message));
        };
        if let Some(method) = self.methods.get_mut(id) {
            method.customer = None;
        }
        let shown = self.method(id)?.to_json();
        self.emit_change("payment_method.detached", before, shown.clone());
        self.forget_default(&customer, id);
        let with_it = self.subscriptions.of(&customer);
        let with_it = with_it.filter(|it| it.payment_method.as_deref() == Some(id));
        for subscription in with_it.map(|it| it.id.clone()).collect::<Vec<_>>() {
            self.edit_subscription(&subscription, |it| it.payment_method = None);
        }
        Ok(shown)
    }

    /// # Errors
    /// No such method, or nobody's: Stripe changes only those that are a customer's.
    pub fn update_payment_method(&mut self, id: &str, change: PaymentMethodChange) -> Answer {
        let mut changed = self.method(id)?.clone();
        let before = changed.to_json();
        if changed.customer.is_none() {
            let message = "You must save this PaymentMethod to a customer before you can update it.";
            return Err(Fault::invalid(message));
        }
        for (field, new) in [
            (&mut changed.billing.email, change.billing.email),
            (&mut changed.billing.name, change.billing.name),
            (&mut changed.billing.phone, change.billing.phone),
        ] {
            *field = new.or(field.take()).filter(|text| !text.is_empty());
        }
        changed.expires.0 = change.exp_month.unwrap_or(changed.expires.0);
        changed.expires.1 = change.exp_year.unwrap_or(changed.expires.1);
        change.metadata.apply(&mut changed.metadata);
        let after = changed.to_json();
        if let Some(method) = self.methods.get_mut(id) {
            *method = changed;
        }
        self.emit_change("payment_method.updated", before, after.clone());
        Ok(after)
    }

    pub(crate) fn method(&self, id: &str) -> Result<&PaymentMethod, Fault> {
        self.methods.find(id)
    }

    /// In order of creation; `None`: of everybody and nobody.
    pub(crate) fn payment_methods<'a>(
        &'a self,
        customer: Option<&'a str>,
    ) -> impl DoubleEndedIterator<Item = &'a PaymentMethod> {
        let all = self.methods.all().filter(move |_| customer.is_none());
        let of = self.methods.of(customer.unwrap_or_default());
        all.chain(of.filter(move |it| it.customer.as_deref() == customer))
    }

    /// Why a payment without the person would not go through now.
    pub(crate) fn refusal(&self, customer: &str, method: Option<&str>) -> Option<Decline> {
        let Some(does) = method.and_then(|it| self.behaviour(customer, it)) else {
            return Some(GENERIC);
        };
        let set_up = method
            .and_then(|it| self.methods.get(it))
            .is_some_and(|it| it.set_up);
        match does.authentication {
            Authentication::Always => Some(AUTHENTICATION_REQUIRED),
            Authentication::UnlessSetUp if !set_up => Some(AUTHENTICATION_REQUIRED),
            _ => does.result.err(),
        }
    }

    /// What comes of asking this method for money without the person: as the customer's next payments were set, else as
    /// the method is.
    pub(crate) fn behaviour(&self, customer: &str, method: &str) -> Option<Sandbox> {
        let does = *self.methods.get(method)?.does;
        let customer = self.customers.get(customer)?;
        let outcome = customer.outcome.filter(|_| !customer.deleted);
        let forced = |result| Sandbox {
            result,
            authentication: Authentication::Never,
            delay: None,
            ..does
        };
        Some(match outcome {
            _ if customer.deleted => forced(Err(GENERIC)),
            Some(Outcome::Succeed) => forced(Ok(())),
            Some(Outcome::Decline) => forced(Err(GENERIC)),
            None => does,
        })
    }
}
