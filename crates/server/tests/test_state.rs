//! TestState: what a state makes of its data, with and without mocks, and what is refused.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "test_state/maps.rs"]
mod maps;

use common::{ROLE, TestServer};
use serde_json::{Value, json};

/// Texts that hold JSON are compared as what they hold.
fn unfolded(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), unfolded(value))).collect()
        }
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// Tests a state with more members in the request; the answer must have these, and no others.
async fn check(server: &TestServer, about: &str, state: Value, more: Value, expected: Value) {
    let mut request = json!({"definition": state.to_string(), "inspectionLevel": "DEBUG", "roleArn": ROLE});
    for (name, value) in more.as_object().unwrap() {
        // Payloads are given as values.
        let is_payload = matches!(name.as_str(), "input" | "variables" | "context") && !value.is_string();
        request[name] = if is_payload { value.to_string().into() } else { value.clone() };
    }
    let answer = unfolded(&server.call("TestState", request).await);
    assert_eq!(answer, expected, "{about}");
}

/// A mock that gives this.
fn result(value: Value) -> Value {
    json!({"result": value.to_string()})
}

fn error(name: &str) -> Value {
    json!({"errorOutput": {"error": name, "cause": "why"}})
}

const INVOKE: &str = "arn:aws:states:::lambda:invoke";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stage_of_the_data_is_shown() {
    let server = TestServer::start().await;
    let task = json!({
        "Type": "Task", "Resource": INVOKE, "InputPath": "$.in", "Parameters": {"FunctionName": "f", "Payload.$": "$.x"},
        "ResultSelector": {"got.$": "$.Payload"}, "ResultPath": "$.out", "OutputPath": "$.out", "Assign": {"v.$": "$.Payload"},
        "Next": "Elsewhere",
    });
    check(
        &server,
        "a Task in JSONPath",
        task,
        json!({"input": {"in": {"x": 1}}, "mock": result(json!({"Payload": [2]})), "variables": {"w": "old"}}),
        json!({
            "status": "SUCCEEDED", "nextState": "Elsewhere", "output": {"got": [2]},
            "inspectionData": {
                "input": {"in": {"x": 1}}, "afterInputPath": {"x": 1},
                "afterParameters": {"FunctionName": "f", "Payload": 1}, "result": {"Payload": [2]},
                "afterResultSelector": {"got": [2]}, "afterResultPath": {"in": {"x": 1}, "out": {"got": [2]}},
                "variables": {"w": "old", "v": [2]},
            },
        }),
    )
    .await;
    let jsonata = |more: Value| {
        let mut state = json!({"QueryLanguage": "JSONata", "End": true});
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        state
    };
    check(
        &server,
        "a Task in JSONata",
        jsonata(json!({
            "Type": "Task", "Resource": INVOKE, "Arguments": {"FunctionName": "f", "Payload": "{% $states.input.x %}"},
            "Output": "{% $states.result.Payload & $w %}",
        })),
        json!({"input": {"x": 1}, "mock": result(json!({"Payload": "a"})), "variables": {"w": "b"}}),
        json!({
            "status": "SUCCEEDED", "output": "ab",
            "inspectionData": {
                "input": {"x": 1}, "afterArguments": {"FunctionName": "f", "Payload": 1}, "result": {"Payload": "a"},
                "variables": {"w": "b"},
            },
        }),
    )
    .await;
    check(
        &server,
        "a Wait that really waits",
        json!({"Type": "Wait", "Seconds": 1, "End": true}),
        json!({"input": {"x": 1}}),
        json!({
            "status": "SUCCEEDED", "output": {"x": 1},
            "inspectionData": {"input": {"x": 1}, "afterInputPath": {"x": 1}},
        }),
    )
    .await;
    check(
        &server,
        "an error of the input's processing, which nothing catches",
        json!({"Type": "Pass", "Parameters": {"a.$": "$.none"}, "End": true}),
        json!({"input": {"x": 1}}),
        json!({
            "status": "FAILED", "error": "States.Runtime",
            "cause": "The JSONPath '$.none' specified for the field 'a.$' could not be found in the input '{\"x\":1}'",
            "inspectionData": {"input": {"x": 1}, "afterInputPath": {"x": 1}},
        }),
    )
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_meet_retriers_and_catchers_as_in_an_execution() {
    let server = TestServer::start().await;
    let task = json!({
        "Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"}, "End": true,
        "Retry": [
            {"ErrorEquals": ["Never"], "MaxAttempts": 0},
            {"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "BackoffRate": 1.5, "MaxAttempts": 2},
        ],
        "Catch": [{"ErrorEquals": ["Other"], "Next": "A"}, {"ErrorEquals": ["Busy", "Never"], "Next": "B", "ResultPath": "$.e"}],
    });
    let caught = json!({"x": 1, "e": {"Error": "Busy", "Cause": "why"}});
    for (name, retries, expected) in [
        (
            "Busy",
            0,
            json!({"status": "RETRIABLE", "details": {"retryIndex": 1, "retryBackoffIntervalSeconds": 3}}),
        ),
        // 4.5 seconds, told in whole ones.
        (
            "Busy",
            1,
            json!({"status": "RETRIABLE", "details": {"retryIndex": 1, "retryBackoffIntervalSeconds": 5}}),
        ),
        (
            "Busy",
            2,
            json!({"status": "CAUGHT_ERROR", "details": {"retryIndex": 1, "catchIndex": 1}, "next": "B", "output": caught}),
        ),
        ("Unknown", 0, json!({"status": "FAILED", "details": null})),
    ] {
        // The context object may say how many retries there were; the configuration wins.
        let context = |retries: i32| json!({"State": {"RetryCount": retries}}).to_string();
        let configuration = json!({"retrierRetryCount": retries});
        for more in [
            json!({"stateConfiguration": configuration}),
            json!({"context": context(retries)}),
            json!({"stateConfiguration": configuration, "context": context(7)}),
        ] {
            let mut request = json!({
                "definition": task.to_string(), "input": "{\"x\": 1}", "mock": error(name), "inspectionLevel": "DEBUG",
            });
            request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let answer = unfolded(&server.call("TestState", request).await);
            let shown = json!({
                "status": answer["status"], "details": answer["inspectionData"]["errorDetails"],
                "next": answer["nextState"], "output": answer["output"],
            });
            let mut whole = json!({"next": null, "output": null});
            whole.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
            assert_eq!(shown, whole, "{name} with {more}");
            assert_eq!((&answer["error"], &answer["cause"]), (&json!(name), &json!("why")));
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_without_a_mock_really_runs() {
    let server = TestServer::start().await;
    let machine = server.machine("child", common::pass(1)).await;
    let start = json!({
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": true,
        "Parameters": {"StateMachineArn": machine, "Name": "made"},
    });
    let request = json!({"definition": start.to_string(), "roleArn": ROLE});
    let answer = server.call("TestState", request).await;
    assert_eq!(answer["status"], "SUCCEEDED", "{answer}");
    let execution = format!("{}:made", machine.replace(":stateMachine:", ":execution:"));
    assert_eq!(server.end(&execution).await["status"], "SUCCEEDED");
    let missing =
        json!({"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "none"}, "End": true});
    let request = json!({"definition": missing.to_string(), "roleArn": ROLE});
    let answer = server.call("TestState", request).await;
    assert_eq!(answer["error"], "Lambda.ResourceNotFoundException", "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_go_together_is_refused() {
    let server = TestServer::start().await;
    let task = |resource: &str| json!({"Type": "Task", "Resource": resource, "End": true});
    let pass = json!({"Type": "Pass", "End": true});
    let lambda = task(INVOKE);
    let sync = task("arn:aws:states:::states:startExecution.sync:2");
    let activity = task("arn:aws:states:us-east-1:000000000000:activity:a");
    let map = json!({
        "Type": "Map", "End": true,
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}},
    });
    let machine = json!({"StartAt": "S", "States": {"S": pass}});
    let mock = || result(json!({}));
    let started = || {
        result(json!({"ExecutionArn": "a", "StateMachineArn": "m", "Status": "SUCCEEDED", "StartDate": "d"}))
    };
    let context = |context: Value| json!({"mock": started(), "context": context.to_string()});
    let cases = [
        (&pass, json!({"mock": mock()}), "State type 'Pass' is not supported when a mock is specified"),
        (
            &lambda,
            json!({"mock": {}}),
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ),
        (&lambda, json!({"mock": {"result": "{"}}), "Mocked result must be valid JSON"),
        (&lambda, json!({"mock": {"result": "1"}}), "Mocked result must be a JSON object."),
        (&lambda, json!({}), "RoleArn must be specified when testing a Task state"),
        (
            &activity,
            json!({"roleArn": ROLE}),
            "TestState supports Activity tasks only when a mock is specified.",
        ),
        (
            &sync,
            json!({"roleArn": ROLE}),
            "TestState supports the service integration pattern '.sync' only when a mock is specified.",
        ),
        (
            &lambda,
            json!({"roleArn": ROLE, "context": "{}"}),
            "TestState does not support Context when a mock is not specified.",
        ),
        (&machine, json!({"stateName": "T"}), "State not found in definition"),
        (
            &map,
            json!({"mock": result(json!([])), "stateConfiguration": {"errorCausedByState": "Q"}}),
            "State not found in definition",
        ),
        (
            &map,
            json!({"input": "[1]", "mock": result(json!([1])), "stateConfiguration": {"mapIterationFailureCount": 2}}),
            "Map iteration failure count must be less than or equal to the number of Map iterations",
        ),
        (
            &map,
            json!({"mock": result(json!([])), "stateConfiguration": {"mapItemReaderData": "[]"}}),
            "MapItemReaderData needs a Map state with an ItemReader.",
        ),
        (
            &lambda,
            json!({"mock": mock(), "context": "{\"Task\": {\"Token\": \"t\"}}"}),
            "Invalid Context object provided: Context object contains 'Task' when state is not a Task state with a \
             '.sync' or '.waitForTaskToken' service integration pattern",
        ),
        (
            &sync,
            context(json!({"Map": {}})),
            "Invalid Context object provided: 'Map' field is not supported when mocking a Context object",
        ),
        (
            &sync,
            context(json!({"State": {"RetryCount": "1"}})),
            "Invalid Context object provided: State.RetryCount must be a number",
        ),
        (
            &sync,
            json!({"mock": mock()}),
            "Mock result schema validation error: Required field 'ExecutionArn' is missing",
        ),
        (
            &sync,
            json!({"mock": {"result": "{\"Status\": \"GONE\"}", "fieldValidationMode": "PRESENT"}}),
            "Mock result schema validation error: Field 'Status' is not an expected value",
        ),
    ];
    for (definition, more, expected) in cases {
        let mut request = json!({"definition": definition.to_string()});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (code, message) = server.error("TestState", request.clone()).await;
        assert_eq!((code.as_str(), message.as_str()), ("ValidationException", expected), "{request}");
    }
    // The same with these is fine.
    for (definition, more) in [
        (&sync, context(json!({"Task": {"Token": "t"}, "State": {"RetryCount": 1}}))),
        (&sync, json!({"mock": {"result": "{\"Status\": \"GONE\"}", "fieldValidationMode": "NONE"}})),
        (&activity, json!({"mock": result(json!("anything"))})),
        (&task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"), json!({"mock": result(json!(7))})),
        (&task("arn:aws:states:::http:invoke"), json!({"mock": result(json!({"StatusCode": "no number"}))})),
    ] {
        let mut request = json!({"definition": definition.to_string()});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = server.call("TestState", request).await;
        assert_eq!(answer["status"], "SUCCEEDED", "{answer}");
    }
    // What can't be run yet says so, and only for the state that is tested.
    let both = json!({
        "StartAt": "S", "States": {"S": {"Type": "Pass", "Next": "T"}, "T": task("https://example.com/task")},
    });
    let request = json!({"definition": both.to_string(), "stateName": "S"});
    assert_eq!(server.call("TestState", request).await["nextState"], "T");
    let request = json!({"definition": both.to_string(), "stateName": "T", "roleArn": ROLE});
    let (code, message) = server.error("TestState", request).await;
    assert_eq!(code, "InvalidDefinition", "{message}");
    // What can be tested with a mock is not among the faults.
    let mut broken = map.clone();
    broken["MaxConcurrency"] = json!("many");
    broken["ItemProcessor"]["ProcessorConfig"] = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    let request = json!({"definition": broken.to_string(), "mock": result(json!([]))});
    let expected = "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Expected value of type Integer at \
                    /States/StateName/MaxConcurrency'";
    assert_eq!(
        server.error("TestState", request).await,
        ("InvalidDefinition".to_owned(), expected.to_owned())
    );
    server.stop().await;
}

/// With STRICT every required field must be there, with PRESENT those that are there must be right, with NONE nothing is
/// looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mocked_result_has_the_shape_of_what_the_task_would_give() {
    let server = TestServer::start().await;
    let job = json!({
        "JobId": "i", "JobName": "n", "JobQueue": "q", "JobDefinition": "d", "StartedAt": 1, "Status": "SUCCEEDED",
    });
    let jobs_with = |name: &str, value: Value| {
        let mut job = job.clone();
        job[name] = value;
        json!({"Jobs": [job]})
    };
    // What is wrong with STRICT, and with PRESENT; none: nothing.
    let cases = [
        // A job is compared with the answer of the call that looks at it, of which the task's result is a part.
        ("batch:submitJob.sync", json!({"Jobs": [job.clone()]}), None, None),
        ("batch:submitJob.sync", job.clone(), None, None),
        ("batch:submitJob.sync", json!({"Status": 7}), None, None),
        (
            "batch:submitJob.sync",
            json!({"Jobs": [{"JobId": "i"}]}),
            Some("Required field 'JobName' is missing"),
            None,
        ),
        (
            "batch:submitJob.sync",
            jobs_with("StartedAt", json!("now")),
            Some("Field 'StartedAt' must be a number"),
            Some("Field 'StartedAt' must be a number"),
        ),
        (
            "batch:submitJob.sync",
            jobs_with("Status", json!("DONE")),
            Some("Field 'Status' is not an expected value"),
            Some("Field 'Status' is not an expected value"),
        ),
        // The answer of the call that submits the job has other fields.
        ("batch:submitJob", json!({"JobId": "i"}), Some("Required field 'JobName' is missing"), None),
        ("batch:submitJob", json!({"JobId": "i", "JobName": "n", "Status": 7}), None, None),
        ("ecs:runTask.sync", json!({"TaskArn": "a", "Containers": [{"ExitCode": "0"}]}), None, None),
        (
            "ecs:runTask.sync",
            json!({"Tasks": [{"Containers": [{"ExitCode": 0}, {"ExitCode": "0"}]}]}),
            Some("Field 'ExitCode' must be a number"),
            Some("Field 'ExitCode' must be a number"),
        ),
        (
            "ecs:runTask",
            json!({"Tasks": {}}),
            Some("Field 'Tasks' must be an array"),
            Some("Field 'Tasks' must be an array"),
        ),
        (
            "glue:startJobRun.sync",
            json!({"JobRun": {"JobRunState": "RUNNING", "Attempt": "1"}}),
            Some("Field 'Attempt' must be a number"),
            Some("Field 'Attempt' must be a number"),
        ),
        (
            "glue:startJobRun.sync",
            json!({"JobName": "j", "JobRunState": "SUCCEEDED", "Arguments": {"a": "b"}, "Other": 1}),
            None,
            None,
        ),
        (
            "codebuild:startBuild.sync",
            json!({"Builds": [{"Id": "b", "BuildStatus": "DONE"}]}),
            Some("Field 'BuildStatus' is not an expected value"),
            Some("Field 'BuildStatus' is not an expected value"),
        ),
        ("codebuild:startBuild.sync", json!({"Build": {"BuildStatus": "SUCCEEDED"}}), None, None),
        (
            "elasticmapreduce:addStep",
            json!({"StepId": 1}),
            Some("Field 'StepId' must be a string"),
            Some("Field 'StepId' must be a string"),
        ),
        (
            "elasticmapreduce:createCluster",
            json!({"ClusterId": {}}),
            Some("Field 'ClusterId' must be a string"),
            Some("Field 'ClusterId' must be a string"),
        ),
        (
            "elasticmapreduce:createCluster.sync",
            json!({"ClusterId": "c", "Cluster": {"Status": {"State": "WAITING"}}}),
            None,
            None,
        ),
        ("bedrock:invokeModel", json!({"Body": {"any": 1}, "ContentType": "application/json"}), None, None),
        ("eks:deleteCluster.sync", json!({"Cluster": 7}), None, None),
    ];
    for (resource, mocked, strict, present) in cases {
        let modes =
            [(Some("STRICT"), strict), (None, strict), (Some("PRESENT"), present), (Some("NONE"), None)];
        for (mode, expected) in modes {
            let state =
                json!({"Type": "Task", "Resource": format!("arn:aws:states:::{resource}"), "End": true});
            let mut request = json!({"definition": state.to_string(), "mock": result(mocked.clone())});
            if let Some(mode) = mode {
                request["mock"]["fieldValidationMode"] = mode.into();
            }
            match expected {
                None => {
                    let answer = server.call("TestState", request.clone()).await;
                    assert_eq!(answer["status"], "SUCCEEDED", "{request} {answer}");
                }
                Some(problem) => {
                    let (code, message) = server.error("TestState", request.clone()).await;
                    let expected = format!("Mock result schema validation error: {problem}");
                    assert_eq!((code.as_str(), message), ("ValidationException", expected), "{request}");
                }
            }
        }
    }
    server.stop().await;
}
