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
