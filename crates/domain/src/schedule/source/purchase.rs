//! One-time purchases: paid checkout sessions, and paid invoice lines that belong to none.

use std::collections::BTreeMap;

use super::payment::Payment;
use super::{Source, Steps, View};
use crate::catalog::{DeletedCustomer, Plan};
use crate::id::PlanId;
use crate::object::{
    CheckoutSession, Invoice, InvoiceStatus, Object, PaymentStatus, SessionMode, SessionStatus,
};
use crate::schedule::Reason;
use crate::time::Timestamp;

struct Purchase<'a> {
    start: Timestamp,
    id: &'a str,
    quantity: u64,
    standing: Reason,
}

pub(super) fn sources<'a>(view: &View<'a>) -> Vec<Source<'a>> {
    let mut purchases: BTreeMap<&'a PlanId, (&'a Plan, Vec<Purchase<'a>>)> = BTreeMap::new();
    let mut add = |(id, plan), purchase| purchases.entry(id).or_insert((plan, vec![])).1.push(purchase);
    for session in view.facts.all(Object::as_session).filter(|session| done(session)) {
        let payment = view.payment_of_session(session);
        for item in session.line_items.iter().flatten() {
            let Some((id, plan)) = view.plan(&item.price) else {
                continue;
            };
            let gone = gone(view, session.stripe_customer.as_ref(), plan);
            let standing = gone.unwrap_or_else(|| standing(session, &payment, plan));
            let start = payment.paid_at().unwrap_or(session.created);
            add(
                (id, plan),
                Purchase {
                    start,
                    id: &session.id,
                    quantity: item.quantity,
                    standing,
                },
            );
        }
    }
    for invoice in view
        .facts
        .all(Object::as_invoice)
        .filter(|invoice| stands_alone(view, invoice))
    {
        let payment = view.payment_of_invoice(invoice);
        let start = invoice.paid_at.unwrap_or(invoice.created);
        for line in invoice.lines.iter().filter(|line| {
            // On a subscription's invoice only a line that covers no period was bought once.
            let once = invoice.subscription.is_none() || line.period_start == line.period_end;
            once && line.subscription_item.is_none() && !line.proration
        }) {
            let Some((id, plan)) = line.price.as_ref().and_then(|price| view.plan(price)) else {
                continue;
            };
            let gone = gone(view, invoice.stripe_customer.as_ref(), plan);
            let standing = gone.unwrap_or_else(|| veto(Reason::Purchased, &payment, plan));
            add(
                (id, plan),
                Purchase {
                    start,
                    id: &invoice.id,
                    quantity: line.quantity,
                    standing,
                },
            );
        }
    }
    purchases
        .into_iter()
        .flat_map(|(id, (plan, purchases))| one_after_another(id, plan, purchases))
        .collect()
}

/// Each purchase of a plan with a duration begins when the one before it is over.
fn one_after_another<'a>(id: &'a PlanId, plan: &Plan, mut purchases: Vec<Purchase<'a>>) -> Vec<Source<'a>> {
    purchases.sort_by_key(|purchase| (purchase.start, purchase.id));
    let mut free = Timestamp::MIN;
    let mut steps = |purchase: &Purchase| match plan.duration {
        Some(duration) if purchase.standing.granted() => {
            // The first answer holds from −∞: whoever has just paid is not made to wait for our clock to agree.
            let start = if free > purchase.start {
                free
            } else {
                Timestamp::MIN
            };
            free = free.max(purchase.start) + duration;
            let bought = Steps::within(start, None, purchase.standing, Reason::NoPlan);
            bought.ending(free, Reason::Expired)
        }
        _ => Steps::always(purchase.standing),
    };
    purchases
        .iter()
        .map(|purchase| Source {
            plan: id,
            object: purchase.id,
            quantity: purchase.quantity,
            paid_through: false,
            steps: steps(purchase),
        })
        .collect()
}

/// Somebody went through it. Old API versions have no status.
fn done(session: &CheckoutSession) -> bool {
    session.mode == SessionMode::Payment
        && match session.status {
            Some(SessionStatus::Complete) => true,
            None => session.payment_status != PaymentStatus::Unpaid,
            _ => false,
        }
}

fn standing(session: &CheckoutSession, payment: &Payment, plan: &Plan) -> Reason {
    match session.payment_status {
        PaymentStatus::Paid | PaymentStatus::NoPaymentRequired => veto(Reason::Purchased, payment, plan),
        PaymentStatus::Unpaid if payment.failed() => Reason::PaymentFailed,
        PaymentStatus::Unpaid if plan.policies.while_processing == Some(true) => Reason::Processing,
        PaymentStatus::Unpaid => Reason::PaymentPending,
        PaymentStatus::Unknown(_) => Reason::Unconfirmed,
    }
}

fn veto(standing: Reason, payment: &Payment, plan: &Plan) -> Reason {
    if payment.refunded(plan.policies.refunds.purchases) {
        Reason::Refunded
    } else if payment.disputed(plan.policies.disputes) {
        Reason::Disputed
    } else {
        standing
    }
}

/// The Stripe customer who bought it was deleted, and the plan ends with them.
fn gone(view: &View, stripe_customer: Option<&String>, plan: &Plan) -> Option<Reason> {
    let ends = plan.policies.deleted_customer == DeletedCustomer::End;
    (ends && stripe_customer.is_some_and(|id| view.is_deleted(id))).then_some(Reason::Canceled)
}

/// One purchased item counts once: an invoice that a one-time session made is that session's.
fn stands_alone(view: &View, invoice: &Invoice) -> bool {
    invoice.status == InvoiceStatus::Paid
        && !view.facts.all(Object::as_session).any(|session| {
            session.mode == SessionMode::Payment && session.invoice.as_ref() == Some(&invoice.id)
        })
}
