//! Invoices: what they are. `collect` says how they are finalized and paid.

mod action;
mod collect;
mod draft;
mod item;
mod item_request;
mod line;
mod one_off;
mod send;

use serde_json::{Value, json};

use super::calendar::HOUR;
use super::rendered::{Rendered, rendered};
use super::{Core, Fault, Metadata, Row};

pub use action::{InvoiceChange, InvoicePayment};
pub use draft::NewInvoice;
pub use item::InvoiceItem;
pub use item_request::{InvoiceItemChange, NewInvoiceItem};
pub use line::InvoiceLine;
use line::{amounts_off, credits_off};
pub use one_off::{Due, OneOffInvoice};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvoiceStatus {
    Draft,
    Open,
    Paid,
    Void,
    Uncollectible,
}

impl InvoiceStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            InvoiceStatus::Draft => "draft",
            InvoiceStatus::Open => "open",
            InvoiceStatus::Paid => "paid",
            InvoiceStatus::Void => "void",
            InvoiceStatus::Uncollectible => "uncollectible",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Invoice {
    pub id: String,
    created: i64,
    pub customer: String,
    /// What it is of; `None`: it was made by hand.
    pub subscription: Option<String>,
    subscription_metadata: Metadata,
    reason: &'static str,
    pub status: InvoiceStatus,
    currency: String,
    pub lines: Vec<InvoiceLine>,
    /// Those of a subscription that take something off; all that were redeemed for it by hand.
    discounts: Vec<String>,
    pub total: i64,
    /// What is to be paid: the total, less the customer's credit, plus their debt.
    pub amount_due: i64,
    /// The customer's balance before and, once finalized, after this invoice: below zero is a credit.
    starting_balance: i64,
    ending_balance: Option<i64>,
    number: Option<String>,
    period: (i64, i64),
    finalized_at: Option<i64>,
    paid_at: Option<i64>,
    voided_at: Option<i64>,
    attempts: usize,
    attempted: bool,
    next_attempt: Option<i64>,
    /// Of one that is sent: when it has to be paid by.
    pub due_date: Option<i64>,
    overdue: bool,
    auto_advance: bool,
    finalizes_at: Option<i64>,
    pub payment_intent: Option<String>,
    payment: Option<String>,
    metadata: Metadata,
    description: Option<String>,
    pub default_payment_method: Option<String>,
    uncollectible_at: Option<i64>,
    out_of_band: bool,
    /// Its `invoice.created`.
    told: Option<String>,
    pub deleted: bool,
}

impl Row for Invoice {
    const NOUN: &'static str = "invoice";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owner(&self) -> Option<&str> {
        Some(&self.customer)
    }

    fn render(&self, core: &Core) -> Value {
        self.rendered(core).into()
    }

    fn rendered(&self, core: &Core) -> Rendered {
        let customer = core.customers.get(&self.customer);
        let paid = if self.status == InvoiceStatus::Paid {
            self.amount_due
        } else {
            0
        };
        let lines: Vec<Rendered> = self.lines.iter().map(|line| line.render(self)).collect();
        let subtotal: i64 = self.lines.iter().map(|line| line.amount).sum();
        let discounts = self.discount_totals();
        let parent = self.subscription.as_ref().map(|subscription| {
            rendered!({
                "quote_details": null,
                "subscription_details":
                    { "metadata": &self.subscription_metadata, "subscription": subscription },
                "type": "subscription_details",
            })
        });
        let url = self
            .number
            .is_some()
            .then(|| format!("{}/invoice/{}", core.base_url, self.id));
        rendered!({
            "id": &self.id,
            "object": "invoice",
            "account_country": "US",
            "account_name": "Stripe simulator",
            "account_tax_ids": null,
            "amount_due": self.amount_due,
            "amount_overpaid": 0,
            "amount_paid": paid,
            "amount_paid_off_stripe": 0,
            "amount_remaining": self.amount_due - paid,
            "amount_shipping": 0,
            "application": null,
            "attempt_count": self.attempts,
            "attempted": self.attempted,
            "auto_advance": self.auto_advance,
            "automatic_tax":
                { "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null },
            "automatically_finalizes_at": self.finalizes_at,
            "billing_reason": self.reason,
            "collection_method": collection_method(self.due_date.is_some()),
            "created": self.created,
            "currency": &self.currency,
            "custom_fields": null,
            "customer": &self.customer,
            "customer_account": null,
            "customer_address": null,
            "customer_email": customer.and_then(|it| it.email.as_ref()),
            "customer_name": customer.and_then(|it| it.name.as_ref()),
            "customer_phone": null,
            "customer_shipping": null,
            "customer_tax_exempt": "none",
            "customer_tax_ids": [],
            "default_payment_method": &self.default_payment_method,
            "default_source": null,
            "default_tax_rates": [],
            "description": &self.description,
            "discounts": &self.discounts,
            "due_date": self.due_date,
            "effective_at": self.finalized_at,
            "ending_balance": self.ending_balance,
            "footer": null,
            "from_invoice": null,
            "hosted_invoice_url": url,
            "invoice_pdf": null,
            "issuer": { "type": "self" },
            "last_finalization_error": null,
            "latest_revision": null,
            "lines": {
                "object": "list",
                "data": lines,
                "has_more": false,
                "total_count": self.lines.len(),
                "url": format!("/v1/invoices/{}/lines", self.id),
            },
            "livemode": false,
            "metadata": &self.metadata,
            "next_payment_attempt": self.next_attempt,
            "number": &self.number,
            "on_behalf_of": null,
            "parent": parent,
            "payment_settings": {
                "default_mandate": null,
                "payment_method_options": null,
                "payment_method_types": null,
            },
            "period_end": self.period.1,
            "period_start": self.period.0,
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "receipt_number": null,
            "rendering": null,
            "shipping_cost": null,
            "shipping_details": null,
            "starting_balance": self.starting_balance,
            "statement_descriptor": null,
            "status": self.status.as_str(),
            "status_transitions": {
                "finalized_at": self.finalized_at,
                "marked_uncollectible_at": self.uncollectible_at,
                "paid_at": self.paid_at,
                "voided_at": self.voided_at,
            },
            "subtotal": subtotal,
            "subtotal_excluding_tax": subtotal,
            "test_clock": core.test_clock_of(&self.customer).map(str::to_owned),
            "total": self.total,
            "total_discount_amounts": amounts_off(&discounts),
            "total_excluding_tax": self.total,
            "total_pretax_credit_amounts": credits_off(&discounts),
            "total_taxes": [],
            "webhooks_delivered_at": null,
        })
    }
}

