//! A place in a list of executions, for paging.

use crate::ExecutionKey;

/// The place of one entry in a list of executions: pages go on after it. Lists run from new to old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListCursor {
    /// The time that orders the list, in milliseconds since 1970.
    pub listed_at_ms: i64,
    /// The execution at that place.
    pub key: ExecutionKey,
}

impl ListCursor {
    /// The cursor as 24 bytes, for a page token.
    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.listed_at_ms.to_be_bytes());
        bytes[8..].copy_from_slice(self.key.as_bytes());
        bytes
    }

    /// The cursor in 24 bytes of a page token.
    pub fn from_bytes(bytes: &[u8]) -> Option<ListCursor> {
        let (time, key) = bytes.split_at_checked(8)?;
        Some(ListCursor {
            listed_at_ms: i64::from_be_bytes(time.try_into().ok()?),
            key: ExecutionKey::from_slice(key)?,
        })
    }

    /// Whether the entry at (`listed_at_ms`, `key`) comes after this place in a list from new to old.
    pub fn is_followed_by(&self, listed_at_ms: i64, key: ExecutionKey) -> bool {
        (listed_at_ms, key) < (self.listed_at_ms, self.key)
    }
}
