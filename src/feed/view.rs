//! Reading at a revision that the caller names, or at what the database holds now.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_domain::id::{CustomerId, FeatureId};
use tollgate_domain::revision::Revision;
use tollgate_domain::schedule::Timeline;
use tollgate_domain::time::Timestamp;
use tollgate_store::{Position, StoreError};

use super::Feed;
use super::branch::{Branch, Lost, Place, contiguous};
use super::state::{Change, Defaults, Row, State};
use super::tailer::{self, Polled};

/// How current an answer must be, and how long its asker waits for that.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// This revision or a later one.
    pub at_least: Option<Revision>,
    /// What the database holds when it is asked for.
    pub fully_current: bool,
    /// How long to wait for the tailer before the database itself is read.
    pub patience: Duration,
}

/// Why nothing can be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    #[error("the memory is not filled yet")]
    Loading,
    #[error("the revision is above everything that exists")]
    FromFuture,
    /// The text is for the log.
    #[error("the database cannot certify it: {0}")]
    NotCurrent(String),
}

/// Some customers at one revision.
#[derive(Clone, Debug)]
pub struct View {
    pub revision: Revision,
    /// As of when this was all that the database held; `None`: never yet.
    pub fresh_at: Option<Timestamp>,
    /// The revision asked for is on a branch that was lost in a failover; this is fully current instead.
    pub revision_lost: bool,
    /// `None`: no catalog was ever active.
    pub defaults: Option<Arc<Defaults>>,
    /// In the order asked for; `None`: nothing but defaults.
    pub rows: Vec<Option<Arc<Row>>>,
}

impl View {
    /// One of the customers' answers for a feature as a function of time; `None`: there is no such feature.
    pub fn timeline(&self, row: Option<&Arc<Row>>, feature: &FeatureId) -> Option<Timeline> {
        if let Some(timeline) = row.and_then(|row| row.schedule.0.get(feature)) {
            return Some(timeline.clone());
        }
        self.defaults.as_ref()?.answer(feature).map(Timeline::always)
    }

    /// All that one of the customers has answers for: the catalog's features, and what else the customer's schedule has.
    pub fn features<'a>(&'a self, row: Option<&'a Arc<Row>>) -> BTreeSet<&'a FeatureId> {
        let known = self
            .defaults
            .iter()
            .flat_map(|defaults| defaults.catalog.features.keys());
        known
            .chain(row.into_iter().flat_map(|row| row.schedule.0.keys()))
            .collect()
    }
}

impl Feed {
    /// Customers at one revision, as current as is needed.
    ///
    /// # Errors
    /// The need cannot be met, now or ever.
    pub async fn view(&self, customers: &[CustomerId], need: Need) -> Result<View, Unanswerable> {
        let (place, now) = {
            let state = self.read().ok_or(Unanswerable::Loading)?;
            let place = need
                .at_least
                .map_or(Place::Reached, |revision| state.place(revision));
            let enough = place == Place::Reached && !need.fully_current;
            (place, enough.then(|| view(&state, customers)))
        };
        if let Some(view) = now {
            return Ok(view);
        }
        let until = Instant::now() + need.patience;
        if let (false, Place::Ahead, Some(wanted)) = (need.fully_current, place, need.at_least)
            && let Some(view) = self.view_when(wanted, customers, until).await
        {
            return Ok(view);
        }
        let (wanted, revision_lost) = in_time(need.patience, self.certified(need, place)).await?;
        let view = match self.view_when(wanted, customers, until).await {
            Some(view) => view,
            None => in_time(need.patience, self.read_through(wanted, customers)).await?,
        };
        Ok(View {
            revision_lost,
            ..view
        })
    }

    /// Whether a revision that is not in memory exists at all: asks the database, and waits for the tailer.
    ///
    /// # Errors
    /// The database does not say.
    pub async fn find(&self, wanted: Revision, patience: Duration) -> Result<Place, Unanswerable> {
        let place = self.read().ok_or(Unanswerable::Loading)?.place(wanted);
        if matches!(place, Place::Reached | Place::Lost) {
            return Ok(place);
        }
        let until = Instant::now() + patience;
        if place == Place::Ahead && self.view_when(wanted, &[], until).await.is_some() {
            return Ok(Place::Reached);
        }
        let position = in_time(patience, self.position()).await?;
        let place = Branch::of(&position).place(wanted, position.head);
        if place == Place::Reached && self.view_when(wanted, &[], until).await.is_none() {
            return Err(Unanswerable::NotCurrent("the tailer is behind".into()));
        }
        Ok(place)
    }

    /// What the database says must be reached, and whether that stands for a revision that was lost. `place` is where the
    /// memory sees the revision asked for.
    async fn certified(&self, need: Need, place: Place) -> Result<(Revision, bool), Unanswerable> {
        let position = self.position().await?;
        let head = Revision {
            epoch: position.epoch,
            number: position.head,
        };
        let Some(wanted) = need.at_least else {
            return Ok((head, false));
        };
        let place = match place {
            Place::Reached | Place::Lost => place,
            Place::Ahead | Place::Unknown => Branch::of(&position).place(wanted, position.head),
        };
        match place {
            Place::Ahead => Err(Unanswerable::FromFuture),
            Place::Lost | Place::Unknown => Ok((head, true)),
            Place::Reached if need.fully_current => Ok((head, false)),
            Place::Reached => Ok((wanted, false)),
        }
    }

    async fn position(&self) -> Result<Position, Unanswerable> {
        let (position, _) = self.0.store.poll(i64::MAX, 0).await?;
        certifies(&position)?;
        Ok(position)
    }

