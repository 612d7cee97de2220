//! Jobs and tasks in containers of an engine, which here is one whose containers are processes of this machine.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Machine, job, text};
use serde_json::{Value, json};
use stepwell_docker_engine::fake::{FakeCall, FakeEngine, FakeImage};

/// A job's section with an image.
fn in_image(name: &str, script: &str) -> String {
    job(name, script) + "image = \"tools:1\"\n"
}

/// A machine with an engine, whose registry has an image with a shell.
fn with_engine(machine: Machine) -> (Machine, FakeEngine) {
    let engine = FakeEngine::start().unwrap();
    engine.add_to_registry("tools:1", FakeImage::with_command(&["echo", "the image's own"]));
    (machine.with_engine(engine.socket()), engine)
}

/// The body that the only container was created with.
fn created(engine: &FakeEngine) -> Value {
    let containers = engine.containers();
    assert_eq!(containers.len(), 1);
    serde_json::from_str(&engine.created_with(&containers[0]).unwrap()).unwrap()
}

#[tokio::test]
async fn a_job_runs_in_a_container_that_is_removed_at_its_end() {
    let (machine, engine) = with_engine(Machine::new(
        &(in_image("a", "true")
            + "cpus = 0.5\nmemory_megabytes = 64\nnetwork = \"host\"\nvolumes = [\"/data:/data:ro\"]\n\
               env = { STAGE = \"dev\" }\n"),
    ));
    let (gate, alive) = (machine.pipe("gate"), machine.pipe("alive"));
    let server = machine.server().await;
    let script = "exec 3> alive; read x < gate; echo out; echo $STAGE $AWS_BATCH_JOB_ATTEMPT >&2; exit 3";
    let id = server.submit_script("a", script, json!({})).await;
    let gone = alive.open().await;
    let body = created(&engine);
    assert_eq!(body["Image"], "tools:1");
    assert_eq!(body["HostConfig"]["Memory"], 64 * 1024 * 1024);
    assert_eq!(body["HostConfig"]["NanoCpus"], 500_000_000);
    assert_eq!(body["HostConfig"]["NetworkMode"], "host");
    assert_eq!(body["HostConfig"]["Binds"], json!(["/data:/data:ro"]));
    gate.release().await;
    common::in_time(gone).await.unwrap();
    let job = server.end(&id).await;
    assert_eq!((&job["status"], &job["container"]["exitCode"]), (&json!("FAILED"), &json!(3)), "{job}");
    assert_eq!(job["container"]["image"], "tools:1");
    let log = server.log(&job);
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["dev 1", "out"]);
    engine.until_called(FakeCall::Remove, 1).await;
    assert_eq!(engine.calls(FakeCall::ImagePull), 1);
    server.done("a", json!({"containerOverrides": {"command": ["true"]}})).await;
    assert_eq!(engine.calls(FakeCall::ImagePull), 1, "the image is there now");
}

#[tokio::test]
async fn without_a_command_the_image_has_its_own() {
    let (machine, _engine) = with_engine(Machine::new("[batch.job_definitions.a]\nimage = \"tools:1\"\n"));
    let server = machine.server().await;
    let job = server.done("a", json!({})).await;
    assert_eq!((&job["status"], server.log(&job).as_str()), (&json!("SUCCEEDED"), "the image's own\n"));
}

#[tokio::test]
async fn an_image_that_is_not_to_be_had_is_the_reason() {
    let (machine, _engine) = with_engine(Machine::new(
        "[batch.job_definitions.a]\nimage = \"none:1\"\n[ecs.task_definitions.t]\nimage = \"none:1\"\n",
    ));
    let server = machine.server().await;
    let job = server.done("a", json!({})).await;
    let reason = text(&job["statusReason"]);
    assert_eq!(job["status"], "FAILED");
    assert!(reason.starts_with("CannotPullContainerError: the image none:1 can't be pulled: "), "{reason}");
    let task = server.task_end(&server.run_task("t", json!({})).await).await;
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    assert_eq!(text(&task["stoppedReason"]), reason);
}

