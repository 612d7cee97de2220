//! The life of worker processes: how many, how long, and that none is left behind.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{
    call, eventually, failure, handlers, has, invocation, is_running, json, lambda, member, outcome, python,
    request,
};
use rustix::process::{Pid, Signal, kill_process};
use stepwell_integrations::{FunctionConfig, Lambda, Outcome, Runtime, TaskError};
use stepwell_json::Value;

/// Kills a process and, where the system tells, waits until it is dead: on a busy machine that takes a moment.
fn kill(process: i64) {
    kill_process(Pid::from_raw(i32::try_from(process).unwrap()).unwrap(), Signal::KILL).unwrap();
    let is_alive = || {
        std::fs::read_to_string(format!("/proc/{process}/stat"))
            .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])))
    };
    while is_alive() {
        std::thread::yield_now();
    }
}

async fn process_of(lambda: &Lambda, function: &str) -> i64 {
    call(lambda, function, r#"{"seconds":0}"#).await.unwrap().parse().unwrap()
}

fn executable(command: &str) -> FunctionConfig {
    FunctionConfig {
        runtime: Some(Runtime::Executable),
        command: vec![command.into()],
        dir: Some(handlers("executable")),
        timeout_seconds: Some(60),
        ..FunctionConfig::default()
    }
}

/// The numbers that a handler wrote to a file, once they are there.
async fn processes_in(file: &Path, count: usize) -> Vec<i64> {
    let mut numbers = Vec::new();
    eventually("the handler wrote its processes", || {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        numbers = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers.len() == count
    })
    .await;
    numbers
}

fn hang_event(file: &Path) -> String {
    format!(r#"{{"file":{}}}"#, Value::from(file.to_str().unwrap()).to_text())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_share_as_many_processes_as_configured() {
    if !has("python3") {
        return;
    }
    let config = FunctionConfig { concurrency: Some(4), ..python("app.wait") };
    let lambda = Arc::new(lambda([("wait", config)]));
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let lambda = lambda.clone();
            tokio::spawn(async move { call(&lambda, "wait", r#"{"seconds":0.01}"#).await.unwrap() })
        })
        .collect();
    let mut processes = BTreeSet::new();
    for call in calls {
        processes.insert(call.await.unwrap());
    }
    assert!((1..=4).contains(&processes.len()), "{processes:?}");
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_is_replaced() {
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("processes");
    let hang = FunctionConfig { concurrency: Some(1), ..python("app.spawn_and_hang") };
    let lambda = Arc::new(lambda([("wait", python("app.wait")), ("hang", hang)]));
    let first = process_of(&lambda, "wait").await;
    assert_eq!(process_of(&lambda, "wait").await, first, "a warm worker is used again");
    kill(first);
    let second = process_of(&lambda, "wait").await;
    assert_ne!(second, first);

    // Killed in the middle of an event: that event is lost, and what the handler started is ended too.
    let running = tokio::spawn({
        let (lambda, event) = (lambda.clone(), hang_event(&file));
        async move { failure(&lambda, "hang", &event).await }
    });
    let processes = processes_in(&file, 2).await;
    kill(processes[0]);
    let (error, cause) = running.await.unwrap();
    assert_eq!(error, "Runtime.ExitError");
    assert!(
        member(&json(&cause), "errorMessage").ends_with(" Error: Runtime exited with error: signal: killed")
    );
    eventually("what the handler started is gone", || !is_running(processes[1])).await;
    assert_eq!(process_of(&lambda, "wait").await, second, "other functions' workers are untouched");
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_end_after_their_answer_lose_no_event() {
    if !has("python3") {
        return;
    }
    let lambda = lambda([("once", FunctionConfig { concurrency: Some(1), ..executable("./one_shot") })]);
    let mut processes = BTreeSet::new();
    for _ in 0..12 {
        processes.insert(call(&lambda, "once", "{}").await.unwrap());
    }
    assert_eq!(processes.len(), 12);
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_without_an_answer_is_an_exit_error() {
    if !has("python3") {
        return;
    }
    let lambda = lambda([("leave", python("app.leave")), ("abort", python("app.abort"))]);
    for (function, event, reason) in [
        ("leave", "3", "Runtime exited with error: exit status 3"),
        ("leave", "0", "Runtime exited without providing a reason"),
        ("abort", "0", "Runtime exited with error: signal: aborted"),
    ] {
        let (error, cause) = failure(&lambda, function, event).await;
        assert_eq!(error, "Runtime.ExitError");
        assert!(
            cause.starts_with(r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: "#),
            "{cause}"
        );
        assert!(member(&json(&cause), "errorMessage").ends_with(&format!(" Error: {reason}")), "{cause}");
    }
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_kills_the_whole_group() {
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("processes");
    let lambda =
        lambda([("hang", FunctionConfig { timeout_seconds: Some(1), ..python("app.spawn_and_hang") })]);
    let (error, cause) = failure(&lambda, "hang", &hang_event(&file)).await;
    assert_eq!(error, "Lambda.Unknown");
    let start =
        "The cause could not be determined because Lambda did not return an error type. Returned payload: ";
    let document = json(cause.strip_prefix(start).unwrap_or_else(|| panic!("{cause}")));
    let message = member(&document, "errorMessage");
    assert!(message.ends_with(" Task timed out after 1.00 seconds"), "{message}");
    let words: Vec<&str> = message.split(' ').collect();
    assert_eq!(
        (words.len(), words[0].len(), words[1].len()),
        (8, "2026-01-01T00:00:00.000Z".len(), 36),
        "{message}"
    );
    for process in processes_in(&file, 2).await {
        eventually("the processes are gone", || !is_running(process)).await;
    }
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_gives_up_does_not_stop_the_handler() {
    if !has("python3") {
        return;
    }
    let lambda = lambda([("wait", FunctionConfig { concurrency: Some(1), ..python("app.wait") })]);
    let process = process_of(&lambda, "wait").await;
    let mut impatient = invocation(request("wait", r#"{"seconds":1}"#));
    impatient.timeout = Some(Duration::from_millis(100));
    assert_eq!(lambda.invoke(impatient).await, Outcome::Failed(TaskError::timeout()));
    let start = Instant::now();
    assert_eq!(process_of(&lambda, "wait").await, process, "the next event waits for the worker");
    assert!(start.elapsed() > Duration::from_millis(500));
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unused_worker_is_ended() {
    if !has("python3") {
        return;
    }
    let lambda = lambda([("wait", FunctionConfig { idle_seconds: Some(0), ..python("app.wait") })]);
    let first = process_of(&lambda, "wait").await;
    eventually("the idle worker is gone", || !is_running(first)).await;
    assert_ne!(process_of(&lambda, "wait").await, first);
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_leaves_no_process() {
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("processes");
    let lambda = Arc::new(lambda([("wait", python("app.wait")), ("hang", python("app.spawn_and_hang"))]));
    let mut processes = vec![process_of(&lambda, "wait").await];
    let running = tokio::spawn({
        let (lambda, event) = (lambda.clone(), hang_event(&file));
        async move { outcome(&lambda, "hang", &event).await }
    });
    processes.extend(processes_in(&file, 2).await);
    lambda.shutdown().await;
    assert_eq!(running.await.unwrap(), Outcome::Interrupted);
    for process in processes {
        eventually("the processes are gone", || !is_running(process)).await;
    }
    assert_eq!(outcome(&lambda, "wait", "{}").await, Outcome::Interrupted, "nothing starts any more");
}

/// What the next test runs in a process of its own, which it then kills.
#[tokio::test(flavor = "multi_thread")]
async fn server_that_will_be_killed() {
    let Some(file) = std::env::var_os("TEST_HANG_FILE") else { return };
    let lambda = lambda([("wait", python("app.wait")), ("hang", python("app.spawn_and_hang"))]);
    let idle = process_of(&lambda, "wait").await;
    std::fs::write(format!("{}.idle", file.display()), idle.to_string()).unwrap();
    outcome(&lambda, "hang", &hang_event(Path::new(&file))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_end_when_the_server_is_killed() {
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("processes");
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "server_that_will_be_killed"])
        .env("TEST_HANG_FILE", &file)
        .env("TMPDIR", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut processes = processes_in(&file, 2).await;
    processes.extend(processes_in(&folder.path().join("processes.idle"), 1).await);
    server.kill().unwrap();
    server.wait().unwrap();
    for process in processes {
        eventually("the worker and what it started are gone", || !is_running(process)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_program_that_speaks_the_runtime_api_works() {
    if !has("python3") {
        return;
    }
    let lambda = lambda([("shout", executable("./shout"))]);
    for _ in 0..3 {
        assert_eq!(
            call(&lambda, "shout", "\"hey\"").await.unwrap(),
            r#"{"said": "HEY", "handler": "bootstrap"}"#
        );
        let (error, cause) = failure(&lambda, "shout", "\"fail\"").await;
        assert_eq!((error.as_str(), member(&json(&cause), "errorMessage")), ("Refused", "will not shout"));
    }
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_can_not_be_started_is_an_error_that_nobody_retries_for_minutes() {
    let nowhere = FunctionConfig { dir: Some("/no/such/folder".into()), ..executable("true") };
    let lambda = lambda([
        ("program", executable("./no-such-program")),
        ("name", executable("no-such-program-anywhere")),
        ("folder", nowhere),
        ("silent", executable("true")),
    ]);
    for (function, error, message) in [
        ("program", "Runtime.InvalidEntrypoint", "\"./no-such-program\" can't be started in "),
        ("name", "Runtime.InvalidEntrypoint", "\"no-such-program-anywhere\" can't be started in "),
        ("folder", "Runtime.InvalidEntrypoint", "the folder /no/such/folder can't be used: "),
        ("silent", "Runtime.ExitError", "Runtime exited without providing a reason"),
    ] {
        let (actual, cause) = failure(&lambda, function, "{}").await;
        assert_eq!(actual, error);
        assert!(member(&json(&cause), "errorMessage").contains(message), "{cause}");
    }
    lambda.shutdown().await;
}
