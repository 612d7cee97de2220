//! From the engine's events to the history of the API: the only projection, and it never folds.

use std::sync::Arc;

use stepwell_api::history_event::{Failure, HistoryEvent, Kind, MapIteration, StateType, TaskResource};
use stepwell_interpreter::{
    ErrorOutput, Event, EventKind, Program, Text,
    event::codec::{CodecError, Payloads, decode_chunk},
    program::{StateKind, TaskState},
};
use stepwell_store::{ExecutionKey, ExecutionRow, Store, StoreError};

use crate::catalogue::{Catalogue, CatalogueError};

/// Bytes of chunks that are read at once.
const READ_BYTES: usize = 512 * 1024;

/// Why events can't be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Definition(#[from] CatalogueError),
    #[error("event {ordinal} names state {state}, which its definition does not have")]
    UnknownState { ordinal: u32, state: u32 },
}

/// The programs that the events of an execution name states of: that of its start, and those that redrives brought.
#[derive(Debug)]
pub(crate) struct Programs {
    first: Arc<Program>,
    /// From which event on, and which program.
    later: Vec<(u32, Arc<Program>)>,
}

impl Programs {
    /// The programs of the execution with this row.
    ///
    /// # Errors
    /// When a definition can't be read.
    pub(crate) fn of(catalogue: &Catalogue, row: &ExecutionRow) -> Result<Self, CatalogueError> {
        let first = catalogue.program(row.revision)?;
        let edits = row.redrive_edits().iter();
        let later = edits
            .filter_map(|edit| Some((edit.event, edit.revision?)))
            .map(|(event, revision)| Ok((event, catalogue.program(revision)?)))
            .collect::<Result<_, CatalogueError>>()?;
        Ok(Self { first, later })
    }

    /// The program of an event.
    pub(crate) fn at(&self, ordinal: u32) -> &Program {
        let later = self.later.iter().rev().find(|(from, _)| *from <= ordinal);
        later.map_or(&self.first, |(_, program)| program)
    }
}

/// Which events to show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRequest {
    /// Newest first.
    pub(crate) reverse: bool,
    /// The ordinal to go on with; none to begin.
    pub(crate) from: Option<u32>,
    /// Most events.
    pub(crate) limit: usize,
    /// Bytes of texts after which the page ends early.
    pub(crate) bytes_max: usize,
}

/// A page of events.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) events: Vec<HistoryEvent>,
    /// The ordinal to go on with; none when this is the last page.
    pub(crate) next: Option<u32>,
}

/// Reads a page of an execution's history.
///
/// # Errors
/// [`HistoryError`] when the store can't be read or its events can't be decoded.
pub(crate) fn read_page(
    store: &dyn Store,
    key: ExecutionKey,
    programs: &Programs,
    region: &Arc<str>,
    request: PageRequest,
) -> Result<Page, HistoryError> {
    let mut payloads = Payloads::default();
    let mut selected: Vec<Event> = Vec::with_capacity(request.limit.min(1024));
    let mut bytes = 0;
    let mut at = request.from.unwrap_or(if request.reverse { u32::MAX } else { 0 });
    let mut next = None;
    // Each round reads on from `at`; a round that brings nothing new is the end.
    'rounds: loop {
        let chunks = if request.reverse {
            store.chunks_reverse(key, at, READ_BYTES)?
        } else {
            store.chunks(key, at, READ_BYTES)?
        };
        let mut on_from = None;
        for chunk in &chunks {
            let mut events = decode_chunk(&chunk.bytes)?;
            for event in &mut events {
                payloads.remember(event);
            }
            if request.reverse {
                on_from = chunk.first_event.checked_sub(1);
                events.reverse();
            } else {
                on_from = events.last().map(|event| event.ordinal + 1).filter(|&end| end > at);
            }
            for event in events {
                let is_behind = if request.reverse { event.ordinal > at } else { event.ordinal < at };
                if is_behind || !event.kind.is_visible() {
                    continue;
                }
                if selected.len() >= request.limit || bytes >= request.bytes_max && !selected.is_empty() {
                    next = Some(event.ordinal);
                    break 'rounds;
                }
                bytes += size_of_texts(&event);
                selected.push(event);
            }
        }
        match on_from {
            Some(ordinal) => at = ordinal,
            None => break,
        }
    }
    resolve(store, key, &mut payloads, &mut selected)?;
    let mut events = Vec::with_capacity(selected.len());
    for event in &selected {
        events.extend(project(programs.at(event.ordinal), region, event)?);
    }
    Ok(Page { events, next })
}

