//! Expressions that need as long as any may hold up nobody but their own execution.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{TestServer, pass};
use serde_json::{Value, json};

/// A state whose expression takes all steps that one may take, and fails.
fn bomb() -> Value {
    json!({"Type": "Pass", "QueryLanguage": "JSONata", "End": true,
        "Output": "{% ($f := function($n) { $f($n + 1) }; $f(1)) %}"})
}

fn machine_of(state: Value) -> Value {
    json!({"StartAt": "A", "States": {"A": state}})
}

#[tokio::test]
async fn executions_of_the_same_shards_go_on_meanwhile() {
    let server = TestServer::start().await;
    let heavy = server.machine("heavy", machine_of(bomb())).await;
    let light = server.machine("light", pass(1)).await;
    let execution = server.start_execution(&heavy, json!({})).await;
    for _ in 0..4 {
        let light = server.start_execution(&light, json!({})).await;
        assert_eq!(server.end(&light).await["status"], "SUCCEEDED");
    }
    let request = json!({"executionArn": execution});
    assert_eq!(server.call("DescribeExecution", request).await["status"], "RUNNING");
    assert_eq!(server.history(&execution).await.len(), 2, "it has been entered");

    let ended = server.end(&execution).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("States.QueryEvaluationError"))
    );
    let names: Vec<_> = server.history(&execution).await.iter().map(|event| event["type"].clone()).collect();
    assert_eq!(names, ["ExecutionStarted", "PassStateEntered", "EvaluationFailed", "ExecutionFailed"]);
    server.stop().await;
}

#[tokio::test]
async fn callers_are_served_while_express_executions_and_tests_of_states_evaluate() {
    let server = TestServer::start().await;
    let express = server.express("heavy", machine_of(bomb())).await;
    let calls = [
        ("StartSyncExecution", json!({"stateMachineArn": express})),
        ("TestState", json!({"definition": bomb().to_string(), "input": "{}"})),
    ];
    for (operation, request) in calls {
        let client = server.client.clone();
        let heavy = tokio::spawn(async move { client.call(operation, request).await });
        // The server has this one thread for all callers.
        for _ in 0..10 {
            server.call("ListStateMachines", json!({})).await;
        }
        assert!(!heavy.is_finished(), "{operation}");
        let answer = heavy.await.unwrap();
        assert_eq!(answer["status"], "FAILED", "{answer}");
        assert_eq!(answer["error"], "States.QueryEvaluationError", "{answer}");
    }
    server.stop().await;
}
