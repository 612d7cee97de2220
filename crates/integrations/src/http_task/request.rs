//! The request of a task: its parameters with what the connection adds.

use bytes::Bytes;
use hyper::{
    Method, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RANGE, USER_AGENT},
};
use stepwell_json::{Object, Value};

use super::{
    config::{Additions, HIDDEN, Header},
    form::{self, ArrayFormat, join},
};
use crate::{
    address::{self, Exception, Refusal},
    http_client::percent_encode,
    lambda::TaskError,
    parameters::{Parameters, plain},
};

/// Headers that a task must not set (AWS's list).
const FORBIDDEN_HEADERS: [&str; 32] = [
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];
const FORBIDDEN_PREFIXES: [&str; 3] = ["x-forwarded-", "x-amz-", "x-amzn-"];
/// The length is what the body has.
const OWN_HEADERS: [HeaderName; 3] = [USER_AGENT, RANGE, hyper::header::CONTENT_LENGTH];

/// A request that can be sent.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) uri: Uri,
    /// The host is one of the exceptions to the rules for addresses.
    pub(super) is_excepted: bool,
    pub(super) headers: HeaderMap,
    /// Names of headers in the order and spelling in which AWS shows them: those of the task, of the connection, and of
    /// the service. The default content type is not among them.
    pub(super) shown_headers: Vec<(HeaderName, String)>,
    pub(super) body: Bytes,
}

impl Prepared {
    /// The same with what the connection adds, its token among it, hidden: `masked`.
    ///
    /// # Errors
    /// As [`prepare`].
    pub(super) fn masked(
        &self,
        parameters: Parameters<'_>,
        masked: &Additions,
        exceptions: &[Exception],
        region: &str,
    ) -> Result<Self, TaskError> {
        let mut shown = prepare(parameters, masked, exceptions, region)?;
        if self.headers.contains_key(AUTHORIZATION) {
            shown.headers.insert(AUTHORIZATION, HeaderValue::from_static(HIDDEN));
        }
        Ok(shown)
    }
}

/// What the definition says can't be sent.
pub(super) fn unusable(cause: impl Into<String>) -> TaskError {
    TaskError::new("States.Runtime", cause)
}

/// The request that the parameters and the connection come to.
///
/// # Errors
/// `States.Runtime` for what no request can be made of, `States.TaskFailed` for a place that may not be called.
pub(super) fn prepare(
    parameters: Parameters<'_>,
    additions: &Additions,
    exceptions: &[Exception],
    region: &str,
) -> Result<Prepared, TaskError> {
    let method = parameters.required("Method");
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| unusable(error.to_string()))?;
    let url = &parameters.required("ApiEndpoint");
    let place = address::check("ApiEndpoint", url, exceptions).map_err(|refusal| match refusal {
        Refusal::Invalid(cause) => unusable(cause),
        Refusal::Forbidden(cause) => TaskError::new("States.TaskFailed", cause),
    })?;
    let given = parameters.value("Headers");
    let mut headers = task_headers(given)?;
    let mut shown_headers = Vec::new();
    let mut show = |name: HeaderName, spelling: &str| {
        if !shown_headers.iter().any(|(shown, _)| *shown == name) {
            shown_headers.push((name, spelling.to_owned()));
        }
    };
    for (spelling, _) in given.and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        if let Ok(name) = HeaderName::from_bytes(spelling.as_bytes())
            && !OWN_HEADERS.contains(&name)
        {
            show(name, spelling);
        }
    }
    show(AUTHORIZATION, "Authorization");
    let body = body(parameters, additions, &headers)?;
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    }
    let agent = format!("Amazon|StepFunctions|HttpInvoke|{region}");
    headers.insert(USER_AGENT, HeaderValue::from_str(&agent).map_err(|error| unusable(error.to_string()))?);
    headers.insert(RANGE, HeaderValue::from_static("bytes=0-262144"));
    for Header { name, spelling, value } in &additions.headers {
        headers.insert(name.clone(), value.clone());
        show(name.clone(), spelling);
    }
    show(USER_AGENT, "User-Agent");
    show(RANGE, "Range");
    let uri = with_query(place.uri, parameters.value("QueryParameters"), additions)?;
    Ok(Prepared { method, uri, is_excepted: place.is_excepted, headers, shown_headers, body })
}

