//! Finding texts among very many, and those that repeat, in eight bytes for each.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Numbers of texts, by the texts that they stand for. The texts themselves are where whoever asks knows to find them.
pub(super) struct Texts {
    /// Seeded, so that nobody can choose texts that fall together.
    hasher: RandomState,
    /// Hash and number, by hash, then by text, then by number
    sorted: Vec<(u32, u32)>,
}

impl Texts {
    /// The texts with the numbers below `count`.
    pub(super) fn new<'t>(count: usize, text: impl Fn(u32) -> &'t str) -> Texts {
        let hasher = RandomState::new();
        // What is counted stands in a text of far fewer bytes than `u32` counts.
        let mut sorted: Vec<(u32, u32)> =
            (0..count as u32).map(|number| (hash(&hasher, text(number)), number)).collect();
        sorted.sort_unstable();
        for same in sorted.chunk_by_mut(|left, right| left.0 == right.0).filter(|same| same.len() > 1) {
            same.sort_unstable_by(|left, right| text(left.1).cmp(text(right.1)).then(left.1.cmp(&right.1)));
        }
        Texts { hasher, sorted }
    }

    /// The number of a text.
    pub(super) fn find<'t>(&self, wanted: &str, text: impl Fn(u32) -> &'t str) -> Option<u32> {
        let hash = hash(&self.hasher, wanted);
        let start = self.sorted.partition_point(|(own, _)| *own < hash);
        let same = self.sorted[start..].iter().take_while(|(own, _)| *own == hash);
        same.map(|(_, number)| *number).find(|number| text(*number) == wanted)
    }

    /// The numbers that have the same text, rising, for each text that has more than one.
    pub(super) fn same<'t>(
        &self,
        text: impl Fn(u32) -> &'t str,
    ) -> impl Iterator<Item = impl DoubleEndedIterator<Item = u32> + '_> {
        self.sorted
            .chunk_by(move |left, right| left.0 == right.0 && text(left.1) == text(right.1))
            .filter(|same| same.len() > 1)
            .map(|same| same.iter().map(|(_, number)| *number))
    }

    /// The numbers whose text has a lower number too, rising.
    pub(super) fn repeated<'t>(&self, text: impl Fn(u32) -> &'t str) -> Vec<u32> {
        let mut repeated: Vec<u32> = self.same(text).flat_map(|same| same.skip(1)).collect();
        repeated.sort_unstable();
        repeated
    }
}

/// Half of the hash is enough to tell nearly all texts apart.
fn hash(hasher: &RandomState, text: &str) -> u32 {
    hasher.hash_one(text) as u32
}
