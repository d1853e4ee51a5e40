//! The protocol against a client that keeps a map as the contract's loop says, over random histories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use tollgate_domain::catalog::{self, Value};
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::revision::{Revision, Token};
use tollgate_domain::schedule::{Answer, Reason, Schedule, Timeline};
use tollgate_domain::time::{Span, Timestamp};
use tollgate_store::Position;

use super::cursor::{Cursor, Next};
use crate::api::grpc::convert;
use crate::api::grpc::proto::watch_entitlements_response::Event;
use crate::api::grpc::proto::{Defaults, FeatureSchedule, Start, WatchEntitlementsResponse};
use crate::feed::filter::{Filter, Whom};
use crate::feed::ring::Ring;
use crate::feed::state::{Change, State};

const NOW: Timestamp = Timestamp(1_000_000);

fn position(head: usize) -> Position {
    Position {
        system: 1,
        timeline: 1,
        diverged: false,
        epoch: 10,
        parent: None,
        head: i64::try_from(head).unwrap(),
        in_recovery: false,
        at: NOW,
    }
}

fn customer(id: u8) -> CustomerId {
    CustomerId::parse(&format!("c{id}")).unwrap()
}

fn feature(name: &str) -> FeatureId {
    FeatureId::parse(name).unwrap()
}

fn schedule(seats: u64, sso: bool) -> Schedule {
    let answer = |value| Answer {
        reason: Reason::Active,
        value,
        plans: vec![],
    };
    let mut features = BTreeMap::new();
    if seats > 0 {
        features.insert(
            feature("seats"),
            Timeline::always(answer(Value::Limit(Some(seats)))),
        );
    }
    if sso {
        features.insert(feature("sso"), Timeline::always(answer(Value::Enabled(true))));
    }
    Schedule(features)
}

fn history() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        8 => (0u8..8, 0u64..4, any::<bool>())
            .prop_map(|(id, seats, sso)| Change::Customer(customer(id), schedule(seats, sso))),
        1 => (1u8..9).prop_map(|seats| {
            let yaml = format!(
                "features:\n  seats: {{type: limit, combine: sum}}\n  sso: {{type: boolean}}\ndefaults: {{seats: {seats}}}"
            );
            Change::Defaults(Arc::new(catalog::parse(&yaml).unwrap()))
        }),
        1 => Just(Change::Nothing),
    ];
    prop::collection::vec(change, 0..50)
}

fn filter() -> impl Strategy<Value = Filter> {
    let whom = prop_oneof![
        Just(Whom::All),
        prop::collection::btree_set(0u8..10, 1..5)
            .prop_map(|ids| Whom::Named(ids.into_iter().map(customer).collect())),
        Just(Whom::prefixes(["c3".to_owned()])),
    ];
    let features = prop_oneof![
        2 => Just(BTreeSet::new()),
        1 => Just(BTreeSet::from([feature("sso"), feature("unheard_of")])),
    ];
    (whom, features).prop_map(|(whom, features)| Filter { whom, features })
}

/// A server's memory that grows while streams are read.
struct Server {
    history: Vec<Change>,
    state: State,
    frames: Ring<Event>,
}

impl Server {
    fn new(history: Vec<Change>, generation: u64) -> Server {
        Server {
            history,
            state: State::empty(&position(0), generation),
            frames: Ring::new(7),
        }
    }

    fn grow(&mut self, by: usize) {
        let from = usize::try_from(self.state.head().number).unwrap();
        let to = self.history.len().min(from + by);
        let changes = (from..to)
            .map(|at| (at as i64 + 1, self.history[at].clone()))
            .collect();
        self.state.advance(&position(to), changes, NOW).unwrap();
    }

    fn is_grown(&self) -> bool {
        self.state.head().number == self.history.len() as i64
    }

    fn open(&self, filter: &Filter, revision: &str) -> Cursor {
        let token = (!revision.is_empty()).then(|| Token::decode(revision).unwrap());
        let resumed = token.map(|token| {
            assert_eq!(token.filter, filter.hash());
            (token.revision.number, revision.to_owned())
        });
        Cursor::new(filter.clone(), self.state.generation(), resumed, Span::seconds(5))
    }

    fn next(&self, cursor: &mut Cursor) -> Option<WatchEntitlementsResponse> {
        loop {
            match cursor.next(&self.state, &self.frames, NOW, false) {
                Next::Frame(frame) => return Some(frame),
                Next::More => {}
                Next::Nothing => return None,
                Next::Reloaded => panic!("nothing was reloaded"),
            }
        }
    }

