//! Setup intents: a method is saved for later (docs.stripe.com/payments/setupintents/lifecycle).

use serde_json::{Value, json};

use super::payment::next_action;
use super::payment_method::Decline;
use super::payment_method::{Authentication, PaymentMethod, SETUP_AUTHENTICATION_FAILED, last_error};
use super::{Answer, Confirm, Core, Fault, Metadata, MetadataChange, Row, Subscription};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Succeeded,
    Canceled,
}

/// A setup intent to create.
#[derive(Clone, Debug, Default)]
pub struct NewSetupIntent {
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    /// Empty: cards.
    pub types: Vec<&'static str>,
    pub automatic: bool,
    /// For payments at which the person is there only.
    pub on_session: bool,
}

#[derive(Clone, Debug)]
pub struct SetupIntent {
    id: String,
    created: i64,
    new: NewSetupIntent,
    pub status: SetupStatus,
    pub payment_method: Option<String>,
    error: Option<Value>,
    return_url: Option<String>,
    authenticated: bool,
    cancellation_reason: Option<&'static str>,
}

impl Row for SetupIntent {
    const NOUN: &'static str = "setupintent";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owner(&self) -> Option<&str> {
        self.new.customer.as_deref()
    }

    fn render(&self, core: &Core) -> Value {
        let next = (self.status == SetupStatus::RequiresAction)
            .then(|| next_action(core, &self.id, self.return_url.as_deref()));
        let automatic = self
            .new
            .automatic
            .then(|| json!({ "allow_redirects": "always", "enabled": true }));
        json!({
            "id": self.id,
            "object": "setup_intent",
            "allowed_payment_method_types": null,
            "application": null,
            "automatic_payment_methods": automatic,
            "cancellation_reason": self.cancellation_reason,
            "client_secret": format!("{}_secret_simulated", self.id),
            "created": self.created,
            "customer": self.new.customer,
            "customer_account": null,
            "description": self.new.description,
            "excluded_payment_method_types": null,
            "flow_directions": null,
            "last_setup_error": self.error,
            "latest_attempt": null,
            "livemode": false,
            "managed_payments": null,
            "mandate": null,
            "metadata": self.new.metadata,
            "next_action": next,
            "on_behalf_of": null,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": self.new.types,
            "single_use_mandate": null,
            "status": match self.status {
                SetupStatus::RequiresPaymentMethod => "requires_payment_method",
                SetupStatus::RequiresConfirmation => "requires_confirmation",
                SetupStatus::RequiresAction => "requires_action",
                SetupStatus::Succeeded => "succeeded",
                SetupStatus::Canceled => "canceled",
            },
            "usage": if self.new.on_session { "on_session" } else { "off_session" },
        })
    }
}

impl Core {
    /// As `POST /v1/setup_intents`.
    ///
    /// # Errors
    /// No such customer or method; confirmed at once: as [`Core::confirm_setup_intent`].
    pub fn create_setup_intent(&mut self, mut new: NewSetupIntent, confirm: Option<Confirm>) -> Answer {
        if let Some(customer) = &new.customer {
            self.living_customer(customer)
                .map_err(|fault| fault.param("customer"))?;
        }
        if new.types.is_empty() {
            new.types.push("card");
        }
        let named = new.payment_method.take();
        let method = named
            .map(|named| self.method_for(&named, new.customer.as_deref()))
            .transpose()?;
        let id = self.ids.mint("seti_");
        self.setup_intents.insert(SetupIntent {
            id: id.clone(),
            created: self.now,
            status: match method {
                Some(_) => SetupStatus::RequiresConfirmation,
                None => SetupStatus::RequiresPaymentMethod,
            },
            payment_method: method,
            new,
            error: None,
            return_url: None,
            authenticated: false,
            cancellation_reason: None,
        });
        self.tell("setup_intent.created", &id);
        match confirm {
            Some(confirm) => self.confirm_setup_intent(&id, confirm),
            None => self.setup_intent(&id).map(|it| it.render(self)),
        }
    }

    /// # Errors
    /// No such intent or method, nothing to confirm; 402: the bank refuses to have it saved.
    pub fn confirm_setup_intent(&mut self, id: &str, confirm: Confirm) -> Answer {
        let intent = self.setup_intent(id)?;
        if matches!(intent.status, SetupStatus::Succeeded | SetupStatus::Canceled) {
            return Err(unexpected_state("confirmed"));
        }
        let (customer, own) = (intent.new.customer.clone(), intent.payment_method.clone());
        let method = match confirm.payment_method {
            Some(named) => self.method_for(&named, customer.as_deref())?,
            None => own.ok_or_else(|| unexpected_state("confirmed without a payment method"))?,
        };
        let kind = self.method(&method)?.does.kind.as_str();
        if !self.setup_intent(id)?.new.types.contains(&kind) {
            let message = format!("The PaymentMethod provided ({kind}) is not allowed for this SetupIntent.");
            return Err(Fault::invalid(message).param("payment_method"));
        }
        if let Some(intent) = self.setup_intents.get_mut(id) {
            intent.payment_method = Some(method);
            intent.return_url = confirm.return_url;
        }
        self.attempt_setup(id)
    }

