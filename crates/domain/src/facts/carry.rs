//! What a new observation leaves out and an earlier one of the same object said.
//!
//! Stripe's shapes differ by API version and by how one asks: events carry no line items, newer invoices no payments
//! unless they are expanded, lists are cut. What is left out is not taken back.

use crate::object::Object;

/// The new object with what it does not say taken from the known one.
pub(super) fn carry(known: &Object, mut new: Object) -> Object {
    match (known, &mut new) {
        (Object::CheckoutSession(old), Object::CheckoutSession(new)) => {
            keep(&mut new.line_items, &old.line_items);
            keep(&mut new.payment_intent, &old.payment_intent);
            keep(&mut new.latest_charge, &old.latest_charge);
            keep(&mut new.subscription, &old.subscription);
            keep(&mut new.invoice, &old.invoice);
            if new.payment_status.is_unknown() {
                new.payment_status.clone_from(&old.payment_status);
            }
            if new.status.as_ref().is_none_or(|status| status.is_unknown()) {
                new.status.clone_from(&old.status);
            }
        }
        (Object::Subscription(old), Object::Subscription(new)) => {
            keep(&mut new.latest_invoice, &old.latest_invoice);
            // A word of a future API version must not take access away, nor give what it did not give before: the last known
            // status is carried, of what was held then.
            if new.status.is_unknown() {
                new.status.clone_from(&old.status);
                new.items.clone_from(&old.items);
                new.items_cut = old.items_cut;
            } else if new.items_cut {
                let shown: Vec<_> = new.items.iter().map(|item| item.id.clone()).collect();
                new.items
                    .extend(old.items.iter().filter(|item| !shown.contains(&item.id)).cloned());
            }
        }
        (Object::Invoice(old), Object::Invoice(new)) => {
            keep(&mut new.charge, &old.charge);
            if new.payment_intents.is_empty() {
                new.payment_intents.clone_from(&old.payment_intents);
            }
            if new.status.is_unknown() {
                new.status.clone_from(&old.status);
            }
            if new.lines_cut && old.lines.len() > new.lines.len() {
                new.lines.clone_from(&old.lines);
            }
        }
        (Object::Charge(old), Object::Charge(new)) => {
            keep(&mut new.payment_intent, &old.payment_intent);
            keep(&mut new.invoice, &old.invoice);
            if new.status.is_unknown() {
                new.status.clone_from(&old.status);
            }
        }
        (Object::Dispute(old), Object::Dispute(new)) => {
            keep(&mut new.charge, &old.charge);
            keep(&mut new.payment_intent, &old.payment_intent);
            if new.status.is_unknown() {
                new.status.clone_from(&old.status);
            }
        }
        // A deleted customer says nothing else, and is the same customer.
        (Object::Customer(old), Object::Customer(new)) if new.deleted => {
            keep(&mut new.stamp.customer, &old.stamp.customer);
            keep(&mut new.stamp.deployment, &old.stamp.deployment);
            keep(&mut new.test_clock, &old.test_clock);
        }
        (Object::Customer(old), Object::Customer(new)) => {
            keep(&mut new.has_payment_method, &old.has_payment_method);
        }
        _ => {}
    }
    new
}

/// The listed object with what lists do not say taken from the known one: they are cut, and their invoice lines only name their
/// prices.
pub(super) fn as_listed(known: &Object, listed: Object) -> Object {
    let mut listed = carry(known, listed);
    match (known, &mut listed) {
        (Object::Subscription(old), Object::Subscription(new)) => new.items_cut = old.items_cut,
        (Object::Invoice(old), Object::Invoice(new)) => {
            new.lines_cut = old.lines_cut;
            let lines = new.lines.iter_mut().zip(&old.lines);
            for (new, old) in lines.filter_map(|(new, old)| new.price.as_mut().zip(old.price.as_ref())) {
                if new.id == old.id {
                    keep(&mut new.lookup_key, &old.lookup_key);
                }
            }
        }
        _ => {}
    }
    listed
}

fn keep<T: Clone>(new: &mut Option<T>, old: &Option<T>) {
    if new.is_none() {
        new.clone_from(old);
    }
}
