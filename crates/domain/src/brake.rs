//! When a pass over many customers is held until somebody confirms it.

/// From how much loss on a pass is held. Both must be exceeded: a few of few are everyday, and so is a small part of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// More than so many of a hundred that have something would lose some of it.
    pub percent: u32,
    /// At least so many would.
    pub at_least: u32,
}

impl Brake {
    /// Whether a pass that takes something from `losing` of `touched` customers is held.
    pub fn holds(&self, losing: u64, touched: u64) -> bool {
        losing >= u64::from(self.at_least.max(1))
            && u128::from(losing) * 100 > u128::from(touched) * u128::from(self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_the_part_and_the_number_must_be_exceeded() {
        let brake = Brake {
            percent: 5,
            at_least: 20,
        };
        for (losing, touched, held) in [
            (0, 0, false),
            (19, 19, false),
            (20, 20, true),
            (20, 400, false),
            (21, 400, true),
            (50_000, 1_000_000, false),
            (u64::MAX, u64::MAX, true),
        ] {
            assert_eq!(brake.holds(losing, touched), held, "{losing} of {touched}");
        }
        let always = Brake {
            percent: 0,
            at_least: 0,
        };
        assert!(always.holds(1, 1_000_000) && !always.holds(0, 0));
    }
}
