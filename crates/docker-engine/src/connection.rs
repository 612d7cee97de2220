//! One request over one connection to the engine's socket.
//!
//! Connections aren't kept: a socket of this machine is connected to in microseconds, and a connection that is never used
//! again can't turn out to be stale after the engine has restarted.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::EngineError;

/// The longest error message that is read whole, in bytes.
const ERROR_BODY_LIMIT_BYTES: usize = 64 * 1024;

/// What is asked of the engine.
pub(crate) struct Call {
    /// Follows `failed to` in errors.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Path and query; only characters that may stand there.
    pub(crate) target: String,
    /// JSON.
    pub(crate) body: Option<Vec<u8>>,
    /// The login for a registry, as a header has it.
    pub(crate) registry_login: Option<String>,
}

impl Call {
    pub(crate) fn new(operation: &'static str, method: Method, target: String) -> Self {
        Self { operation, method, target, body: None, registry_login: None }
    }
}

/// The beginning of an answer, and its body as it comes. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    operation: &'static str,
    body: Incoming,
    /// When reading the whole body ends, and the limit that this comes from.
    deadline: Option<(Instant, Duration)>,
}

async fn connect(
    socket: &Path,
    limit: Duration,
    operation: &'static str,
) -> Result<SendRequest<Full<Bytes>>, EngineError> {
    let stream = match tokio::time::timeout(limit, UnixStream::connect(socket)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(unreachable(socket, &error)),
        Err(_) => return Err(timed_out(operation, limit)),
    };
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(operation, &error))?;
    tokio::spawn(async move {
        // What goes wrong with the connection is reported by the request and the body; it ends when both are dropped.
        let _ = connection.await;
    });
    Ok(sender)
}

fn unreachable(socket: &Path, error: &io::Error) -> EngineError {
    let socket: PathBuf = socket.to_owned();
    match error.kind() {
        io::ErrorKind::PermissionDenied => EngineError::PermissionDenied { socket },
        io::ErrorKind::NotFound => {
            EngineError::NoSocket { tried: format!("{} is not there", socket.display()) }
        }
        _ => EngineError::Unreachable { socket, reason: error.to_string() },
    }
}

pub(crate) fn timed_out(operation: &'static str, limit: Duration) -> EngineError {
    EngineError::TimedOut { operation, limit_seconds: limit.as_secs().max(1) }
}

/// The innermost cause says what happened; the outer ones say where in hyper.
fn lost(operation: &'static str, error: &hyper::Error) -> EngineError {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    EngineError::ConnectionLost { operation, reason }
}

/// Sends `call` and waits for the head of the answer, without a limit once the connection stands.
pub(crate) async fn open(socket: &Path, connect_limit: Duration, call: Call) -> Result<Answer, EngineError> {
    let operation = call.operation;
    let mut sender = connect(socket, connect_limit, operation).await?;
    let mut request = Request::builder().method(call.method).uri(call.target).header(HOST, "localhost");
    if call.body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    if let Some(login) = call.registry_login {
        request = request.header("x-registry-auth", login);
    }
    let request = request.body(Full::new(Bytes::from(call.body.unwrap_or_default()))).map_err(|error| {
        EngineError::BadAnswer { operation, reason: format!("the request can't be written: {error}") }
    })?;
    let response = sender.send_request(request).await.map_err(|error| lost(operation, &error))?;
    let (head, body) = response.into_parts();
    Ok(Answer { status: head.status, headers: head.headers, operation, body, deadline: None })
}

/// As [`open`], with a limit for the head of the answer and, if it is read whole, for all of it.
pub(crate) async fn open_within(
    socket: &Path,
    connect_limit: Duration,
    limit: Duration,
    call: Call,
) -> Result<Answer, EngineError> {
    let operation = call.operation;
    let deadline = Instant::now() + limit;
    let opened = tokio::time::timeout_at(deadline, open(socket, connect_limit, call)).await;
    let mut answer = opened.unwrap_or_else(|_| Err(timed_out(operation, limit)))?;
    answer.deadline = Some((deadline, limit));
    Ok(answer)
}

impl Answer {
    /// The next piece of the body; `None` at its end.
    pub(crate) async fn next_piece(&mut self) -> Result<Option<Bytes>, EngineError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(lost(self.operation, &error)),
                Some(Ok(frame)) => {
                    // Trailers are of no interest.
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// The whole body, if it is no longer than `limit_bytes`.
    async fn read(self, limit_bytes: usize) -> Result<Bytes, EngineError> {
        let operation = self.operation;
        let reading = Limited::new(self.body, limit_bytes).collect();
        let outcome = match self.deadline {
            Some((deadline, limit)) => {
                tokio::time::timeout_at(deadline, reading).await.map_err(|_| timed_out(operation, limit))?
            }
            None => reading.await,
        };
        match outcome {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(EngineError::TooLarge { operation, limit_bytes })
            }
            Err(error) => match error.downcast::<hyper::Error>() {
                Ok(error) => Err(lost(operation, &error)),
                Err(error) => Err(EngineError::ConnectionLost { operation, reason: error.to_string() }),
            },
        }
    }

    /// The value in the body.
    pub(crate) async fn read_json<T: DeserializeOwned>(self, limit_bytes: usize) -> Result<T, EngineError> {
        let operation = self.operation;
        let body = self.read(limit_bytes).await?;
        serde_json::from_slice(&body).map_err(|error| EngineError::BadAnswer {
            operation,
            reason: format!("its JSON is not as documented: {error}"),
        })
    }

    /// The engine's words on why it refuses. A body that is no error of the API is given as it is.
    pub(crate) async fn refusal(self) -> Refusal {
        #[derive(serde::Deserialize)]
        struct Body {
            message: String,
        }
        let (operation, status) = (self.operation, self.status.as_u16());
        let message = match self.read(ERROR_BODY_LIMIT_BYTES).await {
            Ok(body) => match serde_json::from_slice::<Body>(&body) {
                Ok(body) => body.message,
                Err(_) => String::from_utf8_lossy(&body).trim().to_owned(),
            },
            Err(error) => format!("and the message could not be read: {error}"),
        };
        Refusal { operation, status, message }
    }
}

/// An answer whose status is none of success.
pub(crate) struct Refusal {
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl Refusal {
    /// Whether the engine says that it has no such `thing`, rather than that something else is missing, say a network.
    pub(crate) fn lacks(&self, thing: &str) -> bool {
        self.status == 404 && self.message.to_ascii_lowercase().contains(thing)
    }
}

impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { operation, status, message } = refusal;
        Self::Refused { operation, status, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The superuser, as whom tests may run, is refused nothing.
    #[test]
    fn a_socket_of_others_is_told_from_one_without_an_engine() {
        let told = |kind: io::ErrorKind| unreachable(Path::new("/run/a.sock"), &kind.into()).to_string();
        assert!(
            told(io::ErrorKind::PermissionDenied)
                .contains("/run/a.sock may not be used by this user: add the user")
        );
        assert!(told(io::ErrorKind::NotFound).contains("/run/a.sock is not there. Start Docker"));
        assert!(
            told(io::ErrorKind::ConnectionRefused)
                .contains("/run/a.sock can't be reached: connection refused")
        );
    }
}
