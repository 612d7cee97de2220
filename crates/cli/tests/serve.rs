//! A server in another process, and the commands that talk to it.

mod common;

use std::net::TcpListener;

use common::{PASS, Server, command, finish, stepwell, write};

const WAIT: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;
const FAIL: &str =
    r#"{"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Broken", "Cause": "it broke"}}}"#;

#[test]
fn clients_create_start_watch_and_delete() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "pass.asl.json", PASS);
    write(directory.path(), "wait.asl.json", WAIT);
    write(directory.path(), "fail.asl.json", FAIL);
    write(
        directory.path(),
        "quick.asl.yaml",
        "StartAt: Q\nStates:\n  Q: {Type: Pass, Result: 7, End: true}\n",
    );
    let server = Server::start(directory.path(), &["--memory"]);
    let arn = |kind: &str, name: &str| format!("arn:aws:states:us-east-1:000000000000:{kind}:{name}");

    assert_eq!(server.client(&["list", "machines"]).expect(0).stdout, "");
    let created = server.client(&["create", "pass.asl.json"]).expect(0).stdout;
    assert_eq!(created.trim(), arn("stateMachine", "pass"));
    server.client(&["create", "wait.asl.json", "--name", "sleeper"]).expect(0);
    server.client(&["create", "fail.asl.json"]).expect(0);
    server.client(&["create", "quick.asl.yaml", "--type", "express"]).expect(0);
    let refused = server.client(&["create", "wait.asl.json", "--name", "pass"]).expect(3).stderr;
    assert!(refused.contains("StateMachineAlreadyExists: "), "{refused}");
    let list = server.client(&["list", "machines"]).expect(0).stdout;
    for line in ["NAME", "pass     STANDARD", "quick    EXPRESS", "sleeper  STANDARD"] {
        assert!(list.contains(line), "{list}");
    }

    let started =
        server.client(&["start", "pass", "--name", "one", "--input", "{\"a\": 1}"]).expect(0).stdout;
    assert_eq!(started.trim(), arn("execution", "pass:one"));
    assert_eq!(server.client(&["start", "pass", "--input", "[1]", "--wait"]).expect(0).stdout, "[1]\n");
    assert_eq!(server.client(&["start", "quick", "--wait"]).expect(0).stdout, "7\n");
    let followed = server.client(&["start", &arn("stateMachine", "pass"), "--follow"]).expect(0);
    assert_eq!(followed.stdout, "{}\n");
    assert!(followed.stderr.contains("> A Pass") && followed.stderr.contains("execution succeeded"));
    let failed = server.client(&["start", "fail", "--wait"]).expect(1);
    assert!(failed.stderr.contains("FAILED: Broken: it broke"), "{}", failed.stderr);
    let unknown = server.client(&["start", "pas", "--wait"]).expect(3).stderr;
    assert!(unknown.contains("no state machine \"pas\"; did you mean pass?"), "{unknown}");

    let described = server.client(&["describe", "pass:one"]).expect(0).stdout;
    assert!(
        described.contains("status: SUCCEEDED") && described.contains("output: {\"a\": 1}"),
        "{described}"
    );
    let described = server.client(&["describe", "pass", "--output", "json"]).expect(0).json();
    assert_eq!(described["definition"], PASS, "definitions come back byte for byte");
    let history = server.client(&["history", "pass:one"]).expect(0).stdout;
    assert!(history.contains("PassStateEntered") && history.contains("ExecutionSucceeded"), "{history}");
    let history = server.client(&["history", "pass:one", "--reverse", "--limit", "1", "--output", "json"]);
    assert_eq!(history.expect(0).json()["events"][0]["type"], "ExecutionSucceeded");
    let missing = server.client(&["describe", "pass:two"]).expect(3).stderr;
    assert!(missing.contains("ExecutionDoesNotExist: "), "{missing}");

    server.client(&["start", "sleeper", "--name", "s"]).expect(0);
    let running = server.client(&["list", "executions", "sleeper", "--status", "running"]).expect(0).stdout;
    assert!(running.contains("s     RUNNING"), "{running}");
    let stopped = server.client(&["stop", "sleeper:s", "--error", "Enough"]).expect(0).stdout;
    assert!(stopped.starts_with("stopped at 2"), "{stopped}");
    let late = server.client(&["stop", "pass:one"]).expect(0).stdout;
    assert!(late.starts_with("not stopped: it had ended at 2") && late.ends_with(", SUCCEEDED\n"), "{late}");
    assert_eq!(server.client(&["describe", "sleeper:s", "--output", "json"]).json()["error"], "Enough");

    write(directory.path(), "pass.asl.json", &PASS.replace("\"End\"", "\"Result\": 8, \"End\""));
    server.client(&["update", "pass", "pass.asl.json"]).expect(0);
    assert_eq!(server.client(&["start", "pass", "--wait"]).expect(0).stdout, "8\n");
    server.client(&["delete", "pass"]).expect(0);
    server.client(&["start", "pass"]).expect(3);
    server.client(&["delete", "no-such-thing"]).expect(3);

    let refused = server.client(&["task", "succeed", "no-token"]).expect(3).stderr;
    assert!(refused.contains("InvalidToken"), "{refused}");
    assert_eq!(server.terminate(), 0);
}

