//! `stepwell watch` of executions and of state machines.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use common::{PASS, Server, command, write};
use serde_json::{Value, json};

const ASK: &str = r#"{"StartAt": "First", "States": {"First": {"Type": "Pass", "Next": "Ask"}, "Ask": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:work", "End": true}}}"#;

/// A server with a machine that waits for a worker, and one that does nothing.
fn server() -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), "machines/ask.asl.json", ASK);
    write(directory.path(), "machines/pass.asl.json", PASS);
    let server = Server::start(directory.path(), &["--memory", "machines"]);
    server.call("CreateActivity", &json!({"name": "work"}));
    (directory, server)
}

/// A command that goes on, and the lines of one of its streams.
struct Watching {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Watching {
    fn start(server: &Server, arguments: &[&str], of_stderr: bool) -> Watching {
        let mut child = command(&server.directory)
            .arg("watch")
            .args(arguments)
            .env("AWS_ENDPOINT_URL_SFN", &server.endpoint)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines: Box<dyn Iterator<Item = String>> = if of_stderr {
            Box::new(BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok))
        } else {
            Box::new(BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok))
        };
        Watching { child, lines }
    }

    /// Reads until a line has the text.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        self.lines.find(|line| line.contains(text)).unwrap_or_else(|| panic!("no line with {text:?}"))
    }

    fn interrupt(&mut self) {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().expect("kill").success());
    }

    fn end(mut self) -> (i32, Vec<String>) {
        let rest = self.lines.by_ref().collect();
        (self.child.wait().expect("it ends").code().unwrap_or(-1), rest)
    }
}

fn start(server: &Server, machine: &str, name: &str) -> String {
    server.client(&["start", machine, "--name", name]).expect(0).stdout.trim().to_owned()
}

fn answer_task(server: &Server, output: &str) {
    let arn = "arn:aws:states:us-east-1:000000000000:activity:work";
    let task = server.call("GetActivityTask", &json!({"activityArn": arn}));
    server.call("SendTaskSuccess", &json!({"taskToken": task["taskToken"], "output": output}));
}

#[test]
fn an_execution_is_told_while_it_runs_and_ends_the_command() {
    let (_directory, server) = server();
    start(&server, "ask", "one");
    let mut path = Watching::start(&server, &["ask:one"], true);
    path.until("> Ask Task");
    let arn = "arn:aws:states:us-east-1:000000000000:execution:ask:one";
    let mut events = Watching::start(&server, &[arn, "--output", "json"], false);
    let scheduled: Value = serde_json::from_str(&events.until("ActivityScheduled")).unwrap();
    assert!(scheduled["id"].as_u64().unwrap() > 2, "{scheduled}");
    answer_task(&server, "42");
    path.until("execution succeeded");
    assert_eq!(path.end().0, 0);
    let (code, rest) = events.end();
    assert_eq!(code, 0);
    let last: Value = serde_json::from_str(rest.last().unwrap()).unwrap();
    assert_eq!((&last["status"], &last["output"]), (&"SUCCEEDED".into(), &"42".into()));

    // What has ended is told from its beginning; its exit code is that of its end.
    start(&server, "ask", "two");
    server.client(&["stop", "ask:two", "--error", "Enough"]).expect(0);
    let ended = server.client(&["watch", "ask:two"]).expect(1);
    assert!(
        ended.stderr.contains("execution was stopped: Enough") && ended.stderr.contains("ABORTED"),
        "{ended:?}"
    );
    assert!(server.client(&["watch", "ask:none"]).expect(3).stderr.contains("ExecutionDoesNotExist"));
    assert!(server.client(&["watch", "aks"]).expect(3).stderr.contains("did you mean ask?"));
}

#[test]
fn ctrl_c_ends_watching_and_not_the_execution() {
    let (_directory, server) = server();
    start(&server, "ask", "one");
    let mut path = Watching::start(&server, &["ask:one"], true);
    path.until("> Ask Task");
    path.interrupt();
    let (code, rest) = path.end();
    assert_eq!(
        (code, rest.last().map(String::as_str)),
        (1, Some("no longer watched; the execution goes on"))
    );
    assert!(server.client(&["describe", "ask:one"]).expect(0).stdout.contains("status: RUNNING"));
}

#[test]
fn executions_of_one_or_all_machines_are_told_as_they_change() {
    let (_directory, server) = server();
    start(&server, "ask", "one");
    let mut lines = Watching::start(&server, &["ask"], false);
    assert!(lines.until("ask:one").contains("  RUNNING  "));
    let mut all = Watching::start(&server, &["--output", "json"], false);
    all.until("RUNNING");
    start(&server, "pass", "other");
    answer_task(&server, "{}");
    assert!(lines.until("ask:one").contains("  SUCCEEDED  "), "a change is a line");
    lines.interrupt();
    let (code, rest) = lines.end();
    assert_eq!(code, 0);
    assert!(!rest.iter().any(|line| line.contains("pass:other")), "{rest:?}");
    let mut told = Vec::new();
    while told.len() < 2 {
        let change: Value = serde_json::from_str(&all.until("SUCCEEDED")).unwrap();
        told.push(change["name"].as_str().unwrap().to_owned());
    }
    told.sort();
    assert_eq!(told, ["one", "other"]);
    all.interrupt();
    assert_eq!(all.end().0, 0);
}

#[test]
fn a_server_that_comes_back_is_watched_on() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "machines/ask.asl.json", ASK);
    let serve = |port: &str| {
        let mut command = command(directory.path());
        command.args(["serve", "machines", "--data-dir", "data", "--port", port]);
        Server::start_command(directory.path(), &mut command)
    };
    let server = serve("0");
    server.call("CreateActivity", &json!({"name": "work"}));
    start(&server, "ask", "one");
    let mut path = Watching::start(&server, &["ask:one"], true);
    path.until("> Ask Task");
    let port = server.endpoint.rsplit(':').next().unwrap().to_owned();
    server.kill();
    path.until("trying again for 60 s");
    let server = serve(&port);
    answer_task(&server, "1");
    path.until("execution succeeded");
    assert_eq!(path.end().0, 0);
}
