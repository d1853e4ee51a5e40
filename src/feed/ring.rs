//! Frames that were made once and are shared by all who are sent them.

use std::sync::{Arc, Mutex, PoisonError};

/// One entry of the walk, named so that a reload, after which numbers may come again, cannot mix them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Which filling of the memory; rises with every reload.
    pub generation: u64,
    pub number: i64,
}

/// The frames of the latest entries: a bounded number of places, each entry in the place that its number says.
///
/// What an entry says never changes, so that a frame may always be taken from here and may always be missing.
pub struct Ring<F> {
    places: Box<[Place<F>]>,
}

type Place<F> = Mutex<Option<(Name, Arc<F>)>>;

impl<F> Ring<F> {
    /// So many frames at most; at least one.
    pub fn new(capacity: usize) -> Ring<F> {
        Ring {
            places: (0..capacity.max(1)).map(|_| Mutex::new(None)).collect(),
        }
    }

    /// The entry's frame. `encode` makes it if nobody has: of all who ask at once one works and the others wait. Frames
    /// of entries that are older than the ring reaches are made and not kept.
    pub fn frame(&self, name: Name, encode: impl FnOnce() -> F) -> Arc<F> {
        let place = usize::try_from(name.number).unwrap_or(0) % self.places.len();
        // A frame is complete when it is put there, so a panic elsewhere leaves nothing half done.
        let mut held = self.places[place].lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some((of, frame)) if *of == name => frame.clone(),
            Some((of, _)) if *of > name => {
                drop(held);
                Arc::new(encode())
            }
            _ => {
                let frame = Arc::new(encode());
                *held = Some((name, frame.clone()));
                frame
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    fn name(number: i64) -> Name {
        Name {
            generation: 1,
            number,
        }
    }

    #[test]
    fn a_frame_is_made_once_and_shared() {
        let ring = Ring::new(4);
        let made = Cell::new(0);
        let ask = || ring.frame(name(7), || made.set(made.get() + 1));
        let (one, other) = (ask(), ask());
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(made.get(), 1);
    }

    #[test]
    fn who_asks_for_the_past_displaces_nothing() {
        let ring = Ring::new(4);
        let latest = ring.frame(name(9), || 9);
        assert_eq!(*ring.frame(name(5), || 5), 5);
        assert!(Arc::ptr_eq(&latest, &ring.frame(name(9), || unreachable!())));
    }

    #[test]
    fn a_number_that_comes_again_after_a_reload_is_another_frame() {
        let ring = Ring::new(4);
        assert_eq!(*ring.frame(name(9), || "lost"), "lost");
        let again = Name {
            generation: 2,
            number: 9,
        };
        assert_eq!(*ring.frame(again, || "real"), "real");
        assert_eq!(*ring.frame(name(9), || "lost"), "lost");
        assert_eq!(*ring.frame(again, || unreachable!()), "real");
    }

    proptest! {
        #[test]
        fn whatever_is_asked_in_whatever_order_the_frame_is_the_entrys_own(
            capacity in 0usize..9,
            asked in prop::collection::vec((0u64..3, 0i64..40), 0..200),
        ) {
            let ring = Ring::new(capacity);
            for (generation, number) in asked {
                let name = Name { generation, number };
                prop_assert_eq!(*ring.frame(name, || name), name);
            }
        }
    }
}