#[test]
fn clients_publish_versions_and_route_aliases() {
    let directory = tempfile::tempdir().unwrap();
    let definition = |number: u32| PASS.replace("\"End\"", &format!("\"Result\": {number}, \"End\""));
    write(directory.path(), "m.asl.json", &definition(1));
    let server = Server::start(directory.path(), &["--memory"]);
    let arn = |name: &str| format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}");

    let created =
        server.client(&["create", "m.asl.json", "--publish", "--version-description", "first"]).expect(0);
    assert_eq!(created.stdout, format!("{}\nversion {}\n", arn("m"), arn("m:1")));
    assert_eq!(server.client(&["update", "m", "m.asl.json"]).expect(0).stdout, "unchanged\n");
    write(directory.path(), "m.asl.json", &definition(2));
    let updated = server.client(&["update", "m", "m.asl.json"]).expect(0).stdout;
    assert!(updated.starts_with("updated, revision "), "{updated}");
    assert_eq!(server.client(&["publish", "m"]).expect(0).stdout.trim(), arn("m:2"));
    let stale = server.client(&["publish", "m", "--revision-id", "INITIAL"]).expect(3).stderr;
    assert!(stale.contains("ConflictException: "), "{stale}");

    let set =
        |routes: &[&str]| server.client(&[&["alias", "set", "m:live"], routes].concat()).expect(0).stdout;
    assert_eq!(set(&["1"]), format!("created {}\n", arn("m:live")));
    for (through, output) in [("m", "2\n"), ("m:1", "1\n"), ("m:live", "1\n")] {
        assert_eq!(server.client(&["start", through, "--wait"]).expect(0).stdout, output, "{through}");
    }
    assert_eq!(set(&["1=0", "2", "--description", "all new"]), format!("updated {}\n", arn("m:live")));
    assert_eq!(server.client(&["start", "m:live", "--name", "n", "--wait"]).expect(0).stdout, "2\n");

    let versions = server.client(&["list", "versions", "m"]).expect(0).stdout;
    let lines: Vec<&str> = versions.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(lines, ["VERSION", &arn("m:2"), &arn("m:1")]);
    assert!(server.client(&["list", "aliases", "m:1"]).expect(0).stdout.contains(&arn("m:live")));
    let count = |of: &str| {
        let listed = server.client(&["list", "executions", of, "--output", "json"]).expect(0).json();
        listed["executions"].as_array().map(Vec::len)
    };
    assert_eq!(["m", "m:1", "m:2", "m:live"].map(count), [4, 2, 1, 2].map(Some));

    let described = server.client(&["describe", "m:1"]).expect(0).stdout;
    assert!(described.contains("description: first") && described.contains("\"Result\": 1"), "{described}");
    let described = server.client(&["describe", "m:live", "--output", "json"]).expect(0).json();
    assert_eq!(described["description"], "all new");
    assert_eq!(described["routingConfiguration"][1]["weight"], 100);
    assert!(server.client(&["describe", "m:n"]).expect(0).stdout.contains("status: SUCCEEDED"));
    let refused = server.client(&["delete", "m:1"]).expect(3).stderr;
    assert!(refused.contains("must not be referenced by an alias"), "{refused}");
    server.client(&["delete", "m:live"]).expect(0);
    server.client(&["delete", "m:1"]).expect(0);
    // What is gone, or was never there, is not said to be deleted.
    for name in ["m:live", "m:1"] {
        let refused = server.client(&["delete", name]).expect(3).stderr;
        assert!(refused.contains("StateMachineDoesNotExist"), "{refused}");
    }
    assert!(!server.client(&["list", "versions", "m"]).expect(0).stdout.contains(&arn("m:1")));
    server.client(&["start", "m:live"]).expect(3);
}

