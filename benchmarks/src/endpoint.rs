//! An HTTP endpoint that takes its time: `/after/N` answers in N milliseconds, `/never` does not, and `/waiting` tells
//! how many requests are waiting for an answer.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE, header::HeaderValue,
    server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};

/// The page that tells how many requests wait.
pub const WAITING: &str = "/waiting";
/// Connections that may wait to be accepted: tasks come by the thousand.
const BACKLOG: u32 = 4_096;

static WAITING_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Counts a request for as long as it waits, which ends too when its client goes away.
struct Counted;

impl Counted {
    fn begin() -> Self {
        WAITING_COUNT.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        WAITING_COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves until the process ends.
///
/// # Errors
/// When the port can't be had.
pub fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = listen(address).with_context(|| format!("can't listen on {address}"))?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            // A client that goes away is not an error here.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    if path == WAITING {
        let count = WAITING_COUNT.load(Ordering::Relaxed).to_string();
        return Ok(Response::new(Full::new(count.into())));
    }
    let _counted = Counted::begin();
    if path == "/never" {
        std::future::pending::<()>().await;
    }
    let Some(milliseconds) = path.strip_prefix("/after/").and_then(|text| text.parse().ok()) else {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    };
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    let mut response = Response::new(Full::new(Bytes::from_static(br#"{"answer":42}"#)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
