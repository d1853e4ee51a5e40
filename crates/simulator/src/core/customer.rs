//! Customers.

use serde_json::{Map, Value, json};

use super::{Answer, Core, Fault, Metadata, MetadataChange, Row};

/// What becomes of a customer's payments from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    #[default]
    Succeed,
    /// The card is declined.
    Decline,
}

/// A customer to create.
#[derive(Clone, Debug, Default)]
pub struct NewCustomer {
    pub email: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub phone: Option<String>,
    pub metadata: Metadata,
    /// A payment method to attach, one that exists or one of Stripe's test names: `pm_card_visa`.
    pub payment_method: Option<String>,
    /// The one that pays invoices: has to be the same.
    pub default_payment_method: Option<String>,
    /// `clock_…`
    pub test_clock: Option<String>,
    /// Letters and digits that invoice numbers begin with; `None`: random ones.
    pub invoice_prefix: Option<String>,
    /// Of the first invoice; `None`: 1.
    pub next_invoice_sequence: Option<u64>,
    /// Fields that are only kept and shown, such as `address` and `tax_exempt`, in Stripe's shape.
    pub shown: Map<String, Value>,
}

/// What to change; `None` leaves a field as it is, and an empty text clears it.
#[derive(Clone, Debug, Default)]
pub struct CustomerChange {
    pub email: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub phone: Option<String>,
    pub metadata: MetadataChange,
    /// One that is attached; an empty text: none.
    pub default_payment_method: Option<String>,
    pub invoice_prefix: Option<String>,
    pub next_invoice_sequence: Option<u64>,
    /// As in [`NewCustomer`].
    pub shown: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub struct Customer {
    pub id: String,
    created: i64,
    pub email: Option<String>,
    pub name: Option<String>,
    description: Option<String>,
    phone: Option<String>,
    metadata: Metadata,
    /// `invoice_settings[default_payment_method]`.
    pub payment_method: Option<String>,
    /// Set from outside; `None`: as the payment method is.
    pub outcome: Option<Outcome>,
    pub deleted: bool,
    pub test_clock: Option<String>,
    /// Below zero: a credit, which the next invoices use up; above: owed with the next one.
    /// docs.stripe.com/billing/customer/balance
    pub balance: i64,
    /// Of the balance, once there was one.
    pub currency: Option<String>,
    shown: Map<String, Value>,
    invoice_prefix: String,
    invoices: u64,
}

impl Row for Customer {
    const NOUN: &'static str = "customer";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn render(&self, _: &Core) -> Value {
        if self.deleted {
            return json!({ "id": self.id, "object": "customer", "deleted": true });
        }
        self.to_json()
    }
}

impl Customer {
    pub(super) fn to_json(&self) -> Value {
        let mut customer = json!({
            "id": self.id,
            "object": "customer",
            "address": null,
            "balance": self.balance,
            "created": self.created,
            "currency": self.currency,
            "default_source": null,
            "delinquent": false,
            "description": self.description,
            "discount": null,
            "email": self.email,
            "invoice_prefix": self.invoice_prefix,
            "invoice_settings": {
                "custom_fields": null,
                "default_payment_method": self.payment_method,
                "footer": null,
                "rendering_options": null,
            },
            "livemode": false,
            "metadata": self.metadata,
            "name": self.name,
            "next_invoice_sequence": self.invoices + 1,
            "phone": self.phone,
            "preferred_locales": [],
            "shipping": null,
            "tax_exempt": "none",
            "test_clock": self.test_clock,
        });
        for (name, value) in &self.shown {
            customer[name] = value.clone();
        }
        customer
    }

    /// The next invoice's number, as Stripe writes it.
    pub fn number_invoice(&mut self) -> String {
        self.invoices += 1;
        format!("{}-{:04}", self.invoice_prefix, self.invoices)
    }
}

impl Core {
    /// # Errors
    /// There is no such payment method, it cannot be attached, or the default is another one; the test clock is not
    /// there, or full.
    pub fn create_customer(&mut self, new: NewCustomer) -> Answer {
        match new.test_clock.clone() {
            None => self.insert_customer(new),
            Some(clock) => {
                self.check_new_customer_of(&clock)?;
                self.in_time_of(&clock, |core| core.insert_customer(new))
            }
        }
    }

    fn insert_customer(&mut self, new: NewCustomer) -> Answer {
        if new.default_payment_method.is_some() && new.default_payment_method != new.payment_method {
            return Err(not_attached(
                new.default_payment_method.as_deref().unwrap_or_default(),
            ));
        }
        let method = new.payment_method.as_deref();
        let method = method.map(|name| self.attachable(name)).transpose()?;
        let id = self.ids.mint("cus_");
        let invoice_prefix = id[id.len() - 8..].to_uppercase();
        let customer = Customer {
            id,
            created: self.now,
            email: new.email,
            name: new.name,
            description: new.description,
            phone: new.phone,
            metadata: new.metadata,
            payment_method: method.clone().filter(|_| new.default_payment_method.is_some()),
            outcome: None,
            deleted: false,
            test_clock: new.test_clock,
            balance: 0,
            currency: None,
            shown: new.shown,
            invoice_prefix: new.invoice_prefix.unwrap_or(invoice_prefix),
            invoices: new.next_invoice_sequence.map_or(0, |next| next - 1),
        };
        let (id, shown) = (customer.id.clone(), customer.to_json());
        self.customers.insert(customer);
        self.emit("customer.created", shown.clone());
        if let Some(method) = method {
            self.attach_payment_method(&method, &id)?;
        }
        Ok(shown)
    }