#[test]
fn failed_executions_go_on_with_an_edited_input_or_a_mended_definition() {
    let directory = tempfile::tempdir().expect("a directory");
    let definition = |path: &str| {
        format!(
            r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "Next": "B"}}, "B": {{"Type": "Pass", "Parameters": {{"x.$": "{path}"}}, "End": true}}}}}}"#
        )
    };
    write(directory.path(), "read.asl.json", &definition("$.missing"));
    write(directory.path(), "mended.asl.json", &definition("$.there"));
    write(directory.path(), "other.asl.json", &definition("$.there").replace("\"B\"", "\"C\""));
    let server = Server::start(directory.path(), &["--memory"]);
    server.client(&["create", "read.asl.json"]).expect(0);
    for name in ["one", "two"] {
        let input = ["start", "read", "--name", name, "--input", "{\"there\": 1}", "--wait"];
        server.client(&input).expect(1);
    }
    let edited = ["redrive", "read:one", "--with-input", "{\"missing\": 5}", "--wait"];
    assert_eq!(server.client(&edited).expect(0).stdout, "{\"x\":5}\n");
    let described = server.client(&["describe", "read:one"]).expect(0).stdout;
    assert!(described.contains("state B with the input {\"missing\": 5}"), "{described}");
    assert!(described.contains("input: {\"there\": 1}"), "{described}");
    let history = server.client(&["history", "read:one"]).expect(0).stdout;
    assert!(history.contains("redrive 1, B with the input {\"missing\": 5}"), "{history}");
    let watched = server.client(&["watch", "read:one"]).expect(0).stderr;
    assert!(watched.contains("execution redriven (redrive 1)\n"), "{watched}");
    let again = server.client(&["redrive", "read:one"]).expect(3).stderr;
    assert!(again.contains("Execution is SUCCEEDED and cannot be redriven"), "{again}");

    let refused = server.client(&["redrive", "read:two", "--with-definition", "other.asl.json"]).expect(3);
    assert!(
        refused.stderr.contains("The new definition has no state 'B' at the top level"),
        "{}",
        refused.stderr
    );
    let invalid = server.client(&["redrive", "read:two", "--with-input", "{"]).expect(2).stderr;
    assert!(invalid.contains("the input is not JSON"), "{invalid}");
    let mended = ["redrive", "read:two", "--with-definition", "mended.asl.json", "--client-token", "t"];
    assert!(server.client(&mended).expect(0).stdout.starts_with("redriven at 2"));
    server.client(&mended).expect(0);
    let described = server.client(&["describe", "read:two", "--output", "json"]).expect(0).json();
    assert_eq!((&described["status"], &described["output"]), (&"SUCCEEDED".into(), &"{\"x\":1}".into()));
    assert_eq!(described["redriveCount"], 1);
    for (redrives, path) in [("0", "$.missing"), ("1", "$.there")] {
        let printed =
            server.client(&["describe", "read:two", "--definition-after", redrives]).expect(0).stdout;
        assert_eq!(printed.trim_end(), definition(path));
    }
    assert_eq!(server.terminate(), 0);
}

