//! Everything that this replica knows, at one revision of the feed.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use tollgate_domain::catalog::{Catalog, Value};
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::revision::Revision;
use tollgate_domain::schedule::{Answer, Reason, Schedule};
use tollgate_domain::time::Timestamp;
use tollgate_store::Position;

use super::branch::{Branch, Lost, Place, contiguous};
use super::cause::{Cause, Causes};
use super::filter::{Filter, Whom};

/// What one revision says.
#[derive(Clone, Debug)]
pub enum Change {
    Customer(CustomerId, Schedule),
    Defaults(Arc<Catalog>),
    /// An epoch was opened, or a catalog became active that this version cannot read.
    Nothing,
}

/// One customer as of its last revision.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub customer: CustomerId,
    pub number: i64,
    pub schedule: Schedule,
}

/// The catalog as of its activation: what everybody has whom nothing touches.
#[derive(Debug, PartialEq, Eq)]
pub struct Defaults {
    pub number: i64,
    pub catalog: Arc<Catalog>,
    /// Features that the catalog no longer has but some customer's schedule still does. They stay readable until the
    /// last such customer has its next revision; nobody else has them.
    removed: BTreeMap<FeatureId, Value>,
}

/// One entry of the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Customer(Arc<Row>),
    Defaults(Arc<Defaults>),
}

/// A piece of the walk.
#[derive(Debug, PartialEq, Eq)]
pub struct Walk {
    /// By rising last revision.
    pub entries: Vec<Entry>,
    /// Everything up to here has been looked at. The walk is complete when this is the head.
    pub cursor: i64,
}

/// How many entries one piece of a walk looks at: a filter that lets nothing through must not keep the tailer out.
const SCAN: usize = 4_096;

/// The state at a revision: rows over defaults.
pub struct State {
    generation: u64,
    branch: Branch,
    head: i64,
    fresh_at: Option<Timestamp>,
    customers: HashMap<CustomerId, Arc<Row>>,
    by_revision: BTreeMap<i64, Entry>,
    defaults: Option<Arc<Defaults>>,
    /// In how many schedules a feature is, and what having nothing of it looks like.
    mentions: BTreeMap<FeatureId, (usize, Value)>,
    causes: Causes,
}

impl State {
    /// Nothing, on the branch of a position. `generation` tells one filling of the memory from the next.
    pub fn empty(position: &Position, generation: u64) -> State {
        State {
            generation,
            branch: Branch::of(position),
            head: 0,
            fresh_at: None,
            customers: HashMap::new(),
            by_revision: BTreeMap::new(),
            defaults: None,
            mentions: BTreeMap::new(),
            causes: Causes::default(),
        }
    }

    /// Which filling of the memory this is.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The branch that it is on.
    pub fn branch(&self) -> &Branch {
        &self.branch
    }

    /// The position that everything here is at.
    pub fn head(&self) -> Revision {
        Revision {
            epoch: self.branch.epoch(),
            number: self.head,
        }
    }

    /// As of when this was known to be all that the database held, by our clock. `None`: never yet.
    pub fn fresh_at(&self) -> Option<Timestamp> {
        self.fresh_at
    }

    /// The active catalog.
    pub fn defaults(&self) -> Option<&Arc<Defaults>> {
        self.defaults.as_ref()
    }

    /// A customer whom something touches, or touched.
    pub fn customer(&self, customer: &CustomerId) -> Option<&Arc<Row>> {
        self.customers.get(customer)
    }

    /// How many customers have a row.
    pub fn customers(&self) -> usize {
        self.customers.len()
    }

    /// Where a revision lies as seen from here.
    pub fn place(&self, revision: Revision) -> Place {
        self.branch.place(revision, self.head)
    }

    /// Takes a page of customers as they are at the position's head, by rising revision; one that moved since an earlier
    /// page comes again. After the `last` page everything up to the position's head is here.
    ///
    /// # Errors
    /// The pages before are not on the position's branch.
    pub fn load(&mut self, position: &Position, rows: Vec<Row>, last: bool) -> Result<(), Lost> {
        if !self.branch.follow(position, self.head)? {
            return Err(Lost::UnknownBranch);
        }
        self.head = if last {
            position.head
        } else {
            rows.last().map_or(self.head, |row| row.number)
        };
        rows.into_iter().for_each(|row| self.replace(row));
        Ok(())
    }

    /// Takes the catalog that is active at the head.
    pub fn load_defaults(&mut self, number: i64, catalog: Arc<Catalog>) {
        if let Some(old) = &self.defaults {
            self.by_revision.remove(&old.number);
        }
        self.set_defaults(number, catalog);
    }

    /// Takes what was read after the head, with the position that was read in the same statement at or after `now`.
    /// `true`: there is nothing more, so that this is fresh.
    ///
    /// # Errors
    /// What is here is not what the rows continue; nothing was taken.
    pub fn advance(
        &mut self,
        position: &Position,
        changes: Vec<(i64, Change)>,
        now: Timestamp,
    ) -> Result<bool, Lost> {
        contiguous(&changes, self.head)?;
        if !self.branch.follow(position, self.head)? {
            return Ok(false);
        }
        if position.head < self.head && !position.in_recovery {
            return Err(Lost::WentBack {
                ours: self.head,
                theirs: position.head,
            });
        }
        if changes.is_empty() && position.head > self.head {
            return Err(Lost::Gap {
                expected: self.head + 1,
                found: None,
            });
        }
        for (number, change) in changes {
            self.apply(number, change);
        }
        // A standby may be behind, and what was read on a timeline without an epoch may be another branch.
        let complete = self.head == position.head && !position.in_recovery && !position.diverged;
        if complete {
            self.fresh_at = self.fresh_at.max(Some(now));
        }
        Ok(complete)
    }

