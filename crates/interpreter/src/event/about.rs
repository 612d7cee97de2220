//! What stands in ExecutionStarted of an execution.

use std::sync::Arc;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::{EventKind, StateIndex};
use crate::{text::Text, time::Timestamp};

/// What the context object and the descriptions of an execution show of its start.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct About {
    /// ARN of the execution.
    #[n(0)]
    pub execution_arn: Text,
    /// Name of the execution.
    #[n(1)]
    pub name: Text,
    /// ARN of the state machine, without version or alias.
    #[n(2)]
    pub state_machine_arn: Text,
    /// Name of the state machine.
    #[n(3)]
    pub state_machine_name: Text,
    /// The role given when the state machine was created.
    #[n(4)]
    pub role_arn: Text,
    /// Region, as TaskScheduled shows it.
    #[n(5)]
    pub region: Text,
    /// When StartExecution was accepted.
    #[n(6)]
    pub start_time: Timestamp,
    /// Express or Standard.
    #[n(7)]
    pub express: bool,
    /// Started by StartSyncExecution: the context object has no RedriveCount then.
    #[n(8)]
    pub synchronous: bool,
    /// Number of the revision in the catalogue.
    #[n(9)]
    pub revision: u64,
    /// X-Ray header given by the caller.
    #[n(10)]
    pub trace_header: Option<Text>,
    /// The version that it was started with, if any.
    #[n(11)]
    pub version_arn: Option<Text>,
    /// The alias that it was started with, if any.
    #[n(12)]
    pub alias_arn: Option<Text>,
    /// Which of its events a log shows; none when nothing is logged.
    #[n(13)]
    pub log: Option<LogEvents>,
    /// The test case whose answers stand in for those of services.
    #[n(19)]
    pub mock: Option<Box<MockCase>>,
}

/// How it stands in an event: as if it were not shared.
pub(super) mod shared {
    use super::*;

    pub(crate) fn encode<C, W: encode::Write>(
        about: &Arc<About>,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        about.as_ref().encode(e, context)
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, context: &mut C) -> Result<Arc<About>, decode::Error> {
        About::decode(d, context).map(Arc::new)
    }
}

/// The events that a log wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LogEvents {
    /// All.
    #[n(0)]
    All,
    /// Those of errors.
    #[n(1)]
    Errors,
    /// Those that end an execution badly.
    #[n(2)]
    Fatal,
}

impl LogEvents {
    /// Whether a log may show the event; which errors it shows exactly is for the log to say.
    #[must_use]
    pub fn may_show(self, kind: &EventKind) -> bool {
        match self {
            Self::All | Self::Errors => kind.is_visible(),
            Self::Fatal => kind.is_terminal(),
        }
    }
}

/// A test case of a mock file. Which states it mocks is fixed when the execution starts, so that none of them ever
/// reaches its service, whatever becomes of the file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MockCase {
    /// Its name; the machine's is beside it.
    #[n(0)]
    pub name: Text,
    /// The Task states that it mocks, ascending.
    #[n(1)]
    pub states: Vec<StateIndex>,
}
