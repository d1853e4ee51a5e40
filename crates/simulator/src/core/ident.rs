//! Ids: seeded, so that the same commands give the same ids, and numbered, so that no two are equal.

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[derive(Clone, Debug)]
pub struct Ids {
    state: u64,
    minted: u64,
}

impl Ids {
    pub fn new(seed: u64) -> Ids {
        Ids {
            state: seed,
            minted: 0,
        }
    }

    /// `prefix` and 24 letters or digits, like Stripe's.
    pub fn mint(&mut self, prefix: &str) -> String {
        self.minted += 1;
        let mut id = String::with_capacity(prefix.len() + 24);
        id.push_str(prefix);
        id.push_str("1Sim");
        letters(&mut id, self.minted, 7);
        let random = self.random();
        letters(&mut id, random, 10);
        letters(&mut id, random.rotate_left(32) ^ self.minted, 3);
        id
    }

    /// splitmix64: the same on every machine.
    pub fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// How many ids were minted before this one; `None`: it was not minted here.
pub fn place(id: &str) -> Option<u64> {
    let (_, minted) = id.rsplit_once("_1Sim")?;
    let digits = minted.get(..7)?.bytes().rev();
    digits
        .map(|letter| LETTERS.iter().position(|it| *it == letter))
        .try_fold(0_u64, |number, digit| Some(number * 62 + digit? as u64))
}

fn letters(id: &mut String, mut number: u64, count: usize) {
    for _ in 0..count {
        id.push(char::from(LETTERS[(number % 62) as usize]));
        number /= 62;
    }
}
