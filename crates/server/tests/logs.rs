//! Execution logs: what is written where, at which level, and what a destination that fails costs.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use common::{ROLE, TestServer, text};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use stepwell_server::{LogDestination, LogSettings, Settings};
use stepwell_store::MemoryStore;

fn group_arn(name: &str) -> String {
    format!("arn:aws:logs:us-east-1:000000000000:log-group:{name}:*")
}

fn failing() -> Value {
    json!({"StartAt": "P", "States": {
        "P": {"Type": "Pass", "Next": "F"},
        "F": {"Type": "Fail", "Error": "E", "Cause": "C"},
    }})
}

async fn machine(
    server: &TestServer,
    name: &str,
    kind: &str,
    level: &str,
    data: bool,
    definition: &Value,
) -> String {
    let request = json!({
        "name": name, "definition": definition.to_string(), "roleArn": ROLE, "type": kind,
        "loggingConfiguration": {
            "level": level, "includeExecutionData": data,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group_arn("g")}}],
        },
    });
    text(&server.call("CreateStateMachine", request).await["stateMachineArn"])
}

fn to_file(path: &Path) -> LogDestination {
    LogDestination::File { path: path.to_path_buf(), bytes_max: 1 << 20 }
}

async fn with_logs(logs: LogSettings) -> TestServer {
    TestServer::with(Settings { logs, ..Settings::default() }, Arc::new(MemoryStore::new())).await
}

