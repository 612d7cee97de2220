//! `eks:call`: a request to the API server as the parameters have it.

use hyper::Method;
use stepwell_aws_model::DirectTarget;
use stepwell_json::Value;

use super::{KubernetesWork, RESULT_MAX_BYTES, Request, refused, shown};
use crate::{
    http_client::percent_encode,
    lambda::TaskError,
    parameters::{Parameters, plain},
};

/// Makes the request of the parameters.
///
/// # Errors
/// `EKS.<status>` for any status but 2xx.
pub(super) async fn call(work: &KubernetesWork<'_>) -> Result<Value, TaskError> {
    let parameters = work.checked(DirectTarget::KubernetesCall)?;
    let request = read(parameters)?;
    let response = work.send(parameters, request, RESULT_MAX_BYTES).await?;
    if response.status.is_success() { Ok(shown(&response)) } else { Err(refused(&response)) }
}

fn read(parameters: Parameters<'_>) -> Result<Request, TaskError> {
    let path = parameters.required("Path");
    let is_path = path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\'));
    if !is_path {
        return Err(parameters.refused(format!("The Path {path:?} is not a path of the Kubernetes API")));
    }
    let method = Method::from_bytes(parameters.required("Method").as_bytes())
        .map_err(|error| parameters.refused(error.to_string()))?;
    let body = parameters.value("RequestBody");
    Ok(Request {
        path: with_query(&path, &parameters.lists("QueryParameters")),
        content_type: body.map(|body| content_type(&method, body)),
        body: body.map(plain).unwrap_or_default().into(),
        method,
    })
}

/// The path with its query.
pub(super) fn with_query(path: &str, parameters: &[(&str, String)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| {
        let value = percent_encode(value);
        format!("{}={value}", percent_encode(name))
    });
    let query: Vec<String> = pairs.collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// The parameters have no headers, and the API server takes a PATCH with `application/json` not at all: a list is a JSON
/// patch, anything else a merge patch.
fn content_type(method: &Method, body: &Value) -> &'static str {
    if *method != Method::PATCH {
        return "application/json";
    }
    let is_list = match body {
        Value::String(text) => text.trim_start().starts_with('['),
        body => matches!(body, Value::Array(_)),
    };
    if is_list { "application/json-patch+json" } else { "application/merge-patch+json" }
}