    /// What a client must hold, said without any walk.
    fn truth(&self, filter: &Filter) -> (BTreeMap<String, Vec<FeatureSchedule>>, Option<Defaults>) {
        let mut map = BTreeMap::new();
        let mut defaults = None;
        for change in &self.history[..usize::try_from(self.state.head().number).unwrap()] {
            match change {
                Change::Customer(customer, schedule) if filter.lets_customer(customer) => {
                    let set = convert::customer_entitlements(customer, schedule, filter);
                    map.insert(set.customer, set.features);
                }
                Change::Defaults(catalog) => {
                    let active = crate::feed::state::Defaults::new(0, catalog.clone());
                    defaults = Some(convert::defaults(&active, filter));
                }
                _ => {}
            }
        }
        map.retain(|_, features| !features.is_empty());
        (map, defaults)
    }
}

/// The loop of the contract.
#[derive(Default)]
struct Client {
    map: BTreeMap<String, Vec<FeatureSchedule>>,
    defaults: Option<Defaults>,
    revision: String,
    position: String,
    snapshot: bool,
    seen: BTreeSet<String>,
}

impl Client {
    /// Takes a frame; `true`: the map is complete.
    fn take(&mut self, frame: WatchEntitlementsResponse) -> bool {
        let event = frame.event.unwrap();
        if let Event::Opened(opened) = &event {
            self.snapshot = opened.start() == Start::Snapshot;
            self.position = if self.snapshot {
                String::new()
            } else {
                self.revision.clone()
            };
            self.seen.clear();
        }
        assert_eq!(frame.previous_revision, self.position, "a frame was lost");
        self.position = frame.revision;
        let complete = matches!(event, Event::Checkpoint(_));
        match event {
            Event::Defaults(defaults) => self.defaults = Some(defaults),
            Event::CustomerEntitlements(set) => {
                self.seen.insert(set.customer.clone());
                if set.features.is_empty() {
                    self.map.remove(&set.customer);
                } else {
                    self.map.insert(set.customer, set.features);
                }
            }
            Event::Checkpoint(_) if self.snapshot => {
                self.map.retain(|customer, _| self.seen.contains(customer));
                self.snapshot = false;
            }
            _ => {}
        }
        if !self.position.is_empty() {
            self.revision.clone_from(&self.position);
        }
        complete
    }
}

proptest! {
    #[test]
    fn at_every_checkpoint_the_map_is_the_state_however_the_stream_was_cut(
        history in history(),
        filter in filter(),
        // Between two frames: the feed grows by so much, and the stream is cut or not.
        events in prop::collection::vec((0usize..6, prop::bool::weighted(0.2)), 1..60),
    ) {
        let mut server = Server::new(history, 1);
        let mut client = Client::default();
        let mut cursor = server.open(&filter, "");
        let mut events = events.into_iter();
        loop {
            let event = events.next();
            if let Some((growth, cut)) = event {
                server.grow(growth);
                if cut {
                    cursor = server.open(&filter, &client.revision);
                }
            } else if !server.is_grown() {
                server.grow(usize::MAX >> 1);
            }
            let Some(frame) = server.next(&mut cursor) else {
                if event.is_none() {
                    break;
                }
                continue;
            };
            if client.take(frame) {
                prop_assert_eq!((client.map.clone(), client.defaults.clone()), server.truth(&filter));
            }
        }
        prop_assert_eq!((client.map, client.defaults), server.truth(&filter));
    }

    #[test]
    fn a_filtered_stream_beside_an_unfiltered_one_is_the_unfiltered_one_filtered(
        history in history(),
        filter in filter(),
        growth in prop::collection::vec(0usize..6, 0..20),
    ) {
        let mut server = Server::new(history, 1);
        let everything = Filter::everything();
        let mut all = (server.open(&everything, ""), Client::default());
        let mut some = (server.open(&filter, ""), Client::default());
        for by in growth {
            server.grow(by);
            for (cursor, client) in [&mut all, &mut some] {
                while let Some(frame) = server.next(cursor) {
                    client.take(frame);
                }
            }
            let (mut map, mut defaults) = (all.1.map.clone(), all.1.defaults.clone());
            let passes = |it: &mut FeatureSchedule| filter.lets_feature(&feature(&it.feature));
            map.retain(|name, _| filter.lets_customer(&CustomerId::parse(name).unwrap()));
            map.values_mut().for_each(|features| features.retain_mut(passes));
            map.retain(|_, features| !features.is_empty());
            defaults.iter_mut().for_each(|defaults| defaults.features.retain_mut(passes));
            prop_assert_eq!((&some.1.map, &some.1.defaults), (&map, &defaults));
        }
    }

    #[test]
    fn every_named_customer_of_a_snapshot_is_sent(history in history(), names in prop::collection::btree_set(0u8..10, 1..5)) {
        let filter = Filter {
            whom: Whom::Named(names.iter().map(|name| customer(*name)).collect()),
            features: BTreeSet::new(),
        };
        let mut server = Server::new(history, 1);
        server.grow(1_000);
        let mut cursor = server.open(&filter, "");
        let mut client = Client::default();
        while let Some(frame) = server.next(&mut cursor) {
            client.take(frame);
        }
        prop_assert_eq!(client.seen, names.iter().map(|name| customer(*name).to_string()).collect());
    }
}

