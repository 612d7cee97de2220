//! A function behind a Lambda Invoke API that checks no signatures: SAM, LocalStack, moto, a runtime interface
//! emulator, another Stepwell.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use super::{ANSWER_MAX_BYTES, ANSWER_TIMEOUT, Answer, FunctionName, Invocation, Outcome, TaskError};
use crate::http_client::{HttpClient, HttpError, Response, check_address, percent_encode};

/// The header that marks an answer as the handler's error.
pub(super) const FUNCTION_ERROR: &str = "x-amz-function-error";
pub(crate) const USER_AGENT_VALUE: &str = concat!("stepwell/", env!("CARGO_PKG_VERSION"));
/// Longest header value that an answer may bring; a log's tail is 4 KB in base64.
const HEADER_VALUE_MAX_BYTES: usize = 16 * 1024;

/// Errors that Lambda's Invoke declares. Any other code is shown as `Lambda.AWSLambdaException`, the base class of the
/// SDK that Step Functions' Lambda integration behaves like.
const MODELLED: &[&str] = &[
    "ClientExecutionTimeoutException",
    "EC2AccessDeniedException",
    "EC2ThrottledException",
    "EC2UnexpectedException",
    "EFSIOException",
    "EFSMountConnectivityException",
    "EFSMountFailureException",
    "EFSMountTimeoutException",
    "ENILimitReachedException",
    "InvalidParameterValueException",
    "InvalidRequestContentException",
    "InvalidRuntimeException",
    "InvalidSecurityGroupIDException",
    "InvalidSubnetIDException",
    "InvalidZipFileException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "RecursiveInvocationException",
    "RequestTooLargeException",
    "ResourceConflictException",
    "ResourceNotFoundException",
    "ResourceNotReadyException",
    "ServiceException",
    "SnapStartException",
    "SnapStartNotReadyException",
    "SnapStartTimeoutException",
    "SubnetIPAddressLimitReachedException",
    "TooManyRequestsException",
    "UnsupportedMediaTypeException",
];

/// Calls `name` at `endpoint`.
pub(super) async fn invoke(
    client: &HttpClient,
    endpoint: &str,
    name: &str,
    function: &FunctionName,
    invocation: &Invocation,
) -> Outcome {
    let mut address = format!(
        "{}/2015-03-31/functions/{}/invocations",
        endpoint.trim_end_matches('/'),
        percent_encode(name)
    );
    if let Some(qualifier) = &function.qualifier {
        address.push_str("?Qualifier=");
        address.push_str(&percent_encode(qualifier));
    }
    let uri = match check_address(&address) {
        Ok(uri) => uri,
        Err(message) => return Outcome::Failed(TaskError::sdk_client(&message)),
    };
    let body = Bytes::from(invocation.request.payload.as_bytes().to_vec());
    let headers = match request_headers(function, invocation) {
        Ok(headers) => headers,
        Err(error) => return Outcome::Failed(error),
    };
    // A margin above the caller's own limit, so that it is the caller's limit that ends the wait.
    let timeout =
        invocation.timeout.map_or(ANSWER_TIMEOUT, |limit| limit.saturating_add(Duration::from_secs(5)));
    match client.post(uri, headers, body, ANSWER_MAX_BYTES, timeout.min(ANSWER_TIMEOUT)).await {
        Ok(response) if response.status.is_success() => Outcome::Answered(read_answer(&response)),
        Ok(response) => Outcome::Failed(read_error(&response, function)),
        Err(HttpError::NoConnection(reason) | HttpError::NoAnswer(reason)) => {
            Outcome::Failed(TaskError::sdk_client(&reason))
        }
        Err(HttpError::TimedOut) => Outcome::Failed(TaskError::sdk_client("Read timed out")),
        Err(HttpError::TooLarge) => Outcome::Answered(Answer::too_large(uuid::Uuid::new_v4().to_string())),
    }
}

fn request_headers(
    function: &FunctionName,
    invocation: &Invocation,
) -> Result<Vec<(HeaderName, HeaderValue)>, TaskError> {
    let request = &invocation.request;
    let now = jiff::Timestamp::now();
    // Emulators read region, account and service from the credential scope; the signature is a placeholder that
    // nothing real would take.
    let scope =
        format!("{}/{}/{}/lambda/aws4_request", function.account, now.strftime("%Y%m%d"), function.region);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={}",
        "0".repeat(64)
    );
    let mut headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE)),
        (HeaderName::from_static("x-amz-invocation-type"), HeaderValue::from_static(request.kind.as_str())),
    ];
    if request.log_tail {
        headers.push((HeaderName::from_static("x-amz-log-type"), HeaderValue::from_static("Tail")));
    }
    let texts = [
        (AUTHORIZATION, Some(authorization)),
        (HeaderName::from_static("x-amz-date"), Some(now.strftime("%Y%m%dT%H%M%SZ").to_string())),
        (HeaderName::from_static("x-amz-client-context"), request.client_context.clone()),
        (HeaderName::from_static("x-amz-tenant-id"), request.tenant_id.clone()),
        (HeaderName::from_static("x-amz-durable-execution-name"), request.durable_execution_name.clone()),
    ];
    for (name, text) in texts {
        let Some(text) = text else { continue };
        let value = HeaderValue::from_str(&text).map_err(|_| {
            TaskError::sdk_client(&format!("the value of {name} can't be sent in an HTTP header"))
        })?;
        headers.push((name, value));
    }
    Ok(headers)
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
    let is_modelled = MODELLED.contains(&with_suffix.as_str());
    let message = message.unwrap_or_else(|| match status {
        404 => format!("Function not found: {}", function.arn_with_version()),
        _ => "null".into(),
    });
    let error = if is_modelled { &with_suffix } else { "AWSLambdaException" };
    TaskError::service(error, &message, status, &code, &request_id)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= HEADER_VALUE_MAX_BYTES).then(|| value.to_owned())
}
