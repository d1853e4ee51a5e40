//! What is durable, as the store keeps it: each method is one of its statements, and is done or not done.
//!
//! There are no leases here: whatever is unfinished may be taken at any time, as when a lease has run out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use tollgate_domain::facts::{Facts, Learned};
use tollgate_domain::id::CustomerId;
use tollgate_domain::schedule::Schedule;
use tollgate_domain::time::Timestamp;
use tollgate_store::{Append, Appended, Cause, Loaded, Observed, Routing, Unrouted};
use tollgate_stripe::envelope;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Received,
    Waiting(Vec<String>),
    Routed(CustomerId),
    Applied(CustomerId),
    Ignored,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub seq: i64,
    /// By which duplicates are known.
    pub key: String,
    pub object: Option<String>,
    pub learned: Learned,
    pub body: Bytes,
    pub state: State,
}

#[derive(Clone, Debug, Default)]
pub struct Customer {
    pub facts: Facts,
    pub facts_version: i64,
    pub schedule: Schedule,
    pub as_of: Timestamp,
    pub marks: i64,
    pub applied_marks: i64,
    pub due_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Wanted {
    pub customer: CustomerId,
    pub due_at: Timestamp,
    pub asked: i64,
    /// Who has taken it last; 0: nobody yet.
    pub claim: i64,
    pub parked: bool,
}

/// How often a want was asked for, and by whom it was taken.
pub type Taken = (i64, i64);

#[derive(Default)]
pub struct Rows {
    last_seq: i64,
    claims: i64,
    pub keys: BTreeSet<String>,
    pub inbox: BTreeMap<i64, Row>,
    pub links: HashMap<String, CustomerId>,
    pub customers: BTreeMap<CustomerId, Customer>,
    pub wants: BTreeMap<String, Wanted>,
}

impl Rows {
    /// A row that is not there before [`Rows::commit`], in which order ever: sequences are taken before.
    pub fn begin(
        &mut self,
        key: Option<String>,
        object: Option<String>,
        learned: Learned,
        body: Bytes,
    ) -> Row {
        self.last_seq += 1;
        let seq = self.last_seq;
        Row {
            seq,
            key: key.unwrap_or_else(|| format!("fetch/{seq}")),
            object,
            learned,
            body,
            state: State::Received,
        }
    }

    pub fn commit(&mut self, row: Row) {
        if !self.keys.insert(row.key.clone()) {
            return;
        }
        if let State::Routed(customer) = &row.state {
            self.mark(&customer.clone());
        }
        self.inbox.insert(row.seq, row);
    }

    pub fn received(&self) -> Vec<i64> {
        let received = self.inbox.values().filter(|row| row.state == State::Received);
        received.map(|row| row.seq).collect()
    }

    pub fn unrouted(&self, seq: i64) -> Unrouted {
        let row = &self.inbox[&seq];
        let head = envelope(&row.body).unwrap();
        Unrouted {
            seq,
            event_type: head.event_type,
            created: head.created,
            livemode: head.livemode,
            account: head.account,
            body: row.body.clone(),
            attempts: 0,
            traceparent: None,
        }
    }

    pub fn route(&mut self, seq: i64, routing: Routing) {
        let row = self.inbox.get_mut(&seq).unwrap();
        if row.state != State::Received {
            return;
        }
        match routing {
            Routing::Customer { customer, ids } => {
                row.state = State::Routed(customer.clone());
                self.mark(&customer);
                self.link(&customer, &ids);
            }
            Routing::Ignored { .. } => row.state = State::Ignored,
            // Somebody may have linked one of them meanwhile.
            Routing::Waiting { on } if on.iter().any(|id| self.links.contains_key(id)) => {}
            Routing::Waiting { on } => row.state = State::Waiting(on),
            other => panic!("{other:?}"),
        }
    }

    /// The first to say so wins; who waited is routed again.
    pub fn link(&mut self, customer: &CustomerId, ids: &[String]) {
        for id in ids {
            self.links.entry(id.clone()).or_insert_with(|| customer.clone());
        }
        for row in self.inbox.values_mut() {
            if matches!(&row.state, State::Waiting(on) if on.iter().any(|id| ids.contains(id))) {
                row.state = State::Received;
            }
        }
    }