    /// The memory once it has reached a revision; `None`: it has not until then.
    async fn view_when(&self, wanted: Revision, customers: &[CustomerId], until: Instant) -> Option<View> {
        let mut changed = self.changed();
        loop {
            changed.mark_unchanged();
            if let Some(state) = self.read()
                && state.place(wanted) == Place::Reached
            {
                return Some(view(&state, customers));
            }
            self.0.wanted.notify_one();
            tokio::time::timeout_at(until, changed.changed())
                .await
                .ok()?
                .ok()?;
        }
    }

    /// What the tailer has not read yet, read here and laid over what is in memory.
    async fn read_through(&self, wanted: Revision, customers: &[CustomerId]) -> Result<View, Unanswerable> {
        let mut over = {
            let state = self.read().ok_or(Unanswerable::Loading)?;
            Overlay {
                view: view(&state, customers),
                branch: state.branch().clone(),
            }
        };
        loop {
            let polled = tailer::poll(&self.0, over.view.revision.number).await?;
            certifies(&polled.position)?;
            let read = polled.changes.len();
            over.lay(&polled, customers)
                .map_err(|lost| Unanswerable::NotCurrent(lost.to_string()))?;
            let head = over.view.revision.number;
            if over.branch.place(wanted, head) == Place::Reached {
                return Ok(over.view);
            }
            if read == 0 {
                return Err(Unanswerable::NotCurrent("it failed over meanwhile".into()));
            }
        }
    }
}

/// A view, brought forward by itself.
struct Overlay {
    view: View,
    branch: Branch,
}

impl Overlay {
    fn lay(&mut self, polled: &Polled, customers: &[CustomerId]) -> Result<(), Lost> {
        let view = &mut self.view;
        contiguous(&polled.changes, view.revision.number)?;
        if !self.branch.follow(&polled.position, view.revision.number)? {
            return Err(Lost::UnknownBranch);
        }
        for (number, change) in &polled.changes {
            view.revision.number = *number;
            match change {
                Change::Customer(customer, schedule) => {
                    let (customer, schedule) = (customer.clone(), schedule.clone());
                    let row = Arc::new(Row {
                        customer,
                        number: *number,
                        schedule,
                    });
                    let asked = customers.iter().zip(&mut view.rows);
                    asked
                        .filter(|(name, _)| **name == row.customer)
                        .for_each(|(_, old)| *old = Some(row.clone()));
                }
                Change::Defaults(catalog) => {
                    view.defaults = Some(Arc::new(Defaults::new(*number, catalog.clone())));
                }
                Change::Nothing => {}
            }
        }
        view.revision.epoch = self.branch.epoch();
        if view.revision.number == polled.position.head {
            view.fresh_at = Some(polled.asked_at);
        }
        Ok(())
    }
}

fn view(state: &State, customers: &[CustomerId]) -> View {
    View {
        revision: state.head(),
        fresh_at: state.fresh_at(),
        revision_lost: false,
        defaults: state.defaults().cloned(),
        rows: customers
            .iter()
            .map(|customer| state.customer(customer).cloned())
            .collect(),
    }
}

/// A database that hangs is one that does not answer.
async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Unanswerable>>,
) -> Result<T, Unanswerable> {
    let late = |_| Err(Unanswerable::NotCurrent("it did not answer in time".into()));
    tokio::time::timeout(patience, work).await.unwrap_or_else(late)
}

fn certifies(position: &Position) -> Result<(), Unanswerable> {
    if position.in_recovery {
        return Err(Unanswerable::NotCurrent("it is a standby".into()));
    }
    if position.diverged {
        return Err(Unanswerable::NotCurrent(
            "it was promoted and has no epoch yet".into(),
        ));
    }
    Ok(())
}

impl From<StoreError> for Unanswerable {
    fn from(error: StoreError) -> Unanswerable {
        Unanswerable::NotCurrent(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_domain::schedule::Schedule;

    fn polled(head: i64, changes: Vec<(i64, Change)>) -> Polled {
        let position = Position {
            system: 1,
            timeline: 1,
            diverged: false,
            epoch: 10,
            parent: None,
            head,
            in_recovery: false,
            at: Timestamp(0),
        };
        Polled {
            position,
            changes,
            causes: vec![],
            asked_at: Timestamp(head),
        }
    }

    #[test]
    fn what_the_memory_has_not_read_is_laid_over_it() {
        let customers = ["a", "b", "c"].map(|name| CustomerId::parse(name).unwrap());
        let change = |at: usize| Change::Customer(customers[at].clone(), Schedule::default());
        let mut state = State::empty(&polled(0, vec![]).position, 1);
        state
            .advance(
                &polled(2, vec![]).position,
                vec![(1, change(0)), (2, change(1))],
                Timestamp(2),
            )
            .unwrap();

        let mut over = Overlay {
            view: view(&state, &customers),
            branch: state.branch().clone(),
        };
        let gap = over.lay(&polled(4, vec![(4, change(2))]), &customers);
        assert_eq!(
            gap,
            Err(Lost::Gap {
                expected: 3,
                found: Some(4)
            })
        );
        over.lay(&polled(4, vec![(3, change(0))]), &customers).unwrap();
        assert_eq!(
            over.view.fresh_at,
            Some(Timestamp(2)),
            "there is more than was read"
        );
        over.lay(&polled(4, vec![(4, change(2))]), &customers).unwrap();
        let numbers: Vec<_> = over
            .view
            .rows
            .iter()
            .map(|row| row.as_ref().map(|row| row.number))
            .collect();
        assert_eq!(numbers, [Some(3), Some(2), Some(4)]);
        assert_eq!(
            (over.view.revision.number, over.view.fresh_at),
            (4, Some(Timestamp(4)))
        );
    }
}
