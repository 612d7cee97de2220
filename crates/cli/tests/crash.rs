//! A server that is killed in the middle goes on where it was, and every step happens once.

mod common;

use common::{Server, command, is_there, stepwell, until, write};

/// Three steps that leave a line each, and a wait between them.
const STEPS: &str = r#"{"StartAt": "First", "States": {
    "First": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:step",
              "ResultPath": "$.first", "Next": "Pause"},
    "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Second"},
    "Second": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:step",
               "ResultPath": "$.second", "Next": "Third"},
    "Third": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:step",
              "ResultPath": "$.third", "End": true}
}}"#;

const CONFIGURATION: &str =
    "[lambda.functions.step]\nruntime = \"python\"\nhandler = \"app.step\"\ndir = \"code\"\n";

const HANDLER: &str = "\
import json
def step(event, context):
    done = [key for key in ('first', 'second', 'third') if key in event]
    with open('../steps.txt', 'a') as file:
        file.write(event['run'] + ' step %d\\n' % (len(done) + 1))
    return len(done) + 1
";

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), "steps.asl.json", STEPS);
    write(directory.path(), "stepwell.toml", CONFIGURATION);
    write(directory.path(), "code/app.py", HANDLER);
    directory
}

/// The lines that handlers left.
fn steps(directory: &tempfile::TempDir) -> Vec<String> {
    let text = std::fs::read_to_string(directory.path().join("steps.txt")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_killed_server_finishes_every_execution_with_each_step_once() {
    if !is_there("python3") {
        return;
    }
    let directory = project();
    let server = Server::start(directory.path(), &[".", "--data-dir", "data"]);
    let runs: Vec<String> = (0..5).map(|number| format!("run-{number}")).collect();
    for run in &runs {
        let input = format!("{{\"run\": \"{run}\"}}");
        server.client(&["start", "steps", "--name", run, "--input", &input]).expect(0);
    }
    // All are in the wait when the server dies: what the first step brought is on disk.
    for run in &runs {
        until("the first step", || {
            let history = server.client(&["history", &format!("steps:{run}")]).expect(0).stdout;
            history.contains("WaitStateEntered").then_some(())
        });
    }
    server.kill();
    assert_eq!(steps(&directory).len(), runs.len());

    let server = Server::start(directory.path(), &["--data-dir", "data"]);
    for run in &runs {
        let description = until("the end", || {
            let answer =
                server.client(&["describe", &format!("steps:{run}"), "--output", "json"]).expect(0).json();
            (answer["status"] != "RUNNING").then_some(answer)
        });
        assert_eq!(description["status"], "SUCCEEDED", "{description}");
        let output: serde_json::Value =
            serde_json::from_str(description["output"].as_str().unwrap()).unwrap();
        assert_eq!(output, serde_json::json!({"run": run, "first": 1, "second": 2, "third": 3}));
        // The same name and input again is the same execution: an answer, not a second run, while it runs; after its end
        // the name is taken.
        let input = format!("{{\"run\": \"{run}\"}}");
        let again = server.client(&["start", "steps", "--name", run, "--input", &input]).expect(3).stderr;
        assert!(again.contains("ExecutionAlreadyExists"), "{again}");
    }
    let mut expected: Vec<String> =
        runs.iter().flat_map(|run| (1..=3).map(move |step| format!("{run} step {step}"))).collect();
    let mut found = steps(&directory);
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "each step happens once");
    assert_eq!(server.terminate(), 0);
}

/// What stands for the answers of services is asked for again after a kill, and counted on where it was.
#[test]
fn a_killed_server_goes_on_with_mocked_executions() {
    let directory = tempfile::tempdir().expect("a directory");
    let machine = r#"{"StartAt": "Charge", "States": {
        "Charge": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "none"},
                   "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1.0}],
                   "ResultSelector": {"n.$": "$.Payload"}, "ResultPath": "$.charge", "Next": "Pause"},
        "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Ship"},
        "Ship": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                 "Parameters": {"QueueUrl": "none", "MessageBody.$": "$$.Task.Token"}, "ResultPath": "$.ship", "End": true}
    }}"#;
    let mocks = r#"{"StateMachines": {"order": {"TestCases": {"Slow": {"Charge": "Third", "Ship": "Sent"}}}},
        "MockedResponses": {
            "Third": {"0-1": {"Throw": {"Error": "Busy", "Cause": "later"}}, "2": {"Return": {"Payload": 3}}},
            "Sent": {"0": {"Return": "sent"}}
        }}"#;
    write(directory.path(), "order.asl.json", machine);
    write(directory.path(), "mocks.json", mocks);
    let serve =
        || Server::start(directory.path(), &[".", "--data-dir", "data", "--mock-config", "mocks.json"]);
    let mut server = serve();
    let runs: Vec<String> = (0..5).map(|number| format!("run-{number}")).collect();
    for run in &runs {
        server.client(&["start", "order#Slow", "--name", run, "--input", "{}"]).expect(0);
    }
    let history =
        |server: &Server, run: &str| server.client(&["history", &format!("order:{run}")]).expect(0).stdout;
    // Killed once between the attempts of a mocked task, and once behind it.
    for event in ["TaskFailed", "WaitStateEntered"] {
        for run in &runs {
            until(event, || history(&server, run).contains(event).then_some(()));
        }
        server.kill();
        server = serve();
    }
    for run in &runs {
        let description = until("the end", || {
            let answer =
                server.client(&["describe", &format!("order:{run}"), "--output", "json"]).expect(0).json();
            (answer["status"] != "RUNNING").then_some(answer)
        });
        assert_eq!(description["status"], "SUCCEEDED", "{description}");
        let output: serde_json::Value =
            serde_json::from_str(description["output"].as_str().unwrap()).unwrap();
        assert_eq!(output, serde_json::json!({"charge": {"n": 3}, "ship": "sent"}));
        let events = history(&server, run);
        let count = |event: &str| events.matches(event).count();
        assert_eq!(
            (count("TaskFailed"), count("TaskSucceeded")),
            (2, 2),
            "each answer is taken once: {events}"
        );
    }
    assert_eq!(server.terminate(), 0);
}

#[test]
fn a_killed_run_goes_on_when_it_is_given_again() {
    if !is_there("python3") {
        return;
    }
    let directory = project();
    let arguments =
        ["run", "steps.asl.json", "--data-dir", "data", "--name", "one", "--input", "{\"run\": \"r\"}"];
    let path = directory.path().join("path.txt");
    let mut child = command(directory.path())
        .args(arguments)
        .stderr(std::fs::File::create(&path).unwrap())
        .spawn()
        .unwrap();
    until("the wait", || std::fs::read_to_string(&path).ok()?.contains("> Pause Wait").then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    let ended = stepwell(directory.path(), &arguments).expect(0);
    assert_eq!(ended.json(), serde_json::json!({"run": "r", "first": 1, "second": 2, "third": 3}));
    assert_eq!(steps(&directory), ["r step 1", "r step 2", "r step 3"]);
}
