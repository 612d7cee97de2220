//! How Step Functions words a Lambda call and reads its answer, in the two forms of a Lambda task: the function's ARN
//! as `Resource` (the payload alone), and `lambda:invoke` (the API's request and answer around it).

use std::sync::Arc;

use stepwell_json::{Array, Object, Payload, Value};

use super::{Answer, InvocationKind, Outcome, TaskError};

/// What to call and with what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvokeRequest {
    /// Name, partial ARN or ARN, perhaps with `:qualifier`.
    pub function: String,
    /// Version or alias, when given apart from the name.
    pub qualifier: Option<String>,
    /// The event's JSON text.
    pub payload: Arc<str>,
    /// Wait for the answer or not.
    pub kind: InvocationKind,
    /// `ClientContext`, base64 text.
    pub client_context: Option<String>,
    /// `LogType` is `Tail`: the answer brings the log's last 4 KB.
    pub log_tail: bool,
    /// `TenantId`, passed through.
    pub tenant_id: Option<String>,
    /// `DurableExecutionName`, passed through.
    pub durable_execution_name: Option<String>,
}

impl InvokeRequest {
    /// The request of a task whose `Resource` is the function's ARN: the effective input is the event, whatever it is.
    pub fn direct(function_arn: &str, payload: Arc<str>) -> Self {
        Self { function: function_arn.into(), payload, ..Self::default() }
    }
}

/// Reads the effective `Parameters` of `lambda:invoke`.
///
/// The event is `{}` when `Payload` is null or absent, the string's own text when it is a string that holds JSON, and
/// the value's JSON otherwise (recorded on AWS).
///
/// # Errors
/// `States.Runtime` for parameters that the API doesn't know, that miss `FunctionName` or have a wrong type. The
/// cause lacks the words about state and event that start such a cause on AWS; the interpreter knows these.
pub fn invoke_request(parameters: &Value) -> Result<InvokeRequest, TaskError> {
    let refuse = |problem: String| {
        let text = parameters.to_text();
        TaskError::new(
            "States.Runtime",
            format!("The Parameters '{text}' could not be used to start the Task: [{problem}]"),
        )
    };
    let Some(members) = parameters.as_object() else {
        return Err(refuse("The value must be an object".into()));
    };
    let mut request = InvokeRequest { payload: "{}".into(), ..InvokeRequest::default() };
    for (key, value) in members.iter() {
        let text = || text_parameter(value);
        // AWS also takes the API's own casing of a parameter's name.
        match key.to_ascii_lowercase().as_str() {
            "functionname" => request.function = text().unwrap_or_default(),
            "payload" => request.payload = event_text(value),
            "qualifier" => request.qualifier = text(),
            "clientcontext" => request.client_context = text(),
            "tenantid" => request.tenant_id = text(),
            "durableexecutionname" => request.durable_execution_name = text(),
            "invocationtype" => {
                request.kind = match text().as_deref() {
                    None | Some("RequestResponse") => InvocationKind::RequestResponse,
                    Some("Event") => InvocationKind::Event,
                    Some("DryRun") => InvocationKind::DryRun,
                    Some(_) => {
                        return Err(refuse(format!("The value of the field '{key}' has an invalid format")));
                    }
                }
            }
            "logtype" => {
                request.log_tail = match text().as_deref() {
                    None | Some("None") => false,
                    Some("Tail") => true,
                    Some(_) => {
                        return Err(refuse(format!("The value of the field '{key}' has an invalid format")));
                    }
                }
            }
            _ => return Err(refuse(format!("The field '{key}' is not supported by Step Functions"))),
        }
    }
    if request.function.is_empty() {
        return Err(refuse("The field 'FunctionName' is required but was missing".into()));
    }
    Ok(request)
}

/// A member that the API has as a string: other values are given as their JSON text, null as absent.
fn text_parameter(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.to_string()),
        other => Some(other.to_text()),
    }
}

fn event_text(payload: &Value) -> Arc<str> {
    match payload {
        Value::Null => "{}".into(),
        Value::String(text) if stepwell_json::parse(text).is_ok() => text.clone(),
        other => other.to_text().into(),
    }
}

