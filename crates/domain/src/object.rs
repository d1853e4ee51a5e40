//! What is kept of Stripe's objects: the fields that decide access, in one shape whatever the API version.
//!
//! `crates/stripe` fills these from JSON; facts store them. Every instant is Stripe's, in whole seconds.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Which of Stripe's objects; the names are Stripe's own (`object` in its JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Customer,
    Subscription,
    Invoice,
    #[serde(rename = "checkout.session")]
    CheckoutSession,
    Charge,
    Refund,
    Dispute,
}

impl Kind {
    /// Every kind that access can depend on.
    pub const ALL: [Kind; 7] = [
        Kind::Customer,
        Kind::Subscription,
        Kind::Invoice,
        Kind::CheckoutSession,
        Kind::Charge,
        Kind::Refund,
        Kind::Dispute,
    ];

    /// Stripe's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Customer => "customer",
            Kind::Subscription => "subscription",
            Kind::Invoice => "invoice",
            Kind::CheckoutSession => "checkout.session",
            Kind::Charge => "charge",
            Kind::Refund => "refund",
            Kind::Dispute => "dispute",
        }
    }

    /// From Stripe's word; `None` for objects that access does not depend on.
    pub fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One Stripe object as it was at some instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "object")]
pub enum Object {
    #[serde(rename = "customer")]
    Customer(StripeCustomer),
    #[serde(rename = "subscription")]
    Subscription(Subscription),
    #[serde(rename = "invoice")]
    Invoice(Invoice),
    #[serde(rename = "checkout.session")]
    CheckoutSession(CheckoutSession),
    #[serde(rename = "charge")]
    Charge(Charge),
    #[serde(rename = "refund")]
    Refund(Refund),
    #[serde(rename = "dispute")]
    Dispute(Dispute),
}

impl Object {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Object::Customer(_) => Kind::Customer,
            Object::Subscription(_) => Kind::Subscription,
            Object::Invoice(_) => Kind::Invoice,
            Object::CheckoutSession(_) => Kind::CheckoutSession,
            Object::Charge(_) => Kind::Charge,
            Object::Refund(_) => Kind::Refund,
            Object::Dispute(_) => Kind::Dispute,
        }
    }

    /// Stripe's id of it.
    pub fn id(&self) -> &str {
        match self {
            Object::Customer(o) => &o.id,
            Object::Subscription(o) => &o.id,
            Object::Invoice(o) => &o.id,
            Object::CheckoutSession(o) => &o.id,
            Object::Charge(o) => &o.id,
            Object::Refund(o) => &o.id,
            Object::Dispute(o) => &o.id,
        }
    }

    /// The Stripe customer (`cus_…`) that it names, if it names one.
    pub fn stripe_customer(&self) -> Option<&str> {
        match self {
            Object::Customer(o) => Some(&o.id),
            Object::Subscription(o) => Some(&o.stripe_customer),
            Object::Invoice(o) => o.stripe_customer.as_deref(),
            Object::CheckoutSession(o) => o.stripe_customer.as_deref(),
            Object::Charge(o) => o.stripe_customer.as_deref(),
            Object::Refund(_) | Object::Dispute(_) => None,
        }
    }

    /// Other objects' ids that it names and that belong to the same customer.
    pub fn related(&self) -> Vec<&str> {
        let ids: Vec<Option<&String>> = match self {
            Object::Customer(_) => vec![],
            Object::Subscription(o) => vec![o.latest_invoice.as_ref()],
            Object::Invoice(o) => {
                let mut ids = vec![o.subscription.as_ref(), o.charge.as_ref()];
                ids.extend(o.payment_intents.iter().map(Some));
                ids
            }
            Object::CheckoutSession(o) => {
                vec![
                    o.subscription.as_ref(),
                    o.payment_intent.as_ref(),
                    o.latest_charge.as_ref(),
                    o.invoice.as_ref(),
                ]
            }
            Object::Charge(o) => vec![o.payment_intent.as_ref(), o.invoice.as_ref()],
            Object::Refund(o) => vec![o.charge.as_ref(), o.payment_intent.as_ref()],
            Object::Dispute(o) => vec![o.charge.as_ref(), o.payment_intent.as_ref()],
        };
        ids.into_iter().flatten().map(String::as_str).collect()
    }

    /// The subscription, if it is one.
    pub fn as_subscription(&self) -> Option<&Subscription> {
        if let Object::Subscription(it) = self {
            Some(it)
        } else {
            None
        }
    }

    /// The invoice, if it is one.
    pub fn as_invoice(&self) -> Option<&Invoice> {
        if let Object::Invoice(it) = self {
            Some(it)
        } else {
            None
        }
    }

    /// The checkout session, if it is one.
    pub fn as_session(&self) -> Option<&CheckoutSession> {
        if let Object::CheckoutSession(it) = self {
            Some(it)
        } else {
            None
        }
    }

    /// The charge, if it is one.
    pub fn as_charge(&self) -> Option<&Charge> {
        if let Object::Charge(it) = self {
            Some(it)
        } else {
            None
        }
    }

    /// The dispute, if it is one.
    pub fn as_dispute(&self) -> Option<&Dispute> {
        if let Object::Dispute(it) = self {
            Some(it)
        } else {
            None
        }
    }

    /// The prices that somebody holds by it.
    pub fn prices(&self) -> Vec<&PriceRef> {
        match self {
            Object::Subscription(o) => o.items.iter().map(|item| &item.price).collect(),
            Object::CheckoutSession(o) => o.line_items.iter().flatten().map(|item| &item.price).collect(),
            Object::Invoice(o) => o.lines.iter().filter_map(|line| line.price.as_ref()).collect(),
            _ => vec![],
        }
    }

    /// What our own metadata on it says.
    pub fn stamp(&self) -> Option<&Stamp> {
        match self {
            Object::Customer(o) => Some(&o.stamp),
            Object::Subscription(o) => Some(&o.stamp),
            Object::CheckoutSession(o) => Some(&o.stamp),
            Object::Invoice(_) | Object::Charge(_) | Object::Refund(_) | Object::Dispute(_) => None,
        }
    }
}

