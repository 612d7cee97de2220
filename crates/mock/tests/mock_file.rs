//! Mock files: what is read, and what is found wrong.

use stepwell_mock::{Answer, FAULTS_MAX, MockFile, Response};

const GOOD: &str = r#"{
  "StateMachines": {
    "Orders": {
      "TestCases": {
        "HappyPath": {"Charge": "Charged", "Ship": "Shipped"},
        "RetryPath": {"Charge": "ChargedLater"},
        "Nothing": {}
      }
    },
    "Other": {"TestCases": {}}
  },
  "MockedResponses": {
    "Charged": {"0": {"Return": {"StatusCode": 200, "Payload": {"amount": 12}}}},
    "Shipped": {"0-1": {"Return": null}},
    "ChargedLater": {
      "1-2": {"Throw": {"Error": "Busy", "Cause": "later"}},
      "0": {"Throw": {"Error": "Down", "Cause": ""}},
      "3": {"Return": "done"}
    },
    "Unused": {"0": {"Return": []}}
  }
}"#;

fn shown(response: Option<Response<'_>>) -> String {
    match response {
        None => "not mocked".to_owned(),
        Some(Response::Answer(Answer::Return(value))) => format!("returns {value}"),
        Some(Response::Answer(Answer::Throw { error, cause })) => format!("throws {error}: {cause}"),
        Some(Response::Exhausted { response, answers }) => format!("{response} ended after {answers}"),
    }
}

#[test]
fn an_invocation_gets_the_answer_of_its_number_or_range() {
    let file = MockFile::parse(GOOD).expect("the file has no faults");
    for (case, state, invocation, expected) in [
        ("HappyPath", "Charge", 0, r#"returns {"StatusCode":200,"Payload":{"amount":12}}"#),
        ("HappyPath", "Charge", 1, "Charged ended after 1"),
        ("HappyPath", "Ship", 1, "returns null"),
        ("HappyPath", "Ship", 2, "Shipped ended after 2"),
        ("HappyPath", "Other", 0, "not mocked"),
        ("RetryPath", "Charge", 0, "throws Down: "),
        ("RetryPath", "Charge", 1, "throws Busy: later"),
        ("RetryPath", "Charge", 2, "throws Busy: later"),
        ("RetryPath", "Charge", 3, "returns \"done\""),
        ("RetryPath", "Charge", u32::MAX, "ChargedLater ended after 4"),
        ("RetryPath", "Ship", 0, "not mocked"),
        ("Nothing", "Charge", 0, "not mocked"),
    ] {
        let found = file.case("Orders", case).expect("the case is there");
        assert_eq!(shown(found.response(state, invocation)), expected, "{case}, {state}, {invocation}");
    }
}

#[test]
fn a_case_that_is_not_there_is_told_with_the_nearest_name() {
    let file = MockFile::parse(GOOD).expect("the file has no faults");
    for (machine, case, expected) in [
        ("Order", "x", "the mock file has no state machine named 'Order' (did you mean 'Orders'?)"),
        ("Zzz", "x", "the mock file has no state machine named 'Zzz' (it has 'Orders', 'Other')"),
        (
            "Orders",
            "happypath",
            "the mock file has no test case 'happypath' for the state machine 'Orders' (did you mean \
             'HappyPath'?)",
        ),
        ("Other", "x", "the mock file has no test case 'x' for the state machine 'Other'"),
    ] {
        let error = file.find(machine, case).expect_err("there is no such case");
        assert_eq!(error.to_string(), expected);
    }
}

/// A file with this as its MockedResponses, and one case that refers to `R`.
fn with_responses(responses: &str) -> String {
    format!(
        "{{\"StateMachines\": {{\"M\": {{\"TestCases\": {{\"C\": {{\"S\": \"R\"}}}}}}}},\n\"MockedResponses\": {responses}}}"
    )
}

fn check_faults(text: &str, expected: &[&str]) {
    let faults = MockFile::parse(text).expect_err(text);
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, expected, "{text}");
}

