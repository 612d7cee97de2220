//! RedriveExecution, and whether an execution can be redriven.

use std::sync::Arc;

use stepwell_api::{
    ApiError, LongText, Timestamp,
    identity::Identity,
    types::execution::{
        ExecutionRedriveStatus, RedriveEdit, RedriveExecutionRequest, RedriveExecutionResponse,
    },
};
use stepwell_engine::{Input, Reply, ReplyTo};
use stepwell_interpreter::{
    Command, EventKind, NewDefinition, NotRedrivable, RedriveRequest, Rejection, Standing, Status,
    event::codec::{Payloads, decode_chunk},
};
use stepwell_json::Payload;
use stepwell_store::{ExecutionKey, ExecutionRow, Status as RowStatus};

use super::{Operations, answer, answered, definition, internal, state_machine};
use crate::{
    catalogue::records::RevisionRecord,
    history::{HistoryError, Programs, resolve},
    random,
};

/// An execution that retention is about to remove is left to it, in milliseconds.
const RETENTION_MARGIN_MS: i64 = 3600 * 1000;
const MILLIS_PER_DAY: i64 = 24 * 3600 * 1000;

impl Operations {
    /// RedriveExecution: durable before the answer. Beyond AWS, the failed state may get another input, and the execution
    /// another definition.
    ///
    /// # Errors
    /// As AWS documents them; `ValidationException` when an input or definition does not fit where the execution stopped.
    pub async fn redrive_execution(
        &self,
        _caller: Identity<'_>,
        request: RedriveExecutionRequest,
    ) -> Result<RedriveExecutionResponse, ApiError> {
        let (key, row) = self.find_execution(&request.execution_arn)?;
        let input = match request.with_input {
            Some(text) => Some(
                Payload::from_text(text).map_err(|error| ApiError::invalid_execution_input(error.message))?,
            ),
            None => None,
        };
        self.admit()?;
        let machine = self.catalogue.machine(&row.state_machine_arn);
        // A deletion waits for this as for a start.
        let Some(_redriving) = machine.as_ref().and_then(|machine| machine.gate.enter()) else {
            return Err(not_redrivable(NotRedrivable::MachineDeleting));
        };
        if row.status.is_closed() && self.store.count_open() >= self.settings.limits.open_executions_max {
            return Err(ApiError::execution_limit_exceeded());
        }
        let definition = match request.with_definition {
            Some(text) => {
                // A revision that nothing will use is not made; with a token this may be a repetition, which is answered.
                if request.client_token.is_none() {
                    self.redrivable(&row).map_err(not_redrivable)?;
                }
                Some(self.new_definition(&row, text).await?)
            }
            None => None,
        };
        if row.status.is_closed() && self.is_nearly_removed(&row) {
            return Err(not_redrivable(NotRedrivable::Period));
        }
        let request =
            RedriveRequest { client_token: request.client_token.map(Into::into), input, definition };
        let (reply, receiver) = answer();
        let command = Command::Redrive { request: Box::new(request) };
        self.router.send(Input::Command { key, command, reply: ReplyTo::Caller(reply) });
        match answered(receiver).await? {
            Reply::Done { time } | Reply::Rejected(Rejection::Repeated { time }) => {
                Ok(RedriveExecutionResponse { redrive_date: Timestamp::from(time.0) })
            }
            Reply::Rejected(Rejection::NotRedrivable(reason)) => Err(not_redrivable(reason)),
            Reply::Rejected(Rejection::EditDoesNotFit(text)) => Err(ApiError::validation(text.to_string())),
            Reply::Unknown => Err(ApiError::execution_does_not_exist(&row.arn)),
            Reply::Throttled => Err(ApiError::throttling()),
            _ => Err(ApiError::internal_failure()),
        }
    }

