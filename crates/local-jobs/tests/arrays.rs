//! Array jobs and dependencies.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Machine, job};
use serde_json::json;

#[tokio::test]
async fn an_array_job_runs_its_children_and_ends_with_the_last() {
    let script = "echo $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE is $AWS_BATCH_JOB_ID";
    let machine = Machine::new(&job("a", script));
    let server = machine.server().await;
    let id = server.submit("a", json!({"arrayProperties": {"size": 5}})).await;
    let parent = server.end(&id).await;
    assert_eq!(parent["status"], "SUCCEEDED");
    assert_eq!(parent["arrayProperties"]["size"], 5);
    assert_eq!(parent["arrayProperties"]["statusSummary"]["SUCCEEDED"], 5);
    for index in 0..5 {
        let child = server.job(&format!("{id}:{index}")).await;
        assert_eq!(child["status"], "SUCCEEDED");
        assert_eq!(child["arrayProperties"], json!({"index": index}));
        assert_eq!(server.log(&child), format!("{index} of 5 is {id}:{index}\n"));
    }
    let listed = server.call("ListJobs", json!({"arrayJobId": id, "jobStatus": "SUCCEEDED"})).await;
    assert_eq!(listed["jobSummaryList"].as_array().unwrap().len(), 5);
    assert_eq!(listed["jobSummaryList"][4]["jobId"], format!("{id}:4"));
}

#[tokio::test]
async fn an_array_job_fails_when_a_child_does_and_retries_are_the_childrens() {
    let script = "[ $AWS_BATCH_JOB_ARRAY_INDEX = 1 ] && exit 7; [ $AWS_BATCH_JOB_ATTEMPT = 2 ]";
    let machine = Machine::new(&job("a", script));
    let server = machine.server().await;
    let more = json!({"arrayProperties": {"size": 3}, "retryStrategy": {"attempts": 2}});
    let parent = server.done("a", more).await;
    assert_eq!(parent["status"], "FAILED", "{parent}");
    assert_eq!(parent["statusReason"], "Array Child Job failed");
    assert_eq!(parent["arrayProperties"]["statusSummary"]["FAILED"], 1);
    assert_eq!(parent["arrayProperties"]["statusSummary"]["SUCCEEDED"], 2);
    let id = common::text(&parent["jobId"]);
    assert_eq!(server.job(&format!("{id}:1")).await["attempts"][1]["container"]["exitCode"], 7);
}

#[tokio::test]
async fn terminating_an_array_job_ends_what_runs_and_what_waits() {
    let text = job("a", "exec 3> alive; read x < never") + "[batch.queues.q]\nconcurrency = 1\n";
    let machine = Machine::new(&text);
    machine.pipe("never");
    let alive = machine.pipe("alive");
    let server = machine.server().await;
    let id = server.submit("a", json!({"arrayProperties": {"size": 2000}})).await;
    let gone = alive.open().await;
    assert_eq!(server.job(&id).await["status"], "PENDING");
    server.call("TerminateJob", json!({"jobId": id, "reason": "enough"})).await;
    let parent = server.end(&id).await;
    assert_eq!((&parent["status"], &parent["statusReason"]), (&json!("FAILED"), &json!("enough")));
    assert_eq!(parent["arrayProperties"]["statusSummary"]["FAILED"], 2000);
    assert_eq!(server.job(&format!("{id}:1999")).await["statusReason"], "enough");
    common::in_time(gone).await.unwrap();
}

#[tokio::test]
async fn jobs_wait_for_those_that_they_depend_on() {
    let text = job("gated", "read line < gate; echo gated >> order")
        + &job("note", "echo $NOTE$AWS_BATCH_JOB_ARRAY_INDEX >> order")
        + &job("fail", "exit 1")
        + "[batch.queues.q]\nconcurrency = 8\n";
    let machine = Machine::new(&text);
    let gate = machine.pipe("gate");
    let server = machine.server().await;
    let note = |note: &str, more: serde_json::Value| {
        let mut body = json!({"containerOverrides": {"environment": [{"name": "NOTE", "value": note}]}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let first = server.submit("gated", json!({})).await;
    let second = server.submit("note", note("second", json!({"dependsOn": [{"jobId": first}]}))).await;
    let array =
        json!({"arrayProperties": {"size": 3}, "dependsOn": [{"type": "SEQUENTIAL"}, {"jobId": second}]});
    let third = server.submit("note", note("third-", array)).await;
    let same = json!({"arrayProperties": {"size": 3}, "dependsOn": [{"jobId": third, "type": "N_TO_N"}]});
    let fourth = server.submit("note", note("fourth-", same)).await;
    assert_eq!(server.job(&second).await["status"], "PENDING");
    gate.release().await;
    assert_eq!(server.end(&fourth).await["status"], "SUCCEEDED");
    let order = machine.read("order");
    let order: Vec<&str> = order.lines().collect();
    let place = |line: &str| order.iter().position(|found| *found == line).unwrap();
    assert_eq!(order.len(), 8);
    let chain = ["gated", "second", "third-0", "third-1", "third-2"];
    assert!(chain.map(place).is_sorted(), "{order:?}");
    for index in 0..3 {
        assert!(place(&format!("third-{index}")) < place(&format!("fourth-{index}")), "{order:?}");
    }

    let bad = server.submit("fail", json!({})).await;
    let never = server.submit("note", note("never", json!({"dependsOn": [{"jobId": bad}]}))).await;
    let after = server.done("note", note("never", json!({"dependsOn": [{"jobId": never}]}))).await;
    assert_eq!(
        (&after["status"], &after["statusReason"]),
        (&json!("FAILED"), &json!("Dependent Job failed"))
    );
    let late = server.done("note", note("never", json!({"dependsOn": [{"jobId": bad}]}))).await;
    assert_eq!(late["statusReason"], "Dependent Job failed");
    assert!(!machine.read("order").contains("never"));
}
