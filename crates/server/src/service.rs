//! HTTP: accepts connections, reads requests within limits, hands them to the operations.

use std::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, SocketAddr},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN,
    },
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use stepwell_api::{
    ApiError, Operation, Request as ApiRequest, ToJson, decode, identity::Identity, is_accepted_content_type,
    read_target,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, SemaphorePermit, watch},
};

use crate::{
    admission::is_long_definition,
    body::{Body, Place},
    operations::{Operations, apart, internal, stopped},
    random, routes,
};

/// How long the accept loop pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Header fields that a request may have.
const HEADERS_MAX: usize = 64;
/// Bytes of an ordinary body: the longest payload there is, half of it escapes. What a longer one takes is given back to
/// the system as soon as it is read, so that each thread doesn't keep as much for the next one.
const ORDINARY_BYTES_MAX: usize = 512 * 1024;
/// Bytes that a connection buffers; the head of a request must fit in.
const BUFFER_BYTES: usize = 64 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const AMZ_JSON: HeaderValue = HeaderValue::from_static(stepwell_api::CONTENT_TYPE);

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) operations: Arc<Operations>,
    /// True when the server is ending.
    pub(crate) stop: watch::Receiver<bool>,
    /// Why the store has stopped, once it has.
    pub(crate) fatal: watch::Receiver<Option<Arc<str>>>,
}

/// Accepts connections until the server ends, then waits until those open have finished their requests.
pub(crate) async fn serve(listener: TcpListener, service: Arc<Service>) {
    let limit = service.operations.settings.limits.connections_max;
    let permits = Arc::new(Semaphore::new(limit));
    let mut stop = service.stop.clone();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let service = service.clone();
        tokio::spawn(async move {
            service.operations.metrics.connected();
            connection(stream, peer, &service).await;
            service.operations.metrics.disconnected();
            drop(permit);
        });
    }
    drop(listener);
    // All permits back: no connection is left.
    let count = u32::try_from(limit).unwrap_or(u32::MAX);
    let _ = permits.acquire_many(count).await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are one write each; waiting for more would only delay them.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, permit))
        }
        Err(error) => {
            // A client that hung up costs nothing; a process without file descriptors must wait for some.
            if !matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionAborted | std::io::ErrorKind::ConnectionReset
            ) {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, service: &Arc<Service>) {
    let handler = service_fn(|request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(without_panic(service.respond(request, peer.ip())).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(service.operations.settings.limits.header_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), handler);
    let mut connection = pin!(connection);
    let mut stop = service.stop.clone();
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

/// Waits for an answer; a panic on the way to it answers 500, and the server lives on. In a box, for the connection moves
/// what it is given more than once.
fn without_panic(
    answer: impl Future<Output = Response<Full<Bytes>>>,
) -> impl Future<Output = Response<Full<Bytes>>> {
    let mut answer = Box::pin(answer);
    std::future::poll_fn(move |context| {
        // After a panic the future is never polled again.
        catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))).unwrap_or_else(|_| {
            tracing::error!("a request met a bug");
            Poll::Ready(failed(&ApiError::internal_failure()))
        })
    })
}

/// The body of a request, and the room that it takes while it is in use.
pub(crate) struct Arrived<'a> {
    pub(crate) body: Body,
    _room: Option<SemaphorePermit<'a>>,
}

