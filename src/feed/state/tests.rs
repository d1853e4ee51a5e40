use std::collections::BTreeSet;

use proptest::prelude::*;
use tollgate_domain::catalog;
use tollgate_domain::schedule::Timeline;

use super::*;

fn position(head: i64) -> Position {
    Position {
        system: 1,
        timeline: 1,
        diverged: false,
        epoch: 10,
        parent: None,
        head,
        in_recovery: false,
        at: Timestamp(0),
    }
}

fn customer(id: u8) -> CustomerId {
    CustomerId::parse(&format!("c{id}")).unwrap()
}

fn feature(name: &str) -> FeatureId {
    FeatureId::parse(name).unwrap()
}

fn seats(amount: u64) -> Schedule {
    let answer = Answer {
        reason: Reason::Active,
        value: Value::Limit(Some(amount)),
        plans: vec![],
    };
    Schedule([(feature("seats"), Timeline::always(answer))].into())
}

fn catalog(yaml: &str) -> Arc<Catalog> {
    Arc::new(catalog::parse(yaml).unwrap())
}

fn with_seats(amount: u8) -> Arc<Catalog> {
    catalog(&format!(
        "features: {{seats: {{type: limit, combine: sum}}}}\ndefaults: {{seats: {amount}}}\nplans: {{}}"
    ))
}

/// A history: what each revision from 1 on says.
fn history() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        8 => (0u8..12, 0u64..4).prop_map(|(id, amount)| {
            Change::Customer(customer(id), if amount == 0 { Schedule::default() } else { seats(amount) })
        }),
        1 => (0u8..9).prop_map(|amount| Change::Defaults(with_seats(amount))),
        1 => Just(Change::Nothing),
    ];
    prop::collection::vec(change, 0..60)
}

fn filter() -> impl Strategy<Value = Filter> {
    let whom = prop_oneof![
        Just(Whom::All),
        prop::collection::btree_set(0u8..14, 0..6)
            .prop_map(|ids| Whom::Named(ids.into_iter().map(customer).collect())),
        Just(Whom::prefixes(["c1".to_owned()])),
    ];
    whom.prop_map(|whom| Filter {
        whom,
        features: BTreeSet::new(),
    })
}

fn extend(state: &mut State, changes: &[Change], head: usize) {
    let from = state.head + 1;
    let changes = (from..)
        .zip(changes[state.head as usize..head].iter().cloned())
        .collect();
    assert_eq!(
        state.advance(&position(head as i64), changes, Timestamp(1)),
        Ok(true)
    );
}

fn at(changes: &[Change], head: usize) -> State {
    let mut state = State::empty(&position(0), 1);
    extend(&mut state, changes, head);
    state
}

/// What a walker holds: each customer's last schedule, and the defaults.
#[derive(Clone, Debug, Default, PartialEq)]
struct Held {
    customers: BTreeMap<CustomerId, Schedule>,
    defaults: Option<Arc<Catalog>>,
}

impl Held {
    fn take(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            match entry {
                Entry::Customer(row) => _ = self.customers.insert(row.customer.clone(), row.schedule.clone()),
                Entry::Defaults(defaults) => self.defaults = Some(defaults.catalog.clone()),
            }
        }
    }

    fn follow(&mut self, state: &State, cursor: &mut i64, filter: &Filter) {
        while *cursor < state.head {
            let walk = state.walk(*cursor, 3, filter);
            assert!(walk.cursor > *cursor);
            self.take(walk.entries);
            *cursor = walk.cursor;
        }
    }

    fn filtered(mut self, filter: &Filter) -> Held {
        self.customers
            .retain(|customer, _| filter.lets_customer(customer));
        self
    }
}

fn held(state: &State) -> Held {
    Held {
        customers: state
            .customers
            .values()
            .map(|row| (row.customer.clone(), row.schedule.clone()))
            .collect(),
        defaults: state.defaults.as_ref().map(|defaults| defaults.catalog.clone()),
    }
}

proptest! {
    #[test]
    fn a_snapshot_at_any_revision_and_the_changes_after_it_are_the_state(
        changes in history(),
        filter in filter(),
        cuts in prop::collection::vec(0usize..61, 0..4),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(changes.len())).collect();
        cuts.push(changes.len());
        cuts.sort_unstable();
        let mut state = at(&[], 0);
        let (mut map, mut cursor) = (Held::default(), 0);
        for cut in cuts {
            extend(&mut state, &changes, cut);
            map.follow(&state, &mut cursor, &filter);
            prop_assert_eq!(&map, &held(&state).filtered(&filter));
        }
    }

    #[test]
    fn a_walk_that_the_feed_overtakes_at_every_step_still_ends_complete(
        changes in history(),
        filter in filter(),
        start in 0usize..61,
    ) {
        let mut state = at(&changes, start.min(changes.len()));
        let (mut map, mut cursor) = (Held::default(), 0);
        loop {
            let walk = state.walk(cursor, 1, &filter);
            map.take(walk.entries);
            cursor = walk.cursor;
            if (state.head as usize) < changes.len() {
                let next = state.head as usize + 1;
                extend(&mut state, &changes, next);
            } else if cursor == state.head {
                break;
            }
        }
        prop_assert_eq!(map, held(&state).filtered(&filter));
    }

    #[test]
    fn a_state_loaded_by_pages_while_the_feed_grows_is_the_state_that_was_followed(
        changes in history(),
        page in 1usize..5,
    ) {
        let mut loaded = State::empty(&position(0), 1);
        let mut database = at(&changes, changes.len() / 3);
        loop {
            let walk = database.walk(loaded.head, usize::MAX, &Filter::everything());
            let rows = walk.entries.into_iter().filter_map(|entry| match entry {
                Entry::Customer(row) => {
                    Some(Row { customer: row.customer.clone(), number: row.number, schedule: row.schedule.clone() })
                }
                Entry::Defaults(_) => None,
            });
            let rows: Vec<Row> = rows.take(page).collect();
            let last = rows.len() < page;
            loaded.load(&position(database.head), rows, last).unwrap();
            if last {
                break;
            }
            let next = changes.len().min(database.head as usize + 2);
            extend(&mut database, &changes, next);
        }
        if let Some(defaults) = database.defaults() {
            loaded.load_defaults(defaults.number, defaults.catalog.clone());
        }
        extend(&mut loaded, &changes, changes.len());
        let followed = at(&changes, changes.len());
        prop_assert_eq!(&loaded.by_revision, &followed.by_revision);
        prop_assert_eq!(&loaded.customers, &followed.customers);
    }
}