/// Fills in the payloads that events refer to, by range reads of the chunks that wrote them.
///
/// # Errors
/// As [`read_page`].
pub(crate) fn resolve(
    store: &dyn Store,
    key: ExecutionKey,
    payloads: &mut Payloads,
    events: &mut [Event],
) -> Result<(), HistoryError> {
    let mut read_up_to = None;
    for missing in payloads.missing(events) {
        // One chunk often wrote several of them.
        if read_up_to.is_some_and(|end| missing < end) {
            continue;
        }
        for chunk in store.chunks(key, missing, 1)? {
            let mut writers = decode_chunk(&chunk.bytes)?;
            for event in &mut writers {
                payloads.remember(event);
            }
            read_up_to = writers.last().map(|event| event.ordinal + 1);
        }
    }
    for event in events {
        payloads.resolve(event)?;
    }
    Ok(())
}

/// About how much an event adds to a page.
pub(crate) fn size_of_texts(event: &Event) -> usize {
    let mut size = 160;
    match &event.kind {
        EventKind::ExecutionStarted { input, .. } | EventKind::StateEntered { input, .. } => {
            size += input.payload.size()
        }
        EventKind::StateExited { output, assigned, .. } => {
            size += output.payload.size();
            size += assigned.iter().map(|variable| variable.value.payload.size()).sum::<usize>();
        }
        EventKind::TaskScheduled { parameters, .. } => size += parameters.payload.size(),
        EventKind::TaskSubmitted { output, .. }
        | EventKind::TaskSucceeded { output, .. }
        | EventKind::ExecutionSucceeded { output, .. } => size += output.payload.size(),
        _ => {}
    }
    size
}

/// The history event of a visible event.
///
/// # Errors
/// [`HistoryError::UnknownState`] when the program is not the one that the event was made with.
pub(crate) fn project(
    program: &Program,
    region: &Arc<str>,
    event: &Event,
) -> Result<Option<HistoryEvent>, HistoryError> {
    if event.history_id == 0 {
        return Ok(None);
    }
    let projection = Projection { program, region, ordinal: event.ordinal };
    let Some(kind) = projection.kind(&event.kind)? else { return Ok(None) };
    Ok(Some(HistoryEvent {
        id: event.history_id.into(),
        previous_event_id: event.kind.previous().into(),
        timestamp_ms: event.time.0,
        kind,
    }))
}

struct Projection<'a> {
    program: &'a Program,
    region: &'a Arc<str>,
    ordinal: u32,
}

/// What a Task calls, as its events differ.
enum TaskKind {
    Lambda,
    Activity,
    Service(TaskResource),
}

