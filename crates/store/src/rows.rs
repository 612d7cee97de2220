//! The row of an execution: what DescribeExecution and ListExecutions need without reading its events.

use crate::{Listed, StoreError};
use minicbor::{Decode, Encode};
use std::fmt;

/// The status of an execution, named as the Step Functions API names it. The numbers are part of the format on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
#[repr(u8)]
pub enum Status {
    /// In progress.
    #[n(0)]
    Running = 0,
    /// Ended well.
    #[n(1)]
    Succeeded = 1,
    /// Ended with an error.
    #[n(2)]
    Failed = 2,
    /// Ran longer than TimeoutSeconds of its state machine.
    #[n(3)]
    TimedOut = 3,
    /// Stopped by StopExecution.
    #[n(4)]
    Aborted = 4,
    /// A failed child of a Map Run that waits to be redriven.
    #[n(5)]
    PendingRedrive = 5,
}

impl Status {
    /// Every status, in the order of its number.
    pub const ALL: [Status; 6] = [
        Status::Running,
        Status::Succeeded,
        Status::Failed,
        Status::TimedOut,
        Status::Aborted,
        Status::PendingRedrive,
    ];

    /// The name in the Step Functions API.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
            Status::Aborted => "ABORTED",
            Status::PendingRedrive => "PENDING_REDRIVE",
        }
    }

    /// The status with this name in the Step Functions API.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// The status with this number on disk.
    pub fn from_number(number: u8) -> Option<Status> {
        Status::ALL.get(usize::from(number)).copied()
    }

    /// The number on disk.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether the execution has ended.
    pub fn is_closed(self) -> bool {
        !matches!(self, Status::Running | Status::PendingRedrive)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What is kept of an execution beside its events. Input and output stay in the event chunks.
///
/// The field numbers are part of the format on disk: a number is never used for another meaning, and new fields are optional.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ExecutionRow {
    /// The execution ARN.
    #[n(0)]
    pub arn: String,
    /// The ARN of its state machine, under which it is listed.
    #[n(1)]
    pub state_machine_arn: String,
    /// The name of the execution.
    #[n(2)]
    pub name: String,
    /// The status.
    #[n(3)]
    pub status: Status,
    /// When it started, in milliseconds since 1970.
    #[n(4)]
    pub start_ms: i64,
    /// When it ended, in milliseconds since 1970.
    #[n(5)]
    pub stop_ms: Option<i64>,
    /// The number of the revision in the catalogue that it runs.
    #[n(6)]
    pub revision: u64,
    /// Whether it is an Express execution.
    #[n(7)]
    pub express: bool,
    /// The X-Ray trace header given to StartExecution.
    #[n(8)]
    pub trace_header: Option<String>,
    /// First event ordinal of the chunk that holds the terminal event; 0 while it runs.
    #[n(9)]
    pub last_chunk: u32,
    /// How many events (internal ones too) it has.
    #[n(10)]
    pub event_count: u32,
    /// How many times it was redriven.
    #[n(11)]
    pub redrive_count: u32,
    /// When it was last redriven, in milliseconds since 1970.
    #[n(12)]
    pub redrive_ms: Option<i64>,
    /// The version of the state machine that it was started with, if any.
    #[n(13)]
    pub version_arn: Option<String>,
    /// The alias that it was started with, if any.
    #[n(14)]
    pub alias_arn: Option<String>,
    /// The Map Run that started it, if any.
    #[n(15)]
    pub map_run_arn: Option<String>,
    /// How many events of the AWS history it had when it ended without success; for redrives.
    #[n(20)]
    pub history_length: Option<u32>,
    /// Redrives that brought another input or definition, in order; `revision` is the one that it started with.
    #[n(21)]
    pub redrive_edits: Option<Vec<RedriveEdit>>,
}

/// A redrive that brought another input or definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RedriveEdit {
    /// The event that says so.
    #[n(0)]
    pub event: u32,
    /// Which redrive it was, from 1.
    #[n(1)]
    pub redrive_count: u32,
    /// The number of the new revision in the catalogue: states are those of it from this event on.
    #[n(2)]
    pub revision: Option<u64>,
}

impl ExecutionRow {
    /// A row of an execution that has just started.
    pub fn started(
        arn: &str,
        state_machine_arn: &str,
        name: &str,
        start_ms: i64,
        revision: u64,
    ) -> ExecutionRow {
        ExecutionRow {
            arn: arn.to_owned(),
            state_machine_arn: state_machine_arn.to_owned(),
            name: name.to_owned(),
            status: Status::Running,
            start_ms,
            stop_ms: None,
            revision,
            express: false,
            trace_header: None,
            last_chunk: 0,
            event_count: 0,
            redrive_count: 0,
            redrive_ms: None,
            version_arn: None,
            alias_arn: None,
            map_run_arn: None,
            history_length: None,
            redrive_edits: None,
        }
    }

    /// The number of the revision whose states an event names.
    pub fn revision_at(&self, event: u32) -> u64 {
        let newest_first = self.redrive_edits().iter().rev();
        let mut known = newest_first.filter(|edit| edit.event <= event);
        known.find_map(|edit| edit.revision).unwrap_or(self.revision)
    }

    /// Redrives that brought another input or definition, in order.
    pub fn redrive_edits(&self) -> &[RedriveEdit] {
        self.redrive_edits.as_deref().unwrap_or_default()
    }

    /// The numbers of all revisions that its events name states of.
    pub fn revisions(&self) -> impl Iterator<Item = u64> {
        [self.revision].into_iter().chain(self.redrive_edits().iter().filter_map(|edit| edit.revision))
    }

    /// The ARNs under which the execution is listed: its state machine's, and those of the version and the alias that it
    /// was started with.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        owners(&self.state_machine_arn, self.version_arn.as_deref(), self.alias_arn.as_deref())
    }

    /// Where the execution stands in the lists: by the time of its start or newest redrive while it runs, by stop time
    /// afterwards.
    pub fn listed(&self) -> Listed {
        let begun_ms = self.redrive_ms.unwrap_or(self.start_ms);
        let listed_at_ms = if self.status.is_closed() { self.stop_ms.unwrap_or(begun_ms) } else { begun_ms };
        Listed { status: self.status, listed_at_ms }
    }

    /// The row as bytes on disk.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160 + self.arn.len() + self.state_machine_arn.len());
        self.encode_into(&mut bytes);
        bytes
    }

    /// Replaces the content of `buffer` by the row as bytes on disk.
    pub fn encode_into(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        // Writing to a vector cannot fail, and no field has an encoding that can.
        let _ = minicbor::encode(self, buffer);
    }

    /// The row in bytes from disk.
    pub fn from_bytes(bytes: &[u8]) -> Result<ExecutionRow, StoreError> {
        minicbor::decode(bytes)
            .map_err(|error| StoreError::damaged(format!("the row of an execution: {error}")))
    }
}

/// The ARNs under which an execution is listed.
pub(crate) fn owners<'a>(
    state_machine_arn: &'a str,
    version_arn: Option<&'a str>,
    alias_arn: Option<&'a str>,
) -> impl Iterator<Item = &'a str> {
    std::iter::once(state_machine_arn).chain(version_arn).chain(alias_arn)
}
