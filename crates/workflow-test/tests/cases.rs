//! Test files against small definitions: what passes, what does not and with which words, and what is covered.

use std::sync::Arc;

use stepwell_asl::{Options, analyse};
use stepwell_interpreter::compile;
use stepwell_json::Payload;
use stepwell_mock::{MockFile, TestCase};
use stepwell_workflow_test::{Coverage, Files, Kind, Machine, check, header, path_value, read, run};

/// Files that no test has, but for one input and one mock file.
struct Nothing;

const MOCKS: &str = r#"{"StateMachines": {"machine": {"TestCases": {"Happy": {"T": "Answers"}, "Busy": {"T": "Busy"}}}},
    "MockedResponses": {
        "Answers": {"0": {"Throw": {"Error": "Busy", "Cause": "later"}}, "1-2": {"Return": {"StatusCode": 200, "Payload": {"a": 1}}}},
        "Busy": {"0": {"Throw": {"Error": "Busy", "Cause": "later"}}}}}"#;

impl Files for Nothing {
    fn input(&self, path: &str) -> Result<Payload, String> {
        match path {
            "input.json" => Ok(Payload::from_text(r#"{"from": "file"}"#).expect("JSON")),
            _ => Err(format!("can't read {path}")),
        }
    }

    fn mock_case(&self, name: &str) -> Result<Arc<TestCase>, String> {
        let file = MockFile::parse(MOCKS).expect("a mock file");
        file.find("machine", name).cloned().map_err(|error| error.to_string())
    }
}

fn machine(definition: &str) -> Machine {
    let analysis = analyse(definition, &Options::default());
    assert!(analysis.is_runnable(), "{:?}", analysis.diagnostics);
    Machine::new(Arc::new(compile(analysis.definition.expect("runnable")).expect("compiles")), definition)
}

/// What is wrong with a test file.
fn problems(definition: &str, test: &str) -> Vec<String> {
    let told = |problems: Vec<stepwell_workflow_test::Problem>| {
        let told = problems.into_iter().map(|problem| {
            let place = test.get(problem.span.start..problem.span.end).unwrap_or("?");
            let suggestion = problem.suggestion.map(|near| format!(" ({near}?)")).unwrap_or_default();
            format!("{place}: {}{suggestion}", problem.message)
        });
        told.collect::<Vec<_>>()
    };
    let machine = machine(definition);
    match header(test) {
        Err(problems) => told(problems),
        Ok((root, header)) => read(&root, header.machine_type, &machine, "machine", &Nothing)
            .err()
            .map(told)
            .unwrap_or_default(),
    }
}

/// What all cases of a test file did not find as expected, and the coverage.
fn results(definition: &str, test: &str) -> (Vec<String>, Coverage) {
    let machine = machine(definition);
    let (root, header) = header(test).expect("a test file");
    let suite = read(&root, header.machine_type, &machine, "machine", &Nothing)
        .unwrap_or_else(|problems| panic!("{problems:?}\n{test}"));
    let mut coverage = Coverage::new(&machine);
    let mut found = Vec::new();
    for case in &suite.cases {
        let ran = run(&machine, suite.machine_type, case, &mut coverage);
        for mismatch in check(&machine, case, &ran) {
            found.push(format!("{}: {}", mismatch.field, mismatch.message));
        }
    }
    (found, coverage)
}

/// A definition of one Task state `T` with these further members.
fn task(resource: &str, members: &str) -> String {
    format!(
        r#"{{"StartAt": "T", "States": {{"T": {{"Type": "Task", "Resource": "{resource}", {members} "End": true}}}}}}"#
    )
}

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:a";
const CALLBACK: &str = "arn:aws:states:::lambda:invoke.waitForTaskToken";
const NESTED: &str = "arn:aws:states:::states:startExecution.sync:2";

/// Runs one case of a test file and expects these mismatches.
#[track_caller]
fn expect(definition: &str, case: &str, mismatches: &[&str]) {
    let test = format!(r#"{{"cases": [{{"name": "case", {case}}}]}}"#);
    let (found, _) = results(definition, &test);
    assert_eq!(found, mismatches, "{definition}\n{test}");
}

#[test]
fn tasks_of_all_kinds_are_mocked_by_their_result() {
    let callback = r#""Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},"#;
    for (resource, members) in [
        (FUNCTION, ""),
        (ACTIVITY, ""),
        (CALLBACK, callback),
        (
            NESTED,
            r#""Parameters": {"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:x"},"#,
        ),
    ] {
        let definition = task(resource, members);
        expect(&definition, r#""mocks": {"T": {"result": {"a": 1}}}, "expect": {"output": {"a": 1}}"#, &[]);
        expect(
            &definition,
            r#""mocks": {"T": {"error": "E", "cause": {"x": 1}}}, "expect": {"error": "E", "cause": {"x": 1}, "calls": {"T": 1}}"#,
            &[],
        );
        expect(
            &definition,
            r#""mocks": {"T": {"result": 1, "afterSeconds": 2.5}}, "expect": {"durationSeconds": 2.5}"#,
            &[],
        );
    }
}

#[test]
fn time_is_virtual() {
    let timeout = task(FUNCTION, r#""TimeoutSeconds": 10,"#);
    let missed = r#"{"error": "States.Timeout", "durationSeconds": 10}"#;
    expect(&timeout, &format!(r#""mocks": {{"T": {{"never": true}}}}, "expect": {missed}"#), &[]);
    expect(
        &timeout,
        &format!(r#""mocks": {{"T": {{"result": 1, "afterSeconds": 11}}}}, "expect": {missed}"#),
        &[],
    );
    expect(
        &timeout,
        r#""mocks": {"T": {"result": 1, "afterSeconds": 9}}, "expect": {"durationSeconds": 9}"#,
        &[],
    );
    // Nothing says how long it may take: a year ends it.
    expect(
        &task(FUNCTION, ""),
        r#""mocks": {"T": {"never": true}}, "expect": {"status": "TIMED_OUT", "durationSeconds": 31536000}"#,
        &[],
    );
    let wait = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 31535999, "Next": "P"},
        "P": {"Type": "Pass", "Parameters": {"now.$": "$$.State.EnteredTime", "start.$": "$$.Execution.StartTime", "name.$": "$$.Execution.Name",
        "machine.$": "$$.StateMachine.Name"}, "End": true}}}"#;
    expect(
        wait,
        r#""expect": {"output": {"now": "2025-12-31T23:59:59Z", "start": "2025-01-01T00:00:00Z", "name": "test", "machine": "machine"}}"#,
        &[],
    );
    expect(
        wait,
        r#""context": {"startTime": "2000-02-28T12:00:00+01:00", "executionName": "run-1", "stateMachineName": "other"},
           "expect": {"outputContains": {"start": "2000-02-28T11:00:00Z", "name": "run-1", "machine": "other"}}"#,
        &[],
    );
}

#[test]
fn heartbeats_are_sent_as_the_mock_says() {
    for (resource, members) in [(ACTIVITY, ""), (CALLBACK, r#""Parameters": {"FunctionName": "f"},"#)] {
        let definition =
            task(resource, &format!(r#"{members} "HeartbeatSeconds": 10, "TimeoutSeconds": 100,"#));
        let cases = [
            (r#"{"never": true}"#, r#"{"error": "States.Timeout", "durationSeconds": 10}"#),
            (r#"{"result": 1, "afterSeconds": 30}"#, r#"{"error": "States.Timeout", "durationSeconds": 10}"#),
            (
                r#"{"result": 1, "afterSeconds": 30, "heartbeatEverySeconds": 5}"#,
                r#"{"durationSeconds": 30}"#,
            ),
            (
                r#"{"never": true, "heartbeatEverySeconds": 5}"#,
                r#"{"error": "States.Timeout", "durationSeconds": 100}"#,
            ),
            (
                r#"{"never": true, "heartbeatEverySeconds": 4, "heartbeatUntilSeconds": 20}"#,
                r#"{"error": "States.Timeout", "durationSeconds": 30}"#,
            ),
        ];
        for (mock, expected) in cases {
            expect(&definition, &format!(r#""mocks": {{"T": {mock}}}, "expect": {expected}"#), &[]);
        }
    }
}

#[test]
fn answers_are_chosen_by_number_attempt_item_and_parameters() {
    let retry =
        task(FUNCTION, r#""Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 5, "BackoffRate": 1}],"#);
    let busy = |mock: &str, calls: u32| {
        format!(r#""mocks": {{"T": {mock}}}, "expect": {{"calls": {{"T": {calls}}}}}"#)
    };
    for (mock, calls) in [
        (r#"[{"error": "Busy"}, {"result": 1}]"#, 2),
        (r#"[{"error": "Busy", "times": 4}, {"result": 1}]"#, 5),
        (r#"[{"attempt": "0-2", "error": "Busy"}, {"result": 1}]"#, 4),
        (r#"[{"attempt": 0, "error": "Busy"}, {"attempt": 1, "result": 1}]"#, 2),
        (
            r#"[{"when": {"x": 1}, "result": 1}, {"error": "Busy", "times": 1}, {"result": 1, "times": "always"}]"#,
            2,
        ),
    ] {
        expect(&retry, &busy(mock, calls), &[]);
    }
    // One answer for all calls answers them all.
    let all = r#""mocks": {"T": [{"error": "Busy"}]}, "expect": {"error": "Busy", "calls": {"T": 6}, "durationSeconds": 5}"#;
    expect(&retry, all, &[]);
    let used_up = "mocks: T was called, but the 2 answers of its mock are used up or are for other calls (call 3 of T, attempt 2)";
    expect(&retry, &busy(r#"[{"error": "Busy"}, {"error": "Busy"}]"#, 1), &[used_up]);
    expect(
        &retry,
        &busy(r#"{"error": "Busy", "times": 1}"#, 1),
        &[
            "mocks: T was called, but the one answer of its mock is used up or is for other calls (call 2 of T, attempt 1)",
        ],
    );
    expect(&retry, r#""expect": {}"#, &["mocks: T was called, but no mock answers it (call 1 of T)"]);

    let map = r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "End": true,
              "Retry": [{"ErrorEquals": ["Busy"]}], "Catch": [{"ErrorEquals": ["Gone"], "Next": "G"}]},
        "G": {"Type": "Pass", "Result": "gone", "End": true}}}}}}"#;
    expect(
        map,
        r#""input": ["a", "b", "c", "d"], "mocks": {"T": [{"item": 3, "error": "Gone"}, {"attempt": 0, "error": "Busy"},
            {"when": "b", "result": "is b"}, {"item": "0-2", "result": 1}]},
           "expect": {"output": [1, "is b", 1, "gone"], "calls": {"T": 7},
            "path": [{"M": [["T"], ["T"], ["T"], ["T", "G"]]}]}"#,
        &[],
    );
    let file = format!(
        r#"{{"mocks": {{"T": {{"result": "file"}}}}, "cases": [{}, {}]}}"#,
        r#"{"name": "a", "expect": {"output": "file"}}"#,
        r#"{"name": "b", "mocks": {"T": {"result": "case"}}, "expect": {"output": "case"}}"#
    );
    assert_eq!(results(&task(FUNCTION, ""), &file).0, [""; 0]);
}

#[test]
fn cases_of_mock_files_answer_by_invocation() {
    let retry = task(FUNCTION, r#""Retry": [{"ErrorEquals": ["Busy"]}],"#);
    expect(&retry, r#""mockCase": "Happy", "expect": {"output": {"a": 1}, "calls": {"T": 2}}"#, &[]);
    expect(
        &retry,
        r#""mockCase": "Busy""#,
        &["mocks: T was called, but the mocked response Busy answers 1 call (call 2 of T, attempt 1)"],
    );
    expect(&retry, r#""mockCase": "Busy", "mocks": {"T": {"result": 2}}, "expect": {"output": 2}"#, &[]);
    let unknown = r#"{"cases": [{"name": "a", "mockCase": "Hapy"}]}"#;
    let found = problems(&retry, unknown);
    assert!(found[0].contains("did you mean 'Happy'?"), "{found:?}");
}

#[test]
fn random_numbers_are_the_same_in_every_run_and_other_ones_with_another_seed() {
    let definition = r#"{"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true,
        "Output": {"random": "{% $random() %}", "uuid": "{% $uuid() %}", "now": "{% $now() %}"}}}}"#;
    let machine = machine(definition);
    let output = |seed: u32| {
        let test = format!(r#"{{"seed": {seed}, "cases": [{{"name": "a"}}]}}"#);
        let (root, header) = header(&test).expect("a test file");
        let suite = read(&root, header.machine_type, &machine, "machine", &Nothing).expect("a test file");
        let ran = run(&machine, suite.machine_type, &suite.cases[0], &mut Coverage::new(&machine));
        ran.output.expect("an output")
    };
    assert_eq!(output(0), output(0));
    assert_ne!(output(0).get("random"), output(1).get("random"));
    assert_ne!(output(0).get("uuid"), output(1).get("uuid"));
    assert_eq!(output(0).get("now"), output(1).get("now"));
    assert_eq!(output(0).get("now").and_then(|now| now.as_str()), Some("2025-01-01T00:00:00.000Z"));
}

#[test]
fn an_execution_that_never_ends_is_given_up() {
    let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}"#;
    let looping = definition.replace(r#""Next": "A"}"#, r#""Next": "C"}, "C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "D"}], "Default": "A"}, "D": {"Type": "Succeed"}"#);
    let test = r#"{"type": "EXPRESS", "cases": [{"name": "a"}]}"#;
    assert_eq!(results(&looping, test).0, ["execution: the execution did not end within 200000 events"]);
    expect(
        &looping,
        r#""expect": {"error": "States.Runtime", "causeContains": "maximum number of history events"}"#,
        &[],
    );
    // Signs of life for a year, one a second.
    let silent = task(ACTIVITY, r#""HeartbeatSeconds": 2,"#);
    expect(
        &silent,
        r#""mocks": {"T": {"never": true, "heartbeatEverySeconds": 1}}"#,
        &["execution: the execution did not end within 400000 answers, timers and signs of life"],
    );
}

#[test]
fn express_executions_end_after_five_minutes_and_have_a_context_of_their_own() {
    let wait = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 301, "End": true}}}"#;
    let test = r#"{"type": "EXPRESS", "cases": [{"name": "a", "expect": {"status": "TIMED_OUT", "durationSeconds": 300}}]}"#;
    assert_eq!(results(wait, test).0, [""; 0]);
    let pass = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"id.$": "$$.Execution.Id"}, "End": true}}}"#;
    let test = r#"{"type": "EXPRESS", "cases": [{"name": "a", "expect": {"output":
        {"id": "arn:aws:states:us-east-1:000000000000:express:machine:test:00000000-0000-0000-0000-000000000000"}}}]}"#;
    assert_eq!(results(pass, test).0, [""; 0]);
}

/// Two Parallel branches, one of which loops, and what comes after them.
const PARALLEL: &str = r#"{"StartAt": "First", "States": {
    "First": {"Type": "Pass", "Next": "Both"},
    "Both": {"Type": "Parallel", "Next": "Last", "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 1}], "Branches": [
        {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "Next": "U"},
            "U": {"Type": "Pass", "End": true}}},
        {"StartAt": "V", "States": {"V": {"Type": "Pass", "End": true}}}]},
    "Last": {"Type": "Pass", "Assign": {"count.$": "States.ArrayLength($)"}, "End": true}}}"#;

