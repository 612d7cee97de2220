//! What an execution began with and how it ended.

use std::sync::Arc;

use stepwell_api::ApiError;
use stepwell_engine::Ends;
use stepwell_interpreter::{
    EventKind, Stored,
    event::codec::{ChunkEvents, Payloads},
};
use stepwell_store::{ExecutionKey, ExecutionRow};

use super::{Operations, internal};
use crate::history::HistoryError;

impl Operations {
    /// A Standard execution by its ARN: its row, and the ends if they are wanted.
    pub(super) fn look_at(
        &self,
        arn: &str,
        with_ends: bool,
    ) -> Result<(ExecutionKey, Arc<ExecutionRow>, Ends), ApiError> {
        let recent = self.recent_ends.find(arn).filter(|(_, row, _)| !self.is_nearly_removed(row));
        if let Some((key, row, ends)) = recent {
            return Ok((key, row, if with_ends { ends } else { Ends::default() }));
        }
        let (key, row) = self.find_execution(arn)?;
        let ends = if with_ends { self.ends(key, &row).map_err(internal)? } else { Ends::default() };
        Ok((key, row, ends))
    }

    /// Input, output and error of an execution, from the events that hold them: others are not decoded.
    ///
    /// # Errors
    /// [`HistoryError`] when the store can't be read or its events can't be decoded.
    pub(crate) fn ends(&self, key: ExecutionKey, row: &ExecutionRow) -> Result<Ends, HistoryError> {
        let mut ends = Ends::default();
        let Some(first) = self.store.chunk(key, 0)? else { return Ok(ends) };
        let first = ChunkEvents::find(&first)?;
        if let Some(EventKind::ExecutionStarted { input, .. }) = first.get(0)? {
            ends.input = Some(input.payload.text().clone());
        }
        if !row.status.is_closed() {
            return Ok(ends);
        }
        let bytes = if row.last_chunk == 0 { None } else { self.store.chunk(key, row.last_chunk)? };
        let last = bytes.as_deref().map(ChunkEvents::find).transpose()?;
        let near = [&first, last.as_ref().unwrap_or(&first)];
        match near[1].rfind(EventKind::is_terminal)? {
            Some((ordinal, EventKind::ExecutionSucceeded { mut output, .. })) => {
                self.put_in_payload(key, near, ordinal, &mut output)?;
                ends.output = Some(output.payload.text().clone());
            }
            Some((
                _,
                EventKind::ExecutionFailed { error, .. }
                | EventKind::ExecutionAborted { error }
                | EventKind::ExecutionTimedOut { error },
            )) => {
                ends.error = error.error.map(|text| text.0);
                ends.cause = error.cause.map(|text| text.0);
            }
            _ => {}
        }
        Ok(ends)
    }

    /// Puts in the first payload of event `ordinal`, from where it was written: a chunk that is at hand, or the store.
    fn put_in_payload(
        &self,
        key: ExecutionKey,
        near: [&ChunkEvents<'_>; 2],
        ordinal: u32,
        stored: &mut Stored,
    ) -> Result<(), HistoryError> {
        let mut payloads = Payloads::default();
        if let Some(origin) = stored.origin {
            let mut writer = near[0].get(origin.event)?;
            if writer.is_none() {
                writer = near[1].get(origin.event)?;
            }
            if writer.is_none()
                && let Some(chunk) = self.store.chunks(key, origin.event, 1)?.first()
            {
                writer = ChunkEvents::find(&chunk.bytes)?.get(origin.event)?;
            }
            if let Some(mut writer) = writer {
                payloads.remember_of(origin.event, &mut writer);
            }
        }
        Ok(payloads.resolve_one(ordinal, 0, stored)?)
    }
}
