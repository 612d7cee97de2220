//! Answers written in a case: for each Task state, how its first, second, … call goes; the last entry repeats.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
};

use serde_json::{Map, Value, json};
use stepwell_interpreter::{ErrorOutput, TaskId};
use stepwell_json::Payload;

use crate::conduct::{Conduct, Outside};

const MEMBERS: [&str; 10] = [
    "start_ms",
    "submitted",
    "heartbeats_ms",
    "after_ms",
    "output",
    "output_bytes",
    "error",
    "cause",
    "fails",
    "twice",
];

/// Answers from a case file.
#[derive(Debug)]
pub(super) struct ScriptedOutside {
    scripts: BTreeMap<String, Vec<Conduct>>,
    /// Which entry each call got.
    calls: RefCell<HashMap<(String, TaskId), usize>>,
}

impl ScriptedOutside {
    pub(super) fn read(tasks: Option<&Value>) -> Result<Self, String> {
        let mut scripts = BTreeMap::new();
        for (state, entries) in tasks.and_then(Value::as_object).cloned().unwrap_or_default() {
            let entries = entries.as_array().ok_or("a script is an array")?;
            let conducts = entries.iter().map(conduct).collect::<Result<Vec<_>, String>>()?;
            scripts.insert(state, conducts);
        }
        Ok(Self { scripts, calls: RefCell::default() })
    }
}

impl Outside for ScriptedOutside {
    fn conduct(
        &self,
        state: &str,
        parameters: &stepwell_json::Value,
        attempt: Option<TaskId>,
        _: u32,
    ) -> Conduct {
        let Some(script) = self.scripts.get(state) else { return Conduct::success(0, parameters.clone()) };
        let mut calls = self.calls.borrow_mut();
        let number = calls.keys().filter(|(known, _)| known == state).count();
        let task = attempt.unwrap_or(TaskId { frame: 0, attempt: 0 });
        let number = *calls.entry((state.to_owned(), task)).or_insert(number);
        let entry = script.get(number).or(script.last()).cloned();
        entry.unwrap_or_else(|| Conduct::success(0, parameters.clone()))
    }
}

fn conduct(entry: &Value) -> Result<Conduct, String> {
    let entry = entry.as_object().ok_or("an answer is an object")?;
    if let Some(unknown) = entry.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        return Err(format!("an answer has no member '{unknown}'"));
    }
    let end = match entry.get("after_ms").and_then(Value::as_i64) {
        None => None,
        Some(after_ms) => Some((after_ms, result(entry)?)),
    };
    let heartbeats = entry.get("heartbeats_ms").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(Conduct {
        // A worker that never comes: `"start_ms": null`.
        start_ms: entry.get("start_ms").map_or(Some(0), Value::as_i64),
        submitted: payload(entry.get("submitted").unwrap_or(&json!({})))?.value().clone(),
        heartbeats_ms: heartbeats.iter().filter_map(Value::as_i64).collect(),
        end,
        twice: entry.get("twice").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn result(entry: &Map<String, Value>) -> Result<Result<stepwell_json::Value, ErrorOutput>, String> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(Into::into);
    if entry.contains_key("error") || entry.contains_key("cause") || entry.contains_key("fails") {
        let (error, cause) = (text("error"), text("cause"));
        return Ok(Err(ErrorOutput { error, cause, timeout: false, heartbeat: false }));
    }
    if let Some(bytes) = entry.get("output_bytes").and_then(Value::as_u64) {
        // The two quotes count.
        let letters = usize::try_from(bytes).unwrap_or(0).saturating_sub(2);
        return Ok(Ok(stepwell_json::Value::from("x".repeat(letters))));
    }
    Ok(Ok(payload(entry.get("output").unwrap_or(&Value::Null))?.value().clone()))
}

/// A payload with this value.
pub(super) fn payload(value: &Value) -> Result<Payload, String> {
    Payload::from_text(value.to_string()).map_err(|error| error.to_string())
}

/// The value for the case file.
pub(super) fn value(value: &stepwell_json::Value) -> Value {
    serde_json::from_str(&value.to_text()).unwrap_or(Value::Null)
}