    /// # Errors
    /// No such customer, or the payment method is not attached to it.
    pub fn update_customer(&mut self, id: &str, change: CustomerChange) -> Answer {
        if let Some(method) = change
            .default_payment_method
            .as_deref()
            .filter(|it| !it.is_empty())
        {
            self.check_own_method(id, method)?;
        }
        let customer = self.living_customer_mut(id)?;
        let before = customer.to_json();
        for (field, change) in [
            (&mut customer.email, change.email),
            (&mut customer.name, change.name),
            (&mut customer.description, change.description),
            (&mut customer.phone, change.phone),
        ] {
            if let Some(text) = change {
                *field = Some(text).filter(|text| !text.is_empty());
            }
        }
        change.metadata.apply(&mut customer.metadata);
        customer.invoice_prefix = change
            .invoice_prefix
            .unwrap_or(std::mem::take(&mut customer.invoice_prefix));
        customer.invoices = change
            .next_invoice_sequence
            .map_or(customer.invoices, |next| next - 1);
        customer.shown.extend(change.shown);
        if let Some(method) = change.default_payment_method {
            customer.payment_method = Some(method).filter(|id| !id.is_empty());
            customer.outcome = None;
        }
        let after = customer.to_json();
        self.emit_change("customer.updated", before, after.clone());
        Ok(after)
    }

    /// Its subscriptions are canceled first, as Stripe does.
    ///
    /// # Errors
    /// No such customer, or deleted already.
    pub fn delete_customer(&mut self, id: &str) -> Answer {
        self.living_customer(id)?;
        let live = self
            .subscriptions
            .of(id)
            .filter(|it| !it.status.is_terminal())
            .map(|it| it.id.clone());
        for subscription in live.collect::<Vec<_>>() {
            self.cancel_subscription(&subscription)?;
        }
        let customer = self.living_customer_mut(id)?;
        let last = customer.to_json();
        customer.deleted = true;
        self.emit("customer.deleted", last);
        Ok(json!({ "id": id, "object": "customer", "deleted": true }))
    }

    /// What becomes of this customer's payments until it is set again, whatever they are paid with. A new default, and
    /// paying a checkout session with a new card, take it back.
    ///
    /// # Errors
    /// No such customer.
    pub fn set_payment_outcome(&mut self, customer: &str, outcome: Outcome) -> Result<(), Fault> {
        self.living_customer_mut(customer)?.outcome = Some(outcome);
        Ok(())
    }

    /// A payment method that the person entered: theirs from now on, also when they are not there.
    pub(crate) fn keep(&mut self, method: &str, customer: &str) {
        if self.methods.get(method).is_some_and(|it| it.customer.is_none()) {
            self.give_method(method, customer);
        }
        self.set_up(method);
        if let Ok(customer) = self.living_customer_mut(customer) {
            customer.outcome = None;
        }
    }

    /// It was detached. Of a deleted customer nothing is told any more.
    pub(crate) fn forget_default(&mut self, customer: &str, method: &str) {
        let Ok(customer) = self.living_customer_mut(customer) else {
            return;
        };
        if customer.payment_method.as_deref() == Some(method) {
            let before = customer.to_json();
            customer.payment_method = None;
            let after = customer.to_json();
            self.emit_change("customer.updated", before, after);
        }
    }

    /// A customer that was not deleted.
    pub(crate) fn living_customer(&self, id: &str) -> Result<&Customer, Fault> {
        let customer = self.customers.get(id).filter(|customer| !customer.deleted);
        customer.ok_or_else(|| Fault::missing("customer", id))
    }

    /// # Errors
    /// The payment method is not attached to the customer.
    pub(crate) fn check_own_method(&self, customer: &str, method: &str) -> Result<(), Fault> {
        let own = self.methods.get(method).and_then(|it| it.customer.as_deref());
        if own == Some(customer) {
            Ok(())
        } else {
            Err(not_attached(method))
        }
    }

    fn living_customer_mut(&mut self, id: &str) -> Result<&mut Customer, Fault> {
        let customer = self.customers.get_mut(id).filter(|customer| !customer.deleted);
        customer.ok_or_else(|| Fault::missing("customer", id))
    }
}

/// Said of a default that is not the customer's.
fn not_attached(method: &str) -> Fault {
    let message = format!(
        "The customer does not have a payment method with the ID {method}. The payment method must be attached to the \
         customer."
    );
    let fault = Fault::invalid(message).code("resource_missing");
    fault.param("invoice_settings[default_payment_method]")
}
