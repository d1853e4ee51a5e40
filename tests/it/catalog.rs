//! Which catalog and which rules are active, and how customers follow.

mod brake;
mod replicas;
mod reprojection;

use serde_json::json;
use tollgate_domain::catalog::parse;
use tollgate_domain::facts::{Facts, Learned, Observation, fold};
use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::project;
use tollgate_domain::time::Timestamp;
use tollgate_store::{Append, Appended, Cause, Store};

use crate::support::CATALOG;

/// Subscribers of `team`, `many-0`, `many-1` and so on, each with its row as the active catalog, ours, makes it.
async fn many(store: &Store, count: usize) {
    rows(store, 0..count).await;
}

async fn rows(store: &Store, all: std::ops::Range<usize>) {
    let facts = subscribed();
    let schedule = project(&facts, &[], &parse(CATALOG).unwrap());
    assert!(!schedule.0.is_empty());
    let activation = store.active().await.unwrap().unwrap().number;
    for from in all.clone().step_by(500) {
        let append = |n: usize| Append {
            customer: CustomerId::parse(&format!("many-{n}")).unwrap(),
            marks: 0,
            facts_version: 0,
            facts: facts.clone(),
            schedule: Some(schedule.clone()),
            activation,
            as_of: Timestamp(0),
            due_at: None,
            applied: vec![],
            failed: vec![],
            wants: vec![],
            cause: Cause::default(),
        };
        let batch = (from..all.end.min(from + 500)).map(append).collect();
        let appended = store.append(batch).await.unwrap();
        assert!(appended.iter().all(|it| matches!(it, Appended::Revision(_))));
    }
}

/// An active subscription of one seat whose period does not end while a test runs.
fn subscribed() -> Facts {
    let price = json!({"id": "price_of_many", "product": "prod_of_many", "lookup_key": "team_monthly"});
    let item = json!({"id": "si_1", "quantity": 1, "current_period_start": 1_690_000_000,
        "current_period_end": 4_000_000_000_i64, "price": price});
    let body = json!({"id": "sub_of_many", "object": "subscription", "customer": "cus_of_many", "status": "active",
        "created": 1_690_000_000, "cancel_at_period_end": false, "collection_method": "charge_automatically",
        "items": {"object": "list", "has_more": false, "data": [item]}});
    let object = tollgate_stripe::object(body.to_string().as_bytes())
        .unwrap()
        .unwrap();
    let at = Timestamp::from_unix(1_700_000_000);
    let learned = Learned::Fetch {
        from: at,
        to: at,
        covers_seq: 0,
    };
    let (facts, _) = fold(
        Facts::default(),
        Observation {
            seq: 1,
            object,
            learned,
        },
    );
    facts.matched_with(&parse(CATALOG).unwrap())
}