    fn attempt_setup(&mut self, id: &str) -> Answer {
        let intent = self.setup_intent(id)?;
        let method = intent.payment_method.clone().unwrap_or_default();
        let (customer, authenticated) = (intent.new.customer.clone(), intent.authenticated);
        let does = *self.method(&method)?.does;
        if let (false, Err(decline)) = (does.attaches, does.result) {
            return self.refuse_setup(id, decline);
        }
        if does.authentication != Authentication::Never && !authenticated {
            if let Some(intent) = self.setup_intents.get_mut(id) {
                intent.status = SetupStatus::RequiresAction;
            }
            self.tell("setup_intent.requires_action", id);
            return self.setup_intent(id).map(|it| it.render(self));
        }
        if let Some(intent) = self.setup_intents.get_mut(id) {
            intent.status = SetupStatus::Succeeded;
            intent.error = None;
        }
        match &customer {
            Some(customer) => self.keep(&method, customer),
            None => self.set_up(&method),
        }
        self.tell("setup_intent.succeeded", id);
        let of = self.subscriptions.of(customer.as_deref().unwrap_or_default());
        let waits = |it: &&Subscription| it.pending_setup_intent.as_deref() == Some(id);
        let waiting: Vec<String> = of.filter(waits).map(|it| it.id.clone()).collect();
        for subscription in waiting {
            self.set_up_subscription(&subscription, &method);
        }
        self.setup_intent(id).map(|it| it.render(self))
    }

    fn refuse_setup(&mut self, id: &str, decline: Decline) -> Answer {
        let method = self.setup_intent(id)?.payment_method.clone();
        let method = method
            .and_then(|id| self.methods.get(&id))
            .map(PaymentMethod::to_json);
        if let Some(intent) = self.setup_intents.get_mut(id) {
            intent.status = SetupStatus::RequiresPaymentMethod;
            intent.payment_method = None;
            intent.authenticated = false;
            intent.error = Some(last_error(decline, None, method));
        }
        self.tell("setup_intent.setup_failed", id);
        Err(Fault::from(decline).with("setup_intent", self.setup_intent(id)?.render(self)))
    }

    /// The person passed, or failed, what their bank asked of them.
    ///
    /// # Errors
    /// No such intent, nothing is asked; 402: they failed.
    pub fn authenticate_setup_intent(&mut self, id: &str, passed: bool) -> Answer {
        if self.setup_intent(id)?.status != SetupStatus::RequiresAction {
            return Err(unexpected_state("authenticated"));
        }
        if !passed {
            return self.refuse_setup(id, SETUP_AUTHENTICATION_FAILED);
        }
        if let Some(intent) = self.setup_intents.get_mut(id) {
            intent.authenticated = true;
        }
        self.attempt_setup(id)
    }

    /// # Errors
    /// No such intent; succeeded or canceled already.
    pub fn cancel_setup_intent(&mut self, id: &str, reason: Option<&'static str>) -> Answer {
        if matches!(
            self.setup_intent(id)?.status,
            SetupStatus::Succeeded | SetupStatus::Canceled
        ) {
            return Err(unexpected_state("canceled"));
        }
        if let Some(intent) = self.setup_intents.get_mut(id) {
            intent.status = SetupStatus::Canceled;
            intent.cancellation_reason = reason;
        }
        self.tell("setup_intent.canceled", id);
        self.setup_intent(id).map(|it| it.render(self))
    }

    /// # Errors
    /// No such intent or method; another method for what has succeeded or was canceled.
    pub fn update_setup_intent(
        &mut self,
        id: &str,
        payment_method: Option<String>,
        description: Option<String>,
        metadata: MetadataChange,
    ) -> Answer {
        let intent = self.setup_intent(id)?;
        if payment_method.is_some() && matches!(intent.status, SetupStatus::Succeeded | SetupStatus::Canceled)
        {
            return Err(unexpected_state("updated"));
        }
        let customer = intent.new.customer.clone();
        let method = payment_method
            .map(|named| self.method_for(&named, customer.as_deref()))
            .transpose()?;
        if let Some(intent) = self.setup_intents.get_mut(id) {
            if method.is_some() {
                intent.payment_method = method;
                intent.status = SetupStatus::RequiresConfirmation;
            }
            intent.new.description = description.or(intent.new.description.take());
            metadata.apply(&mut intent.new.metadata);
        }
        self.setup_intent(id).map(|it| it.render(self))
    }

    pub(crate) fn setup_intent(&self, id: &str) -> Result<&SetupIntent, Fault> {
        self.setup_intents.find(id)
    }
}

fn unexpected_state(what: &str) -> Fault {
    let message = format!("This SetupIntent cannot be {what} in its present status.");
    Fault::invalid(message).code("setup_intent_unexpected_state")
}