#[test]
fn directories_are_registered_and_updated() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "flows/pass.asl.json", PASS);
    write(directory.path(), "flows/other.asl.yaml", "StartAt: A\nStates: {A: {Type: Succeed}}\n");
    write(directory.path(), "flows/notes.json", "not a definition");
    write(
        directory.path(),
        "stepwell.toml",
        "[endpoints]\nsqs = \"http://127.0.0.1:9\"\n[server]\nretention_days = 7\n",
    );
    let serve = ["flows", "--data-dir", "data"];
    let server = Server::start(directory.path(), &serve);
    assert!(server.banner.contains("State machines: other (created), pass (created)"), "{}", server.banner);
    assert!(server.banner.contains("Configuration: ./stepwell.toml"), "{}", server.banner);
    assert!(server.banner.contains("Data: data (replies wait for the disk)"), "{}", server.banner);
    assert_eq!(server.client(&["start", "other", "--wait"]).expect(0).stdout, "{}\n");
    assert_eq!(server.terminate(), 0);
    write(directory.path(), "flows/pass.asl.json", &PASS.replace("\"End\"", "\"Result\": 8, \"End\""));
    let server = Server::start(directory.path(), &serve);
    assert!(server.banner.contains("other (unchanged), pass (updated)"), "{}", server.banner);
    assert_eq!(server.client(&["start", "pass", "--wait"]).expect(0).stdout, "8\n");
    server.kill();
    write(directory.path(), "flows/pass.asl.json", "{\"StartAt\": \"B\", \"States\": {}}");
    let refused =
        stepwell(directory.path(), &["serve", "--port", "0", "flows", "--data-dir", "data"]).expect(2);
    assert!(refused.stderr.contains("flows/pass.asl.json:1:"), "{}", refused.stderr);
}

#[test]
fn what_keeps_a_server_from_starting_is_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let one_line = |ended: common::Ended, code: i32, text: &str| {
        let stderr = ended.expect(code).stderr;
        assert!(stderr.contains(text), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    };
    one_line(stepwell(directory.path(), &["serve", "--memory", "--port", &port]), 2, "the port is taken");

    let server = Server::start(directory.path(), &["--data-dir", "data"]);
    one_line(
        stepwell(directory.path(), &["serve", "--port", "0", "--data-dir", "data"]),
        2,
        "in use by another process",
    );
    one_line(
        stepwell(directory.path(), &["serve", "--listen", "0.0.0.0:0", "--memory"]),
        2,
        "--allow-unauthenticated",
    );
    server.kill();

    for (format, code, text) in
        [("stepwell data, format 99\n", 2, "use a later version"), ("nonsense", 2, "not a data directory")]
    {
        write(directory.path(), "data/stepwell.format", format);
        one_line(stepwell(directory.path(), &["serve", "--port", "0", "--data-dir", "data"]), code, text);
    }
    write(directory.path(), "file", "");
    one_line(stepwell(directory.path(), &["serve", "--port", "0", "--data-dir", "file"]), 2, "file");
    let bad = |name: &str, value: &str| {
        finish(command(directory.path()).args(["serve", "--memory", "--port", "0"]).env(name, value))
    };
    one_line(bad("AWS_ACCOUNT_ID", "12"), 2, "AWS_ACCOUNT_ID");
    one_line(bad("WAIT_TIME_SCALE", "fast"), 2, "WAIT_TIME_SCALE");
    one_line(bad("LAMBDA_ENDPOINT", "nowhere"), 2, "LAMBDA_ENDPOINT");
    one_line(bad("STEPWELL_LOG_LEVEL", "loud"), 2, "STEPWELL_LOG_LEVEL");
}

#[test]
fn variables_of_step_functions_local_are_honoured() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "wait.asl.json", WAIT);
    let mut command = command(directory.path());
    command.args(["serve", "--memory", "--port", "0", "."]);
    command
        .env("WAIT_TIME_SCALE", "0")
        .env("AWS_DEFAULT_REGION", "eu-west-1")
        .env("AWS_ACCOUNT_ID", "123456789012");
    let server = Server::start_command(directory.path(), &mut command);
    let answer = server.client(&["start", "wait", "--wait", "--output", "json"]).expect(0).json();
    let arn = answer["executionArn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:states:eu-west-1:123456789012:execution:wait:"), "{arn}");
}

#[test]
fn a_backup_of_a_served_store_can_be_served() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "flows/wait.asl.json", WAIT);
    let server = Server::start(directory.path(), &["flows", "--data-dir", "data"]);
    server.client(&["start", "wait", "--name", "w"]).expect(0);
    server.client(&["backup", "copy"]).expect(0);
    let refused = server.client(&["backup", "copy"]).expect(3).stderr;
    assert!(refused.contains("no backup was made: ") && refused.contains("copy is not empty"), "{refused}");
    let copy = Server::start(directory.path(), &["--data-dir", "copy"]);
    let described = copy.client(&["describe", "wait:w", "--output", "json"]).expect(0).json();
    assert_eq!(described["status"], "RUNNING");
}
