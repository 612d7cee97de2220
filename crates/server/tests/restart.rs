//! A server on a directory, ended and started again: everything goes on where it was.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;

use common::{TestServer, activity_task, open_store, pass, text, types, wait};
use serde_json::json;
use stepwell_server::Settings;

async fn open(directory: &Path) -> TestServer {
    TestServer::with(Settings::default(), open_store(directory).await).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_activities_tags_and_histories_are_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(directory.path()).await;
    let machine = server.machine("m", pass(3)).await;
    server.call("CreateActivity", json!({"name": "a"})).await;
    server.call("TagResource", json!({"resourceArn": machine, "tags": [{"key": "k", "value": "v"}]})).await;
    let execution = server.start_execution(&machine, json!({"a": [1, 2]})).await;
    server.end(&execution).await;
    let (_, described) = server.client.send("DescribeExecution", json!({"executionArn": execution})).await;
    let history = server.history(&execution).await;
    let update = json!({"stateMachineArn": machine, "definition": pass(4).to_string()});
    let updated = server.call("UpdateStateMachine", update.clone()).await;
    server.stop().await;

    let server = open(directory.path()).await;
    assert_eq!(server.call("DescribeExecution", json!({"executionArn": execution})).await, described);
    assert_eq!(server.history(&execution).await, history);
    assert_eq!(server.call("UpdateStateMachine", update).await, updated);
    assert_eq!(server.call("ListActivities", json!({})).await["activities"][0]["name"], "a");
    let tags = server.call("ListTagsForResource", json!({"resourceArn": machine})).await;
    assert_eq!(tags["tags"], json!([{"key": "k", "value": "v"}]));
    let listed = server.call("ListExecutions", json!({"stateMachineArn": machine})).await;
    assert_eq!(listed["executions"][0]["executionArn"], execution);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_keep_their_deadlines() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(directory.path()).await;
    let short = server.machine("short", wait(2)).await;
    let long = server.machine("long", wait(3600)).await;
    let short = server.start_execution(&short, json!({})).await;
    let long = server.start_execution(&long, json!({})).await;
    server.stop().await;

    let server = open(directory.path()).await;
    let ended = server.end(&short).await;
    assert_eq!(ended["status"], "SUCCEEDED");
    let took = ended["stopDate"].as_f64().unwrap() - ended["startDate"].as_f64().unwrap();
    assert!((2.0..20.0).contains(&took), "{took}");
    assert_eq!(types(&server.history(&short).await).len(), 4);
    let described = server.call("DescribeExecution", json!({"executionArn": long})).await;
    assert_eq!(described["status"], "RUNNING");
    server.call("StopExecution", json!({"executionArn": long})).await;
    assert_eq!(server.end(&long).await["status"], "ABORTED");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_executions_go_on_when_their_time_comes() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.limits.shard.park_after_millis = 300;
    settings.limits.shard.lingering_max = 0;
    let server = TestServer::with(settings.clone(), open_store(directory.path()).await).await;
    let machine = server.machine("m", wait(2)).await;
    let mut executions = Vec::new();
    for _ in 0..50 {
        executions.push(server.start_execution(&machine, json!({})).await);
    }
    server.stop().await;
    // Half of them wait through a restart, and all of them outside of memory.
    let server = TestServer::with(settings, open_store(directory.path()).await).await;
    for _ in 0..50 {
        executions.push(server.start_execution(&machine, json!({})).await);
    }
    for execution in &executions {
        let ended = server.end(execution).await;
        assert_eq!(ended["status"], "SUCCEEDED");
        let took = ended["stopDate"].as_f64().unwrap() - ended["startDate"].as_f64().unwrap();
        assert!((2.0..20.0).contains(&took), "{took}");
        assert_eq!(server.history(execution).await.len(), 4);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_activities_stay_valid_whether_taken_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(directory.path()).await;
    let activity = text(&server.call("CreateActivity", json!({"name": "a"})).await["activityArn"]);
    let machine = server.machine("m", activity_task(&activity)).await;
    let taken = server.start_execution(&machine, json!("taken")).await;
    let task = server.call("GetActivityTask", json!({"activityArn": activity})).await;
    let offered = server.start_execution(&machine, json!("offered")).await;
    server.stop().await;

    let server = open(directory.path()).await;
    let success = json!({"taskToken": task["taskToken"], "output": "1"});
    server.call("SendTaskSuccess", success).await;
    assert_eq!(server.end(&taken).await["output"], "1");
    let task = server.call("GetActivityTask", json!({"activityArn": activity})).await;
    assert_eq!(task["input"], "\"offered\"");
    server.call("SendTaskSuccess", json!({"taskToken": task["taskToken"], "output": "2"})).await;
    assert_eq!(server.end(&offered).await["output"], "2");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nested_execution_is_awaited_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(directory.path()).await;
    let child = server.machine("child", wait(2)).await;
    let parent = server
        .machine(
            "parent",
            json!({"StartAt": "N", "States": {"N": {
                "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {"StateMachineArn": child, "Input": {"n": 7}}, "End": true
            }}}),
        )
        .await;
    let execution = server.start_execution(&parent, json!({})).await;
    while !types(&server.history(&execution).await).contains(&"TaskSubmitted".to_owned()) {
        tokio::task::yield_now().await;
    }
    server.stop().await;

    let server = open(directory.path()).await;
    let ended = server.end(&execution).await;
    assert_eq!(common::parsed(&ended["output"])["Output"], json!({"n": 7}));
    let children = server.call("ListExecutions", json!({"stateMachineArn": child})).await;
    assert_eq!(children["executions"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(directory.path()).await;
    let machine = server.machine("m", wait(3600)).await;
    let executions: Vec<String> = {
        let mut executions = Vec::new();
        for _ in 0..20 {
            executions.push(server.start_execution(&machine, json!({})).await);
        }
        executions
    };
    server.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await;
    server.stop().await;

    let server = open(directory.path()).await;
    for execution in &executions {
        assert_eq!(server.end(execution).await["status"], "ABORTED");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_removes_what_has_ended_and_frees_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(directory.path()).await;
    let machine = server.machine("m", pass(1)).await;
    let slow = server.machine("slow", wait(3600)).await;
    let request = json!({"stateMachineArn": machine, "name": "n"});
    let ended = text(&server.call("StartExecution", request.clone()).await["executionArn"]);
    server.end(&ended).await;
    let running = server.start_execution(&slow, json!({})).await;
    server.stop().await;

    let settings = Settings { retention_days: 0, ..Settings::default() };
    let server = TestServer::with(settings, open_store(directory.path()).await).await;
    // The first pass begins at once.
    while server.client.send("DescribeExecution", json!({"executionArn": ended})).await.0 == 200 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(
        server.error("DescribeExecution", json!({"executionArn": ended})).await.0,
        "ExecutionDoesNotExist"
    );
    let described = server.call("DescribeExecution", json!({"executionArn": running})).await;
    assert_eq!(described["status"], "RUNNING");
    server.call("StartExecution", request).await;
    server.stop().await;
}
