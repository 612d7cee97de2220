//! A history as lines of text: `<milliseconds> <id><-<previous> <type> <state> <details>`.

use stepwell_interpreter::{ErrorOutput, Event, EventKind, Program};

use crate::{
    history::{Programs, state_name, type_name},
    run::START,
};

/// Lines of a history that is shown whole.
const LINES_MAX: usize = 400;
/// Lines at both ends of one that is not.
const LINES_AT_END: usize = 12;
/// Characters of a payload.
const PAYLOAD_CHARACTERS: usize = 160;

/// The visible events of a history.
#[must_use]
pub fn history_lines(programs: &Programs, events: &[Event]) -> Vec<String> {
    let mut program = None;
    let mut visible: Vec<(&Program, &Event)> = Vec::new();
    for event in events {
        program = event.kind.new_revision().map_or(program, |revision| programs.get(&revision));
        visible.extend(program.filter(|_| event.kind.is_visible()).map(|program| (program.as_ref(), event)));
    }
    let line = |(program, event): &(&Program, &Event)| line(program, event);
    if visible.len() <= LINES_MAX {
        return visible.iter().map(line).collect();
    }
    let (first, last) = (&visible[..LINES_AT_END], &visible[visible.len() - LINES_AT_END..]);
    let left_out = format!("… {} events …", visible.len() - 2 * LINES_AT_END);
    first.iter().map(line).chain([left_out]).chain(last.iter().map(line)).collect()
}

fn line(program: &Program, event: &Event) -> String {
    let place = format!("{} {}<-{}", event.time.0 - START.0, event.history_id, event.kind.previous());
    let mut line = format!("{place} {}", type_name(program, event));
    if let Some(state) = state_name(program, event) {
        line.push(' ');
        line.push_str(&state);
    }
    let details = details(&event.kind);
    if !details.is_empty() {
        line.push(' ');
        line.push_str(&details);
    }
    line
}

fn details(kind: &EventKind) -> String {
    match kind {
        EventKind::TaskFailed { error, .. }
        | EventKind::TaskTimedOut { error, .. }
        | EventKind::ExecutionFailed { error, .. }
        | EventKind::ExecutionAborted { error }
        | EventKind::ExecutionTimedOut { error } => error_text(error),
        EventKind::IterationStarted { index, .. }
        | EventKind::IterationSucceeded { index, .. }
        | EventKind::IterationFailed { index, .. }
        | EventKind::IterationAborted { index, .. } => format!("[{index}]"),
        EventKind::ExecutionRedriven { count, input, definition, .. } => {
            let mut text = format!("count {count}");
            if let Some(edit) = input {
                text.push_str(&format!(" input {}", shorten(edit.input.payload.text(), PAYLOAD_CHARACTERS)));
            }
            if let Some(edit) = definition {
                text.push_str(&format!(" revision {}", edit.revision));
            }
            text
        }
        EventKind::MapStarted { length, .. } => format!("length {length}"),
        EventKind::TaskScheduled {
            parameters, timeout_seconds, heartbeat_seconds, credentials_role, ..
        } => {
            let mut text = shorten(parameters.payload.text(), PAYLOAD_CHARACTERS);
            for (name, seconds) in [("timeout", timeout_seconds), ("heartbeat", heartbeat_seconds)] {
                if let Some(seconds) = seconds {
                    text.push_str(&format!(" {name} {seconds}"));
                }
            }
            if let Some(role) = credentials_role {
                text.push_str(&format!(" role {role}"));
            }
            text
        }
        EventKind::TaskStarted { worker, .. } => worker.as_deref().unwrap_or_default().to_owned(),
        EventKind::StateExited { output, assigned, .. } => {
            let mut text = shorten(output.payload.text(), PAYLOAD_CHARACTERS);
            for variable in assigned {
                let value = shorten(variable.value.payload.text(), PAYLOAD_CHARACTERS);
                text.push_str(&format!(" ${}={value}", variable.name));
            }
            text
        }
        EventKind::ExecutionStarted { input: payload, .. }
        | EventKind::StateEntered { input: payload, .. }
        | EventKind::TaskSubmitted { output: payload, .. }
        | EventKind::TaskSucceeded { output: payload, .. }
        | EventKind::ExecutionSucceeded { output: payload, .. } => {
            shorten(payload.payload.text(), PAYLOAD_CHARACTERS)
        }
        _ => String::new(),
    }
}

fn error_text(error: &ErrorOutput) -> String {
    let text = |text: &Option<stepwell_interpreter::Text>| {
        text.as_deref().map_or("-".to_owned(), |text| shorten(text, PAYLOAD_CHARACTERS))
    };
    format!("{} / {}", text(&error.error), text(&error.cause))
}

/// The beginning of a text, with its length in characters if it was cut.
pub(super) fn shorten(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}
