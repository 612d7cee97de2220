//! Every operation over HTTP: what it answers when all is well, and its main refusals.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{ROLE, TestServer, activity_task, parsed, pass, text, types, wait};
use serde_json::{Value, json};

#[tokio::test]
async fn a_state_machine_is_created_described_updated_listed_and_deleted() {
    let server = TestServer::start().await;
    let definition = "{ \"StartAt\": \"P\",\n \"States\": {\"P\": {\"Type\": \"Pass\", \"End\": true}} }";
    let create = json!({"name": "m", "definition": definition, "roleArn": ROLE});
    let created = server.call("CreateStateMachine", create.clone()).await;
    let arn = text(&created["stateMachineArn"]);
    assert_eq!(arn, "arn:aws:states:us-east-1:000000000000:stateMachine:m");
    // The same again is the same; the role does not count.
    let mut again = create.clone();
    again["roleArn"] = json!("arn:aws:iam::000000000000:role/other");
    assert_eq!(server.call("CreateStateMachine", again).await, created);
    for (key, value) in [
        ("definition", json!(definition.replace('\n', ""))),
        ("type", json!("EXPRESS")),
        ("tracingConfiguration", json!({"enabled": true})),
        ("loggingConfiguration", json!({"level": "OFF", "includeExecutionData": true})),
    ] {
        let mut other = create.clone();
        other[key] = value;
        let (code, message) = server.error("CreateStateMachine", other).await;
        assert_eq!(
            (code.as_str(), message),
            ("StateMachineAlreadyExists", format!("State Machine Already Exists: '{arn}'"))
        );
    }
    // What is wrong with a definition is told before what it is in conflict with.
    let mut invalid = create.clone();
    invalid["definition"] = json!("{}");
    assert_eq!(server.error("CreateStateMachine", invalid).await.0, "InvalidDefinition");
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
    assert_eq!(described["definition"], definition);
    assert_eq!(described["status"], "ACTIVE");
    assert_eq!(described["roleArn"], ROLE);
    assert_eq!(described["loggingConfiguration"], json!({"level": "OFF", "includeExecutionData": false}));
    assert_eq!(described["tracingConfiguration"], json!({"enabled": false}));
    assert_eq!(described["creationDate"], created["creationDate"]);
    assert!(described.get("revisionId").is_none() && described.get("variableReferences").is_none());

    let execution = server.start_execution(&arn, json!({})).await;
    let update = json!({"stateMachineArn": arn, "definition": pass(2).to_string()});
    let updated = server.call("UpdateStateMachine", update.clone()).await;
    assert_eq!(server.call("UpdateStateMachine", update).await, updated);
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
    assert_eq!(described["revisionId"], updated["revisionId"]);
    assert_eq!(parsed(&described["definition"]), pass(2));
    let of_execution =
        server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await;
    assert_eq!(of_execution["definition"], definition);
    let request = json!({"stateMachineArn": arn, "includedData": "METADATA_ONLY"});
    assert_eq!(server.call("DescribeStateMachine", request).await["definition"], "{}");

    let listed = server.call("ListStateMachines", json!({})).await;
    assert_eq!(listed["stateMachines"][0]["stateMachineArn"], arn);
    server.end(&execution).await;
    assert_eq!(server.call("DeleteStateMachine", json!({"stateMachineArn": arn})).await, json!({}));
    assert_eq!(server.call("DeleteStateMachine", json!({"stateMachineArn": arn})).await, json!({}));
    let (code, message) = server.error("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
    assert_eq!(
        (code.as_str(), message),
        ("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
    );
    // What ran is still described as it was.
    let of_execution =
        server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await;
    assert_eq!(of_execution["definition"], definition);
    assert_eq!(server.history(&execution).await.len(), 4);
    server.stop().await;
}

#[tokio::test]
async fn an_execution_is_started_described_listed_and_its_history_read() {
    let server = TestServer::start().await;
    let machine = server.machine("m", pass(10)).await;
    let started = server
        .call("StartExecution", json!({"stateMachineArn": machine, "name": "e", "input": "{ \"a\": 1 }", "traceHeader": "Root=1"}))
        .await;
    let arn = text(&started["executionArn"]);
    assert_eq!(arn, "arn:aws:states:us-east-1:000000000000:execution:m:e");
    let ended = server.end(&arn).await;
    assert_eq!(ended["status"], "SUCCEEDED");
    assert_eq!(ended["input"], "{ \"a\": 1 }");
    assert_eq!(parsed(&ended["output"]), json!({"a": 1}));
    assert_eq!(ended["startDate"], started["startDate"]);
    assert_eq!(ended["traceHeader"], "Root=1");
    assert_eq!(ended["redriveStatusReason"], "Execution is SUCCEEDED and cannot be redriven");
    let without =
        server.call("DescribeExecution", json!({"executionArn": arn, "includedData": "METADATA_ONLY"})).await;
    assert!(without.get("input").is_none() && without.get("output").is_none());

    let events = server.history(&arn).await;
    assert_eq!(events.len(), 22);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["id"], index + 1);
    }
    assert_eq!(events[0]["executionStartedEventDetails"]["input"], "{ \"a\": 1 }");
    assert_eq!(events[21]["executionSucceededEventDetails"]["output"], ended["output"]);
    // Every page size and both directions give the same events.
    let mut reversed = events.clone();
    reversed.reverse();
    for (reverse, expected) in [(false, &events), (true, &reversed)] {
        for size in [1, 5, 22, 23] {
            let mut paged: Vec<Value> = Vec::new();
            let mut token = None;
            loop {
                let mut request = json!({"executionArn": arn, "maxResults": size, "reverseOrder": reverse});
                if let Some(token) = &token {
                    request["nextToken"] = json!(token);
                }
                let page = server.call("GetExecutionHistory", request).await;
                paged.extend(page["events"].as_array().unwrap().iter().cloned());
                match page.get("nextToken") {
                    Some(next) => token = Some(text(next)),
                    None => break,
                }
            }
            assert_eq!(&paged, expected, "pages of {size}, reverse {reverse}");
        }
    }
    let request = json!({"executionArn": arn, "includeExecutionData": false});
    let bare = server.call("GetExecutionHistory", request).await;
    assert!(bare["events"][1]["stateEnteredEventDetails"].get("input").is_none());

    let listed = server.call("ListExecutions", json!({"stateMachineArn": machine})).await;
    assert_eq!(listed["executions"][0]["executionArn"], arn);
    let running = json!({"stateMachineArn": machine, "statusFilter": "RUNNING"});
    assert_eq!(server.call("ListExecutions", running).await["executions"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn executions_are_paged_without_gaps_or_repeats() {
    let server = TestServer::start().await;
    let machine = server.machine("m", pass(1)).await;
    let mut arns = Vec::new();
    for _ in 0..25 {
        let arn = server.start_execution(&machine, json!({})).await;
        server.end(&arn).await;
        arns.push(arn);
    }
    let mut seen = Vec::new();
    let mut request = json!({"stateMachineArn": machine, "maxResults": 7});
    loop {
        let page = server.call("ListExecutions", request.clone()).await;
        seen.extend(page["executions"].as_array().unwrap().iter().map(|item| text(&item["executionArn"])));
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => break,
        }
    }
    seen.sort();
    arns.sort();
    assert_eq!(seen, arns);
    // A token belongs to its arguments.
    let first = server.call("ListExecutions", json!({"stateMachineArn": machine, "maxResults": 7})).await;
    let other = json!({
        "stateMachineArn": machine, "statusFilter": "FAILED", "nextToken": first["nextToken"]
    });
    assert_eq!(server.error("ListExecutions", other).await.0, "InvalidToken");
    server.stop().await;
}

#[tokio::test]
async fn an_execution_is_stopped_once_and_answers_the_same_again() {
    let server = TestServer::start().await;
    let machine = server.machine("m", wait(600)).await;
    let arn = server.start_execution(&machine, json!({})).await;
    let stop = json!({"executionArn": arn, "error": "E", "cause": "C"});
    let stopped = server.call("StopExecution", stop.clone()).await;
    assert_eq!(server.call("StopExecution", stop).await, stopped);
    let ended = server.end(&arn).await;
    assert_eq!(
        (&ended["status"], &ended["error"], &ended["cause"]),
        (&json!("ABORTED"), &json!("E"), &json!("C"))
    );
    assert_eq!(ended["stopDate"], stopped["stopDate"]);
    assert_eq!(
        types(&server.history(&arn).await),
        ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"]
    );
    server.stop().await;
}

#[tokio::test]
async fn deleting_a_machine_stops_what_runs() {
    let server = TestServer::start().await;
    let machine = server.machine("m", wait(600)).await;
    let arns = [
        server.start_execution(&machine, json!({})).await,
        server.start_execution(&machine, json!({})).await,
    ];
    server.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await;
    for arn in &arns {
        assert_eq!(server.end(arn).await["status"], "ABORTED");
    }
    loop {
        let (code, _) = server.error("StartExecution", json!({"stateMachineArn": machine})).await;
        if code == "StateMachineDoesNotExist" {
            break;
        }
        assert_eq!(code, "StateMachineDeleting");
        tokio::task::yield_now().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn an_activity_gives_its_task_to_one_worker() {
    let server = TestServer::start().await;
    let created = server.call("CreateActivity", json!({"name": "a"})).await;
    let activity = text(&created["activityArn"]);
    assert_eq!(server.call("CreateActivity", json!({"name": "a"})).await, created);
    let described = server.call("DescribeActivity", json!({"activityArn": activity})).await;
    assert_eq!((&described["name"], &described["creationDate"]), (&json!("a"), &created["creationDate"]));
    assert_eq!(server.call("ListActivities", json!({})).await["activities"][0]["name"], "a");

    let machine = server.machine("m", activity_task(&activity)).await;
    // A worker that waits, then one that finds the task waiting.
    let client = server.client.clone();
    let poll = json!({"activityArn": activity, "workerName": "w"});
    let waiting = tokio::spawn(async move { client.call("GetActivityTask", poll).await });
    let first = server.start_execution(&machine, json!({"n": 1})).await;
    let task = waiting.await.unwrap();
    assert_eq!(parsed(&task["input"]), json!({"n": 1}));
    let token = task["taskToken"].clone();
    server.call("SendTaskHeartbeat", json!({"taskToken": token})).await;
    let (code, _) = server.error("SendTaskSuccess", json!({"taskToken": token, "output": "{"})).await;
    assert_eq!(code, "InvalidOutput");
    server.call("SendTaskSuccess", json!({"taskToken": token, "output": "{\"ok\":true}"})).await;
    assert_eq!(server.end(&first).await["output"], "{\"ok\":true}");
    let (code, message) = server.error("SendTaskSuccess", json!({"taskToken": token, "output": "1"})).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    );
    assert_eq!(
        types(&server.history(&first).await),
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "ActivityScheduled",
            "ActivityStarted",
            "ActivitySucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );

    let second = server.start_execution(&machine, json!({})).await;
    let task = server.call("GetActivityTask", json!({"activityArn": activity})).await;
    let failure = json!({"taskToken": task["taskToken"], "error": "E", "cause": "C"});
    server.call("SendTaskFailure", failure).await;
    assert_eq!(server.end(&second).await["error"], "E");

    server.call("DeleteActivity", json!({"activityArn": activity})).await;
    server.call("DeleteActivity", json!({"activityArn": activity})).await;
    let (code, message) = server.error("GetActivityTask", json!({"activityArn": activity})).await;
    assert_eq!(
        (code.as_str(), message),
        ("ActivityDoesNotExist", format!("Activity Does Not Exist: '{activity}'"))
    );
    let third = server.start_execution(&machine, json!({})).await;
    assert_eq!(server.end(&third).await["error"], "States.Runtime");
    server.stop().await;
}

#[tokio::test]
async fn a_worker_that_gets_no_task_is_answered_with_nothing() {
    let mut settings = stepwell_server::Settings::default();
    settings.limits.activity_poll = std::time::Duration::from_millis(50);
    let server = TestServer::with(settings, std::sync::Arc::new(stepwell_store::MemoryStore::new())).await;
    let activity = text(&server.call("CreateActivity", json!({"name": "a"})).await["activityArn"]);
    assert_eq!(server.call("GetActivityTask", json!({"activityArn": activity})).await, json!({}));
    server.stop().await;
}

#[tokio::test]
async fn tags_are_set_replaced_listed_and_removed() {
    let server = TestServer::start().await;
    let machine = server.machine("m", pass(1)).await;
    let activity = text(
        &server.call("CreateActivity", json!({"name": "a", "tags": [{"key": "k", "value": "v"}]})).await["activityArn"],
    );
    let tags = async |arn: &str| {
        server.call("ListTagsForResource", json!({"resourceArn": arn})).await["tags"].clone()
    };
    assert_eq!(tags(&machine).await, json!([]));
    assert_eq!(tags(&activity).await, json!([{"key": "k", "value": "v"}]));
    let set = json!([{"key": "b", "value": "1"}, {"key": "a", "value": "2"}]);
    server.call("TagResource", json!({"resourceArn": machine, "tags": set})).await;
    let replace = json!({"resourceArn": machine, "tags": [{"key": "b", "value": "3"}]});
    server.call("TagResource", replace).await;
    assert_eq!(tags(&machine).await, json!([{"key": "b", "value": "3"}, {"key": "a", "value": "2"}]));
    server.call("UntagResource", json!({"resourceArn": machine, "tagKeys": ["b", "none"]})).await;
    assert_eq!(tags(&machine).await, json!([{"key": "a", "value": "2"}]));
    let many: Vec<Value> = (0..50).map(|index| json!({"key": format!("k{index}"), "value": ""})).collect();
    let (code, _) = server.error("TagResource", json!({"resourceArn": machine, "tags": many})).await;
    assert_eq!(code, "TooManyTags");
    let missing = format!("{machine}x");
    let (code, message) = server.error("ListTagsForResource", json!({"resourceArn": missing})).await;
    assert_eq!((code.as_str(), message), ("ResourceNotFound", format!("Resource not found: '{missing}'")));
    server.stop().await;
}

#[tokio::test]
async fn definitions_are_validated_without_being_created() {
    let server = TestServer::start().await;
    let request = json!({"definition": pass(1).to_string()});
    assert_eq!(
        server.call("ValidateStateMachineDefinition", request).await,
        json!({"result": "OK", "diagnostics": [], "truncated": false})
    );
    let broken = json!({"definition": "{\"StartAt\": \"X\", \"States\": {}}"});
    let answer = server.call("ValidateStateMachineDefinition", broken).await;
    assert_eq!(answer["result"], "FAIL");
    assert!(!answer["diagnostics"].as_array().unwrap().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn refusals_are_those_of_aws() {
    let server = TestServer::start().await;
    let machine = server.machine("m", pass(1)).await;
    let express = server.express("x", pass(1)).await;
    let missing = machine.replace(":m", ":none");
    let execution = "arn:aws:states:us-east-1:000000000000:execution:m:none";
    let map_run = "arn:aws:states:us-east-1:000000000000:mapRun:m/l:1";
    for (operation, request, code, message) in [
        ("StartExecution", json!({"stateMachineArn": missing}), "StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{missing}'")),
        ("StartExecution", json!({"stateMachineArn": format!("{machine}:2")}), "StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{machine}:2'")),
        ("StartExecution", json!({"stateMachineArn": "x"}), "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'".into()),
        ("StartExecution", json!({"stateMachineArn": machine, "name": "a b"}), "InvalidName", "Invalid Name: 'a b'".into()),
        ("StartExecution", json!({"stateMachineArn": machine, "input": ""}), "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Invalid execution input.'".into()),
        ("StartExecution", json!({"stateMachineArn": machine, "input": "not json"}), "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')'".into()),
        ("StartSyncExecution", json!({"stateMachineArn": machine}), "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine".into()),
        ("ListExecutions", json!({"mapRunArn": map_run}), "ResourceNotFound", format!("Resource not found: '{map_run}'")),
        ("ListExecutions", json!({"mapRunArn": "x"}), "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'".into()),
        ("ListExecutions", json!({"mapRunArn": express}), "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: stateMachine'".into()),
        ("ListExecutions", json!({"stateMachineArn": express}), "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine".into()),
        ("DescribeExecution", json!({"executionArn": execution}), "ExecutionDoesNotExist", format!("Execution Does Not Exist: '{execution}'")),
        ("StopExecution", json!({"executionArn": execution}), "ExecutionDoesNotExist", format!("Execution Does Not Exist: '{execution}'")),
        ("GetExecutionHistory", json!({"executionArn": execution.replace("execution", "express") + ":id"}), "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'".into()),
        ("SendTaskSuccess", json!({"taskToken": "x", "output": "1"}), "InvalidToken", "Invalid Token: 'Invalid token'".into()),
        ("ListStateMachines", json!({"nextToken": "x"}), "InvalidToken", "Invalid Token: 'Invalid token'".into()),
        ("UpdateStateMachine", json!({"stateMachineArn": machine}), "MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified".into()),
        ("CreateStateMachine", json!({"name": "v", "definition": pass(1).to_string(), "roleArn": ROLE, "versionDescription": "d"}), "ValidationException", "Version description can only be set when publish is true".into()),
        ("CreateStateMachine", json!({"name": "v", "definition": pass(1).to_string(), "roleArn": "role"}), "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: role'".into()),
        ("CreateStateMachine", json!({"name": "v", "definition": pass(1).to_string(), "roleArn": ROLE, "loggingConfiguration": {"level": "ALL"}}), "InvalidLoggingConfiguration", "Invalid Logging Configuration: Must specify exactly one Log Destination.".into()),
    ] {
        assert_eq!(server.error(operation, request).await, (code.to_owned(), message), "{operation}");
    }
    for operation in ["DescribeMapRun", "ListMapRuns"] {
        let (code, message) = server.error(operation, json!({})).await;
        assert_eq!(code, "UnknownOperationException");
        assert!(message.contains("not implement"), "{message}");
    }
    server.stop().await;
}

#[tokio::test]
async fn accounts_and_regions_come_from_the_signature() {
    let server = TestServer::start().await;
    let signature = "AWS4-HMAC-SHA256 Credential=123456789012/20261122/eu-west-1/states/aws4_request, SignedHeaders=host, Signature=0";
    let request = json!({"name": "a"}).to_string();
    let (status, body) = server.client.raw("CreateActivity", request, &[("authorization", signature)]).await;
    assert_eq!(status, 200);
    let created: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(created["activityArn"], "arn:aws:states:eu-west-1:123456789012:activity:a");
    assert_eq!(server.call("ListActivities", json!({})).await["activities"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn express_executions_answer_their_end() {
    let server = TestServer::start().await;
    let machine = server.express("x", pass(3)).await;
    let answer = server
        .call("StartSyncExecution", json!({"stateMachineArn": machine, "name": "n", "input": "[1]"}))
        .await;
    assert_eq!(
        (&answer["status"], &answer["output"], &answer["name"]),
        (&json!("SUCCEEDED"), &json!("[1]"), &json!("n"))
    );
    assert!(text(&answer["executionArn"]).starts_with("arn:aws:states:us-east-1:000000000000:express:x:n:"));
    assert_eq!(answer["billingDetails"]["billedMemoryUsedInMB"], 64);
    let fail = json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}});
    let failing = server.express("f", fail).await;
    let answer = server.call("StartSyncExecution", json!({"stateMachineArn": failing})).await;
    assert_eq!(
        (&answer["status"], &answer["error"], &answer["cause"]),
        (&json!("FAILED"), &json!("E"), &json!("C"))
    );
    let slow = json!({"StartAt": "W", "TimeoutSeconds": 1, "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}});
    let slow = server.express("w", slow).await;
    let answer = server.call("StartSyncExecution", json!({"stateMachineArn": slow})).await;
    assert_eq!(answer["status"], "TIMED_OUT");
    // Asynchronous: durable at the start, gone at the end; names may repeat.
    let request = json!({"stateMachineArn": machine, "name": "n"});
    let first = server.call("StartExecution", request.clone()).await;
    let second = server.call("StartExecution", request).await;
    assert_ne!(first["executionArn"], second["executionArn"]);
    let (code, _) = server.error("DescribeExecution", json!({"executionArn": first["executionArn"]})).await;
    assert_eq!(code, "InvalidArn");
    server.stop().await;
}

#[tokio::test]
async fn a_nested_execution_is_awaited_and_stopped_with_its_parent() {
    let server = TestServer::start().await;
    let child = server.machine("child", pass(1)).await;
    let nest = |pattern: &str, child: &str| {
        json!({"StartAt": "N", "States": {"N": {
            "Type": "Task", "Resource": format!("arn:aws:states:::states:startExecution{pattern}"),
            "Parameters": {"StateMachineArn": child, "Input": {"a": 1}}, "End": true
        }}})
    };
    for (pattern, name) in [("", "plain"), (".sync", "sync"), (".sync:2", "sync2")] {
        let parent = server.machine(name, nest(pattern, &child)).await;
        let execution = server.start_execution(&parent, json!({})).await;
        let ended = server.end(&execution).await;
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        let output = parsed(&ended["output"]);
        assert!(text(&output["ExecutionArn"]).contains(":execution:child:"));
        match pattern {
            "" => assert_eq!(output["SdkHttpMetadata"]["HttpStatusCode"], 200),
            ".sync" => assert_eq!(output["Output"], "{\"a\":1}"),
            _ => assert_eq!(output["Output"], json!({"a": 1})),
        }
    }
    let missing = server.machine("missing", nest("", &format!("{child}x"))).await;
    let execution = server.start_execution(&missing, json!({})).await;
    assert_eq!(server.end(&execution).await["error"], "StepFunctions.StateMachineDoesNotExistException");

    let slow = server.machine("slow", wait(600)).await;
    let parent = server.machine("waiting", nest(".sync", &slow)).await;
    let execution = server.start_execution(&parent, json!({})).await;
    let child = loop {
        let listed = server.call("ListExecutions", json!({"stateMachineArn": slow})).await;
        if let Some(child) = listed["executions"].get(0) {
            let history = types(&server.history(&execution).await);
            if history.contains(&"TaskSubmitted".to_owned()) {
                break text(&child["executionArn"]);
            }
        }
        tokio::task::yield_now().await;
    };
    server.call("StopExecution", json!({"executionArn": execution})).await;
    assert_eq!(server.end(&child).await["status"], "ABORTED");
    server.stop().await;
}

#[tokio::test]
async fn a_map_of_a_thousand_items_keeps_their_order() {
    let server = TestServer::start().await;
    let machine = server
        .machine(
            "m",
            json!({"StartAt": "M", "States": {"M": {
                "Type": "Map", "End": true,
                "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}
            }}}),
        )
        .await;
    let items: Vec<usize> = (0..1000).collect();
    let execution = server.start_execution(&machine, json!(items)).await;
    let ended = server.end(&execution).await;
    assert_eq!(parsed(&ended["output"]), json!(items));
    let events = server.history(&execution).await;
    assert_eq!(events.len(), 1000);
    server.stop().await;
}

#[tokio::test]
async fn the_routes_beside_the_api_answer() {
    let server = TestServer::start().await;
    assert_eq!(server.client.get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(server.client.get("/readyz").await, (200, "ready\n".to_owned()));
    assert!(server.client.get("/version").await.1.contains("stepwell"));
    server.machine("m", pass(1)).await;
    let (status, metrics) = server.client.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("stepwell_requests_total{operation=\"CreateStateMachine\"} 1"));
    assert_eq!(server.client.get("/").await.0, 405);
    assert_eq!(server.client.get("/nothing").await.0, 404);
    server.stop().await;
}
