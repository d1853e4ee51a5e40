//! Rules that a shorter program would do without, each by a test whose name says why not.

use serde_json::json;
use tollgate_domain::catalog::{Catalog, parse};
use tollgate_domain::facts::{Facts, Learned, Observation, fold};
use tollgate_domain::id::FeatureId;
use tollgate_domain::object::Object;
use tollgate_domain::schedule::{Reason, Timeline, project};
use tollgate_domain::time::{Span, Timestamp};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn catalog() -> Catalog {
    parse(
        "features: {sso: {type: boolean}, export: {type: boolean}}\n\
         plans:\n\
         \x20 team: {match: {price: price_team}, grants: {sso: true}, grace: 7d}\n\
         \x20 addon: {match: {price: price_addon}, grants: {export: true}}\n",
    )
    .unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(NOW + seconds)
}

fn subscription(status: &str) -> Object {
    let item = |id: &str, price: &str| {
        json!({"id": id, "price": {"id": price, "product": "prod_1", "lookup_key": null}, "quantity": 1,
            "period_start": at(-10 * DAY).0, "period_end": at(20 * DAY).0})
    };
    let object = json!({"object": "subscription", "id": "sub_1", "stripe_customer": "cus_1", "status": status,
        "items": [item("si_1", "price_team"), item("si_2", "price_addon")], "items_cut": false, "created": 0,
        "trial_end": null, "missing_payment_method": "cancel", "has_payment_method": true, "cancel_at": null,
        "cancel_at_period_end": false, "ended_at": null, "cancellation_reason": null,
        "collection_method": "charge_automatically", "latest_invoice": "in_1", "test_clock": null});
    serde_json::from_value(object).unwrap()
}

fn invoice(id: &str, status: &str, day: i64) -> Object {
    let object = json!({"object": "invoice", "id": id, "stripe_customer": "cus_1", "subscription": "sub_1",
        "status": status, "billing_reason": "subscription_cycle", "created": at(day * DAY).0, "total": 1000,
        "due_date": null, "finalized_at": at(day * DAY).0, "paid_at": null, "payment_intents": [], "charge": null,
        "lines_cut": false, "lines": [{"price": {"id": "price_team", "product": "prod_1", "lookup_key": null},
            "quantity": 1, "period_start": at(day * DAY).0, "period_end": at((day + 30) * DAY).0,
            "proration": false, "subscription_item": "si_1"}]});
    serde_json::from_value(object).unwrap()
}

fn learned(objects: Vec<Object>) -> Facts {
    let learned = Learned::Fetch {
        from: at(-1),
        to: at(1),
        covers_seq: 0,
    };
    let observations = (1..)
        .zip(objects)
        .map(|(seq, object)| Observation { seq, object, learned });
    observations.fold(Facts::default(), |facts, observation| fold(facts, observation).0)
}

fn timeline(facts: &Facts, feature: &str) -> Timeline {
    let feature = FeatureId::parse(feature).unwrap();
    project(facts, &[], &catalog()).0.remove(&feature).unwrap()
}

#[test]
fn every_item_of_a_subscription_counts_and_not_only_the_first() {
    let facts = learned(vec![subscription("active")]);
    for feature in ["sso", "export"] {
        assert_eq!(
            timeline(&facts, feature).eval(at(0)).reason,
            Reason::Active,
            "{feature}"
        );
    }
}

#[test]
fn the_grace_counts_from_the_open_invoice_and_not_from_when_its_failure_was_heard_of() {
    let invoices = [invoice("in_0", "paid", -40), invoice("in_1", "open", -6)];
    let facts = learned([&[subscription("past_due")], &invoices[..]].concat());
    let sso = timeline(&facts, "sso");
    let end = at(-6 * DAY) + Span::days(7);
    assert_eq!(sso.eval(Timestamp(end.0 - 1)).reason, Reason::InGrace);
    assert_eq!(sso.eval(end).reason, Reason::PaymentFailed);
}
