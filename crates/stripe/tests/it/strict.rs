//! async-stripe's parser, which knows which properties Stripe's objects must have and which words they may say, reads
//! every object that random histories of the simulator show, at the version that async-stripe is written for.
//!
//! Not read: `webhook_endpoint`, `entitlements.active_entitlement` and its summary, whose types are in a crate that is not
//! built here, and thin events, which have no type.

mod parser;
mod story;
mod world;

use std::sync::LazyLock;

use proptest::prelude::*;
use stripe_simulator::core::Version;

use story::STORY;
use world::World;

/// The world after the story, so that every history has everything to pick from.
static TOLD: LazyLock<World> = LazyLock::new(|| {
    let mut world = World::new();
    let refused: Vec<String> = story::steps()
        .filter_map(|step| world.newest(step).err())
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    world
});

#[test]
fn strict_parser_and_simulator_are_of_the_same_version() {
    assert_eq!(tollgate_stripe::api_version(), Version::default().as_str());
}

#[test]
fn strict_parser_reads_every_kind_of_object_in_every_state() {
    let told = &*TOLD;
    assert!(told.refused.is_empty(), "{:#?}", told.refused);
    let missing: Vec<&str> = parser::KINDS
        .iter()
        .chain(story::STATES)
        .copied()
        .filter(|state| !told.read.contains_key(*state))
        .collect();
    assert!(missing.is_empty(), "never shown: {missing:?} of {:#?}", told.read);
}

#[test]
fn strict_parser_refuses_what_lacks_a_property_or_says_a_word_that_stripe_does_not() {
    let object = |status: &str| format!(r#"{{"object":"event","id":"evt_1","type":"{status}"}}"#);
    let event = serde_json::json!({
        "object": "event", "id": "evt_1", "type": "invoice.paid", "created": 1, "livemode": false,
        "pending_webhooks": 0, "data": { "object": {} },
    });
    assert_eq!(parser::refusal(&event), None);
    let mut other = event.clone();
    other["type"] = "invoice.lost".into();
    assert!(parser::refusal(&other).unwrap().contains("invoice.lost"));
    let lacking = serde_json::from_str(&object("invoice.paid")).unwrap();
    assert!(parser::refusal(&lacking).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn strict_parser_reads_every_object_of_every_history(
        steps in proptest::collection::vec((0..story::steps().count(), any::<u64>()), 1..60),
    ) {
        let mut world = TOLD.clone();
        for (which, pick) in steps {
            // Refusals are fine: Stripe refuses too.
            let _ = world.picked(story::steps().nth(which).unwrap_or(STORY), pick);
            prop_assert!(world.refused.is_empty(), "{:#?}", world.refused);
        }
    }
}
