//! Jobs of AWS services whose task was given up while a call that a crash cut off submitted them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{
    TestServer,
    fake::{self, Answer, Request},
    open_store, parsed, until,
};
use serde_json::{Value, json};
use stepwell_integrations::aws::AwsConfig;
use stepwell_server::Settings;

/// The operations that were called, with their parameters.
type Calls = Arc<Mutex<Vec<(String, Value)>>>;

const TASK: &str = "arn:aws:ecs:us-east-1:000000000000:task/c/1";

/// A server that answers no call that starts a job until another server has asked it.
async fn services() -> (Calls, Settings) {
    let calls = Calls::default();
    let seen = calls.clone();
    let answer = move |request: Request| -> Answer {
        let operation = request.header("x-amz-target")?.rsplit('.').next()?.to_owned();
        let mut seen = seen.lock().unwrap();
        let is_first = !seen.iter().any(|(known, _)| *known == operation);
        let body = parsed(&json!(request.body));
        seen.push((operation.clone(), body));
        match &*operation {
            _ if is_first && operation != "StopTask" => None,
            "RunTask" => {
                let task = json!({"taskArn": TASK, "clusterArn": "c"});
                Some(("200 OK", json!({"tasks": [task], "failures": []}).to_string()))
            }
            "StartJobRun" => Some(("200 OK", json!({"JobRunId": "r"}).to_string())),
            _ => Some(("200 OK", "{}".to_owned())),
        }
    };
    let url = format!("http://{}", fake::start(answer).await);
    let endpoints = ["ecs", "glue"].map(|service| (service.to_owned(), url.clone())).into();
    (calls, Settings { aws: AwsConfig { endpoints, ..AwsConfig::default() }, ..Settings::default() })
}

fn machine(resource: &str, parameters: Value) -> Value {
    json!({"StartAt": "J", "States": {"J": {
        "Type": "Task", "Resource": format!("arn:aws:states:::{resource}.sync"), "Parameters": parameters, "End": true
    }}})
}

fn of<'a>(calls: &'a [(String, Value)], operation: &str) -> Vec<&'a Value> {
    calls.iter().filter(|(known, _)| known == operation).map(|(_, body)| body).collect()
}

/// Where a call with the same token meets the same job, it is made again to learn which job to stop. Elsewhere it would
/// start another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_with_an_idempotency_token_is_met_again_and_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let (calls, settings) = services().await;
    let server = TestServer::with(settings.clone(), open_store(directory.path()).await).await;
    for (name, resource, parameters) in [
        ("ecs", "ecs:runTask", json!({"Cluster": "c", "TaskDefinition": "t"})),
        ("glue", "glue:startJobRun", json!({"JobName": "j"})),
    ] {
        let arn = server.machine(name, machine(resource, parameters)).await;
        let known = calls.lock().unwrap().len();
        let execution = server.start_execution(&arn, json!({})).await;
        until(|| calls.lock().unwrap().len() > known).await;
        server.call("StopExecution", json!({"executionArn": execution})).await;
        assert_eq!(server.end(&execution).await["status"], "ABORTED");
    }
    server.server.shutdown(Duration::from_millis(1)).await;

    let server = TestServer::with(settings, open_store(directory.path()).await).await;
    until(|| !of(&calls.lock().unwrap(), "StopTask").is_empty()).await;
    server.stop().await;
    let calls = calls.lock().unwrap();
    let runs = of(&calls, "RunTask");
    assert_eq!(runs.len(), 2, "{calls:?}");
    assert!(runs[0]["clientToken"].is_string());
    assert_eq!(runs[0], runs[1]);
    let stops = of(&calls, "StopTask");
    assert_eq!((stops.len(), &stops[0]["task"], &stops[0]["cluster"]), (1, &json!(TASK), &json!("c")));
    assert_eq!(of(&calls, "StartJobRun").len(), 1, "{calls:?}");
}
