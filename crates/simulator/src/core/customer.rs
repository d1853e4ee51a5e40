//! Customers.

use serde_json::{Value, json};

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
    /// A card to attach, one of Stripe's test names: `pm_card_visa`, `pm_card_chargeCustomerFail`.
    pub payment_method: Option<String>,
    /// `clock_…`
    pub test_clock: Option<String>,
}

/// What to change; `None` leaves a field as it is, and an empty text clears it.
#[derive(Clone, Debug, Default)]
pub struct CustomerChange {
    pub email: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub phone: Option<String>,
    pub metadata: MetadataChange,
    /// As in [`NewCustomer`].
    pub payment_method: Option<String>,
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
    pub payment_method: Option<String>,
    pub outcome: Outcome,
    pub deleted: bool,
    pub test_clock: Option<String>,
    /// Below zero: a credit, which the next invoices use up; above: owed with the next one.
    /// docs.stripe.com/billing/customer/balance
    pub balance: i64,
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
    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "customer",
            "address": null,
            "balance": self.balance,
            "created": self.created,
            "currency": null,
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
        })
    }

    /// The next invoice's number, as Stripe writes it.
    pub fn number_invoice(&mut self) -> String {
        self.invoices += 1;
        format!("{}-{:04}", self.invoice_prefix, self.invoices)
    }
}

impl Core {
    /// # Errors
    /// The payment method is not one of the test names; the test clock is not there, or full.
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
        let card = new
            .payment_method
            .as_deref()
            .map(|name| self.card(name))
            .transpose()?;
        let id = self.ids.mint("cus_");
        let invoice_prefix = id[id.len() - 8..].to_uppercase();
        let (payment_method, outcome) = card.map_or((None, Outcome::Succeed), |(id, it)| (Some(id), it));
        let customer = Customer {
            id,
            created: self.now,
            email: new.email,
            name: new.name,
            description: new.description,
            phone: new.phone,
            metadata: new.metadata,
            payment_method,
            outcome,
            deleted: false,
            test_clock: new.test_clock,
            balance: 0,
            invoice_prefix,
            invoices: 0,
        };
        let shown = customer.to_json();
        self.customers.insert(customer);
        self.emit("customer.created", shown.clone());
        Ok(shown)
    }

    /// # Errors
    /// No such customer.
    pub fn update_customer(&mut self, id: &str, change: CustomerChange) -> Answer {
        let card = change
            .payment_method
            .as_deref()
            .map(|name| self.card(name))
            .transpose()?;
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
        if let Some((id, outcome)) = card {
            customer.payment_method = Some(id);
            customer.outcome = outcome;
        }
        let after = customer.to_json();
        self.emit_change("customer.updated", &before, after.clone());
        Ok(after)
    }

    /// What an invoice leaves on the balance, or takes from it.
    pub(crate) fn add_to_balance(&mut self, id: &str, amount: i64) {
        let Some(customer) = self.customers.get_mut(id).filter(|it| amount != 0 && !it.deleted) else {
            return;
        };
        let before = customer.to_json();
        customer.balance += amount;
        let after = customer.to_json();
        self.emit_change("customer.updated", &before, after);
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

    /// What becomes of this customer's payments until it is set again. Paying a checkout session is a new card, which
    /// is good for the payments after it too.
    ///
    /// # Errors
    /// No such customer.
    pub fn set_payment_outcome(&mut self, customer: &str, outcome: Outcome) -> Result<(), Fault> {
        self.living_customer_mut(customer)?.outcome = outcome;
        Ok(())
    }

    /// A working card, kept as the customer's default.
    pub(crate) fn attach_card(&mut self, customer: &str) -> Result<String, Fault> {
        let card = self.ids.mint("pm_");
        let customer = self.living_customer_mut(customer)?;
        customer.outcome = Outcome::Succeed;
        let before = customer.to_json();
        customer.payment_method = Some(card.clone());
        let after = customer.to_json();
        self.emit_change("customer.updated", &before, after);
        Ok(card)
    }

    /// A customer that was not deleted.
    pub(crate) fn living_customer(&self, id: &str) -> Result<&Customer, Fault> {
        let customer = self.customers.get(id).filter(|customer| !customer.deleted);
        customer.ok_or_else(|| Fault::missing("customer", id))
    }

    fn living_customer_mut(&mut self, id: &str) -> Result<&mut Customer, Fault> {
        let customer = self.customers.get_mut(id).filter(|customer| !customer.deleted);
        customer.ok_or_else(|| Fault::missing("customer", id))
    }

    /// A payment method by one of Stripe's test names, or one that exists already.
    fn card(&mut self, name: &str) -> Result<(String, Outcome), Fault> {
        match name {
            "pm_card_visa" => Ok((self.ids.mint("pm_"), Outcome::Succeed)),
            "pm_card_chargeCustomerFail" => Ok((self.ids.mint("pm_"), Outcome::Decline)),
            _ => Err(Fault::missing("PaymentMethod", name).param("payment_method")),
        }
    }
}
