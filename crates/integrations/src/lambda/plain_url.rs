//! A function that is a plain HTTP address: the event is posted, the body of a 2xx answer is the result.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};

use super::endpoint::{FUNCTION_ERROR, USER_AGENT_VALUE};
use super::{ANSWER_MAX_BYTES, ANSWER_TIMEOUT, Answer, Invocation, Outcome, TaskError};
use crate::http_client::{HttpClient, HttpError, check_address};

/// How much of an unexpected body the error shows, in characters.
const SHOWN_BODY_CHARACTERS: usize = 1_000;

/// Posts the event. Any other status than 2xx, or Lambda's header for errors, makes the body an error document.
pub(super) async fn invoke(client: &HttpClient, url: &str, invocation: &Invocation) -> Outcome {
    let uri = match check_address(url) {
        Ok(uri) => uri,
        Err(message) => return Outcome::Failed(TaskError::sdk_client(&message)),
    };
    let request_id = uuid::Uuid::new_v4().to_string();
    let mut headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE)),
    ];
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.push((HeaderName::from_static("x-amzn-requestid"), value));
    }
    let body = Bytes::from(invocation.request.payload.as_bytes().to_vec());
    let response = match client.post(uri, headers, body, ANSWER_MAX_BYTES, ANSWER_TIMEOUT).await {
        Ok(response) => response,
        Err(HttpError::NoConnection(reason) | HttpError::NoAnswer(reason)) => {
            return Outcome::Failed(TaskError::sdk_client(&reason));
        }
        Err(HttpError::TimedOut) => return Outcome::Failed(TaskError::sdk_client("Read timed out")),
        Err(HttpError::TooLarge) => return Outcome::Answered(Answer::too_large(request_id)),
    };
    let text = String::from_utf8_lossy(&response.body);
    let marked = response.headers.contains_key(FUNCTION_ERROR);
    if response.status.is_success() && !marked {
        return Outcome::Answered(Answer::local(200, Arc::<str>::from(text), request_id));
    }
    if marked || names_an_error(&text) {
        return Outcome::Answered(Answer::error(Arc::<str>::from(text), request_id));
    }
    // Nothing in the body tells what happened, so the document says what was seen; without an error type it
    // becomes Lambda.Unknown.
    let shown: String = text.chars().take(SHOWN_BODY_CHARACTERS).collect();
    let message = serde_json::Value::String(format!("{url} answered {}: {shown}", response.status));
    Outcome::Answered(Answer::error(format!(r#"{{"errorMessage":{message}}}"#), request_id))
}

fn names_an_error(body: &str) -> bool {
    stepwell_json::parse(body)
        .is_ok_and(|document| document.get("errorType").is_some() || document.get("errorMessage").is_some())
}