#[test]
fn every_fault_is_found_with_its_place() {
    for (text, expected) in [
        ("[]", &["line 1, column 1: a mock file must be an object, but is an array"][..]),
        (" \n", &["line 1, column 1: the file is empty; a mock file is an object with 'StateMachines'"]),
        (
            "{",
            &[
                "line 1, column 2: Unexpected end-of-input: expected close marker for Object (start marker at line 1, \
               column 1)",
            ],
        ),
        ("{}", &["line 1, column 1: 'StateMachines' is missing"]),
        (
            "{\"StateMachine\": {}}",
            &[
                "line 1, column 1: 'StateMachines' is missing",
                "line 1, column 2 (/StateMachine): 'StateMachine' is not known here; did you mean \
                 'StateMachines'?",
            ],
        ),
        (
            "{\"StateMachines\": {\"A/b~c\": {}, \"D\": 1,\n \"D\": {\"TestCases\": {\"x\": {\"S\": 2}}}}}",
            &[
                "line 1, column 29 (/StateMachines/A~1b~0c): 'TestCases' is missing",
                "line 1, column 38 (/StateMachines/D): a state machine must be an object, but is a number",
                "line 2, column 2 (/StateMachines/D): 'D' is here twice",
                "line 2, column 33 (/StateMachines/D/TestCases/x/S): a state is given the name of one of the \
                 MockedResponses, a string, but this is a number",
            ],
        ),
    ] {
        check_faults(text, expected);
    }
    for (responses, expected) in [
        (
            r#"{"Rr": {"0": {"Return": 1}}}"#,
            &[
                "line 1, column 51 (/StateMachines/M/TestCases/C/S): MockedResponses has no 'R'; did you mean 'Rr'?",
            ][..],
        ),
        (
            r#"{"R": {}}"#,
            &[
                "line 2, column 26 (/MockedResponses/R): a mocked response must answer at least invocation \"0\"",
            ],
        ),
        (
            r#"{"R": {"1": {"Return": 1}, "5": {"Return": 1}}}"#,
            &[
                "line 2, column 27 (/MockedResponses/R/1): invocations are numbered from 0 without gaps, but \
                 nothing answers 0 before \"1\"",
                "line 2, column 47 (/MockedResponses/R/5): invocations are numbered from 0 without gaps, but \
                 nothing answers 2 to 4 before \"5\"",
            ],
        ),
        (
            r#"{"R": {"0-2": {"Return": 1}, "2": {"Return": 1}}}"#,
            &[
                "line 2, column 49 (/MockedResponses/R/2): invocation 2 is answered twice: by \"2\" and by a range \
               before it",
            ],
        ),
        (
            r#"{"R": {"a": {"Return": 1}, "2-1": {"Return": 1}, "-1": {"Return": 1}, "4294967296": {"Return": 1}}}"#,
            &[
                "line 2, column 27 (/MockedResponses/R/a): \"a\" is not an invocation number such as \"0\" or a \
                 range such as \"1-3\"",
                "line 2, column 47 (/MockedResponses/R/2-1): the range \"2-1\" ends before it begins",
                "line 2, column 69 (/MockedResponses/R/-1): \"-1\" is not an invocation number such as \"0\" or \
                 a range such as \"1-3\"",
                "line 2, column 90 (/MockedResponses/R/4294967296): \"4294967296\" is not an invocation number \
                 such as \"0\" or a range such as \"1-3\"",
            ],
        ),
        (
            r#"{"R": {"0": {}, "1": {"Return": 1, "Throw": {"Error": "E", "Cause": "C"}}, "2": 3, "3": {"return": 1}}}"#,
            &[
                "line 2, column 32 (/MockedResponses/R/0): an answer needs 'Return' or 'Throw'",
                "line 2, column 41 (/MockedResponses/R/1): an answer has either 'Return' or 'Throw', not both",
                "line 2, column 100 (/MockedResponses/R/2): an answer must be an object, but is a number",
                "line 2, column 108 (/MockedResponses/R/3): an answer needs 'Return' or 'Throw'",
                "line 2, column 109 (/MockedResponses/R/3/return): 'return' is not known here; did you mean \
                 'Return'?",
            ],
        ),
        (
            r#"{"R": {"0": {"Throw": {"Error": 1}}, "1": {"Throw": "E"}}}"#,
            &[
                "line 2, column 42 (/MockedResponses/R/0/Throw): 'Throw' needs 'Cause', a string",
                "line 2, column 52 (/MockedResponses/R/0/Throw/Error): 'Error' must be a string, but is a number",
                "line 2, column 72 (/MockedResponses/R/1/Throw): 'Throw' must be an object, but is a string",
            ],
        ),
    ] {
        check_faults(&with_responses(responses), expected);
    }
}

#[test]
fn a_text_that_is_not_json_is_told_so_and_nothing_else() {
    let faults = MockFile::parse("{\"StateMachines\": {\n  \"M\": }}").expect_err("it is not JSON");
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].line, faults[0].pointer.as_str()), (2, ""));
}

#[test]
fn the_number_of_faults_is_bounded() {
    let keys: Vec<String> = (0..1000).map(|number| format!("\"x{number}\": {{}}")).collect();
    let text = with_responses(&format!("{{\"R\": {{{}}}}}", keys.join(",")));
    assert_eq!(MockFile::parse(&text).expect_err("nothing in it is right").len(), FAULTS_MAX);
}
