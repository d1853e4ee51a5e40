//! What the rules need of an object and do not know yet: wants by Stripe's ids.

use super::ends::asks_for_customer;
use super::{Facts, Learned, Want};
use crate::object::{
    ChargeStatus, CheckoutSession, Dispute, Invoice, InvoiceStatus, Kind, Object, PriceRef, SessionMode,
    SessionStatus, Subscription, SubscriptionStatus,
};

/// What to fetch now that the object `id` was learned. An answer is not asked for again because of what it left out.
pub(super) fn needs(facts: &Facts, kind: Kind, id: &str, learned: Learned) -> Vec<Want> {
    let Some(known) = facts.objects.get(id) else {
        return vec![];
    };
    let mut wants = vec![];
    if matches!(learned, Learned::Event { .. }) && shown_in_part(&known.object) {
        wants.push(Want::now(kind, id));
    }
    match &known.object {
        Object::CheckoutSession(session) if session.status == Some(SessionStatus::Complete) => {
            wants.extend(absent(facts, Kind::Subscription, session.subscription.as_ref()));
            if session.mode == SessionMode::Subscription {
                // The first invoice: whether anything was ever paid decides about grace later.
                let first = absent(facts, Kind::Invoice, session.invoice.as_ref());
                wants.extend(first.map(|want| Want::confirm(want.kind, &want.id)));
            }
            wants.extend(charge_of(facts, session, learned));
        }
        Object::Invoice(invoice) if invoice.status != InvoiceStatus::Draft => {
            wants.extend(absent(facts, Kind::Subscription, invoice.subscription.as_ref()));
        }
        Object::Subscription(subscription) => {
            wants.extend(invoices_of(facts, subscription));
            if asks_for_customer(facts, subscription) {
                wants.push(Want::now(Kind::Customer, &subscription.stripe_customer));
            }
        }
        Object::Dispute(Dispute {
            charge,
            payment_intent: None,
            ..
        }) => {
            wants.extend(absent(facts, Kind::Charge, charge.as_ref()));
        }
        _ => {}
    }
    wants
}

/// By its charge a purchase begins, and a delayed payment fails: the session itself is `unpaid` then as before
/// (docs.stripe.com/checkout/fulfillment). An event says that something may have become of a pending one.
fn charge_of(facts: &Facts, session: &CheckoutSession, learned: Learned) -> Option<Want> {
    let id = session.latest_charge.as_ref()?;
    let Some(known) = facts.objects.get(id) else {
        return Some(Want::now(Kind::Charge, id));
    };
    let charge = known.object.as_charge()?;
    let open = charge.status != ChargeStatus::Succeeded;
    (open && matches!(learned, Learned::Event { .. })).then(|| Want::now(Kind::Charge, id))
}

/// The invoices by which grace, last paid plan and first payment are told.
fn invoices_of(facts: &Facts, subscription: &Subscription) -> Vec<Want> {
    let latest = subscription.latest_invoice.as_ref();
    match subscription.status {
        // The grace counts from what is open, once that is seen to be so still: the payment of an invoice that was open
        // long ago may have escaped us.
        SubscriptionStatus::PastDue => {
            let news = facts.objects.get(&subscription.id).map(|known| known.from);
            let old = |id: &String| facts.objects.get(id).map(|known| known.to) < news;
            let open = facts.all(Object::as_invoice).filter(|invoice| {
                invoice.subscription.as_ref() == Some(&subscription.id)
                    && invoice.status == InvoiceStatus::Open
            });
            open.map(|invoice| &invoice.id)
                .chain(latest)
                .filter(|id| old(id))
                .map(|id| Want::now(Kind::Invoice, id))
                .collect()
        }
        SubscriptionStatus::Trialing | SubscriptionStatus::Active | SubscriptionStatus::Unpaid => latest
            .filter(|id| !facts.objects.contains_key(*id))
            .map(|id| Want::confirm(Kind::Invoice, id))
            .into_iter()
            .collect(),
        _ => vec![],
    }
}

/// The open invoice `id` once more, because the answer about it set out before its subscription became past due. After
/// a quiet period: should the subscription's instant be wrong, its own confirming fetch puts it right.
pub(super) fn outpaced(facts: &Facts, id: &str) -> Option<Want> {
    let invoice = facts.objects.get(id)?.object.as_invoice()?;
    let subscription = facts.objects.get(invoice.subscription.as_ref()?)?;
    let subscription = subscription.object.as_subscription()?;
    let undecided = subscription.status == SubscriptionStatus::PastDue
        && invoice.status == InvoiceStatus::Open
        && !facts.seen_past_due(subscription, id);
    undecided.then(|| Want::confirm(Kind::Invoice, id))
}

fn absent(facts: &Facts, kind: Kind, id: Option<&String>) -> Option<Want> {
    id.filter(|id| !facts.objects.contains_key(*id))
        .map(|id| Want::now(kind, id))
}

/// Whether access depends on a part that the object does not show.
fn shown_in_part(object: &Object) -> bool {
    match object {
        Object::CheckoutSession(session) => {
            session.mode == SessionMode::Payment
                && !matches!(session.status, Some(SessionStatus::Open | SessionStatus::Expired))
                && session.line_items.is_none()
        }
        Object::Subscription(subscription) => subscription.items_cut,
        Object::Invoice(invoice) => invoice.lines_cut || sells_what_is_not_named(invoice),
        _ => false,
    }
}

/// A paid invoice made by hand gives what its lines sell, of which events name the price's id and no lookup key.
fn sells_what_is_not_named(invoice: &Invoice) -> bool {
    let named = |price: &PriceRef| price.lookup_key.is_some();
    invoice.subscription.is_none()
        && invoice.status == InvoiceStatus::Paid
        && invoice
            .lines
            .iter()
            .any(|line| line.price.as_ref().is_some_and(|price| !named(price)))
}

#[cfg(test)]
mod tests;
