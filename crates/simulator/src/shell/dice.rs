//! Chance that can be had again: the same seed and the same question give the same answer, whenever it is asked.

use sha2::{Digest, Sha256};

#[derive(Clone, Copy, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// Any number.
    pub fn number(self, question: &[&str]) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.0.to_le_bytes());
        for part in question {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest
            .iter()
            .take(8)
            .fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// `probability`: 0 never, 1 always.
    pub fn falls(self, probability: f64, question: &[&str]) -> bool {
        // 53 bits are what an f64 tells apart.
        let share = (self.number(question) >> 11) as f64 / (1_u64 << 53) as f64;
        share < probability
    }

    /// One of `from..=to`.
    pub fn between(self, from: i64, to: i64, question: &[&str]) -> i64 {
        let wide = to.saturating_sub(from).max(0).unsigned_abs();
        from.saturating_add_unsigned(self.number(question) % wide.saturating_add(1))
    }
}
