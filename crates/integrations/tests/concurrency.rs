//! How many calls run at once: to each target, so that a slow one takes nothing of the others; over kept connections.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use stepwell_integrations::aws::{ANSWER_MAX_BYTES, Aws, AwsConfig, AwsIntegration, Call, CallOutcome, Era};
use stepwell_integrations::http_task::{ConnectionSection, HttpConfig, HttpOutcome, HttpSection, HttpTask};
use stepwell_integrations::{FunctionConfig, Lambda, LambdaConfig, LambdaIntegration};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long anything may take that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that answers at once, but requests that have `slow` in their path or body only when its gate is open.
struct Server {
    address: String,
    /// Requests as they arrive: whether they are slow.
    arrived: mpsc::UnboundedReceiver<bool>,
    gate: watch::Sender<bool>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    /// Slow requests at once, now and at most.
    slow: AtomicUsize,
    slow_at_most: AtomicUsize,
}

impl Server {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (report, arrived) = mpsc::unbounded_channel();
        let (gate, open) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let seen = counts.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.connections.fetch_add(1, Ordering::SeqCst);
                let (report, open, seen) = (report.clone(), open.clone(), seen.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        answer(request, report.clone(), open.clone(), seen.clone())
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, arrived, gate, counts }
    }

    /// Waits until a slow request is there.
    async fn slow_one(&mut self) {
        while !soon(self.arrived.recv()).await.unwrap() {}
    }

    fn slow_at_most(&self) -> usize {
        self.counts.slow_at_most.load(Ordering::SeqCst)
    }
}

