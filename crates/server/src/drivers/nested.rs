//! `states:startExecution`: executions of this server that a task starts, waits for and stops.
//!
//! Results have the shapes of the first Java SDK, which the optimized integrations of Step Functions show: the members
//! of the API in PascalCase, with the HTTP metadata of a call that here never leaves the process.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stepwell_api::ApiError;
use stepwell_asl::{InvocationPattern, Resource, timestamp::format_millis};
use stepwell_engine::Ends;
use stepwell_interpreter::{About, ErrorOutput, TaskId, Text, program::TaskState};
use stepwell_json::{Array, Object, Payload, Value};
use stepwell_store::{ExecutionKey, ExecutionRow, Status};
use uuid::Builder;

use super::{Caller, Completion, submissions::Found};
use crate::{
    operations::{Operations, Started, execution_status},
    random,
};

/// What the task's parameters ask for.
struct Request {
    state_machine_arn: String,
    name: Option<String>,
    input: Payload,
    trace_header: Option<Text>,
}

/// Starts the child. A call that a crash made uncertain meets the child that it started before.
pub(super) async fn start(
    operations: &Arc<Operations>,
    caller: &Caller<'_>,
    must_wait: bool,
    parameters: &Payload,
) -> Completion {
    let request = match read(parameters.value()) {
        Ok(request) => request,
        Err(error) => return Completion::Failed(error),
    };
    let name = name_of(&request, caller);
    let name = name.as_deref();
    let input = request.input.clone();
    let started = match operations.resolve(&request.state_machine_arn) {
        // An Express execution can't be described, so its end can't be waited for.
        Ok(target) if target.machine.is_express() && must_wait => {
            Err(ApiError::state_machine_type_not_supported())
        }
        Ok(target) => operations.launch(&target, name, input, request.trace_header.clone()).await,
        Err(error) => Err(error),
    };
    let started = match started {
        // Only a call that may have been made before can meet its own child.
        Err(error) if error.code == "ExecutionAlreadyExists" && caller.resent => {
            started_before(operations, caller.about, &request, name).ok_or(error)
        }
        started => started,
    };
    match started {
        Ok(started) => {
            Completion::Answered(Payload::from_value(start_result(&started, operations.clock.now().0)))
        }
        // Nobody knows whether the child was started: a restart finds out.
        Err(error) if error.code == "ServiceUnavailable" && operations.is_stopping() => Completion::Nothing,
        Err(error) => Completion::Failed(service_failure(&error)),
    }
}

/// Finds the child of a task whose call was cut off.
pub(super) fn find(operations: &Operations, caller: &Caller<'_>, parameters: &Payload) -> Found {
    let Ok(request) = read(parameters.value()) else { return Found::Nothing };
    let name = name_of(&request, caller);
    match started_before(operations, caller.about, &request, name.as_deref()) {
        Some(child) => Found::Job(Payload::from_value(start_result(&child, operations.clock.now().0))),
        None => Found::Nothing,
    }
}

/// The name of the child: that of the parameters, else one that is the same whenever the call is made.
fn name_of(request: &Request, caller: &Caller<'_>) -> Option<String> {
    request.name.clone().or_else(|| Some(child_name(caller.key?, caller.task)))
}

/// The child that the same call started before a crash: of that name and input, started while the parent ran.
fn started_before(
    operations: &Operations,
    about: &About,
    request: &Request,
    name: Option<&str>,
) -> Option<Started> {
    let (machine, _) = operations.find_named(&request.state_machine_arn).ok()?;
    let arn = format!("{}{}", machine.execution_prefix, name?);
    let key = operations.store.find(&arn).ok()??;
    let row = operations.store.row(key).ok()??;
    let ends = operations.ends(key, &row).ok()?;
    let is_own = row.start_ms >= about.start_time.0 && ends.input.as_ref() == Some(request.input.text());
    is_own.then(|| Started { arn: arn.into(), start_ms: row.start_ms })
}

/// Waits for the child's end, in this process; after a restart the engine asks for it again.
pub(super) async fn wait(operations: &Arc<Operations>, state: &TaskState, submitted: &Payload) -> Completion {
    let pattern = match &state.resource {
        Resource::StartExecution { pattern } => *pattern,
        _ => InvocationPattern::Sync,
    };
    let arn = child_arn(submitted);
    let Some(key) = operations.store.find(arn).ok().flatten() else {
        return Completion::Failed(service_failure(&ApiError::execution_does_not_exist(arn)));
    };
    if operations.wait_for_end_of(key).await.is_err() {
        return Completion::Nothing;
    }
    let described = operations.store.row(key).ok().flatten().and_then(|row| {
        let ends = operations.ends(key, &row).ok()?;
        Some((row, ends))
    });
    let Some((row, ends)) = described else {
        return Completion::Failed(service_failure(&ApiError::execution_does_not_exist(arn)));
    };
    let has_succeeded = row.status == Status::Succeeded;
    // The cause of a failure has the input as text in both forms.
    let as_json = pattern == InvocationPattern::Sync2 && has_succeeded;
    let description = Value::Object(describe(operations, &row, &ends, as_json));
    if has_succeeded {
        Completion::Answered(Payload::from_value(description))
    } else {
        Completion::Failed(ErrorOutput::new("States.TaskFailed", description.to_text()))
    }
}

