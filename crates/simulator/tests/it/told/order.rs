//! In which order an object's events come.

/// The order in which Stripe tells of one object's life (docs.stripe.com/api/events/types): what is made is told of as
/// made first, what is over is told of last, and nothing happens twice that can happen once.
pub fn in_order(kinds: &[&'static str], id: &str) {
    /// These come first if there is one.
    const FIRST: [&str; 14] = [
        "customer.created",
        "customer.subscription.created",
        "customer.discount.created",
        "invoice.created",
        "invoiceitem.created",
        "payment_intent.created",
        "setup_intent.created",
        "subscription_schedule.created",
        "charge.dispute.created",
        "coupon.created",
        "promotion_code.created",
        "product.created",
        "price.created",
        "billing_portal.session.created",
    ];
    /// Nothing follows them.
    const LAST: [&str; 9] = [
        "customer.deleted",
        "customer.discount.deleted",
        "invoice.deleted",
        "invoiceitem.deleted",
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "setup_intent.succeeded",
        "setup_intent.canceled",
        "checkout.session.expired",
    ];
    /// What comes somewhere after another one, and once.
    const AFTER: [(&str, &str); 8] = [
        ("invoice.finalized", "invoice.created"),
        ("invoice.paid", "invoice.finalized"),
        ("invoice.voided", "invoice.finalized"),
        ("invoice.marked_uncollectible", "invoice.finalized"),
        ("customer.subscription.deleted", "customer.subscription.created"),
        ("charge.dispute.closed", "charge.dispute.created"),
        ("subscription_schedule.completed", "subscription_schedule.created"),
        ("subscription_schedule.released", "subscription_schedule.created"),
    ];
    let (last, earlier) = kinds.split_last().unwrap();
    let told = |kind: &str| earlier.contains(&kind);
    if FIRST.contains(last) {
        assert!(earlier.is_empty(), "{kinds:?} of {id}");
    }
    let created = |kind: &&str| {
        FIRST
            .iter()
            .any(|first| first.strip_suffix("created") == Some(stem(kind)))
    };
    if earlier.is_empty() && created(last) {
        assert!(FIRST.contains(last), "{kinds:?} of {id}");
    }
    assert!(!LAST.iter().any(|kind| told(kind)), "{kinds:?} of {id}");
    for (kind, first) in AFTER.iter().filter(|(kind, _)| kind == last) {
        assert!(told(first) && !told(kind), "{kinds:?} of {id}");
    }
    // docs.stripe.com/billing/subscriptions/webhooks: these two tell of the same.
    if *last == "invoice.payment_succeeded" {
        assert!(told("invoice.paid") && !told(last), "{kinds:?} of {id}");
    }
    if told("invoice.paid") || told("invoice.voided") {
        let after = ["invoice.payment_succeeded", "invoice.updated"];
        assert!(after.contains(last), "{kinds:?} of {id}");
    }
}

/// `invoice.` of `invoice.paid`.
fn stem(kind: &str) -> &str {
    &kind[..=kind.rfind('.').unwrap()]
}
