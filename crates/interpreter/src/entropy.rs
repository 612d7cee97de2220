//! Random numbers that are a function of the execution: the same step gives the same numbers.

use sha2::{Digest, Sha256};

/// A stream of random numbers for one place in one execution.
///
/// `States.UUID`, `States.MathRandom` and jitter come from it. Their results are part of events, so
/// recovery never asks again.
#[derive(Debug, Clone)]
pub struct Entropy {
    seed: [u8; 32],
    ordinal: u32,
    evaluation: u32,
    counter: u32,
    buffer: [u64; 4],
    left: usize,
}

impl Entropy {
    /// A stream for the event `ordinal` of an execution; `seed` is made of the store's seed and the
    /// execution's key. `evaluation` counts the fields that were evaluated for that event before: Parameters and
    /// Assign of one state both belong to its exit, and `States.UUID()` must differ between them.
    #[must_use]
    pub fn new(seed: [u8; 32], ordinal: u32, evaluation: u32) -> Self {
        Self { seed, ordinal, evaluation, counter: 0, buffer: [0; 4], left: 0 }
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        if self.left == 0 {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.ordinal.to_be_bytes());
            hash.update(self.evaluation.to_be_bytes());
            hash.update(self.counter.to_be_bytes());
            self.counter += 1;
            for (word, bytes) in self.buffer.iter_mut().zip(hash.finalize().chunks_exact(8)) {
                let mut eight = [0; 8];
                eight.copy_from_slice(bytes);
                *word = u64::from_be_bytes(eight);
            }
            self.left = self.buffer.len();
        }
        self.left -= 1;
        self.buffer[self.left]
    }

    /// The next number as a fraction in [0, 1).
    pub fn next_fraction(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}
