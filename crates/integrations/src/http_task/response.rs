//! What an answer is to the task.

use hyper::header::CONTENT_TYPE;
use stepwell_json::{Array, Object, Value};

use super::request::unusable;
use crate::{http_client::Response, lambda::TaskError};

/// The result of a 2xx answer, and the error of any other.
pub(super) fn result(response: &Response) -> Result<Value, TaskError> {
    let shown = shown(response)?;
    if response.status.is_success() {
        return Ok(shown);
    }
    Err(TaskError::new(format!("States.Http.StatusCode.{}", response.status.as_u16()), shown.to_text()))
}

/// `Headers`, `ResponseBody`, `StatusCode` and `StatusText`.
fn shown(response: &Response) -> Result<Value, TaskError> {
    let content_type =
        response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_binary = media == "application/octet-stream"
        || ["image/", "video/", "audio/"].iter().any(|prefix| media.starts_with(prefix));
    if is_binary && !response.body.is_empty() {
        return Err(unusable(format!(
            "The answer has the content type {media}, which an HTTP Task can't take"
        )));
    }
    let text = std::str::from_utf8(&response.body)
        .map_err(|_| unusable("The answer is not text, which an HTTP Task can't take"))?;
    let may_be_json = media.is_empty() || media.ends_with("/json") || media.ends_with("+json");
    let parsed = may_be_json.then(|| stepwell_json::parse(text).ok()).flatten();
    let body = parsed.unwrap_or_else(|| Value::from(text));
    let mut headers = Vec::new();
    for name in response.headers.keys() {
        let values = response.headers.get_all(name).iter();
        let values = values.map(|value| Value::from(String::from_utf8_lossy(value.as_bytes()).as_ref()));
        headers.push((name.as_str().into(), Value::Array(Array::new(values.collect()))));
    }
    let status_text = response.status.canonical_reason().unwrap_or_default();
    Ok(Value::Object(Object::from_entries(vec![
        ("Headers".into(), Value::Object(Object::from_entries(headers))),
        ("ResponseBody".into(), body),
        ("StatusCode".into(), Value::from(i64::from(response.status.as_u16()))),
        ("StatusText".into(), Value::from(status_text)),
    ])))
}
