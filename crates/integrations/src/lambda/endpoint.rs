//! A function behind a Lambda Invoke API: AWS's, or SAM, LocalStack, moto, a runtime interface emulator, another
//! Stepwell, which check no signatures.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue};
use stepwell_aws_model::service;

use super::{ANSWER_MAX_BYTES, ANSWER_TIMEOUT, Answer, FunctionName, Invocation, Outcome, TaskError};
use crate::aws::{Actor, Aws, CallError, Target, sign};
use crate::http_client::{HttpClient, HttpError, Response, check_address, percent_encode};

/// The header that marks an answer as the handler's error.
pub(super) const FUNCTION_ERROR: &str = "x-amz-function-error";
pub(crate) const USER_AGENT_VALUE: &str = concat!("stepwell/", env!("CARGO_PKG_VERSION"));
/// Longest header value that an answer may bring; a log's tail is 4 KB in base64.
const HEADER_VALUE_MAX_BYTES: usize = 16 * 1024;

/// Whether Lambda's Invoke declares an error. Any other code is shown as `Lambda.AWSLambdaException`, the base class of the
/// SDK that Step Functions' Lambda integration behaves like, but for the one that is that SDK's own.
fn is_modelled(name: &str) -> bool {
    let Some(service) = service("lambda") else { return false };
    let errors = service.operation("Invoke").map(|invoke| invoke.errors.as_slice()).unwrap_or_default();
    let mut errors = errors.iter().filter_map(|id| service.shape(*id).error.as_ref());
    name == "ClientExecutionTimeoutException" || errors.any(|error| &*error.name == name)
}

/// A Lambda Invoke API.
pub(super) struct Place<'a> {
    pub(super) client: &'a HttpClient,
    /// Who signs.
    pub(super) aws: &'a Aws,
    /// Where it is.
    pub(super) target: Target,
}

/// Calls `name` at a place.
pub(super) async fn invoke(
    place: &Place<'_>,
    name: &str,
    function: &FunctionName,
    invocation: &Invocation,
) -> Outcome {
    let mut address =
        format!("{}/2015-03-31/functions/{}/invocations", place.target.base, percent_encode(name));
    if let Some(qualifier) = &function.qualifier {
        address.push_str("?Qualifier=");
        address.push_str(&percent_encode(qualifier));
    }
    let uri = match check_address(&address) {
        Ok(uri) => uri,
        Err(message) => return Outcome::Failed(TaskError::sdk_client(&message)),
    };
    let body = Bytes::from(invocation.request.payload.as_bytes().to_vec());
    let headers = match request_headers(place, function, invocation, &address, &body).await {
        Ok(headers) => headers,
        Err(error) => return Outcome::Failed(error),
    };
    // A margin above the caller's own limit, so that it is the caller's limit that ends the wait.
    let timeout =
        invocation.timeout.map_or(ANSWER_TIMEOUT, |limit| limit.saturating_add(Duration::from_secs(5)));
    match place.client.post(uri, headers, body, ANSWER_MAX_BYTES, timeout.min(ANSWER_TIMEOUT)).await {
        Ok(response) if response.status.is_success() => Outcome::Answered(read_answer(&response)),
        Ok(response) => Outcome::Failed(read_error(&response, function)),
        Err(HttpError::NoConnection(reason) | HttpError::NoAnswer(reason)) => {
            Outcome::Failed(TaskError::sdk_client(&reason))
        }
        Err(HttpError::TimedOut) => Outcome::Failed(TaskError::sdk_client("Read timed out")),
        Err(HttpError::TooLarge) => Outcome::Answered(Answer::too_large(uuid::Uuid::new_v4().to_string())),
    }
}

async fn request_headers(
    place: &Place<'_>,
    function: &FunctionName,
    invocation: &Invocation,
    url: &str,
    body: &[u8],
) -> Result<Vec<(HeaderName, HeaderValue)>, TaskError> {
    let request = &invocation.request;
    let texts = [
        ("content-type", Some("application/json".to_owned())),
        ("x-amz-invocation-type", Some(request.kind.as_str().to_owned())),
        ("x-amz-log-type", request.log_tail.then(|| "Tail".to_owned())),
        ("x-amz-client-context", request.client_context.clone()),
        ("x-amz-tenant-id", request.tenant_id.clone()),
        ("x-amz-durable-execution-name", request.durable_execution_name.clone()),
    ];
    let mut headers: Vec<(String, String)> =
        texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect();
    headers.extend(signature(place, function, invocation, url, &headers, body).await?);
    headers.push(("user-agent".to_owned(), USER_AGENT_VALUE.to_owned()));
    headers
        .into_iter()
        .map(|(name, text)| {
            let value = HeaderValue::from_str(&text).map_err(|_| {
                TaskError::sdk_client(&format!("the value of {name} can't be sent in an HTTP header"))
            })?;
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| TaskError::sdk_client(&format!("{name} is no name of an HTTP header")))?;
            Ok((name, value))
        })
        .collect()
}