/// The result of a task whose `Resource` is the function's ARN: the payload's text exactly as it came; an answer that
/// is not JSON is a JSON string.
///
/// # Errors
/// The handler's error with its error document verbatim as cause, or why there is no answer.
pub fn function_arn_result(outcome: Outcome) -> Result<Payload, TaskError> {
    let answer = answered(outcome)?;
    if answer.function_error {
        return Err(handler_error(&answer.payload, false));
    }
    Ok(Payload::from_text(answer.payload.clone())
        .unwrap_or_else(|_| Payload::from_value(Value::from(&*answer.payload))))
}

/// The result of `lambda:invoke`: Lambda's answer as the first Java SDK shows it, with its HTTP metadata.
///
/// # Errors
/// The handler's error with its error document in compact JSON as cause, or why there is no answer.
pub fn invoke_result(outcome: Outcome) -> Result<Payload, TaskError> {
    let answer = answered(outcome)?;
    if answer.function_error {
        return Err(handler_error(&answer.payload, true));
    }
    Ok(Payload::from_value(invoke_answer(&answer)))
}

fn answered(outcome: Outcome) -> Result<Answer, TaskError> {
    match outcome {
        Outcome::Answered(answer) => Ok(answer),
        Outcome::Failed(error) => Err(error),
        Outcome::Interrupted => Err(TaskError::sdk_client("the server was shut down during the call")),
    }
}

/// Step Functions takes the error's name from the document; without one it can't tell and says so.
fn handler_error(document: &str, compact: bool) -> TaskError {
    let parsed = stepwell_json::parse(document).ok();
    let error = parsed.as_ref().and_then(|parsed| parsed.get("errorType")).and_then(Value::as_str);
    match error {
        Some(error) if !error.is_empty() => {
            let cause = match &parsed {
                Some(parsed) if compact => parsed.to_text(),
                _ => document.to_owned(),
            };
            TaskError::new(error, cause)
        }
        _ => TaskError::new(
            "Lambda.Unknown",
            format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {document}"
            ),
        ),
    }
}

fn invoke_answer(answer: &Answer) -> Value {
    let payload = stepwell_json::parse(&answer.payload).unwrap_or_else(|_| Value::from(&*answer.payload));
    let mut members = Vec::with_capacity(7);
    if let Some(version) = &answer.executed_version {
        members.push(member("ExecutedVersion", Value::from(version.as_str())));
    }
    if let Some(log) = &answer.log_result {
        members.push(member("LogResult", Value::from(log.as_str())));
    }
    members.push(member("Payload", payload));
    members.push(member("SdkHttpMetadata", http_metadata(answer)));
    members.push(member(
        "SdkResponseMetadata",
        object(vec![member("RequestId", Value::from(answer.request_id.as_str()))]),
    ));
    members.push(member("StatusCode", Value::from(i64::from(answer.status))));
    object(members)
}

/// Names of Lambda's headers, as it spells them.
mod header {
    pub(super) const CONNECTION: &str = "Connection";
    pub(super) const CONTENT_LENGTH: &str = "Content-Length";
    pub(super) const CONTENT_TYPE: &str = "Content-Type";
    pub(super) const DATE: &str = "Date";
    pub(super) const EXECUTED_VERSION: &str = "X-Amz-Executed-Version";
    pub(super) const LOG_RESULT: &str = "X-Amz-Log-Result";
    pub(super) const REMAPPED_CONTENT_LENGTH: &str = "x-amzn-Remapped-Content-Length";
    pub(super) const REQUEST_ID: &str = "x-amzn-RequestId";
    pub(super) const TRACE_ID: &str = "X-Amzn-Trace-Id";
}

