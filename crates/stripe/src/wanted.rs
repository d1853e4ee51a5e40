//! What Tollgate wants of a Stripe account: its events, and what its key may do. One list each, for setup, doctor and
//! the documents.

/// Every event that access can depend on, and what of it. `invoice.created` is never one: while an endpoint does not answer
/// it, Stripe holds back the invoice, so an outage of ours would delay the company's collections.
pub const EVENTS: &[(&str, &str)] = &[
    ("charge.dispute.closed", "a dispute is won or lost"),
    ("charge.dispute.created", "a payment is disputed"),
    ("charge.dispute.funds_reinstated", "a dispute's money is back"),
    ("charge.dispute.funds_withdrawn", "a dispute's money is gone"),
    ("charge.dispute.updated", "a dispute goes on"),
    ("charge.refunded", "how much of a payment is paid back"),
    ("charge.updated", "the same, changed later"),
    (
        "checkout.session.async_payment_failed",
        "a delayed payment of a checkout failed",
    ),
    (
        "checkout.session.async_payment_succeeded",
        "a delayed payment of a checkout arrived",
    ),
    ("checkout.session.completed", "a checkout was done"),
    ("checkout.session.expired", "a checkout will not be done any more"),
    (
        "customer.created",
        "a Stripe customer that may be stamped as somebody's",
    ),
    ("customer.deleted", "its subscriptions end"),
    ("customer.subscription.created", "a subscription begins"),
    ("customer.subscription.deleted", "a subscription has ended"),
    ("customer.subscription.paused", "a subscription is paused"),
    (
        "customer.subscription.pending_update_applied",
        "a change that waited for its payment holds",
    ),
    (
        "customer.subscription.pending_update_expired",
        "a change that waited for its payment does not hold",
    ),
    ("customer.subscription.resumed", "a subscription goes on"),
    (
        "customer.subscription.updated",
        "status, period, items or announced end changed",
    ),
    (
        "customer.updated",
        "a Stripe customer that may be stamped as somebody's",
    ),
    ("invoice.deleted", "an invoice is gone"),
    ("invoice.finalized", "grace counts from here"),
    ("invoice.marked_uncollectible", "an invoice is given up"),
    ("invoice.overdue", "an invoice is late"),
    ("invoice.paid", "what it covers is paid"),
    (
        "invoice.payment_action_required",
        "a payment waits for the customer",
    ),
    ("invoice.payment_failed", "a payment failed"),
    ("invoice.updated", "an invoice changed"),
    ("invoice.voided", "an invoice does not hold"),
    ("refund.created", "money is paid back"),
    ("refund.failed", "money was not paid back after all"),
    ("refund.updated", "a refund goes on"),
];

/// Reading, or reading and writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

impl Access {
    /// As the dashboard writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Read => "Read",
            Access::Write => "Write",
        }
    }
}

/// Who cannot do without a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// `serve`, so every key that it is given.
    Service,
    /// Nobody; without it less is known.
    Nice,
    /// `stripe setup`, `doctor` and `catalog init`, which may be given another key than the service's.
    Setup,
}

/// One row of the page on which a restricted key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// As the dashboard calls it.
    pub name: &'static str,
    /// As Stripe's refusals call it, between `rak_` and `_read`.
    pub word: &'static str,
    pub access: Access,
    pub needs: Needs,
    pub why: &'static str,
    /// Paths where it is asked for.
    pub paths: &'static [&'static str],
}

/// Every permission that a call of Tollgate's needs.
pub const PERMISSIONS: &[Permission] = &[
    Permission {
        name: "Customers",
        word: "customer",
        access: Access::Write,
        needs: Needs::Service,
        why: "makes one Stripe customer for each of yours; reads whose an object is",
        paths: &["/v1/customers"],
    },
    Permission {
        name: "Checkout Sessions",
        word: "checkout_session",
        access: Access::Write,
        needs: Needs::Service,
        why: "opens and closes the page on which is bought; reads what was bought",
        paths: &["/v1/checkout/sessions"],
    },
    Permission {
        name: "Customer portal",
        word: "customer_portal",
        access: Access::Write,
        needs: Needs::Service,
        why: "opens the portal; setup says what it offers",
        paths: &["/v1/billing_portal/sessions"],
    },
    Permission {
        name: "Subscriptions",
        word: "subscription",
        access: Access::Read,
        needs: Needs::Service,
        why: "what access follows",
        paths: &["/v1/subscriptions"],
    },
    Permission {
        name: "Invoices",
        word: "invoice",
        access: Access::Read,
        needs: Needs::Service,
        why: "what is paid, and since when not",
        paths: &["/v1/invoices"],
    },
    Permission {
        name: "Charges and Refunds",
        word: "charge",
        access: Access::Read,
        needs: Needs::Service,
        why: "what was paid back",
        paths: &["/v1/charges", "/v1/refunds"],
    },
    Permission {
        name: "Payment Intents",
        word: "payment_intent",
        access: Access::Read,
        needs: Needs::Service,
        why: "Stripe asks for it where sessions and invoices show their payments",
        paths: &["/v1/payment_intents"],
    },
    Permission {
        name: "Disputes",
        word: "dispute",
        access: Access::Read,
        needs: Needs::Service,
        why: "what is disputed",
        paths: &["/v1/disputes"],
    },
    Permission {
        name: "Prices",
        word: "plan",
        access: Access::Read,
        needs: Needs::Service,
        why: "what a checkout sells",
        paths: &["/v1/prices"],
    },
    Permission {
        name: "Events",
        word: "event",
        access: Access::Read,
        needs: Needs::Nice,
        why: "finds what no webhook brought",
        paths: &["/v1/events"],
    },
    Permission {
        name: "Account (KYC basic)",
        word: "accounts_kyc_basic",
        access: Access::Read,
        needs: Needs::Nice,
        why: "which account the key is of, so that a key of another one is refused",
        paths: &["/v1/account"],
    },
    Permission {
        name: "Products",
        word: "product",
        access: Access::Read,
        needs: Needs::Setup,
        why: "compares the catalog with what is sold; drafts one",
        paths: &["/v1/products"],
    },
    Permission {
        name: "Webhook Endpoints",
        word: "webhook",
        access: Access::Write,
        needs: Needs::Setup,
        why: "makes the endpoint; doctor only reads it",
        paths: &["/v1/webhook_endpoints"],
    },
];

#[cfg(test)]
mod tests {
    use tollgate_domain::object::Kind;

    use super::*;

    #[test]
    fn the_events_are_sorted_and_invoice_created_is_none_of_them() {
        assert!(EVENTS.is_sorted_by(|a, b| a.0 < b.0));
        for (event, _) in EVENTS {
            assert!(
                !["invoice.created", "invoice.upcoming", "*"].contains(event),
                "{event}"
            );
        }
    }

    #[test]
    fn every_event_is_about_something_that_access_depends_on_and_all_of_that_is_told() {
        let about = |event: &str| match event {
            it if it.starts_with("checkout.session.") => Kind::CheckoutSession,
            it if it.starts_with("customer.subscription.") => Kind::Subscription,
            it if it.starts_with("charge.dispute.") => Kind::Dispute,
            it => Kind::parse(it.split('.').next().unwrap()).unwrap_or_else(|| panic!("{it}")),
        };
        for kind in Kind::ALL {
            assert!(EVENTS.iter().any(|(event, _)| about(event) == kind), "{kind:?}");
        }
    }
}
