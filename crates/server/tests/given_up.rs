//! Jobs of AWS services and nested executions whose task was given up while they were submitted, or because of what the
//! submission answered; with and without a crash.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{
    TestServer,
    fake::{self, Answer, Request},
    faulty::Faulty,
    open_store, parsed, until, wait,
};
use serde_json::{Value, json};
use stepwell_integrations::aws::AwsConfig;
use stepwell_server::Settings;
use stepwell_store::{HashRange, Store, arn_hash};

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

/// `child` runs on another shard than `parent`: what befalls one shard's batches does not befall those of the other.
fn are_apart(parent: &str, child: &str) -> bool {
    let shard = |arn| HashRange::shard_of(arn_hash(arn), 2);
    shard(parent) != shard(child)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nested_execution_that_a_crash_cut_off_is_found_and_stopped_if_it_was_started() {
    for was_started in [true, false] {
        let store = Arc::new(Faulty::default());
        let server = TestServer::with(Settings::default(), store.clone()).await;
        let child = server.machine("child", wait(600)).await;
        let name_and_arn =
            |n: u32| (format!("c{n}"), child.replace(":stateMachine:", ":execution:") + &format!(":c{n}"));
        let parent_execution = "arn:aws:states:us-east-1:000000000000:execution:parent:p";
        let (name, child_execution) =
            (0..).map(name_and_arn).find(|(_, arn)| are_apart(parent_execution, arn)).unwrap();
        let parameters = json!({"StateMachineArn": child, "Name": name, "Input": {}});
        let parent = server.machine("parent", machine("states:startExecution", parameters.clone())).await;

        store.be_silent_from(&child_execution, was_started);
        server.call("StartExecution", json!({"stateMachineArn": parent, "name": "p"})).await;
        until(|| store.is_silent()).await;
        server.call("StopExecution", json!({"executionArn": parent_execution})).await;
        assert_eq!(server.end(parent_execution).await["status"], "ABORTED");
        store.break_down();
        server.server.shutdown(Duration::from_millis(1)).await;

        let server = TestServer::with(Settings::default(), store.inner.clone()).await;
        if was_started {
            assert_eq!(server.end(&child_execution).await["status"], "ABORTED");
        }
        // Soon nothing is owed any more: an execution that owes a stop takes no other definition.
        let definition = machine("states:startExecution", parameters).to_string();
        let redrive = json!({"executionArn": parent_execution, "withDefinition": definition});
        while server.client.send("RedriveExecution", redrive.clone()).await.0 != 200 {
            tokio::task::yield_now().await;
        }
        if !was_started {
            // The redriven parent starts it for the first time.
            until(|| store.inner.find(&child_execution).unwrap().is_some()).await;
        }
        server.stop().await;
    }
}

/// The task fails for the size of what the service answered, but the service runs the job. The server ends before the
/// service has answered the call that stops it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_submission_answers_too_much_is_stopped() {
    let calls = Calls::default();
    let seen = calls.clone();
    let answer = move |request: Request| -> Answer {
        let operation = request.header("x-amz-target")?.rsplit('.').next()?.to_owned();
        let mut seen = seen.lock().unwrap();
        seen.push((operation.clone(), parsed(&json!(request.body))));
        let task = json!({"taskArn": TASK, "clusterArn": "c", "group": "g".repeat(262_144)});
        match &*operation {
            "RunTask" => Some(("200 OK", json!({"tasks": [task], "failures": []}).to_string())),
            _ if of(&seen, "StopTask").len() == 1 => None,
            _ => Some(("200 OK", "{}".to_owned())),
        }
    };
    let url = format!("http://{}", fake::start(answer).await);
    let aws = AwsConfig { endpoints: [("ecs".to_owned(), url)].into(), ..AwsConfig::default() };
    let settings = Settings { aws, ..Settings::default() };
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::with(settings.clone(), open_store(directory.path()).await).await;
    let parameters = json!({"Cluster": "c", "TaskDefinition": "t"});
    let arn = server.machine("ecs", machine("ecs:runTask", parameters)).await;
    let execution = server.start_execution(&arn, json!({})).await;
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("FAILED"), &json!("States.DataLimitExceeded")));
    until(|| !of(&calls.lock().unwrap(), "StopTask").is_empty()).await;
    server.server.shutdown(Duration::from_millis(1)).await;

    let server = TestServer::with(settings, open_store(directory.path()).await).await;
    until(|| of(&calls.lock().unwrap(), "StopTask").len() == 2).await;
    server.stop().await;
    let calls = calls.lock().unwrap();
    assert_eq!(of(&calls, "RunTask").len(), 1, "{calls:?}");
    assert!(of(&calls, "StopTask").iter().all(|stop| stop["task"] == TASK), "{calls:?}");
}
