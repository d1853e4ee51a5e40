//! A customer's credit balance and what moved it: docs.stripe.com/billing/customer/balance

use serde_json::{Value, json};

use super::{Answer, Core, Fault, Metadata, MetadataChange, Row};

/// Far beyond what anybody owes, and far from where sums overflow. Stripe names no limit.
const LARGEST: i64 = 1_000_000_000_000;

/// Why a balance moved: Stripe's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalanceMove {
    Adjustment,
    AppliedToInvoice,
    UnappliedFromInvoice,
}

impl BalanceMove {
    fn as_str(self) -> &'static str {
        match self {
            BalanceMove::Adjustment => "adjustment",
            BalanceMove::AppliedToInvoice => "applied_to_invoice",
            BalanceMove::UnappliedFromInvoice => "unapplied_from_invoice",
        }
    }
}

/// A move to make by hand.
#[derive(Clone, Debug, Default)]
pub struct NewBalanceTransaction {
    /// In the smallest unit; below zero is a credit.
    pub amount: i64,
    pub currency: String,
    pub description: Option<String>,
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
pub struct CustomerBalanceTransaction {
    id: String,
    created: i64,
    pub customer: String,
    new: NewBalanceTransaction,
    ending_balance: i64,
    invoice: Option<String>,
    kind: BalanceMove,
}

impl Row for CustomerBalanceTransaction {
    const NOUN: &'static str = "customer_balance_transaction";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owner(&self) -> Option<&str> {
        Some(&self.customer)
    }

    fn render(&self, _: &Core) -> Value {
        json!({
            "id": self.id,
            "object": "customer_balance_transaction",
            "amount": self.new.amount,
            "checkout_session": null,
            "created": self.created,
            "credit_note": null,
            "currency": self.new.currency,
            "customer": self.customer,
            "customer_account": null,
            "description": self.new.description,
            "ending_balance": self.ending_balance,
            "invoice": self.invoice,
            "livemode": false,
            "metadata": self.new.metadata,
            "type": self.kind.as_str(),
        })
    }
}

impl Core {
    /// # Errors
    /// No such customer, nothing to move, or another currency than the customer's balance has.
    pub fn create_balance_transaction(&mut self, customer: &str, new: NewBalanceTransaction) -> Answer {
        let of = self.living_customer(customer)?;
        if new.amount == 0 {
            return Err(Fault::invalid("The amount of a balance transaction cannot be 0.").param("amount"));
        }
        if of
            .balance
            .checked_add(new.amount)
            .is_none_or(|it| !(-LARGEST..=LARGEST).contains(&it))
        {
            let message = format!("The balance would be beyond {LARGEST} in one direction or the other.");
            return Err(Fault::invalid(message).param("amount"));
        }
        if let Some(currency) = of.currency.as_ref().filter(|it| **it != new.currency) {
            let message = format!("The customer's balance is in {currency}.");
            return Err(Fault::invalid(message).param("currency"));
        }
        let id = self.move_balance(customer, new, BalanceMove::Adjustment, None);
        self.balance_transaction(customer, &id.unwrap_or_default())
            .map(|it| it.render(self))
    }

    /// # Errors
    /// The customer has no such transaction.
    pub fn update_balance_transaction(
        &mut self,
        customer: &str,
        id: &str,
        description: Option<String>,
        metadata: MetadataChange,
    ) -> Answer {
        self.balance_transaction(customer, id)?;
        if let Some(transaction) = self.balance_transactions.get_mut(id) {
            if let Some(description) = description {
                transaction.new.description = Some(description).filter(|it| !it.is_empty());
            }
            metadata.apply(&mut transaction.new.metadata);
        }
        self.balance_transaction(customer, id).map(|it| it.render(self))
    }

    pub(crate) fn balance_transaction(
        &self,
        customer: &str,
        id: &str,
    ) -> Result<&CustomerBalanceTransaction, Fault> {
        let found = self
            .balance_transactions
            .get(id)
            .filter(|it| it.customer == customer);
        found.ok_or_else(|| Fault::missing(CustomerBalanceTransaction::NOUN, id))
    }

    /// In order of creation.
    pub(crate) fn balance_transactions_of(
        &self,
        customer: &str,
    ) -> impl DoubleEndedIterator<Item = &CustomerBalanceTransaction> {
        self.balance_transactions.of(customer)
    }

    /// What an invoice leaves on the balance, or takes from it.
    pub(crate) fn move_balance_for(&mut self, invoice: &str, amount: i64, kind: BalanceMove) {
        let Some(of) = self.invoices.get(invoice) else {
            return;
        };
        let new = NewBalanceTransaction {
            amount,
            currency: of.currency().to_owned(),
            ..NewBalanceTransaction::default()
        };
        let customer = of.customer.clone();
        self.move_balance(&customer, new, kind, Some(invoice));
    }

    fn move_balance(
        &mut self,
        id: &str,
        new: NewBalanceTransaction,
        kind: BalanceMove,
        invoice: Option<&str>,
    ) -> Option<String> {
        let customer = self
            .customers
            .get_mut(id)
            .filter(|it| new.amount != 0 && !it.deleted)?;
        let before = customer.to_json();
        customer.balance += new.amount;
        customer.currency.get_or_insert_with(|| new.currency.clone());
        let (after, ending_balance) = (customer.to_json(), customer.balance);
        let transaction = CustomerBalanceTransaction {
            id: self.ids.mint("cbtxn_"),
            created: self.now,
            customer: id.to_owned(),
            new,
            ending_balance,
            invoice: invoice.map(str::to_owned),
            kind,
        };
        let made = transaction.id.clone();
        self.balance_transactions.insert(transaction);
        self.emit_change("customer.updated", before, after);
        Some(made)
    }
}
