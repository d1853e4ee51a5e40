//! Anything that can be done, in any order, by the API, on the portal and by banks: what has to be true stays true.

mod by_hand;
mod catalog;
mod reached;
mod subscription;
mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use stripe_simulator::core::DunningEnd;

use reached::{WANTED, reached};
use world::World;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Advance,
    AddItem,
    AddOnce,
    Balance,
    Buy,
    BuyOnce,
    Cancel,
    CancelAt,
    CancelAtPeriodEnd,
    Card,
    Charge,
    ChargeChange,
    ChargeDelete,
    Clock,
    ClockAdvance,
    Collection,
    Coupon,
    CouponDelete,
    Customer,
    CycleNow,
    DecideDispute,
    DeleteCustomer,
    Detach,
    Discount,
    Dispute,
    Draft,
    DraftDelete,
    DraftDiscount,
    EndTrial,
    FailRefund,
    Intent,
    Invoice,
    LookupKey,
    Pause,
    Pay,
    PortalCancel,
    PortalCard,
    PortalChange,
    PortalResume,
    Price,
    PriceSwitch,
    ProductDelete,
    Quantity,
    Refund,
    RemoveItem,
    Resume,
    Schedule,
    ScheduleEnd,
    ScheduleNew,
    SetUp,
    SetupIntent,
    Subscribe,
    Trial,
}

const ENDS: [DunningEnd; 3] = [DunningEnd::Unpaid, DunningEnd::Cancel, DunningEnd::LeavePastDue];

/// How often each is done, of all.
const ACTS: &[(u32, Act)] = &[
    (12, Act::Advance),
    (2, Act::AddItem),
    (2, Act::AddOnce),
    (2, Act::Balance),
    (2, Act::Buy),
    (1, Act::BuyOnce),
    (1, Act::Cancel),
    (1, Act::CancelAt),
    (1, Act::CancelAtPeriodEnd),
    (5, Act::Card),
    (4, Act::Charge),
    (2, Act::ChargeChange),
    (2, Act::ChargeDelete),
    (2, Act::Clock),
    (6, Act::ClockAdvance),
    (3, Act::Collection),
    (3, Act::Coupon),
    (1, Act::CouponDelete),
    (4, Act::Customer),
    (2, Act::CycleNow),
    (5, Act::DecideDispute),
    (1, Act::DeleteCustomer),
    (1, Act::Detach),
    (3, Act::Discount),
    (4, Act::Dispute),
    (4, Act::Draft),
    (1, Act::DraftDelete),
    (2, Act::DraftDiscount),
    (2, Act::EndTrial),
    (4, Act::FailRefund),
    (2, Act::Intent),
    (5, Act::Invoice),
    (1, Act::LookupKey),
    (3, Act::Pause),
    (9, Act::Pay),
    (2, Act::PortalCancel),
    (2, Act::PortalCard),
    (4, Act::PortalChange),
    (2, Act::PortalResume),
    (4, Act::Price),
    (1, Act::PriceSwitch),
    (1, Act::ProductDelete),
    (5, Act::Quantity),
    (4, Act::Refund),
    (3, Act::RemoveItem),
    (5, Act::Resume),
    (3, Act::Schedule),
    (2, Act::ScheduleEnd),
    (2, Act::ScheduleNew),
    (2, Act::SetUp),
    (2, Act::SetupIntent),
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
    for at in 0..72 {
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
    let acts = ACTS.iter().map(|(_, act)| format!("done {act:?}"));
    let wanted = WANTED.iter().map(|it| (*it).to_owned()).chain(acts);
    let never: Vec<String> = wanted.filter(|what| !all.contains_key(what)).collect();
    assert!(never.is_empty(), "{never:?}");
}
