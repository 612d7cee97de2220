//! Lambda tasks against an endpoint, also across a restart in the middle of a call.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{TestServer, parsed, types};
use serde_json::{Value, json};
use stepwell_integrations::{LambdaConfig, LambdaIntegration, OnUncertain};
use stepwell_server::Settings;
use stepwell_store::{MemoryStore, Store};
use stepwell_store_embedded::{EmbeddedStore, OpenError, Options};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// A Lambda endpoint that echoes the payload once it is let.
struct Endpoint {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

impl Endpoint {
    async fn start(answers: usize) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (calls, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(answers)));
        let (counter, permits) = (calls.clone(), answers.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(echo(stream, counter.clone(), permits.clone()));
            }
        });
        Endpoint { address, calls, answers }
    }

    fn settings(&self, on_uncertain: OnUncertain) -> Settings {
        let lambda = LambdaConfig {
            endpoint: Some(format!("http://{}", self.address)),
            integration: LambdaIntegration { on_uncertain, ..LambdaIntegration::default() },
            region: "us-east-1".to_owned(),
            ..LambdaConfig::default()
        };
        Settings { lambda, ..Settings::default() }
    }

    async fn called(&self, times: usize) {
        while self.calls.load(Ordering::SeqCst) < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn echo(mut stream: TcpStream, calls: Arc<AtomicUsize>, answers: Arc<Semaphore>) {
    let mut request = Vec::new();
    let body = loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
            .unwrap_or(0);
        if body.len() >= length {
            break body.to_owned();
        }
    };
    calls.fetch_add(1, Ordering::SeqCst);
    let Ok(permit) = answers.acquire().await else { return };
    permit.forget();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn call_of_function() -> Value {
    json!({"StartAt": "L", "States": {"L": {
        "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "End": true
    }}})
}

async fn open_store(directory: &Path) -> Arc<dyn Store> {
    loop {
        match EmbeddedStore::open(directory, Options::default()) {
            Ok(store) => return Arc::new(store),
            Err(OpenError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn both_forms_of_a_lambda_task_bring_the_functions_answer() {
    let endpoint = Endpoint::start(100).await;
    let server = TestServer::with(endpoint.settings(OnUncertain::Resend), Arc::new(MemoryStore::new())).await;
    let machine = server.machine("direct", call_of_function()).await;
    let execution = server.start_execution(&machine, json!({"a": 1})).await;
    assert_eq!(parsed(&server.end(&execution).await["output"]), json!({"a": 1}));
    let invoke = json!({"StartAt": "L", "States": {"L": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "OutputPath": "$.Payload"
    }}});
    let machine = server.machine("invoke", invoke.clone()).await;
    let execution = server.start_execution(&machine, json!({"b": 2})).await;
    assert_eq!(parsed(&server.end(&execution).await["output"]), json!({"b": 2}));
    // An Express execution calls out too.
    let express = server.express("express", invoke).await;
    let request = json!({"stateMachineArn": express, "input": "{\"c\":3}"});
    assert_eq!(parsed(&server.call("StartSyncExecution", request).await["output"]), json!({"c": 3}));
    // A callback: the call submits, somebody else answers.
    let callback = json!({"StartAt": "L", "States": {"L": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}
    }}});
    let machine = server.machine("callback", callback).await;
    let execution = server.start_execution(&machine, json!({})).await;
    let token = loop {
        let events = server.history(&execution).await;
        if types(&events).contains(&"TaskSubmitted".to_owned()) {
            let parameters = parsed(&events[2]["taskScheduledEventDetails"]["parameters"]);
            break parameters["Payload"]["token"].clone();
        }
        tokio::task::yield_now().await;
    };
    server.call("SendTaskSuccess", json!({"taskToken": token, "output": "\"done\""})).await;
    assert_eq!(server.end(&execution).await["output"], "\"done\"");
    server.stop().await;
}

#[tokio::test]
async fn a_synchronous_execution_goes_on_when_its_caller_hangs_up() {
    let endpoint = Endpoint::start(0).await;
    let server = TestServer::with(endpoint.settings(OnUncertain::Resend), Arc::new(MemoryStore::new())).await;
    let function = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let machine = server
        .express(
            "m",
            json!({"StartAt": "A", "States": {
                "A": {"Type": "Task", "Resource": function, "Next": "B"},
                "B": {"Type": "Task", "Resource": function, "End": true}
            }}),
        )
        .await;
    let client = server.client.clone();
    let request = json!({"stateMachineArn": machine});
    let call = tokio::spawn(async move { client.call("StartSyncExecution", request).await });
    endpoint.called(1).await;
    call.abort();
    assert!(call.await.is_err());
    endpoint.answers.add_permits(2);
    endpoint.called(2).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_a_restart_interrupts_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::start(0).await;
    let settings = endpoint.settings(OnUncertain::Resend);
    let server = TestServer::with(settings.clone(), open_store(directory.path()).await).await;
    let machine = server.machine("m", call_of_function()).await;
    let execution = server.start_execution(&machine, json!({"a": 1})).await;
    endpoint.called(1).await;
    server.server.shutdown(Duration::ZERO).await;

    let server = TestServer::with(settings, open_store(directory.path()).await).await;
    endpoint.called(2).await;
    endpoint.answers.add_permits(2);
    let ended = server.end(&execution).await;
    assert_eq!(parsed(&ended["output"]), json!({"a": 1}));
    assert_eq!(
        types(&server.history(&execution).await),
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_a_restart_interrupts_fails_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::start(0).await;
    let settings = endpoint.settings(OnUncertain::Fail);
    let server = TestServer::with(settings.clone(), open_store(directory.path()).await).await;
    let machine = server.machine("m", call_of_function()).await;
    let execution = server.start_execution(&machine, json!({})).await;
    endpoint.called(1).await;
    server.server.shutdown(Duration::ZERO).await;

    let server = TestServer::with(settings, open_store(directory.path()).await).await;
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("FAILED"), &json!("States.TaskFailed")));
    assert_eq!(endpoint.calls.load(Ordering::SeqCst), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ending_server_waits_for_the_calls_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::start(0).await;
    let settings = endpoint.settings(OnUncertain::Fail);
    let server = TestServer::with(settings.clone(), open_store(directory.path()).await).await;
    let machine = server.machine("m", call_of_function()).await;
    let execution = server.start_execution(&machine, json!({"a": 1})).await;
    endpoint.called(1).await;
    let answers = endpoint.answers.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        answers.add_permits(1);
    });
    server.server.shutdown(Duration::from_secs(10)).await;

    let server = TestServer::with(settings, open_store(directory.path()).await).await;
    assert_eq!(parsed(&server.end(&execution).await["output"]), json!({"a": 1}));
    server.stop().await;
}
