//! Bodies of answers: what stands on the wire, byte for byte.

use std::sync::Arc;

use stepwell_api::history_event::{Failure, HistoryEvent, Kind, MapIteration, StateType, TaskResource};
use stepwell_api::types::activity::GetActivityTaskResponse;
use stepwell_api::types::execution::{
    BillingDetails, DataDetails, DescribeExecutionResponse, ExecutionRedriveStatus, ExecutionStatus,
    StartExecutionResponse, StartSyncExecutionResponse, SyncExecutionStatus,
};
use stepwell_api::types::state_machine::VariableReferences;
use stepwell_api::types::tag::ListTagsForResourceResponse;
use stepwell_api::{Response, ToJson, write_history_page};

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn body(response: &impl ToJson) -> String {
    let response = Response::ok(response);
    assert_eq!(response.status, 200);
    String::from_utf8_lossy(&response.body).into_owned()
}

#[test]
fn answers_have_the_members_that_are_there() {
    assert_eq!(
        body(&StartExecutionResponse { execution_arn: text("a"), start_date: 1_700_000_000_123.into() }),
        r#"{"executionArn":"a","startDate":1700000000.123}"#
    );
    assert_eq!(body(&GetActivityTaskResponse { task_token: None, input: None }), "{}");
    assert_eq!(
        body(&GetActivityTaskResponse { task_token: Some(text("t")), input: Some(text("{\"a\":\"\\n\"}")) }),
        r#"{"taskToken":"t","input":"{\"a\":\"\\n\"}"}"#
    );
    assert_eq!(body(&ListTagsForResourceResponse { tags: Vec::new() }), r#"{"tags":[]}"#);
    assert_eq!(Response::empty().body, b"{}");

    assert_eq!(
        body(&DescribeExecutionResponse {
            execution_arn: text("e"),
            state_machine_arn: text("m"),
            name: Some(text("n")),
            status: ExecutionStatus::Running,
            start_date: 1000.into(),
            stop_date: None,
            input: Some(text("{ }")),
            input_details: Some(DataDetails::INCLUDED),
            output: None,
            output_details: None,
            trace_header: None,
            map_run_arn: None,
            error: None,
            cause: None,
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
            redrive_count: Some(0),
            redrive_date: None,
            redrive_status: Some(ExecutionRedriveStatus::NotRedrivable),
            redrive_status_reason: Some(text("Execution is RUNNING and cannot be redriven")),
            redrive_edits: None,
        }),
        r#"{"executionArn":"e","stateMachineArn":"m","name":"n","status":"RUNNING","startDate":1,"input":"{ }","inputDetails":{"included":true},"redriveCount":0,"redriveStatus":"NOT_REDRIVABLE","redriveStatusReason":"Execution is RUNNING and cannot be redriven"}"#
    );
    assert_eq!(
        body(&StartSyncExecutionResponse {
            execution_arn: text("e"),
            state_machine_arn: Some(text("m")),
            name: Some(text("n")),
            start_date: 1000.into(),
            stop_date: 1010.into(),
            status: SyncExecutionStatus::Succeeded,
            error: None,
            cause: None,
            input: Some(text("{}")),
            input_details: Some(DataDetails::INCLUDED),
            output: Some(text("1")),
            output_details: Some(DataDetails::INCLUDED),
            trace_header: None,
            billing_details: Some(BillingDetails {
                billed_memory_used_in_mb: 64,
                billed_duration_in_milliseconds: 100,
            }),
        }),
        r#"{"executionArn":"e","stateMachineArn":"m","name":"n","startDate":1,"stopDate":1.01,"status":"SUCCEEDED","input":"{}","inputDetails":{"included":true},"output":"1","outputDetails":{"included":true},"billingDetails":{"billedMemoryUsedInMB":64,"billedDurationInMilliseconds":100}}"#
    );
}

#[test]
fn variable_references_are_absent_when_empty() {
    assert_eq!(VariableReferences::default().or_absent(), None);
    let references =
        VariableReferences(vec![(text("A \"state\""), vec![text("x"), text("y")]), (text("B"), vec![])]);
    assert_eq!(body(&references.or_absent().unwrap()), r#"{"A \"state\"":["x","y"],"B":[]}"#);
}

fn event(id: u64, previous_event_id: u64, kind: Kind) -> HistoryEvent {
    HistoryEvent { id, previous_event_id, timestamp_ms: 1_700_000_000_500, kind }
}

/// Every kind of event once, with what follows the common members in its JSON.
fn events() -> Vec<(Kind, String)> {
    let failure = || Failure { error: Some(text("E")), cause: Some(text("C")) };
    let task = || TaskResource { resource_type: text("sqs"), resource: text("sendMessage") };
    let iteration = || MapIteration { name: text("M"), index: 3 };
    let plain = |kind: Kind| {
        let suffix = String::new();
        (kind, suffix)
    };
    let detailed = |kind: Kind, details: &str| {
        let (_, key) = kind.names();
        let suffix = format!(",\"{}\":{{{details}}}", key.unwrap_or_default());
        (kind, suffix)
    };
    let failed = |kind: Kind| detailed(kind, r#""error":"E","cause":"C""#);
    let task_failed = |kind: Kind| {
        detailed(kind, r#""resourceType":"sqs","resource":"sendMessage","error":"E","cause":"C""#)
    };
    let iterated = |kind: Kind| detailed(kind, r#""name":"M","index":3"#);
    let output = |kind: Kind| detailed(kind, r#""output":"[1]","outputDetails":{"truncated":false}"#);
    let task_output = |kind: Kind| {
        detailed(
            kind,
            r#""resourceType":"sqs","resource":"sendMessage","output":"[1]","outputDetails":{"truncated":false}"#,
        )
    };
    let mut events = vec![
        detailed(
            Kind::ExecutionStarted {
                input: text("{\"a\": 1}"),
                role_arn: text("r"),
                state_machine_alias_arn: None,
                state_machine_version_arn: Some(text("v")),
            },
            r#""input":"{\"a\": 1}","inputDetails":{"truncated":false},"roleArn":"r","stateMachineVersionArn":"v""#,
        ),
        output(Kind::ExecutionSucceeded { output: text("[1]") }),
        failed(Kind::ExecutionFailed(failure())),
        failed(Kind::ExecutionAborted(failure())),
        failed(Kind::ExecutionTimedOut(failure())),
        detailed(Kind::ExecutionAborted(Failure::default()), ""),
        detailed(
            Kind::ExecutionRedriven { redrive_count: 2, edited_state: None, definition_changed: false },
            r#""redriveCount":2"#,
        ),
        detailed(
            Kind::ExecutionRedriven {
                redrive_count: 2,
                edited_state: Some((text("S"), text("1"))),
                definition_changed: true,
            },
            r#""redriveCount":2,"name":"S","input":"1","inputDetails":{"truncated":false},"definitionChanged":true"#,
        ),
        detailed(
            Kind::LambdaFunctionScheduled {
                resource: text("f"),
                input: text("1"),
                timeout_seconds: Some(9),
                credentials_role_arn: Some(text("r")),
            },
            r#""resource":"f","input":"1","inputDetails":{"truncated":false},"timeoutInSeconds":9,"taskCredentials":{"roleArn":"r"}"#,
        ),
        plain(Kind::LambdaFunctionStarted),
        output(Kind::LambdaFunctionSucceeded { output: text("[1]") }),
        failed(Kind::LambdaFunctionFailed(failure())),
        failed(Kind::LambdaFunctionTimedOut(failure())),
        failed(Kind::LambdaFunctionScheduleFailed(failure())),
        failed(Kind::LambdaFunctionStartFailed(failure())),
        detailed(
            Kind::ActivityScheduled {
                resource: text("a"),
                input: text("1"),
                timeout_seconds: None,
                heartbeat_seconds: Some(5),
            },
            r#""resource":"a","input":"1","inputDetails":{"truncated":false},"heartbeatInSeconds":5"#,
        ),
        detailed(Kind::ActivityStarted { worker_name: Some(text("w")) }, r#""workerName":"w""#),
        detailed(Kind::ActivityStarted { worker_name: None }, ""),
        output(Kind::ActivitySucceeded { output: text("[1]") }),
        failed(Kind::ActivityFailed(failure())),
        failed(Kind::ActivityTimedOut(failure())),
        failed(Kind::ActivityScheduleFailed(failure())),
        detailed(
            Kind::TaskScheduled {
                task: task(),
                region: text("us-east-1"),
                parameters: text("{}"),
                timeout_seconds: Some(1),
                heartbeat_seconds: Some(2),
                credentials_role_arn: Some(text("r")),
            },
            r#""resourceType":"sqs","resource":"sendMessage","region":"us-east-1","parameters":"{}","timeoutInSeconds":1,"heartbeatInSeconds":2,"taskCredentials":{"roleArn":"r"}"#,
        ),
        detailed(Kind::TaskStarted { task: task() }, r#""resourceType":"sqs","resource":"sendMessage""#),
        task_output(Kind::TaskSubmitted { task: task(), output: text("[1]") }),
        task_output(Kind::TaskSucceeded { task: task(), output: text("[1]") }),
        task_failed(Kind::TaskFailed { task: task(), failure: failure() }),
        task_failed(Kind::TaskTimedOut { task: task(), failure: failure() }),
        task_failed(Kind::TaskStartFailed { task: task(), failure: failure() }),
        task_failed(Kind::TaskSubmitFailed { task: task(), failure: failure() }),
        plain(Kind::TaskStateAborted),
        plain(Kind::WaitStateAborted),
        plain(Kind::ParallelStateStarted),
        plain(Kind::ParallelStateSucceeded),
        plain(Kind::ParallelStateFailed),
        plain(Kind::ParallelStateAborted),
        detailed(Kind::MapStateStarted { length: 0 }, r#""length":0"#),
        plain(Kind::MapStateSucceeded),
        plain(Kind::MapStateFailed),
        plain(Kind::MapStateAborted),
        iterated(Kind::MapIterationStarted(iteration())),
        iterated(Kind::MapIterationSucceeded(iteration())),
        iterated(Kind::MapIterationFailed(iteration())),
        iterated(Kind::MapIterationAborted(iteration())),
        detailed(Kind::MapRunStarted { map_run_arn: text("m") }, r#""mapRunArn":"m""#),
        plain(Kind::MapRunSucceeded),
        failed(Kind::MapRunFailed(failure())),
        plain(Kind::MapRunAborted),
        detailed(
            Kind::MapRunRedriven { map_run_arn: text("m"), redrive_count: 1 },
            r#""mapRunArn":"m","redriveCount":1"#,
        ),
        detailed(
            Kind::EvaluationFailed { failure: failure(), location: Some(text("Output/x")), state: text("S") },
            r#""error":"E","cause":"C","location":"Output/x","state":"S""#,
        ),
        detailed(
            Kind::StateExited {
                state_type: StateType::Pass,
                name: text("S"),
                output: text("1"),
                assigned_variables: vec![(text("x"), text("\"v\""))],
            },
            r#""name":"S","output":"1","outputDetails":{"truncated":false},"assignedVariables":{"x":"\"v\""},"assignedVariablesDetails":{"truncated":false}"#,
        ),
    ];
    for state_type in [
        StateType::Pass,
        StateType::Task,
        StateType::Choice,
        StateType::Wait,
        StateType::Succeed,
        StateType::Fail,
        StateType::Parallel,
        StateType::Map,
    ] {
        events.push(detailed(
            Kind::StateEntered { state_type, name: text("S"), input: text("1") },
            r#""name":"S","input":"1","inputDetails":{"truncated":false}"#,
        ));
        if state_type != StateType::Fail {
            events.push(detailed(
                Kind::StateExited {
                    state_type,
                    name: text("S"),
                    output: text("1"),
                    assigned_variables: Vec::new(),
                },
                r#""name":"S","output":"1","outputDetails":{"truncated":false}"#,
            ));
        }
    }
    events
}

#[test]
fn every_kind_of_event_has_the_models_shape() {
    let mut types = std::collections::BTreeSet::new();
    for (kind, suffix) in events() {
        let (event_type, details) = kind.names();
        types.insert(event_type);
        if let Some(details) = details {
            let lower = format!("{}{}EventDetails", event_type[..1].to_lowercase(), &event_type[1..]);
            assert!(
                details == lower
                    || details == "stateEnteredEventDetails"
                    || details == "stateExitedEventDetails",
                "{event_type} {details}"
            );
        }
        let mut out = Vec::new();
        event(7, 6, kind).write(true, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!(
                "{{\"timestamp\":1700000000.5,\"type\":\"{event_type}\",\"id\":7,\"previousEventId\":6{suffix}}}"
            )
        );
    }
    // The model has 62 event types.
    assert_eq!(types.len(), 62);
}

#[test]
fn pages_may_leave_out_execution_data() {
    let events: Vec<_> =
        events().into_iter().zip(1..).map(|((kind, _), id)| event(id, id - 1, kind)).collect();
    let mut out = Vec::new();
    write_history_page(&events, false, Some("next"), &mut out);
    let page: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(page["nextToken"], "next");
    let list = page["events"].as_array().unwrap();
    assert_eq!(list.len(), events.len());
    for member in ["\"input\":", "\"output\":", "\"assignedVariables\":"] {
        assert!(!String::from_utf8_lossy(&out).contains(member), "{member}");
    }
    assert_eq!(list[0]["executionStartedEventDetails"]["inputDetails"]["truncated"], false);
    assert_eq!(list[2]["executionFailedEventDetails"]["cause"], "C");

    let mut out = Vec::new();
    write_history_page(&[], true, None, &mut out);
    assert_eq!(out, br#"{"events":[]}"#);
}

/// Prints how long a page takes: `cargo test --release -p stepwell-api --test responses -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn a_page_of_1000_events_takes_well_under_a_millisecond() {
    let payload = text(&format!(r#"{{"order":"{}","items":[1,2,3]}}"#, "x".repeat(400)));
    let events: Vec<_> = (1..=1000)
        .map(|id| {
            event(
                id,
                id - 1,
                Kind::StateEntered {
                    state_type: StateType::Task,
                    name: text("State"),
                    input: payload.clone(),
                },
            )
        })
        .collect();
    let mut out = Vec::new();
    let start = std::time::Instant::now();
    for _ in 0..100 {
        out.clear();
        write_history_page(&events, true, None, &mut out);
    }
    println!("{} bytes, {:?} a page", out.len(), start.elapsed() / 100);
}
