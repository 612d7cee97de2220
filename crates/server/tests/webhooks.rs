//! Status change events: their shape, their signature, and that none is lost.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use common::{TestServer, pass, text, wait};
use hmac::{Hmac, Mac};
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::Sha256;
use stepwell_server::{Secret, Settings, Webhook};
use stepwell_store::{MemoryStore, Status, Store};
use stepwell_store_embedded::{EmbeddedStore, OpenError, Options};

const SECRET: &str = "a secret";

/// A receiver of events that can refuse them.
#[derive(Default)]
struct Receiver {
    received: Vec<(HeaderMap, Bytes)>,
    refusals: u32,
    refused: u32,
}

type Shared = Arc<Mutex<Receiver>>;

async fn receiver(refusals: u32) -> (SocketAddr, Shared) {
    let state = Arc::new(Mutex::new(Receiver { refusals, ..Receiver::default() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shared = state.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = shared.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let shared = shared.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let mut receiver = shared.lock().unwrap();
                    let status = if receiver.refusals > 0 {
                        receiver.refusals -= 1;
                        receiver.refused += 1;
                        500
                    } else {
                        receiver.received.push((head.headers, body));
                        204
                    };
                    let response = Response::builder().status(status).body(Full::<Bytes>::default());
                    Ok::<_, std::convert::Infallible>(response.unwrap())
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, state)
}

fn settings(address: SocketAddr, statuses: &[Status]) -> Settings {
    let webhook = Webhook {
        url: format!("http://{address}/events"),
        secret: Some(Secret(SECRET.to_owned())),
        statuses: statuses.to_vec(),
        timeout: Duration::from_secs(5),
    };
    Settings { webhooks: vec![webhook], ..Settings::default() }
}

async fn until(shared: &Shared, is_true: impl Fn(&Receiver) -> bool) {
    let wait = async {
        while !is_true(&shared.lock().unwrap()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("comes in time");
}

fn events(shared: &Shared) -> Vec<Value> {
    shared.lock().unwrap().received.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
}

fn statuses(events: &[Value], execution: &str) -> Vec<String> {
    let own = events.iter().filter(|event| event["detail"]["executionArn"] == execution);
    own.map(|event| text(&event["detail"]["status"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_of_status_is_told_signed_and_in_order() {
    let (address, shared) = receiver(0).await;
    let server = TestServer::with(settings(address, &Status::ALL), Arc::new(MemoryStore::new())).await;
    let fail = json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}});
    let quick = server.machine("quick", pass(1)).await;
    let slow = server.machine("slow", wait(3600)).await;
    let bad = server.machine("bad", fail).await;
    let succeeded = server.start_execution(&quick, json!({"a": 1})).await;
    let aborted = server.start_execution(&slow, json!({})).await;
    server.call("StopExecution", json!({"executionArn": aborted, "error": "Stopped"})).await;
    let failed = server.start_execution(&bad, json!({})).await;
    // Express executions are told of nowhere, as at AWS.
    let express = server.express("express", pass(1)).await;
    server.call("StartSyncExecution", json!({"stateMachineArn": express})).await;
    server.call("StartExecution", json!({"stateMachineArn": express})).await;
    until(&shared, |receiver| receiver.received.len() >= 6).await;
    let events = events(&shared);
    assert_eq!(events.len(), 6);
    for (execution, end) in [(&succeeded, "SUCCEEDED"), (&aborted, "ABORTED"), (&failed, "FAILED")] {
        assert_eq!(statuses(&events, execution), ["RUNNING", end]);
    }
    let find = |execution: &str, status: &str| {
        let found = events.iter().find(|event| {
            event["detail"]["executionArn"] == execution && event["detail"]["status"] == status
        });
        found.unwrap().clone()
    };
    let described = server.call("DescribeExecution", json!({"executionArn": succeeded})).await;
    let millis = |seconds: &Value| (seconds.as_f64().unwrap() * 1000.0).round() as i64;
    let event = find(&succeeded, "SUCCEEDED");
    assert_eq!((&event["source"], &event["version"]), (&json!("aws.states"), &json!("0")));
    assert_eq!(event["detail-type"], "Step Functions Execution Status Change");
    assert_eq!((&event["region"], &event["account"]), (&json!("us-east-1"), &json!("000000000000")));
    assert_eq!(event["resources"], json!([succeeded]));
    let detail = &event["detail"];
    assert_eq!(detail["input"], described["input"]);
    assert_eq!(detail["output"], described["output"]);
    assert_eq!(detail["startDate"], millis(&described["startDate"]));
    assert_eq!(detail["stopDate"], millis(&described["stopDate"]));
    assert_eq!(detail["outputDetails"], json!({"included": true}));
    let running = &find(&succeeded, "RUNNING")["detail"];
    assert_eq!((&running["stopDate"], &running["output"]), (&Value::Null, &Value::Null));
    assert_eq!(running["input"], described["input"]);
    let detail = &find(&failed, "FAILED")["detail"];
    assert_eq!((&detail["error"], &detail["cause"]), (&json!("E"), &json!("C")));
    assert_eq!(find(&aborted, "ABORTED")["detail"]["error"], "Stopped");

    let mut ids: Vec<String> = events.iter().map(|event| text(&event["id"])).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    for (headers, body) in &shared.lock().unwrap().received {
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(body);
        let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(headers["x-stepwell-signature"], format!("sha256={digest}"));
        assert_eq!(headers["content-type"], "application/json");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_told_of_the_statuses_it_names() {
    let (address, shared) = receiver(0).await;
    let settings = settings(address, &[Status::Aborted, Status::Failed]);
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    let quick = server.machine("quick", pass(1)).await;
    let slow = server.machine("slow", wait(3600)).await;
    let execution = server.start_execution(&quick, json!({})).await;
    server.end(&execution).await;
    let aborted = server.start_execution(&slow, json!({})).await;
    server.call("StopExecution", json!({"executionArn": aborted})).await;
    until(&shared, |receiver| !receiver.received.is_empty()).await;
    server.stop().await;
    let events = events(&shared);
    assert_eq!((events.len(), statuses(&events, &aborted)), (1, vec!["ABORTED".to_owned()]));
}

async fn open(directory: &Path, settings: Settings) -> TestServer {
    for _ in 0..500 {
        match EmbeddedStore::open(directory, Options::default()) {
            Ok(store) => return TestServer::with(settings, Arc::new(store) as Arc<dyn Store>).await,
            Err(OpenError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store stays locked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_webhook_did_not_take_is_told_again_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (address, shared) = receiver(u32::MAX).await;
    let server = open(directory.path(), settings(address, &Status::ALL)).await;
    let quick = server.machine("quick", pass(1)).await;
    let mut executions = Vec::new();
    for _ in 0..40 {
        let execution = server.start_execution(&quick, json!({})).await;
        server.end(&execution).await;
        executions.push(execution);
    }
    until(&shared, |receiver| receiver.refused > 0).await;
    let (_, metrics) = server.client.get("/metrics").await;
    assert!(metrics.contains("stepwell_webhook_events_pending 80"), "{metrics}");
    server.stop().await;
    assert!(shared.lock().unwrap().received.is_empty());

    // A few more refusals, and everything arrives.
    shared.lock().unwrap().refusals = 3;
    let server = open(directory.path(), settings(address, &Status::ALL)).await;
    until(&shared, |receiver| receiver.received.len() >= 80).await;
    while !server.client.get("/metrics").await.1.contains("stepwell_webhook_events_pending 0") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = events(&shared);
    assert_eq!(told.len(), 80);
    for execution in &executions {
        assert_eq!(statuses(&told, execution), ["RUNNING", "SUCCEEDED"]);
    }
    // What is still owed when the webhook leaves the configuration is forgotten.
    shared.lock().unwrap().refusals = u32::MAX;
    server.start_execution(&quick, json!({})).await;
    server.stop().await;
    let server = open(directory.path(), Settings::default()).await;
    assert!(
        server
            .client
            .get("/metrics")
            .await
            .1
            .contains("stepwell_webhook_events_total{outcome=\"dropped\"} 2")
    );
    server.stop().await;
    shared.lock().unwrap().refusals = 0;
    let server = open(directory.path(), settings(address, &Status::ALL)).await;
    assert!(server.client.get("/metrics").await.1.contains("stepwell_webhook_events_pending 0"));
    server.stop().await;
    assert_eq!(events(&shared).len(), 80);
}
