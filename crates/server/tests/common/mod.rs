//! A server in this process and a small client of its API.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod fake;
pub mod faulty;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use stepwell_server::{Server, Settings};
use stepwell_store::{MemoryStore, Store};
use stepwell_store_embedded::{EmbeddedStore, OpenError, Options};

pub const ACCOUNT: &str = "000000000000";
pub const ROLE: &str = "arn:aws:iam::000000000000:role/test";

pub struct TestServer {
    pub server: Server,
    pub client: TestClient,
}

impl TestServer {
    pub async fn start() -> TestServer {
        Self::with(Settings::default(), Arc::new(MemoryStore::new())).await
    }

    pub async fn with(settings: Settings, store: Arc<dyn Store>) -> TestServer {
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let server = Server::start(Settings { listen, shards: 2, ..settings }, store).await.unwrap();
        let address = server.local_address().unwrap();
        TestServer { server, client: TestClient::new(address) }
    }

    pub async fn call(&self, operation: &str, request: Value) -> Value {
        self.client.call(operation, request).await
    }

    pub async fn error(&self, operation: &str, request: Value) -> (String, String) {
        self.client.error(operation, request).await
    }

    pub async fn machine(&self, name: &str, definition: Value) -> String {
        self.client.machine(name, "STANDARD", definition).await
    }

    pub async fn express(&self, name: &str, definition: Value) -> String {
        self.client.machine(name, "EXPRESS", definition).await
    }

    pub async fn start_execution(&self, machine: &str, input: Value) -> String {
        let request = json!({"stateMachineArn": machine, "input": input.to_string()});
        text(&self.call("StartExecution", request).await["executionArn"])
    }

    /// Waits for the end, in process; then what DescribeExecution says.
    pub async fn end(&self, execution: &str) -> Value {
        let wait = self.server.operations().wait_for_end(execution);
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("ends in time").unwrap();
        self.call("DescribeExecution", json!({"executionArn": execution})).await
    }

    pub async fn history(&self, execution: &str) -> Vec<Value> {
        let request = json!({"executionArn": execution, "maxResults": 1000});
        self.call("GetExecutionHistory", request).await["events"].as_array().unwrap().clone()
    }

    pub async fn stop(self) {
        self.server.shutdown(Duration::from_secs(5)).await;
    }
}

/// The store in a directory. The last tasks of a server that has ended may hold it for a moment.
pub async fn open_store(directory: &Path) -> Arc<dyn Store> {
    loop {
        match EmbeddedStore::open(directory, Options::default()) {
            Ok(store) => return Arc::new(store),
            Err(OpenError::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits for something that this process sees.
pub async fn until(is_there: impl Fn() -> bool) {
    while !is_there() {
        tokio::task::yield_now().await;
    }
}

#[derive(Clone)]
pub struct TestClient {
    pub address: SocketAddr,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl TestClient {
    pub fn new(address: SocketAddr) -> TestClient {
        TestClient { address, http: Client::builder(TokioExecutor::new()).build_http() }
    }

    pub async fn raw(
        &self,
        operation: &str,
        body: impl Into<Bytes>,
        headers: &[(&str, &str)],
    ) -> (u16, Bytes) {
        let mut request = Request::post(format!("http://{}/", self.address))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.http.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }

    pub async fn send(&self, operation: &str, request: Value) -> (u16, Value) {
        let (status, body) = self.raw(operation, request.to_string(), &[]).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    pub async fn call(&self, operation: &str, request: Value) -> Value {
        let (status, body) = self.send(operation, request.clone()).await;
        assert_eq!(status, 200, "{operation} {request} -> {body}");
        body
    }

    /// Code and message of a call that must fail with status 400.
    pub async fn error(&self, operation: &str, request: Value) -> (String, String) {
        let (status, body) = self.send(operation, request.clone()).await;
        assert_eq!(status, 400, "{operation} {request} -> {body}");
        (text(&body["__type"]), text(&body["message"]))
    }

    pub async fn machine(&self, name: &str, machine_type: &str, definition: Value) -> String {
        let request = json!({
            "name": name, "definition": definition.to_string(), "roleArn": ROLE, "type": machine_type
        });
        text(&self.call("CreateStateMachine", request).await["stateMachineArn"])
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let request = Request::get(format!("http://{}{path}", self.address));
        let response = self.http.request(request.body(Full::default()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

pub fn parsed(value: &Value) -> Value {
    serde_json::from_str(value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))).unwrap()
}

/// The types of a history's events.
pub fn types(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| text(&event["type"])).collect()
}

pub fn pass(count: usize) -> Value {
    let mut states = serde_json::Map::new();
    for index in 0..count {
        let state = if index + 1 == count {
            json!({"Type": "Pass", "End": true})
        } else {
            json!({"Type": "Pass", "Next": format!("P{}", index + 1)})
        };
        states.insert(format!("P{index}"), state);
    }
    json!({"StartAt": "P0", "States": states})
}

pub fn wait(seconds: u64) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

pub fn activity_task(activity: &str) -> Value {
    json!({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": activity, "End": true}}})
}
