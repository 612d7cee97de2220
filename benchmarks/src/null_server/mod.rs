//! The null server: what HTTP and one sync cost when nothing else is done.
//!
//! The same HTTP stack as Stepwell's (hyper, HTTP/1.1, tokio on all cores), answers that are constants of the size that
//! Stepwell's have, and for StartExecution a group commit of 1.7 KB to a preallocated file before the answer. With a
//! handler, `Invoke` answers what that makes of the body.

mod committer;
mod handler;

use std::{convert::Infallible, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use committer::Committer;
use handler::Handler;

/// How long a request's head may take, as in Stepwell.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// The page with how long each sync took, in microseconds, since it was fetched before.
pub const SYNC_DURATIONS: &str = "/sync-durations";
/// The operation that the null server always refuses, with ThrottlingException.
pub const REFUSED_OPERATION: &str = "StopExecution";
/// The request id that every answer has.
const REQUEST_ID: &str = "7b2d55a2-3c4a-4b0e-9c6b-0f6f0b7f4c11";

/// ARN of the one execution that the null server knows.
const STARTED: &str = r#"{"executionArn":"arn:aws:states:us-east-1:000000000000:execution:pass10:0190f0c2-7f4e-4c55-9f3a-2f6d4b7a1c0e","startDate":1700000000.123}"#;
const DESCRIBED: &str = r#"{"executionArn":"arn:aws:states:us-east-1:000000000000:execution:pass10:0190f0c2-7f4e-4c55-9f3a-2f6d4b7a1c0e","stateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:pass10","name":"0190f0c2-7f4e-4c55-9f3a-2f6d4b7a1c0e","status":"SUCCEEDED","startDate":1700000000.123,"stopDate":1700000000.124,"input":"{\"order\":{\"id\":\"A-1001\",\"customer\":\"Ada\",\"total\":129.95},\"items\":[{\"sku\":\"x1\",\"n\":2},{\"sku\":\"y2\",\"n\":1}],\"note\":\"leave at the door, ring twice, then wait for the neighbour\"}","inputDetails":{"included":true},"output":"{\"order\":{\"id\":\"A-1001\",\"customer\":\"Ada\",\"total\":129.95},\"items\":[{\"sku\":\"x1\",\"n\":2},{\"sku\":\"y2\",\"n\":1}],\"note\":\"leave at the door, ring twice, then wait for the neighbour\"}","outputDetails":{"included":true},"redriveCount":0,"redriveStatus":"NOT_REDRIVABLE","redriveStatusReason":"Execution is SUCCEEDED and cannot be redriven"}"#;
const SYNC_ENDED: &str = r#"{"executionArn":"arn:aws:states:us-east-1:000000000000:express:sync10:0190f0c2-7f4e-4c55-9f3a-2f6d4b7a1c0e:6a0d4c6e-5b1f-4d58-8f56-5f8f0b1d2c3e","stateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:sync10","name":"0190f0c2-7f4e-4c55-9f3a-2f6d4b7a1c0e","status":"SUCCEEDED","startDate":1700000000.123,"stopDate":1700000000.124,"input":"{\"order\":{\"id\":\"A-1001\",\"customer\":\"Ada\",\"total\":129.95},\"items\":[{\"sku\":\"x1\",\"n\":2},{\"sku\":\"y2\",\"n\":1}],\"note\":\"leave at the door, ring twice, then wait for the neighbour\"}","inputDetails":{"included":true},"output":"{\"order\":{\"id\":\"A-1001\",\"customer\":\"Ada\",\"total\":129.95},\"items\":[{\"sku\":\"x1\",\"n\":2},{\"sku\":\"y2\",\"n\":1}],\"note\":\"leave at the door, ring twice, then wait for the neighbour\"}","outputDetails":{"included":true},"billingDetails":{"billedDurationInMilliseconds":100,"billedMemoryUsedInMB":64}}"#;
const CREATED: &str = r#"{"stateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:null","creationDate":1700000000.123}"#;
const LISTED: &str = r#"{"stateMachines":[]}"#;
const THROTTLED: &str = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
const UNKNOWN: &str = r#"{"__type":"UnknownOperationException"}"#;

/// Serves until the process ends. `handler`: a Python handler (`module.function`) whose module is in `directory`.
///
/// # Errors
/// When the port, the directory or the handler can't be had.
pub fn serve(address: SocketAddr, directory: &Path, handler: Option<&str>) -> anyhow::Result<()> {
    let committer = Committer::start(directory).context("null server: can't make its file")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let handler = match handler {
            Some(handler) => Some(Arc::new(Handler::start(directory, handler).await?)),
            None => None,
        };
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("can't listen on {address}"))?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (committer, handler) = (committer.clone(), handler.clone());
            tokio::spawn(async move {
                let service = service_fn(|request| answer(request, &committer, handler.as_deref()));
                // A client that goes away is not an error here.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

async fn answer(
    request: Request<Incoming>,
    committer: &Committer,
    handler: Option<&Handler>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let page = match head.uri.path() {
        "/metrics" => Some(format!("null_syncs_total {}\n", committer.syncs())),
        SYNC_DURATIONS => {
            let durations = committer.take_durations();
            Some(durations.iter().map(u64::to_string).collect::<Vec<_>>().join("\n"))
        }
        _ => None,
    };
    if let Some(page) = page {
        return Ok(Response::new(Full::new(Bytes::from(page))));
    }
    let target = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    // The body is taken whole, as any server has to.
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if let ("Invoke", Some(handler)) = (operation, handler) {
        let Some(answer) = handler.invoke(body).await else {
            let mut response = Response::new(Full::default());
            *response.status_mut() = hyper::StatusCode::BAD_GATEWAY;
            return Ok(response);
        };
        return Ok(Response::new(Full::new(answer)));
    }
    let text = match operation {
        "StartExecution" if committer.commit().await => STARTED,
        "DescribeExecution" => DESCRIBED,
        "StartSyncExecution" => SYNC_ENDED,
        "CreateStateMachine" => CREATED,
        "ListStateMachines" => LISTED,
        REFUSED_OPERATION => THROTTLED,
        _ => UNKNOWN,
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    if text == UNKNOWN || text == THROTTLED {
        *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    headers.insert(HeaderName::from_static("x-amzn-requestid"), HeaderValue::from_static(REQUEST_ID));
    Ok(response)
}
