//! Batch jobs and ECS tasks of a server in another process, which is killed and started again.

mod common;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use common::{PATIENCE, Server, command, finish, stepwell, until, write};
use serde_json::Value;
use stepwell_local_jobs::{Call, JobsConfig, LocalJobs};
use stepwell_store::Store;
use stepwell_store_embedded::{EmbeddedStore, Options};

/// A directory whose jobs end with the test, even if that fails.
struct Project(tempfile::TempDir);

impl Project {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let found =
            Command::new("find").arg(self.path()).args(["-name", "*.lock", "-path", "*/jobs/*"]).output();
        let paths =
            found.map(|found| String::from_utf8_lossy(&found.stdout).into_owned()).unwrap_or_default();
        for lock in paths.lines() {
            let is_held = std::fs::File::open(lock)
                .is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)));
            if let Ok(shim) = std::fs::read_to_string(lock)
                && is_held
            {
                let _ = Command::new("kill").args(["-TERM", &shim]).status();
            }
        }
    }
}

fn project(configuration: &str) -> Project {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), "stepwell.toml", configuration);
    Project(directory)
}

/// A machine of one task.
fn machine(directory: &Path, name: &str, resource: &str, parameters: &str, more: &str) {
    let definition = format!(
        r#"{{"StartAt": "Job", "States": {{"Job": {{"Type": "Task", "Resource": "arn:aws:states:::{resource}",
            "Parameters": {parameters}, "End": true{more}}}}}}}"#
    );
    write(directory, &format!("{name}.asl.json"), &definition);
}

const SUBMIT: &str = r#"{"JobName": "j", "JobQueue": "q", "JobDefinition": "work"}"#;

/// A pipe that a job and the test wait for each other with: opening it waits for the other side.
fn pipe(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    path
}

/// Does something on a thread of its own, and fails when it takes too long.
fn in_time<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(act()));
    receiver.recv_timeout(PATIENCE).expect("in time")
}

/// Lets a job go on that reads from the pipe, as soon as it does.
fn release(path: &Path) {
    let path = path.to_path_buf();
    in_time(move || std::fs::write(path, "go\n").expect("a pipe"));
}

/// Waits until a job has opened the pipe for writing; what it gives waits until all of the job's processes are gone.
fn opened(path: &Path) -> impl FnOnce() + use<> {
    let path = path.to_path_buf();
    let mut file = in_time(move || std::fs::File::open(path).expect("a pipe"));
    move || {
        in_time(move || file.read_to_end(&mut Vec::new()).expect("a pipe"));
    }
}

fn end(server: &Server, execution: &str) -> Value {
    until("the end", || {
        let answer = server.client(&["describe", execution, "--output", "json"]).expect(0).json();
        (answer["status"] != "RUNNING").then_some(answer)
    })
}

fn output(described: &Value) -> Value {
    assert_eq!(described["status"], "SUCCEEDED", "{described}");
    serde_json::from_str(described["output"].as_str().expect("a text")).expect("JSON")
}