fn kinds(server: &Server, cursor: &mut Cursor) -> Vec<(&'static str, WatchEntitlementsResponse)> {
    let mut frames = vec![];
    while let Some(frame) = server.next(cursor) {
        let kind = match frame.event.as_ref().unwrap() {
            Event::Opened(_) => "opened",
            Event::Defaults(_) => "defaults",
            Event::CustomerEntitlements(_) => "customer",
            Event::Checkpoint(_) => "checkpoint",
            Event::Closing(_) => "closing",
        };
        frames.push((kind, frame));
    }
    frames
}

fn names(frames: &[(&'static str, WatchEntitlementsResponse)]) -> Vec<&'static str> {
    frames.iter().map(|(kind, _)| *kind).collect()
}

#[test]
fn a_snapshot_has_no_revision_before_its_checkpoint_and_then_every_frame_continues_the_last() {
    let defaults = catalog::parse("features: {sso: {type: boolean}}").unwrap();
    let history = vec![
        Change::Defaults(Arc::new(defaults)),
        Change::Customer(customer(1), schedule(0, true)),
        Change::Customer(customer(2), schedule(0, true)),
        Change::Nothing,
        Change::Customer(customer(1), schedule(0, false)),
    ];
    let mut server = Server::new(history, 1);
    server.grow(4);
    let filter = Filter::everything();
    let mut cursor = server.open(&filter, "");
    let frames = kinds(&server, &mut cursor);
    assert_eq!(
        names(&frames),
        ["opened", "defaults", "customer", "customer", "checkpoint"]
    );
    assert!(frames[..4].iter().all(|(_, frame)| frame.revision.is_empty()));
    let at = |number| filter.token(Revision { epoch: 10, number }).encode();
    assert_eq!(frames[4].1.revision, at(4));

    server.grow(1);
    let frames = kinds(&server, &mut cursor);
    assert_eq!(names(&frames), ["customer", "checkpoint"]);
    assert_eq!(
        (&frames[0].1.previous_revision, &frames[0].1.revision),
        (&at(4), &at(5))
    );
    assert_eq!(
        (&frames[1].1.previous_revision, &frames[1].1.revision),
        (&at(5), &at(5))
    );

    let resumed = kinds(&server, &mut server.open(&filter, &at(2)));
    assert_eq!(names(&resumed), ["opened", "customer", "customer", "checkpoint"]);
    assert_eq!(
        (&resumed[0].1.previous_revision, &resumed[0].1.revision),
        (&at(2), &at(2))
    );
}

#[test]
fn a_change_that_concerns_nobody_here_is_no_frame() {
    let filter = Filter {
        whom: Whom::prefixes(["x".to_owned()]),
        features: BTreeSet::new(),
    };
    let mut server = Server::new(vec![Change::Customer(customer(1), schedule(1, true)); 3], 1);
    let mut cursor = server.open(&filter, "");
    assert_eq!(names(&kinds(&server, &mut cursor)), ["opened", "checkpoint"]);
    server.grow(3);
    assert!(kinds(&server, &mut cursor).is_empty());
    assert!(matches!(
        cursor.next(&server.state, &server.frames, NOW, true),
        Next::Frame(_)
    ));
}

#[test]
fn a_feature_that_nobody_knows_is_warned_of_and_does_not_cut_the_stream() {
    let filter = Filter {
        whom: Whom::All,
        features: BTreeSet::from([feature("sso"), feature("nonsense")]),
    };
    let defaults = catalog::parse("features: {sso: {type: boolean}}").unwrap();
    let mut server = Server::new(vec![Change::Defaults(Arc::new(defaults))], 1);
    server.grow(1);
    let frames = kinds(&server, &mut server.open(&filter, ""));
    let Some(Event::Opened(opened)) = &frames[0].1.event else {
        panic!("{frames:?}")
    };
    assert_eq!(opened.unknown_features, ["nonsense"]);
    assert_eq!(names(&frames), ["opened", "defaults", "checkpoint"]);
}

#[test]
fn a_memory_that_was_filled_anew_ends_the_stream() {
    let before = Server::new(vec![], 1);
    let after = Server::new(vec![], 2);
    let mut cursor = before.open(&Filter::everything(), "");
    assert!(before.next(&mut cursor).is_some());
    assert!(matches!(
        cursor.next(&after.state, &after.frames, NOW, false),
        Next::Reloaded
    ));
}