fn task_headers(given: Option<&Value>) -> Result<HeaderMap, TaskError> {
    let mut headers = HeaderMap::new();
    let members = match given {
        None => return Ok(headers),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(unusable("The Headers of an HTTP Task must be a JSON object")),
    };
    for (name, value) in members.iter() {
        let lower = name.to_ascii_lowercase();
        let is_forbidden = FORBIDDEN_HEADERS.contains(&&*lower)
            || FORBIDDEN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
        if is_forbidden {
            return Err(unusable(format!("The header {name:?} can't be set by an HTTP Task")));
        }
        let header = HeaderName::from_bytes(lower.as_bytes())
            .map_err(|_| unusable(format!("{name:?} is no name of a header")))?;
        if OWN_HEADERS.contains(&header) {
            continue;
        }
        let values = match value {
            Value::Array(items) => items.items(),
            other => std::slice::from_ref(other),
        };
        for value in values {
            let value = HeaderValue::from_bytes(plain(value).as_bytes())
                .map_err(|_| unusable(format!("The value of the header {name:?} can't be sent")))?;
            headers.append(header.clone(), value);
        }
    }
    Ok(headers)
}

/// Pairs of a text such as `a=x&b=y`: what can't stand in a URL is encoded, what is encoded stays.
fn split_query(text: &str) -> Vec<(String, String)> {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut encoded, byte| {
            match byte {
                b'%' | b'+' | b',' | b':' | b'/' | b'@' | b'-' | b'.' | b'_' | b'~' | b';' | b'?' | b'!'
                | b'*' => {
                    encoded.push(char::from(byte));
                }
                _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
                _ => encoded.push_str(&format!("%{byte:02X}")),
            }
            encoded
        })
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (encode(key), value.split('=').map(encode).collect::<Vec<_>>().join("=")))
        .collect()
}

fn query_pairs(given: &Value, into: &mut Vec<(String, String)>) -> Result<(), TaskError> {
    match given {
        Value::Null => {}
        Value::String(text) => into.extend(split_query(text)),
        Value::Object(members) => {
            for (name, value) in members.iter() {
                form::pairs(name, value, ArrayFormat::Repeat, into);
            }
        }
        Value::Array(items) => {
            for item in items.iter() {
                if matches!(item, Value::Array(_)) {
                    return Err(unusable("An item of QueryParameters must be an object or a string"));
                }
                query_pairs(item, into)?;
            }
        }
        _ => {
            return Err(unusable(
                "The QueryParameters of an HTTP Task must be an object, an array or a string",
            ));
        }
    }
    Ok(())
}

fn with_query(uri: Uri, given: Option<&Value>, additions: &Additions) -> Result<Uri, TaskError> {
    let mut pairs = Vec::new();
    if let Some(given) = given {
        query_pairs(given, &mut pairs)?;
    }
    if pairs.is_empty() && additions.query.is_empty() {
        return Ok(uri);
    }
    let mut all = split_query(uri.query().unwrap_or_default());
    all.extend(pairs);
    for (name, value) in &additions.query {
        let name = percent_encode(name);
        all.retain(|(known, _)| *known != name);
        all.push((name, percent_encode(value)));
    }
    let mut parts = uri.clone().into_parts();
    let path = format!("{}?{}", uri.path(), join(&all));
    parts.path_and_query = Some(path.parse().map_err(|_| unusable("The query parameters can't be sent"))?);
    Uri::from_parts(parts).map_err(|error| unusable(error.to_string()))
}

fn body(parameters: Parameters<'_>, additions: &Additions, headers: &HeaderMap) -> Result<Bytes, TaskError> {
    let given = parameters.value("RequestBody");
    let merged;
    let given = if additions.body.is_empty() {
        given
    } else {
        let mut object = match given {
            None => Object::from_entries(Vec::new()),
            Some(Value::Object(object)) => object.clone(),
            Some(_) => {
                return Err(unusable(
                    "The RequestBody must be a JSON object: the connection has parameters for the body",
                ));
            }
        };
        for (name, value) in &additions.body {
            object = object.with(name.as_str().into(), Value::from(value.as_str()));
        }
        merged = Value::Object(object);
        Some(&merged)
    };
    let transform = parameters.inner("Transform");
    let encoding = transform.and_then(|transform| transform.text("RequestBodyEncoding"));
    let options = transform.and_then(|transform| transform.inner("RequestEncodingOptions"));
    let format = options.and_then(|options| ArrayFormat::parse(&options.text("ArrayFormat")?));
    let format = format.unwrap_or_default();
    let Some(given) = given else { return Ok(Bytes::new()) };
    if encoding.as_deref() != Some("URL_ENCODED") {
        return Ok(plain(given).into());
    }
    let is_form_type = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|text| text.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"))
    };
    if !headers.get(CONTENT_TYPE).is_some_and(is_form_type) {
        return Err(unusable(
            "A RequestBody with RequestBodyEncoding URL_ENCODED needs the header Content-Type with the value \
             application/x-www-form-urlencoded",
        ));
    }
    match given {
        Value::Object(members) => {
            let mut pairs = Vec::new();
            for (name, value) in members.iter() {
                form::pairs(name, value, format, &mut pairs);
            }
            Ok(join(&pairs).into())
        }
        Value::String(text) => Ok(text.to_string().into()),
        _ => Err(unusable("A RequestBody with RequestBodyEncoding URL_ENCODED must be a JSON object")),
    }
}
