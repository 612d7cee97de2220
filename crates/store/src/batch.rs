//! What a shard commits at once.

use crate::codec;
use crate::rows::owners;
use crate::{ExecutionKey, ExecutionRow, Status};
use bytes::Bytes;
use minicbor::{Decode, Encode};
use std::sync::Arc;

/// Everything that one turn of a shard made, committed as a whole or not at all.
///
/// The field numbers of this type and of those in it are part of the format of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Batch {
    /// The shard that made the batch; only for diagnostics, nothing stored names a shard otherwise.
    #[n(0)]
    pub shard: u16,
    /// The number of the batch within its shard since the shard was opened.
    #[n(1)]
    pub sequence: u64,
    /// New event chunks.
    #[n(2)]
    pub chunks: Vec<EventChunk>,
    /// Rows that began or changed.
    #[n(3)]
    pub rows: Vec<RowChange>,
    /// Changes of the running index.
    #[n(4)]
    pub running: Vec<RunningChange>,
    /// Changes of the catalogue.
    #[n(5)]
    pub catalogue: Vec<CatalogueChange>,
    /// Executions that are removed for good.
    #[n(6)]
    pub deleted: Vec<DeletedExecution>,
}

impl Batch {
    /// Whether the batch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
            && self.rows.is_empty()
            && self.running.is_empty()
            && self.catalogue.is_empty()
            && self.deleted.is_empty()
    }

    /// About how many bytes the batch takes in the journal.
    pub fn size_hint(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.bytes.len() + 32).sum();
        let rows: usize = self.rows.iter().map(|change| 120 + change.after.arn.len() * 2).sum();
        let catalogue: usize = self
            .catalogue
            .iter()
            .map(|change| change.key.len() + change.value.as_ref().map_or(0, Bytes::len) + 16)
            .sum();
        let deleted: usize = self.deleted.iter().map(|gone| gone.arn.len() * 2 + 48).sum();
        32 + chunks + rows + catalogue + deleted + self.running.len() * 48
    }
}

/// The events that one execution got in one batch, as bytes that only the engine reads.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct EventChunk {
    /// The execution.
    #[cbor(n(0), with = "codec::execution_key")]
    pub key: ExecutionKey,
    /// The ordinal of the first event in the chunk.
    #[n(1)]
    pub first_event: u32,
    /// The encoded events.
    #[cbor(n(2), with = "codec::byte_string")]
    pub bytes: Bytes,
}

/// A place in the lists of executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Listed {
    /// The status, which names the list.
    #[n(0)]
    pub status: Status,
    /// The time that orders the list, in milliseconds since 1970.
    #[n(1)]
    pub listed_at_ms: i64,
}

/// The row of an execution before and after.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RowChange {
    /// The execution.
    #[cbor(n(0), with = "codec::execution_key")]
    pub key: ExecutionKey,
    /// Where the execution stood in the lists; none when this change starts it.
    #[n(1)]
    pub before: Option<Listed>,
    /// The row from now on.
    #[cbor(n(2), with = "codec::shared_row")]
    pub after: Arc<ExecutionRow>,
}

/// What the running index says of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum RunningState {
    /// Loaded at start: it has work in flight.
    #[n(0)]
    Active,
    /// Not loaded before `wake_at_ms` unless a command comes for it.
    #[n(1)]
    Parked {
        /// The next deadline in milliseconds since 1970, or [`WAKE_NEVER`].
        #[n(0)]
        wake_at_ms: i64,
    },
    /// Ended and owing nothing: no longer in the index.
    #[n(2)]
    Settled,
}

/// The wake-up time of an execution that waits without any deadline.
pub const WAKE_NEVER: i64 = i64::MAX;

impl RunningState {
    /// The wake-up time under which the index holds the execution: 0 when active, none when settled.
    /// A parked execution's time is at least 1.
    pub fn wake_at_ms(self) -> Option<i64> {
        match self {
            RunningState::Active => Some(0),
            RunningState::Parked { wake_at_ms } => Some(wake_at_ms.max(1)),
            RunningState::Settled => None,
        }
    }
}

/// A change of the running index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RunningChange {
    /// The execution.
    #[cbor(n(0), with = "codec::execution_key")]
    pub key: ExecutionKey,
    /// What the index held before this change ([`RunningState::wake_at_ms`]: 0 for active); none when it held nothing.
    #[n(1)]
    pub before: Option<i64>,
    /// What it holds from now on.
    #[n(2)]
    pub change: RunningState,
}

/// A change of the catalogue: opaque keys and values, read back by key or by prefix.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct CatalogueChange {
    /// The key.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub key: Vec<u8>,
    /// The new value, or none to remove the key.
    #[cbor(n(1), with = "codec::optional_byte_string", has_nil)]
    pub value: Option<Bytes>,
}

/// An execution that leaves the store with all its events: retention, or the end of its state machine.
/// It names all places where the execution stands, so that the removal can be repeated in recovery.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct DeletedExecution {
    /// The execution.
    #[cbor(n(0), with = "codec::execution_key")]
    pub key: ExecutionKey,
    /// Its ARN. The name stays taken if another execution uses it by now.
    #[n(1)]
    pub arn: String,
    /// The ARN of its state machine, under which it is listed.
    #[n(2)]
    pub state_machine_arn: String,
    /// Where it stands in the lists.
    #[n(3)]
    pub listed: Listed,
    /// The version's ARN under which it is listed too.
    #[n(4)]
    pub version_arn: Option<String>,
    /// The alias's ARN under which it is listed too.
    #[n(5)]
    pub alias_arn: Option<String>,
}

impl DeletedExecution {
    /// The removal of the execution with this row.
    pub fn of(key: ExecutionKey, row: &ExecutionRow) -> DeletedExecution {
        DeletedExecution {
            key,
            arn: row.arn.clone(),
            state_machine_arn: row.state_machine_arn.clone(),
            listed: row.listed(),
            version_arn: row.version_arn.clone(),
            alias_arn: row.alias_arn.clone(),
        }
    }

    /// The ARNs under which the execution is listed, as [`ExecutionRow::owners`].
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        owners(&self.state_machine_arn, self.version_arn.as_deref(), self.alias_arn.as_deref())
    }
}
