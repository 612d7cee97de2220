//! Servers that end while their jobs wait, run or end.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Machine, job, shell};
use serde_json::json;

#[tokio::test]
async fn a_job_outlives_its_server_and_the_next_one_sees_its_end() {
    let script = "exec 3> alive; read line < gate; echo $line $AWS_BATCH_JOB_ATTEMPT; exit 4";
    let machine = Machine::new(&(job("a", script) + "[batch.queues.q]\nconcurrency = 1\n"));
    let (gate, alive) = (machine.pipe("gate"), machine.pipe("alive"));
    let server = machine.server().await;
    let first = server.submit("a", json!({})).await;
    let second = server.submit("a", json!({})).await;
    let gone = alive.open().await;
    server.stop().await;

    // It runs on, and the second still waits for its room.
    let server = machine.server().await;
    assert_eq!(server.job(&second).await["status"], "RUNNABLE");
    gate.release().await;
    common::in_time(gone).await.unwrap();
    let ended = server.end(&first).await;
    assert_eq!(ended["container"]["exitCode"], 4, "{ended}");
    assert_eq!(server.log(&ended), "go 1\n");

    // The second ends while there is no server.
    let gone = alive.open().await;
    server.stop().await;
    gate.release().await;
    common::in_time(gone).await.unwrap();
    let server = machine.server().await;
    let ended = server.end(&second).await;
    assert_eq!((&ended["status"], &ended["container"]["exitCode"]), (&json!("FAILED"), &json!(4)));
    assert_eq!(server.job(&first).await["container"]["exitCode"], 4, "what has ended is still known");
}

#[tokio::test]
async fn a_job_that_nobody_watched_over_is_lost_and_may_be_tried_again() {
    let script =
        "[ $AWS_BATCH_JOB_ATTEMPT = 1 ] || exit 0; echo $PPID $$ > pids; exec 3> alive; read x < never";
    let machine = Machine::new(&job("a", script));
    let (alive, pids) = (machine.pipe("alive"), machine.pipe("pids"));
    machine.pipe("never");
    let server = machine.server().await;
    for (attempts, status, reason) in
        [(1, "FAILED", "Host terminated"), (2, "SUCCEEDED", "Essential container in task exited")]
    {
        let id = server.submit("a", json!({"retryStrategy": {"attempts": attempts}})).await;
        let both = common::in_time(pids.open().await).await.unwrap();
        let gone = alive.open().await;
        let (shim, job) = both.trim().split_once(' ').unwrap();
        let kill = |process| std::process::Command::new("kill").args(["-KILL", process]).output().unwrap();
        assert!(kill(shim).status.success());
        // It may have ended with its shim.
        let _ = kill(job);
        common::in_time(gone).await.unwrap();
        let job = server.end(&id).await;
        assert_eq!((&job["status"], &job["statusReason"]), (&json!(status), &json!(reason)), "{job}");
        assert_eq!(job["attempts"][0]["statusReason"], "Host terminated");
        assert_eq!(job["attempts"][0]["container"].get("exitCode"), None);
    }
}

#[tokio::test]
async fn a_termination_is_carried_out_by_the_next_server() {
    let machine = Machine::new(&job("a", "exec 3> alive; read x < never"));
    machine.pipe("never");
    let alive = machine.pipe("alive");
    let server = machine.server().await;
    let id = server.submit("a", json!({"retryStrategy": {"attempts": 3}})).await;
    let gone = alive.open().await;
    server.stop().await;
    // As if the server had been killed between the record and the signal.
    let record = machine.path("jobs").join(&id).join("job.json");
    let mut content: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
    content["progress"]["termination"] = json!({"reason": "enough", "at": 1, "by_cancel": false});
    std::fs::write(&record, content.to_string()).unwrap();
    let server = machine.server().await;
    let job = server.end(&id).await;
    assert_eq!((&job["statusReason"], &job["container"]["exitCode"]), (&json!("enough"), &json!(143)));
    common::in_time(gone).await.unwrap();
}

