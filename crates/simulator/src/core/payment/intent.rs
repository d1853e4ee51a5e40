//! Payment intents, and what requests do to them.

use serde_json::{Value, json};

use super::attempt::Attempt;
use crate::core::payment_method::Decline;
use crate::core::rendered::{Rendered, rendered};
use crate::core::{Answer, Core, Fault, Metadata, MetadataChange, Row};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    Succeeded,
    Canceled,
}

impl IntentStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            IntentStatus::RequiresPaymentMethod => "requires_payment_method",
            IntentStatus::RequiresConfirmation => "requires_confirmation",
            IntentStatus::RequiresAction => "requires_action",
            IntentStatus::Processing => "processing",
            IntentStatus::Succeeded => "succeeded",
            IntentStatus::Canceled => "canceled",
        }
    }
}

/// A payment intent to create.
#[derive(Clone, Debug, Default)]
pub struct NewIntent {
    /// In the smallest unit.
    pub amount: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    pub metadata: Metadata,
    pub description: Option<String>,
    /// Empty: cards.
    pub types: Vec<&'static str>,
    pub automatic: bool,
    /// `on_session` or `off_session`.
    pub setup_future_usage: Option<&'static str>,
    /// The invoice that it pays.
    pub invoice: Option<String>,
}

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct IntentChange {
    pub amount: Option<i64>,
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    pub description: Option<String>,
    pub setup_future_usage: Option<&'static str>,
    pub metadata: MetadataChange,
}

/// How to confirm one.
#[derive(Clone, Debug, Default)]
pub struct Confirm {
    /// `None`: the intent's own.
    pub payment_method: Option<String>,
    pub return_url: Option<String>,
    /// The person is not there.
    pub off_session: bool,
    /// What needs the person is a refusal.
    pub error_on_requires_action: bool,
}

#[derive(Clone, Debug)]
pub struct Intent {
    pub id: String,
    created: i64,
    pub amount: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub metadata: Metadata,
    pub description: Option<String>,
    pub status: IntentStatus,
    pub payment_method: Option<String>,
    pub latest_charge: Option<String>,
    pub types: Vec<&'static str>,
    automatic: bool,
    pub setup_future_usage: Option<&'static str>,
    pub invoice: Option<String>,
    /// `last_payment_error`, as it was then.
    pub error: Option<Value>,
    /// When the bank answers, and what.
    pub settles: Option<(i64, Result<(), Decline>)>,
    /// The person did what the bank asked.
    pub authenticated: bool,
    return_url: Option<String>,
    canceled_at: Option<i64>,
    cancellation_reason: Option<&'static str>,
}

