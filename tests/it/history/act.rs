//! What can be done at Stripe, and how often each is done.

use proptest::prelude::*;
use proptest::sample::select;
use stripe_simulator::core::DunningEnd;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    AddItem,
    Advance,
    Archive,
    Buy,
    BuyOnce,
    Cancel,
    CancelAt,
    CancelAtPeriodEnd,
    Card,
    Customer,
    CycleNow,
    DecideDispute,
    DeleteCustomer,
    Discount,
    Dispute,
    EndTrial,
    FailRefund,
    Invoice,
    Link,
    MoveKey,
    Outside,
    Pause,
    Pay,
    Price,
    Quantity,
    Refund,
    RemoveItem,
    Resume,
    Schedule,
    ScheduleEnd,
    SellByInvoice,
    Session,
    Subscribe,
    Trial,
}

/// Of all, so often.
pub const ACTS: &[(u32, Act)] = &[
    (3, Act::AddItem),
    (34, Act::Advance),
    (1, Act::Archive),
    (5, Act::Buy),
    (4, Act::BuyOnce),
    (2, Act::Cancel),
    (2, Act::CancelAt),
    (3, Act::CancelAtPeriodEnd),
    (8, Act::Card),
    (2, Act::Customer),
    (2, Act::CycleNow),
    (4, Act::DecideDispute),
    (1, Act::DeleteCustomer),
    (2, Act::Discount),
    (3, Act::Dispute),
    (3, Act::EndTrial),
    (2, Act::FailRefund),
    (4, Act::Invoice),
    (4, Act::Link),
    (1, Act::MoveKey),
    (1, Act::Outside),
    (2, Act::Pause),
    (6, Act::Pay),
    (4, Act::Price),
    (6, Act::Quantity),
    (5, Act::Refund),
    (2, Act::RemoveItem),
    (6, Act::Resume),
    (3, Act::Schedule),
    (3, Act::ScheduleEnd),
    (2, Act::SellByInvoice),
    (3, Act::Session),
    (9, Act::Subscribe),
    (2, Act::Trial),
];

/// What is done, to which of the things there are, and how: numbers of which each act takes what it needs.
#[derive(Clone, Debug)]
pub struct Step {
    pub act: Act,
    pub which: usize,
    pub how: [usize; 5],
}

/// What happens at Stripe, and the seed of everything that happens on the way from Stripe to the answers.
#[derive(Clone, Debug)]
pub struct History {
    pub dunning_end: DunningEnd,
    pub steps: Vec<Step>,
    pub seed: u64,
}

pub fn history(most: usize) -> impl Strategy<Value = History> {
    let ends = vec![DunningEnd::Cancel, DunningEnd::Unpaid, DunningEnd::LeavePastDue];
    let steps = proptest::collection::vec(step(), most / 5..most);
    (select(ends), steps, any::<u64>()).prop_map(|(dunning_end, steps, seed)| History {
        dunning_end,
        steps,
        seed,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let acts: Vec<Act> = ACTS
        .iter()
        .flat_map(|(times, act)| vec![*act; *times as usize])
        .collect();
    let how = proptest::array::uniform5(0..60_usize);
    (select(acts), 0..64_usize, how).prop_map(|(act, which, how)| Step { act, which, how })
}