/// Only Lambda's own headers are shown: whatever else an emulator sends would make results differ between targets.
fn http_metadata(answer: &Answer) -> Value {
    let content_length = answer.payload.len().to_string();
    // `HttpHeaders` is sorted without regard to case, as recorded.
    let values: [(&str, Option<&str>); 9] = [
        (header::CONNECTION, Some("keep-alive")),
        (header::CONTENT_LENGTH, Some(&content_length)),
        (header::CONTENT_TYPE, Some(&answer.content_type)),
        (header::DATE, Some(&answer.date)),
        (header::EXECUTED_VERSION, answer.executed_version.as_deref()),
        (header::LOG_RESULT, answer.log_result.as_deref()),
        (header::REMAPPED_CONTENT_LENGTH, Some("0")),
        (header::REQUEST_ID, Some(&answer.request_id)),
        (header::TRACE_ID, Some(&answer.trace_id)),
    ];
    // `AllHttpHeaders` comes in the order of a Java hash map of these names, as recorded.
    const HASH_ORDER: [&str; 9] = [
        header::LOG_RESULT,
        header::EXECUTED_VERSION,
        header::REMAPPED_CONTENT_LENGTH,
        header::CONNECTION,
        header::REQUEST_ID,
        header::CONTENT_LENGTH,
        header::DATE,
        header::TRACE_ID,
        header::CONTENT_TYPE,
    ];
    let single = values.iter().filter_map(|(name, value)| Some(member(name, Value::from((*value)?))));
    let lists = HASH_ORDER.iter().filter_map(|name| {
        let value = values.iter().find(|(other, _)| other == name)?.1?;
        Some(member(name, Value::Array(Array::new(vec![Value::from(value)]))))
    });
    object(vec![
        member("AllHttpHeaders", object(lists.collect())),
        member("HttpHeaders", object(single.collect())),
        member("HttpStatusCode", Value::from(i64::from(answer.status))),
    ])
}

fn member(name: &str, value: Value) -> (Arc<str>, Value) {
    (Arc::from(name), value)
}

