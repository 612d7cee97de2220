//! What is queried: ordered tables behind the journal. They are written by the feeder alone, and synced only at checkpoints.

pub(crate) mod changes;
mod fjall;
pub(crate) mod simulated;

pub(crate) use self::changes::Changes;
pub(crate) use self::fjall::{FjallOptions, FjallTables};

use bytes::Bytes;
use std::ops::ControlFlow;
use thiserror::Error;

/// The tables. The numbers are part of the format on disk; `docs/formats/tables.md` describes keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Table {
    Executions = 0,
    Events = 1,
    Names = 2,
    Lists = 3,
    Running = 4,
    Catalogue = 5,
    Meta = 6,
}

impl Table {
    pub(crate) const ALL: [Table; 7] = [
        Table::Executions,
        Table::Events,
        Table::Names,
        Table::Lists,
        Table::Running,
        Table::Catalogue,
        Table::Meta,
    ];

    /// The name, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Table::Executions => "executions",
            Table::Events => "execution_events",
            Table::Names => "names",
            Table::Lists => "lists",
            Table::Running => "running",
            Table::Catalogue => "catalogue",
            Table::Meta => "meta",
        }
    }
}

/// The key in [`Table::Meta`] of the number of the last record applied.
pub(crate) const APPLIED_KEY: &[u8] = b"applied";

/// A failure of the tables, in words.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub(crate) struct TablesError(pub(crate) String);

/// Ordered tables of bytes.
pub(crate) trait Tables: Send + Sync {
    /// Makes all changes visible at once, together with the number of the record they come from. Need not be durable.
    fn apply(&self, changes: &mut Changes, sequence: u64) -> Result<(), TablesError>;

    /// A view that does not change.
    fn view(&self) -> Box<dyn View + '_>;

    /// Makes everything applied so far durable.
    fn sync(&self) -> Result<(), TablesError>;

    /// The number of the last record applied, 0 at first.
    fn applied(&self) -> Result<u64, TablesError> {
        applied(self.view().as_ref())
    }
}

/// The number of the last record applied to the tables as `view` shows them, 0 at first.
pub(crate) fn applied(view: &dyn View) -> Result<u64, TablesError> {
    match view.get(Table::Meta, APPLIED_KEY)? {
        None => Ok(0),
        Some(bytes) => match bytes.as_ref().try_into() {
            Ok(bytes) => Ok(u64::from_be_bytes(bytes)),
            Err(_) => {
                Err(TablesError("the number of the last record applied is not 8 bytes long".to_owned()))
            }
        },
    }
}

/// Called with the key and value of each entry; says whether to go on.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Tables as they were at one moment.
pub(crate) trait View {
    /// The value under a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, TablesError>;

    /// Visits entries with `start <= key < end` (no end: to the last) in order or in reverse, until told to stop.
    fn scan(
        &self,
        table: Table,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), TablesError>;
}

/// The direction of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Reverse,
}

/// The smallest key that is larger than every key with this prefix; none if there is no such key.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}
