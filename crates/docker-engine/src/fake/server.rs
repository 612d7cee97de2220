//! Connections to the fake engine: requests are read, go wrong if they are meant to, and are answered by `routes`.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::body::{Cut, FakeBody};
use super::containers::Refusal;
use super::routes::{self, Route};
use super::{Fault, Shared, State};

/// The longest request that is read, in bytes.
const REQUEST_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// Takes connections until it is aborted, which closes all of them.
pub(super) async fn serve(listener: UnixListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let shared = shared.clone();
                let open = Open::new(shared.clone());
                connections.spawn(async move {
                    let _open = open;
                    let service = service_fn(move |request| answer(shared.clone(), request));
                    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    // A client that goes away is no failure.
                    let _ = connection.await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A connection, counted.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        shared.change(|state| state.connections += 1);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.change(|state| state.connections -= 1);
    }
}

/// An error closes the connection without an answer.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<FakeBody>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_LIMIT_BYTES).collect().await.map_err(io::Error::other)?.to_bytes();
    let answered = answer_whole(&shared, &head, &body).await?;
    let (status, body) = answered.unwrap_or_else(|Refusal(status, message)| {
        let body = if status == 304 { String::new() } else { json!({ "message": message }).to_string() };
        (status, FakeBody::whole(body))
    });
    let api_version = shared.with(|state| state.settings.api_version.clone());
    let response = Response::builder()
        .status(StatusCode::from_u16(status).map_err(io::Error::other)?)
        .header("Api-Version", api_version)
        .header("Docker-Experimental", "false")
        .header("Ostype", "linux")
        .header("Server", "Docker/24.0.0 (linux)")
        .header(CONTENT_TYPE, routes::content_type(head.uri.path(), status));
    response.body(body).map_err(io::Error::other)
}

type Answered = Result<(u16, FakeBody), Refusal>;

async fn answer_whole(shared: &Arc<Shared>, head: &Parts, body: &[u8]) -> io::Result<Answered> {
    let path = match shared.with(|state| unversioned(state, head.uri.path()).map(str::to_owned)) {
        Ok(path) => path,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(route) = Route::of(head, &path) else {
        return Ok(Err(Refusal(404, "page not found".into())));
    };
    let fault = shared.change(|state| {
        *state.calls.entry(route.call).or_default() += 1;
        due_fault(state, &route)
    });
    let (bytes, cut) = match fault {
        None => return Ok(routes::answer(shared, &route, body).await),
        Some(Fault::Status(status, message)) => return Ok(Err(Refusal(status, message))),
        Some(Fault::Body(text)) => return Ok(Ok((200, FakeBody::whole(text)))),
        Some(Fault::Hang) => never().await,
        Some(Fault::Drop) => return Err(io::Error::other("told to close the connection")),
        Some(Fault::DropAfterBytes(bytes)) => (bytes, Cut::Drop),
        Some(Fault::HangAfterBytes(bytes)) => (bytes, Cut::Hang),
    };
    let answered = routes::answer(shared, &route, body).await;
    Ok(answered.map(|(status, body)| (status, body.cut_after(bytes, cut))))
}

async fn never() -> (usize, Cut) {
    let never: Infallible = std::future::pending().await;
    match never {}
}

/// Takes the first fault that is meant for a call.
fn due_fault(state: &mut State, route: &Route) -> Option<Fault> {
    let at = state.faults.iter().position(|(call, _, times)| *call == route.call && *times > 0)?;
    let (_, fault, times) = &mut state.faults[at];
    let fault = fault.clone();
    *times -= 1;
    if *times == 0 {
        state.faults.remove(at);
    }
    Some(fault)
}

/// The path without its version, if the engine speaks that.
fn unversioned<'a>(state: &State, path: &'a str) -> Result<&'a str, Refusal> {
    let number = |text: &str| -> Option<(u32, u32)> {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let versioned = path.strip_prefix("/v").and_then(|rest| {
        let (version, rest) = rest.split_at(rest.find('/')?);
        Some((version, number(version)?, rest))
    });
    let Some((text, version, rest)) = versioned else { return Ok(path) };
    let settings = &state.settings;
    if number(&settings.api_version).is_some_and(|newest| version > newest) {
        let newest = &settings.api_version;
        let message = format!("client version {text} is too new. Maximum supported API version is {newest}");
        return Err(Refusal(400, message));
    }
    if number(&settings.min_api_version).is_some_and(|oldest| version < oldest) {
        let oldest = &settings.min_api_version;
        return Err(Refusal(
            400,
            format!(
                "client version {text} is too old. Minimum supported API version is {oldest}, please upgrade your client to a newer version"
            ),
        ));
    }
    Ok(rest)
}
