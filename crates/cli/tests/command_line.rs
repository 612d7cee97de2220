//! Arguments to exit code and texts, without a server.

mod common;

use common::{PASS, command, finish, is_there, stepwell, write};

/// Files that the cases below name.
fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let files = [
        ("pass.asl.json", PASS),
        ("pass.asl.yaml", "StartAt: A\nStates:\n  A:\n    Type: Pass\n    End: true\n"),
        (
            "typo.asl.json",
            "{\n  \"StartAt\": \"First\",\n  \"States\": {\n    \"First\": {\"Type\": \"Pass\", \"Next\": \"Secnd\"},\n    \"Second\": {\"Type\": \"Succeed\"}\n  }\n}\n",
        ),
        (
            "typo.asl.yaml",
            "StartAt: First\nStates:\n  First:\n    Type: Pass\n    Next: Secnd\n  Second:\n    Type: Succeed\n",
        ),
        ("bad.yaml", "StartAt: [A\n"),
        ("bad.json", "{\"StartAt\": \n"),
        (
            "fail.asl.json",
            r#"{"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Broken", "Cause": "it broke\nbadly"}}}"#,
        ),
        (
            "wait.asl.json",
            r#"{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#,
        ),
        (
            "missing-function.asl.json",
            r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:nowhere", "End": true}}}"#,
        ),
        (
            "jsonata.asl.json",
            r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": "{% $states.input.a[1] + 1 %}", "End": true}}}"#,
        ),
        (
            "phone.asl.json",
            r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": "{% phone & '' %}", "End": true}}}"#,
        ),
        (
            "distributed.asl.json",
            r#"{"StartAt": "A", "States": {"A": {"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}, "End": true}}}"#,
        ),
        (
            "evaluation.asl.json",
            r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": "{% 1 + 'x' %}", "End": true}}}"#,
        ),
        (
            "slip.asl.json",
            "{\"QueryLanguage\": \"JSONata\", \"StartAt\": \"A\", \"States\": {\"A\": {\"Type\": \"Pass\", \"End\": true,\n\"Output\": \"{% 1 + phone %}\"}}}",
        ),
        (
            "slip.asl.yaml",
            "QueryLanguage: JSONata\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    End: true\n    Output: '{% 1 + phone %}'\n",
        ),
        (
            "block.asl.yaml",
            "QueryLanguage: JSONata\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    End: true\n    Output: |-\n      {% (\n        $a := 1;\n        $a + phone\n      ) %}\n",
        ),
        (
            "folded.asl.yaml",
            "QueryLanguage: JSONata\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    End: true\n    Output:\n      é: >-\n        {% $states.input.a +\n        1 +* 2 %}\n",
        ),
        (
            "alias.asl.yaml",
            "QueryLanguage: JSONata\nStartAt: A\nStates:\n  A: {Type: Pass, Next: B, Output: &out \"{% 'ü' & phone %}\"}\n  B:\n    Type: Pass\n    End: true\n    Output: *out\n",
        ),
        (
            "callback.asl.json",
            r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}, "End": true}}}"#,
        ),
        ("input.json", "{\"a\": [1, 2.50]}"),
        ("wrong/stepwell.toml", "[lambda.functions.f]\nruntme = \"python\"\n"),
        ("wrong/pass.asl.json", PASS),
        ("workflows/a.asl.json", PASS),
        ("workflows/b.asl.yaml", "StartAt: A\nStates: {A: {Type: Succeed}}\n"),
        ("workflows/notes.json", "{"),
        ("no-workflows/notes.json", "{"),
        ("open.json", "{\"a\": 1"),
        ("empty.json", " \n"),
        ("marked.asl.yaml", "\u{feff}StartAt: A\nStates: {A: {Type: Succeed}}\n"),
    ];
    for (name, text) in files {
        write(directory.path(), name, text);
    }
    write(directory.path(), "marked.asl.json", &format!("\u{feff}{PASS}"));
    std::fs::write(directory.path().join("latin1.json"), b"{\"a\": \"\xe9\"}").expect("a file");
    directory
}

