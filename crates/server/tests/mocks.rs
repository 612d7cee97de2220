//! Executions that take the answers of their tasks from a mock file.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{path::Path, sync::Arc, time::Duration};

use common::{TestServer, parsed, text, types};
use serde_json::{Value, json};
use stepwell_server::{Server, Settings};
use stepwell_store::{MemoryStore, Store};
use stepwell_store_embedded::{EmbeddedStore, OpenError, Options};

/// A mock file with these cases for the machine `m`, written over the one before.
fn write(path: &Path, cases: Value, responses: Value) {
    let file = json!({"StateMachines": {"m": {"TestCases": cases}}, "MockedResponses": responses});
    // Another size, so that the change is seen however coarse the file system's clock is.
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut text = file.to_string();
    if text.len() as u64 == length {
        text.push('\n');
    }
    std::fs::write(path, text).unwrap();
}

fn settings(path: &Path) -> Settings {
    Settings { mock_file: Some(path.to_owned()), ..Settings::default() }
}

async fn server(path: &Path) -> TestServer {
    TestServer::with(settings(path), Arc::new(MemoryStore::new())).await
}

fn task(resource: &str, more: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": resource});
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:none";

async fn run(server: &TestServer, machine: &str, case: &str, input: Value) -> Value {
    let execution = server.start_execution(&format!("{machine}#{case}"), input).await;
    server.end(&execution).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_task_is_answered_from_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mocks.json");
    let answers = |returned: Value| json!({"0": {"Return": returned}});
    write(
        &path,
        json!({"All": {"Invoke": "Invoked", "Function": "Invoked", "Activity": "Worked", "Token": "Called", "Job": "Ran"}}),
        json!({
            "Invoked": answers(json!({"StatusCode": 200, "Payload": {"a": 1}})), "Worked": answers(json!("w")),
            "Called": answers(json!({"c": 1})), "Ran": answers(json!({"Output": {"o": 1}})),
        }),
    );
    let server = server(&path).await;
    let machine = server
        .machine(
            "m",
            json!({"StartAt": "Invoke", "States": {
                "Invoke": task("arn:aws:states:::lambda:invoke", json!({
                    "Parameters": {"FunctionName": "none"}, "ResultPath": "$.invoke", "Next": "Function",
                })),
                "Function": task(FUNCTION, json!({"ResultPath": "$.function", "Next": "Activity"})),
                "Activity": task(ACTIVITY, json!({"ResultPath": "$.activity", "HeartbeatSeconds": 5, "Next": "Token"})),
                "Token": task("arn:aws:states:::lambda:invoke.waitForTaskToken", json!({
                    "Parameters": {"FunctionName": "none", "Payload": {"t.$": "$$.Task.Token"}},
                    "ResultPath": "$.token", "Next": "Job",
                })),
                "Job": task("arn:aws:states:::states:startExecution.sync:2", json!({
                    "Parameters": {"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:none"},
                    "ResultPath": "$.job", "End": true,
                })),
            }}),
        )
        .await;
    let ended = run(&server, &machine, "All", json!({})).await;
    assert_eq!(
        parsed(&ended["output"]),
        json!({
            "invoke": {"StatusCode": 200, "Payload": {"a": 1}}, "function": {"a": 1}, "activity": "w",
            "token": {"c": 1}, "job": {"Output": {"o": 1}},
        })
    );
    // The case is no part of any ARN.
    assert_eq!(ended["stateMachineArn"], machine);
    let execution = text(&ended["executionArn"]);
    assert!(!execution.contains('#'));
    let history = server.history(&execution).await;
    let kinds = types(&history);
    for expected in [
        ["TaskScheduled", "TaskStarted", "TaskSucceeded"],
        ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"],
        ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"],
    ] {
        assert!(kinds.windows(3).any(|window| window == expected), "{expected:?} in {kinds:?}");
    }
    assert!(!kinds.iter().any(|kind| kind == "TaskSubmitted"));
    // Without a case the real target is called.
    let execution = server.start_execution(&machine, json!({})).await;
    assert_eq!(server.end(&execution).await["error"], "Lambda.ResourceNotFoundException");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invocations_are_counted_by_state_over_retries_branches_and_iterations() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mocks.json");
    write(
        &path,
        json!({"Later": {"T": "Later"}, "Never": {"T": "Down"}, "Each": {"I": "Each", "B": "Branch", "C": "Branch"}}),
        json!({
            "Later": {
                "0": {"Throw": {"Error": "Down", "Cause": "first"}},
                "1-2": {"Throw": {"Error": "Busy", "Cause": "later"}}, "3": {"Return": "at last"},
            },
            "Down": {"0-1": {"Throw": {"Error": "Down", "Cause": "always"}}},
            "Each": {"0-1": {"Return": "early"}, "2-9": {"Return": "late"}}, "Branch": {"0": {"Return": "once"}},
        }),
    );
    let server = server(&path).await;
    let retry = json!([
        {"ErrorEquals": ["Down", "Busy"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 3, "MaxDelaySeconds": 2},
    ]);
    let machine = server
        .machine(
            "m",
            json!({"StartAt": "Which", "States": {
                "Which": {"Type": "Choice", "Choices": [{"Variable": "$.each", "IsPresent": true, "Next": "P"}], "Default": "T"},
                "T": task(FUNCTION, json!({"Retry": retry, "End": true})),
                "P": {"Type": "Parallel", "End": true, "Branches": [
                    {"StartAt": "B", "States": {"B": task(FUNCTION, json!({"End": true}))}},
                    {"StartAt": "C", "States": {"C": task(FUNCTION, json!({"End": true}))}},
                    {"StartAt": "M", "States": {"M": {
                        "Type": "Map", "ItemsPath": "$.each", "MaxConcurrency": 1, "End": true,
                        "ItemProcessor": {"StartAt": "I", "States": {"I": task(FUNCTION, json!({"End": true}))}},
                    }}},
                ]},
            }}),
        )
        .await;
    let ended = run(&server, &machine, "Later", json!({})).await;
    assert_eq!(ended["output"], "\"at last\"", "{ended}");
    let ended = run(&server, &machine, "Each", json!({"each": [1, 2, 3]})).await;
    assert_eq!(parsed(&ended["output"]), json!(["once", "once", ["early", "early", "late"]]));
    // Two answers, and a third invocation.
    let ended = run(&server, &machine, "Never", json!({})).await;
    assert_eq!(ended["error"], "States.Runtime", "{ended}");
    assert_eq!(
        ended["cause"],
        "The mocked response 'Down' answers 2 invocations of the state 'T' in the test case 'Never', and this is \
         number 2, counted from 0."
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn express_executions_take_cases_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mocks.json");
    let throw = json!({"0": {"Throw": {"Error": "E", "Cause": "c"}}, "1": {"Return": [1]}});
    write(&path, json!({"C": {"T": "R"}}), json!({"R": throw}));
    let server = server(&path).await;
    let retry = json!([{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 1}]);
    let states = json!({"T": task(FUNCTION, json!({"Retry": retry, "End": true}))});
    let machine = server.express("m", json!({"StartAt": "T", "States": states})).await;
    let request = json!({"stateMachineArn": format!("{machine}#C")});
    let answer = server.call("StartSyncExecution", request.clone()).await;
    assert_eq!((&answer["status"], &answer["output"]), (&json!("SUCCEEDED"), &json!("[1]")), "{answer}");
    assert_eq!(answer["stateMachineArn"], machine);
    server.call("StartExecution", request).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_names_a_case_that_is_there_and_fits() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mocks.json");
    let responses = json!({"R": {"0": {"Return": 1}}});
    write(&path, json!({"Good": {"T": "R"}, "Typo": {"TT": "R"}, "Pass": {"P": "R"}}), responses.clone());
    let server = server(&path).await;
    let states = json!({"P": {"Type": "Pass", "Next": "T"}, "T": task(FUNCTION, json!({"End": true}))});
    let definition = json!({"StartAt": "P", "States": states});
    let machine = server.machine("m", definition.clone()).await;
    let other = server.machine("mm", definition).await;
    let refused = async |arn: String| {
        let (code, message) = server.error("StartExecution", json!({"stateMachineArn": arn})).await;
        assert_eq!(code, "ValidationException", "{message}");
        message
    };
    for (arn, expected) in [
        (
            format!("{machine}#Goood"),
            "the mock file has no test case 'Goood' for the state machine 'm' (did you mean 'Good'?)",
        ),
        (format!("{other}#Good"), "the mock file has no state machine named 'mm' (did you mean 'm'?)"),
        (
            format!("{machine}#Typo"),
            "the test case 'Typo' mocks the state 'TT', which the state machine does not have; did you mean 'T'?",
        ),
        (
            format!("{machine}#Pass"),
            "the test case 'Pass' mocks the state 'P', which is a Pass state; only Task states can be mocked",
        ),
    ] {
        assert_eq!(refused(arn).await, expected);
    }
    // The file is read again when it has changed; a bad one refuses the start and is told.
    write(&path, json!({"New": {"T": "R"}}), json!({"R": {"0": {"Return": "new"}}}));
    assert_eq!(run(&server, &machine, "New", json!({})).await["output"], "\"new\"");
    write(&path, json!({"New": {"T": "Rr"}}), responses);
    let message = refused(format!("{machine}#New")).await;
    assert!(message.contains("MockedResponses has no 'Rr'; did you mean 'R'?"), "{message}");
    std::fs::remove_file(&path).unwrap();
    let message = refused(format!("{machine}#New")).await;
    assert!(message.contains("can't be read"), "{message}");
    server.stop().await;

    let server = TestServer::start().await;
    let machine = server.machine("m", common::pass(1)).await;
    let (_, message) =
        server.error("StartExecution", json!({"stateMachineArn": format!("{machine}#C")})).await;
    assert!(message.contains("without a mock file"), "{message}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_does_not_start_with_a_bad_mock_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mocks.json");
    write(&path, json!({"C": {"T": "R"}}), json!({"R": {"1": {"Return": 1}}}));
    let error = Server::start(settings(&path), Arc::new(MemoryStore::new())).await.unwrap_err().to_string();
    assert!(error.contains("nothing answers 0 before \"1\""), "{error}");
}

/// The last tasks of a server that has ended may hold its store for a moment.
async fn open_store(directory: &Path) -> Arc<dyn Store> {
    for _ in 0..500 {
        match EmbeddedStore::open(directory, Options::default()) {
            Ok(store) => return Arc::new(store),
            Err(OpenError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store stays locked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_goes_on_after_a_restart_and_a_mocked_state_never_reaches_its_service() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mocks.json");
    let data = directory.path().join("data");
    let numbers = json!({"0": {"Return": 0}, "1": {"Return": 1}, "2": {"Return": 2}});
    write(&path, json!({"C": {"T": "R"}}), json!({"R": numbers}));
    let server = TestServer::with(settings(&path), open_store(&data).await).await;
    // Three invocations with a wait behind each: the first before the restart.
    let machine = server
        .machine(
            "m",
            json!({"StartAt": "T", "States": {
                "T": task(FUNCTION, json!({"ResultPath": "$.n", "Next": "W"})),
                "W": {"Type": "Wait", "Seconds": 1, "Next": "Done"},
                "Done": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 2, "Next": "End"}], "Default": "T"},
                "End": {"Type": "Succeed"},
            }}),
        )
        .await;
    let start = |server: &TestServer| server.client.clone();
    let request = json!({"stateMachineArn": format!("{machine}#C"), "input": "{}"});
    let first = text(&start(&server).call("StartExecution", request.clone()).await["executionArn"]);
    let second = text(&start(&server).call("StartExecution", request).await["executionArn"]);
    server.stop().await;

    let server = TestServer::with(settings(&path), open_store(&data).await).await;
    let ended = server.end(&first).await;
    assert_eq!(parsed(&ended["output"]), json!({"n": 2}), "{ended}");
    assert_eq!(parsed(&server.end(&second).await["output"]), json!({"n": 2}));
    let request = json!({"stateMachineArn": format!("{machine}#C"), "input": "{}"});
    let third = text(&server.call("StartExecution", request).await["executionArn"]);
    server.stop().await;

    // Started again without the file: the task fails, though the function could be called.
    let server = TestServer::with(Settings::default(), open_store(&data).await).await;
    let ended = server.end(&third).await;
    assert_eq!(ended["error"], "States.Runtime", "{ended}");
    assert!(text(&ended["cause"]).contains("was started with the test case 'C'"), "{ended}");
    server.stop().await;
}
