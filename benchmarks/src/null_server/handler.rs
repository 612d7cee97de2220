//! The same Python handler that Stepwell runs, behind the least that can give it events: the Lambda Runtime API for one
//! worker, without timeouts, log lines, pools or checks.

use std::{
    convert::Infallible,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, header::HeaderValue, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc, oneshot},
};

/// The bootstrap that Stepwell runs Python handlers with.
const BOOTSTRAP: &str = include_str!("../../../crates/integrations/src/bootstrap/python.py");
/// Events that may wait for the worker.
const WAITING_MAX: usize = 1_024;
const REQUEST_ID: &str = "3f0c8f0e-1f0a-4b34-9c55-6a1b0c2d3e4f";
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:echo";

type Answer = oneshot::Sender<Bytes>;

/// The way to the handler. Its process ends when this program ends: the bootstrap follows its standard input.
#[derive(Debug)]
pub(super) struct Handler {
    events: mpsc::Sender<(Bytes, Answer)>,
    _worker: Child,
}

/// What the worker asks.
struct RuntimeApi {
    events: Mutex<mpsc::Receiver<(Bytes, Answer)>>,
    running: Mutex<Option<Answer>>,
}

impl Handler {
    /// Starts `handler` (`module.function`), whose module is in `directory`.
    pub(super) async fn start(directory: &Path, handler: &str) -> anyhow::Result<Self> {
        let bootstrap = directory.join("bootstrap.py");
        std::fs::write(&bootstrap, BOOTSTRAP).with_context(|| bootstrap.display().to_string())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (events, waiting) = mpsc::channel(WAITING_MAX);
        let worker = Command::new("python3")
            .arg(&bootstrap)
            .current_dir(directory)
            .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
            .env("_HANDLER", handler)
            .env("LAMBDA_TASK_ROOT", directory)
            .stdin(Stdio::piped())
            .spawn()
            .context("null server: can't run python3")?;
        let api = Arc::new(RuntimeApi { events: Mutex::new(waiting), running: Mutex::default() });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let api = api.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(request, &api));
                    // The worker has gone: the benchmark sees it by its calls.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self { events, _worker: worker })
    }

    /// The handler's answer to an event; none when the worker has gone.
    pub(super) async fn invoke(&self, event: Bytes) -> Option<Bytes> {
        let (reply, answer) = oneshot::channel();
        self.events.send((event, reply)).await.ok()?;
        answer.await.ok()
    }
}

async fn answer(request: Request<Incoming>, api: &RuntimeApi) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET {
        let Some((event, reply)) = api.events.lock().await.recv().await else {
            return Ok(Response::new(Full::default()));
        };
        *api.running.lock().await = Some(reply);
        let mut response = Response::new(Full::new(event));
        let headers = response.headers_mut();
        headers.insert("lambda-runtime-aws-request-id", HeaderValue::from_static(REQUEST_ID));
        headers.insert("lambda-runtime-invoked-function-arn", HeaderValue::from_static(FUNCTION_ARN));
        return Ok(response);
    }
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if let Some(reply) = api.running.lock().await.take() {
        let _ = reply.send(body);
    }
    Ok(Response::new(Full::new(Bytes::from_static(br#"{"status":"OK"}"#))))
}
