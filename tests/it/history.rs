//! The theorem: random histories over everything that the simulator's core does, events shuffled, doubled and lost, in the
//! shapes of five API versions and thin, fetches early, late, overtaken and stale, processes that die between any two
//! durable steps, end in the answers that the final objects call for.
//!
//! Pure. `PROPTEST_CASES` says how many; `TOLLGATE_HISTORY_SEED` which.

mod act;
mod buy;
mod change;
mod oracle;
mod reach;
mod recorded;
mod replicas;
mod rows;
mod service;
mod shop;
mod take;
mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use stripe_simulator::core::DunningEnd;

use act::{Act, History, Step, history};
use reach::Reached;
use world::World;

/// So many at a time, whatever the machine has: the same histories everywhere.
const WORKERS: u64 = 4;

/// Histories, unless somebody asks for more.
const CASES: u64 = 160;

/// Commands of one history, at most.
const MOST: usize = 40;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn runner(worker: u64, cases: u64) -> TestRunner {
    let seed = number("TOLLGATE_HISTORY_SEED").unwrap_or(1);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&worker.to_le_bytes());
    let config = ProptestConfig {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn ends_well(history: &History, world: &World) -> Result<(), TestCaseError> {
    prop_assert_eq!(world.doubtful(), Vec::<String>::new(), "nothing is in doubt");
    prop_assert_eq!(world.waits_in_vain(), Vec::<String>::new());
    prop_assert_eq!(world.locked_out(), Vec::<String>::new());
    prop_assert_eq!(world.astray(), None, "of {:?}", history);
    Ok(())
}

#[test]
fn any_way_from_stripe_to_the_answers_ends_in_what_the_final_objects_call_for() {
    let cases = number("PROPTEST_CASES").unwrap_or(CASES);
    let work = |worker: u64| {
        let reached = std::cell::RefCell::new(Reached::default());
        let outcome = runner(worker, cases / WORKERS).run(&history(MOST), |history| {
            let world = World::after(&history, true);
            ends_well(&history, &world)?;
            reached.borrow_mut().add(&world);
            Ok(())
        });
        match outcome {
            Ok(()) => reached.into_inner(),
            Err(TestError::Fail(why, least)) => panic!("worker {worker}: {why}\n{least:#?}"),
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
    };
    let reached = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|it| scope.spawn(move || work(it))).collect();
        let mut all = Reached::default();
        for worker in workers {
            all.merge(worker.join().unwrap());
        }
        all
    });
    eprintln!("{cases} histories: {reached:?}");
    // A few are asked for when one of them is looked at.
    if cases < CASES {
        return;
    }
    assert_eq!(reached.missing(), Vec::<String>::new());
}

#[test]
fn without_fetches_some_histories_end_elsewhere() {
    let mut runner = runner(0, 1);
    let histories = (0..40).map(|_| history(MOST).new_tree(&mut runner).unwrap().current());
    let astray = histories.filter(|history| World::after(history, false).astray().is_some());
    let astray = astray.count();
    assert!(astray > 10, "the property bites: {astray} of 40 differ");
}

fn step(act: Act, which: usize, how: [usize; 5]) -> Step {
    Step { act, which, how }
}

#[test]
fn whichever_durable_step_is_the_last_of_a_process_the_answers_are_the_same() {
    // A purchase by a delayed method that settles, a renewal that fails, a refund: each station and each kind of want.
    let history = History {
        dunning_end: DunningEnd::Unpaid,
        steps: vec![
            step(Act::Buy, 0, [0, 1, 1, 3, 1]),
            step(Act::Advance, 0, [20, 0, 3, 0, 0]),
            step(Act::Card, 0, [2, 0, 0, 0, 0]),
            step(Act::Advance, 0, [0, 0, 4, 0, 0]),
            step(Act::Refund, 0, [0, 1, 0, 0, 0]),
        ],
        seed: 11,
    };
    let mut at = 0;
    loop {
        let world = World::with(&history, true, Some(at));
        ends_well(&history, &world).unwrap_or_else(|why| panic!("it dies at {at}: {why}"));
        if at > world.service.durable {
            break;
        }
        at += 1;
    }
    assert!(at > 100, "{at} steps are durable");
}

#[test]
fn a_want_is_not_forgotten_by_whoever_fetched_for_one_before_it() {
    let history = History {
        dunning_end: DunningEnd::Cancel,
        steps: vec![
            step(Act::BuyOnce, 8, [0, 0, 6, 13, 1]),
            step(Act::Cancel, 0, [0; 5]),
            step(Act::DeleteCustomer, 8, [0; 5]),
            step(Act::BuyOnce, 0, [0, 0, 1, 21, 1]),
            step(Act::AddItem, 0, [0; 5]),
            step(Act::Buy, 0, [0, 0, 1, 31, 1]),
            step(Act::Advance, 0, [1, 0, 16, 0, 0]),
            step(Act::Buy, 0, [0, 0, 0, 18, 0]),
            step(Act::AddItem, 0, [0; 5]),
            step(Act::Quantity, 0, [0, 0, 33, 0, 0]),
            step(Act::AddItem, 0, [0; 5]),
            step(Act::AddItem, 0, [0; 5]),
        ],
        seed: 3_963_064_434_547_767_663,
    };
    let world = World::after(&history, true);
    ends_well(&history, &world).unwrap();
}
