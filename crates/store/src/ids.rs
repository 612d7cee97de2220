//! Identifiers that are part of the format on disk.

use sha2::{Digest, Sha256};
use std::fmt;

/// The internal identity of an execution: 48 bits of start time (milliseconds since 1970), the 16-bit hash of the
/// execution ARN, and 64 more bits of that hash.
///
/// The order of keys is the order of start times, so what belongs to one period lies together on disk. The key needs no
/// counter: the ARN is unique at any one time, and an ARN that is used again (Step Functions frees a name 90 days after
/// its execution closed) starts in another millisecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionKey([u8; 16]);

impl ExecutionKey {
    /// The smallest key of all.
    pub const MIN: ExecutionKey = ExecutionKey([0; 16]);
    /// The largest key of all.
    pub const MAX: ExecutionKey = ExecutionKey([0xff; 16]);

    /// The key of the execution `arn` that started at `start_ms` (milliseconds since 1970, of which 48 bits are kept).
    pub fn new(start_ms: u64, arn: &str) -> ExecutionKey {
        let digest = Sha256::digest(arn.as_bytes());
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&start_ms.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&digest[..10]);
        ExecutionKey(bytes)
    }

    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> ExecutionKey {
        ExecutionKey(bytes)
    }

    /// The key in a slice, if the slice is 16 bytes long.
    pub fn from_slice(bytes: &[u8]) -> Option<ExecutionKey> {
        bytes.try_into().ok().map(ExecutionKey)
    }

    /// The bytes of the key; their order is the order of keys.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// When the execution started, in milliseconds since 1970.
    pub fn start_ms(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0[..6]);
        u64::from_be_bytes(bytes)
    }

    /// The hash of the execution ARN that decides which shard owns the execution; equal to [`arn_hash`] of the ARN.
    pub fn arn_hash(&self) -> u16 {
        u16::from_be_bytes([self.0[6], self.0[7]])
    }

    /// The next larger key, or none after [`ExecutionKey::MAX`].
    pub fn successor(&self) -> Option<ExecutionKey> {
        u128::from_be_bytes(self.0).checked_add(1).map(|next| ExecutionKey(next.to_be_bytes()))
    }
}

impl fmt::Debug for ExecutionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for ExecutionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// The 16-bit hash of an ARN that routes it to a shard. Stable for ever: it is part of every [`ExecutionKey`].
pub fn arn_hash(arn: &str) -> u16 {
    let digest = Sha256::digest(arn.as_bytes());
    u16::from_be_bytes([digest[0], digest[1]])
}

/// A range of ARN hashes, both ends included: what one shard owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashRange {
    /// The lowest hash in the range.
    pub first: u16,
    /// The highest hash in the range.
    pub last: u16,
}

impl HashRange {
    /// Every hash.
    pub const ALL: HashRange = HashRange { first: 0, last: u16::MAX };

    /// The part of all hashes that shard `index` of `count` owns. Parts differ in size by at most one.
    /// An `index` beyond the last shard gives the last shard's range, and a `count` of 0 counts as 1.
    pub fn of_shard(index: u16, count: u16) -> HashRange {
        let count = u32::from(count.max(1));
        let index = u32::from(index).min(count - 1);
        let first = (index * 65_536).div_ceil(count);
        let last = ((index + 1) * 65_536).div_ceil(count) - 1;
        HashRange { first: first as u16, last: last as u16 }
    }

    /// Which of `count` shards owns `hash`: the one whose [`HashRange::of_shard`] contains it.
    pub fn shard_of(hash: u16, count: u16) -> u16 {
        (u32::from(hash) * u32::from(count.max(1)) / 65_536) as u16
    }

    /// Whether the range holds `hash`.
    pub fn contains(&self, hash: u16) -> bool {
        self.first <= hash && hash <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_carries_its_start_and_the_hash_of_its_arn() {
        let arn = "arn:aws:states:us-east-1:000000000000:execution:order:one";
        let key = ExecutionKey::new(1_790_000_000_123, arn);
        assert_eq!(key.start_ms(), 1_790_000_000_123);
        assert_eq!(key.arn_hash(), arn_hash(arn));
        assert_eq!(ExecutionKey::from_slice(key.as_bytes()), Some(key));
        assert!(ExecutionKey::new(1_790_000_000_124, "another") > key);
        // Part of the format: this value must never change.
        assert_eq!(key.to_string(), "01a0c4506c7b140ebe63a0dd7d335be8");
    }

    #[test]
    fn every_hash_belongs_to_exactly_the_shard_that_owns_it() {
        for count in [1u16, 2, 3, 5, 7, 16, 64, 1000] {
            let mut next = 0u32;
            for index in 0..count {
                let range = HashRange::of_shard(index, count);
                assert_eq!(u32::from(range.first), next);
                next = u32::from(range.last) + 1;
                for hash in [range.first, range.last] {
                    assert_eq!(HashRange::shard_of(hash, count), index);
                }
            }
            assert_eq!(next, 65_536);
        }
    }
}