    fn mark(&mut self, customer: &CustomerId) {
        self.customers.entry(customer.clone()).or_default().marks += 1;
    }

    /// To whom something happened, or whose time has come.
    pub fn dirty(&self, now: Timestamp) -> Vec<CustomerId> {
        let is_dirty =
            |it: &Customer| it.marks > it.applied_marks || it.due_at.is_some_and(|due_at| due_at <= now);
        let dirty = self.customers.iter().filter(|(_, it)| is_dirty(it));
        dirty.map(|(customer, _)| customer.clone()).collect()
    }

    pub fn load(&self, customer: &CustomerId) -> Loaded {
        let row = &self.customers[customer];
        let observed = self.inbox.values();
        let observed = observed.filter(|it| matches!(&it.state, State::Routed(of) if of == customer));
        let observed = observed.map(|it| Observed {
            seq: it.seq,
            learned: it.learned,
            body: it.body.clone(),
            attempts: 0,
            cause: Cause::default(),
        });
        Loaded {
            customer: customer.clone(),
            marks: row.marks,
            facts: row.facts.clone(),
            facts_version: row.facts_version,
            schedule: row.schedule.clone(),
            activation: 1,
            as_of: row.as_of,
            overrides: vec![],
            observed: observed.collect(),
        }
    }

    pub fn append(&mut self, append: Append) -> Appended {
        let row = self.customers.get_mut(&append.customer).unwrap();
        if row.facts_version != append.facts_version {
            return Appended::Stale;
        }
        row.facts_version += 1;
        row.facts = append.facts;
        row.as_of = append.as_of;
        row.applied_marks = row.applied_marks.max(append.marks);
        row.due_at = append.due_at;
        let changed = append.schedule.is_some();
        row.schedule = append
            .schedule
            .unwrap_or_else(|| std::mem::take(&mut row.schedule));
        for seq in append.applied {
            self.inbox.get_mut(&seq).unwrap().state = State::Applied(append.customer.clone());
        }
        assert!(append.failed.is_empty(), "{:?}", append.failed);
        for (want, due_at) in append.wants {
            self.want(&append.customer, &want.id, due_at);
        }
        if changed {
            Appended::Revision(0)
        } else {
            Appended::Unchanged
        }
    }

    pub fn want(&mut self, customer: &CustomerId, id: &str, due_at: Timestamp) {
        let want = self.wants.entry(id.to_owned()).or_insert_with(|| Wanted {
            customer: customer.clone(),
            due_at,
            asked: 0,
            claim: 0,
            parked: false,
        });
        want.due_at = if want.parked {
            due_at
        } else {
            due_at.min(want.due_at)
        };
        want.asked += 1;
        want.parked = false;
    }

    /// To be read before the object is asked for.
    pub fn covers_seq(&self, id: &str) -> i64 {
        let about = self
            .inbox
            .values()
            .filter(|row| row.object.as_deref() == Some(id));
        about.map(|row| row.seq).max().unwrap_or(0)
    }

    /// For some time, but that may be over at once.
    pub fn claim(&mut self, id: &str) -> Taken {
        self.claims += 1;
        let want = self.wants.get_mut(id).unwrap();
        want.claim = self.claims;
        (want.asked, want.claim)
    }

    fn is_still(&self, id: &str, taken: Taken) -> bool {
        let want = self.wants.get(id);
        want.is_some_and(|want| (want.asked, want.claim) == taken)
    }

    /// Unless somebody has asked again or taken it meanwhile.
    pub fn forget(&mut self, id: &str, taken: Taken) {
        if self.is_still(id, taken) {
            self.wants.remove(id);
        }
    }

    pub fn park(&mut self, id: &str, taken: Taken) {
        let parked = self.is_still(id, taken);
        if let Some(want) = self.wants.get_mut(id) {
            want.parked = parked;
        }
    }
}
