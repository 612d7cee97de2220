//! The context object of a test: the one that is given, or one like that of an execution.

use std::sync::Arc;

use stepwell_api::ApiError;
use stepwell_asl::LONE_STATE_NAME;
use stepwell_interpreter::{
    About,
    program::{State, StateKind},
};
use stepwell_json::{Object, Value};

use super::subject::{Around, Pattern, pattern};
use crate::random;

/// What a field must be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Any,
}

const EXECUTION: &[(&str, Kind)] = &[
    ("Id", Kind::Text),
    ("Input", Kind::Any),
    ("Name", Kind::Text),
    ("RoleArn", Kind::Text),
    ("StartTime", Kind::Text),
    ("RedriveCount", Kind::Number),
    ("RedriveTime", Kind::Text),
];
const STATE: &[(&str, Kind)] =
    &[("EnteredTime", Kind::Text), ("Name", Kind::Text), ("RetryCount", Kind::Number)];
const STATE_MACHINE: &[(&str, Kind)] = &[("Id", Kind::Text), ("Name", Kind::Text)];
const TASK: &[(&str, Kind)] = &[("Token", Kind::Text)];

/// Reads a context object. Every field may be absent, but none may be there that AWS does not know.
pub(super) fn read(text: &str, state: &State) -> Result<Value, ApiError> {
    let value =
        stepwell_json::parse(text).map_err(|error| invalid(format_args!("it is not valid JSON: {error}")))?;
    let Value::Object(context) = &value else { return Err(invalid("Context must be an object")) };
    for (name, value) in context.iter() {
        let known = match &**name {
            "Execution" => EXECUTION,
            "State" => STATE,
            "StateMachine" => STATE_MACHINE,
            "Task" if has_token(state) => TASK,
            "Task" => {
                return Err(invalid(
                    "Context object contains 'Task' when state is not a Task state with a '.sync' or \
                     '.waitForTaskToken' service integration pattern",
                ));
            }
            "Map" => return Err(invalid("'Map' field is not supported when mocking a Context object")),
            _ => return Err(not_allowed(name)),
        };
        check(name, value, known)?;
    }
    Ok(value)
}

fn check(name: &str, value: &Value, known: &[(&str, Kind)]) -> Result<(), ApiError> {
    let Value::Object(members) = value else { return Err(invalid(format_args!("{name} must be an object"))) };
    for (member, value) in members.iter() {
        let Some((_, kind)) = known.iter().find(|(known, _)| *known == &**member) else {
            return Err(not_allowed(member));
        };
        let expected = match (kind, value) {
            (Kind::Text, Value::String(_)) | (Kind::Number, Value::Number(_)) | (Kind::Any, _) => continue,
            (Kind::Text, _) => "string",
            (Kind::Number, _) => "number",
        };
        return Err(invalid(format_args!("{name}.{member} must be a {expected}")));
    }
    Ok(())
}

fn not_allowed(name: &str) -> ApiError {
    invalid(format_args!("Field '{name}' is not allowed"))
}

fn invalid(problem: impl std::fmt::Display) -> ApiError {
    ApiError::validation(format!("Invalid Context object provided: {problem}"))
}

/// Whether the state has a token to show: recorded for both patterns.
fn has_token(state: &State) -> bool {
    matches!(&state.kind, StateKind::Task(task)
        if matches!(pattern(&task.resource), Some(Pattern::Sync | Pattern::WaitForTaskToken)))
}

/// State.RetryCount of a context object that is given.
pub(super) fn retry_count(context: &Value) -> Option<u32> {
    let count = context.get("State")?.get("RetryCount")?.as_i64()?;
    u32::try_from(count).ok()
}

/// The context object when none is given. The state has the same name whatever it is called (recorded). A state inside a
/// Map state is in its first iteration, and its input is the item (documented).
pub(super) fn default(
    about: &About,
    input: &Value,
    state: &State,
    around: Option<&Around>,
    retries_made: u32,
) -> Value {
    let text = |text: &str| Value::from(text);
    let now = about.start_time.to_iso();
    let role = if about.role_arn.is_empty() { Value::Null } else { text(&about.role_arn) };
    let execution = object([
        ("Id", text(&about.execution_arn)),
        ("Input", input.clone()),
        ("StartTime", text(&now)),
        ("Name", text(&about.name)),
        ("RoleArn", role),
    ]);
    let machine = object([("Id", text(&about.state_machine_arn)), ("Name", text(&about.state_machine_name))]);
    let mut entered = vec![("Name", text(LONE_STATE_NAME)), ("EnteredTime", text(&now))];
    if state.handlers().is_some() {
        entered.push(("RetryCount", Value::from(i64::from(retries_made))));
    }
    let mut context = vec![("Execution", execution), ("StateMachine", machine), ("State", object(entered))];
    if has_token(state) {
        // Nothing waits for it: the state is mocked.
        context.push(("Task", object([("Token", text(&random::uuid().to_string()))])));
    }
    if let Some(map) = around {
        let mut item = vec![("Index", Value::from(0_i64)), ("Value", input.clone())];
        if map.may_have_keys {
            item.push(("Key", text("key")));
        }
        if let Some(source) = map.source {
            item.push(("Source", text(source)));
        }
        context.push(("Map", object([("Item", object(item))])));
    }
    object(context)
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let entries = members.into_iter().map(|(name, value)| (Arc::from(name), value)).collect();
    Value::Object(Object::from_entries(entries))
}