fn object(members: Vec<(Arc<str>, Value)>) -> Value {
    Value::Object(Object::from_entries(members))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Value {
        stepwell_json::parse(text).unwrap()
    }

    #[test]
    fn the_event_of_invoke_follows_the_recorded_payload_rules() {
        let cases = [
            (r#"{"FunctionName":"f"}"#, "{}"),
            (r#"{"FunctionName":"f","Payload":null}"#, "{}"),
            (r#"{"FunctionName":"f","Payload":"true"}"#, "true"),
            (r#"{"FunctionName":"f","Payload":"[1, 2]"}"#, "[1, 2]"),
            (r#"{"FunctionName":"f","Payload":"\"quoted\""}"#, "\"quoted\""),
            (r#"{"FunctionName":"f","Payload":"plain words"}"#, "\"plain words\""),
            (r#"{"FunctionName":"f","Payload":""}"#, "\"\""),
            (r#"{"FunctionName":"f","Payload":1.0}"#, "1.0"),
            (r#"{"FunctionName":"f","Payload":{"a": [1, null]}}"#, r#"{"a":[1,null]}"#),
        ];
        for (parameters, event) in cases {
            assert_eq!(&*invoke_request(&parsed(parameters)).unwrap().payload, event, "{parameters}");
        }
    }

    #[test]
    fn every_parameter_of_invoke_is_read() {
        let request = invoke_request(&parsed(
            r#"{"FunctionName":"f","Qualifier":7,"InvocationType":"Event","ClientContext":"e30=","LogType":"Tail",
                "TenantId":"t","DurableExecutionName":"d","payload":{}}"#,
        ))
        .unwrap();
        let expected = InvokeRequest {
            function: "f".into(),
            qualifier: Some("7".into()),
            payload: "{}".into(),
            kind: InvocationKind::Event,
            client_context: Some("e30=".into()),
            log_tail: true,
            tenant_id: Some("t".into()),
            durable_execution_name: Some("d".into()),
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn parameters_that_can_not_be_used_are_named() {
        let cases = [
            ("[]", "The value must be an object"),
            ("{}", "The field 'FunctionName' is required but was missing"),
            (r#"{"FunctionName":"f","Bogus":1}"#, "The field 'Bogus' is not supported by Step Functions"),
            (
                r#"{"FunctionName":"f","InvocationType":"Later"}"#,
                "The value of the field 'InvocationType' has an invalid format",
            ),
            (
                r#"{"FunctionName":"f","LogType":true}"#,
                "The value of the field 'LogType' has an invalid format",
            ),
        ];
        for (parameters, problem) in cases {
            let error = invoke_request(&parsed(parameters)).unwrap_err();
            assert_eq!(error.error, "States.Runtime");
            let text = parsed(parameters).to_text();
            let cause = format!("The Parameters '{text}' could not be used to start the Task: [{problem}]");
            assert_eq!(error.cause.unwrap(), cause);
        }
    }

    fn answer(payload: &str) -> Answer {
        Answer {
            status: 200,
            payload: payload.into(),
            function_error: false,
            executed_version: Some("$LATEST".into()),
            request_id: "id".into(),
            trace_id: "trace".into(),
            date: "date".into(),
            content_type: "application/json".into(),
            log_result: None,
        }
    }

    #[test]
    fn a_function_arn_gives_the_payload_text_as_it_came() {
        for (payload, text) in [
            (r#"{"a": [1,  2.0]}"#, r#"{"a": [1,  2.0]}"#),
            ("null", "null"),
            ("not json", r#""not json""#),
            ("", r#""""#),
        ] {
            assert_eq!(&**function_arn_result(Outcome::Answered(answer(payload))).unwrap().text(), text);
        }
    }

    #[test]
    fn invoke_shows_the_answer_as_recorded() {
        let expected = r#"{"ExecutedVersion":"$LATEST","Payload":{"a":1},"SdkHttpMetadata":{"AllHttpHeaders":{"X-Amz-Executed-Version":["$LATEST"],"x-amzn-Remapped-Content-Length":["0"],"Connection":["keep-alive"],"x-amzn-RequestId":["id"],"Content-Length":["8"],"Date":["date"],"X-Amzn-Trace-Id":["trace"],"Content-Type":["application/json"]},"HttpHeaders":{"Connection":"keep-alive","Content-Length":"8","Content-Type":"application/json","Date":"date","X-Amz-Executed-Version":"$LATEST","x-amzn-Remapped-Content-Length":"0","x-amzn-RequestId":"id","X-Amzn-Trace-Id":"trace"},"HttpStatusCode":200},"SdkResponseMetadata":{"RequestId":"id"},"StatusCode":200}"#;
        let result = invoke_result(Outcome::Answered(answer(r#"{"a": 1}"#))).unwrap();
        assert_eq!(&**result.text(), expected);

        let mut with_log = answer("plain");
        with_log.log_result = Some("bG9n".into());
        let result = invoke_result(Outcome::Answered(with_log)).unwrap();
        assert_eq!(result.value().get("LogResult").and_then(Value::as_str), Some("bG9n"));
        assert_eq!(result.value().get("Payload").and_then(Value::as_str), Some("plain"));
        assert!(result.text().contains(r#"{"AllHttpHeaders":{"X-Amz-Log-Result":["bG9n"],"X-Amz-Exec"#));
    }

    #[test]
    fn a_handlers_error_is_named_by_its_document() {
        let document = r#"{"errorMessage": "no", "errorType": "CustomException"}"#;
        let compact = r#"{"errorMessage":"no","errorType":"CustomException"}"#;
        let mut failed = answer(document);
        failed.function_error = true;
        assert_eq!(
            function_arn_result(Outcome::Answered(failed.clone())).unwrap_err(),
            TaskError { error: "CustomException".into(), cause: Some(document.into()) }
        );
        assert_eq!(
            invoke_result(Outcome::Answered(failed.clone())).unwrap_err(),
            TaskError { error: "CustomException".into(), cause: Some(compact.into()) }
        );
        for document in
            [r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#, "<html>", r#"{"errorType":3}"#, ""]
        {
            failed.payload = document.into();
            let error = invoke_result(Outcome::Answered(failed.clone())).unwrap_err();
            assert_eq!(error.error, "Lambda.Unknown");
            let cause = format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {document}"
            );
            assert_eq!(error.cause.unwrap(), cause);
        }
    }

    #[test]
    fn errors_and_causes_are_cut_to_what_is_recorded() {
        let error = TaskError::new("é".repeat(300), "x".repeat(40_000));
        assert_eq!(error.error.chars().count(), 256);
        assert_eq!(error.cause.unwrap().len(), 32_768);
    }
}