impl Row for Intent {
    const NOUN: &'static str = "payment_intent";

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
        self.rendered(core).into()
    }

    fn rendered(&self, core: &Core) -> Rendered {
        let succeeded = self.status == IntentStatus::Succeeded;
        let next = (self.status == IntentStatus::RequiresAction)
            .then(|| next_action(core, &self.id, self.return_url.as_deref()));
        let automatic = self
            .automatic
            .then(|| rendered!({ "allow_redirects": "always", "enabled": true }));
        let options = self.types.iter().map(|kind| {
            let options = match *kind {
                "card" => rendered!({
                    "installments": null, "mandate_options": null, "network": null,
                    "request_three_d_secure": "automatic",
                }),
                _ => rendered!({}),
            };
            (*kind, options)
        });
        let options = Rendered::Object(options.collect());
        rendered!({
            "id": &self.id,
            "object": "payment_intent",
            "allowed_payment_method_types": null,
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_received": if succeeded { self.amount } else { 0 },
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": automatic,
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": "automatic",
            "client_secret": format!("{}_secret_simulated", self.id),
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": &self.currency,
            "customer": &self.customer,
            "customer_account": null,
            "description": &self.description,
            "excluded_payment_method_types": null,
            "last_payment_error": self.error.clone(),
            "latest_charge": &self.latest_charge,
            "livemode": false,
            "managed_payments": null,
            "metadata": &self.metadata,
            "next_action": next,
            "on_behalf_of": null,
            "payment_method": &self.payment_method,
            "payment_method_configuration_details": null,
            "payment_method_options": options,
            "payment_method_types": &self.types,
            "payment_record": null,
            "processing": null,
            "receipt_email": null,
            "review": null,
            "setup_future_usage": self.setup_future_usage,
            "shipping": null,
            "source": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status.as_str(),
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

/// How the person gets to where their bank asks.
pub fn next_action(core: &Core, id: &str, return_url: Option<&str>) -> Value {
    let url = format!("{}/authenticate/{id}", core.base_url);
    match return_url {
        Some(back) => {
            json!({ "redirect_to_url": { "return_url": back, "url": url }, "type": "redirect_to_url" })
        }
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": { "source": id, "stripe_js": url, "type": "three_d_secure_redirect" },
        }),
    }
}

impl Core {
    /// As `POST /v1/payment_intents`.
    ///
    /// # Errors
    /// No such customer or method; the method does not go with the currency or is another customer's.
    pub fn create_payment_intent(&mut self, mut new: NewIntent, confirm: Option<Confirm>) -> Answer {
        if new.amount < 1 {
            return Err(Fault::invalid("Invalid positive integer")
                .code("parameter_invalid_integer")
                .param("amount"));
        }
        if let Some(customer) = &new.customer {
            self.living_customer(customer)
                .map_err(|fault| fault.param("customer"))?;
        }
        if let Some(named) = &new.payment_method {
            let method = self.method_for(named, new.customer.as_deref())?;
            self.fits(&method, &new.currency, &new.types)?;
            new.payment_method = Some(method);
        }
        let id = self.create_intent(new);
        match confirm {
            Some(confirm) => self.confirm_payment_intent(&id, confirm),
            None => self.intent(&id).map(|it| it.render(self)),
        }
    }

    pub(crate) fn create_intent(&mut self, new: NewIntent) -> String {
        let id = self.ids.mint("pi_");
        let status = match new.payment_method {
            Some(_) => IntentStatus::RequiresConfirmation,
            None => IntentStatus::RequiresPaymentMethod,
        };
        self.intents.insert(Intent {
            id: id.clone(),
            created: self.now,
            amount: new.amount,
            currency: new.currency,
            customer: new.customer,
            metadata: new.metadata,
            description: new.description,
            status,
            payment_method: new.payment_method,
            latest_charge: None,
            types: if new.types.is_empty() {
                vec!["card"]
            } else {
                new.types
            },
            automatic: new.automatic,
            setup_future_usage: new.setup_future_usage,
            invoice: new.invoice,
            error: None,
            settles: None,
            authenticated: false,
            return_url: None,
            canceled_at: None,
            cancellation_reason: None,
        });
        self.tell("payment_intent.created", &id);
        id
    }

    /// # Errors
    /// No such intent; it cannot be changed any more.
    pub fn update_payment_intent(&mut self, id: &str, change: IntentChange) -> Answer {
        let mut changed = self.intent(id)?.clone();
        let open = matches!(
            changed.status,
            IntentStatus::RequiresPaymentMethod
                | IntentStatus::RequiresConfirmation
                | IntentStatus::RequiresAction
        );
        if !open && (change.amount.is_some() || change.payment_method.is_some()) {
            return Err(unexpected_state(&changed, "updated"));
        }
        if let Some(customer) = change.customer {
            self.living_customer(&customer)
                .map_err(|fault| fault.param("customer"))?;
            changed.customer = Some(customer);
        }
        if let Some(named) = &change.payment_method {
            let method = self.method_for(named, changed.customer.as_deref())?;
            self.fits(&method, &changed.currency, &changed.types)?;
            changed.payment_method = Some(method);
            changed.status = IntentStatus::RequiresConfirmation;
        }
        changed.amount = change.amount.unwrap_or(changed.amount);
        changed.description = change.description.or(changed.description);
        changed.setup_future_usage = change.setup_future_usage.or(changed.setup_future_usage);
        change.metadata.apply(&mut changed.metadata);
        let shown = changed.render(self);
        let newly_owned = changed
            .customer
            .clone()
            .filter(|_| self.intent(id).is_ok_and(|it| it.customer.is_none()));
        if let Some(intent) = self.intents.get_mut(id) {
            *intent = changed;
        }
        if let Some(customer) = newly_owned {
            self.intents.own(id, &customer);
        }
        Ok(shown)
    }

    /// # Errors
    /// No such intent or method, nothing to confirm; the card is declined.
    pub fn confirm_payment_intent(&mut self, id: &str, confirm: Confirm) -> Answer {
        let intent = self.intent(id)?;
        let open = matches!(
            intent.status,
            IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation
        );
        if !open {
            return Err(unexpected_state(intent, "confirmed"));
        }
        let (customer, currency, types) = (
            intent.customer.clone(),
            intent.currency.clone(),
            intent.types.clone(),
        );
        let method = match (&confirm.payment_method, &intent.payment_method) {
            (Some(named), _) => self.method_for(named, customer.as_deref())?,
            (None, Some(own)) => own.clone(),
            (None, None) => {
                let message = "You cannot confirm this PaymentIntent because it's missing a payment method. You can \
                               either update the PaymentIntent with a payment method and then confirm it again, or \
                               confirm it again directly with a payment method or ConfirmationToken.";
                return Err(Fault::invalid(message).code("payment_intent_unexpected_state"));
            }
        };
        self.fits(&method, &currency, &types)?;
        if let Some(intent) = self.intents.get_mut(id) {
            intent.return_url = confirm.return_url;
        }
        let own = *self.method(&method)?.does;
        let attached = self.method(&method)?.customer.is_some();
        let of_customer = customer.as_deref().filter(|_| attached);
        let does = of_customer
            .and_then(|it| self.behaviour(it, &method))
            .unwrap_or(own);
        let off_session = confirm.off_session || confirm.error_on_requires_action;
        let attempt = self.attempt(id, &method, does, off_session);
        self.keep_method(id, &method, attempt);
        self.intent_settled(id, attempt);
        let shown = self.intent(id)?.render(self);
        match attempt {
            Attempt::Failed(decline) => Err(Fault::from(decline).with("payment_intent", shown)),
            _ => Ok(shown),
        }
    }

    /// `setup_future_usage`: the method becomes the customer's once it was accepted.
    pub(crate) fn keep_method(&mut self, id: &str, method: &str, attempt: Attempt) {
        let keeps = self.intents.get(id).filter(|it| it.setup_future_usage.is_some());
        let customer = keeps.and_then(|it| it.customer.clone());
        if let (Some(customer), Attempt::Paid | Attempt::Processing) = (customer, attempt) {
            self.keep(method, &customer);
        }
    }

    /// # Errors
    /// No such intent; paid, or canceled already.
    pub fn cancel_payment_intent(&mut self, id: &str, reason: Option<&'static str>) -> Answer {
        let intent = self.intent(id)?;
        if matches!(
            intent.status,
            IntentStatus::Succeeded | IntentStatus::Canceled | IntentStatus::Processing
        ) {
            return Err(unexpected_state(intent, "canceled"));
        }
        let now = self.now;
        if let Some(intent) = self.intents.get_mut(id) {
            intent.status = IntentStatus::Canceled;
            intent.canceled_at = Some(now);
            intent.cancellation_reason = reason;
        }
        self.tell("payment_intent.canceled", id);
        self.intent(id).map(|it| it.render(self))
    }

    pub(crate) fn intent(&self, id: &str) -> Result<&Intent, Fault> {
        self.intents.find(id)
    }

    /// The method that a request names, which has to be this customer's if it is somebody's.
    pub(crate) fn method_for(&mut self, named: &str, customer: Option<&str>) -> Result<String, Fault> {
        let id = self
            .method_named(named)
            .map_err(|fault| fault.param("payment_method"))?;
        let of = self.method(&id)?.customer.as_deref();
        if of.is_some() && of != customer {
            let message = "The provided PaymentMethod cannot be attached. To reuse a PaymentMethod, you must attach it \
                           to a Customer first.";
            return Err(Fault::invalid(message).param("payment_method"));
        }
        Ok(id)
    }

    /// Whether a method can pay this; empty `types` are cards.
    pub(crate) fn fits(&self, method: &str, currency: &str, types: &[&str]) -> Result<(), Fault> {
        let kind = self.method(method)?.does.kind;
        let allowed = if types.is_empty() { &["card"][..] } else { types };
        if !allowed.contains(&kind.as_str()) {
            let message = format!(
                "The PaymentMethod provided ({}) is not allowed for this PaymentIntent. Please attach a PaymentMethod \
                 of one of the following types: {}.",
                kind.as_str(),
                allowed.join(", ")
            );
            return Err(Fault::invalid(message).param("payment_method"));
        }
        match kind.currency() {
            Some(only) if only != currency => {
                let message = format!("The currency `{currency}` is not supported by {}.", kind.as_str());
                Err(Fault::invalid(message).param("currency"))
            }
            _ => Ok(()),
        }
    }
}

fn unexpected_state(intent: &Intent, what: &str) -> Fault {
    let message = format!(
        "This PaymentIntent could not be {what} because it has a status of {}.",
        intent.status.as_str()
    );
    Fault::invalid(message).code("payment_intent_unexpected_state")
}
