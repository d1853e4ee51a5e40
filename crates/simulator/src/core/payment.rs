//! Payment intents, and the charges they make.

use serde_json::{Value, json};

use super::{Core, Fault, Metadata, Outcome, Row};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntentStatus {
    RequiresPaymentMethod,
    Succeeded,
}

#[derive(Clone, Debug)]
pub struct Intent {
    pub id: String,
    created: i64,
    pub amount: i64,
    currency: String,
    customer: Option<String>,
    metadata: Metadata,
    pub status: IntentStatus,
    payment_method: Option<String>,
    pub latest_charge: Option<String>,
    declined: bool,
}

#[derive(Clone, Debug)]
pub struct Charge {
    pub id: String,
    created: i64,
    pub amount: i64,
    pub amount_refunded: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub payment_intent: String,
    pub payment_method: Option<String>,
    metadata: Metadata,
    pub succeeded: bool,
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

    fn render(&self, _: &Core) -> Value {
        let succeeded = self.status == IntentStatus::Succeeded;
        let error = (self.declined && !succeeded).then(|| {
            json!({
                "charge": self.latest_charge,
                "code": "card_declined",
                "decline_code": "generic_decline",
                "message": "Your card was declined.",
                "type": "card_error",
            })
        });
        json!({
            "id": self.id,
            "object": "payment_intent",
            "allowed_payment_method_types": null,
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_received": if succeeded { self.amount } else { 0 },
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": null,
            "canceled_at": null,
            "cancellation_reason": null,
            "capture_method": "automatic",
            "client_secret": format!("{}_secret_simulated", self.id),
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": null,
            "description": null,
            "excluded_payment_method_types": null,
            "last_payment_error": error,
            "latest_charge": self.latest_charge,
            "livemode": false,
            "managed_payments": null,
            "metadata": self.metadata,
            "next_action": null,
            "on_behalf_of": null,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "payment_record": null,
            "processing": null,
            "receipt_email": null,
            "review": null,
            "setup_future_usage": null,
            "shipping": null,
            "source": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": if succeeded { "succeeded" } else { "requires_payment_method" },
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

impl Row for Charge {
    const NOUN: &'static str = "charge";

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
        let customer = self.customer.as_deref().and_then(|id| core.customers.get(id));
        let outcome = if self.succeeded {
            json!({ "advice_code": null, "network_advice_code": null, "network_decline_code": null,
                    "network_status": "approved_by_network", "reason": null, "risk_level": "normal",
                    "seller_message": "Payment complete.", "type": "authorized" })
        } else {
            json!({ "advice_code": "try_again_later", "network_advice_code": "02", "network_decline_code": "05",
                    "network_status": "declined_by_network", "reason": "generic_decline", "risk_level": "normal",
                    "seller_message": "The bank did not return any further details with this decline.",
                    "type": "issuer_declined" })
        };
        let last4 = if self.succeeded { "4242" } else { "0341" };
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if self.succeeded { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": null,
            "billing_details": {
                "address": null,
                "email": customer.and_then(|it| it.email.as_ref()),
                "name": customer.and_then(|it| it.name.as_ref()),
                "phone": null,
                "tax_id": null,
            },
            "calculated_statement_descriptor": "SIMULATOR",
            "captured": self.succeeded,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": null,
            "disputed": false,
            "failure_balance_transaction": null,
            "failure_code": (!self.succeeded).then_some("card_declined"),
            "failure_message": (!self.succeeded).then_some("Your card was declined."),
            "fraud_details": {},
            "livemode": false,
            "metadata": self.metadata,
            "on_behalf_of": null,
            "outcome": outcome,
            "paid": self.succeeded,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method,
            "payment_method_details": {
                "card": {
                    "amount_authorized": self.succeeded.then_some(self.amount), "authorization_code": null,
                    "brand": "visa", "checks": null, "country": "US", "electronic_commerce_indicator": null,
                    "exp_month": 12, "exp_year": 2099, "funding": "credit", "installments": null, "last4": last4,
                    "mandate": null, "network": "visa", "network_transaction_id": null,
                    "regulated_status": "unregulated", "three_d_secure": null, "transaction_link_id": null,
                    "wallet": null,
                },
                "type": "card",
            },
            "receipt_email": null,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": self.amount_refunded == self.amount && self.succeeded,
            "review": null,
            "shipping": null,
            "source": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": if self.succeeded { "succeeded" } else { "failed" },
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

impl Core {
    /// Newest first, as Stripe lists them.
    pub(crate) fn charges_on(&self, intent: &str) -> impl Iterator<Item = Value> {
        let customer = self.intents.get(intent).and_then(|it| it.customer.as_deref());
        let all = self.charges.of(customer.unwrap_or_default()).rev();
        all.filter(move |it| it.payment_intent == intent)
            .map(|it| it.render(self))
    }

    /// The charge that the nth attempt on it made, or the last one before.
    pub(crate) fn charge_of_attempt(&self, intent: &str, attempt: usize) -> Option<&str> {
        let customer = self.intents.get(intent)?.customer.as_deref()?;
        let all = self.charges.of(customer).filter(|it| it.payment_intent == intent);
        all.take(attempt).last().map(|it| it.id.as_str())
    }

    pub(crate) fn create_intent(
        &mut self,
        amount: i64,
        currency: &str,
        customer: Option<&str>,
        metadata: Metadata,
    ) -> String {
        let id = self.ids.mint("pi_");
        let intent = Intent {
            id: id.clone(),
            created: self.now,
            amount,
            currency: currency.to_owned(),
            customer: customer.map(str::to_owned),
            metadata,
            status: IntentStatus::RequiresPaymentMethod,
            payment_method: None,
            latest_charge: None,
            declined: false,
        };
        let shown = intent.render(self);
        self.intents.insert(intent);
        self.emit("payment_intent.created", shown);
        id
    }

    /// One attempt on a payment intent; true if money was taken.
    pub(crate) fn charge(&mut self, intent: &str, method: Option<&str>, outcome: Outcome) -> bool {
        let succeeded = outcome == Outcome::Succeed;
        let id = self.ids.mint("ch_");
        let Some(paying) = self.intents.get_mut(intent) else {
            return false;
        };
        paying.latest_charge = Some(id.clone());
        paying.declined = !succeeded;
        if succeeded {
            paying.status = IntentStatus::Succeeded;
            paying.payment_method = method.map(str::to_owned);
        }
        let charge = Charge {
            id,
            created: self.now,
            amount: paying.amount,
            amount_refunded: 0,
            currency: paying.currency.clone(),
            customer: paying.customer.clone(),
            payment_intent: paying.id.clone(),
            payment_method: method.map(str::to_owned),
            metadata: paying.metadata.clone(),
            succeeded,
        };
        let shown = charge.render(self);
        self.charges.insert(charge);
        let (charge_event, intent_event) = if succeeded {
            ("charge.succeeded", "payment_intent.succeeded")
        } else {
            ("charge.failed", "payment_intent.payment_failed")
        };
        self.emit(charge_event, shown);
        if let Some(shown) = self.intents.get(intent).map(|it| it.render(self)) {
            self.emit(intent_event, shown);
        }
        succeeded
    }

    pub(crate) fn charge_by_id(&self, id: &str) -> Result<&Charge, Fault> {
        self.charges.get(id).ok_or_else(|| Fault::missing("charge", id))
    }
}
