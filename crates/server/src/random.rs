//! Random ids. Not secret: for names and request ids, which must only never repeat.

use std::cell::RefCell;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// 32 bytes from the system's random source.
pub(crate) fn secret() -> [u8; 32] {
    let mut hash = Sha256::new();
    for _ in 0..4 {
        // Each has 122 random bits.
        hash.update(Uuid::new_v4().as_bytes());
    }
    hash.finalize().into()
}

thread_local! {
    static GENERATOR: RefCell<Generator> = RefCell::new(Generator::new());
}

/// xoshiro256++, seeded by the system once a thread: a system call for each id would cost more than the id is worth.
struct Generator([u64; 4]);

impl Generator {
    fn new() -> Self {
        let seed = secret();
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&seed[at * 8..at * 8 + 8]);
            u64::from_le_bytes(bytes)
        };
        Self([word(0), word(1), word(2), word(3) | 1])
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }
}

fn random_bytes() -> [u8; 16] {
    GENERATOR.with_borrow_mut(|generator| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&generator.next().to_le_bytes());
        bytes[8..].copy_from_slice(&generator.next().to_le_bytes());
        bytes
    })
}

/// A version-4 UUID.
pub(crate) fn uuid() -> Uuid {
    Builder::from_random_bytes(random_bytes()).into_uuid()
}

/// A version-4 UUID whose first 48 bits are a time, so that an index of such names grows in order.
pub(crate) fn uuid_in_time_order(now_ms: i64) -> Uuid {
    let mut bytes = random_bytes();
    bytes[..6].copy_from_slice(&now_ms.to_be_bytes()[2..]);
    Builder::from_random_bytes(bytes).into_uuid()
}

/// A number below `bound`, each as likely as the others. `bound` must not be 0.
pub(crate) fn below(bound: u64) -> u64 {
    // The bias of a remainder of 64 random bits is far below anything that could be noticed.
    GENERATOR.with_borrow_mut(Generator::next) % bound
}

/// Random bytes for an execution that nothing is stored of.
pub(crate) fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(&random_bytes());
    seed[16..].copy_from_slice(&random_bytes());
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_4_and_grow_with_time() {
        let early = uuid_in_time_order(1_700_000_000_000);
        let late = uuid_in_time_order(1_700_000_000_001);
        assert!(early < late);
        assert_eq!((early.get_version_num(), uuid().get_version_num()), (4, 4));
        assert_ne!(uuid(), uuid());
    }
}
