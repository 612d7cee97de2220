//! Checks that hold after every step: fold equals live, effects can be derived again, no timer is lost.

use std::collections::HashMap;

use stepwell_interpreter::{
    Effect, Event, Execution, Program, TaskId, apply,
    event::codec::{Payloads, decode_chunk, encode_record},
    execution::Phase,
    outstanding_effects,
};

use super::agenda::Agenda;
use crate::history::Programs;

/// A second state, folded from the bytes of the events.
pub(super) struct Shadow<'a> {
    programs: &'a Programs,
    fold: Fold<'a>,
    records: Vec<u8>,
    /// Effects that were released, by what they are and for which task.
    released: HashMap<(TaskId, u8), Effect>,
}

impl<'a> Shadow<'a> {
    pub(super) fn new(programs: &'a Programs) -> Self {
        Self { programs, fold: Fold::new(programs), records: Vec::new(), released: HashMap::new() }
    }

    pub(super) fn take(&mut self, events: &[Event], command: u8) -> Result<(), String> {
        let begin = self.records.len();
        encode_record(events, command, &mut self.records);
        let decoded = decode_chunk(&self.records[begin..]).map_err(|error| error.to_string())?;
        if decoded.len() != events.len() {
            return Err("events are lost between encoding and decoding".to_owned());
        }
        for (event, written) in decoded.into_iter().zip(events) {
            let event = self.fold.take(event)?;
            if event != *written {
                return Err(format!("an event is read back as another one: {written:?} {event:?}"));
            }
        }
        Ok(())
    }

    /// Notes effects that leave.
    pub(super) fn released(&mut self, effects: &[Effect]) {
        for effect in effects {
            self.released.insert(identity(effect), effect.clone());
        }
    }

    pub(super) fn compare(&self, live: &Execution) -> Result<(), String> {
        same_state(live, &self.fold.execution)
    }

    /// Folds everything from the beginning.
    pub(super) fn fold_again(&self) -> Result<Execution, String> {
        let mut fold = Fold::new(self.programs);
        for event in decode_chunk(&self.records).map_err(|error| error.to_string())? {
            fold.take(event)?;
        }
        Ok(fold.execution)
    }
}

/// A state that grows with the events, under the program that each belongs to.
struct Fold<'a> {
    programs: &'a Programs,
    program: Option<&'a Program>,
    execution: Execution,
    payloads: Payloads,
}

impl<'a> Fold<'a> {
    fn new(programs: &'a Programs) -> Self {
        Self { programs, program: None, execution: Execution::default(), payloads: Payloads::default() }
    }

    fn take(&mut self, mut event: Event) -> Result<Event, String> {
        self.payloads.resolve(&mut event).map_err(|error| error.to_string())?;
        if let Some(revision) = event.kind.new_revision() {
            self.program = self.programs.get(&revision).map(AsRef::as_ref);
        }
        let program = self.program.ok_or("an event belongs to no program")?;
        apply(program, &mut self.execution, &event);
        Ok(event)
    }
}

/// Whether two states are the same, volatile fields apart.
///
/// # Errors
/// The first field that differs.
pub(crate) fn same_state(live: &Execution, folded: &Execution) -> Result<(), String> {
    let differs = |field: &str, live: &dyn std::fmt::Debug, folded: &dyn std::fmt::Debug| {
        Err(format!("fold differs from live in {field}: live {live:?}, folded {folded:?}"))
    };
    macro_rules! compare {
        ($($field:ident),*) => {
            $(if live.$field != folded.$field {
                return differs(stringify!($field), &live.$field, &folded.$field);
            })*
        };
    }
    compare!(
        about,
        input,
        status,
        next_event,
        history_length,
        last_time,
        frames,
        forks,
        variables_bytes,
        debts,
        output,
        failure,
        stopped,
        stop_time,
        redrive_count,
        redrive_time,
        redrive_tokens
    );
    // Where a payload was written decides the bytes of later events.
    let origins = |execution: &Execution| -> Vec<_> {
        execution.frames.iter().map(|(index, frame)| (index, frame.input.origin)).collect()
    };
    let (live, folded) = (origins(live), origins(folded));
    if live != folded { differs("payload places", &live, &folded) } else { Ok(()) }
}

/// Every effect that is still waited for can be derived again, with the contents that it had when it was released.
pub(super) fn effects(
    program: &Program,
    execution: &Execution,
    new: &[Effect],
    shadow: &Shadow<'_>,
) -> Result<(), String> {
    let outstanding = outstanding_effects(program, execution);
    for effect in &outstanding {
        match shadow.released.get(&identity(effect)) {
            Some(released) if released == effect => {}
            other => {
                return Err(format!("an effect is derived that was not released: {effect:?}, {other:?}"));
            }
        }
    }
    for effect in new {
        let (task, kind) = identity(effect);
        let is_wanted = match kind {
            3 => execution.debts.iter().any(|debt| debt.task == task),
            _ => execution.task(task).is_some(),
        };
        if is_wanted && !outstanding.contains(effect) {
            return Err(format!("an effect can't be derived again: {effect:?}"));
        }
    }
    Ok(())
}

fn identity(effect: &Effect) -> (TaskId, u8) {
    match effect {
        Effect::InvokeTask { task, .. } => (*task, 0),
        Effect::OfferActivityTask { task, .. } => (*task, 1),
        Effect::AwaitJob { task, .. } => (*task, 2),
        Effect::StopJob { task, .. } => (*task, 3),
    }
}

/// Every timer that the state waits for is armed.
pub(super) fn timers(program: &Program, execution: &Execution, agenda: &Agenda) -> Result<(), String> {
    if !execution.is_running() {
        return Ok(());
    }
    let frames = execution.frames.iter();
    let wanted = frames
        .filter(|(index, _)| !execution.is_being_stopped(*index))
        .flat_map(|(index, _)| execution.frame_timers(index))
        .chain([execution.execution_timer(program)]);
    for timer in wanted {
        if !agenda.is_armed(&timer) {
            return Err(format!("a timer is lost: {timer:?}"));
        }
    }
    Ok(())
}

/// A reload in no time: heartbeat clocks, which are volatile, go on instead of beginning anew, so that the run can
/// be compared with one without reloads.
pub(super) fn keep_heartbeats(live: &Execution, folded: &mut Execution) {
    let clocks: Vec<_> = live
        .frames
        .iter()
        .filter_map(|(index, frame)| match &frame.phase {
            Phase::Task(task) => Some((index, task.last_heartbeat)),
            _ => None,
        })
        .collect();
    for (index, clock) in clocks {
        if let Some(frame) = folded.frames.get_mut(index)
            && let Phase::Task(task) = &mut frame.phase
        {
            task.last_heartbeat = clock;
        }
    }
}