#[test]
fn commands_end_with_the_codes_and_texts_they_promise() {
    let project = project();
    // Arguments, exit code, a part of standard output, a part of standard error.
    let cases: &[(&str, i32, &str, &str)] = &[
        ("--version", 0, "stepwell 0.", ""),
        ("--help", 0, "Exit codes: 0 done", ""),
        ("", 2, "", "Usage: stepwell"),
        ("frobnicate", 2, "", "unrecognized subcommand 'frobnicate'"),
        ("validat", 2, "", "'validate'"),
        // validate
        ("validate", 2, "", "<FILE>"),
        ("validate pass.asl.json pass.asl.yaml", 0, "pass.asl.yaml: valid", ""),
        ("validate typo.asl.json", 2, "typo.asl.json:4:39: error: ", ""),
        ("validate typo.asl.json", 2, "did you mean Second?", ""),
        ("validate typo.asl.json", 2, "[MISSING_TRANSITION_TARGET] at /States/First/Next", ""),
        ("validate typo.asl.yaml", 2, "typo.asl.yaml:5:11: error: ", ""),
        ("validate typo.asl.yaml", 2, "     5 |     Next: Secnd\n       |           ^^^^^\n", ""),
        ("validate pass.asl.json typo.asl.json", 2, "pass.asl.json: valid", ""),
        ("validate bad.yaml", 2, "bad.yaml:2:1: error: this is not YAML: ", ""),
        ("validate bad.json", 2, "bad.json:2:1: error: ", ""),
        ("validate none.json", 2, "none.json: error: can't read none.json: no such file or directory", ""),
        ("validate latin1.json", 2, "is not UTF-8 text: byte 7", ""),
        ("validate .", 2, "", "would both be the state machine"),
        ("validate workflows", 0, "workflows/a.asl.json: valid\nworkflows/b.asl.yaml: valid\n", ""),
        ("validate no-workflows", 2, "", "no definitions in no-workflows: looked for NAME.asl.json, "),
        ("validate marked.asl.json marked.asl.yaml", 0, "marked.asl.yaml: valid", ""),
        (
            "validate open.json",
            2,
            "error: Unexpected end-of-input: expected close marker for Object (start marker at line 1, column 1) \
             [INVALID_JSON_DESCRIPTION]\n",
            "",
        ),
        ("validate --output json open.json", 2, "[Source: (String)", ""),
        ("validate --type express callback.asl.json", 2, "invalid", ""),
        ("validate --type SOMETHING pass.asl.json", 2, "", "possible values: STANDARD, EXPRESS"),
        ("validate jsonata.asl.json", 0, "", ""),
        ("validate phone.asl.json", 2, "Reference to 'phone' at the top level is not supported.", ""),
        ("validate distributed.asl.json", 0, "NOT_YET_SUPPORTED", ""),
        (
            "validate slip.asl.json",
            2,
            "     2 | \"Output\": \"{% 1 + phone %}\"}}}\n       |                   ^^^^^\n",
            "",
        ),
        (
            "validate slip.asl.yaml",
            2,
            "     7 |     Output: '{% 1 + phone %}'\n       |                     ^^^^^\n",
            "",
        ),
        ("validate block.asl.yaml", 2, "block.asl.yaml:10:14: error: ", ""),
        ("validate block.asl.yaml", 2, "    10 |         $a + phone\n       |              ^^^^^\n", ""),
        ("validate folded.asl.yaml", 2, "    10 |         1 +* 2 %}\n       |              ^\n", ""),
        (
            "validate alias.asl.yaml",
            2,
            "     4 |   A: {Type: Pass, Next: B, Output: &out \"{% 'ü' & phone %}\"}\n       |                                                   ^^^^^\n",
            "",
        ),
        ("validate --output json typo.asl.json", 2, "\"result\": \"FAIL\"", ""),
        ("validate --output json pass.asl.json", 0, "\"result\": \"OK\"", ""),
        // run
        ("run pass.asl.json", 0, "{}\n", "execution succeeded"),
        ("run pass.asl.yaml --input @input.json", 0, "{\"a\": [1, 2.50]}\n", "> A Pass"),
        ("run pass.asl.json --input nonsense", 2, "", "the input is not JSON: "),
        (
            "run pass.asl.json --input [1}",
            2,
            "",
            "expected ']' (for Array starting at line 1, column 1) (line 1, column 3)\n     1 | [1}\n       |   ^",
        ),
        ("run pass.asl.json --input @open.json", 2, "", "the input in open.json is not JSON: Unexpected"),
        (
            "run pass.asl.json --input @empty.json",
            2,
            "",
            "the input in empty.json is not JSON: it is empty\n",
        ),
        ("run pass.asl.json --input @marked.asl.json", 0, "{\"StartAt\"", ""),
        ("run pass.asl.json --input @none.json", 2, "", "can't read none.json: no such file"),
        ("run pass.asl.json --name a:b", 3, "", "InvalidName"),
        ("run none.asl.json", 2, "", "can't read none.asl.json"),
        ("run typo.asl.json", 2, "", "did you mean Second?"),
        ("run jsonata.asl.json --input @input.json", 0, "3.5\n", "> A Pass"),
        ("run distributed.asl.json", 2, "", "is not supported yet"),
        ("run evaluation.asl.json", 1, "", "! A failed: States.QueryEvaluationError"),
        ("run fail.asl.json", 1, "", "FAILED: Broken: it broke badly"),
        ("run fail.asl.json --output json", 1, "\"error\": \"Broken\"", "execution failed"),
        ("run wait.asl.json --skip-waits", 0, "{}\n", "> A Wait"),
        ("run pass.asl.json --type EXPRESS --input [1]", 0, "[1]\n", ""),
        ("run fail.asl.json --type express", 1, "", "FAILED: Broken"),
        ("run missing-function.asl.json", 1, "", "FAILED: Lambda.ResourceNotFoundException"),
        (
            "run wrong/pass.asl.json",
            2,
            "",
            "wrong/stepwell.toml:2:1: unknown key \"runtme\" in [lambda.functions.f]; did you mean \"runtime\"?",
        ),
        // serve: what is refused before it listens
        ("serve --listen 0.0.0.0:0 --memory", 2, "", "0.0.0.0"),
        ("serve --listen nowhere --memory", 2, "", "--listen: can't listen on \"nowhere\""),
        ("serve --listen 127.0.0.1:1 --port 2", 2, "", "cannot be used with"),
        ("serve --config none.toml", 2, "", "can't read none.toml"),
        (
            "serve --memory --port 0 --mock-config none.json",
            2,
            "",
            "the mock file none.json can't be read: No such file or directory\n",
        ),
        ("serve --config wrong/stepwell.toml", 2, "", "unknown key \"runtme\""),
        ("serve --memory --service-endpoint lambda", 2, "", "write SERVICE=URL"),
        (
            "serve --memory --port 8099 --service-endpoint lambda=http://localhost:8099",
            2,
            "",
            "this server itself",
        ),
        ("serve --memory --port 0 no-such-directory", 2, "", "can't read no-such-directory"),
        ("serve --memory --port 0 pass.asl.json", 2, "", "pass.asl.json is a file; name the directory"),
        (
            "serve --memory --port 0 no-workflows nowhere",
            2,
            "",
            "warning: no definitions in no-workflows: looked for",
        ),
        ("serve --memory --port 0 .", 2, "", "would both be the state machine"),
        ("serve --data-dir input.json --port 0", 2, "", "input.json"),
        ("serve --durability never", 2, "", "possible values: commit, interval, memory"),
        // integrations
        ("integrations", 0, "aws-sdk:apigateway ", ""),
        ("integrations --output json", 0, "\"service\": \"http\"", ""),
        ("integrations http", 0, "invoke  http:invoke", ""),
        ("integrations http invoke", 0, "InvocationConfig.ConnectionArn", ""),
        ("integrations apigateway", 0, "apigateway:invoke, apigateway:invoke.waitForTaskToken", ""),
        ("integrations apigateway invoke", 0, "NO_AUTH, IAM_ROLE, RESOURCE_POLICY", ""),
        ("integrations apigateway getRestApis", 0, "arn:aws:states:::aws-sdk:apigateway:getRestApis", ""),
        ("integrations eks", 0, "eks:createCluster, eks:createCluster.sync", ""),
        ("integrations eks runJob.sync", 0, "LogOptions.LogParameters", ""),
        ("integrations eks call --output json", 0, "\"EKS.<status>\"", ""),
        ("integrations aws-sdk:eks call", 2, "", "there is no action \"call\""),
        ("integrations eks runJbo", 2, "", "did you mean \"runJob\"?"),
        ("integrations http call", 2, "", "there is no action \"call\""),
        ("integrations htp", 2, "", "did you mean \"http\"?"),
        ("integrations nosuchservice", 2, "", "\"nosuchservice\"; `stepwell integrations` lists them"),
        ("integrations sqs fly", 2, "", "there is no action \"fly\"; `stepwell integrations sqs` lists them"),
        // clients without a server
        (
            "list machines --endpoint-url http://127.0.0.1:1",
            3,
            "",
            "can't reach the server at http://127.0.0.1:1: connection refused",
        ),
        ("list machines --endpoint-url https://127.0.0.1:1", 2, "", "only http:// addresses"),
        ("list machines --endpoint-url 127.0.0.1", 2, "", "is not an address"),
        ("list machines --endpoint-url http://127.0.0.1:99999", 2, "", "is not an address"),
        ("start order --input nonsense", 2, "", "the input is not JSON"),
        ("start order --wait --follow", 2, "", "cannot be used with"),
        ("describe", 2, "", "<NAME>"),
        ("stop run-1", 2, "", "write MACHINE:EXECUTION"),
        ("alias set order:live 3=x", 2, "", "the weight must be a number from 0 to 100"),
        ("alias set order:live live", 2, "", "write the number of a version, such as 3, or 3=90"),
        ("alias set order:live 3 4", 2, "", "say how many executions each version gets, such as 3=90 4=10"),
        ("alias set order:live", 2, "", "<VERSION[=WEIGHT]>"),
        ("create pass.asl.json --version-description d", 2, "", "--publish"),
        ("task succeed - --result -", 2, "", "only one of"),
        ("create typo.asl.json", 2, "", "did you mean Second?"),
        ("completions bash", 0, "_stepwell()", ""),
        ("completions fish", 0, "stepwell", ""),
    ];
    for (line, code, stdout, stderr) in cases {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let ended = stepwell(project.path(), &arguments);
        assert_eq!(ended.code, *code, "stepwell {line}\n{ended:?}");
        assert!(ended.stdout.contains(stdout), "stepwell {line}\n{}\nnot in\n{}", stdout, ended.stdout);
        assert!(ended.stderr.contains(stderr), "stepwell {line}\n{}\nnot in\n{}", stderr, ended.stderr);
        assert!(!ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'), "colours: {line}");
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[test]
fn every_command_has_an_example_in_its_help() {
    let project = tempfile::tempdir().unwrap();
    for line in [
        "serve",
        "run",
        "validate",
        "eval",
        "create",
        "update",
        "publish",
        "alias",
        "alias set",
        "deploy",
        "delete",
        "start",
        "list",
        "list machines",
        "list executions",
        "list versions",
        "list aliases",
        "list activities",
        "describe",
        "history",
        "logs",
        "stop",
        "watch",
        "task",
        "task succeed",
        "task fail",
        "task heartbeat",
        "backup",
        "env",
        "doctor",
        "completions",
    ] {
        let arguments: Vec<&str> = line.split(' ').chain(["--help"]).collect();
        let help = stepwell(project.path(), &arguments).expect(0).stdout;
        let example = format!("\n  stepwell {line}");
        assert!(help.contains("Example") && help.contains(&example), "{help}");
    }
}

#[test]
fn findings_as_json_have_places_in_the_file() {
    let project = project();
    let answer =
        stepwell(project.path(), &["validate", "--output", "json", "typo.asl.yaml", "pass.asl.json"]).json();
    assert_eq!(answer[0]["file"], "typo.asl.yaml");
    let finding = &answer[0]["diagnostics"][0];
    assert_eq!((finding["line"].as_u64(), finding["column"].as_u64()), (Some(5), Some(11)));
    assert_eq!((finding["endLine"].as_u64(), finding["endColumn"].as_u64()), (Some(5), Some(16)));
    assert_eq!(finding["suggestion"], "Second");
    assert_eq!(answer[1]["diagnostics"], serde_json::json!([]));
}

#[test]
fn input_comes_from_standard_input_too() {
    let project = project();
    for argument in ["-", "@-"] {
        let file = std::fs::File::open(project.path().join("input.json")).unwrap();
        let ended =
            finish(command(project.path()).args(["run", "pass.asl.json", "--input", argument]).stdin(file));
        assert_eq!(ended.expect(0).stdout, "{\"a\": [1, 2.50]}\n");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn definitions_come_from_standard_input_too() {
    let project = project();
    // YAML may begin with a brace as JSON does.
    let flow =
        "{\n  StartAt: First,\n  States: {First: {Type: Pass, Next: Secnd}, Second: {Type: Succeed}}\n}\n";
    std::fs::write(project.path().join("flow.yaml"), flow).unwrap();
    std::fs::write(project.path().join("comma.json"), r#"{"StartAt": "P", "States": {},}"#).unwrap();
    for (source, arguments, code, told) in [
        ("flow.yaml", &["validate", "-"][..], 2, "<stdin>:3:38: error: Missing 'Next' target: Secnd"),
        ("comma.json", &["validate", "-"], 2, "<stdin>:1:32: error: Unexpected character ('}'"),
        ("typo.asl.json", &["validate", "-"][..], 2, "<stdin>:4:39: error: Missing 'Next' target: Secnd"),
        ("typo.asl.yaml", &["validate", "-"], 2, "<stdin>:5:11: error: Missing 'Next' target: Secnd"),
        ("bad.json", &["validate", "-"], 2, "<stdin>:2:1: error: "),
        ("bad.yaml", &["validate", "-"], 2, "<stdin>:2:1: error: "),
        ("pass.asl.yaml", &["validate", "-"], 0, "<stdin>: valid"),
        ("pass.asl.json", &["validate", "-", "pass.asl.yaml", "--output", "json"], 0, r#""file": "<stdin>""#),
        ("pass.asl.json", &["validate", "-", "-"], 2, "standard input can be read once"),
        ("pass.asl.json", &["run", "-", "--input", "[1]"], 0, "[1]\n"),
        ("pass.asl.yaml", &["run", "-", "--input", "[1]"], 0, "[1]\n"),
        ("typo.asl.json", &["run", "-"], 2, "<stdin>:4:39: error: "),
        ("pass.asl.json", &["create", "-"], 2, "has no name: give one with --name"),
        ("pass.asl.json", &["run", "-", "--input", "@-"], 2, "can't bring both the definition and the input"),
    ] {
        let file = std::fs::File::open(project.path().join(source)).unwrap();
        let ended = finish(command(project.path()).args(arguments).stdin(file)).expect(code);
        let all = ended.stdout + &ended.stderr;
        assert!(all.contains(told), "{arguments:?} < {source}: {all}");
    }
}

#[test]
fn exit_codes_are_the_same_when_the_reader_has_gone_away() {
    let project = project();
    for (arguments, code) in [
        (&["validate", "typo.asl.json"][..], 2),
        (&["validate", "pass.asl.json", "typo.asl.json"], 2),
        (&["validate", "--output", "json", "typo.asl.json", "pass.asl.json"], 2),
        (&["validate", "pass.asl.json", "pass.asl.yaml"], 0),
        (&["run", "pass.asl.json"], 0),
        (&["eval", "1 + 1"], 0),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ended = command(project.path()).args(arguments).stdout(writer).output().expect("it runs");
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}");
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(!told.contains("error") && !told.contains("panicked"), "{arguments:?}: {told}");
    }
}

#[test]
fn output_that_can_not_be_written_is_a_failure() {
    let project = project();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = command(project.path());
    let ended = command.args(["run", "pass.asl.json"]).stdout(full).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(4), "{told}");
    assert!(told.contains("error: can't write to standard output: no space left on device"), "{told}");
}

#[test]
fn a_named_execution_with_a_data_directory_runs_once() {
    let project = project();
    let run = |input: &str| {
        stepwell(
            project.path(),
            &["run", "pass.asl.json", "--data-dir", "data", "--name", "n", "--input", input],
        )
    };
    assert_eq!(run("[1]").expect(0).stdout, "[1]\n");
    let again = run("[1]").expect(0);
    assert_eq!(again.stdout, "[1]\n");
    assert!(again.stderr.contains("has ended before"), "{}", again.stderr);
    assert!(run("[2]").expect(2).stderr.contains("with another input"));
}

#[test]
fn handlers_of_the_configuration_beside_the_definition_are_used() {
    if !is_there("python3") {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    write(
        project.path(),
        "flow/double.asl.json",
        r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:double", "End": true}}}"#,
    );
    write(
        project.path(),
        "flow/stepwell.toml",
        "[lambda.functions.double]\nruntime = \"python\"\nhandler = \"app.double\"\ndir = \"code\"\n",
    );
    write(
        project.path(),
        "flow/code/app.py",
        "def double(event, context):\n    print('doubling', event)\n    return event * 2\n",
    );
    let ended = stepwell(project.path(), &["run", "flow/double.asl.json", "--input", "21"]).expect(0);
    assert_eq!(ended.stdout, "42\n");
    assert!(ended.stderr.contains("| double: doubling 21"), "{}", ended.stderr);
}

#[test]
fn ctrl_c_stops_the_execution() {
    let project = project();
    let mut child = command(project.path())
        .args(["run", "wait.asl.json"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let entered = lines.by_ref().map_while(Result::ok).find(|line| line.contains("> A Wait")).unwrap();
    assert!(entered.contains("for 1 h"), "{entered}");
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(rest.iter().any(|line| line.starts_with("ABORTED: Stepwell.Interrupted")), "{rest:?}");
}

#[test]
fn integrations_with_words_of_their_own_are_shown_with_them() {
    let directory = project();
    for (arguments, first, required) in [
        (
            ["elasticmapreduce", "addStep"],
            "PARAMETER OF elasticmapreduce:addStep",
            ["ClusterId", "Step"].as_slice(),
        ),
        (["bedrockruntime", "invokeModel"], "PARAMETER OF bedrock:invokeModel", &["ModelId"]),
    ] {
        let [service, action] = arguments;
        let shown = stepwell(directory.path(), &["integrations", service, action]).expect(0).stdout;
        assert!(shown.contains(first), "{shown}");
        let shown = stepwell(directory.path(), &["integrations", service, action, "--output", "json"])
            .expect(0)
            .json();
        let own = &shown["ownParameters"][first.trim_start_matches("PARAMETER OF ")];
        assert_eq!(own["required"], serde_json::json!(required), "{own}");
    }
    let plain = stepwell(directory.path(), &["integrations", "sqs", "sendMessage"]).expect(0).stdout;
    assert!(plain.contains("MessageBody") && !plain.contains("PARAMETER OF"), "{plain}");
}