async fn answer(
    request: Request<Incoming>,
    report: mpsc::UnboundedSender<bool>,
    mut open: watch::Receiver<bool>,
    counts: Arc<Counts>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().to_string();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let is_slow = (path + &String::from_utf8_lossy(&body)).contains("slow");
    if is_slow {
        let now = counts.slow.fetch_add(1, Ordering::SeqCst) + 1;
        counts.slow_at_most.fetch_max(now, Ordering::SeqCst);
    }
    let _ = report.send(is_slow);
    if is_slow {
        let _ = open.wait_for(|open| *open).await;
        counts.slow.fetch_sub(1, Ordering::SeqCst);
    }
    let mut response = Response::new(Full::new(Bytes::from_static(br#"{"MessageId":"m"}"#)));
    response
        .headers_mut()
        .insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it should have happened by now")
}

/// With one call at once to each target: three calls of the slow one, of which two wait, hold up none of the fast one.
async fn a_slow_target_holds_up_no_other<F>(mut server: Server, call: impl Fn(&'static str) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut slow = JoinSet::new();
    for _ in 0..3 {
        slow.spawn(call("slow"));
    }
    server.slow_one().await;
    for _ in 0..20 {
        soon(call("fast")).await;
    }
    assert!(slow.try_join_next().is_none(), "the slow ones wait");
    server.gate.send_replace(true);
    while let Some(ended) = soon(slow.join_next()).await {
        ended.unwrap();
    }
    assert_eq!(server.slow_at_most(), 1);
}

fn http(connections: &[&str], concurrency: usize) -> HttpTask {
    let section: ConnectionSection = toml::from_str("type = \"none\"").unwrap();
    let connection = section.resolve("c", &|_| None).unwrap();
    let connections = connections.iter().map(|name| ((*name).to_owned(), connection.clone()));
    HttpTask::new(HttpConfig {
        section: HttpSection { allow: vec!["127.0.0.1:*".into()], concurrency, ..HttpSection::default() },
        connections: connections.collect(),
    })
}

async fn http_call(task: &HttpTask, connection: &str, address: &str, path: &str) {
    let arn = format!("arn:aws:events:us-east-1:123456789012:connection/{connection}/1");
    let text = format!(
        r#"{{"Method":"GET","ApiEndpoint":"http://{address}/{path}","InvocationConfig":{{"ConnectionArn":"{arn}"}}}}"#
    );
    let outcome = task.call(&stepwell_json::parse(&text).unwrap(), "us-east-1", None, false).await;
    assert!(matches!(outcome, HttpOutcome::Answered(_)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_host_holds_up_no_other_host() {
    let (slow, fast) = (Server::start().await, Server::start().await);
    let addresses = [("slow", slow.address.clone()), ("fast", fast.address.clone())];
    let (task, addresses) = (Arc::new(http(&["c"], 1)), Arc::new(BTreeMap::from(addresses)));
    a_slow_target_holds_up_no_other(slow, move |name| {
        let (task, addresses) = (task.clone(), addresses.clone());
        async move { http_call(&task, "c", &addresses[name], name).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_by_way_of_one_connection_hold_up_no_other_connection() {
    let server = Server::start().await;
    let (task, address) = (Arc::new(http(&["slow", "fast"], 1)), server.address.clone());
    a_slow_target_holds_up_no_other(server, move |name| {
        let (task, address) = (task.clone(), address.clone());
        async move { http_call(&task, name, &address, name).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_function_holds_up_no_other_function_at_its_endpoint() {
    let server = Server::start().await;
    let config = LambdaConfig {
        endpoint: Some(format!("http://{}", server.address)),
        functions: BTreeMap::from([(
            "fast".to_owned(),
            FunctionConfig {
                url: Some(format!("http://{}/fast", server.address)),
                ..FunctionConfig::default()
            },
        )]),
        integration: LambdaIntegration { concurrency: 1, ..LambdaIntegration::default() },
        ..LambdaConfig::default()
    };
    let lambda = Arc::new(Lambda::new(config, Arc::new(Aws::new(AwsConfig::default()))).unwrap());
    a_slow_target_holds_up_no_other(server, move |name| {
        let lambda = lambda.clone();
        async move { common::call(&lambda, name, "{}").await.map(drop).unwrap() }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_waited_at_holds_up_no_other_queue_of_its_service() {
    let server = Server::start().await;
    let address = format!("http://{}", server.address);
    let aws = Arc::new(Aws::new(AwsConfig {
        endpoints: BTreeMap::from([("sqs".to_owned(), address)]),
        integrations: BTreeMap::from([(
            "sqs".to_owned(),
            AwsIntegration { concurrency: 1, ..AwsIntegration::default() },
        )]),
        ..AwsConfig::default()
    }));
    a_slow_target_holds_up_no_other(server, move |name| {
        let aws = aws.clone();
        async move {
            let text = format!(r#"{{"QueueUrl":"http://127.0.0.1/1/{name}","MessageBody":"m"}}"#);
            let call = Call {
                service: &stepwell_aws_model::service("sqs").unwrap(),
                operation: "SendMessage",
                parameters: &stepwell_json::parse(&text).unwrap(),
                era: Era::Second,
                region: "us-east-1",
                account: "123456789012",
                token_seed: "seed",
                role: None,
                body: None,
                answer_max_bytes: ANSWER_MAX_BYTES,
            };
            let outcome = aws.call(&call, None).await;
            assert!(matches!(outcome, CallOutcome::Answered(_)), "{outcome:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_connections_are_kept_as_calls_may_run_at_once() {
    let mut server = Server::start().await;
    // More than a pool of one's own choice would keep: 100 is none of the defaults.
    let task = Arc::new(http(&["c"], 100));
    let spawn_all = |calls: &mut JoinSet<()>| {
        for _ in 0..100 {
            let (task, address) = (task.clone(), server.address.clone());
            calls.spawn(async move { http_call(&task, "c", &address, "slow").await });
        }
    };
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        server.gate.send_replace(false);
        spawn_all(&mut calls);
        for _ in 0..100 {
            assert!(soon(server.arrived.recv()).await.unwrap());
        }
        server.gate.send_replace(true);
        while let Some(ended) = soon(calls.join_next()).await {
            ended.unwrap();
        }
    }
    assert_eq!(server.counts.connections.load(Ordering::SeqCst), 100);
    assert_eq!(server.slow_at_most(), 100);
}
