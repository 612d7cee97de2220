use std::time::Duration;

use serde_json::{Value, json};
use stepwell_api::Operation;
use stepwell_store::{Batch, DeletedExecution, MemoryStore, Store};

use super::*;
use crate::{Server, Settings, operations::Operations, service::dispatch};

struct Fixture {
    server: Server,
    store: Arc<MemoryStore>,
}

impl Fixture {
    async fn new(settings: Settings) -> Fixture {
        let store = Arc::new(MemoryStore::new());
        let server = Server::start(Settings { shards: 1, ..settings }, store.clone()).await.unwrap();
        Fixture { server, store }
    }

    fn operations(&self) -> &Arc<Operations> {
        self.server.operations()
    }

    async fn send(&self, operation: &str, request: Value) -> Result<Value, String> {
        let operations = self.operations();
        let operation = Operation::from_name(operation).unwrap();
        let body = bytes::Bytes::from(request.to_string()).into();
        let answer = dispatch(operations, operation, operations.default_identity(), body).await;
        answer.map(|body| serde_json::from_slice(&body).unwrap()).map_err(|error| error.code.to_string())
    }

    async fn call(&self, operation: &str, request: Value) -> Value {
        self.send(operation, request.clone()).await.unwrap_or_else(|error| panic!("{request}: {error}"))
    }

    async fn machine(&self, name: &str, kind: &str, definition: &Value) -> Value {
        let role = "arn:aws:iam::000000000000:role/test";
        let definition = definition.to_string();
        let request = json!({"name": name, "type": kind, "definition": definition, "roleArn": role});
        self.call("CreateStateMachine", request).await["stateMachineArn"].clone()
    }

    async fn start(&self, machine: &Value, name: &str, input: &str) -> String {
        let request = json!({"stateMachineArn": machine, "name": name, "input": input});
        self.call("StartExecution", request).await["executionArn"].as_str().unwrap().to_owned()
    }

    async fn describe(&self, arn: &str) -> Value {
        self.call("DescribeExecution", json!({"executionArn": arn})).await
    }

    async fn metadata(&self, arn: &str) -> Value {
        self.call("DescribeExecution", json!({"executionArn": arn, "includedData": "METADATA_ONLY"})).await
    }

    /// Waits until an end of the execution is here.
    async fn kept(&self, arn: &str) {
        while self.operations().recent_ends.find(arn).is_none() {
            tokio::task::yield_now().await;
        }
    }

    async fn stop(self) {
        self.server.shutdown(Duration::from_secs(5)).await;
    }
}

fn one(state: Value) -> Value {
    let mut definition = json!({"StartAt": "S"});
    definition["States"] = json!({ "S": state });
    definition
}

fn pass() -> Value {
    json!({"Type": "Pass", "End": true})
}

