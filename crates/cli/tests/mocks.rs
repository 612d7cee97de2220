//! Mock files and tests of single states from the command line.

mod common;

use common::{Server, command, finish, stepwell, write};
use serde_json::json;

const ORDER: &str = r#"{"StartAt": "Charge", "States": {"Charge": {
  "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "none", "Payload.$": "$"},
  "ResultSelector": {"got.$": "$.Payload"}, "End": true,
  "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2}]}}}"#;
const MOCKS: &str = r#"{
  "StateMachines": {"order": {"TestCases": {"Happy": {"Charge": "Charged"}, "Down": {"Charge": "Down"}}}},
  "MockedResponses": {
    "Charged": {"0": {"Return": {"StatusCode": 200, "Payload": {"n": 1}}}},
    "Down": {"0": {"Throw": {"Error": "Down", "Cause": "c"}}}
  }
}"#;

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), "order.asl.json", ORDER);
    write(directory.path(), "mocks.json", MOCKS);
    write(directory.path(), "marked.json", &format!("\u{feff}{MOCKS}"));
    write(directory.path(), "bad.json", &MOCKS.replace("\"Charge\": \"Charged\"", "\"Charge\": \"Chraged\""));
    directory
}

#[test]
fn a_run_takes_the_answers_of_a_case() {
    let project = project();
    let at = |arguments: &[&str]| {
        let base = ["run", "order.asl.json", "--mock-config"];
        stepwell(project.path(), &[&base[..], arguments].concat())
    };
    for file in ["mocks.json", "marked.json"] {
        assert_eq!(at(&[file, "--mock-case", "Happy"]).expect(0).stdout, "{\"got\":{\"n\":1}}\n");
    }
    let down = at(&["mocks.json", "--mock-case", "Down"]).expect(1);
    assert!(down.stderr.contains("FAILED: Down: c"), "{}", down.stderr);
    let unknown = at(&["mocks.json", "--mock-case", "happy"]).expect(3);
    assert!(unknown.stderr.contains("(did you mean 'Happy'?)"), "{}", unknown.stderr);
    at(&["mocks.json"]).expect(2);
    let nowhere = stepwell(project.path(), &["run", "order.asl.json", "--mock-case", "Happy"]).expect(2);
    assert!(
        nowhere.stderr.contains("--mock-case needs a mock file: name it with --mock-config"),
        "{}",
        nowhere.stderr
    );
    let mut variable = command(project.path());
    let variable = variable.args(["run", "order.asl.json", "--mock-case", "Happy"]);
    finish(variable.env("SFN_MOCK_CONFIG", "mocks.json")).expect(0);
}

#[test]
fn faults_of_the_file_stop_the_command_with_their_places() {
    let project = project();
    for arguments in [
        &["run", "order.asl.json", "--mock-config", "bad.json", "--mock-case", "Happy"][..],
        &["serve", "--memory", "--port", "0", "--mock-config", "bad.json"],
    ] {
        let ended = stepwell(project.path(), arguments).expect(2);
        let expected = "bad.json:2:65: MockedResponses has no 'Chraged'; did you mean 'Charged'? at \
                        /StateMachines/order/TestCases/Happy/Charge";
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

#[test]
fn a_server_tests_states_and_starts_cases() {
    let project = project();
    write(project.path(), "stepwell.toml", "[mock]\nfile = \"mocks.json\"\n");
    write(project.path(), "lone.json", r#"{"Type": "Succeed"}"#);
    let inner = r#"{"StartAt": "Inner", "States": {"Inner": {"Type": "Succeed"}}}"#;
    let fork = format!(r#"{{"Fork": {{"Type": "Parallel", "Branches": [{inner}], "End": true}}}}"#);
    let map = format!(
        r#"{{"Type": "Map", "ItemProcessor": {{"StartAt": "Fork", "States": {fork}}}, "End": true}}"#
    );
    write(project.path(), "deep.json", &format!(r#"{{"StartAt": "Map", "States": {{"Map": {map}}}}}"#));
    let server = Server::start(project.path(), &["--memory"]);
    let call = |arguments: &[&str]| server.client(arguments);
    call(&["create", "order.asl.json"]).expect(0);
    assert_eq!(call(&["start", "order#Happy", "--wait"]).expect(0).stdout, "{\"got\":{\"n\":1}}\n");

    let base = ["test-state", "order.asl.json", "--state", "Charge"];
    let test = |arguments: &[&str]| call(&[&base[..], arguments].concat());
    let good = test(&["--input", "{\"a\": 1}", "--mock-result", "{\"Payload\": 2}"]).expect(0);
    assert_eq!(good.stdout, "{\"got\": 2}\n");
    let stages = [
        "input                 {\"a\": 1}",
        "after Parameters      {\"FunctionName\": \"none\", \"Payload\": {\"a\": 1}}",
        "after ResultSelector  {\"got\": 2}",
        "SUCCEEDED",
    ];
    for stage in stages {
        assert!(good.stderr.lines().any(|line| line == stage), "{stage} in {}", good.stderr);
    }
    let again =
        test(&["--mock-error", "Busy", "--mock-cause", "c", "--retries", "1", "--output", "json"]).expect(1);
    assert_eq!(again.json()["status"], "RETRIABLE");
    assert_eq!(
        again.json()["inspectionData"]["errorDetails"],
        json!({"retryIndex": 0, "retryBackoffIntervalSeconds": 2})
    );
    test(&["--mock-result", "{\"StatusCode\": \"x\"}"]).expect(3);
    test(&["--mock-result", "{\"StatusCode\": \"x\"}", "--validation", "none"]).expect(1);
    for (arguments, told) in [
        (
            &["order.asl.json"][..],
            "order.asl.json is a whole state machine: name the state to test with --state (it has Charge)",
        ),
        (
            &["order.asl.json", "--state", "Chrge"],
            "order.asl.json has no state \"Chrge\"; did you mean \"Charge\"?",
        ),
        (&["deep.json", "--state", "Zzz"], "deep.json has no state \"Zzz\" (it has Map, Fork, Inner)"),
        (
            &["lone.json", "--state", "Lone"],
            "lone.json is a single state, not a state machine: leave --state out",
        ),
    ] {
        let ended = call(&[&["test-state"], arguments].concat()).expect(2);
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
    assert_eq!(
        call(&["test-state", "deep.json", "--state", "Inner", "--input", "7"]).expect(0).stdout,
        "7\n"
    );
}
