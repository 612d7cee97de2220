//! Many callers at once: one of them wins, and all of them learn the truth.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{TestServer, activity_task, pass, text, wait};
use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};

/// Sends the same kind of call from many tasks at once.
async fn at_once(
    server: &TestServer,
    count: usize,
    request: impl Fn(usize) -> (&'static str, Value),
) -> Vec<(usize, u16, Value)> {
    let barrier = Arc::new(Barrier::new(count));
    let mut calls = JoinSet::new();
    for index in 0..count {
        let (operation, request) = request(index);
        let (client, barrier) = (server.client.clone(), barrier.clone());
        calls.spawn(async move {
            barrier.wait().await;
            let (status, body) = client.send(operation, request).await;
            (index, status, body)
        });
    }
    calls.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_answers_to_a_token_exactly_one_is_taken() {
    let server = TestServer::start().await;
    let activity = text(&server.call("CreateActivity", json!({"name": "a"})).await["activityArn"]);
    let machine = server.machine("m", activity_task(&activity)).await;
    // 10,240 answers race, 32 for each token.
    for _ in 0..320 {
        let execution = server.start_execution(&machine, json!({})).await;
        let task = server.call("GetActivityTask", json!({"activityArn": activity})).await;
        let token = text(&task["taskToken"]);
        let answers = at_once(&server, 32, |index| {
            if index % 4 == 3 {
                ("SendTaskFailure", json!({"taskToken": token, "error": format!("E{index}")}))
            } else {
                ("SendTaskSuccess", json!({"taskToken": token, "output": index.to_string()}))
            }
        })
        .await;
        let taken: Vec<_> = answers.iter().filter(|(_, status, _)| *status == 200).collect();
        assert_eq!(taken.len(), 1);
        for (_, status, body) in &answers {
            assert!(*status == 200 || body["__type"] == "TaskTimedOut", "{body}");
        }
        let winner = taken[0].0;
        let ended = server.end(&execution).await;
        if winner % 4 == 3 {
            assert_eq!(ended["error"], format!("E{winner}"));
        } else {
            assert_eq!(ended["output"], winner.to_string());
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_of_one_name_and_input_are_one_execution() {
    let server = TestServer::start().await;
    let machine = server.machine("m", wait(600)).await;
    for round in 0..10 {
        let answers = at_once(&server, 64, |_| {
            (
                "StartExecution",
                json!({"stateMachineArn": machine, "name": format!("n{round}"), "input": "{}"}),
            )
        })
        .await;
        for (_, status, body) in &answers {
            assert_eq!(*status, 200, "{body}");
            assert_eq!(*body, answers[0].2);
        }
    }
    let listed = server.call("ListExecutions", json!({"stateMachineArn": machine})).await;
    assert_eq!(listed["executions"].as_array().unwrap().len(), 10);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_starts_of_one_name_with_different_inputs_one_wins() {
    let server = TestServer::start().await;
    let machine = server.machine("m", wait(600)).await;
    for round in 0..10 {
        let answers = at_once(&server, 64, |index| {
            let input = index.to_string();
            (
                "StartExecution",
                json!({"stateMachineArn": machine, "name": format!("n{round}"), "input": input}),
            )
        })
        .await;
        let won: Vec<_> = answers.iter().filter(|(_, status, _)| *status == 200).collect();
        assert_eq!(won.len(), 1);
        for (_, status, body) in &answers {
            assert!(*status == 200 || body["__type"] == "ExecutionAlreadyExists", "{body}");
        }
        let execution = text(&won[0].2["executionArn"]);
        let described = server.call("DescribeExecution", json!({"executionArn": execution})).await;
        assert_eq!(described["input"], won[0].0.to_string());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_stays_taken_after_the_end() {
    let server = TestServer::start().await;
    let machine = server.machine("m", pass(1)).await;
    let request = json!({"stateMachineArn": machine, "name": "n"});
    let execution = text(&server.call("StartExecution", request.clone()).await["executionArn"]);
    server.end(&execution).await;
    for (_, status, body) in at_once(&server, 16, |_| ("StartExecution", request.clone())).await {
        assert_eq!((status, &body["__type"]), (400, &json!("ExecutionAlreadyExists")));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_created_by_many_at_once_is_one_machine() {
    let server = TestServer::start().await;
    let answers = at_once(&server, 16, |_| {
        (
            "CreateStateMachine",
            json!({"name": "m", "definition": pass(2).to_string(), "roleArn": common::ROLE}),
        )
    })
    .await;
    for (_, status, body) in &answers {
        assert_eq!((*status, body), (200, &answers[0].2));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_goes_to_one_of_many_workers() {
    let server = TestServer::start().await;
    let activity = text(&server.call("CreateActivity", json!({"name": "a"})).await["activityArn"]);
    let machine = server.machine("m", activity_task(&activity)).await;
    let mut workers = JoinSet::new();
    for _ in 0..40 {
        let (client, activity) = (server.client.clone(), activity.clone());
        workers.spawn(async move {
            let task = client.call("GetActivityTask", json!({"activityArn": activity})).await;
            let answer = json!({"taskToken": task["taskToken"], "output": task["input"]});
            client.call("SendTaskSuccess", answer).await;
            text(&task["input"])
        });
    }
    let mut executions = Vec::new();
    for index in 0..40 {
        executions.push(server.start_execution(&machine, json!(index)).await);
    }
    let mut inputs: Vec<usize> =
        workers.join_all().await.iter().map(|input| input.parse().unwrap()).collect();
    inputs.sort_unstable();
    assert_eq!(inputs, (0..40).collect::<Vec<_>>());
    for (index, execution) in executions.iter().enumerate() {
        assert_eq!(server.end(execution).await["output"], index.to_string());
    }
    server.stop().await;
}