/// Stops the child of a task that was given up. Gives whether the child has ended.
pub(super) async fn stop(operations: &Arc<Operations>, submitted: &Payload) -> bool {
    match operations.store.find(child_arn(submitted)) {
        Ok(Some(key)) => operations.stop(key, ErrorOutput::default()).await.is_ok(),
        // There is nothing to stop.
        Ok(None) => true,
        Err(_) => false,
    }
}

fn child_arn(submitted: &Payload) -> &str {
    submitted.value().get("ExecutionArn").and_then(Value::as_str).unwrap_or_default()
}

/// The name of a child whose task names none: the same for the same attempt, so that a call made again after a crash
/// meets the child of the first.
fn child_name(parent: ExecutionKey, task: TaskId) -> String {
    let mut hash = Sha256::new();
    hash.update(parent.as_bytes());
    hash.update(task.frame.to_be_bytes());
    hash.update(task.attempt.to_be_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    // The index of names grows in the order of time.
    bytes[..6].copy_from_slice(&parent.start_ms().to_be_bytes()[2..]);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn read(parameters: &Value) -> Result<Request, ErrorOutput> {
    let refuse = |problem: String| {
        ErrorOutput::new(
            "States.Runtime",
            format!(
                "The Parameters '{}' could not be used to start the Task: [{problem}]",
                parameters.to_text()
            ),
        )
    };
    let members = parameters.as_object().ok_or_else(|| refuse("The value must be an object".to_owned()))?;
    let mut machine = None;
    let mut name = None;
    let mut input: Payload = Payload::from_trusted_text("{}".into());
    let mut trace_header = None;
    for (key, value) in members.iter() {
        let text = || match value {
            Value::Null => None,
            Value::String(text) => Some(text.to_string()),
            other => Some(other.to_text()),
        };
        // The API's own casing is taken too.
        match key.to_ascii_lowercase().as_str() {
            "statemachinearn" => machine = text(),
            "name" => name = text(),
            "traceheader" => trace_header = text().map(Text::from),
            "input" => {
                input = match value {
                    Value::Null => Payload::from_trusted_text("{}".into()),
                    // A string is the text of the input.
                    Value::String(text) => Payload::from_text(text.clone()).map_err(|error| {
                        service_failure(&ApiError::invalid_execution_input(error.message))
                    })?,
                    other => Payload::from_value(other.clone()),
                }
            }
            _ => return Err(refuse(format!("The field '{key}' is not supported by Step Functions"))),
        }
    }
    let state_machine_arn = machine
        .ok_or_else(|| refuse("The field 'StateMachineArn' is required but was missing".to_owned()))?;
    Ok(Request { state_machine_arn, name, input, trace_header })
}

/// An error of the API as a task fails with it: the API's code gets the suffix that the SDK's class has.
fn service_failure(error: &ApiError) -> ErrorOutput {
    let suffix = if error.code.ends_with("Exception") { "" } else { "Exception" };
    ErrorOutput::new(
        &format!("StepFunctions.{}{suffix}", error.code),
        format!(
            "{} (Service: AWSStepFunctions; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: null)",
            error.message,
            error.status,
            error.code,
            random::uuid()
        ),
    )
}

fn object(members: Vec<(&str, Value)>) -> Object {
    Object::from_entries(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// What StartExecution answers, with the metadata of the call as if it had been made by HTTP.
fn start_result(started: &Started, now_ms: i64) -> Value {
    let id = random::uuid().to_string();
    let date = http_date(now_ms);
    let body_length =
        format!(r#"{{"executionArn":"{}","startDate":{}}}"#, &*started.arn, java_seconds(started.start_ms))
            .len()
            .to_string();
    let content_type = stepwell_api::CONTENT_TYPE;
    let list = |text: &str| Value::Array(Array::new(vec![Value::from(text)]));
    let all_headers = object(vec![
        ("x-amzn-RequestId", list(&id)),
        ("connection", list("keep-alive")),
        ("Content-Length", list(&body_length)),
        ("Date", list(&date)),
        ("Content-Type", list(content_type)),
    ]);
    let headers = object(vec![
        ("connection", Value::from("keep-alive")),
        ("Content-Length", Value::from(body_length.as_str())),
        ("Content-Type", Value::from(content_type)),
        ("Date", Value::from(date.as_str())),
        ("x-amzn-RequestId", Value::from(id.as_str())),
    ]);
    let http = object(vec![
        ("AllHttpHeaders", Value::Object(all_headers)),
        ("HttpHeaders", Value::Object(headers)),
        ("HttpStatusCode", Value::from(200_i64)),
    ]);
    let metadata = object(vec![("RequestId", Value::from(id.as_str()))]);
    Value::Object(object(vec![
        ("ExecutionArn", Value::from(&*started.arn)),
        ("SdkHttpMetadata", Value::Object(http)),
        ("SdkResponseMetadata", Value::Object(metadata)),
        ("StartDate", date_value(started.start_ms)),
    ]))
}

/// What DescribeExecution answers; `as_json`: input and output as JSON and not as text.
fn describe(operations: &Operations, row: &ExecutionRow, ends: &Ends, as_json: bool) -> Object {
    let payload = |text: &Arc<str>| {
        if as_json {
            Payload::from_trusted_text(text.clone()).value().clone()
        } else {
            Value::String(text.clone())
        }
    };
    let included = || Value::Object(object(vec![("Included", Value::from(true))]));
    let status = execution_status(row.status);
    let (redrive_status, reason) = operations.redrive_status(row);
    let mut members = Vec::new();
    let mut add = |key: &'static str, value: Option<Value>| members.extend(value.map(|value| (key, value)));
    let is_timed_out = row.status == Status::TimedOut;
    add("Cause", ends.cause.clone().filter(|_| !is_timed_out).map(Value::String));
    add("Error", ends.error.clone().filter(|_| !is_timed_out).map(Value::String));
    add("ExecutionArn", Some(Value::from(row.arn.as_str())));
    add("Input", ends.input.as_ref().map(payload));
    add("InputDetails", Some(included()));
    add("Name", Some(Value::from(row.name.as_str())));
    add("Output", ends.output.as_ref().map(payload));
    add("OutputDetails", ends.output.as_ref().map(|_| included()));
    add("RedriveCount", Some(Value::from(i64::from(row.redrive_count))));
    add("RedriveStatus", Some(Value::from(redrive_status.as_str())));
    add("RedriveStatusReason", reason.map(Value::String));
    add("StartDate", Some(date_value(row.start_ms)));
    add("StateMachineAliasArn", row.alias_arn.as_deref().map(Value::from));
    add("StateMachineArn", Some(Value::from(row.state_machine_arn.as_str())));
    add("StateMachineVersionArn", row.version_arn.as_deref().map(Value::from));
    add("Status", Some(Value::from(status.as_str())));
    add("StopDate", row.stop_ms.map(date_value));
    add("TraceHeader", row.trace_header.as_deref().map(Value::from));
    object(members)
}

/// A point in time in a task's result.
fn date_value(millis: i64) -> Value {
    Value::from(format_millis(millis).as_str())
}

/// Seconds as Java writes a large double (`1.688136139123E9`): AWS's answer has it so, and its length is shown.
fn java_seconds(millis: i64) -> String {
    let digits = millis.to_string();
    let (first, rest) = digits.split_at(1.min(digits.len()));
    let rest = rest.trim_end_matches('0');
    format!("{first}.{}E9", if rest.is_empty() { "0" } else { rest })
}

/// A date as HTTP writes it.
fn http_date(millis: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // 1970-01-01 was a Thursday.
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let iso = format_millis(millis);
    let part = |from: usize, to: usize| iso.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    let day = usize::try_from(millis.div_euclid(86_400_000).rem_euclid(7)).ok().and_then(|day| DAYS.get(day));
    format!(
        "{}, {} {} {} {} GMT",
        day.copied().unwrap_or_default(),
        part(8, 10),
        month.copied().unwrap_or_default(),
        part(0, 4),
        part(11, 19)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_forms_of_http_and_java() {
        assert_eq!(http_date(1_700_000_000_123), "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(java_seconds(1_688_136_139_123), "1.688136139123E9");
        assert_eq!(java_seconds(1_688_136_139_120), "1.68813613912E9");
        assert_eq!(java_seconds(1_000_000_000_000), "1.0E9");
    }

    #[test]
    fn a_childs_name_is_that_of_its_attempt() {
        let parent = ExecutionKey::new(1_700_000_000_000, "arn");
        let name = |attempt| child_name(parent, TaskId { frame: 1, attempt });
        assert_eq!(name(3), name(3));
        assert_ne!(name(3), name(4));
        assert_eq!(name(3).len(), 36);
    }

    #[test]
    fn the_input_of_a_child_is_a_text_or_any_json() {
        for (input, expected) in [
            (r#"null"#, Ok("{}")),
            (r#"{"a":1}"#, Ok(r#"{"a":1}"#)),
            (r#""\"text\"""#, Ok(r#""text""#)),
            (r#""{ \"a\": 1 }""#, Ok(r#"{ "a": 1 }"#)),
            (r#""text""#, Err("StepFunctions.InvalidExecutionInputException")),
        ] {
            let text = format!(r#"{{"StateMachineArn":"m","Input":{input}}}"#);
            let request = read(&stepwell_json::parse(&text).unwrap());
            match (request, expected) {
                (Ok(request), Ok(expected)) => assert_eq!(&**request.input.text(), expected),
                (Err(error), Err(expected)) => assert_eq!(error.error.as_deref(), Some(expected)),
                (request, _) => panic!("{input}: {:?}", request.map(|request| request.input)),
            }
        }
        assert!(read(&Value::Null).is_err());
        assert!(read(&stepwell_json::parse(r#"{"StateMachineArn":"m","Bogus":1}"#).unwrap()).is_err());
    }
}