    /// Keeps why a revision came that was taken.
    pub fn keep(&mut self, number: i64, cause: Cause) {
        self.causes.keep(number, cause);
    }

    /// Why a late revision came, if nobody was told of it yet.
    pub fn cause(&self, number: i64) -> Option<Arc<Cause>> {
        self.causes.of(number)
    }

    /// The next entries after a revision, in the order of their last revisions: the snapshot (after 0), the resume (after
    /// the revision given) and the catching up of who is slow are all this.
    pub fn walk(&self, after: i64, limit: usize, filter: &Filter) -> Walk {
        if let Whom::Named(names) = &filter.whom
            && i64::try_from(names.len()).is_ok_and(|len| len < self.head - after)
        {
            let rows = names
                .iter()
                .filter_map(|name| self.customers.get(name).cloned().map(Entry::Customer));
            let defaults = self.defaults.iter().cloned().map(Entry::Defaults);
            let mut entries: Vec<Entry> = rows.chain(defaults).filter(|it| it.number() > after).collect();
            entries.sort_by_key(Entry::number);
            let left = entries.len() > limit;
            entries.truncate(limit);
            let last = entries.last().map_or(after, Entry::number);
            return Walk {
                entries,
                cursor: if left { last } else { self.head },
            };
        }
        let mut walk = Walk {
            entries: vec![],
            cursor: after,
        };
        let after = self.by_revision.range((Excluded(after), Unbounded));
        for (looked_at, (number, entry)) in after.enumerate() {
            if walk.entries.len() == limit || looked_at == SCAN {
                return walk;
            }
            if entry.passes(filter) {
                walk.entries.push(entry.clone());
            }
            walk.cursor = *number;
        }
        Walk {
            cursor: self.head,
            ..walk
        }
    }

    fn apply(&mut self, number: i64, change: Change) {
        match change {
            Change::Customer(customer, schedule) => self.replace(Row {
                customer,
                number,
                schedule,
            }),
            Change::Defaults(catalog) => self.load_defaults(number, catalog),
            Change::Nothing => {}
        }
        self.head = number;
    }

    fn replace(&mut self, row: Row) {
        let row = Arc::new(row);
        let old = self.customers.insert(row.customer.clone(), row.clone());
        let mut known_anew = false;
        for (feature, timeline) in &row.schedule.0 {
            let nothing = || (0, nothing_of(&timeline.first.value));
            let mention = self.mentions.entry(feature.clone()).or_insert_with(nothing);
            mention.0 += 1;
            known_anew |= mention.0 == 1;
        }
        if let Some(old) = old {
            self.by_revision.remove(&old.number);
            for feature in old.schedule.0.keys() {
                let Some(mention) = self.mentions.get_mut(feature) else {
                    continue;
                };
                mention.0 -= 1;
                if mention.0 == 0 {
                    self.mentions.remove(feature);
                    known_anew = true;
                }
            }
        }
        self.by_revision.insert(row.number, Entry::Customer(row));
        if known_anew && let Some(defaults) = self.defaults.clone() {
            self.set_defaults(defaults.number, defaults.catalog.clone());
        }
    }

    fn set_defaults(&mut self, number: i64, catalog: Arc<Catalog>) {
        let removed = self
            .mentions
            .iter()
            .filter(|(feature, _)| !catalog.features.contains_key(*feature));
        let removed = removed
            .map(|(feature, (_, nothing))| (feature.clone(), nothing.clone()))
            .collect();
        let defaults = Arc::new(Defaults {
            number,
            catalog,
            removed,
        });
        self.by_revision.insert(number, Entry::Defaults(defaults.clone()));
        self.defaults = Some(defaults);
    }
}

impl Defaults {
    /// A catalog as of its activation, where no schedule has more than it.
    pub fn new(number: i64, catalog: Arc<Catalog>) -> Defaults {
        Defaults {
            number,
            catalog,
            removed: BTreeMap::new(),
        }
    }

    /// What a customer whom nothing touches has of a feature; `None`: there is no such feature.
    pub fn answer(&self, feature: &FeatureId) -> Option<Answer> {
        let removed = || {
            let value = self.removed.get(feature)?.clone();
            Some(Answer {
                reason: Reason::NoPlan,
                value,
                plans: vec![],
            })
        };
        self.catalog.default_answer(feature).or_else(removed)
    }
}

impl Entry {
    /// Its last revision.
    pub fn number(&self) -> i64 {
        match self {
            Entry::Customer(row) => row.number,
            Entry::Defaults(defaults) => defaults.number,
        }
    }

    fn passes(&self, filter: &Filter) -> bool {
        match self {
            Entry::Customer(row) => filter.lets_customer(&row.customer),
            Entry::Defaults(_) => true,
        }
    }
}

/// The value of the same form that grants nothing.
fn nothing_of(value: &Value) -> Value {
    match value {
        Value::Enabled(_) => Value::Enabled(false),
        Value::Limit(_) => Value::Limit(Some(0)),
        Value::Option(_) => Value::Option(String::new()),
        Value::Text(_) => Value::Text(String::new()),
    }
}