#[tokio::test]
async fn without_an_engine_the_reason_says_what_to_do() {
    let machine = Machine::new("[batch.job_definitions.a]\nimage = \"tools:1\"\n");
    let socket = machine.path("none.sock");
    let machine = machine.with_engine(&socket);
    let server = machine.server().await;
    let job = server.done("a", json!({})).await;
    let reason = text(&job["statusReason"]);
    assert!(reason.starts_with("CannotStartContainerError: "), "{reason}");
    assert!(reason.contains("none.sock"), "{reason}");
}

#[tokio::test]
async fn a_container_outlives_its_server_and_its_log_is_whole() {
    let (machine, engine) = with_engine(Machine::new(&in_image("a", "true")));
    let (gate, alive) = (machine.pipe("gate"), machine.pipe("alive"));
    let server = machine.server().await;
    let script = "echo before; exec 3> alive; read x < gate; echo after; exit 4";
    let id = server.submit_script("a", script, json!({})).await;
    let gone = alive.open().await;
    server.stop().await;
    let server = machine.server().await;
    gate.release().await;
    common::in_time(gone).await.unwrap();
    let job = server.end(&id).await;
    assert_eq!((&job["container"]["exitCode"], job["attempts"].as_array().unwrap().len()), (&json!(4), 1));
    assert_eq!(server.log(&job), "before\nafter\n");
    assert_eq!(engine.calls(FakeCall::Create), 1);
}

#[tokio::test]
async fn a_container_that_is_gone_is_lost() {
    let (machine, engine) = with_engine(Machine::new(&in_image("a", "true")));
    let alive = machine.pipe("alive");
    machine.pipe("never");
    let server = machine.server().await;
    let script = "exec 3> alive; read x < never";
    let id = server.submit_script("a", script, json!({})).await;
    let gone = alive.open().await;
    server.stop().await;
    engine.remove(&engine.containers()[0]);
    common::in_time(gone).await.unwrap();
    let server = machine.server().await;
    let job = server.end(&id).await;
    assert_eq!((&job["status"], &job["statusReason"]), (&json!("FAILED"), &json!("Host terminated")));
}

#[tokio::test]
async fn a_container_that_needs_too_much_memory_says_so() {
    let (machine, engine) = with_engine(Machine::new(&in_image("a", "true")));
    let alive = machine.pipe("alive");
    machine.pipe("never");
    let server = machine.server().await;
    let script = "exec 3> alive; read x < never";
    let rules = json!([{"onReason": "OutOfMemoryError*", "action": "EXIT"}]);
    let more = json!({"retryStrategy": {"attempts": 3, "evaluateOnExit": rules}});
    let id = server.submit_script("a", script, more).await;
    let gone = alive.open().await;
    engine.run_out_of_memory(&engine.containers()[0]);
    common::in_time(gone).await.unwrap();
    let job = server.end(&id).await;
    assert_eq!(job["attempts"].as_array().unwrap().len(), 1, "{job}");
    assert_eq!(job["container"]["exitCode"], 137);
    assert_eq!(job["container"]["reason"], "OutOfMemoryError: Container killed due to memory usage");
}

#[tokio::test]
async fn a_container_is_stopped_with_its_job_or_with_a_server_without_records() {
    for is_terminated in [true, false] {
        let text = in_image("a", "true");
        let machine = if is_terminated { Machine::new(&text) } else { Machine::in_memory(&text) };
        let (machine, engine) = with_engine(machine);
        let alive = machine.pipe("alive");
        machine.pipe("never");
        let server = machine.server().await;
        let script = "exec 3> alive; read x < never";
        let id = server.submit_script("a", script, json!({})).await;
        let gone = alive.open().await;
        if is_terminated {
            server.call("TerminateJob", json!({"jobId": id, "reason": "enough"})).await;
            let job = server.end(&id).await;
            assert_eq!(job["statusReason"], "enough");
        } else {
            server.jobs.shutdown().await;
        }
        common::in_time(gone).await.unwrap();
        engine.until_called(FakeCall::Stop, 1).await;
    }
}
