//! The Lambda Runtime API (version 2018-06-01) for one worker: hands it one event at a time and takes the answers.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};

use super::Event;
use crate::lambda::ANSWER_MAX_BYTES;

/// Connections that one worker may hold; runtime libraries need one or two.
const CONNECTIONS_MAX: usize = 16;
/// Reports that wait to be read; further ones hold up the worker.
const REPORTS_MAX: usize = 16;
/// Longest error document, in bytes.
const ERROR_MAX_BYTES: usize = 256 * 1024;
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";
const VERSION: &str = "/2018-06-01/runtime/";

/// What a worker tells.
pub(super) enum Report {
    /// It has taken the event with this request id.
    Fetched { request_id: String },
    /// The handler's result.
    Response { request_id: String, payload: String },
    /// The result is longer than Lambda takes.
    TooLarge { request_id: String },
    /// The handler's error document.
    Error { request_id: String, document: String },
    /// It can't start, and ends.
    InitError { document: String },
}

/// What the worker is at.
enum Slot {
    Free,
    Offered { event: Box<Offer> },
    Running { request_id: String },
}

struct Offer {
    request_id: String,
    headers: HeaderMap,
    payload: Arc<str>,
    timeout: Duration,
}

struct Shared {
    slot: Mutex<Slot>,
    offered: Notify,
    reports: mpsc::Sender<Report>,
}