#[test]
fn a_job_of_a_killed_server_is_waited_for_by_the_next_and_runs_once() {
    let directory = project(
        "[batch.job_definitions.work]\n\
         command = [\"sh\", \"-c\", \"echo run >> runs; exec 3> alive; read line < gate; echo the end\"]\n\
         [ecs.task_definitions.serve]\n\
         command = [\"sh\", \"-c\", \"exec 3> alive-task; read line < gate-task; exit 0\"]\n",
    );
    let path = directory.path();
    machine(path, "work", "batch:submitJob.sync", SUBMIT, "");
    machine(path, "serve", "ecs:runTask.sync", r#"{"TaskDefinition": "serve", "LaunchType": "FARGATE"}"#, "");
    let pipes = ["alive", "gate", "alive-task", "gate-task"].map(|name| pipe(path, name));
    let server = Server::start(path, &[".", "--data-dir", "data"]);
    server.client(&["start", "work", "--name", "w"]).expect(0);
    server.client(&["start", "serve", "--name", "s"]).expect(0);
    let (job_gone, task_gone) = (opened(&pipes[0]), opened(&pipes[2]));
    // Submitted and known to be, so that the answer of the call is not asked for again.
    for execution in ["work:w", "serve:s"] {
        until("the submission", || {
            let history = server.client(&["history", execution]).expect(0).stdout;
            history.contains("TaskSubmitted").then_some(())
        });
    }
    server.kill();

    let server = Server::start(path, &["--data-dir", "data"]);
    release(&pipes[1]);
    release(&pipes[3]);
    job_gone();
    task_gone();
    let job = output(&end(&server, "work:w"));
    assert_eq!((&job["Status"], &job["Container"]["ExitCode"]), (&"SUCCEEDED".into(), &0.into()), "{job}");
    let log = path.join("data/jobs").join(job["Container"]["LogStreamName"].as_str().expect("a name"));
    assert_eq!(std::fs::read_to_string(log).expect("a log"), "the end\n");
    assert_eq!(std::fs::read_to_string(path.join("runs")).expect("a file"), "run\n");
    let task = output(&end(&server, "serve:s"));
    assert_eq!(task["LastStatus"], "STOPPED");
    assert_eq!(task["StopCode"], "EssentialContainerExited");
    assert_eq!(task["StartedBy"], "AWS Step Functions");
    assert_eq!(task["Containers"][0]["ExitCode"], 0);
    assert!(task["StartedAt"].as_str().is_some_and(|time| time.ends_with('Z')), "{task}");
    let history = server.client(&["history", "work:w"]).expect(0).stdout;
    assert_eq!(history.matches("TaskSubmitted").count(), 1, "{history}");
}

#[test]
fn a_submission_that_a_crash_made_uncertain_finds_its_job() {
    let directory = project(
        "[batch.job_definitions.work]\n\
         command = [\"sh\", \"-c\", \"echo run >> runs; exec 3> alive; read line < gate\"]\n",
    );
    let path = directory.path();
    machine(path, "work", "batch:submitJob.sync", SUBMIT, "");
    let (alive, gate) = (pipe(path, "alive"), pipe(path, "gate"));
    for run in ["one", "two", "three"] {
        let server = Server::start(path, &[".", "--data-dir", "data"]);
        server.client(&["start", "work", "--name", run]).expect(0);
        // The job runs; whether its submission is in the journal yet is anybody's guess.
        let gone = opened(&alive);
        server.kill();
        let server = Server::start(path, &["--data-dir", "data"]);
        release(&gate);
        gone();
        output(&end(&server, &format!("work:{run}")));
    }
    assert_eq!(std::fs::read_to_string(path.join("runs")).expect("a file"), "run\nrun\nrun\n");
}

/// The body of a request that is never answered; the connection stays open as long as what comes with it.
fn unanswered(listener: &TcpListener) -> (String, impl Sized) {
    let (stream, _) = listener.accept().expect("a connection");
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    (String::from_utf8(body).expect("a text"), reader)
}

const CUT_OFF: &str = "[job_definitions.work]\n\
    command = [\"sh\", \"-c\", \"echo run >> runs; exec 3> alive; read line < never\"]\n";

/// A project of which an execution was stopped and its server killed while a submission was under way, and the body of
/// that. The submission went nowhere.
fn cut_off() -> (Project, String) {
    let batch = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = batch.local_addr().expect("an address");
    let project = project(&format!("[endpoints]\nbatch = \"http://{address}\"\n"));
    let path = project.path();
    machine(path, "work", "batch:submitJob.sync", SUBMIT, "");
    pipe(path, "never");
    pipe(path, "alive");
    let server = Server::start(path, &[".", "--data-dir", "data"]);
    server.client(&["start", "work", "--name", "w"]).expect(0);
    let (body, _connection) = unanswered(&batch);
    server.client(&["stop", "work:w"]).expect(0);
    server.kill();
    write(path, "stepwell.toml", &CUT_OFF.replace("[job_definitions", "[batch.job_definitions"));
    (project, body)
}

#[test]
fn a_job_that_a_crash_cut_off_from_its_stopped_execution_is_found_and_ended() {
    let (project, body) = cut_off();
    let path = project.path();
    // What the submission would have left behind if it had reached the jobs of this machine.
    let execution_arn = "arn:aws:states:us-east-1:000000000000:execution:work:w";
    let store = EmbeddedStore::open(path.join("data"), Options::default()).expect("a store");
    let key = store.find(execution_arn).expect("a store").expect("an execution");
    store.close().expect("a store");
    drop(store);
    let config = JobsConfig {
        batch: toml::from_str(CUT_OFF).expect("a section"),
        base_dir: path.to_path_buf(),
        directory: Some(path.join("data/jobs")),
        shim: vec![env!("CARGO_BIN_EXE_stepwell").into(), "job-shim".into()],
        ..JobsConfig::default()
    };
    let call = Call {
        service: "batch",
        operation: "SubmitJob",
        region: "us-east-1",
        account: "000000000000",
        execution_arn,
        // The first task of the execution: frame 0, scheduled by the event with the ordinal 2.
        token_seed: &format!("{key} 0 2"),
        only_finds: false,
        body: body.as_bytes(),
    };
    let alive = path.join("alive");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let gone = runtime.block_on(async {
        let jobs = LocalJobs::start(config).await.expect("a folder for records");
        let answer = jobs.call(call).await.expect("the job is of this machine");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let gone = tokio::task::spawn_blocking(move || opened(&alive)).await.expect("the job runs");
        jobs.shutdown().await;
        gone
    });

    let server = Server::start(path, &["--data-dir", "data"]);
    gone();
    assert_eq!(end(&server, "work:w")["status"], "ABORTED");
    assert_eq!(std::fs::read_to_string(path.join("runs")).expect("a file"), "run\n");
}

#[test]
fn a_job_that_was_never_submitted_is_not_started_to_be_stopped() {
    let (project, _) = cut_off();
    let path = project.path();
    let server = Server::start(path, &["--data-dir", "data"]);
    // An execution that owes the stop of a job takes no other definition.
    until("the end of what is owed", || {
        let ended = server.client(&["redrive", "work:w", "--with-definition", "work.asl.json"]);
        (ended.code == 0).then_some(())
    });
    let gone = opened(&path.join("alive"));
    assert_eq!(std::fs::read_to_string(path.join("runs")).expect("a file"), "run\n");
    server.client(&["stop", "work:w"]).expect(0);
    gone();
}

#[test]
fn a_failed_job_is_retried_by_the_state_and_its_cause_is_the_job() {
    let directory = project(
        "[batch.job_definitions.work]\n\
         command = [\"sh\", \"-c\", \"echo run >> runs; [ $(wc -l < runs) = 3 ] || { echo not yet; exit 7; }\"]\n",
    );
    let path = directory.path();
    let retry =
        r#", "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}]"#;
    machine(path, "work", "batch:submitJob.sync", SUBMIT, retry);
    let ended = stepwell(path, &["run", "work.asl.json"]).expect(1);
    assert!(ended.stderr.contains("FAILED: States.TaskFailed: {"), "{}", ended.stderr);
    assert!(ended.stderr.contains("\"ExitCode\":7"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("\"StatusReason\":\"Essential container in task exited\""),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("last_line=not yet"), "{}", ended.stderr);
    let ended = stepwell(path, &["run", "work.asl.json"]).expect(0);
    assert_eq!(ended.json()["Attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!(std::fs::read_to_string(path.join("runs")).expect("a file").lines().count(), 3);
}

#[test]
fn stopping_an_execution_ends_its_job_with_all_its_processes() {
    let directory = project(
        "[batch.job_definitions.work]\n\
         command = [\"sh\", \"-c\", \"exec 3> alive; sh -c 'read line < never' & read line < never\"]\n",
    );
    let path = directory.path();
    machine(path, "work", "batch:submitJob.sync", SUBMIT, "");
    pipe(path, "never");
    let alive = pipe(path, "alive");
    let server = Server::start(path, &[".", "--data-dir", "data"]);
    server.client(&["start", "work", "--name", "w"]).expect(0);
    let gone = opened(&alive);
    until("the submission", || {
        let history = server.client(&["history", "work:w"]).expect(0).stdout;
        history.contains("TaskSubmitted").then_some(())
    });
    server.client(&["stop", "work:w"]).expect(0);
    gone();
    assert_eq!(end(&server, "work:w")["status"], "ABORTED");
}

#[test]
fn a_task_gives_its_token_back_and_others_can_be_asked_for() {
    let program = env!("CARGO_BIN_EXE_stepwell");
    let directory = project(&format!(
        "[ecs.task_definitions.worker.containers.main]\n\
         command = [\"sh\", \"-c\", '{program} task succeed $TOKEN --result 42']\n"
    ));
    let path = directory.path();
    let parameters = r#"{"TaskDefinition": "worker", "Overrides": {"ContainerOverrides": [
        {"Name": "main", "Environment": [{"Name": "TOKEN", "Value.$": "$$.Task.Token"}]}]}}"#;
    machine(path, "worker", "ecs:runTask.waitForTaskToken", parameters, "");
    let ended = stepwell(path, &["run", "worker.asl.json"]).expect(0);
    assert_eq!(ended.stdout, "42\n", "{}", ended.stderr);

    machine(path, "list", "aws-sdk:ecs:listTasks", r#"{"Family": "worker"}"#, "");
    let ended = stepwell(path, &["run", "list.asl.json"]).expect(0);
    assert_eq!(ended.json(), serde_json::json!({"TaskArns": []}));
    machine(path, "elsewhere", "batch:submitJob", SUBMIT, "");
    let ended = stepwell(path, &["run", "elsewhere.asl.json"]).expect(1);
    assert!(ended.stderr.contains("FAILED: Batch.SdkClientException: "), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("give its definition a section [batch.job_definitions.NAME]"),
        "{}",
        ended.stderr
    );
    machine(path, "odd", "ecs:runTask.sync", r#"{"TaskDefinition": "worker", "Count": 11}"#, "");
    let ended = stepwell(path, &["run", "odd.asl.json"]).expect(1);
    assert!(
        ended.stderr.contains("FAILED: ECS.InvalidParameterException: count must be"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_logs_of_an_execution_are_printed_while_its_jobs_print_them() {
    let directory = project(
        "[batch.job_definitions.work]\nattempts = 2\n\
         command = [\"sh\", \"-c\", \"echo begin; read line < gate-$AWS_BATCH_JOB_ATTEMPT; printf 'the end'; \
         exit $((2 - AWS_BATCH_JOB_ATTEMPT))\"]\n",
    );
    let path = directory.path();
    machine(path, "work", "batch:submitJob.sync", SUBMIT, "");
    let gates = ["gate-1", "gate-2"].map(|name| pipe(path, name));
    let server = Server::start(path, &[".", "--data-dir", "data"]);
    server.client(&["start", "work", "--name", "w"]).expect(0);
    let mut follow = command(path);
    follow.args(["logs", "work:w", "--follow"]).env("AWS_ENDPOINT_URL_SFN", &server.endpoint);
    let followed = std::thread::spawn(move || finish(&mut follow));
    release(&gates[0]);
    release(&gates[1]);
    let followed = followed.join().expect("a command").expect(0);
    assert_eq!(followed.stdout, "begin\nthe endbegin\nthe end");
    for attempt in [1, 2] {
        assert!(followed.stderr.contains(&format!(", attempt {attempt}, default: /")), "{}", followed.stderr);
    }

    let paths = server.client(&["logs", "work:w", "--paths", "--output", "json"]).expect(0).json();
    let job = &paths["jobs"][0];
    assert_eq!(
        (&job["name"], &job["status"], &job["service"]),
        (&"j".into(), &"SUCCEEDED".into(), &"batch".into())
    );
    assert_eq!(job["logs"].as_array().map(Vec::len), Some(2), "{paths}");
    let log = job["logs"][1]["path"].as_str().expect("a path");
    assert_eq!(std::fs::read_to_string(log).expect("a log"), "begin\nthe end");
    let table = server.client(&["logs", "work:w", "--paths"]).expect(0).stdout;
    assert_eq!((table.lines().count(), table.matches(log).count()), (3, 1), "{table}");

    let id = job["jobId"].as_str().expect("an id");
    for name in [id, &format!("arn:aws:batch:us-east-1:000000000000:job/{id}")] {
        let lines = server.client(&["logs", name, "--output", "json"]).expect(0).stdout;
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!((lines.len(), &lines[0]["line"], &lines[0]["jobId"]), (4, &"begin".into(), &id.into()));
    }
    let unknown = server.client(&["logs", "00000000-0000-4000-8000-000000000000"]).expect(3);
    assert!(unknown.stderr.contains("is known on the server's machine"), "{}", unknown.stderr);
    let unknown = server.client(&["logs", "work:other"]).expect(3);
    assert!(unknown.stderr.contains("ExecutionDoesNotExist"), "{}", unknown.stderr);
}
