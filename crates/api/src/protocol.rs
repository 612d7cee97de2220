//! AWS JSON 1.0 over HTTP: headers, content types, and what a call answers.

use crate::error::ApiError;
use crate::json_writer::ToJson;

/// The content type of every answer.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
/// The header with the id of the request; a UUID that the server makes.
pub const REQUEST_ID_HEADER: &str = "x-amzn-requestid";
/// The header that names the operation.
pub const TARGET_HEADER: &str = "x-amz-target";

/// Status and body of an answer. Its content type is always [`CONTENT_TYPE`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// A JSON object.
    pub body: Vec<u8>,
}

impl Response {
    /// A successful answer.
    pub fn ok(response: &impl ToJson) -> Response {
        Response { status: 200, body: response.to_json() }
    }

    /// The answer of operations without output: `{}`.
    pub fn empty() -> Response {
        Response { status: 200, body: b"{}".to_vec() }
    }
}

impl From<&ApiError> for Response {
    fn from(error: &ApiError) -> Response {
        Response { status: error.status, body: error.to_json() }
    }
}

impl From<ApiError> for Response {
    fn from(error: ApiError) -> Response {
        Response::from(&error)
    }
}

/// Reads an `X-Amz-Target` header value; one that is not visible ASCII counts as missing.
pub fn read_target(value: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(value?).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// Whether a request with this `Content-Type` is read: AWS JSON of either version, plain JSON, or no type at all.
///
/// Types that a web page can send to another origin without asking it first, such as `text/plain`, are not.
pub fn is_accepted_content_type(value: Option<&str>) -> bool {
    let Some(value) = value else { return true };
    let essence = value.split(';').next().unwrap_or_default().trim();
    ["application/x-amz-json-1.0", "application/x-amz-json-1.1", "application/json"]
        .iter()
        .any(|accepted| essence.eq_ignore_ascii_case(accepted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_json_or_absent() {
        for (value, expected) in [
            (None, true),
            (Some("application/x-amz-json-1.0"), true),
            (Some("Application/X-Amz-Json-1.1; charset=utf-8"), true),
            (Some("application/json"), true),
            (Some("text/plain"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (Some(""), false),
        ] {
            assert_eq!(is_accepted_content_type(value), expected, "{value:?}");
        }
    }

    #[test]
    fn an_error_answers_with_type_and_message() {
        let response = Response::from(ApiError::new("InvalidName", "Invalid Name: '\"'"));
        assert_eq!(response.status, 400);
        assert_eq!(
            String::from_utf8(response.body).unwrap(),
            r#"{"__type":"InvalidName","message":"Invalid Name: '\"'"}"#
        );
    }
}