impl Invoice {
    pub fn is_finalized(&self) -> bool {
        self.status != InvoiceStatus::Draft
    }

    /// Somebody tried to collect it in vain, or it was sent and is overdue.
    pub fn is_unpaid(&self) -> bool {
        self.status == InvoiceStatus::Open && (self.attempted || self.overdue)
    }

    /// The clock does nothing with it.
    pub fn collect_by_hand(&mut self) {
        self.auto_advance = false;
        self.finalizes_at = None;
        self.next_attempt = None;
    }

    /// It is a draft that is neither left to the clock nor to a person.
    pub fn is_due_now(&self) -> bool {
        self.auto_advance && self.finalizes_at.is_none()
    }

    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Each discount and what it takes off all lines together.
    fn discount_totals(&self) -> Vec<(String, i64)> {
        let total = |discount: &String| {
            let of_lines = self.lines.iter().flat_map(|line| &line.discounts);
            let off = of_lines.filter(|(of, _)| of == discount).map(|(_, off)| off);
            (discount.clone(), off.sum())
        };
        self.discounts.iter().map(total).collect()
    }

    /// Its money can still come.
    pub fn is_payable(&self) -> bool {
        matches!(self.status, InvoiceStatus::Open | InvoiceStatus::Uncollectible)
    }

    /// Nothing is owed on it any more.
    pub fn is_settled(&self) -> bool {
        matches!(self.status, InvoiceStatus::Paid | InvoiceStatus::Void)
    }

    /// Shown by `expand[]=payments` only, and never in events.
    pub fn payments(&self) -> Vec<Value> {
        let (Some(payment), Some(intent)) = (&self.payment, &self.payment_intent) else {
            return Vec::new();
        };
        let status = match self.status {
            InvoiceStatus::Void => "canceled",
            InvoiceStatus::Paid if self.out_of_band => "canceled",
            InvoiceStatus::Paid => "paid",
            InvoiceStatus::Open | InvoiceStatus::Draft | InvoiceStatus::Uncollectible => "open",
        };
        vec![json!({
            "id": payment,
            "object": "invoice_payment",
            "amount_paid": (status == "paid").then_some(self.amount_due),
            "amount_requested": self.amount_due,
            "created": self.finalized_at,
            "currency": self.currency,
            "invoice": self.id,
            "is_default": true,
            "livemode": false,
            "payment": { "payment_intent": intent, "type": "payment_intent" },
            "status": status,
            "status_transitions": { "canceled_at": self.voided_at, "paid_at": self.paid_at },
        })]
    }
}

impl Core {
    /// The invoice that this payment intent pays.
    pub(crate) fn invoice_paid_by(&self, intent: &str) -> Option<&str> {
        self.intents.get(intent)?.invoice.as_deref()
    }

    /// From now on a request that would make another invoice of this subscription is refused; the clock goes on.
    pub(crate) fn limit_invoices(&mut self, subscription: Option<String>) {
        self.invoice_limited = subscription;
    }

    /// # Errors
    /// It may have no more.
    pub(crate) fn check_invoice_limit(&self, subscription: &str) -> Result<(), Fault> {
        if self.invoice_limited.as_deref() == Some(subscription) {
            return Err(Fault::rate_limited());
        }
        Ok(())
    }

    /// How many invoices a subscription got after this instant.
    pub(crate) fn invoices_since(&self, subscription: &str, instant: i64) -> usize {
        let all = self.subscriptions.get(subscription).map(|it| &it.invoices);
        let all = all.into_iter().flatten().rev();
        let made = all.filter_map(|id| self.invoices.get(id));
        made.take_while(|it| it.created > instant).count()
    }

    /// It was paid elsewhere, and Stripe only told so.
    pub(crate) fn paid_out_of_band(&self, invoice: &str) -> bool {
        self.invoices.get(invoice).is_some_and(|it| it.out_of_band)
    }

    /// What it is paid with, once it is finalized.
    pub(crate) fn invoice_intent(&self, id: &str) -> Option<&str> {
        self.invoices.get(id)?.payment_intent.as_deref()
    }

    pub(crate) fn invoice(&self, id: &str) -> Result<&Invoice, Fault> {
        let found = self.invoices.get(id).filter(|it| !it.deleted);
        found.ok_or_else(|| Fault::missing("invoice", id))
    }
}

/// Stripe's word for how money comes in.
pub fn collection_method(sends: bool) -> &'static str {
    if sends {
        "send_invoice"
    } else {
        "charge_automatically"
    }
}

/// How long a renewal's invoice stays a draft (docs.stripe.com/billing/invoices/subscription).
pub const DRAFT_FOR: i64 = HOUR;