/// The headers that sign a request. Emulators read region and account from the credential scope, so it is that of the
/// function.
async fn signature(
    place: &Place<'_>,
    function: &FunctionName,
    invocation: &Invocation,
    url: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<Vec<(String, String)>, TaskError> {
    let actor =
        Actor { region: &function.region, account: &function.account, role: invocation.role.as_deref() };
    let credentials =
        place.aws.credentials(&actor, place.target.is_aws).await.map_err(|error| match error {
            CallError::Role(cause) => TaskError::new("States.TaskFailed", cause),
            CallError::NoAnswer { reason, .. } => TaskError::sdk_client(&reason),
            other => TaskError::sdk_client(&format!("there are no credentials: {other:?}")),
        })?;
    let mut headers = headers.to_vec();
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    headers.extend(authority.map(|authority| ("host".to_owned(), authority.to_owned())));
    let scope = sign::Scope { region: &place.target.signing_region, service: &place.target.signing_name };
    let request = sign::Unsigned { method: "POST", url, headers: &headers, body };
    sign::headers(&credentials, &scope, &request, SystemTime::now())
        .map_err(|reason| TaskError::sdk_client(&format!("the request can't be signed: {reason}")))
}

fn read_answer(response: &Response) -> Answer {
    let headers = &response.headers;
    let request_id = text(headers, "x-amzn-requestid").unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let mut answer = Answer::local(
        response.status.as_u16(),
        Arc::<str>::from(String::from_utf8_lossy(&response.body)),
        request_id,
    );
    answer.function_error = headers.contains_key(FUNCTION_ERROR);
    answer.executed_version = match text(headers, "x-amz-executed-version") {
        // Emulators that leave the version out ran the only one there is; an accepted event names none on AWS either.
        None if response.status.as_u16() == 200 => Some("$LATEST".into()),
        version => version,
    };
    answer.log_result = text(headers, "x-amz-log-result");
    if let Some(trace_id) = text(headers, "x-amzn-trace-id") {
        answer.trace_id = trace_id;
    }
    if let Some(date) = text(headers, DATE.as_str()) {
        answer.date = date;
    }
    if let Some(content_type) = text(headers, CONTENT_TYPE.as_str()) {
        answer.content_type = content_type;
    }
    answer
}

/// Maps an error of Lambda's API. The code is in a header (or, from some emulators, in the body); the text in the
/// body's `Message`.
fn read_error(response: &Response, function: &FunctionName) -> TaskError {
    let status = response.status.as_u16();
    let body = std::str::from_utf8(&response.body).ok().and_then(|body| stepwell_json::parse(body).ok());
    let member = |names: &[&str]| {
        let body = body.as_ref()?;
        names.iter().find_map(|name| body.get(name)?.as_str().map(str::to_owned))
    };
    let request_id =
        text(&response.headers, "x-amzn-requestid").unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let code = text(&response.headers, "x-amzn-errortype").or_else(|| member(&["__type", "code", "Code"]));
    // A code may carry a namespace before `#` and an address after `:`.
    let code = code.map(|code| {
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default().to_owned()
    });
    let message = member(&["message", "Message", "errorMessage"]);
    let code = match (code, status) {
        (Some(code), _) if !code.is_empty() => code,
        // Emulators that name no code still mean these two by their status.
        (_, 404) => "ResourceNotFoundException".into(),
        (_, 429) => "TooManyRequestsException".into(),
        _ => {
            let message =
                message.unwrap_or_else(|| response.status.canonical_reason().unwrap_or("null").into());
            return TaskError::service("AWSLambdaException", &message, status, "null", &request_id);
        }
    };
    let with_suffix = if code.ends_with("Exception") { code.clone() } else { format!("{code}Exception") };
    let message = message.unwrap_or_else(|| match status {
        404 => format!("Function not found: {}", function.arn_with_version()),
        _ => "null".into(),
    });
    let error = if is_modelled(&with_suffix) { &with_suffix } else { "AWSLambdaException" };
    TaskError::service(error, &message, status, &code, &request_id)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= HEADER_VALUE_MAX_BYTES).then(|| value.to_owned())
}
