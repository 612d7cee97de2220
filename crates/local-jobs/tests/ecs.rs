//! ECS tasks as real processes.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Machine, shell, text};
use serde_json::{Value, json};

fn task(name: &str, script: &str) -> String {
    shell(&format!("ecs.task_definitions.{name}"), script)
}

fn exit_codes(task: &Value) -> Vec<Option<i64>> {
    task["containers"].as_array().unwrap().iter().map(|container| container["exitCode"].as_i64()).collect()
}

#[tokio::test]
async fn a_task_of_one_container_runs_with_overrides() {
    let machine = Machine::new(&task("one", "echo $A $0 > out; exit 3"));
    let server = machine.server().await;
    let overrides = json!({"containerOverrides": [{
        "name": "one",
        "command": ["sh", "-c", "echo $A $0 > out; exit 3", "word"],
        "environment": [{"name": "A", "value": "b"}],
    }]});
    let body = json!({
        "taskDefinition": "arn:aws:ecs:us-east-1:000000000000:task-definition/one:7",
        "cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/main",
        "overrides": overrides,
        "startedBy": "AWS Step Functions",
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["x"]}},
        "clientToken": "t",
    });
    let answer = server.call("RunTask", body).await;
    assert_eq!(answer["failures"], json!([]));
    let arn = text(&answer["tasks"][0]["taskArn"]);
    assert!(arn.starts_with("arn:aws:ecs:us-east-1:000000000000:task/main/"), "{arn}");
    common::in_time(server.jobs.ended("ecs", &arn).unwrap()).await;
    let described = server.call("DescribeTasks", json!({"cluster": "main", "tasks": [arn, "none"]})).await;
    assert_eq!(described["failures"], json!([{"arn": "none", "reason": "MISSING"}]));
    let task = &described["tasks"][0];
    assert_eq!(machine.read("out"), "b word\n");
    assert_eq!(exit_codes(task), [Some(3)]);
    for (member, value) in [
        ("lastStatus", json!("STOPPED")),
        ("desiredStatus", json!("STOPPED")),
        ("stopCode", json!("EssentialContainerExited")),
        ("stoppedReason", json!("Essential container in task exited")),
        ("startedBy", json!("AWS Step Functions")),
        ("launchType", json!("FARGATE")),
        ("group", json!("family:one")),
        ("taskDefinitionArn", json!("arn:aws:ecs:us-east-1:000000000000:task-definition/one:7")),
    ] {
        assert_eq!(task[member], value, "{member}");
    }
    let times = ["createdAt", "startedAt", "stoppedAt"].map(|member| task[member].as_f64().unwrap());
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(
        server.send("DescribeTasks", json!({"tasks": [arn]})).await,
        None,
        "not in the default cluster"
    );
}

#[tokio::test]
async fn a_task_ends_with_its_first_essential_container() {
    let text = task("pair.containers.app", "read line < gate")
        + &task(
            "pair.containers.beside",
            "trap 'exit 5' TERM; echo up > ready; while :; do read x < never; done",
        )
        + &task("pair.containers.init", "exit 9")
        + "essential = false\n";
    let machine = Machine::new(&text);
    let (gate, ready) = (machine.pipe("gate"), machine.pipe("ready"));
    machine.pipe("never");
    let server = machine.server().await;
    let arn = server.run_task("pair", json!({})).await;
    assert_eq!(common::in_time(ready.open().await).await.unwrap(), "up\n");
    assert_eq!(server.task(&arn).await["desiredStatus"], "RUNNING");
    gate.release().await;
    let task = server.task_end(&arn).await;
    assert_eq!(exit_codes(&task), [Some(0), Some(5), Some(9)]);
    let names: Vec<&str> =
        task["containers"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["app", "beside", "init"]);
}

#[tokio::test]
async fn a_task_that_is_stopped_says_who_wanted_it() {
    let machine = Machine::new(&task("one", "exec 3> alive; read x < never"));
    machine.pipe("never");
    let alive = machine.pipe("alive");
    let server = machine.server().await;
    let arn = server.run_task("one", json!({})).await;
    let gone = alive.open().await;
    let listed = server.call("ListTasks", json!({"family": "one"})).await;
    assert_eq!(listed["taskArns"], json!([arn]));
    let stopping = server.call("StopTask", json!({"task": arn, "reason": "enough"})).await;
    assert_eq!(stopping["task"]["desiredStatus"], "STOPPED");
    let task = server.task_end(&arn).await;
    assert_eq!((&task["stopCode"], &task["stoppedReason"]), (&json!("UserInitiated"), &json!("enough")));
    assert_eq!(exit_codes(&task), [Some(143)]);
    common::in_time(gone).await.unwrap();
    assert_eq!(server.call("ListTasks", json!({"family": "one"})).await["taskArns"], json!([]));
}

#[tokio::test]
async fn a_container_that_can_not_be_started_fails_the_task() {
    let text = "[ecs.task_definitions.t.containers.a]\ncommand = [\"no-such-program\"]\n".to_owned()
        + &task("t.containers.b", "read x < never");
    let machine = Machine::new(&text);
    machine.pipe("never");
    let server = machine.server().await;
    let task = server.task_end(&server.run_task("t", json!({})).await).await;
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    let reason = text_of(&task, "stoppedReason");
    assert!(
        reason.starts_with("CannotStartContainerError: \"no-such-program\" can't be started"),
        "{reason}"
    );
    assert_eq!(exit_codes(&task)[0], None);
}

fn text_of(value: &Value, member: &str) -> String {
    text(&value[member])
}

#[tokio::test]
async fn several_tasks_may_be_started_at_once_and_a_token_starts_them_once() {
    let machine = Machine::new(&task("one", "echo run >> runs"));
    let server = machine.server().await;
    let body = json!({"taskDefinition": "one", "count": 3, "clientToken": "t"});
    let first = server.call("RunTask", body.clone()).await;
    let again = server.call("RunTask", body).await;
    let arns = |answer: &Value| -> Vec<String> {
        answer["tasks"].as_array().unwrap().iter().map(|task| text(&task["taskArn"])).collect()
    };
    assert_eq!((arns(&first).len(), arns(&first)), (3, arns(&again)));
    for arn in arns(&first) {
        server.task_end(&arn).await;
    }
    assert_eq!(machine.read("runs"), "run\nrun\nrun\n");
    let other = json!({"taskDefinition": "one", "clientToken": "t"});
    assert_eq!(server.error("RunTask", other).await.0, "ConflictException");
}

#[tokio::test]
async fn requests_that_can_not_be_honoured_are_refused_by_name() {
    let machine = Machine::new(&task("one", "true"));
    let server = machine.server().await;
    for (member, value, code, message) in [
        ("count", json!(11), "InvalidParameterException", "between 1 and 10"),
        ("volumeConfigurations", json!([]), "ClientException", "volumeConfigurations is not supported"),
        (
            "overrides",
            json!({"containerOverrides": [{"name": "two"}]}),
            "InvalidParameterException",
            "Override for container named two is not a container in the TaskDefinition: it has one.",
        ),
        (
            "overrides",
            json!({"containerOverrides": [{"name": "one", "environment": [{"name": "", "value": "x"}]}]}),
            "InvalidParameterException",
            "can't be set",
        ),
    ] {
        let mut body = json!({"taskDefinition": "one"});
        body[member] = value;
        let (found, text) = server.error("RunTask", body.clone()).await;
        assert_eq!(found, code, "{body}");
        assert!(text.contains(message), "{body}: {text}");
    }
}
