//! `stepwell test`: files found, exit codes, and the words of its reports.

mod common;

use std::path::Path;

use common::{command, finish, stepwell, write};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let order = format!(
        r#"{{
  "StartAt": "Charge",
  "States": {{
    "Charge": {{
      "Type": "Task",
      "Resource": "{FUNCTION}",
      "Retry": [{{ "ErrorEquals": ["Busy"] }}],
      "Catch": [
        {{ "ErrorEquals": ["States.ALL"], "Next": "Sorry" }}
      ],
      "End": true
    }},
    "Sorry": {{ "Type": "Fail" }}
  }}
}}
"#
    );
    let files = [
        ("good/order.asl.json", order.as_str()),
        (
            "good/order.test.yaml",
            "cases:\n  - name: an order is paid\n    mocks: {Charge: {result: {paid: true}}}\n    expect: {output: {paid: true}}\n  - name: a card is declined\n    mocks:\n      Charge: {error: Declined}\n    expect: {status: FAILED, path: [Charge, Sorry]}\n  - name: later\n    skip: not there yet\n",
        ),
        ("good/untested.asl.json", common::PASS),
        ("good/jest.test.json", "{\"cases\": 1}"),
        ("good/node_modules/x/broken.asl.json", "{"),
        ("good/node_modules/x/broken.test.json", "{"),
        ("bad/order.asl.json", &order),
        (
            "bad/order.test.yaml",
            "# é: places count characters\ncases:\n  - name: <an & order>\n    mocks: {Charge: {result: {paid: false, to: Ada}}}\n    expect:\n      output: {paid: true, from: Ada}\n      path: [Charge, Sorry]\n  - name: no mock\n    input: {card: 1}\n",
        ),
        ("wrong/order.asl.json", &order),
        ("wrong/order.test.yaml", "cases:\n  - name: a\n    moks:\n      Charge: {result: 1}\n"),
        ("alone/alone.test.json", r#"{"cases": [{"name": "a"}]}"#),
        ("empty/order.asl.json", &order),
        ("empty/order.test.yaml", "\n"),
        (
            "elsewhere/of.test.json",
            r#"{"definition": "../good/untested.asl.json", "cases": [{"name": "a"}]}"#,
        ),
        ("gone/of.test.json", r#"{"definition": "no.asl.json", "cases": [{"name": "a"}]}"#),
        ("broken/d.asl.json", "{\"StartAt\": \"A\"}"),
        ("broken/d.test.json", r#"{"cases": [{"name": "a"}]}"#),
        (
            "mocks.json",
            r#"{"StateMachines": {"order": {"TestCases": {"Paid": {"Charge": "Paid"}, "Busy": {"Charge": "Busy"}, "Declined": {"Charge": "Declined"}}},
                "other": {"TestCases": {"A": {}}}},
               "MockedResponses": {"Paid": {"0": {"Return": {"paid": true}}},
                "Busy": {"0": {"Throw": {"Error": "Busy", "Cause": "b"}}, "1": {"Return": 1}},
                "Declined": {"0": {"Throw": {"Error": "Declined", "Cause": "d"}}}}}"#,
        ),
        (
            "slip.json",
            "{\"StateMachines\": {\"order\": {\"TestCases\": {\n\"A\": {\"Charge\": \"Pad\"}}}}, \"MockedResponses\": {\"Paid\": {\"0\": {\"Return\": 1}}}}",
        ),
        (
            "unknown.json",
            r#"{"StateMachines": {"order": {"TestCases": {"A": {"Chrge": "P"}, "B": {"Sorry": "P"}, "Z": {}}}},
                "MockedResponses": {"P": {"0": {"Return": 1}}}}"#,
        ),
        (
            "nothing.json",
            r#"{"StateMachines": {"order": {"TestCases": {"A": {}}}}, "MockedResponses": {"P": {"0": {"Return": 1}}}}"#,
        ),
        ("orders.asl.json", &order),
        ("plain/order.asl.json", &order),
        ("named/order.asl.json", &order),
        (
            "named/order.test.json",
            r#"{"cases": [{"name": "declined", "mockCase": "Declined", "expect": {"error": "States.Unknown"}}]}"#,
        ),
    ];
    for (name, text) in files {
        write(directory.path(), name, text);
    }
    directory
}

