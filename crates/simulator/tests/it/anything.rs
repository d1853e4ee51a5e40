//! Anything that can be done, in any order, by the API, on the portal and by banks: what has to be true stays true.

mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use stripe_simulator::core::DunningEnd;

use crate::told::number;
use world::World;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Advance,
    AddItem,
    Balance,
    Buy,
    BuyOnce,
    Cancel,
    CancelAt,
    CancelAtPeriodEnd,
    Card,
    Coupon,
    Customer,
    CycleNow,
    DecideDispute,
    DeleteCustomer,
    Discount,
    Dispute,
    EndTrial,
    FailRefund,
    Invoice,
    Pause,
    Pay,
    PortalCancel,
    PortalCard,
    PortalChange,
    PortalResume,
    Price,
    Quantity,
    Refund,
    RemoveItem,
    Resume,
    Schedule,
    ScheduleEnd,
    Subscribe,
    Trial,
}

const ENDS: [DunningEnd; 3] = [DunningEnd::Unpaid, DunningEnd::Cancel, DunningEnd::LeavePastDue];

/// How often each is done, of all.
const ACTS: [(u32, Act); 34] = [
    (12, Act::Advance),
    (2, Act::AddItem),
    (2, Act::Balance),
    (2, Act::Buy),
    (1, Act::BuyOnce),
    (1, Act::Cancel),
    (1, Act::CancelAt),
    (1, Act::CancelAtPeriodEnd),
    (5, Act::Card),
    (3, Act::Coupon),
    (4, Act::Customer),
    (2, Act::CycleNow),
    (5, Act::DecideDispute),
    (1, Act::DeleteCustomer),
    (3, Act::Discount),
    (4, Act::Dispute),
    (2, Act::EndTrial),
    (4, Act::FailRefund),
    (5, Act::Invoice),
    (3, Act::Pause),
    (9, Act::Pay),
    (2, Act::PortalCancel),
    (2, Act::PortalCard),
    (4, Act::PortalChange),
    (2, Act::PortalResume),
    (4, Act::Price),
    (5, Act::Quantity),
    (4, Act::Refund),
    (3, Act::RemoveItem),
    (5, Act::Resume),
    (3, Act::Schedule),
    (2, Act::ScheduleEnd),
    (8, Act::Subscribe),
    (2, Act::Trial),
];

/// What is done, to which of the things there are, and how: numbers of which each act takes what it needs.
#[derive(Clone, Debug)]
struct Step {
    act: Act,
    which: usize,
    how: [usize; 5],
}

fn step() -> impl Strategy<Value = Step> {
    let acts: Vec<Act> = ACTS
        .iter()
        .flat_map(|(times, act)| vec![*act; *times as usize])
        .collect();
    (select(acts), 0..64_usize, proptest::array::uniform5(0..60_usize)).prop_map(|(act, which, how)| Step {
        act,
        which,
        how,
    })
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..most)
}

/// What a history came to: the kinds of its events, and what its objects were like in the end or on the way.
fn reached(world: &World) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    let mut count = |what: String| *all.entry(what).or_default() += 1;
    for (act, times) in &world.done {
        (0..*times).for_each(|_| count(format!("done {act}")));
    }
    for event in world.core.events(0) {
        let told = event.to_json();
        let object = &told["data"]["object"];
        count(event.kind.to_owned());
        let mut has = |what: &str, it: bool| {
            if it {
                count(format!("{} {what}", object["object"].as_str().unwrap()));
            }
        };
        if let Some(status) = object["status"].as_str() {
            has(status, true);
        }
        match object["object"].as_str().unwrap() {
            "subscription" => {
                has("pausing collection", object["pause_collection"].is_object());
                has(
                    "waiting for a pending update",
                    object["pending_update"].is_object(),
                );
                has("discounted", object["discounts"] != Value::Array(Vec::new()));
            }
            "subscription_schedule" => {
                let first = object["phases"][0]["start_date"] == object["current_phase"]["start_date"];
                has("in a later phase", object["current_phase"].is_object() && !first);
            }
            "invoice" => {
                has(object["billing_reason"].as_str().unwrap(), true);
                has(
                    "discounted",
                    object["total_discount_amounts"] != Value::Array(Vec::new()),
                );
                has("sent", object["collection_method"] == "send_invoice");
                has("with a credit", number(&object["total"]) < 0);
                has(
                    "paid by credit",
                    number(&object["starting_balance"]) < 0 && number(&object["total"]) > 0,
                );
                let lines = object["lines"]["data"].as_array().unwrap();
                has(
                    "prorated",
                    lines
                        .iter()
                        .any(|it| it["parent"]["subscription_item_details"]["proration"] == true),
                );
            }
            "charge" => has(
                "refunded in part",
                object["refunded"] == false && number(&object["amount_refunded"]) > 0,
            ),
            _ => {}
        }
    }
    all
}

/// What random histories have to come to, or they show nothing of it.
const WANTED: [&str; 53] = [
    "charge failed",
    "charge pending",
    "charge refunded in part",
    "charge succeeded",
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.refunded",
    "checkout.session complete",
    "checkout.session expired",
    "customer.deleted",
    "customer.discount.created",
    "customer.discount.deleted",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "dispute lost",
    "dispute warning_closed",
    "dispute won",
    "invoice discounted",
    "invoice paid by credit",
    "invoice prorated",
    "invoice sent",
    "invoice subscription_create",
    "invoice subscription_cycle",
    "invoice subscription_update",
    "invoice uncollectible",
    "invoice void",
    "invoice with a credit",
    "invoice.overdue",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.sent",
    "invoiceitem.created",
    "payment_intent canceled",
    "payment_intent requires_action",
    "refund pending",
    "refund.failed",
    "subscription canceled",
    "subscription discounted",
    "subscription incomplete_expired",
    "subscription past_due",
    "subscription pausing collection",
    "subscription trialing",
    "subscription unpaid",
    "subscription waiting for a pending update",
    "subscription_schedule canceled",
    "subscription_schedule completed",
    "subscription_schedule in a later phase",
    "subscription_schedule released",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_money_adds_up_periods_tile_and_events_tell_all_in_order(end in select(ENDS.to_vec()), steps in steps(50)) {
        let mut world = World::new(end);
        for step in &steps {
            world.step(step);
            world.check();
        }
        let mut again = World::new(end);
        steps.iter().for_each(|step| again.step(step));
        prop_assert!(world.log() == again.log(), "the same is told of the same steps");
    }
}

#[test]
fn random_histories_reach_everything_that_they_are_to_show() {
    let mut runner = TestRunner::deterministic();
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    for at in 0..48 {
        let steps = proptest::collection::vec(step(), 60)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut world = World::new(ENDS[at % 3]);
        steps.iter().for_each(|step| world.step(step));
        world.check();
        for (what, times) in reached(&world) {
            *all.entry(what).or_default() += times;
        }
    }
    let acts = ACTS.map(|(_, act)| format!("done {act:?}"));
    let wanted = WANTED.iter().map(|it| (*it).to_owned()).chain(acts);
    let never: Vec<String> = wanted.filter(|what| !all.contains_key(what)).collect();
    assert!(never.is_empty(), "{never:?}");
}
