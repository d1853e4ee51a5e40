//! What Stripe posts: its outside and the object in it, in any shape.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use serde_json::{Value, json};
use tollgate_domain::object::Object;
use tollgate_stripe::{envelope, event_object, object};

fuzz_target!(|body: &[u8]| {
    let outside = envelope(body);
    let inside = event_object(body);
    // A fetched object is read by the same code, without an envelope.
    for read in [object(body), inside.clone()] {
        match read {
            Ok(Some(object)) => check(&object),
            Ok(None) => {}
            Err(error) => says_nothing_of(body, &error.to_string()),
        }
    }
    let outside = match outside {
        Ok(outside) => outside,
        Err(error) => return says_nothing_of(body, &error.to_string()),
    };
    let texts = [
        &outside.account,
        &outside.api_version,
        &outside.object_kind,
        &outside.object_id,
    ];
    for text in texts.into_iter().flatten().chain([&outside.id]) {
        assert!(!text.is_empty(), "what is empty is absent");
    }
    for text in texts
        .into_iter()
        .flatten()
        .chain([&outside.id, &outside.event_type])
    {
        assert!(!text.contains('\0'), "Postgres cannot store it");
    }
    // The same event, written otherwise, is the same event.
    let event: Value = serde_json::from_slice(body).expect("an envelope was read");
    let again = serde_json::to_vec_pretty(&event).unwrap();
    assert_eq!(envelope(&again).as_ref(), Ok(&outside));
    assert_eq!(event_object(&again), inside);

    if outside.thin {
        assert_eq!(inside, Ok(None), "a thin event carries no object");
        return;
    }
    if let Ok(Some(read)) = &inside {
        assert_eq!(outside.object_kind.as_deref(), Some(read.kind().as_str()));
        assert_eq!(
            outside.object_id.as_deref(),
            Some(read.id()),
            "stored under one id and routed by another"
        );
    }
    if !matches!(
        outside.event_type.as_str(),
        "customer.deleted" | "invoice.deleted" | "invoice.upcoming"
    ) {
        let bare = serde_json::to_vec(&event["data"]["object"]).unwrap();
        assert_eq!(
            object(&bare),
            inside,
            "an event's object and a fetched one are read alike"
        );
    }
});

fn check(object: &Object) {
    assert!(!object.id().is_empty());
    assert_ne!(object.stripe_customer(), Some(""));
    assert!(object.related().iter().all(|id| !id.is_empty()));
    // Facts are stored as JSON and come back unchanged.
    let stored = serde_json::to_string(object).unwrap();
    assert!(!stored.contains("\\u0000"), "Postgres cannot store it");
    let back: Object = serde_json::from_str(&stored).unwrap();
    assert_eq!(&back, object);
}

/// An error is one of a few fixed sentences: it goes into logs, and the body may be anybody's.
fn says_nothing_of(body: &[u8], error: &str) {
    let place = |rest: &str| {
        let (line, column) = rest.strip_suffix(')')?.split_once(" column ")?;
        let lines = body.iter().filter(|byte| **byte == b'\n').count() + 1;
        let within = line.parse::<usize>().ok()? <= lines && column.parse::<usize>().ok()? <= body.len() + 1;
        Some(within)
    };
    let fixed = match error {
        "the event has no id"
        | "the body is JSON, but not an object"
        | "a subscription that names no customer" => true,
        _ => match error.strip_prefix("the body is not JSON (line ") {
            Some(rest) => place(rest) == Some(true),
            None => error
                .strip_prefix("a ")
                .and_then(|rest| rest.strip_suffix(" without an id"))
                .is_some_and(|kind| tollgate_domain::object::Kind::parse(kind).is_some()),
        },
    };
    assert!(fixed, "{error}");
}

// Bytes changed at random are hardly ever JSON any more: half of the changes are made to the tree.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice(u64::from(seed));
    if dice.below(2) == 0
        && let Ok(mut event) = serde_json::from_slice::<Value>(&data[..size])
    {
        for _ in 0..=dice.below(3) {
            change(&mut event, &mut dice);
        }
        let text = serde_json::to_vec(&event).unwrap();
        if text.len() <= max_size {
            data[..text.len()].copy_from_slice(&text);
            return text.len();
        }
    }
    fuzzer_mutate(data, size, max_size)
});

fn change(event: &mut Value, dice: &mut Dice) {
    let words = include_str!("../dictionaries/webhook.txt").lines();
    let words = words.filter_map(|line| line.strip_prefix("\"\\\"")?.strip_suffix("\\\"\""));
    let words: Vec<&str> = words.collect();
    let word = words[dice.below(words.len())];
    let all = nodes(event);
    let value = match dice.below(3) {
        0 => all[dice.below(all.len())].clone(),
        1 => word.into(),
        _ => {
            let leaves = json!([
                null,
                true,
                false,
                0,
                1,
                -1,
                1_700_000_000,
                i64::MAX,
                u64::MAX,
                0.5,
                "",
                "x",
                {},
                []
            ]);
            leaves[dice.below(14)].clone()
        }
    };
    let mut at = dice.below(all.len());
    let node = nth(event, &mut at).expect("one of so many");
    match node {
        Value::Object(fields) if dice.below(3) > 0 => {
            fields.insert(words[dice.below(words.len())].to_owned(), value);
        }
        Value::Object(fields) if !fields.is_empty() && dice.below(3) > 0 => {
            let name = fields.keys().nth(dice.below(fields.len())).cloned();
            fields.remove(&name.unwrap());
        }
        Value::Array(elements) if dice.below(3) > 0 => elements.push(value),
        node => *node = value,
    }
}

fn nodes(value: &Value) -> Vec<&Value> {
    let below: Vec<&Value> = match value {
        Value::Object(fields) => fields.values().flat_map(nodes).collect(),
        Value::Array(elements) => elements.iter().flat_map(nodes).collect(),
        _ => vec![],
    };
    [vec![value], below].concat()
}

/// In the order of `nodes`.
fn nth<'a>(value: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Object(fields) => fields.values_mut().find_map(|value| nth(value, at)),
        Value::Array(elements) => elements.iter_mut().find_map(|value| nth(value, at)),
        _ => None,
    }
}

/// Splitmix64: the fuzzer's seed decides, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}