/// The metadata that Tollgate sets: `tollgate_customer` and `tollgate_deployment`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

/// <https://docs.stripe.com/api/customers/object>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeCustomer {
    pub id: String,
    pub deleted: bool,
    #[serde(default)]
    pub stamp: Stamp,
    pub test_clock: Option<String>,
    /// It has a default of its own, which pays where a subscription has none. `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_payment_method: Option<bool>,
}

/// The parts of a price by which the catalog matches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRef {
    pub id: String,
    pub product: String,
    pub lookup_key: Option<String>,
}

/// <https://docs.stripe.com/api/subscriptions/object>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub id: String,
    pub stripe_customer: String,
    pub status: SubscriptionStatus,
    /// In Stripe's order. Periods are the items' own (API versions before basil: the subscription's, copied).
    pub items: Vec<SubscriptionItem>,
    /// Stripe showed only the first items: the rest must be fetched.
    pub items_cut: bool,
    pub created: Timestamp,
    pub trial_end: Option<Timestamp>,
    /// What happens at the trial's end without a payment method (`trial_settings.end_behavior`).
    pub missing_payment_method: MissingPaymentMethod,
    /// A default payment method or source is set on the subscription itself.
    pub has_payment_method: bool,
    pub cancel_at: Option<Timestamp>,
    pub cancel_at_period_end: bool,
    pub ended_at: Option<Timestamp>,
    /// `cancellation_details.reason`.
    pub cancellation_reason: Option<String>,
    pub collection_method: CollectionMethod,
    pub latest_invoice: Option<String>,
    pub test_clock: Option<String>,
    #[serde(default)]
    pub stamp: Stamp,
}

/// <https://docs.stripe.com/api/subscription_items/object>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionItem {
    pub id: String,
    pub price: PriceRef,
    /// 1 where Stripe has none (metered prices).
    pub quantity: u64,
    pub period_start: Timestamp,
    pub period_end: Timestamp,
}

macro_rules! stripe_enum {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($variant,)+
            /// A word that this version does not know, kept as it came.
            Unknown(String),
        }

        impl $name {
            /// Whether this version does not know the word.
            pub fn is_unknown(&self) -> bool {
                matches!(self, $name::Unknown(_))
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => $name::$variant,)+
                    _ => $name::Unknown(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                match value {
                    $($name::$variant => $word.to_owned(),)+
                    $name::Unknown(word) => word,
                }
            }
        }
    };
}

stripe_enum! {
    /// <https://docs.stripe.com/api/subscriptions/object#subscription_object-status>
    SubscriptionStatus {
        Trialing = "trialing",
        Active = "active",
        PastDue = "past_due",
        Unpaid = "unpaid",
        Incomplete = "incomplete",
        IncompleteExpired = "incomplete_expired",
        Canceled = "canceled",
        Paused = "paused",
    }
}

