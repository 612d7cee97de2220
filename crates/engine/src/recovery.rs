//! Recovery: an execution is the fold of its events. Nothing is decided again.

use std::sync::Arc;

use stepwell_interpreter::{
    Execution, Program, apply,
    event::codec::{CodecError, Payloads, decode_chunk},
};
use stepwell_store::EventChunk;

/// Why stored events do not make an execution.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// A chunk can't be decoded.
    #[error("the events from {first_event} on can't be decoded: {source}")]
    Codec {
        /// First event of the chunk.
        first_event: u32,
        /// What was wrong.
        source: CodecError,
    },
    /// A definition that the events belong to is not there.
    #[error("its definition (revision {revision}) can't be used: {reason}")]
    Definition {
        /// Number of the revision.
        revision: u64,
        /// What was wrong.
        reason: String,
    },
    /// There is no event.
    #[error("it has no events")]
    Empty,
    /// An event is missing or stands twice.
    #[error("event {expected} is missing: the next one stored is {found}")]
    Gap {
        /// The event that should come next.
        expected: u32,
        /// The event that does.
        found: u32,
    },
}

/// Folds the chunks of one execution, in order. `programs` gives the program of a revision: a redrive may have gone on
/// with another definition. Gives the program of the newest events too.
///
/// # Errors
/// [`FoldError`] when the chunks are not a gapless sequence of events.
pub fn fold(
    mut programs: impl FnMut(u64) -> Result<Arc<Program>, String>,
    chunks: &[EventChunk],
) -> Result<(Execution, Arc<Program>), FoldError> {
    let mut execution = Execution::default();
    let mut program = None;
    let mut payloads = Payloads::default();
    for chunk in chunks {
        let codec = |source| FoldError::Codec { first_event: chunk.first_event, source };
        for mut event in decode_chunk(&chunk.bytes).map_err(codec)? {
            if event.ordinal != execution.next_event {
                return Err(FoldError::Gap { expected: execution.next_event, found: event.ordinal });
            }
            payloads.resolve(&mut event).map_err(codec)?;
            if let Some(revision) = event.kind.new_revision() {
                let found =
                    programs(revision).map_err(|reason| FoldError::Definition { revision, reason })?;
                program = Some(found);
            }
            let Some(program) = &program else { return Err(FoldError::Empty) };
            apply(program, &mut execution, &event);
        }
    }
    program.map(|program| (execution, program)).ok_or(FoldError::Empty)
}