#[test]
fn paths_are_compared_chain_by_chain() {
    let with = |path: &str| format!(r#""mocks": {{"T": {{"result": 1}}}}, "expect": {{"path": {path}}}"#);
    for path in [
        r#"["First", "Both", "Last"]"#,
        r#"["..."]"#,
        r#"["...", "Last"]"#,
        r#"["First", "...", "...", "Last", "..."]"#,
        r#"["*", "*", "*"]"#,
        r#"["...", {"Both": [["T", "U"], ["V"]]}, "..."]"#,
        r#"["First", {"Both": {"0": ["T", "*"]}}, "Last"]"#,
    ] {
        expect(PARALLEL, &with(path), &[]);
    }
    for (path, message) in [
        (r#"["First", "Last"]"#, "path: expected Last after First, but Both came (step 2)"),
        (r#"["First"]"#, "path: expected the end after First, but Both came (step 2)"),
        (r#"[]"#, "path: expected the end first, but First came"),
        (r#"["Both", "..."]"#, "path: expected Both first, but First came"),
        (r#"["First", "Both", "Last", "Last"]"#, "path: expected Last after Last, but the path ends there"),
        (r#"["...", "First"]"#, "path: expected First after Last, but the path ends there"),
        (r#"["*", "*", "*", "*"]"#, "path: expected any state after Last, but the path ends there"),
        (
            r#"["First", {"Both": [["T"], ["V"]]}, "Last"]"#,
            "path: expected the end after T in Both[0], but U came (step 2)",
        ),
        (
            r#"["First", {"Both": [["T", "U"], ["V", "*"]]}, "Last"]"#,
            "path: expected any state after V in Both[1], but the path ends there",
        ),
        (
            r#"["First", {"Both": {"2": ["V"]}}, "Last"]"#,
            "path: expected V in Both[2], but no state was entered there",
        ),
        (
            r#"["First", {"Both": [["T", "U"]]}, "Last"]"#,
            "path: 2 branches or iterations entered states in Both, but 1 was expected",
        ),
    ] {
        expect(PARALLEL, &with(path), &[message]);
    }
    // The last attempt of a Parallel state that is tried again counts.
    let again = r#""mocks": {"T": [{"error": "Busy"}, {"result": 1}]}, "expect": {"path": ["First", {"Both": [["T", "U"], ["V"]]}, "Last"]}"#;
    expect(PARALLEL, again, &[]);
}

#[test]
fn the_actual_path_has_the_form_of_an_expected_one() {
    let machine = machine(PARALLEL);
    let test = r#"{"cases": [{"name": "a", "mocks": {"T": {"result": 1}}}]}"#;
    let (root, header) = header(test).expect("a test file");
    let suite = read(&root, header.machine_type, &machine, "machine", &Nothing).expect("a test file");
    let ran = run(&machine, suite.machine_type, &suite.cases[0], &mut Coverage::new(&machine));
    let path = path_value(&machine, &ran.path).to_text();
    assert_eq!(path, r#"["First",{"Both":[["T","U"],["V"]]},"Last"]"#);
    expect(PARALLEL, &format!(r#""mocks": {{"T": {{"result": 1}}}}, "expect": {{"path": {path}}}"#), &[]);
}

#[test]
fn what_is_not_as_expected_is_told_in_words() {
    let with = |expected: &str| format!(r#""mocks": {{"T": {{"result": 1}}}}, "expect": {expected}"#);
    for (expected, mismatches) in [
        (r#"{"output": [[1], 2]}"#, &["output: 2 differences"][..]),
        (r#"{"output": [1, {}]}"#, &[]),
        (r#"{"variables": {"count": 2}}"#, &[]),
        (
            r#"{"variables": {"$count": 3, "other": 1}}"#,
            &[
                "variables/count: 1 difference",
                "variables/other: no state of the outermost level assigned $other",
            ],
        ),
        (r#"{"calls": {"T": 0}}"#, &["calls of T: expected none, but 1 was made"]),
        (r#"{"calls": {"T": [{"parameters": {}}]}}"#, &[]),
        (
            r#"{"calls": {"T": [{"parameters": {"a": 1}}, {}]}}"#,
            &["calls of T: expected 2 calls, but 1 was made", "call 1 of T: 1 difference"],
        ),
        (
            r#"{"durationSeconds": 0.5}"#,
            &["durationSeconds: expected 0.5 s, but the execution took 0 s of virtual time"],
        ),
        (r#"{"error": "E"}"#, &["status: expected FAILED, but it is SUCCEEDED"]),
        (r#"{"status": "TIMED_OUT"}"#, &["status: expected TIMED_OUT, but it is SUCCEEDED"]),
    ] {
        expect(PARALLEL, &with(expected), mismatches);
    }
    let failing = |expected: &str| {
        format!(r#""mocks": {{"T": {{"error": "E", "cause": "because {{}}"}}}}, "expect": {expected}"#)
    };
    for (expected, mismatches) in [
        (r#"{"error": "E", "cause": "because {}", "causeContains": "cause"}"#, &[][..]),
        (r#"{"error": "F"}"#, &["error: expected F, but it is E"]),
        (r#"{"cause": "why"}"#, &["cause: 1 difference"]),
        (r#"{"cause": {}}"#, &["cause: expected {}, but it is because {}"]),
        (r#"{"causeContains": "why"}"#, &["causeContains: expected \"why\" in it, but it is because {}"]),
        (r#"{"output": 1}"#, &["status: expected SUCCEEDED, but it is FAILED, error E"]),
    ] {
        expect(PARALLEL, &failing(expected), mismatches);
    }
}

#[test]
fn problems_of_a_test_file_have_their_places() {
    for (test, expected) in [
        ("[]", &["[]: a test file is an object, but this is an array"][..]),
        ("{}", &["{: \"cases\" is missing"]),
        ("{\"cases\": []}", &["[]: \"cases\" is empty, so nothing is tested"]),
        ("{\"cases\": {}}", &["{}: \"cases\" is an array, but this is an object"]),
        (
            "{\"cases\": [{\"name\": \"a\"}], \"cases\": [{\"name\": \"a\"}]}",
            &["\"cases\": \"cases\" is here twice"],
        ),
        (
            "{\"cases\": [{\"name\": \"a\"}], \"mock\": {}}",
            &["\"mock\": a test file has no \"mock\" (mocks?)"],
        ),
        ("{\"type\": \"express\", \"cases\": []}", &["\"express\": \"type\" is \"STANDARD\" or \"EXPRESS\""]),
        ("{\"cases\": [{}]}", &["{: a case needs a \"name\""]),
        ("{\"cases\": [{\"name\": 1}]}", &["1: a string is expected, but this is 1"]),
        (
            "{\"cases\": [{\"name\": \"a\", \"input\": 1, \"inputFile\": \"x\"}]}",
            &["\"inputFile\": a case has \"input\" or \"inputFile\", not both", "\"x\": can't read x"],
        ),
        (
            "{\"cases\": [{\"name\": \"a\", \"mocks\": {\"Frist\": {\"result\": 1}}}]}",
            &["\"Frist\": the definition has no state \"Frist\" (First?)"],
        ),
        (
            "{\"cases\": [{\"name\": \"a\", \"mocks\": {\"First\": {\"result\": 1}}}]}",
            &["\"First\": First is a Pass state; only Task states make calls"],
        ),
        (
            "{\"cases\": [{\"name\": \"a\", \"mocks\": {\"T\": []}}]}",
            &["[]: a mock needs at least one answer"],
        ),
        (
            "{\"cases\": [{\"name\": \"a\", \"mocks\": {\"T\": {\"result\": 1, \"heartbeatUntilSeconds\": 1, \"afterSeconds\": -1}}}]}",
            &[
                "{\"result\": 1, \"heartbeatUntilSeconds\": 1, \"afterSeconds\": -1}: \"heartbeatUntilSeconds\" needs \"heartbeatEverySeconds\"",
                "-1: seconds from 0 to 4000000000 are expected, but this is -1",
            ],
        ),
        (
            "{\"cases\": [{\"name\": \"a\", \"expect\": {\"path\": [\"U\", \"Last\", {\"First\": []}, {\"Both\": [[\"Last\"]]}]}}]}",
            &[
                "\"U\": U is inside Both: its path is written as {\"Both\": [[…, U, …]]}",
                "\"First\": First has no branches or iterations",
                "\"Last\": Last is not inside Both",
            ],
        ),
        (
            "{\"cases\": [{\"name\": \"a\", \"expect\": {\"status\": \"FAILED\", \"output\": 1}}]}",
            &["\"output\": an execution that has not SUCCEEDED has no output"],
        ),
        (
            "{\"cases\": [{\"name\": \"a\", \"expect\": {\"status\": \"SUCCEEDED\", \"cause\": \"x\"}}]}",
            &["\"cause\": an execution that SUCCEEDED has no error and no cause"],
        ),
    ] {
        assert_eq!(problems(PARALLEL, test), expected, "{test}");
    }
    let found = problems(PARALLEL, "{\"cases\": [");
    assert_eq!(found.len(), 1, "{found:?}");
}

/// Rules and catchers that can be told apart only by what the interpreter says, not by where they lead.
const SAME_TARGETS: &str = r#"{"StartAt": "C", "States": {
    "C": {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "T"},
        {"Variable": "$.a", "NumericEquals": 2, "Next": "T"}], "Default": "T"},
    "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "Next": "E",
        "Retry": [{"ErrorEquals": ["Never"], "MaxAttempts": 0}, {"ErrorEquals": ["Busy"]}],
        "Catch": [{"ErrorEquals": ["A"], "Next": "E"}, {"ErrorEquals": ["B"], "Next": "E"}]},
    "E": {"Type": "Succeed"}}}"#;

#[test]
fn coverage_tells_rules_and_catchers_with_the_same_target_apart() {
    let jsonata = SAME_TARGETS
        .replacen("{\"StartAt\"", "{\"QueryLanguage\": \"JSONata\", \"StartAt\"", 1)
        .replace(
            "\"Variable\": \"$.a\", \"NumericEquals\": 1",
            "\"Condition\": \"{% $states.input.a = 1 %}\"",
        )
        .replace(
            "\"Variable\": \"$.a\", \"NumericEquals\": 2",
            "\"Condition\": \"{% $states.input.a = 2 %}\"",
        );
    for definition in [SAME_TARGETS, &jsonata] {
        let covered = |cases: &[(i32, &str)]| {
            let cases: Vec<String> = cases
                .iter()
                .enumerate()
                .map(|(number, (a, mock))| {
                    format!(r#"{{"name": "{number}", "input": {{"a": {a}}}, "mocks": {{"T": {mock}}}}}"#)
                })
                .collect();
            let test = format!(r#"{{"cases": [{}]}}"#, cases.join(","));
            let (found, coverage) = results(definition, &test);
            assert_eq!(found, [""; 0]);
            let uncovered: Vec<(Kind, usize, String)> = coverage
                .uncovered()
                .map(|item| {
                    let text = definition.get(item.span.start..item.span.end).unwrap_or_default();
                    (item.kind, item.number, text.chars().take(20).collect())
                })
                .collect();
            uncovered
        };
        let (result, a, b) = (r#"{"result": 1}"#, r#"{"error": "A"}"#, r#"{"error": "B"}"#);
        let busy = r#"[{"error": "Busy"}, {"result": 1}]"#;
        let kinds = |cases: &[(i32, &str)]| -> Vec<(Kind, usize)> {
            covered(cases).into_iter().map(|(kind, number, _)| (kind, number)).collect()
        };
        assert_eq!(
            kinds(&[(1, result)]),
            [(Kind::Rule, 1), (Kind::Default, 0), (Kind::Retrier, 1), (Kind::Catcher, 0), (Kind::Catcher, 1)]
        );
        // A state that is left by its catcher alone is not left by its Next.
        assert_eq!(
            kinds(&[(2, b)]),
            [
                (Kind::Rule, 0),
                (Kind::Default, 0),
                (Kind::Transition, 0),
                (Kind::Retrier, 1),
                (Kind::Catcher, 0)
            ]
        );
        assert_eq!(kinds(&[(1, a), (2, b), (3, busy)]), []);
        assert_eq!(
            covered(&[(1, a), (2, b), (3, result)]),
            [(Kind::Retrier, 1, "{\"ErrorEquals\": [\"Bu".to_owned())]
        );
    }
}

#[test]
fn parts_of_states_that_were_never_entered_are_not_named_one_by_one() {
    let definition = r#"{"StartAt": "C", "States": {"C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "T"}], "Default": "S"},
        "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "Retry": [{"ErrorEquals": ["States.ALL"]}], "End": true},
        "S": {"Type": "Succeed"}}}"#;
    let (_, coverage) = results(definition, r#"{"cases": [{"name": "a"}]}"#);
    let uncovered: Vec<(Kind, &str)> =
        coverage.uncovered().map(|item| (item.kind, &definition[item.span.start..item.span.end])).collect();
    assert_eq!(
        uncovered,
        [(Kind::Rule, r#"{"Variable": "$.x", "IsPresent": true, "Next": "T"}"#), (Kind::State, "\"T\""),]
    );
    let total = coverage.total();
    assert_eq!((total.covered, total.total), (3, 7));
}

#[test]
fn any_text_is_read_or_refused() {
    let test = r#"{"type": "STANDARD", "seed": 1, "context": {"startTime": "2025-01-01T00:00:00Z"}, "mocks": {"T": [{"item": "0-1", "attempt": 0, "times": "always", "when": {"é": 1}, "result": 1}, {"error": "E", "cause": {"a": 1}}]},
        "cases": [{"name": "a", "input": [1], "expect": {"path": ["*", {"Both": {"0": ["..."]}}], "calls": {"T": [{"parameters": 1}]}, "durationSeconds": 1.5}}]}"#;
    let machine = machine(PARALLEL);
    let read_all = |text: &str| {
        if let Ok((root, header)) = header(text)
            && let Ok(suite) = read(&root, header.machine_type, &machine, "machine", &Nothing)
        {
            for case in &suite.cases {
                let ran = run(&machine, suite.machine_type, case, &mut Coverage::new(&machine));
                let _ = check(&machine, case, &ran);
            }
        }
    };
    read_all(test);
    for (at, character) in test.char_indices() {
        let (before, after) = (&test[..at], &test[at + character.len_utf8()..]);
        read_all(before);
        for replacement in ["", "{", "[", "]", "\"", "9", "-", "null", "1e99"] {
            read_all(&format!("{before}{replacement}{after}"));
        }
    }
}