#[test]
fn rows_that_do_not_continue_the_head_are_refused_and_nothing_is_taken() {
    let mut state = at(&[Change::Nothing], 1);
    let gap = vec![(3, Change::Nothing)];
    let lost = Lost::Gap {
        expected: 2,
        found: Some(3),
    };
    assert_eq!(state.advance(&position(3), gap, Timestamp(5)), Err(lost));
    let lost = Lost::Gap {
        expected: 2,
        found: None,
    };
    assert_eq!(state.advance(&position(3), vec![], Timestamp(5)), Err(lost));
    let lost = Lost::WentBack { ours: 1, theirs: 0 };
    assert_eq!(state.advance(&position(0), vec![], Timestamp(5)), Err(lost));
    assert_eq!((state.head, state.fresh_at), (1, Some(Timestamp(1))));
}

#[test]
fn only_a_primary_at_its_head_says_that_this_is_fresh() {
    let mut state = at(&[], 0);
    let behind = state.advance(&position(2), vec![(1, Change::Nothing)], Timestamp(5));
    assert_eq!((behind, state.fresh_at), (Ok(false), Some(Timestamp(1))));
    let standby = Position {
        in_recovery: true,
        ..position(1)
    };
    assert_eq!(
        (state.advance(&standby, vec![], Timestamp(6)), state.fresh_at),
        (Ok(false), Some(Timestamp(1)))
    );
    let no_epoch_yet = Position {
        diverged: true,
        ..position(1)
    };
    assert_eq!(state.advance(&no_epoch_yet, vec![], Timestamp(6)), Ok(false));
    assert_eq!(state.advance(&position(1), vec![], Timestamp(7)), Ok(true));
    assert_eq!(state.fresh_at, Some(Timestamp(7)));
}

#[test]
fn a_failover_that_lost_nothing_of_ours_goes_on_under_the_new_epoch() {
    let mut state = at(&[Change::Nothing], 1);
    let old = state.head();
    let promoted = Position {
        epoch: 20,
        parent: Some((10, 1)),
        ..position(2)
    };
    assert_eq!(
        state.advance(&promoted, vec![(2, Change::Nothing)], Timestamp(5)),
        Ok(true)
    );
    assert_eq!(state.head(), Revision { epoch: 20, number: 2 });
    assert_eq!(state.place(old), Place::Reached);
    assert_eq!(state.place(Revision { number: 2, ..old }), Place::Lost);
}

#[test]
fn a_row_of_a_lost_branch_never_comes_out_contiguous() {
    let mut state = at(&[Change::Nothing, Change::Customer(customer(1), seats(9))], 2);
    let promoted = Position {
        epoch: 20,
        parent: Some((10, 1)),
        ..position(3)
    };
    let lost = state.advance(&promoted, vec![(3, Change::Nothing)], Timestamp(5));
    assert_eq!(lost, Err(Lost::OtherBranch { last: 1 }));
}

#[test]
fn a_removed_feature_is_readable_until_no_row_has_it() {
    let without = catalog("features: {sso: {type: boolean}}\nplans: {}");
    let history = [
        Change::Defaults(with_seats(2)),
        Change::Customer(customer(1), seats(5)),
        Change::Defaults(without),
        Change::Customer(customer(1), Schedule::default()),
    ];
    let answer = |head| at(&history, head).defaults().unwrap().answer(&feature("seats"));
    assert_eq!(answer(2).unwrap().value, Value::Limit(Some(2)));
    let removed = answer(3).unwrap();
    assert_eq!(
        (removed.reason, removed.value),
        (Reason::NoPlan, Value::Limit(Some(0)))
    );
    assert_eq!(answer(4), None);
}

#[test]
fn a_filter_that_lets_nothing_through_looks_at_a_bounded_number_of_entries() {
    let rows = (1..=SCAN as i64 + 10).map(|number| Row {
        customer: CustomerId::parse(&format!("c{number}")).unwrap(),
        number,
        schedule: Schedule::default(),
    });
    let mut state = State::empty(&position(0), 1);
    state
        .load(&position(SCAN as i64 + 10), rows.collect(), true)
        .unwrap();
    let nobody = Filter {
        whom: Whom::prefixes(["x".to_owned()]),
        features: BTreeSet::new(),
    };
    let walk = state.walk(0, 1, &nobody);
    assert_eq!(
        walk,
        Walk {
            entries: vec![],
            cursor: SCAN as i64
        }
    );
    assert_eq!(state.walk(walk.cursor, 1, &nobody).cursor, state.head);
}
