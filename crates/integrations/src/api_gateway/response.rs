//! The result of an answer, or its error.

use stepwell_json::{Array, Object, Value};

use crate::{http_client::Response, lambda::TaskError};

/// Names that are not written with a capital after each hyphen, as API Gateway sends them.
const NAMES: [&str; 4] = ["x-amz-apigw-id", "x-amzn-RequestId", "ETag", "WWW-Authenticate"];

/// The result of a 2xx answer, and the error of any other, whose cause is the body (recorded).
pub(super) fn result(response: &Response) -> Result<Value, TaskError> {
    let text = String::from_utf8_lossy(&response.body);
    if !response.status.is_success() {
        return Err(TaskError::new(format!("ApiGateway.{}", response.status.as_u16()), text));
    }
    let body = stepwell_json::parse(&text).unwrap_or_else(|_| Value::from(text.as_ref()));
    let headers = response.headers.keys().map(|name| {
        let values = response.headers.get_all(name).iter();
        let values = values.map(|value| Value::from(String::from_utf8_lossy(value.as_bytes()).as_ref()));
        (shown(name.as_str()).into(), Value::Array(Array::new(values.collect())))
    });
    Ok(Value::Object(Object::from_entries(vec![
        ("Headers".into(), Value::Object(Object::from_entries(headers.collect()))),
        ("ResponseBody".into(), body),
        ("StatusCode".into(), Value::from(i64::from(response.status.as_u16()))),
        ("StatusText".into(), Value::from(response.status.canonical_reason().unwrap_or_default())),
    ])))
}

/// The name of a header as servers write it; the client has it in lower-case letters.
fn shown(lower: &str) -> String {
    if let Some(name) = NAMES.iter().find(|name| name.eq_ignore_ascii_case(lower)) {
        return (*name).to_owned();
    }
    let words = lower.split('-').map(|word| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect::<Vec<_>>().join("-")
}
