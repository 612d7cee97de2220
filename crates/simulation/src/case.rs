//! Cases: a definition, an input, scripted answers and API calls at virtual times, and what must come of them.
//!
//! A case is a JSON file in `cases/<theme>/`. `UPDATE_CASES=1` writes what came out into the files; the
//! difference is to be reviewed.

mod lines;
mod script;

use std::{collections::BTreeMap, path::Path, sync::Arc};

pub use lines::history_lines;
use script::{ScriptedOutside, payload, value};
use serde_json::{Map, Value, json};
use stepwell_interpreter::{Budget, Command, ErrorOutput, NewDefinition, Program, RedriveRequest, Status};

use crate::{
    run::{self, Options, Ran, START},
    seed::compiled,
};

/// Members of a case; any other is a mistake in writing.
const MEMBERS: [&str; 8] =
    ["about", "definition", "input", "input_text", "tasks", "calls", "express", "expect"];

/// Runs a case file.
///
/// # Errors
/// What is wrong with the case, or how the outcome differs.
pub fn run_file(path: &Path, update: bool) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut case: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let found = outcome(&case)?;
    if case.get("expect") == Some(&found) {
        return Ok(());
    }
    if update {
        let members = case.as_object_mut().ok_or("a case is an object")?;
        members.insert("expect".to_owned(), found);
        let text = serde_json::to_string_pretty(&case).map_err(|error| error.to_string())?;
        return std::fs::write(path, text + "\n").map_err(|error| error.to_string());
    }
    Err(difference(case.get("expect").unwrap_or(&Value::Null), &found))
}

/// The first member, or line of history, that differs.
fn difference(expected: &Value, found: &Value) -> String {
    let empty = Map::new();
    let (expected, found) = (expected.as_object().unwrap_or(&empty), found.as_object().unwrap_or(&empty));
    for key in ["status", "error", "cause", "output", "after_ms"] {
        if expected.get(key) != found.get(key) {
            return format!("{key}: expected {:?}, found {:?}", expected.get(key), found.get(key));
        }
    }
    let lines = |members: &Map<String, Value>| -> Vec<String> {
        let lines = members.get("history").and_then(Value::as_array).cloned().unwrap_or_default();
        lines.iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
    };
    let (expected, found) = (lines(expected), lines(found));
    let at = expected.iter().zip(&found).position(|(one, other)| one != other);
    let at = at.unwrap_or(expected.len().min(found.len()));
    format!("history line {at}: expected {:?}, found {:?}", expected.get(at), found.get(at))
}

/// What a case leads to, in the form of its `expect`.
///
/// # Errors
/// What is wrong with the case, or what a checker found.
pub fn outcome(case: &Value) -> Result<Value, String> {
    let members = case.as_object().ok_or("a case is an object")?;
    if let Some(unknown) = members.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        return Err(format!("a case has no member '{unknown}'"));
    }
    let (_, program) = compiled(&members.get("definition").ok_or("there is no definition")?.to_string())?;
    let once = |options: &Options| run_once(members, &program, options);
    let ran = once(&Options::default())?;
    let slices = Budget { transitions: 1, bytes: 1, expression_steps: 1, expression_steps_max: 0 };
    let disturbed = Options { seed: 1, budget: slices, reload_percent: 100, checks_steps: true };
    // A long history is folded from its beginning at every reload: the limits of history are tested without.
    if ran.events.len() < 2_000 {
        let disturbed = once(&disturbed).map_err(|error| format!("with slices and reloads: {error}"))?;
        let ends = |ran: &Ran| (ran.status, ran.output.clone(), ran.failure.clone(), ran.ended_at());
        if ends(&ran) != ends(&disturbed) {
            return Err(format!("slices and reloads show: {:?}, then {:?}", ends(&ran), ends(&disturbed)));
        }
    }
    Ok(summary(&ran))
}

fn run_once(members: &Map<String, Value>, program: &Arc<Program>, options: &Options) -> Result<Ran, String> {
    let outside = ScriptedOutside::read(members.get("tasks"))?;
    let input = match members.get("input_text").and_then(Value::as_str) {
        Some(text) => stepwell_json::Payload::from_text(text).map_err(|error| error.to_string())?,
        None => payload(members.get("input").unwrap_or(&json!({})))?,
    };
    let mut about = run::about("case");
    about.express = members.get("express").and_then(Value::as_bool).unwrap_or(false);
    run::run(program, about, input, &outside, calls(members.get("calls"))?, options)
}

fn calls(calls: Option<&Value>) -> Result<Vec<(i64, Command)>, String> {
    let calls = calls.and_then(Value::as_array).cloned().unwrap_or_default();
    calls
        .iter()
        .zip(2..)
        .map(|(call, revision)| {
            let at_ms = call.get("at_ms").and_then(Value::as_i64).ok_or("a call needs at_ms")?;
            if let Some(call) = call.get("redrive") {
                return Ok((at_ms, Command::Redrive { request: Box::new(redrive(call, revision)?) }));
            }
            let stop = call.get("stop").ok_or("a call is stop or redrive")?;
            let text = |key: &str| stop.get(key).and_then(Value::as_str).map(Into::into);
            let error =
                ErrorOutput { error: text("error"), cause: text("cause"), timeout: false, heartbeat: false };
            Ok((at_ms, Command::Stop { error }))
        })
        .collect()
}

/// A redrive: `{"token": …, "input": …, "definition": …}`, all optional.
fn redrive(call: &Value, revision: u64) -> Result<RedriveRequest, String> {
    let definition = match call.get("definition") {
        Some(definition) => Some(NewDefinition { revision, program: compiled(&definition.to_string())?.1 }),
        None => None,
    };
    Ok(RedriveRequest {
        client_token: call.get("token").and_then(Value::as_str).map(Into::into),
        input: call.get("input").map(payload).transpose()?,
        definition,
    })
}

fn summary(ran: &Ran) -> Value {
    let mut summary = Map::new();
    let status = match ran.status {
        Status::New | Status::Running => "RUNNING",
        Status::Succeeded => "SUCCEEDED",
        Status::Failed => "FAILED",
        Status::TimedOut => "TIMED_OUT",
        Status::Aborted => "ABORTED",
    };
    summary.insert("status".to_owned(), json!(status));
    if let Some(output) = &ran.output {
        let text = output.to_text();
        let shown = if text.len() > 2_000 { json!(format!("{} bytes", text.len())) } else { value(output) };
        summary.insert("output".to_owned(), shown);
    }
    if let Some(failure) = &ran.failure {
        for (key, text) in [("error", &failure.error), ("cause", &failure.cause)] {
            if let Some(text) = text {
                summary.insert(key.to_owned(), json!(lines::shorten(text, 400)));
            }
        }
    }
    summary.insert("after_ms".to_owned(), json!(ran.ended_at().0 - START.0));
    summary.insert("history".to_owned(), json!(history_lines(&ran.programs, &ran.events)));
    Value::Object(summary)
}

/// All case files below a directory, by theme and name.
///
/// # Errors
/// When the directory can't be read.
pub fn files(directory: &Path) -> std::io::Result<BTreeMap<String, std::path::PathBuf>> {
    let mut files = BTreeMap::new();
    for theme in std::fs::read_dir(directory)? {
        let theme = theme?.path();
        if !theme.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&theme)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                let name = file.strip_prefix(directory).unwrap_or(&file).display().to_string();
                files.insert(name, file);
            }
        }
    }
    Ok(files)
}