/// The listener of one worker; it ends with the value.
pub(super) struct RuntimeApi {
    port: u16,
    shared: Arc<Shared>,
    reports: mpsc::Receiver<Report>,
    accepting: JoinHandle<()>,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    pub(super) async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (sender, reports) = mpsc::channel(REPORTS_MAX);
        let shared =
            Arc::new(Shared { slot: Mutex::new(Slot::Free), offered: Notify::new(), reports: sender });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { port, shared, reports, accepting })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` is set to.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Makes the event the worker's next one. Its deadline is `timeout` after the worker takes it.
    pub(super) fn offer(&self, event: &Event, timeout: Duration) {
        let offer = Offer {
            request_id: event.request_id.clone(),
            headers: event_headers(event),
            payload: event.payload.clone(),
            timeout,
        };
        *self.shared.slot() = Slot::Offered { event: Box::new(offer) };
        self.shared.offered.notify_one();
    }

    /// Takes back the event on offer; false when the worker has taken it.
    pub(super) fn withdraw(&self) -> bool {
        let mut slot = self.shared.slot();
        let is_offered = matches!(&*slot, Slot::Offered { .. });
        if is_offered {
            *slot = Slot::Free;
        }
        is_offered
    }

    /// The worker's next report. Does not lose one when dropped.
    pub(super) async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        // The connections belong to the accepting task and end with it.
        self.accepting.abort();
    }
}

impl Shared {
    fn slot(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the event on offer, if there is one.
    fn take_offer(&self) -> Option<Box<Offer>> {
        let mut slot = self.slot();
        match std::mem::replace(&mut *slot, Slot::Free) {
            Slot::Offered { event } => {
                *slot = Slot::Running { request_id: event.request_id.clone() };
                Some(event)
            }
            other => {
                *slot = other;
                None
            }
        }
    }

    /// Ends the running request, if it is this one.
    fn end(&self, request_id: &str) -> bool {
        let mut slot = self.slot();
        let ends = matches!(&*slot, Slot::Running { request_id: running } if running == request_id);
        if ends {
            *slot = Slot::Free;
        }
        ends
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, shared.clone()));
            }
            // Out of file descriptors, most likely: others must get a chance to close some.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(request, &shared).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(target: "stepwell::lambda", %error, "a runtime API connection broke");
    }
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let Some(operation) = path.strip_prefix(VERSION) else {
        return refusal(StatusCode::NOT_FOUND, "NotFound");
    };
    let parts: Vec<&str> = operation.split('/').collect();
    match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(shared).await,
        (&Method::POST, ["invocation", request_id, "response"]) => {
            let received = receive(request, ANSWER_MAX_BYTES).await;
            respond(shared, request_id, received).await
        }
        (&Method::POST, ["invocation", request_id, "error"]) => {
            let Some(received) = receive(request, ERROR_MAX_BYTES).await else {
                return refusal(StatusCode::BAD_REQUEST, "InvalidRequest");
            };
            if !shared.end(request_id) {
                return refusal(StatusCode::BAD_REQUEST, "InvalidRequestID");
            }
            let report = Report::Error { request_id: (*request_id).into(), document: received.document() };
            send(shared, report).await
        }
        (&Method::POST, ["init", "error"]) => {
            let Some(received) = receive(request, ERROR_MAX_BYTES).await else {
                return refusal(StatusCode::BAD_REQUEST, "InvalidRequest");
            };
            send(shared, Report::InitError { document: received.document() }).await
        }
        _ => refusal(StatusCode::NOT_FOUND, "NotFound"),
    }
}

/// Waits, however long, until there is an event.
async fn next(shared: &Shared) -> Response<Full<Bytes>> {
    let offer = loop {
        match shared.take_offer() {
            Some(offer) => break offer,
            None => shared.offered.notified().await,
        }
    };
    let _ = shared.reports.send(Report::Fetched { request_id: offer.request_id }).await;
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + offer.timeout;
    let mut response = Response::new(Full::new(Bytes::from(offer.payload.as_bytes().to_vec())));
    *response.headers_mut() = offer.headers;
    if let Ok(value) = HeaderValue::from_str(&deadline.as_millis().to_string()) {
        response.headers_mut().insert("lambda-runtime-deadline-ms", value);
    }
    response
}

async fn respond(shared: &Shared, request_id: &str, received: Option<Received>) -> Response<Full<Bytes>> {
    // A body that broke off is no answer: the worker may try again, or ends.
    let Some(received) = received else { return refusal(StatusCode::BAD_REQUEST, "InvalidRequest") };
    if !shared.end(request_id) {
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequestID");
    }
    let request_id = request_id.to_owned();
    if received.too_large {
        let _ = shared.reports.send(Report::TooLarge { request_id }).await;
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge");
    }
    // A streamed response tells in its trailers that the handler failed on the way.
    let report = match received.error_type {
        Some(_) => Report::Error { request_id, document: received.document() },
        None => Report::Response { request_id, payload: received.text() },
    };
    send(shared, report).await
}

async fn send(shared: &Shared, report: Report) -> Response<Full<Bytes>> {
    let _ = shared.reports.send(report).await;
    let mut response = Response::new(Full::new(Bytes::from_static(br#"{"status":"OK"}"#)));
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn refusal(status: StatusCode, error: &str) -> Response<Full<Bytes>> {
    let body = format!(r#"{{"errorMessage":"{error}","errorType":"{error}"}}"#);
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A body that was read to its end.
struct Received {
    body: BytesMut,
    too_large: bool,
    error_type: Option<String>,
    error_body: Option<String>,
}

/// Reads the whole body, keeping at most `limit_bytes`: a client that still writes would not read a refusal.
/// `None` when it breaks off.
async fn receive(request: Request<Incoming>, limit_bytes: usize) -> Option<Received> {
    let error_type = text(request.headers(), ERROR_TYPE);
    let mut received = Received { body: BytesMut::new(), too_large: false, error_type, error_body: None };
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        match frame.ok()?.into_data() {
            Ok(data) if received.body.len() + data.len() <= limit_bytes => {
                received.body.extend_from_slice(&data)
            }
            Ok(_) => received.too_large = true,
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    received.error_type = text(&trailers, ERROR_TYPE).or(received.error_type);
                    received.error_body = text(&trailers, ERROR_BODY);
                }
            }
        }
    }
    Some(received)
}

impl Received {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The error document: the body, else what the headers or trailers tell.
    fn document(&self) -> String {
        if let Some(body) = &self.error_body
            && let Ok(decoded) = base64::engine::general_purpose::STANDARD.decode(body)
        {
            return String::from_utf8_lossy(&decoded).into_owned();
        }
        let names_type =
            |body: &str| stepwell_json::parse(body).is_ok_and(|body| body.get("errorType").is_some());
        match &self.error_type {
            Some(error_type) if self.too_large || !names_type(&self.text()) => {
                let error_type = serde_json::Value::String(error_type.clone());
                format!(r#"{{"errorMessage":"","errorType":{error_type}}}"#)
            }
            _ => self.text(),
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn event_headers(event: &Event) -> HeaderMap {
    let context = event.client_context.as_ref().and_then(|context| {
        let decoded = base64::engine::general_purpose::STANDARD.decode(context).ok()?;
        String::from_utf8(decoded).ok()
    });
    // Lambda answers its callers in lower case, but hands handlers the form that X-Ray's libraries read.
    let trace_id = event
        .trace_id
        .replace("root=", "Root=")
        .replace("parent=", "Parent=")
        .replace("sampled=", "Sampled=");
    let texts = [
        ("lambda-runtime-aws-request-id", Some(event.request_id.as_str())),
        ("lambda-runtime-invoked-function-arn", Some(event.function_arn.as_str())),
        ("lambda-runtime-trace-id", Some(trace_id.as_str())),
        ("lambda-runtime-client-context", context.as_deref()),
        ("lambda-runtime-aws-tenant-id", event.tenant_id.as_deref()),
    ];
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn event(request_id: &str) -> Event {
        Event {
            request_id: request_id.into(),
            trace_id: "trace".into(),
            function_arn: "arn".into(),
            execution_arn: "execution".into(),
            payload: r#"{"a":1}"#.into(),
            client_context: Some("not base64".into()),
            tenant_id: None,
            log_tail: false,
        }
    }

    /// Sends a request as it stands and gives the whole answer; the request must ask to close.
    async fn send(api: &RuntimeApi, request: &str) -> String {
        let mut stream = TcpStream::connect(api.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn request(line: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
    }

    async fn with_event(api: &mut RuntimeApi, id: &str) {
        api.offer(&event(id), Duration::from_secs(3));
        let answer = send(api, &request("GET /2018-06-01/runtime/invocation/next", "", "")).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"a":1}"#), "{answer}");
        for header in
            ["lambda-runtime-aws-request-id: ", "lambda-runtime-deadline-ms: ", "lambda-runtime-trace-id: "]
        {
            assert!(answer.contains(header), "{answer}");
        }
        assert!(matches!(api.report().await, Some(Report::Fetched { request_id }) if request_id == id));
    }

    #[tokio::test]
    async fn requests_that_make_no_sense_are_refused() {
        let mut api = RuntimeApi::listen().await.unwrap();
        let post = "POST /2018-06-01/runtime/invocation";
        for (line, status) in [
            ("GET /", "404"),
            ("GET /2018-06-01/runtime/restore/next", "404"),
            ("GET /2018-06-01/runtime/invocation/one/response", "404"),
            (&*format!("{post}/next"), "404"),
            (&*format!("{post}/none/response"), "400"),
            (&*format!("{post}/none/error"), "400"),
        ] {
            let answer = send(&api, &request(line, "", "{}")).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
        }
        with_event(&mut api, "one").await;
        // A body that breaks off is no answer, and the event can still be answered.
        let mut stream = TcpStream::connect(api.address()).await.unwrap();
        let cut = format!("{post}/one/response HTTP/1.1\r\nContent-Length: 50\r\n\r\n{{");
        stream.write_all(cut.as_bytes()).await.unwrap();
        drop(stream);
        let answer = send(&api, &request(&format!("{post}/one/response"), "", "7")).await;
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
        assert!(matches!(api.report().await, Some(Report::Response { payload, .. }) if payload == "7"));
        let again = send(&api, &request(&format!("{post}/one/response"), "", "7")).await;
        assert!(again.starts_with("HTTP/1.1 400"), "an event is answered once: {again}");
    }

    #[tokio::test]
    async fn an_error_is_told_by_its_document_or_by_headers_or_trailers() {
        let header = "Lambda-Runtime-Function-Error-Type: Runtime.Oops\r\n";
        let full = r#"{"errorMessage":"m","errorType":"Own"}"#;
        let from_header = r#"{"errorMessage":"","errorType":"Runtime.Oops"}"#;
        let trailers = format!(
            "POST /2018-06-01/runtime/invocation/one/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n\
             Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n\
             4\r\npart\r\n0\r\n{header}Lambda-Runtime-Function-Error-Body: {}\r\n\r\n",
            base64::engine::general_purpose::STANDARD.encode(full)
        );
        let post = "POST /2018-06-01/runtime/invocation/one/error";
        for (text, document) in [
            (request(post, header, full), full),
            (request(post, "", full), full),
            (request(post, header, ""), from_header),
            (request(post, header, "{}"), from_header),
            (trailers, full),
        ] {
            let mut api = RuntimeApi::listen().await.unwrap();
            with_event(&mut api, "one").await;
            let answer = send(&api, &text).await;
            assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
            let Some(Report::Error { document: actual, .. }) = api.report().await else { panic!("no error") };
            assert_eq!(actual, document);
        }
    }
}