    /// Keeps a definition as a revision of the execution's machine, though not as its present one.
    async fn new_definition(&self, row: &ExecutionRow, text: LongText) -> Result<NewDefinition, ApiError> {
        let (analysis, program) = definition::analyse_for(&text, row.express)?;
        let present = self.catalogue.revision(row.revision_at(u32::MAX)).map_err(internal)?;
        let definition_bytes = text.len();
        let record = RevisionRecord {
            definition: text.0,
            created_ms: self.clock.now().0,
            id: random::uuid().to_string(),
            shows_id: true,
            variable_references: state_machine::references(&analysis),
            ..present
        };
        let mut writer = self.catalogue.write().await;
        let revision = writer.add_revision(&record);
        writer.keep_program(revision, program, definition_bytes);
        writer.commit(|| ()).await.map_err(internal)?;
        let program = self.catalogue.program(revision).map_err(internal)?;
        Ok(NewDefinition { revision, program })
    }

    /// Whether an execution can be redriven now, by its row.
    pub(crate) fn redrivable(&self, row: &ExecutionRow) -> Result<(), NotRedrivable> {
        let standing = Standing {
            status: match row.status {
                RowStatus::Running | RowStatus::PendingRedrive => Status::Running,
                RowStatus::Succeeded => Status::Succeeded,
                RowStatus::Failed => Status::Failed,
                RowStatus::TimedOut => Status::TimedOut,
                RowStatus::Aborted => Status::Aborted,
            },
            start_time: stepwell_interpreter::Timestamp(row.start_ms),
            stop_time: stepwell_interpreter::Timestamp(row.stop_ms.unwrap_or(row.start_ms)),
            history_length: row.history_length.unwrap_or(row.event_count),
        };
        standing.check(self.clock.now())?;
        let machine = self.catalogue.machine(&row.state_machine_arn);
        if machine.is_none_or(|machine| machine.gate.is_deleting()) {
            return Err(NotRedrivable::MachineDeleting);
        }
        if self.is_nearly_removed(row) { Err(NotRedrivable::Period) } else { Ok(()) }
    }

    /// As DescribeExecution tells it.
    pub(crate) fn redrive_status(&self, row: &ExecutionRow) -> (ExecutionRedriveStatus, Option<Arc<str>>) {
        match self.redrivable(row) {
            Ok(()) => (ExecutionRedriveStatus::Redrivable, None),
            Err(reason) => (ExecutionRedriveStatus::NotRedrivable, Some(reason.to_string().into())),
        }
    }

    /// Whether retention may remove the execution at any moment.
    pub(super) fn is_nearly_removed(&self, row: &ExecutionRow) -> bool {
        let kept_ms = i64::from(self.settings.retention_days) * MILLIS_PER_DAY - RETENTION_MARGIN_MS;
        row.stop_ms.is_some_and(|stop_ms| self.clock.now().0 >= stop_ms.saturating_add(kept_ms))
    }

    /// The redrives that brought another input or definition, from the events that hold them.
    ///
    /// # Errors
    /// [`HistoryError`] when the store can't be read.
    pub(crate) fn redrive_edits(
        &self,
        key: ExecutionKey,
        row: &ExecutionRow,
    ) -> Result<Option<Vec<RedriveEdit>>, HistoryError> {
        if row.redrive_edits().is_empty() {
            return Ok(None);
        }
        let programs = Programs::of(&self.catalogue, row)?;
        let mut payloads = Payloads::default();
        let mut edits = Vec::with_capacity(row.redrive_edits().len());
        for edit in row.redrive_edits() {
            let chunks = self.store.chunks(key, edit.event, 1)?;
            let Some(chunk) = chunks.first() else { continue };
            let events = decode_chunk(&chunk.bytes)?;
            let mut found: Vec<_> = events.into_iter().filter(|event| event.ordinal == edit.event).collect();
            resolve(&*self.store, key, &mut payloads, &mut found)?;
            for event in found {
                let EventKind::ExecutionRedriven { count, input, definition, .. } = event.kind else {
                    continue;
                };
                let state = |state| programs.at(event.ordinal).get(state).map(|state| state.name.0.clone());
                edits.push(RedriveEdit {
                    redrive_count: count.into(),
                    redrive_date: Timestamp::from(event.time.0),
                    state_name: input.as_ref().and_then(|edit| state(edit.state)),
                    input: input.map(|edit| edit.input.payload.text().clone()),
                    definition_changed: definition.is_some(),
                });
            }
        }
        Ok(Some(edits))
    }
}

fn not_redrivable(reason: NotRedrivable) -> ApiError {
    ApiError::execution_not_redrivable(&reason.to_string())
}
