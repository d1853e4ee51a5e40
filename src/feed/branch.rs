//! Which branch of the feed this replica is on: a failover that lost commits makes another one.

use tollgate_domain::revision::Revision;
use tollgate_store::Position;

/// Why what is in memory can no longer be brought forward and must be loaded anew.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Lost {
    #[error("the database is another cluster than before")]
    OtherCluster,
    #[error("the database failed over, and revisions after {last} that were read here are not on its branch")]
    OtherBranch { last: i64 },
    #[error("the database's branch is not one that grew out of ours")]
    UnknownBranch,
    #[error("the database went back from revision {ours} to {theirs} without opening an epoch")]
    WentBack { ours: i64, theirs: i64 },
    #[error("revision {found:?} came where {expected} must come")]
    Gap { expected: i64, found: Option<i64> },
}

/// A cluster, the epoch in it, and the epochs that this one grew out of, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    system: i64,
    epoch: i64,
    /// Epoch and the last of its revisions that are ours too.
    ancestors: Vec<(i64, i64)>,
}

/// Where a revision lies as seen from a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At or below the head.
    Reached,
    /// Above it.
    Ahead,
    /// On a branch that was cut off below it.
    Lost,
    /// Of an epoch of which nothing is known here.
    Unknown,
}

impl Branch {
    /// The branch that a position is on.
    pub fn of(position: &Position) -> Branch {
        Branch {
            system: position.system,
            epoch: position.epoch,
            ancestors: position.parent.into_iter().collect(),
        }
    }

    /// The epoch's id.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Goes over to the branch of a newer position, if `head` is on it too. `false`: the position is one of the past, and
    /// what came with it is not to be taken.
    ///
    /// # Errors
    /// It is not, or nobody can say.
    pub fn follow(&mut self, position: &Position, head: i64) -> Result<bool, Lost> {
        if position.system != self.system {
            return Err(Lost::OtherCluster);
        }
        if position.epoch == self.epoch {
            return Ok(true);
        }
        // A standby that lags behind the promotion still tells of the epoch before.
        if position.in_recovery && self.ancestors.iter().any(|(epoch, _)| *epoch == position.epoch) {
            return Ok(false);
        }
        match position.parent {
            Some((parent, last)) if parent == self.epoch && head <= last => {
                self.ancestors.push((parent, last));
                self.epoch = position.epoch;
                Ok(true)
            }
            Some((parent, last)) if parent == self.epoch => Err(Lost::OtherBranch { last }),
            _ => Err(Lost::UnknownBranch),
        }
    }

    /// Where a revision lies when the head is at `head`.
    pub fn place(&self, revision: Revision, head: i64) -> Place {
        let within = || {
            if revision.number <= head {
                Place::Reached
            } else {
                Place::Ahead
            }
        };
        if revision.epoch == self.epoch {
            return within();
        }
        match self.ancestors.iter().find(|(epoch, _)| *epoch == revision.epoch) {
            Some((_, last)) if revision.number > *last => Place::Lost,
            Some(_) => within(),
            None => Place::Unknown,
        }
    }
}

/// Whether revisions continue a head without a gap.
///
/// # Errors
/// They do not.
pub fn contiguous<T>(changes: &[(i64, T)], head: i64) -> Result<(), Lost> {
    match (head + 1..)
        .zip(changes)
        .find(|(expected, (number, _))| expected != number)
    {
        Some((expected, (found, _))) => Err(Lost::Gap {
            expected,
            found: Some(*found),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_domain::time::Timestamp;

    fn position(epoch: i64, parent: Option<(i64, i64)>, head: i64) -> Position {
        Position {
            system: 1,
            timeline: 1,
            diverged: false,
            epoch,
            parent,
            head,
            in_recovery: false,
            at: Timestamp(0),
        }
    }

    #[test]
    fn a_cursor_that_the_new_branch_has_goes_on_and_others_are_lost() {
        let next = position(20, Some((10, 7)), 9);
        let mut branch = Branch::of(&position(10, None, 8));
        assert_eq!(
            branch.clone().follow(&next, 8),
            Err(Lost::OtherBranch { last: 7 })
        );
        branch.follow(&next, 7).unwrap();
        assert_eq!(branch.epoch(), 20);
        let place = |epoch, number| branch.place(Revision { epoch, number }, 9);
        assert_eq!(place(10, 7), Place::Reached);
        assert_eq!(place(10, 8), Place::Lost);
        assert_eq!(place(20, 9), Place::Reached);
        assert_eq!(place(20, 10), Place::Ahead);
        assert_eq!(place(30, 1), Place::Unknown);
    }

    #[test]
    fn a_branch_two_promotions_away_is_not_guessed() {
        let mut branch = Branch::of(&position(10, None, 5));
        let next = position(30, Some((20, 9)), 9);
        assert_eq!(branch.follow(&next, 5), Err(Lost::UnknownBranch));
    }

    #[test]
    fn another_cluster_is_noticed() {
        let mut branch = Branch::of(&position(10, None, 5));
        let other = Position {
            system: 2,
            ..position(10, None, 5)
        };
        assert_eq!(branch.follow(&other, 5), Err(Lost::OtherCluster));
    }
}