fn records(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn outcomes(metrics: &str) -> BTreeMap<String, u64> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("stepwell_log_records_total{outcome=\""));
    lines
        .map(|line| {
            let (outcome, count) = line.split_once("\"} ").unwrap();
            (outcome.to_owned(), count.parse().unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn levels_and_data_are_obeyed_for_both_types_of_machine() {
    let every =
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered", "ExecutionFailed"];
    for kind in ["STANDARD", "EXPRESS"] {
        for (level, shown) in [("ALL", 0..5), ("ERROR", 3..5), ("FATAL", 4..5), ("OFF", 0..0)] {
            for data in [true, false] {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("log.jsonl");
                let server =
                    with_logs(LogSettings { default: to_file(&path), ..LogSettings::default() }).await;
                let machine = machine(&server, "m", kind, level, data, &failing()).await;
                let request = json!({"stateMachineArn": machine, "input": "{\"a\":1}"});
                let arn = if kind == "STANDARD" {
                    let arn = text(&server.call("StartExecution", request).await["executionArn"]);
                    server.end(&arn).await;
                    arn
                } else {
                    text(&server.call("StartSyncExecution", request).await["executionArn"])
                };
                server.stop().await;

                let records = records(&path);
                let types: Vec<String> = records.iter().map(|record| text(&record["type"])).collect();
                assert_eq!(types, every[shown.clone()], "{kind} {level}");
                for (record, id) in records.iter().zip(shown.start + 1..) {
                    assert_eq!(record["id"], id.to_string());
                    assert_eq!(record["execution_arn"], arn);
                    assert_eq!(record["redrive_count"], "0");
                    assert!(text(&record["event_timestamp"]).parse::<i64>().unwrap() > 1_700_000_000_000);
                    let has_data =
                        record["details"].get("input").is_some() || record["details"].get("output").is_some();
                    let may_have_data = id < 5;
                    assert_eq!(has_data, data && may_have_data, "{record}");
                    assert_eq!(
                        record["details"].get("inputDetails").is_some()
                            || record["details"].get("outputDetails").is_some(),
                        has_data
                    );
                }
                if let Some(last) = records.last() {
                    assert_eq!(last["details"], json!({"error": "E", "cause": "C"}));
                    assert_eq!(last["previous_event_id"], "4");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_go_where_their_section_says_and_others_to_the_default() {
    let directory = tempfile::tempdir().unwrap();
    let [mapped, default] = ["mapped.jsonl", "default.jsonl"].map(|name| directory.path().join(name));
    for (sections, expected) in [
        (BTreeMap::from([("g".to_owned(), to_file(&mapped))]), (4, 0)),
        (BTreeMap::from([("g".to_owned(), LogDestination::Off)]), (0, 0)),
        (BTreeMap::from([("other".to_owned(), LogDestination::Off)]), (0, 4)),
    ] {
        let logs = LogSettings { groups: sections.clone(), default: to_file(&default) };
        let server = with_logs(logs).await;
        let machine = machine(&server, "m", "STANDARD", "ALL", true, &common::pass(1)).await;
        let execution = server.start_execution(&machine, json!({})).await;
        server.end(&execution).await;
        let client = server.client.clone();
        while outcomes(&client.get("/metrics").await.1).values().sum::<u64>() < 4 {
            tokio::task::yield_now().await;
        }
        let outcomes = outcomes(&client.get("/metrics").await.1);
        assert_eq!(outcomes["written"], expected.0 + expected.1, "{sections:?}");
        assert_eq!(outcomes["discarded"], 4 - outcomes["written"], "{sections:?}");
        server.stop().await;
        assert_eq!((records(&mapped).len() as u64, records(&default).len() as u64), expected, "{sections:?}");
        for path in [&mapped, &default] {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_can_not_be_written_costs_its_records_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    // A directory stands where the file should be.
    let server =
        with_logs(LogSettings { default: to_file(directory.path()), ..LogSettings::default() }).await;
    let machine = machine(&server, "m", "STANDARD", "ALL", true, &common::pass(1)).await;
    let execution = server.start_execution(&machine, json!({})).await;
    assert_eq!(server.end(&execution).await["status"], "SUCCEEDED");
    while outcomes(&server.client.get("/metrics").await.1)["failed"] < 4 {
        tokio::task::yield_now().await;
    }
    server.stop().await;
}

/// A CloudWatch Logs of one group: checks the protocol and keeps what is put.
#[derive(Default)]
struct Cloud {
    streams: Vec<String>,
    messages: Vec<(String, Value)>,
    calls: Vec<String>,
    /// Failures of PutLogEvents that come before it works.
    failures: u32,
}

async fn cloud(failures: u32) -> (String, Arc<Mutex<Cloud>>) {
    let state = Arc::new(Mutex::new(Cloud { failures, ..Cloud::default() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let shared = state.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = shared.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let shared = shared.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body: Value =
                        serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
                    assert_eq!(head.headers["content-type"], "application/x-amz-json-1.1");
                    assert!(
                        head.headers["authorization"]
                            .to_str()
                            .unwrap()
                            .contains("/us-east-1/logs/aws4_request")
                    );
                    let target = head.headers["x-amz-target"].to_str().unwrap().to_owned();
                    let (status, answer) = shared.lock().unwrap().answer(&target, &body);
                    let response =
                        Response::builder().status(status).body(Full::new(Bytes::from(answer.to_string())));
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

impl Cloud {
    fn answer(&mut self, target: &str, body: &Value) -> (u16, Value) {
        let missing =
            json!({"__type": "com.amazonaws#ResourceNotFoundException", "message": "no such thing"});
        self.calls.push(target.to_owned());
        match target.strip_prefix("Logs_20140328.").unwrap() {
            "DescribeLogGroups" => {
                (200, json!({"logGroups": [{"logGroupName": "g"}, {"logGroupName": "g2"}]}))
            }
            "CreateLogStream" if body["logGroupName"] == "g" => {
                self.streams.push(text(&body["logStreamName"]));
                (200, json!({}))
            }
            "PutLogEvents" if self.failures > 0 => {
                self.failures -= 1;
                (503, json!({"__type": "ServiceUnavailableException"}))
            }
            "PutLogEvents" if self.streams.contains(&text(&body["logStreamName"])) => {
                for event in body["logEvents"].as_array().unwrap() {
                    let message: Value = serde_json::from_str(event["message"].as_str().unwrap()).unwrap();
                    assert_eq!(event["timestamp"].to_string(), text(&message["event_timestamp"]));
                    self.messages.push((text(&body["logStreamName"]), message));
                }
                (200, json!({"nextSequenceToken": "1"}))
            }
            _ => (400, missing),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_gets_a_stream_for_each_machine_although_it_stumbles() {
    let (address, cloud) = cloud(2).await;
    let settings = Settings {
        logs: LogSettings { default: LogDestination::CloudWatch, ..LogSettings::default() },
        service_endpoints: BTreeMap::from([("logs".to_owned(), address)]),
        ..Settings::default()
    };
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    // A group that is not there is refused at the creation.
    // So it is with a definition that has to wait for its turn; and before anything is said of a definition.
    let mut long = failing();
    long["Comment"] = json!("long ".repeat(10_000));
    for definition in [failing(), long.clone(), json!({})] {
        let mut request = json!({
            "name": "none", "definition": definition.to_string(), "roleArn": ROLE,
            "loggingConfiguration": {"level": "ALL", "destinations": [
                {"cloudWatchLogsLogGroup": {"logGroupArn": group_arn("other")}}]},
        });
        let refused = server.error("CreateStateMachine", request.clone()).await;
        assert_eq!(
            refused,
            (
                "InvalidLoggingConfiguration".to_owned(),
                "Invalid Logging Configuration: Log Destination not found.".to_owned()
            )
        );
        request["loggingConfiguration"]["destinations"] =
            json!([{"cloudWatchLogsLogGroup": {"logGroupArn": group_arn("g")}}]);
        if definition == long {
            server.call("CreateStateMachine", request).await;
        }
    }
    for name in ["one", "two"] {
        let machine = machine(&server, name, "STANDARD", "ALL", true, &failing()).await;
        for _ in 0..3 {
            let execution = server.start_execution(&machine, json!({})).await;
            server.end(&execution).await;
        }
    }
    // Every record arrives, those of an execution in order, in one stream for each machine.
    while cloud.lock().unwrap().messages.len() < 30 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    {
        let cloud = cloud.lock().unwrap();
        assert_eq!(cloud.streams.len(), 2);
        let mut by_execution: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (stream, message) in &cloud.messages {
            let arn = text(&message["execution_arn"]);
            let name = arn.split(':').nth(6).unwrap();
            assert!(stream.starts_with(&format!("states/{name}/")), "{stream} {arn}");
            by_execution.entry(arn).or_default().push(text(&message["id"]));
        }
        assert_eq!(by_execution.len(), 6);
        for ids in by_execution.values() {
            assert_eq!(ids, &["1", "2", "3", "4", "5"]);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_do_not_wait_for_an_endpoint_that_is_away() {
    let settings = Settings {
        logs: LogSettings { default: LogDestination::CloudWatch, ..LogSettings::default() },
        // Nobody listens on the port of a listener that is gone.
        service_endpoints: BTreeMap::from([("logs".to_owned(), {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        })]),
        ..Settings::default()
    };
    let store = Arc::new(MemoryStore::new());
    // Created while the group could be looked for: another server, the same store.
    let logs = LogSettings { default: LogDestination::Off, ..LogSettings::default() };
    let server = TestServer::with(Settings { logs, ..Settings::default() }, store.clone()).await;
    let machine = machine(&server, "m", "STANDARD", "ALL", true, &common::pass(1)).await;
    drop(server);
    let server = TestServer::with(settings, store).await;
    for _ in 0..20 {
        let execution = server.start_execution(&machine, json!({})).await;
        assert_eq!(server.end(&execution).await["status"], "SUCCEEDED");
    }
    let request = json!({"stateMachineArn": machine, "loggingConfiguration": {"level": "FATAL", "destinations": [
        {"cloudWatchLogsLogGroup": {"logGroupArn": group_arn("g")}}]}});
    let (status, refused) = server.client.send("UpdateStateMachine", request).await;
    assert_eq!((status, &refused["__type"]), (503, &json!("ServiceUnavailable")), "{refused}");
}