#[test]
fn commands_end_with_the_codes_and_texts_they_promise() {
    let project = project();
    // Arguments, exit code, a part of standard output, a part of standard error.
    let cases: &[(&str, i32, &str, &str)] = &[
        ("test good", 0, "2 passed, 1 skipped in ", ""),
        (
            "test good",
            0,
            "good/order.test.yaml\n  ✓ an order is paid\n  ✓ a card is declined\n  - later  skipped: not there yet\n",
            "",
        ),
        ("test good/order.asl.json", 0, "2 passed", ""),
        ("test good/order.test.yaml", 0, "2 passed", ""),
        (
            "test good",
            0,
            "good/order.asl.json     80 %      2/2     1/1          -             0/1       1/1\n",
            "",
        ),
        ("test good", 0, "good/untested.asl.json  no tests\n", ""),
        ("test good", 0, "Not covered:\n  good/order.asl.json:7:17: retrier 1 of Charge (Busy)\n", ""),
        ("test good/order.asl.json --coverage-min 80", 0, "", ""),
        (
            "test good/order.asl.json --coverage-min 84",
            1,
            "",
            "error: good/order.asl.json: 80 % covered, at least 84 % wanted",
        ),
        ("test good --coverage-min 80%", 1, "", "good/untested.asl.json: 0 % covered"),
        ("test good --coverage-min 101", 2, "", "expected a number from 0 to 100"),
        ("test good --filter declined", 0, "\n1 passed in", ""),
        ("test good --filter order/*", 0, "\n2 passed, 1 skipped in", ""),
        ("test good --filter nothing", 2, "", "no case fits --filter \"nothing\""),
        ("test good --filter a --coverage-min 1", 2, "", "cannot be used with"),
        (
            "test elsewhere good/untested.asl.json --mock-config mocks.json",
            0,
            "\ngood/untested.asl.json  100 %",
            "",
        ),
        ("test", 2, " invalid files", ""),
        // What failed.
        ("test bad", 1, "\n2 failed in", ""),
        (
            "test bad",
            1,
            "  ✗ <an & order>\n      bad/order.test.yaml:6:7: output: 3 differences\n        /paid: expected true, but it is false\n        /from: expected \"Ada\", but it is missing\n        /to: not expected: \"Ada\"\n",
            "",
        ),
        (
            "test bad",
            1,
            "bad/order.test.yaml:7:7: path: expected Sorry after Charge, but the path ends there\n        path: Charge\n",
            "",
        ),
        (
            "test bad",
            1,
            "bad/order.test.yaml:8:11: mocks: Charge was called, but no mock answers it (call 1 of Charge)\n        path so far: Charge\n        parameters: {\"card\":1}\n        add to the case: \"mocks\": {\"Charge\": {\"result\": …}}\n",
            "",
        ),
        // What can't be used.
        (
            "test wrong",
            2,
            "1 invalid file",
            "wrong/order.test.yaml:3:5: error: a case has no \"moks\"\n     3 |     moks:\n       |     ^^^^\n       = did you mean mocks?\n",
        ),
        ("test good wrong", 2, "2 passed, 1 skipped, 1 invalid file", "did you mean mocks?"),
        (
            "test alone/alone.test.json",
            2,
            "",
            "there is no definition alone.asl.json, .asl.yaml or .asl.yml beside this file",
        ),
        ("test gone", 2, "", "gone/of.test.json:1:16: error: there is no file gone/no.asl.json"),
        ("test broken", 2, "", "broken/d.asl.json:1:1: error: "),
        ("test alone", 2, "", "no test files in alone: a test file is NAME.test.json"),
        ("test nowhere", 2, "", "can't read nowhere: no such file or directory"),
        ("test plain/order.asl.json", 2, "", "plain/order.asl.json has no tests: write order.test.json"),
        // Mock files.
        ("test plain --mock-config mocks.json", 1, "mocks.json\n  ✓ Busy\n  ✗ Declined\n", ""),
        (
            "test plain --mock-config mocks.json",
            1,
            "mocks.json:1:100: status: expected SUCCEEDED, but it is FAILED",
            "",
        ),
        ("test plain --mock-config mocks.json --filter order/Paid", 0, "1 passed", ""),
        ("test named --mock-config mocks.json", 1, "error: expected States.Unknown, but there is none", ""),
        ("test named --mock-config mocks.json", 1, "mocks.json\n  ✓ Busy\n  ✓ Paid\n", ""),
        ("test named", 2, "", "\"mockCase\" needs a mock file"),
        ("test plain --mock-config slip.json", 2, "", "slip.json:2:17: error: "),
        (
            "test plain --mock-config unknown.json",
            2,
            "",
            "unknown.json:1:50: error: the definition plain/order.asl.json has no state \"Chrge\"\n",
        ),
        ("test plain --mock-config unknown.json", 2, "", "did you mean Charge?"),
        (
            "test plain --mock-config unknown.json",
            2,
            "",
            "unknown.json:1:71: error: Sorry is a Fail state; only Task states make calls\n",
        ),
        (
            "test good/untested.asl.json --mock-config mocks.json",
            2,
            "",
            "error: the mock file mocks.json has no cases for untested; it has some for order, other\n",
        ),
        (
            "test orders.asl.json --mock-config mocks.json",
            2,
            "",
            "error: the mock file mocks.json has no cases for orders; did you mean order?\n",
        ),
        (
            "test plain --mock-config nothing.json",
            1,
            "add to the test case: \"Charge\": \"NAME\", with a response of that name\n",
            "",
        ),
        (
            "test empty",
            2,
            "",
            "empty/order.test.yaml:1:1: error: the file is empty; a test file is an object with \"cases\"\n",
        ),
        ("test plain --mock-config none.json", 2, "", "can't read none.json"),
        ("test --schema", 0, "\"title\": \"Stepwell test file\"", ""),
        ("test --help", 0, "--coverage-min", ""),
    ];
    for (arguments, code, stdout, stderr) in cases {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let ended = stepwell(project.path(), &arguments).expect(*code);
        assert!(ended.stdout.contains(stdout), "{arguments:?}: {}\n{stdout}", ended.stdout);
        assert!(ended.stderr.contains(stderr), "{arguments:?}: {}\n{stderr}", ended.stderr);
        assert!(!ended.stdout.contains('\u{1b}'), "colours appear on a terminal only: {}", ended.stdout);
    }
}

