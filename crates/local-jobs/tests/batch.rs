//! Batch jobs as real processes.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Machine, job, text};
use serde_json::{Value, json};

fn exit_codes(job: &Value) -> Vec<i64> {
    let attempts = job["attempts"].as_array().unwrap();
    attempts.iter().filter_map(|attempt| attempt["container"]["exitCode"].as_i64()).collect()
}

#[tokio::test]
async fn a_job_runs_with_its_command_environment_and_parameters() {
    let machine = Machine::new(
        r#"
        [batch.job_definitions.show]
        entrypoint = ["sh", "-c", 'echo "$0 $1"; env; pwd', "Ref::greeting"]
        command = ["Ref::who"]
        env = { STAGE = "dev", COLOUR = "red" }
        parameters = { greeting = "hello", who = "nobody" }
        dir = "work"
        "#,
    );
    std::fs::create_dir(machine.path("work")).unwrap();
    let server = machine.server().await;
    let job = server
        .done(
            "arn:aws:batch:us-east-1:000000000000:job-definition/show:4",
            json!({
                "jobQueue": "arn:aws:batch:us-east-1:000000000000:job-queue/q",
                "parameters": {"who": "world"},
                "containerOverrides": {"environment": [{"name": "COLOUR", "value": "blue"}]},
                "tags": {"a": "b"},
            }),
        )
        .await;
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    assert_eq!(job["statusReason"], "Essential container in task exited");
    let log = server.log(&job);
    let id = text(&job["jobId"]);
    for line in [
        "hello world",
        "STAGE=dev",
        "COLOUR=blue",
        "FROM_SERVER=yes",
        "AWS_REGION=us-east-1",
        "AWS_BATCH_JOB_ATTEMPT=1",
        "AWS_BATCH_JQ_NAME=q",
        "AWS_BATCH_CE_NAME=stepwell",
        &format!("AWS_BATCH_JOB_ID={id}"),
        &machine.path("work").canonicalize().unwrap().display().to_string(),
    ] {
        assert!(log.lines().any(|found| found == line), "{line}: {log}");
    }
    assert!(!log.contains("ARRAY_INDEX"));
    assert_eq!(job["jobQueue"], "arn:aws:batch:us-east-1:000000000000:job-queue/q");
    assert_eq!(job["jobDefinition"], "arn:aws:batch:us-east-1:000000000000:job-definition/show:4");
    assert_eq!(job["parameters"], json!({"greeting": "hello", "who": "world"}));
    assert_eq!(job["container"]["command"].as_array().unwrap()[3..], [json!("hello"), json!("world")]);
    assert_eq!(job["container"]["exitCode"], 0);
    assert_eq!(job["tags"], json!({"a": "b"}));
    assert_eq!((&job["isTerminated"], &job["isCancelled"]), (&json!(false), &json!(false)));
    let times = ["createdAt", "startedAt", "stoppedAt"].map(|member| job[member].as_i64().unwrap());
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn a_command_of_the_job_replaces_the_command_but_not_the_entrypoint() {
    let machine = Machine::new(
        "[batch.job_definitions.a]\nentrypoint = [\"echo\", \"one\"]\ncommand = [\"two\"]\n\
         [batch.job_definitions.b]\ncommand = [\"false\"]\n",
    );
    let server = machine.server().await;
    let overrides = |words: &[&str]| json!({"containerOverrides": {"command": words}});
    let job = server.done("a", overrides(&["three"])).await;
    assert_eq!(server.log(&job), "one three\n");
    let job = server.done("b", overrides(&["echo", "Ref::x"])).await;
    assert_eq!(server.log(&job), "Ref::x\n");
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_as_often_as_it_may() {
    let script =
        "echo attempt $AWS_BATCH_JOB_ATTEMPT; [ $AWS_BATCH_JOB_ATTEMPT = 3 ] || exit $AWS_BATCH_JOB_ATTEMPT";
    let machine = Machine::new(&job("flaky", script));
    let server = machine.server().await;
    let attempts = |count: u32| json!({"retryStrategy": {"attempts": count}});

    let job = server.done("flaky", json!({})).await;
    assert_eq!((&job["status"], exit_codes(&job)), (&json!("FAILED"), vec![1]));
    assert_eq!(job["statusReason"], "Essential container in task exited");
    let job = server.done("flaky", attempts(2)).await;
    assert_eq!((&job["status"], exit_codes(&job)), (&json!("FAILED"), vec![1, 2]));
    let job = server.done("flaky", attempts(10)).await;
    assert_eq!((&job["status"], exit_codes(&job)), (&json!("SUCCEEDED"), vec![1, 2, 0]));
    assert_eq!(server.log(&job), "attempt 3\n");
    let first = text(&job["attempts"][0]["container"]["logStreamName"]);
    assert_eq!(machine.read(&format!("jobs/{first}")), "attempt 1\n");

    let rules = json!([{"onExitCode": "1", "action": "retry"}, {"onExitCode": "*", "action": "EXIT"}]);
    let job = server.done("flaky", json!({"retryStrategy": {"attempts": 5, "evaluateOnExit": rules}})).await;
    assert_eq!((&job["status"], exit_codes(&job)), (&json!("FAILED"), vec![1, 2]));
}

#[tokio::test]
async fn a_signal_that_ends_a_job_is_in_its_exit_code() {
    let machine = Machine::new(&job("suicide", "kill -KILL $$"));
    let server = machine.server().await;
    assert_eq!(exit_codes(&server.done("suicide", json!({})).await), [137]);
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_ended_and_not_repeated() {
    let text = job("slow", "read line < gate") + "timeout_seconds = 1\nattempts = 3\n";
    let machine = Machine::new(&text);
    let _gate = machine.pipe("gate");
    let server = machine.server().await;
    let job = server.done("slow", json!({})).await;
    assert_eq!((&job["status"], exit_codes(&job)), (&json!("FAILED"), vec![143]), "{job}");
    assert_eq!(job["statusReason"], "Job attempt duration exceeded timeout");
    assert_eq!(job["timeout"], json!({"attemptDurationSeconds": 1}));
}

#[tokio::test]
async fn a_program_that_can_not_be_started_is_the_reason() {
    let machine = Machine::new("[batch.job_definitions.a]\ncommand = [\"no-such-program\"]\nattempts = 2\n");
    let server = machine.server().await;
    let job = server.done("a", json!({})).await;
    assert_eq!((&job["status"], exit_codes(&job)), (&json!("FAILED"), vec![]));
    let reason = text(&job["statusReason"]);
    assert!(
        reason.starts_with("CannotStartContainerError: \"no-such-program\" can't be started in "),
        "{reason}"
    );
    assert_eq!(job["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(job.get("startedAt"), None);
}

#[tokio::test]
async fn a_job_that_is_terminated_ends_with_all_its_processes() {
    let machine = Machine::new(
        &(job("family", "(sh -c 'exec 3> alive; read x < never') & exec 3> alive; wait")
            + &job("stubborn", "trap '' TERM; exec 3> alive; read x < never; read x < never")
                .replace("= 20", "= 0")),
    );
    machine.pipe("never");
    let alive = machine.pipe("alive");
    let server = machine.server().await;
    for (definition, exit_code) in [("family", 143), ("stubborn", 137)] {
        let id = server.submit(definition, json!({"retryStrategy": {"attempts": 3}})).await;
        let gone = alive.open().await;
        server.until(&id, "RUNNING").await;
        server.call("CancelJob", json!({"jobId": id, "reason": "cancel"})).await;
        assert_eq!(server.job(&id).await["isCancelled"], false, "what runs is not cancelled");
        server.call("TerminateJob", json!({"jobId": id, "reason": "enough"})).await;
        let job = server.end(&id).await;
        assert_eq!((&job["status"], exit_codes(&job)), (&json!("FAILED"), vec![exit_code]), "{job}");
        assert_eq!((&job["statusReason"], &job["isTerminated"]), (&json!("enough"), &json!(true)));
        assert_eq!(common::in_time(gone).await.unwrap(), "");
        server.call("TerminateJob", json!({"jobId": id, "reason": "again"})).await;
        assert_eq!(server.job(&id).await["statusReason"], "enough");
    }
}

#[tokio::test]
async fn what_a_job_leaves_behind_ends_with_it() {
    let machine = Machine::new(&job("a", "sh -c 'exec 3> alive; read x < never' & read line < gate; exit 0"));
    machine.pipe("never");
    let (alive, gate) = (machine.pipe("alive"), machine.pipe("gate"));
    let server = machine.server().await;
    let id = server.submit("a", json!({})).await;
    let gone = alive.open().await;
    gate.release().await;
    assert_eq!(server.end(&id).await["status"], "SUCCEEDED");
    common::in_time(gone).await.unwrap();
}

#[tokio::test]
async fn a_queue_runs_one_after_the_other_and_what_waits_can_be_cancelled() {
    let text = job("gated", "echo $AWS_BATCH_JOB_ID >> order; read line < gate")
        + &job("free", "echo $AWS_BATCH_JOB_ID >> order")
        + "[batch.queues.one]\nconcurrency = 1\n[batch.queues.other]\n";
    let machine = Machine::new(&text);
    let gate = machine.pipe("gate");
    let server = machine.server().await;
    let queue = json!({"jobQueue": "one"});
    let first = server.submit("gated", queue.clone()).await;
    let second = server.submit("free", queue.clone()).await;
    let third = server.submit("free", queue.clone()).await;
    let other = server.done("free", json!({"jobQueue": "other"})).await;
    assert_eq!(other["status"], "SUCCEEDED", "another queue does not wait");
    assert_eq!(server.job(&second).await["status"], "RUNNABLE");
    server.call("CancelJob", json!({"jobId": second, "reason": "not needed"})).await;
    let job = server.end(&second).await;
    assert_eq!((&job["status"], &job["statusReason"]), (&json!("FAILED"), &json!("not needed")));
    assert_eq!((&job["isCancelled"], &job["attempts"]), (&json!(true), &json!([])));

    let listed = |status: &str| json!({"jobQueue": "one", "jobStatus": status});
    let ids = |answer: Value| -> Vec<String> {
        answer["jobSummaryList"].as_array().unwrap().iter().map(|job| text_of(job, "jobId")).collect()
    };
    assert_eq!(ids(server.call("ListJobs", listed("RUNNABLE")).await), std::slice::from_ref(&third));
    assert_eq!(ids(server.call("ListJobs", listed("FAILED")).await), std::slice::from_ref(&second));
    let named =
        json!({"jobQueue": "one", "filters": [{"name": "JOB_NAME", "values": ["J*"]}], "maxResults": 2});
    let page = server.call("ListJobs", named.clone()).await;
    assert_eq!(page["jobSummaryList"].as_array().unwrap().len(), 2);
    let mut rest = named;
    rest["nextToken"] = page["nextToken"].clone();
    assert_eq!(server.call("ListJobs", rest).await["jobSummaryList"].as_array().unwrap().len(), 1);

    gate.release().await;
    server.end(&first).await;
    server.end(&third).await;
    let order = machine.read("order");
    let order: Vec<&str> = order.lines().filter(|id| **id != text_of(&other, "jobId")).collect();
    assert_eq!(order, [first.as_str(), third.as_str()]);
}

fn text_of(value: &Value, member: &str) -> String {
    text(&value[member])
}

#[tokio::test]
async fn the_same_call_again_is_the_same_job() {
    let machine = Machine::new(&job("count", "echo once >> runs"));
    let server = machine.server().await;
    let body = json!({"jobName": "j", "jobQueue": "q", "jobDefinition": "count"});
    let (_, first) = server.raw("SubmitJob", "token", &body).await.unwrap();
    let (_, again) = server.raw("SubmitJob", "token", &body).await.unwrap();
    assert_eq!(first, again);
    server.end(&text(&first["jobId"])).await;
    let (_, again) = server.raw("SubmitJob", "token", &body).await.unwrap();
    assert_eq!(first, again);
    let (_, other) = server.raw("SubmitJob", "other", &body).await.unwrap();
    assert_ne!(first["jobId"], other["jobId"]);
    server.end(&text(&other["jobId"])).await;
    assert_eq!(machine.read("runs"), "once\nonce\n");
}

#[tokio::test]
async fn requests_that_can_not_be_honoured_are_refused_by_name() {
    let machine = Machine::new(&(job("a", "true") + "[batch.queues.q]\n"));
    let server = machine.server().await;
    for (member, value, message) in [
        ("jobQueue", json!("none"), "JobQueue none not found"),
        ("jobName", json!("a b"), "jobName must begin"),
        ("arrayProperties", json!({"size": 1}), "between 2 and 10000"),
        ("arrayProperties", json!({"size": 10001}), "between 2 and 10000"),
        ("nodeOverrides", json!({}), "nodeOverrides is not supported"),
        ("timeout", json!({"attemptDurationSeconds": 59}), "at least 60"),
        ("retryStrategy", json!({"attempts": 11}), "between 1 and 10"),
        ("retryStrategy", json!({"evaluateOnExit": [{"action": "STOP"}]}), "RETRY or EXIT"),
        ("dependsOn", json!([{"jobId": "none"}]), "none to depend on is not known"),
        ("dependsOn", json!([{"type": "SEQUENTIAL"}]), "array jobs only"),
        ("dependsOn", json!([{"jobId": "x", "type": "SOME"}]), "SOME is not known"),
        ("containerOverrides", json!({"environment": [{"name": "A=B", "value": ""}]}), "A=B"),
        ("containerOverrides", json!({"surprise": 1}), "surprise is not supported"),
    ] {
        let mut body = json!({"jobName": "j", "jobQueue": "q", "jobDefinition": "a"});
        body[member] = value;
        let (code, found) = server.error("SubmitJob", body.clone()).await;
        assert_eq!(code, "ClientException", "{body}");
        assert!(found.contains(message), "{body}: {found}");
    }
    assert_eq!(common::count(&machine.path("jobs")), 0, "nothing is left of what was refused");
}

#[tokio::test]
async fn what_is_not_here_is_left_to_others() {
    let machine = Machine::new(&job("a", "true"));
    let server = machine.server().await;
    for (operation, body) in [
        ("SubmitJob", json!({"jobName": "j", "jobQueue": "q", "jobDefinition": "b"})),
        ("DescribeJobs", json!({"jobs": ["none"]})),
        ("TerminateJob", json!({"jobId": "none", "reason": "r"})),
        ("ListJobs", json!({"jobQueue": "elsewhere"})),
        ("DescribeJobQueues", json!({})),
        ("RunTask", json!({"taskDefinition": "a"})),
        ("DescribeTasks", json!({"tasks": ["none"]})),
    ] {
        assert_eq!(server.send(operation, body).await, None, "{operation}");
    }
    assert!(server.jobs.ended("batch", "none").is_none());
}
