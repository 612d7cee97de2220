//! Layouts of keys that are part of the format on disk. All numbers are big-endian, so that bytes sort as numbers do.

use crate::{ExecutionKey, ListCursor, Status};
use sha2::{Digest, Sha256};

/// Length of [`chunk`].
pub const CHUNK_KEY_LENGTH: usize = 20;
/// Length of [`list`].
pub const LIST_KEY_LENGTH: usize = 41;
/// Length of [`running`].
pub const RUNNING_KEY_LENGTH: usize = 24;

/// The key of an event chunk: execution, first event.
pub fn chunk(key: ExecutionKey, first_event: u32) -> [u8; CHUNK_KEY_LENGTH] {
    let mut bytes = [0; CHUNK_KEY_LENGTH];
    bytes[..16].copy_from_slice(key.as_bytes());
    bytes[16..].copy_from_slice(&first_event.to_be_bytes());
    bytes
}

/// The parts of a key made by [`chunk`].
pub fn parse_chunk(bytes: &[u8]) -> Option<(ExecutionKey, u32)> {
    let (key, first_event) = bytes.split_at_checked(16)?;
    Some((ExecutionKey::from_slice(key)?, u32::from_be_bytes(first_event.try_into().ok()?)))
}

/// The name under which executions of a state machine (or Map Run) are listed: 128 bits of the SHA-256 of its ARN.
pub fn list_owner(arn: &str) -> [u8; 16] {
    let mut owner = [0; 16];
    owner.copy_from_slice(&Sha256::digest(arn.as_bytes())[..16]);
    owner
}

/// The key of a list entry: owner, status, time from new to old, execution from large to small.
pub fn list(owner: &[u8; 16], status: Status, listed_at_ms: i64, key: ExecutionKey) -> [u8; LIST_KEY_LENGTH] {
    let mut bytes = [0; LIST_KEY_LENGTH];
    bytes[..16].copy_from_slice(owner);
    bytes[16] = status.number();
    bytes[17..25].copy_from_slice(&(!sortable(listed_at_ms)).to_be_bytes());
    for (to, from) in bytes[25..].iter_mut().zip(key.as_bytes()) {
        *to = !from;
    }
    bytes
}

/// The place that a key made by [`list`] stands for.
pub fn parse_list(bytes: &[u8]) -> Option<ListCursor> {
    let bytes: &[u8; LIST_KEY_LENGTH] = bytes.try_into().ok()?;
    let mut time = [0; 8];
    time.copy_from_slice(&bytes[17..25]);
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip(&bytes[25..]) {
        *to = !from;
    }
    Some(ListCursor {
        listed_at_ms: from_sortable(!u64::from_be_bytes(time)),
        key: ExecutionKey::from_bytes(key),
    })
}

/// The key of an entry in the running index: wake-up time (0: active), execution.
pub fn running(wake_at_ms: i64, key: ExecutionKey) -> [u8; RUNNING_KEY_LENGTH] {
    let mut bytes = [0; RUNNING_KEY_LENGTH];
    bytes[..8].copy_from_slice(&(wake_at_ms.max(0) as u64).to_be_bytes());
    bytes[8..].copy_from_slice(key.as_bytes());
    bytes
}

/// The parts of a key made by [`running`].
pub fn parse_running(bytes: &[u8]) -> Option<(i64, ExecutionKey)> {
    let (wake_at, key) = bytes.split_at_checked(8)?;
    let wake_at = u64::from_be_bytes(wake_at.try_into().ok()?);
    Some((i64::try_from(wake_at).ok()?, ExecutionKey::from_slice(key)?))
}

/// Maps signed numbers to unsigned ones in the same order.
fn sortable(number: i64) -> u64 {
    (number as u64) ^ (1 << 63)
}

fn from_sortable(number: u64) -> i64 {
    (number ^ (1 << 63)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_give_back_their_parts_and_sort_as_lists_do() {
        let small = ExecutionKey::new(1_000, "small");
        let large = ExecutionKey::new(2_000, "large");
        let owner = list_owner("arn:machine");
        for (time, key) in [(0, small), (-5, large), (i64::MAX, small), (1_790_000_000_000, large)] {
            assert_eq!(
                parse_list(&list(&owner, Status::Failed, time, key)),
                Some(ListCursor { listed_at_ms: time, key })
            );
        }
        let newer = list(&owner, Status::Failed, 10, small);
        let older = list(&owner, Status::Failed, 9, large);
        let same_time_larger_key = list(&owner, Status::Failed, 10, large);
        assert!(newer < older);
        assert!(same_time_larger_key < newer);
        assert_eq!(parse_chunk(&chunk(large, 7)), Some((large, 7)));
        assert_eq!(parse_running(&running(i64::MAX, small)), Some((i64::MAX, small)));
        assert_eq!(parse_running(b"short"), None);
        assert_eq!(parse_list(b"short"), None);
        assert_eq!(parse_chunk(b"short"), None);
    }
}
