//! The routes beside the API: health, metrics, version, backup, logs of jobs.

use std::{net::IpAddr, path::PathBuf};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde::{Deserialize, de::DeserializeOwned};
use stepwell_api::{ApiError, identity::Identity};

use crate::service::{Service, failed, json};

/// What `POST /backup` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupRequest {
    /// Where the copy goes: a directory of the server's machine that is missing or empty.
    directory: PathBuf,
}

/// What `POST /job-logs` takes: one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct JobLogsRequest {
    /// The execution that submitted the jobs.
    execution_arn: Option<String>,
    /// The id or ARN of a job or task.
    job_id: Option<String>,
}

/// Answers everything but the API's own `POST /`.
pub(crate) async fn respond(
    service: &Service,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Response<Full<Bytes>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/healthz" if is_read => text(StatusCode::OK, "ok\n".to_owned()),
        "/readyz" if is_read => ready(service),
        "/version" if is_read => json(StatusCode::OK, version(service, request.headers()).into_bytes()),
        "/metrics" if is_read => text(StatusCode::OK, service.operations.metrics.page(&service.operations)),
        path @ ("/backup" | "/job-logs") if request.method() == Method::POST => {
            // Both speak of directories of this machine.
            if !peer.to_canonical().is_loopback() {
                let message = format!("{path} can be asked for on the server's own machine only.");
                return failed(&ApiError { status: 403, ..ApiError::access_denied(message) });
            }
            let answer = match path {
                "/backup" => backup(service, request).await.map(|()| b"{}".to_vec()),
                _ => job_logs(service, request).await,
            };
            match answer {
                Ok(body) => json(StatusCode::OK, body),
                Err(error) => failed(&error),
            }
        }
        "/" | "/healthz" | "/readyz" | "/version" | "/metrics" | "/backup" | "/job-logs" => {
            failed(&ApiError {
                status: 405,
                ..ApiError::new(
                    "MethodNotAllowed",
                    "The API is called by POST /; see /healthz, /version, /metrics.",
                )
            })
        }
        _ => failed(&ApiError {
            status: 404,
            ..ApiError::new("NotFound", "There is nothing here; the API is called by POST /.")
        }),
    }
}

/// What this is, and the account and region that the caller acts in: clients that make ARNs ask for them.
fn version(service: &Service, headers: &HeaderMap) -> String {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = Identity::from_authorization(authorization, &service.operations.identity_defaults);
    serde_json::json!({
        "name": "stepwell",
        "version": env!("CARGO_PKG_VERSION"),
        "account": caller.account,
        "region": caller.region,
    })
    .to_string()
}

fn ready(service: &Service) -> Response<Full<Bytes>> {
    if *service.stop.borrow() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match &*service.fatal.borrow() {
        Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("the store has stopped: {reason}\n")),
        None => text(StatusCode::OK, "ready\n".to_owned()),
    }
}

/// Reads a request whose body is JSON.
async fn read<T: DeserializeOwned>(service: &Service, request: Request<Incoming>) -> Result<T, ApiError> {
    let (head, body) = request.into_parts();
    // A page of another site can send no JSON without asking first.
    let is_json = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(';').next().unwrap_or_default().trim().ends_with("json"));
    if !is_json {
        return Err(ApiError::serialization("Send the request as JSON, with the header Content-Type."));
    }
    let arrived = service.body(&head.headers, body, false).await?;
    serde_json::from_slice(&arrived.body.whole()).map_err(|error| ApiError::serialization(error.to_string()))
}

async fn job_logs(service: &Service, request: Request<Incoming>) -> Result<Vec<u8>, ApiError> {
    let request: JobLogsRequest = read(service, request).await?;
    let jobs = service.operations.jobs.as_ref();
    let found = match (&request.execution_arn, &request.job_id) {
        (Some(arn), None) => jobs.map(|jobs| jobs.logs_of_execution(arn)),
        (None, Some(id)) => jobs.map(|jobs| jobs.logs_of_job(id)),
        _ => return Err(ApiError::validation("Give either executionArn or jobId.")),
    };
    Ok(serde_json::json!({"jobs": found.unwrap_or_default()}).to_string().into_bytes())
}

async fn backup(service: &Service, request: Request<Incoming>) -> Result<(), ApiError> {
    let request: BackupRequest = read(service, request).await?;
    if !request.directory.is_absolute() {
        return Err(ApiError::validation("The directory of a backup must be an absolute path."));
    }
    let store = service.operations.store.clone();
    let copied = tokio::task::spawn_blocking(move || store.backup(&request.directory)).await;
    match copied {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(ApiError::validation(error.to_string())),
        Err(_) => Err(ApiError::internal_failure()),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