impl Service {
    async fn respond(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
        let id = random::uuid();
        let mut response = if is_foreign_origin(request.headers()) {
            failed(&ApiError {
                status: 403,
                ..ApiError::access_denied("Requests of web pages from another origin are not accepted.")
            })
        } else if request.method() == Method::POST && request.uri().path() == "/" {
            self.call(request).await.unwrap_or_else(|error| {
                self.operations.metrics.error(&error);
                failed(&error)
            })
        } else {
            routes::respond(self, request, peer).await
        };
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        if let Ok(id) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut buffer)) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    async fn call(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, ApiError> {
        let (head, body) = request.into_parts();
        let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
        match content_type {
            None => {}
            Some(Ok(value)) if is_accepted_content_type(Some(value)) => {}
            Some(value) => return Err(ApiError::unsupported_content_type(value.unwrap_or("?"))),
        }
        let target = read_target(head.headers.get(TARGET).map(HeaderValue::as_bytes));
        let operation = Operation::from_target(target)?;
        self.operations.metrics.request(operation);
        let admission = &self.operations.admission;
        let announced = announced_length(&head.headers);
        admission.look(operation, announced)?;
        let is_read_elsewhere = is_long_definition(operation, announced);
        // Until the answer is there, its room is taken for what is made of it.
        let Arrived { body, _room } = self.body(&head.headers, body, is_read_elsewhere).await?;
        let _place = admission.enter(operation, body.len())?;
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let caller = Identity::from_authorization(authorization, &self.operations.identity_defaults);
        let body = dispatch(&self.operations, operation, caller, body).await?;
        Ok(json(StatusCode::OK, body))
    }

    /// The whole body, within its limits of size and time.
    pub(crate) async fn body(
        &self,
        headers: &HeaderMap,
        incoming: Incoming,
        is_read_elsewhere: bool,
    ) -> Result<Arrived<'_>, ApiError> {
        let limits = &self.operations.settings.limits;
        if let Some(encoding) = headers.get(CONTENT_ENCODING)
            && encoding.as_bytes() != b"identity"
        {
            return Err(ApiError::unsupported_content_encoding(encoding.to_str().unwrap_or("?")));
        }
        let length = announced_length(headers);
        if length > limits.request_bytes_max {
            return Err(ApiError::request_too_large(limits.request_bytes_max));
        }
        // A body that doesn't say how long it is may be long.
        let is_ordinary = (1..=ORDINARY_BYTES_MAX).contains(&length);
        let place = match is_ordinary && !is_read_elsewhere {
            true => Place::Heap(length),
            false => Place::Pages(limits.request_bytes_max),
        };
        let read = self.read_body(incoming, Body::new(place));
        tokio::time::timeout(limits.body_timeout, read).await.unwrap_or_else(|_| {
            Err(ApiError {
                status: 408,
                ..ApiError::new("RequestTimeout", "The request body did not arrive in time.")
            })
        })
    }

    /// Reads a body piece by piece; only what has arrived takes room.
    async fn read_body(&self, mut incoming: Incoming, mut body: Body) -> Result<Arrived<'_>, ApiError> {
        let bytes_max = self.operations.settings.limits.request_bytes_max;
        let mut room: Option<SemaphorePermit<'_>> = None;
        while let Some(frame) = incoming.frame().await {
            let frame = frame
                .map_err(|_| ApiError::serialization("The request body could not be read to its end."))?;
            // Trailers say nothing that is asked for.
            let Ok(piece) = frame.into_data() else { continue };
            if body.len() + piece.len() > bytes_max {
                return Err(ApiError::request_too_large(bytes_max));
            }
            let more = self.operations.admission.hold_bytes(piece.len())?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            body.push(piece).map_err(internal)?;
        }
        Ok(Arrived { body, _room: room })
    }
}

