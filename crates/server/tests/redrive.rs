//! RedriveExecution over HTTP: eligibility, what goes on, tokens, and what goes beyond AWS.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::{path::Path, sync::Arc};

use common::{TestServer, text};
use serde_json::{Value, json};
use stepwell_server::Settings;
use stepwell_store::MemoryStore;
use stepwell_store_embedded::{EmbeddedStore, OpenError, Options};

/// The last tasks of a server that has ended may hold its store for a moment.
async fn open(directory: &Path) -> TestServer {
    for _ in 0..500 {
        match EmbeddedStore::open(directory, Options::default()) {
            Ok(store) => return TestServer::with(Settings::default(), Arc::new(store)).await,
            Err(OpenError::Locked { .. }) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store stays locked");
}

/// An activity task between two Pass states; the context object is what it gets.
fn around(activity: &str) -> Value {
    json!({"StartAt": "First", "States": {
        "First": {"Type": "Pass", "Result": {"kept": 1}, "ResultPath": "$.first", "Next": "Work"},
        "Work": {"Type": "Task", "Resource": activity, "ResultPath": "$.work", "Next": "Last",
                 "Parameters": {"count.$": "$$.Execution.RedriveCount", "input.$": "$"}},
        "Last": {"Type": "Pass", "End": true}
    }})
}

struct Fixture {
    server: TestServer,
    activity: String,
    machine: String,
}

impl Fixture {
    async fn new() -> Fixture {
        Self::over(TestServer::start().await).await
    }

    async fn over(server: TestServer) -> Fixture {
        let created = server.call("CreateActivity", json!({"name": "work"})).await;
        let activity = text(&created["activityArn"]);
        let machine = server.machine("m", around(&activity)).await;
        Fixture { server, activity, machine }
    }

    async fn task(&self) -> (String, Value) {
        let task = self.server.call("GetActivityTask", json!({"activityArn": self.activity})).await;
        (text(&task["taskToken"]), serde_json::from_str(&text(&task["input"])).unwrap())
    }

    /// Starts an execution whose task fails.
    async fn failed(&self) -> String {
        let execution = self.server.start_execution(&self.machine, json!({"a": 1})).await;
        self.fail().await;
        let ended = self.server.end(&execution).await;
        assert_eq!(ended["status"], "FAILED");
        execution
    }

    async fn fail(&self) -> String {
        let (token, _) = self.task().await;
        self.server
            .call("SendTaskFailure", json!({"taskToken": token, "error": "Broken", "cause": "c"}))
            .await;
        token
    }

    async fn succeed(&self) -> Value {
        let (token, input) = self.task().await;
        self.server.call("SendTaskSuccess", json!({"taskToken": token, "output": "\"done\""})).await;
        input
    }

    async fn describe(&self, execution: &str) -> Value {
        self.server.call("DescribeExecution", json!({"executionArn": execution})).await
    }

    async fn redrive(&self, execution: &str, more: Value) -> Value {
        let mut request = json!({"executionArn": execution});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.call("RedriveExecution", request).await
    }

    async fn refusal(&self, execution: &str, more: Value) -> (String, String) {
        let mut request = json!({"executionArn": execution});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.error("RedriveExecution", request).await
    }

    async fn listed(&self, more: Value) -> Vec<String> {
        let mut request = json!({"stateMachineArn": self.machine});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let list = self.server.call("ListExecutions", request).await;
        list["executions"].as_array().unwrap().iter().map(|item| text(&item["executionArn"])).collect()
    }
}

fn types(history: &[Value]) -> Vec<String> {
    history
        .iter()
        .map(|event| {
            format!("{}<-{} {}", event["id"], event["previousEventId"], event["type"].as_str().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn a_failed_task_is_scheduled_again_and_what_went_well_is_kept() {
    let fixture = Fixture::new().await;
    let execution = fixture.server.start_execution(&fixture.machine, json!({"a": 1})).await;
    let running = fixture.describe(&execution).await;
    assert_eq!(running["redriveStatusReason"], "Execution is RUNNING and cannot be redriven");
    let old_token = fixture.fail().await;
    let ended = fixture.server.end(&execution).await;
    assert_eq!((&ended["redriveStatus"], ended.get("redriveStatusReason")), (&json!("REDRIVABLE"), None));
    assert_eq!(ended["redriveCount"], 0);

    let answer = fixture.redrive(&execution, json!({})).await;
    let redriven = fixture.describe(&execution).await;
    assert_eq!(redriven["status"], "RUNNING");
    assert_eq!(redriven["redriveCount"], 1);
    assert_eq!(redriven["redriveDate"], answer["redriveDate"]);
    assert_eq!(redriven["startDate"], ended["startDate"]);
    for gone in ["stopDate", "error", "cause"] {
        assert_eq!(redriven.get(gone), None, "{gone}");
    }
    let late = json!({"taskToken": old_token, "output": "1"});
    assert_eq!(fixture.server.error("SendTaskSuccess", late).await.0, "TaskTimedOut");

    let input = fixture.succeed().await;
    assert_eq!(input, json!({"count": 1, "input": {"a": 1, "first": {"kept": 1}}}));
    let ended = fixture.server.end(&execution).await;
    assert_eq!(ended["status"], "SUCCEEDED");
    assert_eq!(ended["output"], r#"{"a":1,"first":{"kept":1},"work":"done"}"#);
    assert_eq!(ended["redriveStatusReason"], "Execution is SUCCEEDED and cannot be redriven");
    let history = fixture.server.history(&execution).await;
    assert_eq!(
        types(&history)[4..],
        [
            "5<-4 ActivityScheduled",
            "6<-5 ActivityStarted",
            "7<-6 ActivityFailed",
            "8<-7 ExecutionFailed",
            "9<-8 ExecutionRedriven",
            "10<-7 ActivityScheduled",
            "11<-10 ActivityStarted",
            "12<-11 ActivitySucceeded",
            "13<-12 TaskStateExited",
            "14<-13 PassStateEntered",
            "15<-14 PassStateExited",
            "16<-15 ExecutionSucceeded",
        ]
    );
    assert_eq!(history[8]["executionRedrivenEventDetails"], json!({"redriveCount": 1}));
    fixture.server.stop().await;
}

#[tokio::test]
async fn what_can_not_be_redriven_is_refused_in_the_words_of_describe_execution() {
    let fixture = Fixture::new().await;
    let server = &fixture.server;
    let running = server.start_execution(&fixture.machine, json!({})).await;
    let not_redrivable = |reason: &str| ("ExecutionNotRedrivable".to_owned(), reason.to_owned());
    assert_eq!(
        fixture.refusal(&running, json!({})).await,
        not_redrivable("Execution is RUNNING and cannot be redriven")
    );
    fixture.succeed().await;
    server.end(&running).await;
    assert_eq!(
        fixture.refusal(&running, json!({})).await,
        not_redrivable("Execution is SUCCEEDED and cannot be redriven")
    );
    let unknown = running.clone() + "x";
    assert_eq!(fixture.refusal(&unknown, json!({})).await.0, "ExecutionDoesNotExist");
    let express = running.replace(":execution:", ":express:") + ":id";
    assert_eq!(
        fixture.refusal(&express, json!({})).await.1,
        "Invalid Arn: 'Resource type not valid in this context: express'"
    );
    for token in ["", "with space", &"x".repeat(65)] {
        assert_eq!(fixture.refusal(&running, json!({"clientToken": token})).await.0, "ValidationException");
    }
    let failed = fixture.failed().await;
    assert_eq!(fixture.refusal(&failed, json!({"withInput": "{"})).await.0, "InvalidExecutionInput");
    assert_eq!(fixture.refusal(&failed, json!({"withDefinition": "{}"})).await.0, "InvalidDefinition");
    server.call("DeleteStateMachine", json!({"stateMachineArn": fixture.machine})).await;
    assert_eq!(
        fixture.refusal(&failed, json!({})).await,
        not_redrivable("State machine is in DELETING status")
    );
    assert_eq!(fixture.describe(&failed).await["redriveStatusReason"], "State machine is in DELETING status");
    fixture.server.stop().await;
}

#[tokio::test]
async fn executions_that_retention_is_about_to_remove_are_left_to_it() {
    let settings = Settings { retention_days: 0, ..Settings::default() };
    let fixture = Fixture::over(TestServer::with(settings, Arc::new(MemoryStore::new())).await).await;
    let failed = fixture.failed().await;
    assert_eq!(
        fixture.refusal(&failed, json!({})).await,
        ("ExecutionNotRedrivable".to_owned(), "Execution redrivable period exceeded".to_owned())
    );
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_token_counts_once_and_of_several_redrives_at_once_one_wins() {
    let fixture = Fixture::new().await;
    let execution = fixture.failed().await;
    let first = fixture.redrive(&execution, json!({"clientToken": "t"})).await;
    assert_eq!(fixture.redrive(&execution, json!({"clientToken": "t"})).await, first);
    fixture.fail().await;
    fixture.server.end(&execution).await;
    // It is remembered although the execution has failed again.
    assert_eq!(fixture.redrive(&execution, json!({"clientToken": "t"})).await, first);
    assert_eq!(fixture.describe(&execution).await["status"], "FAILED");

    let calls = (0..16).map(|number| {
        let request = json!({"executionArn": execution, "clientToken": format!("t{number}")});
        let client = fixture.server.client.clone();
        tokio::spawn(async move { client.send("RedriveExecution", request).await.0 })
    });
    let mut statuses = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        statuses.push(call.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 400), "{statuses:?}");
    assert_eq!(fixture.describe(&execution).await["redriveCount"], 2);
    fixture.server.stop().await;
}

#[tokio::test]
async fn lists_tell_redriven_executions_from_others() {
    let fixture = Fixture::new().await;
    let first = fixture.failed().await;
    let second = fixture.failed().await;
    fixture.redrive(&first, json!({})).await;
    let third = fixture.server.start_execution(&fixture.machine, json!({})).await;
    assert_eq!(fixture.listed(json!({"redriveFilter": "REDRIVEN"})).await, std::slice::from_ref(&first));
    assert_eq!(fixture.listed(json!({"redriveFilter": "NOT_REDRIVEN"})).await, [third.clone(), second]);
    assert_eq!(fixture.listed(json!({"statusFilter": "RUNNING"})).await, [third, first.clone()]);
    // Pages of a filtered list go on where they ended.
    let request = json!({"stateMachineArn": fixture.machine, "redriveFilter": "REDRIVEN", "maxResults": 1});
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut request = request.clone();
        if token.is_string() {
            request["nextToken"] = token.clone();
        }
        let page = fixture.server.call("ListExecutions", request).await;
        found.extend(page["executions"].as_array().unwrap().iter().map(|item| text(&item["executionArn"])));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(found, [first]);
    fixture.server.stop().await;
}

#[tokio::test]
async fn an_edited_input_and_a_mended_definition_are_kept_and_shown() {
    let fixture = Fixture::new().await;
    let server = &fixture.server;
    let execution = fixture.failed().await;
    let mut renamed = around(&fixture.activity);
    let states = renamed["States"].as_object_mut().unwrap();
    let work = states.remove("Work").unwrap();
    states.insert("Other".into(), work);
    renamed["States"]["First"]["Next"] = "Other".into();
    let (code, message) = fixture.refusal(&execution, json!({"withDefinition": renamed.to_string()})).await;
    assert_eq!(code, "ValidationException");
    assert_eq!(
        message,
        "The new definition has no state 'Work' at the top level, where the execution goes on. Keep a state of that \
         name there, or start a new execution."
    );

    // States before the failed one, so that all numbers move; and another result at the end.
    let mended = json!({"StartAt": "Zero", "States": {
        "Zero": {"Type": "Pass", "Next": "First"},
        "First": {"Type": "Pass", "Next": "Work"},
        "Work": {"Type": "Task", "Resource": fixture.activity, "ResultPath": "$.mended", "Next": "End"},
        "End": {"Type": "Succeed"}
    }});
    let edits = json!({"withInput": "{\"b\":2}", "withDefinition": mended.to_string()});
    fixture.redrive(&execution, edits).await;
    assert_eq!(fixture.succeed().await, json!({"b": 2}));
    let ended = server.end(&execution).await;
    assert_eq!(
        (&ended["status"], &ended["output"]),
        (&json!("SUCCEEDED"), &json!(r#"{"b":2,"mended":"done"}"#))
    );
    assert_eq!(ended["input"], r#"{"a":1}"#);
    let edit = &ended["redriveEdits"][0];
    assert_eq!(
        edit,
        &json!({"redriveCount": 1, "redriveDate": ended["redriveDate"], "stateName": "Work", "input": "{\"b\":2}",
                "definitionChanged": true})
    );
    let history = server.history(&execution).await;
    assert_eq!(history[8]["executionRedrivenEventDetails"]["name"], "Work");
    let names: Vec<_> =
        history.iter().filter_map(|event| event["stateEnteredEventDetails"]["name"].as_str()).collect();
    assert_eq!(names, ["First", "Work", "End"]);
    let mut backwards = server
        .call("GetExecutionHistory", json!({"executionArn": execution, "reverseOrder": true}))
        .await["events"]
        .as_array()
        .unwrap()
        .clone();
    backwards.reverse();
    assert_eq!(backwards, history);
    let definition = |count: Value| async {
        let mut request = json!({"executionArn": execution});
        if !count.is_null() {
            request["redriveCount"] = count;
        }
        text(&server.call("DescribeStateMachineForExecution", request).await["definition"])
    };
    assert_eq!(definition(json!(0)).await, around(&fixture.activity).to_string());
    assert_eq!(definition(json!(1)).await, mended.to_string());
    assert_eq!(definition(Value::Null).await, mended.to_string());
    // The machine keeps its own.
    let machine = server.call("DescribeStateMachine", json!({"stateMachineArn": fixture.machine})).await;
    assert_eq!(machine["definition"], around(&fixture.activity).to_string());
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_state_that_a_new_definition_has_with_another_type_is_entered_as_such() {
    let server = TestServer::start().await;
    let with = |broken: &Value| {
        let mut states = json!({"First": {"Type": "Pass", "Next": "Broken"}, "Broken": broken});
        if broken.get("Next").is_some() {
            states["Last"] = json!({"Type": "Succeed"});
        }
        json!({"StartAt": "First", "States": states})
    };
    let (fail, succeed) = (json!({"Type": "Fail"}), json!({"Type": "Succeed"}));
    let pass = json!({"Type": "Pass", "Next": "Last"});
    let wrong_path = json!({"Type": "Pass", "InputPath": "$.missing", "Next": "Last"});
    for (number, (before, after, expected)) in [
        (&fail, &pass, ["PassStateEntered", "PassStateExited", "SucceedStateEntered"].as_slice()),
        (&fail, &succeed, &["SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"]),
        (&wrong_path, &succeed, &["SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"]),
        (&wrong_path, &fail, &["FailStateEntered", "ExecutionFailed"]),
        (&wrong_path, &pass, &["PassStateExited", "SucceedStateEntered", "SucceedStateExited"]),
    ]
    .into_iter()
    .enumerate()
    {
        let machine = server.machine(&format!("m{number}"), with(before)).await;
        let execution = server.start_execution(&machine, json!({})).await;
        server.end(&execution).await;
        let edit = json!({"executionArn": execution, "withDefinition": with(after).to_string()});
        server.call("RedriveExecution", edit).await;
        server.end(&execution).await;
        let types = types(&server.history(&execution).await);
        let redriven = types.iter().position(|event| event.ends_with(" ExecutionRedriven")).unwrap();
        assert!(types.len() > redriven + expected.len(), "{before} to {after}: {types:?}");
        for (event, expected) in types[redriven + 1..].iter().zip(expected) {
            assert!(event.ends_with(&format!(" {expected}")), "{before} to {after}: {types:?}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redriven_execution_with_another_definition_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = Fixture::over(open(directory.path()).await).await;
    let execution = fixture.failed().await;
    let mended = json!({"StartAt": "Zero", "States": {
        "Zero": {"Type": "Pass", "Next": "Work"},
        "Work": {"Type": "Task", "Resource": fixture.activity, "End": true}
    }});
    let request = json!({"clientToken": "t", "withDefinition": mended.to_string()});
    let first = fixture.redrive(&execution, request.clone()).await;
    let before = loop {
        let history = fixture.server.history(&execution).await;
        if history.last().unwrap()["type"] == "ActivityScheduled" {
            break history;
        }
        tokio::task::yield_now().await;
    };
    let Fixture { server, activity, machine } = fixture;
    server.stop().await;
    let server = open(directory.path()).await;
    let fixture = Fixture { server, activity, machine };
    assert_eq!(fixture.server.history(&execution).await, before);
    assert_eq!(fixture.redrive(&execution, request).await, first);
    fixture.succeed().await;
    let ended = fixture.server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)));
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_nested_execution_answers_by_the_token_in_its_input() {
    let server = TestServer::start().await;
    let child = json!({"StartAt": "P", "States": {"P": {"Type": "Wait", "Seconds": 60, "End": true}}});
    let child = server.machine("child", child).await;
    let parent = json!({"StartAt": "Call", "States": {"Call": {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.waitForTaskToken",
        "Parameters": {"StateMachineArn": child, "Name.$": "$.name", "Input": {
            "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
            "token.$": "$$.Task.Token"}},
        "End": true}}});
    let parent = server.machine("parent", parent).await;
    for (name, answer, operation, status) in [
        ("good", json!({"output": "{\"x\":1}"}), "SendTaskSuccess", "SUCCEEDED"),
        ("bad", json!({"error": "E", "cause": "c"}), "SendTaskFailure", "FAILED"),
    ] {
        let execution = server.start_execution(&parent, json!({"name": name})).await;
        let nested = format!("{}:{name}", child.replace(":stateMachine:", ":execution:"));
        let input = loop {
            let (code, described) =
                server.client.send("DescribeExecution", json!({"executionArn": nested})).await;
            if code == 200 {
                break serde_json::from_str::<Value>(&text(&described["input"])).unwrap();
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(input["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"], execution);
        let mut request = answer.clone();
        request["taskToken"] = input["token"].clone();
        server.call(operation, request).await;
        let ended = server.end(&execution).await;
        assert_eq!(ended["status"], status, "{ended}");
        if status == "SUCCEEDED" {
            assert_eq!(ended["output"], "{\"x\":1}");
            let history = server.history(&execution).await;
            let scheduled = history.iter().find(|event| event["type"] == "TaskScheduled").unwrap();
            let details = &scheduled["taskScheduledEventDetails"];
            assert_eq!(details["resource"], "startExecution.waitForTaskToken");
        } else {
            assert_eq!((&ended["error"], &ended["cause"]), (&json!("E"), &json!("c")));
        }
        // Nobody waits for the child, and nothing has stopped it.
        let described = server.call("DescribeExecution", json!({"executionArn": nested})).await;
        assert_eq!(described["status"], "RUNNING");
    }
    server.stop().await;
}