impl Projection<'_> {
    fn state(&self, state: u32) -> Result<&stepwell_interpreter::program::State, HistoryError> {
        self.program.get(state).ok_or(HistoryError::UnknownState { ordinal: self.ordinal, state })
    }

    fn task(&self, state: u32) -> Result<(&TaskState, TaskKind), HistoryError> {
        let StateKind::Task(task) = &self.state(state)?.kind else {
            return Err(HistoryError::UnknownState { ordinal: self.ordinal, state });
        };
        let kind = if task.is_lambda_function() {
            TaskKind::Lambda
        } else if task.is_activity() {
            TaskKind::Activity
        } else {
            TaskKind::Service(TaskResource {
                resource_type: task.resource.resource_type().into(),
                resource: task.resource.resource().into(),
            })
        };
        Ok((task, kind))
    }

    fn iteration(&self, state: u32, index: u32) -> Result<MapIteration, HistoryError> {
        Ok(MapIteration { name: self.state(state)?.name.0.clone(), index: index.into() })
    }

    fn is_map(&self, state: u32) -> Result<bool, HistoryError> {
        Ok(matches!(self.state(state)?.kind, StateKind::Map(_)))
    }

    fn kind(&self, kind: &EventKind) -> Result<Option<Kind>, HistoryError> {
        Ok(Some(match kind {
            EventKind::ExecutionStarted { input, about } => Kind::ExecutionStarted {
                input: input.payload.text().clone(),
                role_arn: about.role_arn.0.clone(),
                state_machine_alias_arn: about.alias_arn.as_ref().map(|arn| arn.0.clone()),
                state_machine_version_arn: about.version_arn.as_ref().map(|arn| arn.0.clone()),
            },
            EventKind::StateEntered { state, input, .. } => {
                let state = self.state(*state)?;
                Kind::StateEntered {
                    state_type: state_type(&state.kind),
                    name: state.name.0.clone(),
                    input: input.payload.text().clone(),
                }
            }
            EventKind::StateExited { state, output, assigned, .. } => {
                let state = self.state(*state)?;
                Kind::StateExited {
                    state_type: state_type(&state.kind),
                    name: state.name.0.clone(),
                    output: output.payload.text().clone(),
                    assigned_variables: assigned
                        .iter()
                        .map(|variable| (variable.name.0.clone(), variable.value.payload.text().clone()))
                        .collect(),
                }
            }
            EventKind::TaskScheduled { .. }
            | EventKind::TaskStarted { .. }
            | EventKind::TaskSubmitted { .. }
            | EventKind::TaskSucceeded { .. }
            | EventKind::TaskFailed { .. }
            | EventKind::TaskTimedOut { .. } => return self.task_kind(kind),
            EventKind::ParallelStarted { .. } => Kind::ParallelStateStarted,
            EventKind::ForkSucceeded { state, .. } => {
                if self.is_map(*state)? {
                    Kind::MapStateSucceeded
                } else {
                    Kind::ParallelStateSucceeded
                }
            }
            EventKind::ForkFailed { state, .. } => {
                if self.is_map(*state)? {
                    Kind::MapStateFailed
                } else {
                    Kind::ParallelStateFailed
                }
            }
            EventKind::MapStarted { length, .. } => Kind::MapStateStarted { length: (*length).into() },
            EventKind::IterationStarted { state, index, .. } => {
                Kind::MapIterationStarted(self.iteration(*state, *index)?)
            }
            EventKind::IterationSucceeded { state, index, .. } => {
                Kind::MapIterationSucceeded(self.iteration(*state, *index)?)
            }
            EventKind::IterationFailed { state, index, .. } => {
                Kind::MapIterationFailed(self.iteration(*state, *index)?)
            }
            EventKind::IterationAborted { state, index, .. } => {
                Kind::MapIterationAborted(self.iteration(*state, *index)?)
            }
            EventKind::StateAborted { state, .. } => match &self.state(*state)?.kind {
                StateKind::Wait(_) => Kind::WaitStateAborted,
                StateKind::Parallel(_) => Kind::ParallelStateAborted,
                StateKind::Map(_) => Kind::MapStateAborted,
                _ => Kind::TaskStateAborted,
            },
            EventKind::ExecutionSucceeded { output, .. } => {
                Kind::ExecutionSucceeded { output: output.payload.text().clone() }
            }
            EventKind::ExecutionFailed { error, .. } => Kind::ExecutionFailed(failure(error)),
            EventKind::ExecutionAborted { error } => Kind::ExecutionAborted(failure(error)),
            EventKind::ExecutionTimedOut { error } => Kind::ExecutionTimedOut(failure(error)),
            EventKind::EvaluationFailed { state, error, location, .. } => Kind::EvaluationFailed {
                failure: failure(error),
                location: location.as_ref().map(|location| location.0.clone()),
                state: self.state(*state)?.name.0.clone(),
            },
            EventKind::ExecutionRedriven { count, input, definition, .. } => Kind::ExecutionRedriven {
                redrive_count: (*count).into(),
                edited_state: match input {
                    Some(edit) => {
                        let name = self.state(edit.state)?.name.0.clone();
                        Some((name, edit.input.payload.text().clone()))
                    }
                    None => None,
                },
                definition_changed: definition.is_some(),
            },
            EventKind::WaitStarted { .. }
            | EventKind::RetryScheduled { .. }
            | EventKind::BranchSucceeded { .. }
            | EventKind::BranchFailed { .. }
            | EventKind::BranchAborted { .. }
            | EventKind::ForkStopped { .. }
            | EventKind::ForkBroken { .. }
            | EventKind::Settled { .. } => return Ok(None),
        }))
    }

    fn task_kind(&self, kind: &EventKind) -> Result<Option<Kind>, HistoryError> {
        Ok(Some(match kind {
            EventKind::TaskScheduled {
                state,
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                credentials_role,
                ..
            } => {
                let text = parameters.payload.text().clone();
                let timeout_seconds = timeout_seconds.map(u64::from);
                let heartbeat_seconds = heartbeat_seconds.map(u64::from);
                let credentials_role_arn = credentials_role.as_ref().map(|role| role.0.clone());
                match self.task(*state)? {
                    (task, TaskKind::Lambda) => Kind::LambdaFunctionScheduled {
                        resource: task.resource_text.clone(),
                        input: text,
                        timeout_seconds,
                        credentials_role_arn,
                    },
                    (task, TaskKind::Activity) => Kind::ActivityScheduled {
                        resource: task.resource_text.clone(),
                        input: text,
                        timeout_seconds,
                        heartbeat_seconds,
                    },
                    (_, TaskKind::Service(task)) => Kind::TaskScheduled {
                        task,
                        region: self.region.clone(),
                        parameters: text,
                        timeout_seconds,
                        heartbeat_seconds,
                        credentials_role_arn,
                    },
                }
            }
            EventKind::TaskStarted { state, worker, .. } => match self.task(*state)?.1 {
                TaskKind::Lambda => Kind::LambdaFunctionStarted,
                TaskKind::Activity => {
                    Kind::ActivityStarted { worker_name: worker.as_ref().map(|worker| worker.0.clone()) }
                }
                TaskKind::Service(task) => Kind::TaskStarted { task },
            },
            EventKind::TaskSubmitted { state, output, .. } => match self.task(*state)?.1 {
                TaskKind::Service(task) => {
                    Kind::TaskSubmitted { task, output: output.payload.text().clone() }
                }
                TaskKind::Lambda | TaskKind::Activity => return Ok(None),
            },
            EventKind::TaskSucceeded { state, output, .. } => {
                let output = output.payload.text().clone();
                match self.task(*state)?.1 {
                    TaskKind::Lambda => Kind::LambdaFunctionSucceeded { output },
                    TaskKind::Activity => Kind::ActivitySucceeded { output },
                    TaskKind::Service(task) => Kind::TaskSucceeded { task, output },
                }
            }
            EventKind::TaskFailed { state, error, .. } => {
                let failure = failure(error);
                match self.task(*state)?.1 {
                    TaskKind::Lambda => Kind::LambdaFunctionFailed(failure),
                    TaskKind::Activity => Kind::ActivityFailed(failure),
                    TaskKind::Service(task) => Kind::TaskFailed { task, failure },
                }
            }
            EventKind::TaskTimedOut { state, error, .. } => {
                let failure = failure(error);
                match self.task(*state)?.1 {
                    TaskKind::Lambda => Kind::LambdaFunctionTimedOut(failure),
                    TaskKind::Activity => Kind::ActivityTimedOut(failure),
                    TaskKind::Service(task) => Kind::TaskTimedOut { task, failure },
                }
            }
            _ => return Ok(None),
        }))
    }
}

fn state_type(kind: &StateKind) -> StateType {
    match kind {
        StateKind::Task(_) => StateType::Task,
        StateKind::Pass(_) => StateType::Pass,
        StateKind::Choice(_) => StateType::Choice,
        StateKind::Wait(_) => StateType::Wait,
        StateKind::Succeed => StateType::Succeed,
        StateKind::Fail(_) => StateType::Fail,
        StateKind::Parallel(_) => StateType::Parallel,
        StateKind::Map(_) => StateType::Map,
    }
}

fn failure(error: &ErrorOutput) -> Failure {
    let text = |text: &Option<Text>| -> Option<Arc<str>> { text.as_ref().map(|text| text.0.clone()) };
    Failure { error: text(&error.error), cause: text(&error.cause) }
}