stripe_enum! {
    /// <https://docs.stripe.com/api/subscriptions/object#subscription_object-trial_settings-end_behavior-missing_payment_method>
    MissingPaymentMethod { Cancel = "cancel", CreateInvoice = "create_invoice", Pause = "pause" }
}

stripe_enum! {
    /// <https://docs.stripe.com/api/subscriptions/object#subscription_object-collection_method>
    CollectionMethod { ChargeAutomatically = "charge_automatically", SendInvoice = "send_invoice" }
}

stripe_enum! {
    /// <https://docs.stripe.com/api/invoices/object#invoice_object-status>
    InvoiceStatus {
        Draft = "draft",
        Open = "open",
        Paid = "paid",
        Uncollectible = "uncollectible",
        Void = "void",
    }
}

stripe_enum! {
    /// <https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-mode>
    SessionMode { Payment = "payment", Subscription = "subscription", Setup = "setup" }
}

stripe_enum! {
    /// <https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-status>
    SessionStatus { Open = "open", Complete = "complete", Expired = "expired" }
}

stripe_enum! {
    /// <https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-payment_status>
    PaymentStatus { Paid = "paid", Unpaid = "unpaid", NoPaymentRequired = "no_payment_required" }
}

stripe_enum! {
    /// <https://docs.stripe.com/api/charges/object#charge_object-status>
    ChargeStatus { Succeeded = "succeeded", Pending = "pending", Failed = "failed" }
}

stripe_enum! {
    /// <https://docs.stripe.com/api/disputes/object#dispute_object-status>
    DisputeStatus {
        WarningNeedsResponse = "warning_needs_response",
        WarningUnderReview = "warning_under_review",
        WarningClosed = "warning_closed",
        NeedsResponse = "needs_response",
        UnderReview = "under_review",
        Won = "won",
        Lost = "lost",
    }
}

/// <https://docs.stripe.com/api/invoices/object>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    pub id: String,
    pub stripe_customer: Option<String>,
    pub subscription: Option<String>,
    pub status: InvoiceStatus,
    /// `subscription_create`, `subscription_cycle`, `subscription_update`, `manual` …
    pub billing_reason: Option<String>,
    pub created: Timestamp,
    /// In the currency's smallest unit.
    pub total: i64,
    pub due_date: Option<Timestamp>,
    /// `status_transitions.finalized_at`.
    pub finalized_at: Option<Timestamp>,
    /// `status_transitions.paid_at`.
    pub paid_at: Option<Timestamp>,
    pub payment_intents: Vec<String>,
    /// Only API versions before basil name it.
    pub charge: Option<String>,
    pub lines: Vec<InvoiceLine>,
    /// Stripe showed only the first lines.
    pub lines_cut: bool,
}

/// <https://docs.stripe.com/api/invoice-line-item/object>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    pub price: Option<PriceRef>,
    pub quantity: u64,
    pub period_start: Timestamp,
    pub period_end: Timestamp,
    pub proration: bool,
    pub subscription_item: Option<String>,
}

/// <https://docs.stripe.com/api/checkout/sessions/object>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutSession {
    pub id: String,
    pub stripe_customer: Option<String>,
    pub mode: SessionMode,
    pub status: Option<SessionStatus>,
    pub payment_status: PaymentStatus,
    pub subscription: Option<String>,
    pub payment_intent: Option<String>,
    /// The last charge of its payment intent. `None`: not known, since only an answer shows it that was asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_charge: Option<String>,
    pub invoice: Option<String>,
    pub client_reference_id: Option<String>,
    pub created: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub url: Option<String>,
    /// `None`: not known, since events never carry them.
    pub line_items: Option<Vec<SessionItem>>,
    #[serde(default)]
    pub stamp: Stamp,
}

/// <https://docs.stripe.com/api/checkout/sessions/line_items>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionItem {
    pub price: PriceRef,
    pub quantity: u64,
}

/// <https://docs.stripe.com/api/charges/object>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub id: String,
    pub stripe_customer: Option<String>,
    pub payment_intent: Option<String>,
    /// Only API versions before basil name it.
    pub invoice: Option<String>,
    pub status: ChargeStatus,
    pub created: Timestamp,
    /// In the currency's smallest unit, like `amount_refunded`.
    pub amount: i64,
    pub amount_refunded: i64,
}

/// <https://docs.stripe.com/api/refunds/object>. It decides nothing itself: its charge does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: String,
    pub charge: Option<String>,
    pub payment_intent: Option<String>,
}

/// <https://docs.stripe.com/api/disputes/object>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    pub id: String,
    pub charge: Option<String>,
    pub payment_intent: Option<String>,
    pub status: DisputeStatus,
}