/// Bytes that a body is said to have; 0 when nothing is said.
fn announced_length(headers: &HeaderMap) -> usize {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// Decodes a request, carries it out, writes the answer; apart from others if it has a long definition.
pub(crate) async fn dispatch(
    operations: &Arc<Operations>,
    operation: Operation,
    caller: Identity<'_>,
    body: Body,
) -> Result<Vec<u8>, ApiError> {
    if !is_long_definition(operation, body.len()) {
        return carry_out(operations, operation, caller, body).await;
    }
    let operations = operations.clone();
    let (region, account) = (caller.region.to_owned(), caller.account.to_owned());
    apart(operations.settings.give_memory_back, async move || {
        let caller = Identity { region: &region, account: &account };
        carry_out(&operations, operation, caller, body).await
    })
    .await
}

/// Of the body nothing is kept while the request is carried out.
async fn carry_out(
    operations: &Arc<Operations>,
    operation: Operation,
    caller: Identity<'_>,
    body: Body,
) -> Result<Vec<u8>, ApiError> {
    /// Calls an operation with its request. What it needs stands in a box, so that the others don't take as much room.
    macro_rules! call {
        ($method:ident) => {
            Box::pin(operations.$method(caller, read(operations, body)?)).await?.to_json()
        };
    }
    /// The same for an operation that answers nothing.
    macro_rules! act {
        ($method:ident) => {{
            Box::pin(operations.$method(caller, read(operations, body)?)).await?;
            b"{}".to_vec()
        }};
    }
    /// The same without the box, for operations that are called all the time.
    macro_rules! call_here {
        ($method:ident) => {
            operations.$method(caller, read(operations, body)?).await?.to_json()
        };
    }
    /// The same for one that answers nothing.
    macro_rules! act_here {
        ($method:ident) => {{
            operations.$method(caller, read(operations, body)?).await?;
            b"{}".to_vec()
        }};
    }
    Ok(match operation {
        Operation::CreateStateMachine => call!(create_state_machine),
        Operation::UpdateStateMachine => call!(update_state_machine),
        Operation::DescribeStateMachine => call!(describe_state_machine),
        Operation::DescribeStateMachineForExecution => call!(describe_state_machine_for_execution),
        Operation::ListStateMachines => call!(list_state_machines),
        Operation::DeleteStateMachine => act!(delete_state_machine),
        Operation::ValidateStateMachineDefinition => call!(validate_state_machine_definition),
        Operation::StartExecution => call_here!(start_execution),
        Operation::StartSyncExecution => call_here!(start_sync_execution),
        Operation::StopExecution => call!(stop_execution),
        Operation::RedriveExecution => call!(redrive_execution),
        Operation::DescribeExecution => call_here!(describe_execution),
        Operation::ListExecutions => call!(list_executions),
        Operation::GetExecutionHistory => call!(get_execution_history),
        Operation::TestState => call!(test_state),
        Operation::CreateActivity => call!(create_activity),
        Operation::DescribeActivity => call!(describe_activity),
        Operation::ListActivities => call!(list_activities),
        Operation::DeleteActivity => act!(delete_activity),
        Operation::GetActivityTask => call_here!(get_activity_task),
        Operation::SendTaskSuccess => act_here!(send_task_success),
        Operation::SendTaskFailure => act_here!(send_task_failure),
        Operation::SendTaskHeartbeat => act_here!(send_task_heartbeat),
        Operation::TagResource => act!(tag_resource),
        Operation::UntagResource => act!(untag_resource),
        Operation::ListTagsForResource => call!(list_tags_for_resource),
        Operation::PublishStateMachineVersion => call!(publish_state_machine_version),
        Operation::ListStateMachineVersions => call!(list_state_machine_versions),
        Operation::DeleteStateMachineVersion => act!(delete_state_machine_version),
        Operation::CreateStateMachineAlias => call!(create_state_machine_alias),
        Operation::UpdateStateMachineAlias => call!(update_state_machine_alias),
        Operation::DescribeStateMachineAlias => call!(describe_state_machine_alias),
        Operation::ListStateMachineAliases => call!(list_state_machine_aliases),
        Operation::DeleteStateMachineAlias => act!(delete_state_machine_alias),
        Operation::DescribeMapRun | Operation::ListMapRuns | Operation::UpdateMapRun => {
            return Err(ApiError::not_implemented(operation));
        }
    })
}

fn read<R: ApiRequest>(operations: &Operations, body: Body) -> Result<R, ApiError> {
    let is_long = body.len() > ORDINARY_BYTES_MAX;
    let request = decode(&body.whole());
    if is_long {
        (operations.settings.give_memory_back)();
    }
    request
}

/// Whether a web page of another site sent the request. Browsers name their page's origin; other clients do not.
fn is_foreign_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.is_none() || authority != host
}

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, AMZ_JSON);
    response
}

/// The answer of a call that failed.
pub(crate) fn failed(error: &ApiError) -> Response<Full<Bytes>> {
    json(StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST), error.to_json())
}