#[tokio::test]
async fn an_array_goes_on_where_it_was() {
    let script = "echo $AWS_BATCH_JOB_ARRAY_INDEX >> order; [ $AWS_BATCH_JOB_ARRAY_INDEX != 1 ] || { exec 3> alive; read x < gate; }";
    let machine = Machine::new(&(job("a", script) + "[batch.queues.q]\nconcurrency = 1\n"));
    let (gate, alive) = (machine.pipe("gate"), machine.pipe("alive"));
    let server = machine.server().await;
    let id = server.submit("a", json!({"arrayProperties": {"size": 4}})).await;
    let gone = alive.open().await;
    server.stop().await;
    let server = machine.server().await;
    let summary = server.job(&id).await["arrayProperties"]["statusSummary"].clone();
    assert_eq!((&summary["SUCCEEDED"], &summary["RUNNABLE"]), (&json!(1), &json!(2)), "{summary}");
    gate.release().await;
    common::in_time(gone).await.unwrap();
    assert_eq!(server.end(&id).await["status"], "SUCCEEDED");
    assert_eq!(machine.read("order"), "0\n1\n2\n3\n");
}

#[tokio::test]
async fn a_task_outlives_its_server() {
    let machine = Machine::new(&shell("ecs.task_definitions.t", "exec 3> alive; read x < gate; exit 6"));
    let (gate, alive) = (machine.pipe("gate"), machine.pipe("alive"));
    let server = machine.server().await;
    let arn = server.run_task("t", json!({})).await;
    let gone = alive.open().await;
    server.stop().await;
    let server = machine.server().await;
    gate.release().await;
    let task = server.task_end(&arn).await;
    assert_eq!(task["containers"][0]["exitCode"], 6);
    common::in_time(gone).await.unwrap();
}

#[tokio::test]
async fn without_records_jobs_end_with_their_server() {
    let machine = Machine::in_memory(&job("a", "exec 3> alive; read x < never"));
    machine.pipe("never");
    let alive = machine.pipe("alive");
    let server = machine.server().await;
    server.submit("a", json!({})).await;
    let gone = alive.open().await;
    server.stop().await;
    assert_eq!(common::in_time(gone).await.unwrap(), "");
    assert!(!machine.path("jobs").exists());
}

#[tokio::test]
async fn a_launch_that_a_crash_cut_off_is_made_again_and_does_not_count() {
    let machine = Machine::new(&job("a", "echo $AWS_BATCH_JOB_ATTEMPT >> runs; exit 1"));
    let server = machine.server().await;
    let first = server.done("a", json!({})).await;
    server.stop().await;
    // As if the server had been killed between the record of a launch and the launch itself.
    let record = machine.path("jobs").join(common::text(&first["jobId"])).join("job.json");
    let mut content: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
    let progress = content["progress"].as_object_mut().unwrap();
    progress.insert("status".into(), json!("STARTING"));
    progress.insert("launches".into(), json!(2));
    progress.insert("attempts".into(), json!([]));
    std::fs::write(&record, content.to_string()).unwrap();
    std::fs::create_dir(record.with_file_name("2")).unwrap();

    let server = machine.server().await;
    let again = server.end(&common::text(&first["jobId"])).await;
    assert_eq!(again["attempts"].as_array().unwrap().len(), 1, "{again}");
    assert_eq!(again["container"]["exitCode"], 1);
    assert_eq!(machine.read("runs"), "1\n1\n");
}

#[test]
fn a_watcher_that_comes_too_late_starts_nothing() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, is_decided) in [("late", true), ("in-time", false)] {
        let ran = path(&format!("{name}.ran"));
        let order = json!({
            "command": ["touch", ran],
            "directory": folder.path(),
            "environment": {},
            "files": {"log": path("log"), "lock": path(&format!("{name}.lock")), "exit": path(&format!("{name}.exit"))},
            "log_bytes_max": 1000,
            "stop_timeout_seconds": 1,
            "ends_with_server": false,
        });
        if is_decided {
            std::fs::write(path("late.exit"), "{}").unwrap();
        }
        let mut shim = std::process::Command::new(env!("CARGO_BIN_EXE_stepwell-job-shim"))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        writeln!(shim.stdin.take().unwrap(), "{order}").unwrap();
        assert!(shim.wait().unwrap().success());
        assert_eq!(ran.exists(), !is_decided, "{name}");
    }
}