#[tokio::test]
async fn an_execution_is_described_alike_from_here_and_from_the_store() {
    let wait = json!({"Type": "Wait", "Seconds": 3600, "End": true});
    let mut slow = one(wait.clone());
    slow["TimeoutSeconds"] = json!(1);
    let long = format!("\"{}\"", "x".repeat(TEXT_BYTES_MAX));
    let failure = json!({"Type": "Fail", "Error": "E", "Cause": "c"});
    let nameless = json!({"Type": "Fail"});
    let new_output = json!({"Type": "Pass", "Result": {"a": [1, 2]}, "End": true});
    let fixture = Fixture::new(Settings::default()).await;
    for (name, definition, input, status, is_kept) in [
        ("success", one(pass()), r#"{ "a" : 1.0 }"#, "SUCCEEDED", true),
        ("output", one(new_output), "[]", "SUCCEEDED", true),
        ("failure", one(failure), "{}", "FAILED", true),
        ("nameless", one(nameless), "{}", "FAILED", true),
        ("abort", one(wait), "{}", "ABORTED", true),
        ("time-out", slow, "{}", "TIMED_OUT", true),
        ("long", one(pass()), &long, "SUCCEEDED", false),
    ] {
        let machine = fixture.machine(name, "STANDARD", &definition).await;
        let arn = fixture.start(&machine, name, input).await;
        if status == "ABORTED" {
            let request = json!({"executionArn": arn, "error": "Stopped", "cause": "by hand"});
            fixture.call("StopExecution", request).await;
        }
        fixture.operations().wait_for_end(&arn).await.unwrap();
        if is_kept {
            fixture.kept(&arn).await;
        }
        let from_here = (fixture.describe(&arn).await, fixture.metadata(&arn).await);
        assert_eq!(fixture.operations().recent_ends.find(&arn).is_some(), is_kept, "{name}");
        fixture.operations().recent_ends.forget(&arn);
        let from_store = (fixture.describe(&arn).await, fixture.metadata(&arn).await);
        assert_eq!(from_here, from_store, "{name}");
        assert_eq!(from_here.0["status"], status, "{name}");
        assert_eq!(from_here.0["input"], input, "{name}");
        assert_eq!(from_here.1.get("input"), None, "{name}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn who_was_told_of_a_redrive_is_not_shown_the_end_before_it() {
    let fixture = Fixture::new(Settings::default()).await;
    let activity = fixture.call("CreateActivity", json!({"name": "a"})).await["activityArn"].clone();
    let task = json!({"Type": "Task", "Resource": activity, "End": true});
    let waits = fixture.machine("waits", "STANDARD", &one(task)).await;
    let fails = fixture.machine("fails", "STANDARD", &one(json!({"Type": "Fail"}))).await;
    // One that waits for a worker, and one that ends again about when it is said to run.
    for (machine, ends_again) in [(waits, false), (fails, true)] {
        let arn = fixture.start(&machine, "n", "{}").await;
        if !ends_again {
            fixture.call("StopExecution", json!({"executionArn": arn})).await;
        }
        for count in 1..=50 {
            fixture.kept(&arn).await;
            fixture.call("RedriveExecution", json!({"executionArn": arn})).await;
            let described = fixture.describe(&arn).await;
            assert_eq!(described["redriveCount"], count);
            if !ends_again {
                assert_eq!(described["status"], "RUNNING");
                let stopped = fixture.call("StopExecution", json!({"executionArn": arn})).await;
                let described = fixture.describe(&arn).await;
                assert_eq!(described["status"], "ABORTED");
                assert_eq!(described["stopDate"], stopped["stopDate"]);
            }
        }
    }
    fixture.stop().await;
}

#[tokio::test]
async fn what_retention_may_have_removed_is_looked_up_in_the_store() {
    let fixture = Fixture::new(Settings { retention_days: 0, ..Settings::default() }).await;
    let ends = fixture.machine("ends", "STANDARD", &one(pass())).await;
    let arn = fixture.start(&ends, "n", "1").await;
    fixture.kept(&arn).await;
    assert_eq!(fixture.describe(&arn).await["status"], "SUCCEEDED");
    let (key, row) = fixture.store.find_row(&arn).unwrap().unwrap();
    let deleted = vec![DeletedExecution::of(key, &row)];
    fixture.store.commit_and_wait(Batch { deleted, ..Batch::default() }).unwrap();
    let request = json!({"executionArn": arn});
    assert_eq!(fixture.send("DescribeExecution", request).await, Err("ExecutionDoesNotExist".to_owned()));

    fixture.operations().router.forget_names(vec![arn.clone()]);
    assert_eq!(fixture.start(&ends, "n", "2").await, arn);
    assert_eq!(fixture.describe(&arn).await["input"], "2");
    fixture.stop().await;
}

#[tokio::test]
async fn express_executions_do_not_come_here() {
    let fixture = Fixture::new(Settings::default()).await;
    let machine = fixture.machine("express", "EXPRESS", &one(pass())).await;
    let arn = fixture.start(&machine, "n", "{}").await;
    while fixture.store.count_open() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(fixture.operations().recent_ends.find(&arn).is_none());
    let request = json!({"executionArn": arn});
    assert_eq!(fixture.send("DescribeExecution", request).await, Err("InvalidArn".to_owned()));
    fixture.stop().await;
}

fn ended(arn: &str, start_ms: i64, input: &str) -> Arc<Ended> {
    let row = ExecutionRow::started(arn, "machine", "name", start_ms, 1);
    Arc::new(Ended {
        key: ExecutionKey::new(start_ms.unsigned_abs(), arn),
        status: stepwell_interpreter::Status::Succeeded,
        row: Arc::new(row),
        ends: Ends { input: Some(input.into()), ..Ends::default() },
    })
}

#[test]
fn the_newest_end_of_an_execution_is_found_or_none() {
    let short = "x".repeat(TEXT_BYTES_MAX);
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    for (newest, is_found) in [(&short, true), (&long, false)] {
        let ends = RecentEnds::default();
        ends.keep(ended("a", 1, "1"));
        ends.keep(ended("a", 2, newest));
        let found = ends.find("a").map(|(key, _, ends)| (key, ends.input));
        let expected = (ExecutionKey::new(2, "a"), Some(newest.as_str().into()));
        assert_eq!(found, is_found.then_some(expected));
        ends.forget("a");
        assert_eq!(ends.find("a"), None);
    }
}

#[test]
fn however_many_executions_end_only_so_many_are_kept_and_none_for_another() {
    let ends = RecentEnds::default();
    let arns: Vec<String> = (0..4 * ENDS_MAX).map(|number| format!("arn {number}")).collect();
    for (arn, start_ms) in arns.iter().zip(1..) {
        ends.keep(ended(arn, start_ms, arn));
    }
    let found: Vec<_> = arns.iter().filter_map(|arn| Some((arn, ends.find(arn)?))).collect();
    assert!(found.len() <= ENDS_MAX && found.len() > ENDS_MAX / 2, "{}", found.len());
    for (arn, (_, row, ends)) in &found {
        assert_eq!((*arn, ends.input.as_deref()), (&row.arn, Some(arn.as_str())));
    }
    // Forgetting one leaves those alone that could have its place.
    arns.iter().filter(|arn| found.iter().all(|(other, _)| other != arn)).for_each(|arn| ends.forget(arn));
    assert!(found.iter().all(|(arn, _)| ends.find(arn).is_some()));
}