#[test]
fn the_mock_file_of_step_functions_local_is_found_by_its_variable() {
    let project = project();
    let mut command = command(project.path());
    command.args(["test", "plain", "--filter", "Busy"]).env("SFN_MOCK_CONFIG", "mocks.json");
    assert!(finish(&mut command).expect(0).stdout.contains("1 passed"));
}

#[test]
fn results_are_there_for_programs() {
    let project = project();
    let answer =
        stepwell(project.path(), &["test", "bad", "good", "wrong", "--output", "json"]).expect(2).json();
    assert_eq!(answer["result"], "INVALID");
    assert_eq!((&answer["passed"], &answer["failed"], &answer["skipped"]), (&2.into(), &2.into(), &1.into()));
    let case = &answer["files"][0]["cases"][0];
    assert_eq!(
        (&case["name"], &case["line"], &case["result"]),
        (&"<an & order>".into(), &3.into(), &"FAILED".into())
    );
    assert_eq!(case["mismatches"][0]["differences"][0]["pointer"], "/paid");
    assert_eq!(case["mismatches"][0]["line"], 6);
    assert_eq!(case["execution"]["path"], serde_json::json!(["Charge"]));
    assert_eq!(case["execution"]["output"], serde_json::json!({"paid": false, "to": "Ada"}));
    assert_eq!(answer["files"][2]["result"], "FAIL");
    assert_eq!(answer["files"][2]["diagnostics"][0]["suggestion"], "mocks");
    let coverage = answer["coverage"].as_array().expect("an array");
    let order = coverage.iter().find(|entry| entry["definition"] == "good/order.asl.json").expect("covered");
    assert_eq!(order["states"], serde_json::json!({"covered": 2, "total": 2}));
    assert_eq!(order["uncovered"][0]["kind"], "retrier");
    assert_eq!(order["uncovered"][0]["line"], 7);
}

#[test]
fn results_are_there_for_ci_servers() {
    let project = project();
    stepwell(project.path(), &["test", "bad", "good", "wrong", "--junit", "out/junit.xml"]).expect(2);
    let xml = std::fs::read_to_string(project.path().join("out/junit.xml")).expect("a file");
    for part in [
        "<testsuites name=\"stepwell test\" tests=\"6\" failures=\"2\" errors=\"1\" skipped=\"1\"",
        "<testcase name=\"&lt;an &amp; order&gt;\" classname=\"order\" file=\"bad/order.test.yaml\" line=\"3\"",
        "<failure message=\"output: 3 differences\">bad/order.test.yaml:6:7: output: 3 differences\n",
        "<skipped message=\"not there yet\"/>",
        "<testsuite name=\"order\" file=\"wrong/order.test.yaml\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0.000000\">",
        "<error message=\"the file can't be used\">wrong/order.test.yaml:3:5: error: ",
    ] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
    assert!(!xml.contains('\u{1b}'), "{xml}");
}

#[test]
fn the_examples_pass_their_tests_and_are_covered_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    stepwell(&root, &["test", "examples", "--coverage-min", "100"]).expect(0);
}
