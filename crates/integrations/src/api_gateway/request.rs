//! The request that the parameters come to.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, header::CONTENT_TYPE};
use stepwell_json::{Array, Object, Value};

use crate::{
    http_client::percent_encode,
    lambda::TaskError,
    parameters::{Parameters, plain},
};

/// Headers that a task must not set (AWS's list), besides those with [`FORBIDDEN_PREFIXES`].
const FORBIDDEN_HEADERS: [&str; 14] = [
    "authorization",
    "connection",
    "content-md5",
    "expect",
    "host",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
];
/// AWS says so without a hyphen at the end.
const FORBIDDEN_PREFIXES: [&str; 2] = ["x-forwarded", "x-amz"];

/// How API Gateway learns who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthType {
    /// It does not.
    None,
    /// From the signature.
    Role,
    /// From the signature; the API's policy decides.
    ResourcePolicy,
}

/// A request to an API.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// `ApiEndpoint`: a host, perhaps with a port.
    pub(super) host: String,
    /// Stage, path and query, encoded; it begins with a slash.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) auth: AuthType,
}

impl Request {
    /// The region in `API-ID.execute-api.REGION.amazonaws.com`; none where the host has another form.
    pub(super) fn aws_region(&self) -> Option<&str> {
        let labels: Vec<&str> = self.host.split('.').collect();
        match labels.as_slice() {
            [_, "execute-api", region, "amazonaws", "com"]
            | [_, "execute-api", region, "amazonaws", "com", "cn"] => Some(region),
            _ => None,
        }
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

/// The request of checked parameters.
///
/// # Errors
/// `States.Runtime` for what can't be sent.
pub(super) fn read(parameters: Parameters<'_>) -> Result<Request, TaskError> {
    let refuse = |problem: String| Err(parameters.refused(problem));
    let host = parameters.required("ApiEndpoint");
    if host.is_empty() || host.contains(['/', '?', '#', '@', '\\']) || host.contains(char::is_whitespace) {
        return refuse(format!("The ApiEndpoint {host:?} is not the name of a host"));
    }
    let method = Method::from_bytes(parameters.required("Method").as_bytes())
        .map_err(|error| parameters.refused(error.to_string()))?;
    let mut path = String::new();
    for part in [parameters.text("Stage"), parameters.text("Path")] {
        let part = part.as_deref().map(|part| part.strip_prefix('/').unwrap_or(part)).unwrap_or_default();
        if !part.is_empty() {
            path = format!("{path}/{}", encoded(part));
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    let query = parameters.lists("QueryParameters").into_iter();
    let query: Vec<String> =
        query.map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(&value))).collect();
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let mut headers = Vec::new();
    for (name, value) in parameters.lists("Headers") {
        let lower = name.to_ascii_lowercase();
        let is_forbidden = FORBIDDEN_HEADERS.contains(&&*lower)
            || FORBIDDEN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
        if is_forbidden {
            return refuse(format!("The HTTP header '{name}' is not supported"));
        }
        // The length is what the body has.
        if lower != "content-length" {
            headers.push((lower, value));
        }
    }
    let mut body = Bytes::new();
    let given = parameters.value("RequestBody");
    // Other methods have no body, whatever the parameters say: AWS's own example is a GET with `{}`.
    if let Some(given) = given.filter(|_| matches!(method, Method::PATCH | Method::POST | Method::PUT)) {
        body = match parameters.flag("AllowNullValues") {
            true => plain(given).into(),
            false => plain(&without_nulls(given)).into(),
        };
        if !headers.iter().any(|(name, _)| name == CONTENT_TYPE.as_str()) {
            headers.push((CONTENT_TYPE.to_string(), "application/json".to_owned()));
        }
    }
    let auth = match parameters.text("AuthType").as_deref() {
        Some("IAM_ROLE") => AuthType::Role,
        Some("RESOURCE_POLICY") => AuthType::ResourcePolicy,
        _ => AuthType::None,
    };
    Ok(Request { method, host, path, headers, body, auth })
}

/// The value without the members of objects that are null, at any depth.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            let kept = kept.map(|(name, value)| (Arc::clone(name), without_nulls(value)));
            Value::Object(Object::from_entries(kept.collect()))
        }
        Value::Array(items) => Value::Array(Array::new(items.iter().map(without_nulls).collect())),
        other => other.clone(),
    }
}

/// A part of a path with what can't stand there percent-encoded; what is encoded stays.
fn encoded(part: &str) -> String {
    part.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
